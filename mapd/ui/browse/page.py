"""The parts of the browse page: filters, whose values live in the address, and the rows that match them.

request = choose_filters(exam_id)     # /browse?show=rationales&verdict=accepted&gold=fails&order=lowest+mean
draw_rows(exam_id, request, read_page(exam_id, request).rows)
request.params                        # the same as an address, for links and saved views
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import streamlit as st

from mapd import domain
from mapd.answers.grading import Task
from mapd.checks import State
from mapd.curation import saved_policies
from mapd.domain import Order, Part, RowFilter, RowKind, Verdict
from mapd.errors import BadInput, Busy
from mapd.review import blinding, filters, reasons, seats
from mapd.store import browse, db, judgement_log, queries
from mapd.store.browse import BrowseRow
from mapd.ui.browse import question_rows
from mapd.ui.kit import attempts, context, pagination, rows, text, url_state
from mapd.ui.kit.cache import load_part
from mapd.ui.kit.theme import LOOKS

# Arguments of a filter: its value lives in the address, and a change starts at the first row.
FILTER: dict[str, Any] = url_state.BOUND | {"on_change": pagination.go_to_first}
CHECKS = {"gold": "matches_gold", "equations": "equations_true", "work": "shows_work", "step": domain.STEP_EXISTS}
# By what is shown: the check that it has none of.
LACKING = {RowKind.FEEDBACK: "work", RowKind.RATIONALES: "step", RowKind.MISTAKES: "step"}
# By the word that the list and the address show.
STATES = {LOOKS[state].word: state.value for state in State}
# Of a question, by the word that the list and the address show.
STUDENT_STATES = {LOOKS["correct"].word: State.HOLDS.value, LOOKS["incorrect"].word: State.FAILS.value}
STUDENT_STATES |= {"no answer, or taken out": State.NOTHING.value}
QUESTION_ORDER = Order.QUESTION.value
# Nobody can hide these columns.
FIXED_COLUMNS = ("no", "text", "question")
# By what is shown: the key in the address, all columns, and the columns shown by default.
COLUMNS = {
    RowKind.RATIONALES: ("columns", [name for name in rows.TEXT_COLUMNS if name != "change"], rows.TEXT_DEFAULTS),
    RowKind.FEEDBACK: ("feedback_columns", list(rows.FEEDBACK_COLUMNS), rows.FEEDBACK_DEFAULTS),
    RowKind.MISTAKES: ("mistake_columns", list(rows.MISTAKE_COLUMNS), rows.MISTAKE_DEFAULTS),
    RowKind.QUESTIONS: (
        "question_columns",
        list(attempts.list_columns(question_rows.HEADINGS)),
        question_rows.DEFAULT_COLUMNS,
    ),
}
# By what is shown: the key in the address, and the orders.
ORDERS = {
    **dict.fromkeys(RowKind, ("order", [order.value for order in domain.OF_TEXTS])),
    RowKind.QUESTIONS: ("question_order", [order.value for order in domain.OF_QUESTIONS]),
}


def removable_columns(names: Iterable[str]) -> list[str]:
    """Return the columns that a person can hide."""
    return [name for name in names if name not in FIXED_COLUMNS]


# The address's key for: show other people's judgements before one's own, where an exam wants several.
OTHERS_KEY = "others"
# Session state: the pairs of person and text that this tab noted as seen; without a name until the person enters one.
NOTES = "reveals_noted"
# The filters in the popover "More".
RARE_FILTERS = ("by", "reason", "task", "part", "low", "high", "apart")
DEFAULTS: dict[str, Any] = {
    "show": RowKind.RATIONALES.value,
    "q": "",
    "no": "",
    **dict.fromkeys(("teacher", "verdict", *CHECKS, "student", "people", *RARE_FILTERS)),
    "part": "",
    **dict.fromkeys(("order", "question_order"), QUESTION_ORDER),
    **{key: removable_columns(usual) for key, _, usual in COLUMNS.values()},
}
# The filters that apply to questions.
QUESTION_FILTERS = {"show", "q", "no", "student", "people", "by", "task", "part"}
TEXT_FILTERS = DEFAULTS.keys() - {key for key, _, _ in COLUMNS.values()} - {"student", "question_order"}
SEARCH_HELP = (
    "Shows a row if its question, its text or the student’s response has all of these words, in any order. Words in "
    "“quotes” must follow one another. The beginning of the last word is enough, but not of a number."
)

NUMBER_HELP = "The question’s whole number, as in its file, in triage and in the first column."

PART_HELP = "2/3 is the second of three parts of the questions, about equally large. *People* shares them out."


@dataclass(frozen=True, slots=True)
class BrowseRequest:
    """What the address asks for. `params`: the values that differ from their defaults, for links and saved views."""

    filter: RowFilter
    order: Order
    columns: tuple[str, ...]
    params: Mapping[str, Any]


def choose_filters(exam_id: int) -> BrowseRequest:
    """Draw the filters; return their values. A value in the address that can't be is named in one line and left out."""
    authors, judges = context.read(queries.voices, exam_id), context.read(judgement_log.judges)
    has_overlap = context.read(queries.exam, exam_id).judgements_per_text > 1
    own_reasons = context.read(reasons.list_offered)
    voices = {line: authors[name] for line, name in text.distinct_lines(authors).items()}
    choices = _filter_choices(voices, judges, own_reasons)
    _refuse_unfit(choices)
    defaults = DEFAULTS | {OTHERS_KEY: context.curates()}
    if url_state.settle("browse", exam_id, **defaults) and not url_state.is_history_navigation():
        # The row at which the page begins is a row of the exam before.
        pagination.go_to_first()
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="mapd_browse"):
        show = _draw_filters(choices)
    # A filter that doesn't apply to what is shown keeps its default, even if the address still has it.
    asked_keys = QUESTION_FILTERS if show is RowKind.QUESTIONS else TEXT_FILTERS - {LACKING[show]}
    asked_keys |= {ORDERS[show][0], COLUMNS[show][0]}
    values = {key: _filter_value(key) if key in asked_keys else value for key, value in DEFAULTS.items()}
    if values["q"] and not browse.split_phrases(values["q"]):
        text.complain(f"the search looks for words, and there is none in: {values['q']}; every text is shown")
    low, high = values["low"], values["high"]
    if low is not None and high is not None and low > high:
        text.complain(f"no mean is from {low:g} up to {high:g}: nothing lies between them")
    params = {key: value or "" for key, value in values.items() if value is not None and value != DEFAULTS[key]}
    order = Order(values[ORDERS[show][0]])
    query = _make_filter(show, values, voices)
    if has_overlap and show is not RowKind.QUESTIONS:
        shows_others = _choose_others()
        params |= {OTHERS_KEY: str(shows_others).lower()} if shows_others is not defaults[OTHERS_KEY] else {}
        query = query if shows_others else replace(query, blind_person=context.current_person().name)
    return BrowseRequest(query, order, _column_names(show, values), params)


def _choose_others() -> bool:
    """Return whether other people's judgements are shown before one's own; curators and owners can choose that."""
    if not context.owns():
        if st.query_params.pop(OTHERS_KEY, None) is not None:
            text.complain("only this project's owners see others' judgements before their own; they are hidden")
        return False
    url_state.refuse(OTHERS_KEY, lambda value: value.lower() in {"true", "false"}, "true or false", context.curates())
    return st.toggle(
        "Others’ judgements, too",
        context.curates(),
        key=OTHERS_KEY,
        help="A text that you see with others’ judgements is noted: your later judgement of it doesn’t count as "
        "judged first.",
        **FILTER,
    )


def describe_hidden(request: BrowseRequest) -> str:
    """Return in words what the person isn't shown; "" where everything is shown."""
    if request.filter.blind_person is None:
        return ""
    addition = " These are texts that you have judged yourself." if request.filter.about_people else ""
    return f"These counts leave out others’ judgements of texts that you haven’t judged yet.{addition}"


def _filter_choices(voices: Iterable[str], judges: Sequence[str], codes: Iterable[str]) -> dict[str, Sequence[str]]:
    return {
        "show": _values(RowKind),
        "teacher": list(voices),
        "verdict": _values(Verdict),
        **{name: list(STATES) for name in CHECKS},
        "student": list(STUDENT_STATES),
        "people": list(domain.PEOPLE),
        "by": judges,
        "reason": [reasons.words(code) for code in codes],
        "task": _values(Task),
        **dict(ORDERS.values()),
    }


def _refuse_unfit(choices: Mapping[str, Sequence[str]]) -> None:
    """Remove impossible values from the address, each with one line that says so."""
    fits = f"a search of at most {domain.LONGEST_SEARCH} characters"
    url_state.refuse("q", lambda words: len(words) <= domain.LONGEST_SEARCH, fits, "")
    for key, options in choices.items():
        url_state.refuse_unknown(key, options, DEFAULTS[key])
    for key in ("low", "high"):
        url_state.refuse_outside(key, 1, 5, float)
    url_state.refuse_outside("apart", 1, 4)
    url_state.refuse("part", _is_part, "a part like 2/3, the second of three")
    for key, names, defaults in COLUMNS.values():
        url_state.refuse_unknown_choices(key, removable_columns(names), removable_columns(defaults))


def _is_part(value: str) -> bool:
    with suppress(BadInput):
        return not value or bool(Part.read(value))
    return False


def _make_filter(show: RowKind, values: Mapping[str, Any], voices: Mapping[str, int]) -> RowFilter:
    low, high = (None if values[key] is None else round(100 * values[key]) for key in ("low", "high"))
    return RowFilter(
        show=show,
        author_id=voices.get(values["teacher"]),
        verdict=values["verdict"],
        checks={check: STATES[values[name]] for name, check in CHECKS.items() if values[name]}
        | ({"matches_gold": STUDENT_STATES[values["student"]]} if values["student"] else {}),
        people=values["people"],
        judged_by=values["by"],
        reason=values["reason"] and reasons.code_of(values["reason"]),
        means=None if low is None and high is None else (low or 100, high or 500),
        spread=int(values["apart"] or 0),
        task=values["task"],
        part=Part.read(values["part"]) if values["part"] else None,
        question=(values["no"] or "").strip() or None,
        words=values["q"] or "",
    )


def _column_names(show: RowKind, values: Mapping[str, Any]) -> tuple[str, ...]:
    key, names, _ = COLUMNS[show]
    return tuple(name for name in names if name in FIXED_COLUMNS or name in values[key])


# -- the rows ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class BrowsePage:
    """One page of rows.

    `row_count`: all matching rows; `rows_before`: those on earlier pages. `item_count` of `total_count` texts match:
    fewer than rows where several attempts at a question share its rationales.
    """

    rows: list[BrowseRow]
    row_count: int
    rows_before: int
    threshold: int
    item_count: int
    total_count: int


def read_page(exam_id: int, request: BrowseRequest) -> BrowsePage:
    """Read the page that the address asks for."""
    query, order = request.filter, request.order
    turn = pagination.read_turn(browse.key_length(order))
    exam = context.read(queries.exam, exam_id)
    threshold = round(context.read(saved_policies.exam_policy, exam).threshold * 100)
    browse_rows = context.read(browse.list_rows, exam_id, query, threshold, turn, order=order)
    row_count = context.read(browse.count_rows, exam_id, query, threshold)
    offset = 0
    # Without a turn the page is the first: nothing stands before it.
    if turn and browse_rows:
        first_key = browse_rows[0].key
        offset = context.read(browse.count_rows, exam_id, query, threshold, order=order, before_key=first_key)
    has_shared = exam.shares_rationales and query.show is RowKind.RATIONALES
    count = browse.count_texts if has_shared else browse.count_rows
    item_count = context.read(count, exam_id, query, threshold) if has_shared else row_count
    total_count = context.read(count, exam_id, RowFilter(query.show), threshold)
    return BrowsePage(browse_rows, row_count, offset, threshold, item_count, total_count)


def draw_triage_link(exam_id: int, request: BrowseRequest) -> None:
    """Draw the link that opens the same rows in triage, in the same order."""
    query = filters.write(request.filter, request.order, context.read(queries.voices, exam_id))
    context.link("pages/review/triage.py", "Triage these", icon=":material/rate_review:", queue="browse", filter=query)


def draw_rows(exam_id: int, request: BrowseRequest, browse_rows: Sequence[BrowseRow]) -> None:
    """Draw the rows."""
    if request.filter.show is RowKind.QUESTIONS:
        question_rows.draw(exam_id, browse_rows, request.columns, request.filter.words)
        return
    curated = load_part(exam_id, [row.question_id for row in browse_rows])
    person, hidden = context.current_person().name, request.filter.blind_person is not None
    mistakes = {
        m.attempt.id: blinding.show_to(m, person, curated.exam.judgements_per_text) if hidden else m
        for m in curated.mistakes
    }
    curated_rows = []
    for row in browse_rows:
        # Between the two reads somebody may have judged an attempt to be no mistake.
        if (mistake := mistakes.get(row.attempt_id)) is not None:
            texts = {x.text.id: x for x in mistake.texts}
            curated_rows.append(rows.TextRow(mistake, texts.get(row.explanation_id or 0)))
    if curated.exam.judgements_per_text > 1 and not hidden:
        of_mistake = request.filter.show is RowKind.MISTAKES
        shown = {x.text.id for row in curated_rows for x in (row.mistake.texts if of_mistake else [row.text]) if x}
        note_exposed(person, shown)
    rows.draw_rows(curated_rows, curated, "browse", request.columns, words=request.filter.words)


def note_exposed(person: str, texts: set[int]) -> None:
    """Note which texts the person sees with others' judgements: a later judgement on them wasn't made first.

    Where the database is busy, the page's next run notes them.
    """
    notes: set[tuple[str, int]] = st.session_state.setdefault(NOTES, set())
    nameless = {text_id for name, text_id in notes if not name}
    fresh = {text_id for text_id in texts | nameless if (person, text_id) not in notes}
    # Noting must not hold up the page: nobody pressed anything.
    with suppress(Busy):
        if person and fresh and (unknown := fresh - context.read(seats.find_exposed, person, fresh)):
            with db.writing(context.impatient_engine()) as session:
                seats.record_exposed(session, person, unknown)
        notes |= {(person, text_id) for text_id in fresh}


# -- the widgets ------------------------------------------------------------------------------------------------------


def _draw_filters(choices: Mapping[str, Sequence[str]]) -> RowKind:
    show = RowKind(
        st.segmented_control("Show", choices["show"], key="show", required=True, default=DEFAULTS["show"], **FILTER)
        or RowKind.RATIONALES
    )
    search: dict[str, Any] = {"help": SEARCH_HELP, "max_chars": domain.LONGEST_SEARCH, **FILTER}
    st.text_input("Words", key="q", placeholder="in question or text", width=170, **search)
    st.text_input("No", key="no", placeholder="any", width=90, help=NUMBER_HELP, **FILTER)
    shows_texts = show is not RowKind.QUESTIONS
    if shows_texts:
        for key in ("teacher", "verdict", *CHECKS):
            if key != LACKING[show]:
                _draw_choice(key, choices[key])
    else:
        _draw_choice("student", choices["student"])
    _draw_choice("people", choices["people"])
    order = ORDERS[show][0]
    st.selectbox("Order", choices[order], key=order, width=150, **FILTER)
    _draw_rare(choices, show)
    has_filter = any(_filter_value(key) not in (None, value) for key, value in DEFAULTS.items() if key != "show")
    st.button("Clear", icon=":material/filter_alt_off:", on_click=_clear, disabled=not has_filter)
    return show


def _draw_rare(choices: Mapping[str, Sequence[str]], show: RowKind) -> None:
    keys = [key for key in RARE_FILTERS if show is not RowKind.QUESTIONS or key in QUESTION_FILTERS]
    set_count = sum(st.session_state.get(key) not in (None, "") for key in keys)
    with st.popover(f"More · {set_count}" if set_count else "More", icon=":material/tune:", key="browse_more"):
        _draw_choice("by", choices["by"], "Judged by", width=260)
        _draw_choice("task", choices["task"], width=260)
        st.text_input("Part", key="part", placeholder="all questions", width=260, help=PART_HELP, **FILTER)
        if show is not RowKind.QUESTIONS:
            _draw_choice("reason", choices["reason"], "Rejected for", width=260)
            with st.container(horizontal=True, gap="small"):
                for key, word in (("low", "Mean from"), ("high", "Up to")):
                    st.number_input(word, 1.0, 5.0, None, 0.25, key=key, width=124, placeholder="any", **FILTER)
            st.number_input("Scores differ by", 1, 4, None, 1, key="apart", width=260, placeholder="any", **FILTER)
        key, columns, defaults = COLUMNS[show]
        st.pills(
            "Columns",
            removable_columns(columns),
            selection_mode="multi",
            default=removable_columns(defaults),
            width=270,
            key=key,
            **url_state.BOUND,
        )


def _values(kind: type[StrEnum]) -> list[str]:
    return [member.value for member in kind]


def _draw_choice(name: str, options: Sequence[str], label: str = "", width: int = 124) -> None:
    label = label or name.capitalize()
    st.selectbox(label, options, index=None, key=name, placeholder="any", width=width, **FILTER)


def _filter_value(key: str) -> Any:
    """Return a filter's value; columns in their usual order, in whatever order they were chosen."""
    value = st.session_state.get(key, DEFAULTS[key])
    names = next((names for name, names, _ in COLUMNS.values() if name == key), None)
    return value if names is None or value is None else [name for name in names if name in value]


def _clear() -> None:
    pagination.go_to_first()
    for key, value in DEFAULTS.items():
        if key != "show":
            st.session_state[key] = value
