"""Follow one mistake: the question, the student's answer, the committee's texts, and their effect.

Five steps: the mistake · the explanations · what stops a wrong one · what the student was trained on · a held-out
question of the same family, before and after.
"""

from collections.abc import Mapping

import streamlit as st

from mapd.checks import State
from mapd.curation.curated import Curated, Mistake
from mapd.curation.decided_texts import DecidedText, filter_votes
from mapd.domain import ExamInfo, Verdict
from mapd.errors import BadInput, MapdError
from mapd.results import Change, Results
from mapd.store import queries, snapshots
from mapd.ui import results as comparison
from mapd.ui.kit import context, step_marks, tables, text, theme
from mapd.ui.kit.cache import load_material

# By name, each teacher's place in the project.
Places = Mapping[str, int | None]
# Session state: the mistake in the browser's address.
FOLLOWED_MISTAKE = "story_mistake"
ANSWERS = {State.HOLDS: "correct", State.FAILS: "incorrect", State.NOTHING: "no_answer"}


def draw(curated: Curated) -> None:
    """Draw the five steps of one mistake; nothing where the exam has none."""
    if not curated.mistakes:
        return
    place = choose_mistake(curated)
    _mirror()
    mistake, places = curated.mistakes[place], curated.places
    _draw_head(curated, place)
    with st.container(border=True, key="mapd_story"):
        mistake_column, explanations_column = st.columns((2, 3), gap="large")
        with mistake_column:
            st.html(_step(1, "The student's mistake", _mistake_html(mistake)))
        with explanations_column:
            st.html(_step(2, "What the teachers wrote", _explanations_html(mistake, places)))
        checks_column, training_column, sibling_column = st.columns(3, gap="large")
        with checks_column:
            st.html(_step(3, "What stops a wrong one", _wrong_rationale_html(mistake, places)))
        with training_column:
            st.html(_step(4, "What the student was trained on", _training_html(curated, mistake)))
        with sibling_column:
            st.html(_step(5, "A held-out sibling, before and after", _sibling_html(curated.exam, mistake)))


def _draw_head(curated: Curated, place: int) -> None:
    total = len(curated.mistakes)
    with st.container(horizontal=True, vertical_alignment="center", key="follow"):
        st.subheader("Follow one mistake", width="content", anchor=False)
        st.html(f'<span class="mapd-note">{place + 1:,} of {total:,}</span>', width="content")
        for label, step in (("‹ previous", -1), ("next ›", 1)):
            neighbour = curated.mistakes[(place + step) % total].attempt.uid
            context.link("pages/loop/overview.py", label, mistake=neighbour)
        st.space("stretch")
        uid = curated.mistakes[place].attempt.uid
        context.link("pages/review/triage.py", "Judge it", icon=":material/rate_review:", mistake=uid)


def choose_mistake(curated: Curated) -> int:
    """Return the place of the mistake in the address, or else of the one with the most confident wrong rationale."""
    requested_uid = st.query_params.get("mistake")
    for place, mistake in enumerate(curated.mistakes):
        if mistake.attempt.uid == requested_uid:
            return place
    confidence = [_confidence(find_most_wrong(m)) for m in curated.mistakes]
    return confidence.index(max(confidence))


def _mirror() -> None:
    """Make the browser's address follow: a link to the same page doesn't change what the browser shows."""
    requested_uid = st.query_params.get("mistake")
    if requested_uid and st.session_state.get(FOLLOWED_MISTAKE) != requested_uid:
        st.query_params["mistake"] = requested_uid
    st.session_state[FOLLOWED_MISTAKE] = requested_uid


def find_most_wrong(mistake: Mistake) -> DecidedText | None:
    """Return the rationale that a check refutes although its reviewers scored it highest."""
    wrong = [x for x in mistake.rationales if x.states.refuted]
    return max(wrong, key=_confidence, default=None)


def _confidence(x: DecidedText | None) -> float:
    return 0.0 if x is None or x.committee.mean is None else float(x.committee.mean)


def _step(number: int, title: str, body: str) -> str:
    return f'<div class="mapd-step"><div class="mapd-step-head"><b>{number}</b>{text.escape(title)}</div>{body}</div>'


def _note(words: str) -> str:
    return f'<span class="mapd-note">{text.escape(words)}</span>'


# -- the five steps ---------------------------------------------------------------------------------------------------


def _mistake_html(m: Mistake) -> str:
    answer_words = m.show(m.answer)
    answer = (
        theme.chip("no_answer") if answer_words is None else theme.chip("incorrect", text.one_line(answer_words, 24))
    )
    has_gold, gold_words = bool(m.gold.strip()), text.one_line(m.shown_gold, 40)
    gold = theme.chip("correct" if has_gold else "nothing", gold_words, word="gold" if has_gold else "no gold")
    return (
        text.foreign_html(m.question.text, max_chars=500)
        + f"<div>{answer}{theme.chip('cut_off') if m.attempt.is_cut_off else ''}{gold}</div>"
        + f'<blockquote class="mapd-quote">{text.foreign_html(m.attempt.text, max_chars=400)}</blockquote>'
    )


def _explanations_html(m: Mistake, places: Places) -> str:
    if not m.texts:
        return _note("Nobody has explained it yet.")
    has_gold = bool(m.gold.strip())
    rows = "".join(_rationale_html(m, x, places, has_gold=has_gold) for x in m.rationales) or _note("no rationale")
    standing = sum(x.verdict is Verdict.ACCEPTED for x in m.feedback)
    feedback = f"and {len(m.feedback)} feedback, of which {standing} {'stands' if standing == 1 else 'stand'}"
    return f"{rows}<div>{_note(feedback)}</div>"


def _rationale_html(m: Mistake, x: DecidedText, places: Places, *, has_gold: bool) -> str:
    """Return author, verdict with what decided, votes, the rationale's own answer, and its first line, as HTML."""
    figure = "" if x.overridden else x.committee.figure(1)
    votes = " · ".join(f"{text.line_html(v.reviewer, 24)} {v.score or 'no vote'}" for v in filter_votes(x.text.votes))
    chips = theme.teacher_chip(text.one_line(x.text.teacher, 24), places[x.text.teacher]) + theme.chip(
        x.verdict.value, figure
    )
    chips += theme.chip("overridden") if x.overridden else ""
    # Without a gold answer a readable answer is neither right nor wrong.
    outcome = ANSWERS[x.states.matches_gold] if has_gold or x.answer is None else "nothing"
    answer = theme.chip(outcome, text.one_line(m.show(x.answer) or "", 20))
    line = text.foreign_line_html(x.text.text, 200)
    return f'<div class="mapd-said"><div>{chips}{answer}<span class="mapd-note">{votes}</span></div>{line}</div>'


def _wrong_rationale_html(m: Mistake, places: Places) -> str:
    """Return the confident wrong rationale as HTML, and who or what keeps it out of training (or doesn't)."""
    x = find_most_wrong(m)
    if x is None:
        return _note("No check refutes any of its rationales.")
    marks = step_marks.mark_false_steps(x.text)
    author = theme.teacher_chip(text.one_line(x.text.teacher, 24), places[x.text.teacher])
    scores = "".join(theme.score_dots(v.score) for v in filter_votes(x.text.votes))
    faults = []
    if x.states.matches_gold is State.FAILS:
        faults.append(f"its answer {m.show(x.answer)} is not the gold answer {m.shown_gold}")
    if x.states.equations_true is State.FAILS:
        faults.append("an equation is false")
    return (
        f"<div>{author}{scores}</div>"
        f'<blockquote class="mapd-quote">{text.foreign_html(x.text.text, marks, 500)}</blockquote>'
        f"<div>{theme.chip('fails', word='check')}{text.line_html(' and '.join(faults), 160)}</div>"
        f"<div>{theme.chip(x.verdict.value)}{text.escape(_decision_words(x))}</div>"
    )


def _decision_words(x: DecidedText) -> str:
    if x.judged:
        return "by " + text.one_line(" and ".join(x.people.by), 60)
    if x.verdict is Verdict.ACCEPTED:
        return "by its reviewers: policy strict, or a person, would stop it"
    return f"by the committee: {x.committee.why}"


def _training_html(curated: Curated, m: Mistake) -> str:
    try:
        pair = _frozen_pair(curated.exam.id, m.attempt.uid)
    except BadInput as error:
        return _note(str(error))
    if pair is None:
        return _note("This mistake is in no snapshot yet.")
    sha256, frozen = pair
    parts = [
        tables.titled_block(
            f"{kind} by {text.one_line(frozen[kind]['teacher'], 24)}",
            text.foreign_html(frozen[kind]["text"], max_chars=400),
        )
        for kind in ("rationale", "feedback")
        if kind in frozen
    ]
    link = f'<a href="{text.escape(context.address("snapshots", snapshot=sha256))}">snapshot {sha256[:8]}</a>'
    return "".join(parts) + link


def _frozen_pair(exam_id: int, mistake: str) -> tuple[str, dict[str, dict[str, str]]] | None:
    for row in context.read(queries.snapshots, exam_id)[:1]:
        snapshot = context.read(queries.snapshot, row.sha256)
        line = next((line for line in snapshots.lines_of(snapshot.lines) if mistake in line), None)
        return None if line is None else (row.sha256, snapshots.read_line(line))
    return None


def _sibling_html(exam: ExamInfo, m: Mistake) -> str:
    results = _newest_comparison(exam)
    if results is None:
        return _note("No student was examined before and after yet.")
    old_material, new_material = (context.read(load_material, info.id) for info in (results.before, results.after))
    questions = {q.uid: q for q in old_material.questions.values()}
    changed_questions = (questions[uid] for change in Change for uid in results.changes[change] if uid in questions)
    question = next((q for q in changed_questions if q.family == m.question.family), None)
    if question is None:
        return _note("No held-out question is of its family.")
    parts = [text.foreign_html(question.text, max_chars=400)]
    for word, material in (("before", old_material), ("after", new_material)):
        response = next(a for a in material.attempts if a.question_id == question.id)
        chip = theme.chip(response.outcome, text.one_line(question.show(response.answer or ""), 20))
        quote = f'<blockquote class="mapd-quote">{text.foreign_html(response.text, max_chars=300)}</blockquote>'
        parts.append(tables.titled_block(word, chip + quote))
    overall = results.overall
    share = f"in all {overall.before.correct} → {overall.after.correct} of {overall.after.n} right"
    link = text.escape(context.address("results", before=results.before.uid, after=results.after.uid))
    return "".join(parts) + f'<a href="{link}">{share}</a>'


def _newest_comparison(exam: ExamInfo) -> Results | None:
    """Compare the newest two finished exams on held-out questions of this exam's set."""
    exams = [e for e in context.read(queries.exams) if e.question_set == exam.question_set and e.split != exam.split]
    pair = comparison.find_latest_pair(exams)
    if pair is None:
        return None
    try:
        return comparison.load_comparison(pair[0].uid, pair[1].uid)
    # One of them isn't finished: nothing to show yet.
    except MapdError:
        return None
