"""A lean decoder-only Transformer and the attention back-ends that apply the rule."""
