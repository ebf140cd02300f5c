"""L = alpha · L_feedback + (1 - alpha) · L_rationale over one optimizer step.

Each loss is the mean cross-entropy over its supervised tokens of the whole step: all micro-batches, all ranks. Prompts
and padding teach nothing. One row holds a mistake, so that its prompt is read once for two dialogues:

    row        prompt | rationale | correction feedback | padding
    position   0 … p-1| p … p+r-1 | p … p+c+f-1         |           the feedback goes on behind the prompt
    sees                prompt      prompt, not rationale

and the head, a vocabulary wide, is computed where a token is supervised and nowhere else.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as ranks
from torch import Tensor
from torch.nn import functional

from mapd.finetune.examples import Example

TOKENS_AT_ONCE = 1024  # of a micro-batch, padding included


@dataclass(frozen=True, slots=True)
class Losses:
    """The two losses of a step, None where nothing of the kind was taught, and the tokens of its dialogues."""

    feedback: float | None
    rationale: float | None
    tokens: int


@dataclass(frozen=True, slots=True)
class Rows:
    """A micro-batch of n rows, of the longest one's length."""

    ids: Tensor  # (n, length)
    positions: Tensor  # (n, length)
    mask: Tensor | None  # (n, 1, length, length), 0 or -inf; none where each row is one dialogue
    before: Tensor  # (supervised,) the places in the flattened rows from which a supervised token is predicted
    target: Tensor  # (supervised,) those tokens
    of_feedback: Tensor  # (supervised,) whether each is of the feedback


def backward(model: Any, examples: Sequence[Example], alpha: float, tokens_at_once: int = TOKENS_AT_ONCE) -> Losses:
    """Add the gradient of the step's loss to the model's parameters. Several ranks each take their share of the step.

    `model` is a causal language model of transformers, with or without an adapter.
    """
    taught = [example.taught(alpha) for example in examples]
    counts = torch.tensor([sum(len(e.rationale) for e in taught), sum(len(e.feedback) for e in taught)])
    mine = taught[ranks.get_rank() :: ranks.get_world_size()] if ranks.is_initialized() else taught
    weights = torch.tensor([1 - alpha, alpha]) / counts.clamp(min=1)
    sums = torch.zeros(2)
    for some in micro_batches(mine, tokens_at_once):
        rows = collate(some, model.device)
        losses = token_losses(model, rows)
        of_feedback = rows.of_feedback
        torch.autograd.backward((losses * weights.to(losses.device)[of_feedback.long()]).sum())
        each = losses.detach()
        sums += torch.stack([each[~of_feedback].sum(), each[of_feedback].sum()]).cpu()
    if ranks.is_initialized():
        _add_over_ranks(model, sums)
    rationale, feedback = (None if n == 0 else float(s / n) for s, n in zip(sums, counts, strict=True))
    return Losses(feedback, rationale, sum(map(len, taught)))


def micro_batches(examples: Sequence[Example], tokens_at_once: int) -> Iterator[list[Example]]:
    """The examples by length, so that little is padded, in groups of at most so many tokens (or of one example)."""
    group: list[Example] = []
    for one in sorted(examples, key=len):
        if group and (len(group) + 1) * len(one) > tokens_at_once:
            yield group
            group = []
        group.append(one)
    if group:
        yield group


def collate(examples: Sequence[Example], device: Any = "cpu") -> Rows:
    """The examples as rows with a shared prompt."""
    n, length = len(examples), max(map(len, examples))
    ids = torch.zeros(n, length, dtype=torch.long)  # padding is behind all that sees, so any token will do
    positions = torch.arange(length).repeat(n, 1)
    sees = torch.ones(length, length, dtype=torch.bool).tril().repeat(n, 1, 1)
    before: list[int] = []
    target: list[int] = []
    of_feedback: list[bool] = []
    for row, one in enumerate(examples):
        tokens = [*one.prompt, *one.rationale, *one.correction, *one.feedback]
        prompt, branch = len(one.prompt), len(one.prompt) + len(one.rationale)
        ids[row, : len(tokens)] = torch.tensor(tokens)
        positions[row, branch:] -= len(one.rationale)
        sees[row, branch:, prompt:branch] = False
        starts = (prompt, branch + len(one.correction))
        for start, part, feedback in zip(starts, (one.rationale, one.feedback), (False, True), strict=True):
            before += range(row * length + start - 1, row * length + start - 1 + len(part))
            target += part
            of_feedback += [feedback] * len(part)
    mask = None
    if any(one.rationale and one.feedback for one in examples):  # else it is the causal mask, which needs none
        mask = torch.zeros(n, 1, length, length).masked_fill(~sees[:, None], -torch.inf).to(device)
    return Rows(
        ids.to(device),
        positions.to(device),
        mask,
        torch.tensor(before, device=device),
        torch.tensor(target, device=device),
        torch.tensor(of_feedback, device=device),
    )


def token_losses(model: Any, rows: Rows) -> Tensor:
    """The cross-entropy of each supervised token, (supervised,)."""
    given = {} if rows.mask is None else {"attention_mask": rows.mask.to(model.dtype), "position_ids": rows.positions}
    with _head_only_at(model, rows.before):
        logits = model(input_ids=rows.ids, use_cache=False, **given).logits  # (supervised, vocabulary)
    return functional.cross_entropy(logits.float(), rows.target, reduction="none")


@torch.no_grad()
def shares_prompts(model: Any, example: Example) -> bool:
    """Whether both dialogues of a shared row cost what they cost alone. Not so where a layer looks beyond the mask."""
    together = token_losses(model, collate([example], model.device))
    alone = [token_losses(model, collate([example.taught(alpha)], model.device)) for alpha in (0, 1)]
    allowed = 1e-3 if model.dtype == torch.float32 else 5e-2
    return bool((together - torch.cat(alone)).abs().mean() < allowed)


@contextmanager
def _head_only_at(model: Any, places: Tensor) -> Iterator[None]:
    """The output head sees the given places of the flattened rows alone; what a model does behind its head stays."""
    head = model.get_output_embeddings()
    hook = head.register_forward_pre_hook(lambda _, hidden: (hidden[0].flatten(0, 1)[places],))
    try:
        yield
    finally:
        hook.remove()


def _add_over_ranks(model: Any, sums: Tensor) -> None:
    """Each rank has the gradient of its share: their sum is that of the step."""
    ranks.all_reduce(sums)
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.grad = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
            ranks.all_reduce(parameter.grad)
