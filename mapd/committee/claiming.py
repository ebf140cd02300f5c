"""Claim calls before they are sent: decide which of them this run sends, and say what becomes of the others.

claim(session, run, exam_id, planned, Purse(budget=1.0))
-> ClaimResult(purse, to_send=[PlannedCall("rationale", …), …], answered=[], elsewhere={"3f…": ForeignCall(…)})
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from sqlmodel import Session

from mapd.committee import ledger
from mapd.committee.budget import Purse, worst_case_usd
from mapd.committee.plan import PlannedCall
from mapd.models.base import Finish
from mapd.store import claims


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
    open_keys = {p.key for p in open_calls}
    free = claims.filter_free(session, run, open_keys)
    # `but=free`: what this run has put by for these calls before is about to be put by anew.
    if purse.budget is not None:
        purse.spent, purse.put_by = (
            ledger.spent(session, exam_id),
            claims.sum_in_flight(session, exam_id, excluded_keys=free),
        )
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
