"""The budget of an exam's committee, in US dollars: a call is sent only if its worst case still fits in.

    purse = Purse(budget=1.0, spent=0.9, put_by=0.07)
    purse.reserve(0.02)       -> True: its worst case is put by until its cost is in the ledger
    purse.reserve(0.02)       -> False: what is spent, what is put by and this one may come to more than 1.0

Both sums are of the whole exam, whichever run made the calls, so the budget holds over restarts and parallel runs.
It can't count what no reply told: a provider's charge for a try that broke off, or for calls in flight at a kill.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from mapd.errors import BadInput, MapdError
from mapd.models.base import Completion, Finish, Message, Request
from mapd.store import tables as t
from mapd.teacher_prices import Price, cost_usd, price


@dataclass
class Purse:
    """A budget: the part that is spent, the part put by for calls in flight, and the rest. None has no limit."""

    budget: float | None
    spent: float = 0.0
    put_by: float = 0.0

    def reserve(self, usd: float) -> bool:
        """Put a call's worst case by; return False where it doesn't fit in."""
        # A free call always fits, also where the budget was lowered below what is spent.
        if usd and self.budget is not None and self.spent + self.put_by + usd > self.budget:
            return False
        self.put_by += usd
        return True


def check_token_counts(teacher: t.Teacher, completion: Completion) -> MapdError | None:
    """Return what is wrong with a reply that cost something and doesn't say how much; None where nothing is."""
    tells = completion.tokens_in is not None and completion.tokens_out is not None
    if tells or completion.finish is Finish.FAILED or cost_usd(teacher, 1, 1) is None:
        return None
    return MapdError(
        f"teacher {teacher.name} doesn't tell how many tokens a call took, so no budget can hold it; what came is "
        "kept: start again without a budget, or with --unknown-price, and its calls count as nothing"
    )


def worst_case_usd(teacher: t.Teacher, request: Request) -> float:
    """Return the most that a call may cost, at a token a byte and the longest reply; 0 where no price is known."""
    return cost_usd(teacher, count_bytes(request.messages), request.sampling.max_tokens) or 0.0


def count_bytes(messages: Sequence[Message]) -> int:
    """Return a prompt's bytes. A token has several, so there is room for those that a chat template adds."""
    return sum(len(message.content.encode()) for message in messages)


def check_budget(teachers: Sequence[t.Teacher], budget: float | None, unknown_price: bool) -> None:
    """Refuse a budget that is no amount, and unknown prices without a yes to them. Raises: BadInput."""
    if budget is not None and not (math.isfinite(budget) and budget >= 0):
        raise BadInput(f"a budget is an amount in US dollars, 0 or more, not {budget}")
    unknown = [f"{x.name} ({x.model} at {x.base_url or x.kind})" for x in teachers if price(x) is Price.UNKNOWN]
    if unknown and not unknown_price:
        raise BadInput(
            f"nobody knows the price of {', '.join(unknown)}, so nothing was sent: state it with `mapd teachers add … "
            "--price-in USD --price-out USD`, or say yes to that with --unknown-price, on the page with its box"
        )


@dataclass(frozen=True, slots=True)
class RunLimits:
    """The limits of a run. Raises: BadInput where nothing may be in flight."""

    concurrency: int | None
    budget: float | None
    unknown_price: bool

    def __post_init__(self) -> None:
        if self.concurrency is not None and self.concurrency < 1:
            raise BadInput(f"at least 1 request must be in flight, not {self.concurrency}")
