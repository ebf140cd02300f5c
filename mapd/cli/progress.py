"""How far long work is, on standard error: a bar on a terminal, elsewhere (nohup, SLURM) a line now and then.

    mapd: committee: 1,204 of 5,184, 31.0 calls/s, 2 min left

The lines come with --json, too: standard output has the result alone.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import rich.progress

from mapd import interrupts
from mapd.cli.shared import errors
from mapd.jobs import JobProgress

# From the start to the first line, and between two.
FIRST_S, EVERY_S = 10.0, 60.0


class Lines:
    """The lines of one piece of work. A short one has none."""

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, say: Callable[[str], None] = interrupts.say
    ) -> None:
        self.clock, self.say = clock, say
        self.due = clock() + FIRST_S

    def tell(self, progress: JobProgress) -> None:
        """Write how far the work is, where a line is due."""
        if self.clock() >= self.due:
            self.due = self.clock() + EVERY_S
            self.say(progress.in_words)


@contextmanager
def counting(title: str, unit: str, as_json: bool) -> Iterator[Callable[[int, int], None]]:
    """Yield a function that is told how many of something are done, and of how many."""
    lines, began = Lines(), time.monotonic()
    bar = rich.progress.Progress(console=errors, disable=as_json or not errors.is_terminal, transient=True)
    with bar:
        task = bar.add_task(title, total=None)

        def tell(count: int, total: int) -> None:
            bar.update(task, completed=count, total=total)
            if not errors.is_terminal:
                pace = count / max(time.monotonic() - began, 1e-9)
                seconds_left = (total - count) / pace if pace else None
                lines.tell(JobProgress(title, count, total, f"{pace:,.0f} {unit}/s", seconds_left))

        yield tell
