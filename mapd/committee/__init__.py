"""Mistakes x teachers -> feedback, rationales, reviews (paper, section 3.2-3.3).

    collect(engine, exam="5e…", teachers=["rowan", "brook", "ash"], models={…}, by=owner("ann"))
        -> CollectResult(feedback=432, rationales=432, reviews=864, no_vote=2, calls_made=1728, calls_reused=0,
                         failed=0, spent_usd=0.83, not_made=0)

`plan.py` lists the calls, `estimate.py` their cost; `claiming.py` decides which of them this run sends, within
`budget.py`; `collecting.py` begins a `run.py`, all teachers' `streams.py` at once; `ledger.py` writes the replies,
`faults.py` counts those without a text, and `again.py` plans a further start.
"""

from mapd.committee.again import Retry, plan_retry
from mapd.committee.budget import check_budget
from mapd.committee.collecting import collect, count_calls
from mapd.committee.estimate import Estimate, TeacherEstimate, calls_in_words, not_sent_in_words
from mapd.committee.estimate import estimate_calls as estimate
from mapd.committee.faults import FailureReason, stops
from mapd.committee.run import AWAIT_S
from mapd.committee.streams import CollectResult, CommitteeProgress

__all__ = [
    "AWAIT_S",
    "CollectResult",
    "CommitteeProgress",
    "Estimate",
    "FailureReason",
    "Retry",
    "TeacherEstimate",
    "calls_in_words",
    "check_budget",
    "collect",
    "count_calls",
    "estimate",
    "not_sent_in_words",
    "plan_retry",
    "stops",
]
