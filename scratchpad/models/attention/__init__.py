"""Attention by the attention rule: the back-ends `dense` and `blocks`."""
