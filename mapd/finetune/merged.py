"""LoRA's linear layers as one product: y = x·Mᵀ + bias with M = W + s·B·A, made once for a whole step.

peft computes x·Wᵀ + s·(x·Aᵀ)·Bᵀ at every call, and the two thin products with the copies of y between them cost a good
part of what the wide one costs. The function is the same here, and so are the gradients:

    dx = dy·M          dA = (s·dy·B)ᵀ·x          dB = s·dyᵀ·(x·Aᵀ)

While it lasts it takes a second copy of the layers' weights, 420 MB for SmolLM2-135M.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from peft.tuners.lora import Linear
from torch import Tensor
from torch.nn import functional


@contextmanager
def merged_layers(model: Any) -> Iterator[None]:
    """Let the model's LoRA layers compute with merged weights, while no weight changes.

    A layer that is more than a frozen linear layer with one plain adapter in single precision (DoRA, dropout, bf16, …)
    computes as peft has it.
    """
    layers: list[Any] = [layer for layer in model.modules() if type(layer) is Linear and _is_plain(layer)]
    try:
        for layer in layers:
            # An attribute of the instance hides the class's method until it is popped below.
            layer.forward = _forward_of(layer)
        yield
    finally:
        for layer in layers:
            vars(layer).pop("forward", None)


def _is_plain(layer: Any) -> bool:
    if type(layer.base_layer) is not torch.nn.Linear or layer.merged or layer.disable_adapters or layer.lora_variant:
        return False
    if layer.active_adapters != [*layer.lora_A] or len(layer.lora_A) != 1:
        return False
    (name,) = layer.active_adapters
    a, b = layer.lora_A[name], layer.lora_B[name]
    return (
        # In bf16 a small B·A would be lost when it is added to W.
        {layer.base_layer.weight.dtype, a.weight.dtype, b.weight.dtype} == {torch.float32}
        and not any(parameter.requires_grad for parameter in layer.base_layer.parameters())
        and b.bias is None
        and type(layer.lora_dropout[name]) is torch.nn.Identity
        and "forward" not in vars(layer)
    )


@torch.no_grad()
def _forward_of(layer: Any) -> Callable[[Tensor], Tensor]:
    (name,) = layer.active_adapters
    a, b, scaling = layer.lora_A[name].weight, layer.lora_B[name].weight, layer.scaling[name]
    weight, bias = torch.addmm(layer.base_layer.weight, b, a, alpha=scaling), layer.base_layer.bias

    def forward(x: Tensor) -> Tensor:
        return _Merged.apply(x, weight, bias, a, b, scaling)  # type: ignore[no-any-return, no-untyped-call]

    return forward


class _Merged(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, a: Tensor, b: Tensor, scaling: float
    ) -> Tensor:
        """Return the layer's output, […, in] -> […, out]."""
        ctx.save_for_backward(x, weight, a, b)
        ctx.scaling = scaling
        return functional.linear(x, weight, bias)

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients of x, A and B."""
        x, weight, a, b = ctx.saved_tensors
        # The first layer's input is the embedding, which isn't trained: nobody needs its gradient.
        dx = dy @ weight if ctx.needs_input_grad[0] else None
        x, dy = x.flatten(0, -2), dy.flatten(0, -2)
        # Thin products for A and B. W is not trained, so the wide dyᵀ·x is never made.
        da = (dy @ b * ctx.scaling).T @ x
        # Written so that the long side of dy is read row by row: nearly twice as fast as dyᵀ·(x·Aᵀ).
        db = ((x @ a.T).T @ dy).T * ctx.scaling
        return dx, None, None, da, db, None
