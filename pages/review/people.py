"""People: who judged how much and how, how far they agree, and one person's record."""

import streamlit as st

from mapd.curation.curated import Curated
from mapd.people import Right, may
from mapd.review import annotators, leases
from mapd.ui import people, set_aside, shares
from mapd.ui.kit import context, frame, rows, text
from mapd.ui.kit.cache import load_curated


def draw_page(exam_id: int) -> None:
    """Draw what people did in one exam."""
    curated = load_curated(exam_id)
    people_records = annotators.records(curated)
    open_leases = context.read(leases.list_leases, exam_id)
    # Annotators shouldn't know when hidden checks come.
    if not context.judges_only():
        people.draw_settings(curated)
    people.draw_progress(curated, people_records, open_leases)
    people.draw_history(people_records)
    if may(context.current_person(), Right.SET_EXAM):
        set_aside.draw(exam_id, [record.person for record in people_records])
        shares.draw(curated.exam, len(people_records))
    if not people_records:
        st.info("Nobody has judged a text of this exam.", icon=":material/rate_review:")
        context.link("pages/review/triage.py", "Judge the first", icon=":material/rate_review:")
        return
    draw_one(people_records, curated)
    people.draw_agreement(annotators.measure_agreement(curated))


def draw_one(people_records: list[annotators.AnnotatorRecord], curated: Curated) -> None:
    """Draw the record that the address asks for, or that of the person at this browser."""
    person = context.current_person().name
    requested_person = st.query_params.get("record", person)
    record = next((r for r in people_records if r.person == requested_person), None)
    if record is not None:
        people.draw_record(record, curated, is_own=requested_person == person)
    elif requested_person != person:
        text.complain(f"this address asks for the record of {requested_person}, who has judged nothing here")


frame.draw_exam_page("People", draw_page, rows.STYLE)
