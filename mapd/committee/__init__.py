"""Mistakes x teachers -> feedback, rationales, reviews (paper, section 3.2-3.3).

    collect(engine, exam="5e…", teachers=["rowan", "brook", "ash"], models={…}, by="ann")
        -> Collected(feedback=432, rationales=432, reviews=864, no_vote=2, calls_made=1728, calls_reused=0, failed=0)

`plan.py` says which calls there are, `ledger.py` writes what came back, `collecting.py` runs both at once.
"""

from mapd.committee.collecting import Collected, Progress, calls, collect

__all__ = ["Collected", "Progress", "calls", "collect"]
