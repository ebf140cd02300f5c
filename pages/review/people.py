"""People: who judged how much and how, how far they agree, and one person's record."""

import streamlit as st

from mapd.curation import records
from mapd.curation.curated import Curated
from mapd.review import leases
from mapd.store import db
from mapd.ui import current, figures, people, rows, text
from mapd.ui.loaded import load_curated


def page(exam_id: int) -> None:
    """What people did in one exam."""
    curated = load_curated(exam_id)
    found = records.records(curated)
    with db.reading(current.engine()) as session:
        held = leases.list_leases(session, exam_id)
    if not current.judges_only():  # who only judges needn't know when checks come
        people.wanted(curated)
    people.standing(curated, found, held)
    if not found:
        st.info("Nobody has judged a text of this exam.", icon=":material/rate_review:")
        current.link("pages/review/triage.py", "Judge the first", icon=":material/rate_review:")
        return
    one_of(found, curated)
    people.agreement(records.measure_agreement(curated))


def one_of(found: list[records.AnnotatorRecord], curated: Curated) -> None:
    """The record that the address asks for, or that of the person who sits here."""
    person = current.current_person().name
    asked = st.query_params.get("record", person)
    record = next((r for r in found if r.person == asked), None)
    if record is not None:
        people.record(record, curated, own=asked == person)
    elif asked != person:
        text.complain(f"this address asks for the record of {asked}, who has judged nothing here")


figures.style()
st.html(rows.STYLE)
st.header("People", anchor=False)
if (exam := current.require_exam()) is not None:
    page(exam)
