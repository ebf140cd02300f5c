"""The names under which people act: one line, lower case, so that "Ann " and "ann" are one person.

Who signs in acts under their e-mail, as an owner of the project or as one who judges in it:

    admitted({"email": "Ann@x.org", "email_verified": True}, owners=["ann@x.org"], annotators=[])
    -> SignedIn("ann@x.org", owns=True)
"""

import getpass
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from mapd.errors import BadInput

LONGEST = 80


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Somebody who signed in and is let in. Owners see and do everything, and have the last word; others judge."""

    person: str
    owns: bool


def admitted(claims: Mapping[str, object], owners: Collection[str], annotators: Collection[str]) -> SignedIn:
    """Who the sign-in says it is. `annotators` may hold "@x.org": everybody whose e-mail ends so.

    Raises: BadInput where nobody owns the project, the e-mail isn't known to be theirs, or they are none of its people.
    """
    if not owners:
        raise BadInput("nobody may sign in yet: no owner is named; set MAPD_OWNERS=you@example.org and start it again")
    email = str(claims.get("email") or "").strip().lower()
    if not email or claims.get("email_verified") is not True:
        said = f"doesn't say that {email} is verified" if email else "tells no e-mail"
        raise BadInput(f"the sign-in {said}; use an account with a verified e-mail")
    if email in owners:
        return SignedIn(person_name(email), owns=True)
    if email in annotators or f"@{email.rpartition('@')[2]}" in annotators:
        return SignedIn(person_name(email), owns=False)
    raise BadInput(f"{email} is none of this project's people; its owner can add it to MAPD_ANNOTATORS")


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
