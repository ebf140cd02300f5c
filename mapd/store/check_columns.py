"""Where the queue index keeps what each check says of a row.

read_checks({"kind": "feedback", "shows_work": "fails", …})   -> {"step_exists": "fails", "shows_work": "nothing", …}

A feedback has no work to show, and no rationale criticises a step: these two checks share a column.
"""

from collections.abc import Mapping
from typing import Any

from mapd.checks import State
from mapd.domain import CHECKS, STEP_EXISTS, RowKind

SHARED = "shows_work"


def find_column(check: str, show: RowKind, row: str = "") -> str:
    """Return a check's column, or in SQL that there is nothing to check where rows of this kind have no such check."""
    if check in (STEP_EXISTS, SHARED) and (check == STEP_EXISTS) is not (show is RowKind.FEEDBACK):
        return f"'{State.NOTHING.value}'"
    column = SHARED if check == STEP_EXISTS else check
    return f"{row}.{column}" if row else column


def read_checks(standing: Mapping[str, Any]) -> dict[str, str]:
    """Return what the checks say of a row of the queue index, by name."""
    show = RowKind.FEEDBACK if standing["kind"] == RowKind.FEEDBACK else RowKind.RATIONALES
    return {check: standing.get(find_column(check, show), State.NOTHING.value) for check in CHECKS}
