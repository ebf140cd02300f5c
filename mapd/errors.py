"""What can go wrong, said in one line: what happened, the value, the cure. Pages and the CLI show it as it is."""


class MapdError(Exception):
    """Any refusal of ours. Its text is one line that names the value and the cure."""


class NotFound(MapdError):  # noqa: N818 - it reads as a sentence where it is raised
    """A name or an id that the project doesn't hold."""


class BadInput(MapdError):  # noqa: N818
    """A file, a value or a request that can't be used; nothing was changed."""


class Damaged(MapdError):  # noqa: N818
    """A database that isn't what it should be: damaged, cut off, another program's, or without a table."""


class Stale(MapdError):  # noqa: N818
    """Somebody else (or another tab) decided first; nothing was changed, the page reloads."""


class BadRows(BadInput):
    """A file refused because of its rows: each fault as (file, row index, field, what), the first few in the line."""

    NAMED = 5

    def __init__(self, faults: list[tuple[str, int, str, str]]) -> None:
        self.faults = faults
        listed = "; ".join(f"{file} row {index} {field}: {what}" for file, index, field, what in faults[: self.NAMED])
        rest = len(faults) - self.NAMED
        more = f"; and {rest:,} more {'fault' if rest == 1 else 'faults'}" if rest > 0 else ""
        rows = len({(file, index) for file, index, _, _ in faults})
        super().__init__(f"{rows:,} bad {'row' if rows == 1 else 'rows'}, nothing was imported: {listed}{more}")


class Stopped(MapdError):  # noqa: N818
    """The work was told to stop, and did: what came is kept, and the same work started again goes on from there."""

    def __init__(self, done: int, total: int) -> None:
        super().__init__(f"stopped at {done} of {total}; what came is kept: started again it goes on from there")
