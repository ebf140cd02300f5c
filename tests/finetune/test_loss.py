"""The loss on packed rows is the plain two-pass loss, and so are its gradients."""

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.utils.rnn import pad_sequence
from transformers import MistralConfig, MistralForCausalLM

from mapd.finetune import loss
from mapd.finetune.examples import Example
from tests.finetune import tiny


def plain(model: Any, examples: Sequence[Example], alpha: float) -> tuple[float | None, float | None]:
    """The reference's way: one padded pass for each kind, transformers' own loss; adds the gradient of the whole."""
    kinds = {
        "rationale": (1 - alpha, [(e.prompt, e.rationale) for e in examples if e.rationale]),
        "feedback": (alpha, [(e.prompt + e.correction, e.feedback) for e in examples if e.feedback]),
    }
    losses: dict[str, float | None] = {}
    for kind, (weight, dialogues) in kinds.items():
        losses[kind] = None
        if weight and dialogues:
            ids = [torch.tensor(asked + said) for asked, said in dialogues]
            labels = [torch.tensor((-100,) * len(asked) + said) for asked, said in dialogues]
            mask = [torch.ones(len(one), dtype=torch.long) for one in ids]
            out = model(
                input_ids=pad_sequence(ids, batch_first=True),
                attention_mask=pad_sequence(mask, batch_first=True),
                labels=pad_sequence(labels, batch_first=True, padding_value=-100),
            )
            (weight * out.loss).backward()
            losses[kind] = out.loss.item()
    return losses["feedback"], losses["rationale"]


def gradient(model: Any) -> torch.Tensor:
    """All gradients as one vector, taken away from the model."""
    taken = torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])
    model.zero_grad()
    return taken


SIDES = ((0, "feedback"), (1, "rationale"))


def assert_equal(model: Any, examples: Sequence[Example], alpha: float, tokens_at_once: int) -> None:
    """Both losses and all gradients of the two ways, to 1e-5; large gradients to as many digits."""
    feedback, rationale = plain(model, examples, alpha)
    expected = gradient(model)
    found = loss.backward(model, examples, alpha, tokens_at_once)
    missing = [alpha == weight or not any(getattr(e, kind) for e in examples) for weight, kind in SIDES]
    assert [found.feedback is None, found.rationale is None] == missing
    assert found.feedback == pytest.approx(feedback, abs=1e-5)
    assert found.rationale == pytest.approx(rationale, abs=1e-5)
    torch.testing.assert_close(gradient(model), expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("alpha", [0, 0.3, 0.5, 1])
@pytest.mark.parametrize("tokens_at_once", [1, 150, 10_000])
def test_equals_the_plain_two_passes(alpha: float, tokens_at_once: int) -> None:
    assert_equal(tiny.model(), tiny.examples(9), alpha, tokens_at_once)


PART = st.lists(st.integers(3, 258), min_size=1, max_size=20).map(tuple)


@settings(max_examples=25, deadline=None)
@given(
    examples=st.lists(st.builds(Example, PART, PART, PART, PART), min_size=1, max_size=6),
    alpha=st.floats(0.01, 0.99),
    tokens_at_once=st.integers(1, 300),
)
def test_equals_the_plain_two_passes_whatever_the_lengths(
    examples: list[Example], alpha: float, tokens_at_once: int
) -> None:
    assert_equal(tiny.model(), examples, alpha, tokens_at_once)


BOTH = st.builds(Example, PART, PART, PART, PART)
ONE = BOTH.map(lambda e: e.weighted_by(0)) | BOTH.map(lambda e: e.weighted_by(1))


@settings(max_examples=40, deadline=None)
@given(
    examples=st.lists(BOTH | ONE, min_size=1, max_size=6),
    alpha=st.sampled_from([0.3, 0.5, 0.9]),
    tokens_at_once=st.integers(1, 300),
)
def test_a_pair_with_one_text_alone_adds_its_tokens_to_the_mean_of_their_kind(
    examples: list[Example], alpha: float, tokens_at_once: int
) -> None:
    assert_equal(tiny.model(), examples, alpha, tokens_at_once)


@pytest.mark.parametrize(("side", "share"), [(0, 0.7), (1, 0.3)])
def test_a_step_without_one_kind_has_the_rest_of_the_formula_not_scaled_up(side: int, share: float) -> None:
    model, examples = tiny.model(), [e.weighted_by(side) for e in tiny.examples(4)]
    loss.backward(model, examples, 0.3)
    mixed = gradient(model)
    loss.backward(model, examples, side)
    torch.testing.assert_close(mixed, share * gradient(model), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("alpha", [0, 0.5, 1])
def test_packing_is_tried_where_some_examples_have_one_dialogue(alpha: float) -> None:
    both, rationale, feedback = tiny.examples(3)
    examples = [both, rationale.weighted_by(0), feedback.weighted_by(1)]
    taught = [e for e in examples if alpha == 0.5 or e.weighted_by(alpha).feedback or e.weighted_by(alpha).rationale]
    for some in (taught, taught[:1], taught[1:], taught[-1:]):
        assert loss.can_pack(tiny.model(), some, alpha)
        dragging = tiny.model()
        dragging.model.layers[0].mlp.register_forward_hook(drag)
        assert not loss.can_pack(dragging, some, alpha)


def test_feedback_is_left_out_at_alpha_0() -> None:
    one = tiny.examples(1)[0]
    found = loss.backward(tiny.model(), [one], 0)
    assert found.tokens == len(one.prompt) + len(one.rationale)


@given(lengths=st.lists(st.integers(1, 60), max_size=20), tokens_at_once=st.integers(1, 200))
def test_micro_batches_hold_each_example_once_and_keep_the_limit(lengths: list[int], tokens_at_once: int) -> None:
    examples = [Example((3,) * length, (), (), ()) for length in lengths]
    groups = list(loss.micro_batches(examples, tokens_at_once))
    assert [one for group in groups for one in group] == examples
    assert all(len(group) == 1 or sum(map(len, group)) <= tokens_at_once for group in groups)


def test_a_row_holds_no_padding_and_goes_on_behind_each_prompt() -> None:
    row = loss.pack([Example((3, 4), (5, 6, 7), (8,), (9,)), Example((3,), (5,), (), ())])
    assert row.ids.tolist() == [[3, 4, 5, 6, 7, 8, 9, 3, 5]]
    assert row.positions.tolist() == [[0, 1, 2, 3, 4, 2, 3, 0, 1]]
    assert row.spans == ((0, 2, 5, 7), (7, 8, 9, 9))
    assert row.predicted_from.tolist() == [1, 2, 3, 5, 7]
    assert row.target.tolist() == [5, 6, 7, 9, 5]
    assert row.of_feedback.tolist() == [False, False, False, True, False]


def test_what_all_prompts_begin_with_is_read_once() -> None:
    row = loss.pack(
        [
            Example((3, 4, 5), (6,), (7,), (8,)),
            Example((3, 4, 9, 10), (6, 7), (8,), (9,)),
            Example((3, 4, 5), (7,), (), ()),
        ]
    )
    assert row.ids.tolist() == [[3, 4, 5, 6, 7, 8, 9, 10, 6, 7, 8, 9, 5, 7]]
    assert row.positions.tolist() == [[0, 1, 2, 3, 3, 4, 2, 3, 4, 5, 4, 5, 2, 3]]
    assert row.spans == ((2, 3, 4, 6), (6, 8, 10, 12), (12, 13, 14, 14))
    assert row.predicted_from.tolist() == [2, 4, 7, 8, 10, 12]
    # A prompt that is the beginning of all others keeps its last token.
    assert loss.pack([Example((3, 4), (5,), (), ()), Example((3, 4, 6), (5,), (), ())]).spans[0].start == 1


@pytest.mark.parametrize("alpha", [0, 0.5, 1])
@pytest.mark.parametrize("tokens_at_once", [150, 10_000])
def test_equals_the_plain_two_passes_where_prompts_begin_alike(alpha: float, tokens_at_once: int) -> None:
    shared = tuple(range(20, 33))
    examples = [replace(e, prompt=shared + e.prompt[:n]) for n, e in enumerate(tiny.examples(8), start=1)]
    assert_equal(tiny.model(), examples, alpha, tokens_at_once)
    assert loss.can_pack(tiny.model(), examples, alpha)


def test_the_head_is_computed_where_a_token_is_supervised_and_stays_as_it_was() -> None:
    model, one = tiny.model(), tiny.examples(1)[0]
    assert loss.token_losses(model, loss.pack([one])).shape == (len(one.rationale) + len(one.feedback),)
    ids = torch.tensor([one.prompt])
    assert model(input_ids=ids).logits.shape == (1, len(one.prompt), 259)


def test_the_models_own_attention_is_put_back_even_behind_a_failure() -> None:
    model = tiny.model()
    model.set_attn_implementation("eager")

    def fail(module: Any, inputs: Any) -> None:
        assert model.config._attn_implementation == loss.PACKED
        raise MemoryError

    hook = model.model.layers[1].register_forward_pre_hook(fail)
    with pytest.raises(MemoryError):
        loss.backward(model, tiny.examples(2), 0.5)
    assert model.config._attn_implementation == "eager"
    hook.remove()
    assert_equal(model, tiny.examples(2), 0.5, 1000)
    assert model.config._attn_implementation == "eager"


def drag(module: Any, inputs: Any, output: torch.Tensor) -> torch.Tensor:
    """As a recurrent layer does."""
    return output + output.cumsum(1)


@pytest.mark.parametrize("alpha", [0, 0.5, 1])
def test_a_model_that_looks_beyond_its_dialogue_is_found_out(alpha: float) -> None:
    model, examples = tiny.model(), tiny.examples(3)
    assert loss.can_pack(model, examples, alpha)
    assert loss.can_pack(model, examples[:1], alpha)
    model.model.layers[0].mlp.register_forward_hook(drag)
    assert not loss.can_pack(model, examples, alpha)
    assert not loss.can_pack(model, examples[:1], alpha)


@pytest.mark.parametrize("alpha", [0, 1])
def test_such_a_model_learns_its_dialogues_one_at_a_time(alpha: float) -> None:
    model = tiny.model()
    model.model.layers[0].mlp.register_forward_hook(drag)
    assert_equal(model, tiny.examples(3), alpha, tokens_at_once=1)


def test_a_model_that_attends_in_its_own_way_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    model, examples = tiny.model(), tiny.examples(2)
    monkeypatch.setattr(model, "set_attn_implementation", lambda _: None)  # attention by a class, chosen when made
    assert not loss.can_pack(model, examples, 0.5)
    assert loss.can_pack(model, examples, 0)  # transformers itself sees where positions begin anew


def test_a_window_of_attention_is_found_out_by_the_longest_example() -> None:
    config = MistralConfig(**tiny.SIZES, sliding_window=20)
    model = MistralForCausalLM(config).eval()
    short, long = Example((3, 4), (5, 6), (7,), (8,)), Example((3, 4, 5), tuple(range(6, 60)), (3, 4), (7,))
    assert loss.can_pack(model, [short], 0.5)
    assert not loss.can_pack(model, [short, long, short], 0.5)


def test_a_model_that_hands_nothing_on_to_its_attention_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    model, examples = tiny.model(), tiny.examples(2)
    inner = model.model.forward
    monkeypatch.setattr(model.model, "forward", lambda spans=None, **given: inner(**given))
    assert not loss.can_pack(model, examples, 0.5)


RANK = """
import sys
import torch
from mapd.finetune import loss
from tests.finetune import test_loss, tiny
rank, file = int(sys.argv[1]), sys.argv[2]
torch.distributed.init_process_group("gloo", init_method=f"file://{file}", rank=rank, world_size=2)
model = tiny.model()
found = loss.backward(model, tiny.examples(5), 0.5, 100)
torch.save((found.feedback, found.rationale, test_loss.gradient(model)), f"{file}.{rank}")
"""


def test_two_ranks_make_the_step_of_one(tmp_path: Path) -> None:
    file = tmp_path / "meet"
    root = Path(__file__).parents[2]
    started = [subprocess.Popen([sys.executable, "-c", RANK, str(r), str(file)], cwd=root) for r in (0, 1)]
    assert [process.wait(60) for process in started] == [0, 0]
    model = tiny.model()
    alone = loss.backward(model, tiny.examples(5), 0.5, 100)
    expected = gradient(model)
    for rank in (0, 1):
        feedback, rationale, found = torch.load(f"{file}.{rank}")
        assert (feedback, rationale) == pytest.approx((alone.feedback, alone.rationale), abs=1e-6)
        torch.testing.assert_close(found, expected, atol=1e-6, rtol=0)
