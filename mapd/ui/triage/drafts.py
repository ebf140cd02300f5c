"""What was typed on a text and isn't saved yet: kept by text and person, so that who goes elsewhere finds it again.

    drafts.field("Note", item, "note", "")           # the field; its key is what a callback reads
    drafts.begun(item, "note")                       # -> "hm, but the secon"
    drafts.forget(item, "note")                      # in a callback, once it is saved

Streamlit forgets a field that isn't drawn any more, and a server that is killed forgets all: the browser's tab keeps
what was typed, too (unsaved.py).
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import streamlit as st

from mapd.store.tables import new_uid
from mapd.ui import unsaved
from mapd.ui.triage.scene import Item

DRAFTS = "triage_drafts"  # session state: what was typed, by person, target and what it is
SAVED = "triage_drafts_saved"  # session state: by name, a mark of its own for each that was saved
FEW = 5  # of them are told: the browser has seen those before


def field(label: str, item: Item, what: str, words: str, **look: Any) -> str:
    """Draw the field with what was typed here before, else these words; returns its key."""
    name, at = key(item, what), _at(item, what)
    st.text_area(label, _kept().get(at, words), key=name, on_change=_keep, args=(at, name), **look)
    return name


def key(item: Item, what: str) -> str:
    """The field's key."""
    return f"triage_{what}_{item.token}"


def begun(item: Item, what: str) -> str | None:
    """What was typed here; None where nothing was."""
    return _kept().get(_at(item, what))


def forget(item: Item, what: str) -> None:
    """It is saved."""
    _kept().pop(_at(item, what), None)
    saved = st.session_state.setdefault(SAVED, {})
    saved.pop(_name(item, what), None)  # the newest is the last
    saved[_name(item, what)] = new_uid()


@dataclass(frozen=True, slots=True)
class Watched:
    """A field: what it is, the keys that take it along, and what this person saved by it here."""

    what: str
    along: Collection[str]
    said: Collection[str]


def watch(item: Item, fields: Mapping[str, Watched]) -> None:
    """Have the browser keep what is typed too. `fields`: by key."""
    there = [
        unsaved.field(key, _name(item, x.what), begun=bool(begun(item, x.what)), along=x.along, said=x.said)
        for key, x in fields.items()
    ]
    saved = list(st.session_state.get(SAVED, {}).items())[-FEW:]
    unsaved.watch(*there, *(unsaved.done(*one) for one in saved))


def _keep(at: tuple[object, ...], key: str) -> None:
    _kept()[at] = str(st.session_state.get(key) or "")


def _kept() -> dict[tuple[object, ...], str]:
    kept: dict[tuple[object, ...], str] = st.session_state.setdefault(DRAFTS, {})
    return kept


def _at(item: Item, what: str) -> tuple[object, ...]:
    return item.person, what, item.target.kind, item.target.id


def _name(item: Item, what: str) -> str:
    """The same in every session: what, on which text (or mistake), by whom."""
    place = item.here.place
    return f"{what} {place.text or place.mistake} {item.person}"
