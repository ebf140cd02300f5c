"""The exam page's parts: how the student did, how it was asked, and every attempt."""

from enum import StrEnum

import streamlit as st

from mapd import prompts, results, students, work
from mapd.answers.grading import Outcome
from mapd.results import ExamAnswers, Score
from mapd.store import db
from mapd.store import tables as t
from mapd.store.queries import Material
from mapd.ui import address, attempts, current, figures, look, starting, text, working
from mapd.ui.attempts import Shown
from mapd.ui.figures import Cell, Html
from mapd.ui.loaded import load_material
from mapd.ui.starting import MOST_TOKENS


def read(exam_id: int) -> tuple[ExamAnswers, t.Exam, Material]:
    """The exam's first samples, its row, and its questions with every attempt."""
    with db.reading(current.engine()) as session:
        row = session.get(t.Exam, exam_id)
        assert row is not None, "the header's exam is there"
        return results.load(session, exam_id), row, load_material(session, exam_id)


def standing(sat: ExamAnswers, material: Material) -> None:
    """How far it is, and what came of it: of every answer, where each question was asked several times."""
    done, outcomes = len(sat.answers), [a.outcome for a in material.attempts]
    if done < sat.question_count:
        st.progress(done / sat.question_count, f"{done:,} of {sat.question_count:,} questions answered")
        st.caption("Where it isn't running any more: the same exam, started again, goes on where it was.")
    counts = {outcome: outcomes.count(outcome) for outcome in Outcome}
    st.html(
        figures.row(
            [
                (done, "questions answered"),
                *([(len(outcomes), "answers")] if len(outcomes) > done else []),
                *((counts[outcome], look.LOOKS[outcome.value].word) for outcome in Outcome),
                (len(outcomes) - counts[Outcome.CORRECT], "mistakes, as recorded"),
                *([(cut_off, look.LOOKS["cut_off"].word)] if (cut_off := _count_cut_off(material)) else []),
            ]
        )
    )


def _count_cut_off(material: Material) -> int:
    return sum(a.is_cut_off for a in material.attempts)


def ask_again(material: Material) -> None:
    """Where answers were cut off: what that means, and the button that asks them again with more tokens."""
    count, info = _count_cut_off(material), material.exam
    if not count or working.is_active("exam"):
        return
    with db.reading(current.engine()) as session:
        row = session.get_one(t.Exam, info.id)
        can_be_asked = students.is_here(students.get(session, row.student_id), current.settings().home)
    longest = row.decoding.get("max_tokens")
    where = f" at {longest:,} tokens" if isinstance(longest, int) else ""
    whose = "answers were" if count != 1 else "answer was"
    st.caption(
        f"{count:,} {whose} cut off{where}: without the answer line they count as no answer, and teachers aren’t asked "
        "about them."
    )
    if not can_be_asked or not isinstance(longest, int) or not 0 < longest < MOST_TOKENS:
        return
    with st.expander(f"Ask the {count:,} cut-off answers again, with more tokens"):
        most = min(work.MORE_TOKENS * longest, MOST_TOKENS)
        tokens = st.number_input("Tokens of an answer", longest + 1, MOST_TOKENS, most, key="again_tokens")
        purpose = starting.purpose("again_purpose") if info.split == "test" else None
        if info.split == "test" and purpose is None:
            return
        st.caption("It becomes an exam of its own, which takes over the answers that are whole.")
        working.offer(lambda: _again(info.uid, int(tokens), purpose), "Ask again", "exam_again", count)


def _again(exam: str, tokens: int, purpose: str | None) -> work.ExamWork:
    with db.reading(current.engine()) as session:
        return work.ask_again(session, exam, tokens).model_copy(update={"open_test": purpose})


def lead_on(material: Material) -> None:
    """The way to the committee, from an exam whose mistakes are taught."""
    if material.exam.split == "train" and any(a.outcome != Outcome.CORRECT for a in material.attempts):
        current.link("pages/loop/committee.py", "Ask teachers about its mistakes", icon=":material/groups:")


def by_family(sat: ExamAnswers) -> None:
    """Accuracy by family with Wilson's intervals; nothing for an import, which holds mistakes alone."""
    if sat.exam.graded_by == "import" or not sat.answers:
        st.caption("An import holds mistakes alone, so it says nothing of how often the student is right.")
        return
    families = dict.fromkeys(a.family for a in sat.answers.values())
    groups = {"all": list(sat.answers.values())} if len(families) > 1 else {}
    groups |= {name: [a for a in sat.answers.values() if a.family == name] for name in families}
    rows = [_row(name, results.score(group)) for name, group in groups.items()]
    header = ("family", "questions", "right", "accuracy", "95 %", "no answer", "cut off")
    st.html(figures.table(header, rows))


def _row(name: str, score: Score) -> tuple[Cell, ...]:
    return (
        text.one_line(name.replace("_", " "), 40),
        score.n,
        score.correct,
        Html(f"<b>{score.accuracy:.1%}</b>"),
        f"{score.low:.1%} – {score.high:.1%}",
        score.no_answer,
        score.cut_off,
    )


def asked_how(row: t.Exam, sat: ExamAnswers) -> None:
    """How the student was asked."""
    settings: list[tuple[Cell, ...]] = [
        ("student", text.one_line(sat.exam.student, 60)),
        ("questions", text.one_line(f"{sat.exam.question_set}, split {sat.exam.split}", 80)),
        ("round", str(sat.exam.round)),
        ("graded by", {"ours": "this project", "import": "the imported file"}[row.graded_by]),
    ]
    settings += [
        (text.one_line(key.replace("_", " "), 40), f"{value:g}")
        for key, value in row.decoding.items()
        if isinstance(value, int | float)
    ]
    settings += [("seed", str(row.seed))] if row.seed is not None else []
    st.html(figures.table(("asked", ""), settings, words=2))
    if "prompt" in row.decoding:  # not where the student was asked elsewhere
        with st.expander("The prompt"):
            st.code(prompts.EXAM.text, language=None, wrap_lines=True)


class Show(StrEnum):
    """Which attempts are listed."""

    ALL = "all"
    RIGHT = "right"
    WRONG = "wrong"
    NO_ANSWER = "no answer"
    CUT_OFF = "cut off"


OUTCOMES = {Show.RIGHT: "correct", Show.WRONG: "incorrect", Show.NO_ANSWER: "no_answer"}


def listed(material: Material) -> None:
    """Every attempt, by outcome, with what was asked and answered."""
    address.settle("attempts", material.exam.id, outcome=Show.ALL.value, page=1)
    st.subheader("Attempts", anchor=False)
    wanted = st.segmented_control(
        "Show",
        [show.value for show in Show],
        key="outcome",
        bind="query-params",
        required=True,
        default=Show.ALL.value,
        label_visibility="collapsed",
        on_change=address.first_page,
        args=("page",),
    )
    show = Show(wanted or Show.ALL)
    outcome = OUTCOMES.get(show)
    found = [a for a in material.attempts if (a.is_cut_off if show is Show.CUT_OFF else outcome in (None, a.outcome))]
    if not found:
        st.caption("No attempt is among these.")
        return
    page = attempts.pages(len(found))
    asked = [(material.questions[a.question_id], a) for a in found]
    shown = [Shown(q, (attempts.answer("the student's response", q, a),)) for q, a in asked]
    attempts.draw(attempts.part(shown, page), ("answer",), judge=material.exam.split == "train")
