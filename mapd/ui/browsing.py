"""Browse's parts: the filters, which are widgets that live in the address, and the rows that they find.

asked = chosen(exam_id)      # /browse?show=rationales&verdict=accepted&gold=fails&order=lowest+mean
draw(exam_id, asked, read(exam_id, asked).rows)
asked.params                 # the same as an address, for links and saved views
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import streamlit as st

from mapd.answers.grading import Task
from mapd.checks import State
from mapd.curation import first, policies, reasons
from mapd.review import filters
from mapd.store import db, listing, queries
from mapd.store.listing import BrowseRow, Order, RowFilter, RowKind
from mapd.ui import address, attempts, current, question_rows, reveals, rows, text, turning
from mapd.ui.loaded import load_part
from mapd.ui.look import LOOKS
from mapd.verdicts import Verdict

CHECKS = {"gold": "matches_gold", "equations": "equations_true", "work": "shows_work"}
STATES = {LOOKS[state].word: state.value for state in State}  # by the word that list and address have
STUDENT = {LOOKS["correct"].word: State.HOLDS.value, LOOKS["incorrect"].word: State.FAILS.value}
STUDENT |= {"no answer, or taken out": State.NOTHING.value}  # of a question, by the word in list and address
IN_ORDER = Order.QUESTION.value
ALWAYS = ("no", "text", "question")  # these columns stay
COLUMNS = {  # of what is shown: the key in the address, the columns there are, those shown unless others are chosen
    RowKind.RATIONALES: ("columns", [name for name in rows.TEXT if name != "change"], rows.OF_TEXT),
    RowKind.FEEDBACK: ("columns", [name for name in rows.TEXT if name != "change"], rows.OF_TEXT),
    RowKind.MISTAKES: ("mistake_columns", list(rows.MISTAKE), rows.OF_MISTAKE),
    RowKind.QUESTIONS: ("question_columns", list(attempts.columns(question_rows.HEADS)), question_rows.USUAL),
}
ORDERS = {  # of what is shown: the key in the address, the orders there are
    **dict.fromkeys(RowKind, ("order", [order.value for order in listing.OF_TEXTS])),
    RowKind.QUESTIONS: ("question_order", [order.value for order in listing.OF_QUESTIONS]),
}


def free(names: Iterable[str]) -> list[str]:
    """The columns that can be taken away."""
    return [name for name in names if name not in ALWAYS]


OTHERS = "others"  # whether others' judgements are shown before one's own, where an exam wants several
FURTHER = ("by", "reason", "task", "low", "high", "apart")  # what stands under "More"
DEFAULTS: dict[str, Any] = {
    "show": RowKind.RATIONALES.value,
    "q": "",
    "no": "",
    **dict.fromkeys(("teacher", "verdict", *CHECKS, "student", "people", *FURTHER)),
    **dict.fromkeys(("order", "question_order"), IN_ORDER),
    **{key: free(usual) for key, _, usual in COLUMNS.values()},
}
OF_QUESTIONS = {"show", "q", "no", "student", "people", "by", "task"}  # what questions can be asked for
OF_TEXTS = DEFAULTS.keys() - {key for key, _, _ in COLUMNS.values()} - {"student", "question_order"}
SEARCH = (
    "In the question, the text, or the student’s response: one of them has all of these words, in any order. Words in "
    "“quotes” stand there one behind the other; of the last word its beginning is enough, of a number it isn’t."
)

NUMBER = "The question’s own number, whole, as its file, triage and the first column have it."


@dataclass(frozen=True, slots=True)
class Asked:
    """What the address asks for, and the part of it that isn't as it always is, for links and saved views."""

    wanted: RowFilter
    order: Order
    columns: tuple[str, ...]
    params: Mapping[str, Any]


def chosen(exam_id: int) -> Asked:
    """Draw the filters; returns what they say. What the address asks in vain is said in one line and left out."""
    with db.reading(current.engine()) as session:
        authors, judges = queries.voices(session, exam_id), queries.judges(session)
        overlap = queries.exam(session, exam_id).judgements_per_text > 1
        own_reasons = reasons.list_offered(session)
    voices = {line: authors[name] for line, name in text.distinct_lines(authors).items()}
    known = _known(voices, judges, own_reasons)
    _refuse(known)
    defaults = DEFAULTS | {OTHERS: current.curates()}
    if address.settle("browse", exam_id, **defaults) and not address.walked():
        turning.begin()  # the key in the address is another exam's
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="mapd_browse"):
        show = _draw(known)
    asks = (OF_QUESTIONS if show is RowKind.QUESTIONS else OF_TEXTS) | {ORDERS[show][0], COLUMNS[show][0]}
    said = {key: _said(key) if key in asks else value for key, value in DEFAULTS.items()}
    if said["q"] and not listing.split_phrases(said["q"]):
        text.complain(f"the search looks for words, and there is none in: {said['q']}; every text is shown")
    low, high = said["low"], said["high"]
    if low is not None and high is not None and low > high:
        text.complain(f"no mean is from {low:g} up to {high:g}: nothing lies between them")
    params = {key: value or "" for key, value in said.items() if value is not None and value != DEFAULTS[key]}
    order = Order(said[ORDERS[show][0]])
    wanted = _wanted(show, said, voices)
    if overlap and show is not RowKind.QUESTIONS:
        others = _others()
        params |= {OTHERS: str(others).lower()} if others is not defaults[OTHERS] else {}
        wanted = wanted if others else replace(wanted, blind_person=current.current_person().name)
    return Asked(wanted, order, _columns(show, said), params)


def _others() -> bool:
    """Whether others' judgements are shown before one's own: to a curator, and to an owner who asks for it."""
    if not current.owns():
        if st.query_params.pop(OTHERS, None) is not None:
            text.complain("what others said before your own judgement is for this project's owners; it is hidden")
        return False
    address.refuse(OTHERS, lambda value: value.lower() in {"true", "false"}, "true or false", current.curates())
    return st.toggle(
        "Others’ judgements, too",
        current.curates(),
        key=OTHERS,
        bind="query-params",
        on_change=turning.begin,
        help="What you see so is noted: what you say of it later wasn’t judged first.",
    )


def hides(asked: Asked) -> str:
    """What is kept back from the person, in words; nothing where all is shown."""
    if asked.wanted.blind_person is None:
        return ""
    only = " These are texts that you have judged yourself." if asked.wanted.about_people else ""
    return f"Counts as you may see them: others’ judgements are hidden until your own.{only}"


def _known(voices: Iterable[str], judges: Sequence[str], codes: Iterable[str]) -> dict[str, Sequence[str]]:
    """What each filter can be."""
    return {
        "show": _values(RowKind),
        "teacher": list(voices),
        "verdict": _values(Verdict),
        **{name: list(STATES) for name in CHECKS},
        "student": list(STUDENT),
        "people": list(listing.PEOPLE),
        "by": judges,
        "reason": [reasons.words(code) for code in codes],
        "task": _values(Task),
        **dict(ORDERS.values()),
    }


def _refuse(known: Mapping[str, Sequence[str]]) -> None:
    """Take out of the address what can't be, with a word on it."""
    nothing = LOOKS[State.NOTHING].word
    for key in CHECKS:  # links and views called it otherwise before
        if State.NOTHING in (st.query_params.get(key), st.session_state.get(key)):
            if key not in st.session_state:  # the address of a widget that has been drawn is streamlit's own to change
                st.query_params[key] = nothing
            st.session_state[key] = nothing
    fits = f"a search of at most {listing.LONGEST_SEARCH} characters"
    address.refuse("q", lambda words: len(words) <= listing.LONGEST_SEARCH, fits, "")
    for key, options in known.items():
        address.refuse_unknown(key, options, DEFAULTS[key])
    for key in ("low", "high"):
        address.refuse_outside(key, 1, 5, float)
    address.refuse_outside("apart", 1, 4)
    for key, there, usual in COLUMNS.values():
        address.refuse_unknown_of(key, free(there), free(usual))


def _wanted(show: RowKind, said: Mapping[str, Any], voices: Mapping[str, int]) -> RowFilter:
    low, high = (None if said[key] is None else round(100 * said[key]) for key in ("low", "high"))
    return RowFilter(
        show=show,
        author_id=voices.get(said["teacher"]),
        verdict=said["verdict"],
        checks={check: STATES[said[name]] for name, check in CHECKS.items() if said[name]}
        | ({"matches_gold": STUDENT[said["student"]]} if said["student"] else {}),
        people=said["people"],
        judged_by=said["by"],
        reason=said["reason"] and reasons.code_of(said["reason"]),
        means=None if low is None and high is None else (low or 100, high or 500),
        spread=int(said["apart"] or 0),
        task=said["task"],
        question=(said["no"] or "").strip() or None,
        words=said["q"] or "",
    )


def _columns(show: RowKind, said: Mapping[str, Any]) -> tuple[str, ...]:
    """The columns in the order in which they always stand."""
    key, there, _ = COLUMNS[show]
    return tuple(name for name in there if name in ALWAYS or name in said[key])


# -- the rows ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Read:
    """The rows of the page that is asked for: how many fit, and how many stand before.

    `number` of `all`: how many there are of what is shown; of rationales fewer than rows, where answers share them.
    """

    rows: list[BrowseRow]
    of: int
    before: int
    threshold: int
    number: int
    all: int


def read(exam_id: int, asked: Asked) -> Read:
    """Read the page that the address asks for."""
    wanted, order = asked.wanted, asked.order
    turn = turning.asked(listing.key_length(order))
    with db.reading(current.engine()) as session:
        exam = queries.exam(session, exam_id)
        at = round(policies.exam_policy(session, exam).threshold * 100)
        found = listing.list_rows(session, exam_id, wanted, at, turn, order=order)
        of = listing.count_rows(session, exam_id, wanted, at)
        first = found[0].key if turn and found else None
        before = 0 if first is None else listing.count_rows(session, exam_id, wanted, at, order=order, before_key=first)
        shared = exam.shares_rationales and wanted.show is RowKind.RATIONALES
        count = listing.count_texts if shared else listing.count_rows
        number = count(session, exam_id, wanted, at) if shared else of
        everything = count(session, exam_id, RowFilter(wanted.show), at)
    return Read(found, of, before, at, number, everything)


def link_to_triage(exam_id: int, asked: Asked) -> None:
    """Draw the link that opens exactly these rows in triage, in their order."""
    with db.reading(current.engine()) as session:
        rows_ = filters.write(asked.wanted, asked.order, queries.voices(session, exam_id))
    current.link("pages/review/triage.py", "Triage these", icon=":material/rate_review:", queue="browse", filter=rows_)


def draw(exam_id: int, asked: Asked, found: Sequence[BrowseRow]) -> None:
    """Draw the rows."""
    if asked.wanted.show is RowKind.QUESTIONS:
        question_rows.draw(exam_id, found, asked.columns, asked.wanted.words)
        return
    part = load_part(exam_id, [row.question_id for row in found])
    person, hidden = current.current_person().name, asked.wanted.blind_person is not None
    mistakes = {
        m.attempt.id: first.show_to(m, person, part.exam.judgements_per_text) if hidden else m for m in part.mistakes
    }
    shown = []
    for row in found:
        if (mistake := mistakes.get(row.attempt_id)) is not None:  # people may take one out between the two reads
            texts = {x.text.id: x for x in mistake.texts}
            shown.append(rows.Found(mistake, texts.get(row.explanation_id or 0)))
    if part.exam.judgements_per_text > 1 and not hidden:
        _note_seen(person, shown, whole=asked.wanted.show is RowKind.MISTAKES)
    rows.draw(shown, part, "browse", asked.columns, words=asked.wanted.words)


def _note_seen(person: str, shown: Sequence[rows.Found], *, whole: bool) -> None:
    """Note which texts are shown with all that others said of them; of a mistake's row, all that it has."""
    texts = {x.text.id for row in shown for x in (row.mistake.texts if whole else [row.text]) if x is not None}
    reveals.note(person, texts)


# -- the widgets ------------------------------------------------------------------------------------------------------


def _draw(known: Mapping[str, Sequence[str]]) -> RowKind:
    bound: dict[str, Any] = {"bind": "query-params", "on_change": turning.begin}
    show = RowKind(
        st.segmented_control("Show", known["show"], key="show", required=True, default=DEFAULTS["show"], **bound)
        or RowKind.RATIONALES
    )
    longest = listing.LONGEST_SEARCH
    st.text_input(
        "Words", key="q", placeholder="in question or text", width=170, help=SEARCH, max_chars=longest, **bound
    )
    st.text_input("No", key="no", placeholder="any", width=90, help=NUMBER, **bound)
    of_texts = show is not RowKind.QUESTIONS
    if of_texts:
        for key in ("teacher", "verdict", *CHECKS):
            _choice(key, known[key])
    else:
        _choice("student", known["student"])
    _choice("people", known["people"])
    order = ORDERS[show][0]
    st.selectbox("Order", known[order], key=order, width=150, **bound)
    _further(known, show)
    st.button("Clear", icon=":material/filter_alt_off:", on_click=_clear, disabled=not _any_set())
    return show


def _further(known: Mapping[str, Sequence[str]], show: RowKind) -> None:
    """The filters that are wanted more rarely, and the columns."""
    bound: dict[str, Any] = {"bind": "query-params", "on_change": turning.begin}
    there = [key for key in FURTHER if show is not RowKind.QUESTIONS or key in OF_QUESTIONS]
    number = sum(st.session_state.get(key) is not None for key in there)
    with st.popover(f"More · {number}" if number else "More", icon=":material/tune:", key="browse_more"):
        _choice("by", known["by"], "Judged by", width=260)
        _choice("task", known["task"], width=260)
        if show is not RowKind.QUESTIONS:
            _choice("reason", known["reason"], "Rejected for", width=260)
            with st.container(horizontal=True, gap="small"):
                for key, word in (("low", "Mean from"), ("high", "Up to")):
                    st.number_input(word, 1.0, 5.0, None, 0.25, key=key, width=124, placeholder="any", **bound)
            st.number_input("Scores apart by", 1, 4, None, 1, key="apart", width=260, placeholder="any", **bound)
        key, columns, usual = COLUMNS[show]
        st.pills(
            "Columns",
            free(columns),
            selection_mode="multi",
            default=free(usual),
            width=270,
            key=key,
            bind="query-params",
        )


def _values(of: type[StrEnum]) -> list[str]:
    return [member.value for member in of]


def _choice(name: str, options: Sequence[str], label: str = "", width: int = 124) -> None:
    st.selectbox(
        label or name.capitalize(),
        options,
        index=None,
        key=name,
        bind="query-params",
        placeholder="any",
        width=width,
        on_change=turning.begin,
    )


def _any_set() -> bool:
    return any(_said(key) not in (None, value) for key, value in DEFAULTS.items() if key != "show")


def _said(key: str) -> Any:
    """What a filter says; columns in the order in which they stand, however they were chosen."""
    value = st.session_state.get(key, DEFAULTS[key])
    there = next((there for name, there, _ in COLUMNS.values() if name == key), None)
    return value if there is None or value is None else [name for name in there if name in value]


def _clear() -> None:
    turning.begin()
    for key, value in DEFAULTS.items():
        if key != "show":
            st.session_state[key] = value
