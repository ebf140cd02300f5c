"""LoRA's layers with merged weights: the loss and the gradients that peft's own forward gives, and peft's own after."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from peft.tuners.lora import Linear
from transformers import LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM

from mapd.finetune import loss
from mapd.finetune.merged import merged_layers
from tests.finetune import tiny
from tests.finetune.test_loss import assert_equal, gradient

EXAMPLES = tiny.examples(5)


def llama() -> Any:
    torch.manual_seed(0)
    return LlamaForCausalLM(LlamaConfig(**tiny.SIZES, attention_bias=True, mlp_bias=True))


def qwen() -> Any:
    torch.manual_seed(0)
    return Qwen2ForCausalLM(Qwen2Config(**tiny.SIZES))


def learner(base: Any, **given: Any) -> Any:
    """The model with a random adapter, and random biases where it has any."""
    for name, parameter in base.named_parameters():
        if name.endswith("bias"):
            torch.nn.init.normal_(parameter)
    model = get_peft_model(base, LoraConfig(r=3, target_modules="all-linear", task_type="CAUSAL_LM", **given)).eval()
    for name, parameter in model.named_parameters():
        if "lora_" in name:
            torch.nn.init.normal_(parameter, std=0.1)  # with more, fp32 itself has no 5 digits
    return model


def changed(model: Any) -> list[Any]:
    """The layers that don't compute as peft has it."""
    return [layer for layer in model.modules() if isinstance(layer, Linear) and "forward" in vars(layer)]


@pytest.mark.parametrize("alpha", [0, 0.3, 1])
@pytest.mark.parametrize("base", [tiny.model, llama, qwen])
def test_equals_the_plain_two_passes_of_peft(base: Callable[[], Any], alpha: float) -> None:
    model = learner(base())
    assert_equal(model, EXAMPLES, alpha, tokens_at_once=150)
    with merged_layers(model):
        assert len(changed(model)) == 14  # all of two layers


@pytest.mark.parametrize("base", [llama, qwen])
def test_each_layer_equals_pefts_own(base: Callable[[], Any]) -> None:
    model = learner(base())
    for layer in (layer for layer in model.modules() if isinstance(layer, Linear)):
        x = torch.randn(2, 5, layer.in_features, requires_grad=True)
        weights = [layer.lora_A["default"].weight, layer.lora_B["default"].weight]
        own = layer(x)
        dy = torch.randn_like(own)
        expected = torch.autograd.grad(own, [x, *weights], dy)
        with merged_layers(model):
            found = layer(x)
            torch.testing.assert_close(torch.autograd.grad(found, [x, *weights], dy), expected, atol=1e-4, rtol=1e-5)
        torch.testing.assert_close(found, own, atol=1e-5, rtol=1e-5)


def test_a_changed_adapter_is_merged_anew() -> None:
    model = learner(tiny.model())
    loss.backward(model, EXAMPLES, 0.5)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.1 * parameter.grad if parameter.grad is not None else 0
    model.zero_grad()
    assert_equal(model, EXAMPLES, 0.5, tokens_at_once=1000)


def test_pefts_own_is_put_back_even_behind_a_failure() -> None:
    model = learner(tiny.model())
    attention = model.config._attn_implementation

    def fail(module: Any, inputs: Any) -> None:
        assert len(changed(model)) == 14
        raise MemoryError

    hook = model.get_output_embeddings().register_forward_pre_hook(fail)
    with pytest.raises(MemoryError):
        loss.backward(model, EXAMPLES, 0.5)
    hook.remove()
    for _ in range(2):
        assert not changed(model)
        assert model.config._attn_implementation == attention
        loss.backward(model, EXAMPLES, 0.5)


def dora() -> Any:
    return learner(tiny.model(), use_dora=True)


def with_bias() -> Any:
    return learner(llama(), lora_bias=True)


def with_dropout() -> Any:
    return learner(tiny.model(), lora_dropout=0.1)


def half() -> Any:
    return learner(tiny.model().to(torch.bfloat16))


def two_adapters() -> Any:
    model = learner(tiny.model())
    model.add_adapter("other", LoraConfig(r=2, target_modules="all-linear"))
    return model


def trained_base() -> Any:
    model = learner(tiny.model())
    for name, parameter in model.named_parameters():
        parameter.requires_grad_("embed" not in name and "lm_head" not in name)
    return model


def already_merged() -> Any:
    model = learner(tiny.model())
    model.merge_adapter()
    return model


@pytest.mark.parametrize(
    "made", [dora, with_bias, with_dropout, half, two_adapters, trained_base, already_merged, llama]
)
def test_what_is_more_than_a_plain_adapter_computes_as_before(made: Callable[[], PeftModel]) -> None:
    model = made()
    with merged_layers(model):
        assert not changed(model)


def test_a_scaling_of_its_own_is_kept() -> None:
    model = learner(tiny.model(), use_rslora=True, lora_alpha=5)
    assert_equal(model, EXAMPLES[:2], 0.5, tokens_at_once=1000)
    with merged_layers(model):
        assert len(changed(model)) == 14


def test_a_trained_base_learns_too() -> None:
    model = trained_base()
    loss.backward(model, EXAMPLES[:2], 0.5)
    assert model.base_model.model.model.layers[0].mlp.up_proj.base_layer.weight.grad.abs().sum() > 0
    assert gradient(model).isfinite().all()
