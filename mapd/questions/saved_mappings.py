"""Mappings of question files under a name: `--save-map stories` keeps one, `--map @stories` uses it.

    save(session, "stories", mapping.parse("question=Body+Question,answer=Answer"), by=owner("ann"))
    get(session, "stories")     -> the mapping

A name that is there is given the new mapping, and the change is written down.
"""

from sqlmodel import Session, col, select

from mapd.errors import BadInput, NotFound
from mapd.people import Person, Right, require
from mapd.questions import mapping
from mapd.questions.mapping import FieldMapping
from mapd.questions.values import short
from mapd.store import audit_log
from mapd.store import tables as t

LONGEST = 60  # characters of a name


def list_mappings(session: Session) -> dict[str, FieldMapping]:
    """Return every mapping by its name, in their order."""
    rows = session.exec(select(t.SavedMapping).order_by(col(t.SavedMapping.name))).all()
    return {row.name: mapping.parse(row.text) for row in rows}


def get(session: Session, name: str) -> FieldMapping:
    """Return the mapping of a name. Raises: NotFound, naming those that are there."""
    mappings = list_mappings(session)
    if name not in mappings:
        raise NotFound(
            f"no mapping is named {name}; there are: {', '.join(mappings) or 'none, --save-map NAME keeps one'}"
        )
    return mappings[name]


def save(session: Session, name: str, fields: FieldMapping, *, by: Person) -> None:
    """Keep a mapping under a name. Raises: Forbidden; BadInput where it is empty, or the name can't be used."""
    person, name = require(by, Right.ADD_QUESTIONS), name.strip()
    if not 0 < len(name) <= LONGEST or not name.isprintable():
        raise BadInput(f"a mapping's name has 1 to {LONGEST} characters, not {short(name)}")
    if not fields:
        raise BadInput(f"--save-map {name} keeps what --map says, and it says nothing; give --map {mapping.EXAMPLE}")
    if mapping.parse(str(fields)).fields != fields.fields:
        raise BadInput(f"this mapping can't be written down: {short(str(fields), 80)}; rename the field in the file")
    row = session.exec(select(t.SavedMapping).where(t.SavedMapping.name == name)).first()
    old_text = row and row.text
    row = row or t.SavedMapping(name=name, text="", person=person)
    row.text, row.person = str(fields), person
    session.add(row)
    audit_log.audit(session, person, "save mapping", f"mapping {name}", mapping=str(fields), before=old_text)
