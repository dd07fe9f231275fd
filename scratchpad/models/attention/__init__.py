"""Attention by the rule: the back-ends `dense` and `blocks`."""
