"""The playground's form: whom to ask, what, and how.

The address holds the students, the question (a typed one, if it is short) and the decoding. A link asks nothing by
itself: somebody presses the button.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from mapd import prompts, students
from mapd.answers.grading import Task
from mapd.errors import MapdError
from mapd.playground import asking
from mapd.playground import question as questions
from mapd.playground.asking import Decoding
from mapd.playground.question import PlaygroundQuestion
from mapd.questions import search
from mapd.questions import sets as question_sets
from mapd.store import tables as t
from mapd.ui.kit import cache, context, text, url_state
from mapd.ui.kit.rows import LONGEST_TEXT

# Characters of a typed question that stand in the address.
LONGEST_LINK = 600
# Values in the address: no second student; the task that the gold answer has.
NOBODY, BY_GOLD = "none", ""
ABOUT = "An answer here is no attempt: it is shown, and nothing of it is stored. The prompt is the exam’s own."
WAYS = {"picked": "Pick a question", "typed": "Type a question"}


# --- Whom -------------------------------------------------------------------------------------------------------------


def choose_students() -> tuple[str, ...] | None:
    """Draw the two choices; return the students' uids. None where the project has no student."""
    st.caption(ABOUT)
    rows = {row.uid: row for row in context.read(students.list_students)}
    if not rows:
        return None
    home = context.settings().home
    names = {
        uid: text.one_line(row.name, 60) + ("" if students.can_be_asked(row, home) else " (can’t be asked here)")
        for uid, row in rows.items()
    }
    first, second = st.columns(2)
    default_uids = find_pair(list(rows.values()))
    a = _choose("a", first, "Student", names, default_uids[0])
    others = {uid: name for uid, name in names.items() if uid != a} | {NOBODY: "nobody else"}
    other = default_uids[1] if default_uids[1] in others else next(iter(others))
    b = _choose("b", second, "Beside it", others, other)
    return (a,) if b == NOBODY else (a, b)


def find_pair(rows: Sequence[t.Student]) -> tuple[str, str]:
    """Return whom to ask by default: the newest student and what it was taught from; else the two newest.

    `rows`: the newest first. Those that can't be asked come last.
    """
    home = context.settings().home
    candidates = [row for row in rows if students.can_be_asked(row, home)] or list(rows)
    by_id = {row.id: row for row in candidates}
    for row in candidates:
        if (parent := by_id.get(row.parent_id)) is not None:
            return parent.uid, row.uid
    return candidates[0].uid, candidates[1].uid if len(candidates) > 1 else NOBODY


def _choose(param: str, column: DeltaGenerator, label: str, names: Mapping[str, str], default: str) -> str:
    """Draw a choice whose value, an uid, stands in the address; return it."""
    key, uids = f"playground_{param}", list(names)
    _follow_address(key, param, default)
    if st.session_state[key] not in names:
        if st.session_state[key] == st.query_params.get(param):
            text.complain(f"this address asks for what isn’t there: {param} {st.session_state[key]}; another is shown")
        st.session_state[key] = default
    uid = column.selectbox(label, uids, format_func=lambda uid: names.get(uid, "…"), key=key)
    _write_address(key, param, uid, default)
    return uid


def _follow_address(key: str, param: str, default: Any) -> None:
    """Set a widget to what the address says, where that has changed since the widget wrote it."""
    state, value = st.session_state, st.query_params.get(param)
    if key not in state or (value is not None and state.get(f"{key}_address") != value):
        state[key] = default if value is None else value
    state[f"{key}_address"] = value


def _write_address(key: str, param: str, value: str, default: str = "") -> None:
    """Write a widget's value into the address; a default stays out, and so does a text that is too long."""
    if (value == default and param not in st.query_params) or len(value) > LONGEST_LINK:
        st.query_params.pop(param, None)
        st.session_state[f"{key}_address"] = None
    elif st.query_params.get(param) != value:
        st.query_params[param] = st.session_state[f"{key}_address"] = value


def draw_empty() -> None:
    """Draw what to do where there is no student."""
    with st.container(border=True):
        st.markdown("**No student yet.** Add one on the exam page, or in a terminal.")
        context.link("pages/loop/exam.py", "Add a student", icon=":material/quiz:")
        st.code("mapd students add NAME", language=None, wrap_lines=True)


# --- What -------------------------------------------------------------------------------------------------------------


def choose_question() -> PlaygroundQuestion | None:
    """Draw the choice of a question, and return it; None where there is none yet, or it can't be asked."""
    url_state.settle("question_from", None, question_from="picked")
    url_state.refuse_unknown("question_from", list(WAYS), "picked")
    way = st.segmented_control(
        "Question",
        list(WAYS),
        key="question_from",
        default="typed" if "text" in st.query_params else "picked",
        required=True,
        format_func=WAYS.__getitem__,
        label_visibility="collapsed",
        **url_state.BOUND,
    )
    try:
        return _pick() if way == "picked" else _type()
    except MapdError as error:
        text.complain(str(error))
        return None


def _pick() -> PlaygroundQuestion | None:
    sets = {
        row.name: [s for s in search.OPEN_SPLITS if getattr(row, s)] for row in context.read(question_sets.list_sets)
    }
    sets = {name: splits for name, splits in sets.items() if splits}
    if not sets:
        st.caption("The project has no question that is open: type one, or add some.")
        context.link("pages/loop/data.py", "Add questions", icon=":material/upload_file:", way="questions")
        return None
    address = st.query_params.get("question")
    row = _read_question(address)
    questions_by_uid = _narrow(sets, row)
    if not questions_by_uid:
        st.caption("No question has these words.")
        return None
    uids = list(questions_by_uid)
    # Where the address asks for what can't be asked, nothing else is shown in its place until somebody chooses.
    is_refused = address is not None and row is None
    default = None if is_refused else 0
    uid = st.selectbox(
        "Question",
        uids,
        uids.index(row.uid) if row is not None and row.uid in questions_by_uid else default,
        format_func=lambda uid: text.one_line(f"{questions_by_uid[uid].source_id}: {questions_by_uid[uid].text}", 160),
        help=f"The first {search.LISTED} are listed; words narrow them.",
        placeholder="Choose a question",
    )
    if uid is None:
        return None
    if address != uid:
        st.query_params["question"] = uid
        if is_refused:
            # Without the line that says so.
            st.rerun()
    question = context.read(questions.pick, uid, cache.load_sealed_words())
    draw_question(question)
    return question


def _narrow(sets: Mapping[str, Sequence[str]], row: t.Question | None) -> dict[str, search.ListedQuestion]:
    """Draw the choice of a set, a split and words; return the first questions of these by uid, `row` among them."""
    place = None if row is None else context.read(search.find_set_name, row)
    set_column, split_column, words_column = st.columns((3, 1.4, 3))
    names = list(sets)
    set_name = set_column.selectbox(
        "Questions", names, names.index(place) if place in names else 0, format_func=text.one_line
    )
    splits = sets[set_name]
    index = splits.index(row.split) if row is not None and row.split in splits and place == set_name else 0
    split = split_column.selectbox("Split", splits, index, help="The test split is sealed: nothing of it is offered.")
    words = words_column.text_input("With the words", key="playground_words", placeholder="pens, or its number")
    questions_by_uid = {x.uid: x for x in context.read(search.list_questions, set_name, split, words)}
    if row is not None and not words and (place, row.split) == (set_name, split):
        questions_by_uid.setdefault(row.uid, search.ListedQuestion(row.uid, row.source_id, row.text))
    return questions_by_uid


def _read_question(ref: str | None) -> t.Question | None:
    """Return the question that the address asks for; say why where it can't be asked."""
    try:
        return None if ref is None else context.read(search.open_question, ref)
    except MapdError as error:
        text.complain(str(error))
        return None


def _type() -> PlaygroundQuestion | None:
    _follow_address("playground_text", "text", "")
    body = st.text_area("Question", key="playground_text", height=90, max_chars=questions.LONGEST)
    _write_address("playground_text", "text", body)
    task_column, gold_column, options_column = st.columns((1.2, 1.6, 3))
    kinds = {BY_GOLD: "as the gold answer"} | {task.value: task.value for task in Task}
    task = _choose("task", task_column, "Task", kinds, BY_GOLD)
    _follow_address("playground_gold", "gold", "")
    gold = gold_column.text_input("Gold answer", key="playground_gold", placeholder="without it nothing is graded")
    _write_address("playground_gold", "gold", gold)
    _follow_address("playground_options", "options", "")
    options = options_column.text_input(
        "Options", key="playground_options", placeholder="rises | falls | stays", help="Of a choice, with | between."
    )
    _write_address("playground_options", "options", options)
    if not body.strip():
        return None
    choices = options.split("|") if options.strip() else ()
    return questions.read_typed(body, cache.load_sealed_words(), task=task or None, gold=gold, options=choices)


def draw_question(question: PlaygroundQuestion) -> None:
    """Draw a question as it is asked, with its gold answer."""
    block = prompts.question_block(question.text, question.context, question.options)
    gold = "no gold answer: nothing is graded"
    if question.gold is not None:
        gold = f"gold {text.gold_html(question.show(question.gold), 200)}"
    place = f"{text.line_html(question.place, 120)} · " if question.place else ""
    note = f'<div class="mapd-note">{place}{question.task.value} · {gold}</div>'
    st.html(f'<div class="mapd-titled">{text.foreign_html(block, max_chars=LONGEST_TEXT)}{note}</div>')


# --- How --------------------------------------------------------------------------------------------------------------


def choose_decoding() -> Decoding:
    """Draw the decoding, an exam's until it is changed; return it."""
    url_state.settle("decoding", None, temperature=0.0, top_p=1.0, draw_seed=0, tokens=None)
    for key, low, high, kind, default in (
        ("temperature", 0, 2, float, 0.0),
        ("top_p", 0.01, 1, float, 1.0),
        ("draw_seed", 0, 2**31 - 1, int, 0),
        ("tokens", 1, asking.MOST_TOKENS, int, None),
    ):
        url_state.refuse_outside(key, low, high, kind, default)
    with st.popover("Decoding", icon=":material/tune:"):
        st.caption("As an exam decodes, until it is changed. The same seed gives an exam’s first sample.")
        temperature = st.number_input("Temperature", 0.0, 2.0, 0.0, 0.1, key="temperature", **url_state.BOUND)
        top_p = st.number_input("Top p", 0.01, 1.0, 1.0, 0.05, key="top_p", **url_state.BOUND)
        seed = st.number_input("Seed", 0, 2**31 - 1, 0, key="draw_seed", **url_state.BOUND)
        tokens = st.number_input(
            "Tokens of an answer",
            1,
            asking.MOST_TOKENS,
            None,
            placeholder="as its task needs",
            key="tokens",
            **url_state.BOUND,
        )
    return Decoding(float(temperature), float(top_p), int(seed), None if tokens is None else int(tokens))
