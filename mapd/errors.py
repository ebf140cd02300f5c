"""Errors that a user reads, each in one line: what happened, the value, the cure. Pages and the CLI show them as is."""


class MapdError(Exception):
    """Any refusal of ours. Its text is one line that names the value and the cure."""


class NotFound(MapdError):  # noqa: N818 - it reads as a sentence where it is raised
    """A name or an id that the project doesn't hold."""


class BadInput(MapdError):  # noqa: N818
    """A file, a value or a request that can't be used; nothing was changed."""


class BadUsage(BadInput):
    """A command whose words can't be used: an option's value, options that contradict each other. Its code is 2."""


class Forbidden(MapdError):  # noqa: N818
    """An act that the person may not do; nothing was changed."""


class Damaged(MapdError):  # noqa: N818
    """A database that isn't what it should be: damaged, cut off, another program's, or without a table."""


class Stale(MapdError):  # noqa: N818
    """Somebody else (or another tab) decided first; nothing was changed, the page reloads."""


class Undecided(BadInput):
    """A file that can be read in several ways: `option` of the command says which, `choices` are what there is."""

    def __init__(self, message: str, option: str, choices: tuple[str, ...]) -> None:
        self.option, self.choices = option, choices
        super().__init__(message)


class Busy(MapdError):  # noqa: N818
    """The database can't be used just now: locked, away, starting, or without room. It passes; nothing was changed.

    `reason`: the database's own words.
    """

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


class BadRows(BadInput):
    """A file refused because of its rows: each fault as (file, row, field, what), the first few in the line.

    `unit`: what the rows' numbers count. `cure`: what may be done beside mending the file.
    """

    NAMED = 5

    def __init__(self, faults: list[tuple[str, int, str, str]], unit: str = "row", cure: str = "") -> None:
        self.faults = faults
        first_faults = faults[: self.NAMED]
        listing = "; ".join(
            f"{file} {unit} {number} {field}: {problem}" for file, number, field, problem in first_faults
        )
        unnamed = len(faults) - self.NAMED
        tail = f"; and {unnamed:,} more {'fault' if unnamed == 1 else 'faults'}" if unnamed > 0 else ""
        rows = len({(file, index) for file, index, _, _ in faults})
        hint = f"; {cure}" if cure else ""
        super().__init__(f"{rows:,} bad {'row' if rows == 1 else 'rows'}, nothing was imported: {listing}{tail}{hint}")


class Stopped(MapdError):  # noqa: N818
    """The work was told to stop, and did: what came is kept, and the same work started again goes on from there.

    `given_up`: calls that were in flight, and gave no reply in time.
    """

    def __init__(self, completed: int, total: int, given_up: int = 0) -> None:
        lost = f", {given_up} calls in flight gave no reply in time" if given_up else ""
        super().__init__(
            f"stopped at {completed} of {total}{lost}; what came is kept: started again it goes on from there"
        )


def in_a_line(error: BaseException) -> str:
    """Return what an error says, or its beginning, in one line that can be printed."""
    words = " ".join("".join(sign if sign.isprintable() else " " for sign in str(error)).split())
    return words[:200] or type(error).__name__
