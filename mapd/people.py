"""The names under which people act: one line, lower case, so that "Ann " and "ann" are one person."""

import getpass

from mapd.errors import BadInput

LONGEST = 80


def person_name(name: str) -> str:
    """The name as it is kept.

    Raises: BadInput where nothing is left of it or it is too long.
    """
    kept = " ".join("".join(c if c.isprintable() else " " for c in name).split()).lower()
    if not 0 < len(kept) <= LONGEST:
        raise BadInput(f"a person's name has 1 to {LONGEST} characters, not {len(kept)}: {kept[:LONGEST]!r}")
    return kept


def this_person() -> str:
    """The person at this machine, where nobody else is named: the operating system's user, else "me"."""
    try:
        return person_name(getpass.getuser())
    except (OSError, KeyError, ImportError, BadInput):  # a container's user may have no name
        return "me"
