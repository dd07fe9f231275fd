"""The attention back-ends `dense` and `blocks`, which apply the attention rule."""
