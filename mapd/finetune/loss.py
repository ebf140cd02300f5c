"""The joint loss of one optimizer step: L = alpha · L_feedback + (1 - alpha) · L_rationale.

L_feedback is the mean cross-entropy over all tokens of the step's feedback, L_rationale that over all tokens of its
rationales, whichever pairs they stand in: alpha weighs the two kinds, not the two texts of a pair. A pair that has one
of them alone adds its tokens to that mean, and nothing to the other. A step without any feedback has the rest of the
formula, (1 - alpha) · L_rationale, and one without any rationale alpha · L_feedback. Neither is scaled up: a text has
the weight that it has beside the other kind.

One row holds the mistakes of a micro-batch end to end, so nothing is padded, the prompt of a mistake is read once for
its two dialogues, and what all prompts begin with (the system message) once for all of them, as the root:

    row        root    | prompt  | rationale | correction feedback | prompt | rationale | …
    position   0 … s-1 | s … p-1 | p … p+r-1 | p … p+c+f-1         | s …      the feedback goes on behind the prompt
    sees                 root      + prompt    root, prompt, not the rationale; nothing of another mistake
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import torch
import torch.distributed as ranks
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional
from transformers import AttentionInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward

from mapd.finetune.examples import Example
from mapd.finetune.merged import merged_layers

# Tokens of a micro-batch: it bounds the memory of a step, and changes no gradient.
TOKENS_AT_ONCE = 1024
# The name by which transformers knows the attention below.
PACKED = "mapd_packed"


@dataclass(frozen=True, slots=True)
class Losses:
    """The two losses of a step, None where nothing of the kind was taught, and the tokens of its dialogues."""

    feedback: float | None
    rationale: float | None
    tokens: int


class ExampleSpan(NamedTuple):
    """The position of an example in its row: where it starts, and where each of its parts ends. The first of a row
    starts behind the root, which belongs to all."""

    start: int
    prompt: int
    # The lead lies within it. Where the example is one dialogue only, this is the example's end.
    rationale: int
    end: int


@dataclass(frozen=True, slots=True)
class PackedRow:
    """A micro-batch: its examples in one row of token ids."""

    ids: Tensor  # (1, length)
    positions: Tensor  # (1, length)
    spans: tuple[ExampleSpan, ...]
    # (supervised,) the index of the token before each supervised one.
    predicted_from: Tensor
    target: Tensor  # (supervised,) those tokens
    # (supervised,) whether each belongs to the feedback.
    of_feedback: Tensor

    @property
    def is_plain(self) -> bool:
        """Return whether it is one dialogue alone."""
        return len(self.spans) == 1 and self.spans[0].rationale == self.spans[0].end


def backward(model: Any, examples: Sequence[Example], alpha: float, tokens_at_once: int = TOKENS_AT_ONCE) -> Losses:
    """Add the gradient of the step's loss to the parameters of `model`, a causal language model of transformers."""
    with merged_layers(model):
        losses = _add_up(model, examples, alpha, tokens_at_once, with_gradient=True)
    if ranks.is_initialized():
        _add_gradients_over_ranks(model)
    return losses


@torch.no_grad()
def evaluate(model: Any, examples: Sequence[Example], alpha: float, tokens_at_once: int = TOKENS_AT_ONCE) -> Losses:
    """Return the losses of these examples, as `backward` would; nothing is learned."""
    with merged_layers(model):
        return _add_up(model, examples, alpha, tokens_at_once, with_gradient=False)


def _add_up(
    model: Any, examples: Sequence[Example], alpha: float, tokens_at_once: int, *, with_gradient: bool
) -> Losses:
    taught = [example.weighted_by(alpha) for example in examples]
    counts = torch.tensor([sum(len(e.rationale) for e in taught), sum(len(e.feedback) for e in taught)])
    # Each rank takes every n-th example, but all ranks count all tokens: the weights must be those of the whole step.
    share = taught[ranks.get_rank() :: ranks.get_world_size()] if ranks.is_initialized() else taught
    # Each loss is a mean over the supervised tokens of its kind in the step: dividing here, before the sum, makes the
    # gradient the same however the step is cut into micro-batches. A kind without tokens must not divide by 0.
    weights = torch.tensor([1 - alpha, alpha]) / counts.clamp(min=1)
    sums = torch.zeros(2)
    for micro_batch in micro_batches(share, tokens_at_once):
        row = pack(micro_batch, model.device)
        # Around the gradient, too: a checkpointed layer attends again where its gradient is computed.
        with _attention_of(model, row):
            losses = token_losses(model, row)
            of_feedback = row.of_feedback
            if with_gradient:
                # False is 0, the rationale's weight; True is 1, the feedback's.
                torch.autograd.backward((losses * weights.to(losses.device)[of_feedback.long()]).sum())
        detached = losses.detach()
        sums += torch.stack([detached[~of_feedback].sum(), detached[of_feedback].sum()]).cpu()
    if ranks.is_initialized():
        ranks.all_reduce(sums)
    rationale, feedback = (None if n == 0 else float(s / n) for s, n in zip(sums, counts, strict=True))
    return Losses(feedback, rationale, sum(map(len, taught)))


def micro_batches(examples: Sequence[Example], tokens_at_once: int) -> Iterator[list[Example]]:
    """Yield the examples in groups of at most so many tokens (or of one example)."""
    # An example is never cut: one that is longer than the limit goes alone.
    group: list[Example] = []
    for example in examples:
        if group and sum(map(len, group)) + len(example) > tokens_at_once:
            yield group
            group = []
        group.append(example)
    if group:
        yield group


def pack(examples: Sequence[Example], device: Any = "cpu") -> PackedRow:
    """Return the examples end to end, behind the root of their prompts."""
    root = _count_root(examples)
    ids = list(examples[0].prompt[:root])
    positions = list(range(root))
    spans: list[ExampleSpan] = []
    predicted_from: list[int] = []
    target: list[int] = []
    of_feedback: list[bool] = []
    for example in examples:
        start, prompt = len(ids), len(ids) + len(example.prompt) - root
        rationale = prompt + len(example.lead) + len(example.rationale)
        # Prompt and lead are in the row and supervise nothing.
        ids += [*example.prompt[root:], *example.lead, *example.rationale, *example.correction, *example.feedback]
        # The feedback's dialogue goes on behind the prompt, as if the rationale were not there.
        behind = len(example.prompt)
        positions += [*range(root, root + rationale - start), *range(behind, behind + len(ids) - rationale)]
        spans.append(
            ExampleSpan(start, prompt, rationale if example.rationale and example.feedback else len(ids), len(ids))
        )
        starts = (prompt + len(example.lead), rationale + len(example.correction))
        for first, part, feedback in zip(starts, (example.rationale, example.feedback), (False, True), strict=True):
            # A token is predicted from the one before it.
            predicted_from += range(first - 1, first - 1 + len(part))
            target += part
            of_feedback += [feedback] * len(part)
    return PackedRow(
        torch.tensor([ids], device=device),
        torch.tensor([positions], device=device),
        tuple(spans),
        torch.tensor(predicted_from, device=device),
        torch.tensor(target, device=device),
        torch.tensor(of_feedback, device=device),
    )


def _count_root(examples: Sequence[Example]) -> int:
    """Return how many tokens all prompts begin with. A prompt keeps one of its own: the next is predicted from it."""
    prompts = [example.prompt for example in examples]
    most = max(0, min(map(len, prompts)) - 1) if len(prompts) > 1 else 0
    # Whatever differs among all differs between the least and the greatest.
    first, last = min(prompts), max(prompts)
    return next((place for place in range(most) if first[place] != last[place]), most)


def token_losses(model: Any, row: PackedRow) -> Tensor:
    """Return the cross-entropy of each supervised token, (supervised,)."""
    # The head is a vocabulary wide: it is computed where a token is supervised, and nowhere else.
    with _head_only_at(model, row.predicted_from), _attention_of(model, row):
        options = {} if row.is_plain else {"position_ids": row.positions, "spans": row.spans}
        logits = model(input_ids=row.ids, use_cache=False, **options).logits  # (supervised, vocabulary)
    # In half precision a sum over the vocabulary would lose too many digits.
    return _CrossEntropy.apply(logits.float(), row.target)  # type: ignore[no-any-return, no-untyped-call]


@torch.no_grad()
def can_pack(model: Any, examples: Sequence[Example], alpha: float) -> bool:
    """Return whether the dialogues of a row cost what each costs alone.

    Not so where a layer carries more than plain attention from token to token, and where the model computes its
    attention without asking transformers for it.
    """
    # The longest example goes beyond a sliding window, if the model has one; the shortest makes it a row of two.
    taught = [example.weighted_by(alpha) for example in examples]
    tried = [max(taught, key=len), min(taught, key=len)]
    # Where these have one dialogue each, one with both shows whether they keep apart.
    if not any(example.has_both for example in tried):
        tried += [max(both, key=len)] if (both := [example for example in taught if example.has_both]) else []
    dialogues = [dialogue for example in tried for dialogue in example.dialogues]
    reference = torch.cat([token_losses(model, pack([example], model.device)) for example in dialogues])
    try:
        packed = token_losses(model, pack(tried, model.device))
    # The model doesn't hand the spans on, or attends in a way that plain attention can't.
    except (TypeError, ValueError):
        return False
    # Half precision rounds more: there the two may differ in a loss's second digit.
    allowed = 1e-3 if model.dtype == torch.float32 else 5e-2
    return bool((packed - reference).abs().mean() < allowed)


def _attend(
    module: Any,
    # (1, heads, length, width), and fewer heads for keys and values.
    query: Tensor,
    key: Tensor,
    value: Tensor,
    # A mask; transformers makes none for an attention that it does not know.
    _: Tensor | None,
    *,
    spans: Sequence[ExampleSpan],
    **options: Any,
) -> tuple[Tensor, None]:
    """Return a packed row's attention, dialogue by dialogue: only tokens that see each other are computed."""
    root = spans[0].start
    sizes = [root, *(end - start for span in spans for start, end in pairwise(span))]
    # Split, not sliced: a slice's gradient is a whole row of zeros. Of each part the query, key and value.
    parts = zip(*(torch.split(part, sizes, dim=2) for part in (query, key, value)), strict=True)

    root_part, outputs = next(parts), []
    for number, (start, prompt, rationale, end) in enumerate(spans):
        prompt_part, rationale_part, feedback_part = [next(parts) for _ in range(3)]
        q, k, v = _join(root_part, prompt_part, rationale_part)
        # Without a mask it is causal. The root asks along each time: that costs less than a mask.
        output = sdpa_attention_forward(module, q, k, v, None, **options)[0]
        outputs.append(output[:, root:] if number else output)
        if rationale < end:
            q, k, v = _join(root_part, prompt_part, feedback_part)
            outputs.append(_attend_behind(root + prompt - start, module, q, k, v, options))
    return torch.cat(outputs, dim=1), None  # (1, length, heads, width)


def _join(*parts: tuple[Tensor, ...]) -> list[Tensor]:
    """Return the query, key and value of a dialogue from those of its parts."""
    return [torch.cat(tensors, dim=2) for tensors in zip(*parts, strict=True)]


def _attend_behind(shared: int, module: Any, q: Tensor, k: Tensor, v: Tensor, options: dict[str, Any]) -> Tensor:
    """Return a dialogue's attention behind its first `shared` tokens, (1, length, heads, width)."""
    # A GPU has its fastest kernel where there is no mask: what is shared asks along there.
    if q.device.type != "cpu":
        return sdpa_attention_forward(module, q, k, v, None, **options)[0][:, shared:]
    # The feedback sees the whole prompt and its own past; the rationale isn't among the keys.
    mask = q.new_full((q.shape[2] - shared, q.shape[2]), -torch.inf).triu(shared + 1)
    scale, gqa = options.get("scaling"), {"enable_gqa": q.shape[1] != k.shape[1]}
    output = functional.scaled_dot_product_attention(q[:, :, shared:], k, v, mask, scale=scale, **gqa)
    return output.transpose(1, 2)


AttentionInterface.register(PACKED, _attend)


@contextmanager
def _attention_of(model: Any, row: PackedRow) -> Iterator[None]:
    # One dialogue alone goes through the model's own attention, whatever kind that is.
    if row.is_plain:
        yield
        return
    # The setting is the model's own, so it is put back, also behind an error.
    usual = model.config._attn_implementation
    model.set_attn_implementation(PACKED)
    try:
        yield
    finally:
        model.set_attn_implementation(usual)


class _CrossEntropy(torch.autograd.Function):
    """Compute torch's cross-entropy, with the gradient made in the place of the log-probabilities."""

    # (supervised, vocabulary) is the largest tensor of a step: a second one of its size would be the peak of memory.

    @staticmethod
    def forward(ctx: Any, logits: Tensor, target: Tensor) -> Tensor:
        """Return the losses: (supervised, vocabulary), (supervised,) -> (supervised,)."""
        log_p = functional.log_softmax(logits, dim=-1)
        ctx.save_for_backward(log_p, target)
        return -log_p.gather(1, target[:, None])[:, 0]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        """Return the gradient: p - 1 at the target, p elsewhere."""
        log_p, target = ctx.saved_tensors
        # In place: nobody needs the log-probabilities any more.
        p = log_p.exp_()
        p[torch.arange(len(target), device=target.device), target] -= 1
        return p.mul_(grad[:, None]), None


@contextmanager
def _head_only_at(model: Any, places: Tensor) -> Iterator[None]:
    """Compute the output head at these places of the row alone; what a model does behind its head stays."""
    head = model.get_output_embeddings()
    hook = head.register_forward_pre_hook(lambda _, hidden: (hidden[0][0, places],))
    try:
        yield
    finally:
        hook.remove()


def _add_gradients_over_ranks(model: Any) -> None:
    """Sum the gradients over all ranks; each has that of its share."""
    # Summed, not averaged: `weights` has divided by the counts of the whole step already.
    for parameter in model.parameters():
        if parameter.requires_grad:
            # A rank without an example has no gradient yet, and must take part all the same, or the others wait.
            parameter.grad = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
            ranks.all_reduce(parameter.grad)
