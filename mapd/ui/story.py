"""Follow one mistake: what was asked, what the student said, what the committee made of it, and what it led to.

    story.show(curated)        # /?mistake=UID follows that one; else one with a confident wrong rationale

Five steps: the mistake · the explanations · what stops a wrong one · what the student was trained on · a held-out
question of the same family before and after.
"""

from collections.abc import Mapping

import streamlit as st

from mapd.checks import State
from mapd.curation.curated import Curated, DecidedText, Mistake, filter_votes
from mapd.errors import BadInput, MapdError
from mapd.results import Change, Results
from mapd.store import db, queries, snapshots
from mapd.store.queries import ExamInfo
from mapd.ui import comparison, current, figures, look, text
from mapd.ui.loaded import load_material
from mapd.verdicts import Verdict

Places = Mapping[str, int | None]  # by name, each teacher's place among the project's
FOLLOWED = "story_mistake"  # session state: the mistake that the browser's address has
ANSWERS = {State.HOLDS: "correct", State.FAILS: "incorrect", State.NOTHING: "no_answer"}


def show(curated: Curated) -> None:
    """Draw the five steps of one mistake; nothing where the exam has none."""
    if not curated.mistakes:
        return
    here = chosen(curated)
    _mirror()
    mistake, places = curated.mistakes[here], curated.places
    _head(curated, here)
    with st.container(border=True, key="mapd_story"):
        left, right = st.columns((2, 3), gap="large")
        with left:
            st.html(_step(1, "The student's mistake", _asked(mistake)))
        with right:
            st.html(_step(2, "What the teachers wrote", _explained(mistake, places)))
        stopped, taught, sibling = st.columns(3, gap="large")
        with stopped:
            st.html(_step(3, "What stops a wrong one", _stopped(mistake, places)))
        with taught:
            st.html(_step(4, "What the student was trained on", _taught(curated, mistake)))
        with sibling:
            st.html(_step(5, "A held-out sibling, before and after", _sibling(curated.exam, mistake)))


def _head(curated: Curated, here: int) -> None:
    total = len(curated.mistakes)
    with st.container(horizontal=True, vertical_alignment="center", key="follow"):
        st.subheader("Follow one mistake", width="content", anchor=False)
        st.html(f'<span class="mapd-note">{here + 1:,} of {total:,}</span>', width="content")
        for label, step in (("‹ previous", -1), ("next ›", 1)):
            other = curated.mistakes[(here + step) % total].attempt.uid
            current.link("pages/loop/overview.py", label, mistake=other)
        st.space("stretch")
        uid = curated.mistakes[here].attempt.uid
        current.link("pages/review/triage.py", "Judge it", icon=":material/rate_review:", mistake=uid)


def chosen(curated: Curated) -> int:
    """The place of the mistake that the address names, else of the one with the most confidently wrong rationale."""
    asked = st.query_params.get("mistake")
    for place, mistake in enumerate(curated.mistakes):
        if mistake.attempt.uid == asked:
            return place
    confidence = [_confidence(most_wrong(m)) for m in curated.mistakes]
    return confidence.index(max(confidence))


def _mirror() -> None:
    """Have the browser's address follow: a link to the same page doesn't change what it shows."""
    asked = st.query_params.get("mistake")
    if asked and st.session_state.get(FOLLOWED) != asked:
        st.query_params["mistake"] = asked
    st.session_state[FOLLOWED] = asked


def most_wrong(mistake: Mistake) -> DecidedText | None:
    """The rationale that a check refutes although its reviewers scored it highest."""
    wrong = [x for x in mistake.rationales if _refuted(x)]
    return max(wrong, key=_confidence, default=None)


def _refuted(x: DecidedText) -> bool:
    return State.FAILS in (x.states.matches_gold, x.states.equations_true)


def _confidence(x: DecidedText | None) -> float:
    return 0.0 if x is None or x.committee.mean is None else float(x.committee.mean)


def _step(number: int, title: str, body: str) -> str:
    return f'<div class="mapd-step"><div class="mapd-step-head"><b>{number}</b>{text.escape(title)}</div>{body}</div>'


def _note(words: str) -> str:
    return f'<span class="mapd-note">{text.escape(words)}</span>'


# -- the five steps ---------------------------------------------------------------------------------------------------


def _asked(m: Mistake) -> str:
    read = m.show(m.answer)
    answer = look.chip("no_answer") if read is None else look.chip("incorrect", text.one_line(read, 24))
    known, shown = bool(m.gold.strip()), text.one_line(m.shown_gold, 40)
    gold = look.chip("correct" if known else "nothing", shown, word="gold" if known else "no gold")
    return (
        text.foreign_html(m.question.text, max_chars=500)
        + f"<div>{answer}{look.chip('cut_off') if m.attempt.is_cut_off else ''}{gold}</div>"
        + f'<blockquote class="mapd-quote">{text.foreign_html(m.attempt.text, max_chars=400)}</blockquote>'
    )


def _explained(m: Mistake, places: Places) -> str:
    if not m.texts:
        return _note("Nobody has explained it yet.")
    known = bool(m.gold.strip())
    rows = "".join(_rationale(m, x, places, known=known) for x in m.rationales) or _note("no rationale")
    standing = sum(x.verdict is Verdict.ACCEPTED for x in m.feedback)
    feedback = f"and {len(m.feedback)} feedback, of which {standing} {'stands' if standing == 1 else 'stand'}"
    return f"{rows}<div>{_note(feedback)}</div>"


def _rationale(m: Mistake, x: DecidedText, places: Places, *, known: bool) -> str:
    """Who, the verdict with its mean, the votes, the rationale's own answer, and its first line."""
    mean = "" if x.committee.mean is None or x.overridden else f"{float(x.committee.mean):.1f}"  # it is no reason then
    votes = " · ".join(
        f"{text.escape(text.one_line(v.reviewer, 24))} {v.score or 'no vote'}" for v in filter_votes(x.text.votes)
    )
    chips = look.teacher_chip(text.one_line(x.text.teacher, 24), places[x.text.teacher]) + look.chip(
        x.verdict.value, mean
    )
    chips += look.chip("overridden") if x.overridden else ""
    outcome = ANSWERS[x.states.matches_gold] if known or x.answer is None else "nothing"
    answer = look.chip(outcome, text.one_line(m.show(x.answer) or "", 20))
    line = text.foreign_line_html(x.text.text, 200)
    return f'<div class="mapd-said"><div>{chips}{answer}<span class="mapd-note">{votes}</span></div>{line}</div>'


def _stopped(m: Mistake, places: Places) -> str:
    """The confident wrong rationale, and who or what keeps it out of training (or does not)."""
    x = most_wrong(m)
    if x is None:
        return _note("No check refutes any of its rationales.")
    marks = [text.Mark(e.start, e.end, "false step") for e in x.checks.equations if not e.true]
    who = look.teacher_chip(text.one_line(x.text.teacher, 24), places[x.text.teacher])
    scores = "".join(look.score_dots(v.score) for v in filter_votes(x.text.votes))
    found = []
    if x.states.matches_gold is State.FAILS:
        found.append(f"its answer {m.show(x.answer)} is not the gold answer {m.shown_gold}")
    if x.states.equations_true is State.FAILS:
        found.append("an equation is false")
    return (
        f"<div>{who}{scores}</div>"
        f'<blockquote class="mapd-quote">{text.foreign_html(x.text.text, marks, 500)}</blockquote>'
        f"<div>{look.chip('fails', word='check')}{text.escape(text.one_line(' and '.join(found), 160))}</div>"
        f"<div>{look.chip(x.verdict.value)}{text.escape(_by_whom(x))}</div>"
    )


def _by_whom(x: DecidedText) -> str:
    if x.judged:
        return "by " + text.one_line(" and ".join(x.people.by), 60)
    if x.verdict is Verdict.ACCEPTED:
        return "by its reviewers: policy strict, or a person, would stop it"
    return f"by the committee: {x.committee.why}"


def _taught(curated: Curated, m: Mistake) -> str:
    """The pair of the newest snapshot that this mistake gave."""
    try:
        pair = _frozen_pair(curated.exam.id, m.attempt.uid)
    except BadInput as error:
        return _note(str(error))
    if pair is None:
        return _note("This mistake is in no snapshot yet.")
    sha256, frozen = pair
    parts = [
        figures.titled(
            f"{kind} by {text.one_line(frozen[kind]['teacher'], 24)}",
            text.foreign_html(frozen[kind]["text"], max_chars=400),
        )
        for kind in ("rationale", "feedback")
    ]
    link = f'<a href="{text.escape(current.address("snapshots", snapshot=sha256))}">snapshot {sha256[:8]}</a>'
    return "".join(parts) + link


def _frozen_pair(exam_id: int, mistake: str) -> tuple[str, dict[str, dict[str, str]]] | None:
    with db.reading(current.engine()) as session:
        for row in queries.snapshots(session, exam_id)[:1]:
            whole = queries.snapshot(session, row.sha256)
            line = next((line for line in snapshots.lines_of(whole.lines) if mistake in line), None)
            return None if line is None else (row.sha256, snapshots.read_line(line))
    return None


def _sibling(exam: ExamInfo, m: Mistake) -> str:
    told = _newest_comparison(exam)
    if told is None:
        return _note("No student was examined before and after yet.")
    with db.reading(current.engine()) as session:
        before, after = (load_material(session, info.id) for info in (told.before, told.after))
    family = m.question.family
    alike = [uid for change in Change for uid in told.changes[change] if _family(before, uid) == family]
    if not alike:
        return _note("No held-out question is of its family.")
    question = next(q for q in before.questions.values() if q.uid == alike[0])
    parts = [text.foreign_html(question.text, max_chars=400)]
    for word, material in (("before", before), ("after", after)):
        response = next(a for a in material.attempts if a.question_id == question.id)
        chip = look.chip(response.outcome, text.one_line(question.show(response.answer or ""), 20))
        quote = f'<blockquote class="mapd-quote">{text.foreign_html(response.text, max_chars=300)}</blockquote>'
        parts.append(figures.titled(word, chip + quote))
    overall = told.overall
    share = f"in all {overall.before.correct} → {overall.after.correct} of {overall.after.n} right"
    link = text.escape(current.address("results", before=told.before.uid, after=told.after.uid))
    return "".join(parts) + f'<a href="{link}">{share}</a>'


def _family(material: queries.Material, uid: str) -> str | None:
    return next((q.family for q in material.questions.values() if q.uid == uid), None)


def _newest_comparison(exam: ExamInfo) -> Results | None:
    """The newest two finished exams on held-out questions of this exam's set."""
    alike = [e for e in comparison.exams() if e.question_set == exam.question_set and e.split != exam.split]
    pair = comparison.latest_pair(alike)
    if pair is None:
        return None
    try:
        return comparison.compared(pair[0].uid, pair[1].uid)
    except MapdError:  # one of them isn't finished: there is nothing to tell yet
        return None
