"""How far long work is, on standard error: a bar on a terminal, elsewhere (nohup, SLURM) a line now and then.

    mapd: committee: 1,204 of 5,184, 31.0 calls/s, 2 min left

The lines come with --json, too: standard output has the result alone.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import rich.progress

from mapd.cli.shared import Lines, errors
from mapd.jobs import JobProgress


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
