"""The same weights in transformers' GPT-2: the independent reference of the model."""

from __future__ import annotations

import torch
from torch import Tensor
from transformers import GPT2Config, GPT2LMHeadModel

from scratchpad.models.transformer import Transformer

_LAYER = {
    "attention_norm": "ln_1",
    "attention_in": "attn.c_attn",
    "attention_out": "attn.c_proj",
    "mlp_norm": "ln_2",
    "mlp_in": "mlp.c_fc",
    "mlp_out": "mlp.c_proj",
}
_WHOLE = {"embedding": "wte", "position_embedding": "wpe", "norm": "ln_f"}


def _theirs(name: str) -> str:
    """The name that a parameter of ours has in transformers."""
    module, kind = name.rsplit(".", 1)
    if module in _WHOLE:
        return f"transformer.{_WHOLE[module]}.{kind}"
    _, layer, part = module.split(".")
    return f"transformer.h.{layer}.{_LAYER[part]}.{kind}"


def _turned(name: str, value: Tensor) -> Tensor:
    """GPT-2 keeps the matrices of its layers as (in, out), torch's Linear as (out, in)."""
    return value.T if name.startswith("layers") and value.dim() == 2 else value


def as_gpt2(model: Transformer) -> GPT2LMHeadModel:
    """A GPT-2 without dropout with the weights of a model that has biases and learned positions."""
    config = model.config
    assert config.bias
    assert config.context is not None
    reference = GPT2LMHeadModel(
        GPT2Config(
            vocab_size=model.embedding.num_embeddings,
            n_positions=config.context,
            n_embd=config.width,
            n_layer=config.layers,
            n_head=config.heads,
            activation_function={"tanh": "gelu_new", "exact": "gelu"}[config.gelu],
            resid_pdrop=0.0,
            embd_pdrop=0.0,
            attn_pdrop=0.0,
            bos_token_id=0,
            eos_token_id=0,
        )
    )
    reference.set_attn_implementation("eager")
    reference.type(model.embedding.weight.dtype)
    parameters = dict(reference.named_parameters())
    with torch.no_grad():
        for name, value in model.named_parameters():
            parameters.pop(_theirs(name)).copy_(_turned(name, value))
    assert not parameters, f"weights that nothing was copied to: {list(parameters)}"
    return reference.eval()


def gradients_of(reference: GPT2LMHeadModel, model: Transformer) -> dict[str, Tensor]:
    """The reference's gradients after a backward pass, under the names and in the shapes of ours."""
    parameters = dict(reference.named_parameters())
    found = {name: parameters[_theirs(name)].grad for name, _ in model.named_parameters()}
    return {name: _turned(name, value) for name, value in found.items() if value is not None}
