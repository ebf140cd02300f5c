"""Claim calls before they are sent, within the budget: decide which a run sends, and what becomes of the others.

    claim(session, run, exam_id, planned, Purse(budget=1.0))
    -> ClaimResult(purse, to_send=[PlannedCall("rationale", …), …], answered=[], elsewhere={"3f…": ForeignCall(…)})
    Purse(budget=1.0, spent=0.9, put_by=0.07).reserve(0.02)   -> True: it is put by until its cost is in the ledger

Both sums are of the whole exam, whichever run made the calls, so the budget holds over restarts and parallel runs.
It can't count what no reply told: a provider's charge for a try that broke off, or for calls in flight at a kill.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from sqlmodel import Session

from mapd.committee import ledger
from mapd.committee.plan import PlannedCall
from mapd.errors import BadInput, MapdError
from mapd.models.base import Completion, Finish, Message, Request
from mapd.store import claims
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


class ForeignCall(NamedTuple):
    """A call that another run has sent, and how many tries of it there were when that was first seen."""

    planned: PlannedCall
    tries: int


@dataclass(slots=True)
class ClaimResult:
    """The calls of one claim, by what becomes of them."""

    purse: Purse
    # Calls that this run sends.
    to_send: list[PlannedCall] = field(default_factory=list)
    # The ledger has their replies by now, and their rows are written.
    answered: list[PlannedCall] = field(default_factory=list)
    # Another run has sent them.
    elsewhere: dict[str, ForeignCall] = field(default_factory=dict)
    # Another run had sent them, and got no text.
    failed: list[PlannedCall] = field(default_factory=list)
    # The purse has no room for them.
    too_dear: list[PlannedCall] = field(default_factory=list)


def claim(
    session: Session,
    run: claims.ClaimHolder,
    exam_id: int,
    calls: Sequence[PlannedCall],
    purse: Purse,
    foreign: Mapping[str, ForeignCall],
) -> ClaimResult:
    """Claim the calls for this run, in order, as far as no other run has them and the purse has room.

    `foreign`: those of them that were another run's when they were last looked at.
    """
    # Under the lock of all runs: what is read below can't change before the claims are committed.
    claims.lock(session)
    tries = ledger.tries(session, {p.key for p in calls})
    has_reply = {key for key, of_key in tries.items() if any(x.outcome == Finish.OK for x in of_key)}
    claimed = ClaimResult(purse, answered=[p for p in calls if p.key in has_reply])
    ledger.reuse(session, claimed.answered)
    open_calls = [p for p in calls if p.key not in has_reply]
    free = claims.filter_free(session, run, {p.key for p in open_calls})
    # `but=free`: what this run has put by for these calls before is about to be put by anew.
    if purse.budget is not None:
        purse.spent = ledger.spent(session, exam_id)
        purse.put_by = claims.sum_in_flight(session, exam_id, excluded_keys=free)
    usd: dict[str, float] = {}
    for planned in open_calls:
        key, outcomes = planned.key, [x.outcome for x in tries.get(planned.key, ())]
        known_call = foreign.get(key, ForeignCall(planned, len(outcomes)))
        if key not in free:
            claimed.elsewhere[key] = known_call
        # The other run tried it since, and got no text. An unreadable first try is still to be asked once more.
        elif len(outcomes) > known_call.tries and outcomes[-1] != ledger.UNREADABLE:
            claimed.failed.append(planned)
        # Behind a call that doesn't fit, none is claimed: a cheaper one would otherwise overtake it for ever.
        elif claimed.too_dear or not purse.reserve(cost := worst_case_usd(planned.teacher, planned.request)):
            claimed.too_dear.append(planned)
        else:
            claimed.to_send.append(planned)
            usd[key] = cost
    claims.write_claims(session, run, usd, exam_id)
    return claimed
