"""Steps of time for a picture: minutes of one evening, days of a month; so few that each can be seen. Pure.

    step = choose_step(first, last)                     -> TimeStep("hour", timedelta(hours=1))
    step.floor(datetime(2026, 3, 1, 9, 41))             -> datetime(2026, 3, 1, 9, 0)

Times are the reader's own, without a zone (times.local).
"""

from datetime import datetime, timedelta
from typing import NamedTuple

# Steps of a picture at most, while there is a coarser one.
MOST_STEPS = 60
# A Monday: weeks begin with it, and days at midnight.
EPOCH = datetime(2001, 1, 1)


class TimeStep(NamedTuple):
    """A stretch of time, and its word: "5 minutes"."""

    word: str
    length: timedelta

    def floor(self, at: datetime) -> datetime:
        """Return when the step that a time lies in begins."""
        return at - (at - EPOCH) % self.length


STEPS = (
    TimeStep("minute", timedelta(minutes=1)),
    TimeStep("5 minutes", timedelta(minutes=5)),
    TimeStep("15 minutes", timedelta(minutes=15)),
    TimeStep("hour", timedelta(hours=1)),
    TimeStep("3 hours", timedelta(hours=3)),
    TimeStep("12 hours", timedelta(hours=12)),
    TimeStep("day", timedelta(days=1)),
    TimeStep("week", timedelta(weeks=1)),
    TimeStep("4 weeks", timedelta(weeks=4)),
)


def choose_step(first: datetime, last: datetime) -> TimeStep:
    """Return the shortest step that doesn't cut the time between both into too many."""
    return next((step for step in STEPS if (last - first) / step.length < MOST_STEPS), STEPS[-1])


def choose_range(first: datetime, last: datetime, step: TimeStep, fewest: int = 12) -> tuple[datetime, datetime]:
    """Return from when up to when an axis goes that holds the steps from `first` to `last`, and some more if few."""
    missing = max(0, fewest - 1 - round((last - first) / step.length))
    return first - (missing // 2) * step.length, last + (1 + missing - missing // 2) * step.length
