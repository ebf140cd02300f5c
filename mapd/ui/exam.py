"""The parts of the exam page: the student's results, how it was asked, and every attempt."""

from collections.abc import Callable

import streamlit as st

from mapd import exam as stage
from mapd import prompts, results, students
from mapd.answers.grading import Outcome
from mapd.domain import Material, Response
from mapd.jobs import kinds
from mapd.results import ExamAnswers, ExamContent, Score
from mapd.sampled_answers import SampledScores
from mapd.store import audit_log, queries
from mapd.store import tables as t
from mapd.ui import exam_scores, jobs
from mapd.ui.kit import actions, attempts, context, start_forms, tables, text, theme, url_state
from mapd.ui.kit.attempts import AttemptRow
from mapd.ui.kit.pagination import take_page
from mapd.ui.kit.start_forms import MOST_TOKENS
from mapd.ui.kit.tables import Cell, Html


def draw_progress(exam_answers: ExamAnswers, material: Material) -> None:
    """Draw progress and outcomes: of every answer, where each question was asked several times."""
    count, outcomes = len(exam_answers.answers), [a.outcome for a in material.attempts]
    if count < exam_answers.question_count:
        st.progress(
            count / exam_answers.question_count, f"{count:,} of {exam_answers.question_count:,} questions answered"
        )
        st.caption("If the exam is no longer running, start it again: it goes on where it stopped.")
    counts = {outcome: outcomes.count(outcome) for outcome in Outcome}
    cut_off_count = sum(a.is_cut_off for a in material.attempts)
    tables.draw_row(
        (count, "questions answered"),
        *([(len(outcomes), "answers")] if len(outcomes) > count else []),
        *((counts[outcome], theme.LOOKS[outcome.value].word) for outcome in Outcome),
        (len(outcomes) - counts[Outcome.CORRECT], "mistakes, as recorded"),
        *([(cut_off_count, theme.LOOKS["cut_off"].word)] if cut_off_count else []),
    )


def draw_cut_off_form(material: Material) -> None:
    """Draw, where answers were cut off, what that means, and the button that asks again with more tokens."""
    count, info = sum(a.is_cut_off for a in material.attempts), material.exam
    if not count or jobs.is_active("exam"):
        return
    row = context.read(queries.exam_row, info.id)
    is_available = students.can_be_asked(context.read(students.get, row.student_id), context.settings().home)
    longest = row.decoding.get("max_tokens")
    limit_words = f" at {longest:,} tokens" if isinstance(longest, int) else ""
    subject = "answers were" if count != 1 else "answer was"
    st.caption(
        f"{count:,} {subject} cut off{limit_words}: without the answer line they count as no answer, and teachers "
        "aren’t asked about them."
    )
    if not is_available or not isinstance(longest, int) or not 0 < longest < MOST_TOKENS:
        return
    with st.expander(f"Ask the {count:,} cut-off answers again, with more tokens"):
        suggestion = min(kinds.MORE_TOKENS * longest, MOST_TOKENS)
        tokens = st.number_input("Tokens of an answer", longest + 1, MOST_TOKENS, suggestion, key="again_tokens")
        purpose = start_forms.ask_purpose("again_purpose") if info.split == "test" else None
        if info.split == "test" and purpose is None:
            return
        st.caption("This makes a new exam, which takes over the complete answers of this one.")
        jobs.draw_start(lambda: _make_exam(info.uid, int(tokens), purpose), "Ask again", "exam_again", count)


def _make_exam(exam: str, tokens: int, purpose: str | None) -> kinds.ExamWork:
    return context.read(kinds.ask_again, exam, tokens).model_copy(update={"open_test": purpose})


def draw_committee_link(material: Material) -> None:
    """Draw the link to the committee, for an exam whose mistakes are taught."""
    if material.exam.split == "train" and any(a.outcome != Outcome.CORRECT for a in material.attempts):
        context.link("pages/loop/committee.py", "Ask teachers about its mistakes", icon=":material/groups:")


def draw_families(exam_answers: ExamAnswers) -> None:
    """Draw accuracy by family with Wilson's intervals; not for an import, which holds mistakes alone."""
    if exam_answers.exam.graded_by == "import" or not exam_answers.answers:
        st.caption("An import holds only mistakes, so it doesn't say how often the student is right.")
        return
    families = dict.fromkeys(a.family for a in exam_answers.answers.values())
    groups = {"all": list(exam_answers.answers.values())} if len(families) > 1 else {}
    groups |= {name: [a for a in exam_answers.answers.values() if a.family == name] for name in families}
    scores = {name: results.score(group) for name, group in groups.items()}
    exam_scores.draw_families(scores)
    rows = [_family_row(name, score) for name, score in scores.items()]
    tables.draw_table(("family", "questions", "right", "accuracy", "95 %", "no answer", "cut off"), rows)


def _family_row(name: str, score: Score) -> tuple[Cell, ...]:
    return (
        text.one_line(name.replace("_", " "), 40),
        score.n,
        score.correct,
        Html(f"<b>{score.accuracy:.1%}</b>"),
        f"{score.low:.1%} – {score.high:.1%}",
        score.no_answer,
        score.cut_off,
    )


def draw_samples(exam_id: int) -> None:
    """Draw mean@k, maj@k and pass@k, where each question was asked several times."""
    scores = _measure_samples(exam_id, (str(context.engine().url), *_read_edition()))
    if scores is None:
        return
    rows = [(name, Html(f"<b>{x.value:.1%}</b>"), f"{x.low:.1%} – {x.high:.1%}") for name, x in scores.by_name.items()]
    st.subheader(f"{scores.k} answers to each question", anchor=False)
    exam_scores.draw_samples(scores)
    tables.draw_table(("", "of the questions", "95 %"), rows)
    words = {
        "mean": "the share of right answers",
        "maj": "the answer that most samples give is right",
        "pass@j": "one of j answers is right",
    }
    st.caption(" · ".join(f"{name}: {meaning}" for name, meaning in words.items()))


def draw_mistake_rule(exam_id: int, samples: int) -> None:
    """Draw in how many of its samples a question is to be wrong, and the button that sets it."""
    info = context.read(queries.exam, exam_id)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        number = st.number_input(
            f"Wrong answers are mistakes where at least so many of {samples} are wrong",
            1,
            samples,
            min(info.wrong_in, samples),
            key=f"wrong_in_{exam_id}",
            width=420,
        )
        if int(number) != info.wrong_in and actions.button("Set", key="set_wrong_in", icon=":material/check:"):
            actions.write_and_rerun(lambda session, by: stage.set_wrong_in(session, exam_id, int(number), by=by))


def _read_edition() -> tuple[object, ...]:
    return context.read(queries.newest, t.Attempt), context.read(audit_log.edition)


@st.cache_data(max_entries=32, show_spinner="Comparing answers …")
def _load_content(exam_id: int | None, edition: tuple[object, ...]) -> ExamContent:  # noqa: ARG001 - the cache's key
    return context.read(results.load_content, exam_id or 0)


@st.cache_data(max_entries=32, show_spinner="Counting samples …")
def _measure_samples(exam_id: int, edition: tuple[object, ...]) -> SampledScores | None:  # noqa: ARG001 - the cache's key
    return context.read(results.load_sampled, exam_id)


def draw_setup(row: t.Exam, exam_answers: ExamAnswers) -> None:
    """Draw how the student was asked."""
    settings: list[tuple[Cell, ...]] = [
        ("student", text.one_line(exam_answers.exam.student, 60)),
        ("questions", text.one_line(f"{exam_answers.exam.question_set}, split {exam_answers.exam.split}", 80)),
        ("round", str(exam_answers.exam.round)),
        ("graded by", {"ours": "this project", "import": "the imported file"}[row.graded_by]),
    ]
    settings += [
        (text.one_line(key.replace("_", " "), 40), f"{value:g}")
        for key, value in row.decoding.items()
        if isinstance(value, int | float)
    ]
    settings += [("seed", str(row.seed))] if row.seed is not None else []
    settings += [("backend", text.one_line(str(row.decoding["backend"]), 40))] if "backend" in row.decoding else []
    content = _load_content(row.id, (str(context.engine().url), *_read_edition()))
    settings += [("answers, sha256", Html(f"<code>{content.sha256[:16]}</code>"))]
    tables.draw_table(("asked", ""), settings, words=2)
    if content.rendering is not None:
        st.caption(text.label(f"Its prompt: {content.rendering}.", 200))
    if content.note is not None:
        st.caption(f"{content.note[0].upper()}{content.note[1:]}.")
    # Missing where the student was asked elsewhere.
    if "prompt" in row.decoding:
        with st.expander("The prompt"):
            st.code(prompts.EXAM.text, language=None, wrap_lines=True)


# By the word in the address: which attempts are listed.
FILTERS: dict[str, Callable[[Response], bool]] = {
    "all": lambda _: True,
    "right": lambda attempt: attempt.outcome == Outcome.CORRECT,
    "wrong": lambda attempt: attempt.outcome == Outcome.INCORRECT,
    "no answer": lambda attempt: attempt.outcome == Outcome.NO_ANSWER,
    "cut off": lambda attempt: attempt.is_cut_off,
}


def draw_attempts(material: Material) -> None:
    """Draw every attempt, by outcome, with question and response."""
    url_state.settle("attempts", material.exam.id, outcome="all", page=1)
    st.subheader("Attempts", anchor=False)
    fits = FILTERS[url_state.choose_group("outcome", list(FILTERS), "all")]
    matching_attempts = list(filter(fits, material.attempts))
    if not matching_attempts:
        st.caption("No attempt fits this filter.")
        return
    pairs = [(material.questions[a.question_id], a) for a in take_page(matching_attempts)]
    attempt_rows = [AttemptRow(q, (attempts.make_answer_cell("the student's response", q, a),)) for q, a in pairs]
    attempts.draw_rows(attempt_rows, ("answer",), with_links=material.exam.split == "train")
