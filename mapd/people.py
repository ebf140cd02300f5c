"""Who acts, and what they may do: a name, a role, and the one function that every act asks.

    require(Person("ann@x.org", Role.ANNOTATOR), Right.JUDGE)       -> "ann@x.org", the name that the act is kept under
    require(Person("ann@x.org", Role.ANNOTATOR), Right.FREEZE)      raises Forbidden

Who signs in acts under their e-mail, in the role that the project gives it now:

    admit({"email": "Ann@x.org", "email_verified": True}, owners=["ann@x.org"], annotators=[])
    -> Person("ann@x.org", Role.OWNER)

Where nobody signs in, who sits at this machine is its owner, under the name that they give: `owner("Ann ")`.
"""

import getpass
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum

from mapd.errors import BadInput, Forbidden
from mapd.mailboxes import LONGEST, mailbox, shorten


class Role(StrEnum):
    """What somebody is to the project."""

    # Sees and does everything, and has the last word where people differ.
    OWNER = "owner"
    ANNOTATOR = "annotator"  # judges


class Right(StrEnum):
    """A kind of act, in the words that a refusal says."""

    JUDGE = "judge"
    SAVE_VIEW = "save views"
    ADJUDICATE = "have the last word where people differ"
    JUDGE_MANY = "judge all that a filter finds"
    SET_EXAM = "say how an exam is judged"
    WRITE_GUIDELINES = "write the guidelines"
    CHANGE_POLICY = "change policies"
    FREEZE = "freeze snapshots"
    RUN_JOBS = "start, stop or do work"
    OPEN_TEST = "open a sealed test split"
    MANAGE_TEACHERS = "set up or ask teachers"
    ADD_STUDENTS = "add students"
    ADD_QUESTIONS = "add questions"
    IMPORT = "import"
    IMPORT_JUDGEMENTS = "bring in what others judged"
    EXPORT = "export"
    RENAME = "rename"
    DELETE = "delete or bring back"


# Page, command and route all ask this table; nothing else decides who may do what.
RIGHTS: Mapping[Role, frozenset[Right]] = {
    Role.OWNER: frozenset(Right),
    Role.ANNOTATOR: frozenset({Right.JUDGE, Right.SAVE_VIEW}),
}


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who acts. The name is empty where nobody has given one: who only reads needs none."""

    name: str
    role: Role

    @property
    def owns(self) -> bool:
        """Return whether the project is theirs."""
        return self.role is Role.OWNER


def may(person: Person, right: Right) -> bool:
    """Return whether the person may do acts of this kind."""
    return right in RIGHTS[person.role]


def require(person: Person, right: Right) -> str:
    """Return the name the act is kept under. Raises: Forbidden where they may not; BadInput without a name."""
    if not may(person, right):
        raise Forbidden(f"{person.name} may not {right} here; an owner of the project can")
    if not person.name:
        raise BadInput("who does this? It is kept under a name: give yours first, at the top right of the page")
    return person.name


def owner(name: str) -> Person:
    """Return this machine's owner under this name. Raises: BadInput where it can't be a name."""
    return Person(person_name(name), Role.OWNER)


LONGEST_NAME = LONGEST  # as long as an e-mail can be
# Who sits at this machine and has given no name yet.
READER = Person("", Role.OWNER)


def admit(claims: Mapping[str, object], owners: Collection[str], annotators: Collection[str]) -> Person:
    """Return whom a sign-in is of. `annotators` may hold "@x.org": every mailbox there.

    Raises: BadInput where nobody owns the project or the e-mail isn't known to be theirs; Forbidden where they are
    none of its people.
    """
    if not owners:
        raise BadInput("nobody may sign in yet: no owner is named; set MAPD_OWNERS=you@example.org and start it again")
    email = claims.get("email")
    if not isinstance(email, str) or not email:
        raise BadInput("the sign-in tells no e-mail; use an account with a verified e-mail")
    # A provider that says nothing of it lets anybody claim an address.
    if claims.get("email_verified") is not True:
        raise BadInput(f"the sign-in doesn't say that {shorten(email)} is verified; use another account")
    try:
        address = mailbox(email)
    except BadInput as error:
        raise BadInput(f"{error}; use another account") from error
    role = role_of(address, owners, annotators)
    if role is None:
        raise Forbidden(f"{address} is none of this project's people; its owner can add it to MAPD_ANNOTATORS")
    return Person(address, role)


def role_of(address: str, owners: Collection[str], annotators: Collection[str]) -> Role | None:
    """Return the role that the project gives to a mailbox, as `mailbox` spells it; None where it gives none."""
    if address in owners:
        return Role.OWNER
    if address in annotators or address[address.index("@") :] in annotators:
        return Role.ANNOTATOR
    return None


def is_one_of(name: str, owners: Collection[str], annotators: Collection[str]) -> bool:
    """Return whether somebody of this name may be one of the project's people: anybody, where nobody signs in."""
    if not owners:
        return True
    try:
        return role_of(mailbox(name), owners, annotators) is not None
    except BadInput:
        return False


def person_name(name: str) -> str:
    """Return the name as it is kept: one line, lower case, so that "Ann " and "ann" are one person.

    Raises: BadInput where nothing is left of it or it is too long.
    """
    # Signs that can't be seen would make two people of one name.
    spelling = " ".join("".join(c if c.isprintable() else " " for c in name).split()).lower()
    if not 0 < len(spelling) <= LONGEST_NAME:
        raise BadInput(f"a person's name has 1 to {LONGEST_NAME} characters, not {len(spelling)}: {spelling[:80]!r}")
    return spelling


def machine_user() -> str:
    """Return the operating system's user, else "me": who a command is of that keeps no judgement."""
    try:
        return person_name(getpass.getuser())
    except (OSError, KeyError, ImportError, BadInput):  # a container's user may have no name
        return "me"
