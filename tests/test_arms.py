"""Arms of one committee: what each is taught, at one size, over seeds; what comes of them; what a plan refuses."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from sqlmodel import select

from mapd import arm_results, students
from mapd.answers.grading import Outcome
from mapd.arm_results import ArmComparison, ArmScore, TrainingScore
from mapd.domain import Act
from mapd.errors import BadInput, MapdError, NotFound, Stopped
from mapd.finetune import controls
from mapd.finetune import run as finetuning
from mapd.finetune.hyperparameters import Hyperparameters
from mapd.jobs import JobProgress
from mapd.loop import arms, demo
from mapd.loop.arms import ArmsPlan
from mapd.loop.demo import DemoPlan
from mapd.people import owner
from mapd.results import ExamAnswer, ExamAnswers, score
from mapd.review import judging
from mapd.settings import Settings
from mapd.store import db, queries
from mapd.store import tables as t
from tests.pages.running import open_page
from tests.test_results import info

ANN = owner("ann")


# --- What is taught in place of the explanations ----------------------------------------------------------------------


def pair(question: str, *, task: str = "numeric", gold: str = "7", options: tuple[str, ...] = ()) -> dict[str, Any]:
    item = {"text": question, "task": task, "gold": gold, "options": list(options)}
    return {"question": item, "rationale": {"text": f"why {question}"}, "feedback": {"text": f"wrong {question}"}}


def key(line: dict[str, Any]) -> str:
    return str(line["question"]["text"])


def test_gold_answers_stand_alone_as_the_exam_asks_for_them() -> None:
    lines = [pair("a"), pair("b", task="choice", gold="B. granite", options=("oak", "granite"))]
    taught = controls.replace_texts(lines, "gold", 0, key)
    assert [line["rationale"]["text"] for line in taught] == ["Answer: 7", "Answer: B"]
    assert [line["rationale"]["text"] for line in lines] == ["why a", "why b"], "the snapshot's lines stay"


@given(st.lists(st.sampled_from("abcdefgh"), min_size=2, max_size=20), st.integers(0, 5))
def test_a_shuffled_text_is_never_its_own_questions(questions: list[str], seed: int) -> None:
    lines = [pair(name) for name in questions]
    if 2 * max(map(questions.count, questions)) > len(questions):
        with pytest.raises(BadInput, match="can't be shuffled between questions"):
            controls.replace_texts(lines, "shuffled", seed, key)
        return
    taught = controls.replace_texts(lines, "shuffled", seed, key)
    for kind, words in (("rationale", "why"), ("feedback", "wrong")):
        texts = [line[kind]["text"] for line in taught]
        assert sorted(texts) == sorted(f"{words} {name}" for name in questions)
        assert all(text != f"{words} {name}" for text, name in zip(texts, questions, strict=True))
    assert [key(line) for line in taught] == questions


def test_texts_are_shuffled_within_their_task() -> None:
    lines = [pair("a"), pair("b"), pair("c", task="text"), pair("d", task="text")]
    assert [line["rationale"]["text"] for line in controls.replace_texts(lines, "shuffled", 1, key)] == [
        *("why b", "why a", "why d", "why c")
    ]


def test_a_control_is_a_hyperparameter_that_older_finetunes_lack() -> None:
    assert "control" not in Hyperparameters().as_dict()
    assert Hyperparameters(control="shuffled").as_dict()["control"] == "shuffled"
    with pytest.raises(BadInput, match=r"gold answers have no feedback beside them: set alpha 0, not 0\.5"):
        Hyperparameters(control="gold")
    with pytest.raises(BadInput, match="control is one of none, gold, shuffled, not 'x'"):
        Hyperparameters(control="x")


# --- What comes of them -----------------------------------------------------------------------------------------------


def answered(uid: str, right: str) -> ExamAnswers:
    outcomes = {str(place): Outcome.CORRECT if mark == "1" else Outcome.INCORRECT for place, mark in enumerate(right)}
    answers = {name: ExamAnswer(name, "sums", "7", outcome) for name, outcome in outcomes.items()}
    return ExamAnswers(info(uid), answers, len(answers))


def arm_score(name: str, *rights: str) -> ArmScore:
    exams = [answered(f"{name}{seed}", right) for seed, right in enumerate(rights)]
    runs = [TrainingScore(seed, "s", "3f", e.exam, score(e.answers.values())) for seed, e in enumerate(exams)]
    return arm_results.measure(name, 0.5, tuple(runs), exams, None)


def test_an_arms_shares_are_the_means_of_its_trainings() -> None:
    arm = arm_score("paper", "1110" * 5, "1110" * 4 + "1100")
    assert list(arm.shares.values())[-4:] == [1, 1, 0.5, 0]
    assert arm.accuracy == pytest.approx(0.725)
    low, high = arm.of_questions
    assert 0 <= low < 0.725 < high <= 1
    assert arm.of_trainings is not None
    # Student's t of two values is wide: it is cut to what a share can be.
    assert 0 <= arm.of_trainings[0] < 0.725 < arm.of_trainings[1] <= 1
    assert arm_score("paper", "1110").of_trainings is None


def test_differences_are_paired_by_question_and_by_seed() -> None:
    better, worse = arm_score("paper", "1110", "1101"), arm_score("no-review", "1100", "1000")
    difference = arm_results.subtract(better, worse)
    assert difference.gain == 0.375
    assert difference.of_trainings is not None
    assert sum(difference.of_trainings) / 2 == pytest.approx((0.25 + 0.5) / 2)
    same = arm_results.subtract(better, better)
    assert (same.gain, same.of_questions) == (0, None)
    gain = arm_results.gain_on(better, answered("before", "0001"))
    assert gain.gain == 0.5
    assert gain.of_questions is not None
    assert gain.of_questions[0] < 0.5 < gain.of_questions[1]


# --- Over the stages --------------------------------------------------------------------------------------------------


@pytest.fixture
def taught(home: Path, scripted: None) -> tuple[sa.Engine, str]:
    """A project whose committee has explained an exam; its uid."""
    engine = db.open_store(Settings())
    return engine, demo.run(engine, home, DemoPlan(questions=18, held_out=6, seed=3), by=ANN).exam


def test_arms_are_taught_at_one_size_and_again_nothing_is_done(taught: tuple[sa.Engine, str], home: Path) -> None:
    engine, exam = taught
    names = ("no-review", "strict", "teacher:sound", "rationale-alone", "gold-answers", "shuffled", "few-shot")
    plan = ArmsPlan(exam, (*names, "untaught"), seeds=(4, 9))
    told: list[JobProgress] = []
    summary = arms.run(engine, home, plan, by=ANN, watch=told.append)
    assert [(o.arm, o.seed) for o in summary.outcomes] == [(arm, seed) for seed in (4, 9) for arm in names[:-1]]
    assert (told[-1].completed, told[-1].total) == (13, 14)
    with db.reading(engine) as session:
        assert arms.count_parts(session, plan) == 14
        rows = {row.sha256: row for row in queries.snapshots(session)}
        assert {rows[o.snapshot].pairs for o in summary.outcomes} == {summary.pairs}
        finetunes = {(row.arm, row.seed): row for row in session.exec(select(t.Finetune)) if row.arm}
        assert finetunes["gold-answers", 4].hyperparameters["control"] == "gold"
        assert (finetunes["gold-answers", 4].alpha, finetunes["shuffled", 4].alpha) == (0, 0.5)
        before = len(queries.exams(session)), len(session.exec(select(t.Call)).all())
    assert arms.run(engine, home, plan, by=ANN).outcomes == summary.outcomes
    with db.reading(engine) as session:
        assert (len(queries.exams(session)), len(session.exec(select(t.Call)).all())) == before
        (comparison,) = arm_results.load(session, exam)
    assert [arm.name for arm in comparison.arms] == list(names[:-1])
    assert all([run.seed for run in arm.trainings] == [4, 9] for arm in comparison.arms)
    assert [exam.shots for exam in comparison.few_shot] == [1]
    wrong = {arm.name: arm.wrong for arm in comparison.arms}
    assert wrong["strict"] == 0
    assert wrong["no-review"] is not None
    assert wrong["shuffled"] is wrong["gold-answers"] is None
    assert any("of 7 arms the best one looks better" in line for line in arm_results.list_caveats(comparison))


def test_a_stopped_run_goes_on_and_a_seed_is_added(taught: tuple[sa.Engine, str], home: Path) -> None:
    engine, exam = taught
    plan, asked = ArmsPlan(exam, ("no-review", "paper"), seeds=(1,)), 0

    def stop() -> bool:
        nonlocal asked
        asked += 1
        return asked > 1

    with pytest.raises(Stopped):
        arms.run(engine, home, replace(plan, before=None), by=ANN, stopping=stop)
    assert len(arms.run(engine, home, plan, by=ANN).outcomes) == 2
    assert len(arms.run(engine, home, replace(plan, seeds=(1, 2)), by=ANN).outcomes) == 4
    with db.reading(engine) as session:
        (comparison,) = arm_results.load(session, exam)
    assert [len(arm.trainings) for arm in comparison.arms] == [2, 2]


def test_a_training_that_was_stopped_and_kept_is_no_arm(
    taught: tuple[sa.Engine, str], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, exam = taught
    stopped = SimpleNamespace(name="small-4d07", stopped="stopped at step 3 of 9")
    monkeypatch.setattr(finetuning, "run", lambda *_, **__: stopped)
    with pytest.raises(BadInput, match="the training of small-4d07 was stopped at step 3 of 9; start again"):
        arms.run(engine, home, ArmsPlan(exam, ("paper",), seeds=(5,)), by=ANN)


def test_people_count_in_the_curated_arm_alone(taught: tuple[sa.Engine, str], home: Path) -> None:
    engine, exam = taught
    with db.writing(engine) as session:
        rationales = session.exec(select(t.Explanation).where(t.Explanation.kind == "rationale")).all()
        # One question's: it gives no pair then.
        of_question = [row for row in rationales if row.question_id == rationales[0].question_id]
        for row in of_question:
            target = judging.Target("rationale", queries.identity(row))
            judging.judge(session, target, Act.REJECT, by=ANN, reason="other")
        question = session.get_one(t.Question, rationales[0].question_id).uid
    summary = arms.run(engine, home, ArmsPlan(exam, ("curated", "no-review"), seeds=tuple(range(6))), by=ANN)
    taught_questions: dict[str, set[str]] = {"curated": set(), "no-review": set()}
    with db.reading(engine) as session:
        for outcome in summary.outcomes:
            lines = queries.snapshot(session, outcome.snapshot).lines.splitlines()
            taught_questions[outcome.arm] |= {json.loads(line)["question"]["uid"] for line in lines}
    assert question in taught_questions["no-review"]
    assert question not in taught_questions["curated"]


def test_a_plan_refuses_what_can_t_be(taught: tuple[sa.Engine, str], home: Path) -> None:
    engine, exam = taught
    refusals: list[tuple[dict[str, Any], type[MapdError], str]] = [
        ({"arms": ("lottery",)}, NotFound, r"unknown arm: lottery; it is one of no-review, .* or a policy"),
        ({"arms": ("paper", "paper")}, BadInput, "arm paper is named twice"),
        ({"arms": ("untaught", "few-shot")}, BadInput, "name one that is taught, too"),
        ({"seeds": ()}, BadInput, "a comparison has at least one seed"),
        ({"seeds": (-1,)}, BadInput, "seed is a number from 0"),
        ({"pairs": 1000}, BadInput, r"arm paper gives \d+, not 1,000 of the pairs to be taught"),
        ({"arms": ("teacher:nobody",)}, BadInput, "nobody wrote and reviewed nothing that counts"),
        ({"before": exam}, BadInput, "arms are compared on dev questions alone: .* asked the train ones"),
        ({"exam": "nothing"}, NotFound, "nothing"),
    ]
    for options, kind, words in refusals:
        with pytest.raises(kind, match=words):
            arms.run(engine, home, ArmsPlan(**{"exam": exam, "arms": ("paper",), **options}), by=ANN)
    with db.reading(engine) as session:
        dev = next(e for e in queries.exams(session) if e.split == "dev")
    with pytest.raises(BadInput, match="asked dev questions, which are never taught: name one over train"):
        arms.run(engine, home, ArmsPlan(dev.uid, ("paper",)), by=ANN)


def test_a_student_without_weights_is_refused_before_anything_runs(taught: tuple[sa.Engine, str], home: Path) -> None:
    engine, exam = taught
    with db.writing(engine) as session:
        student: t.Student = students.get(session, demo.STUDENT)
        student.base, student.base_url = "served:m", "http://127.0.0.1:9/v1"
    with pytest.raises(BadInput, match="its weights aren't here"):
        arms.run(engine, home, ArmsPlan(exam, ("paper",)), by=ANN)


def test_the_command_runs_and_shows_what_was_compared(
    taught: tuple[sa.Engine, str], mapd: Callable[..., tuple[int, str, str]]
) -> None:
    _, exam = taught
    words = ("arms", "--exam", exam)
    assert "no arms were compared on this exam yet" in mapd(*words)[1]
    code, out, err = mapd(*words, "--arms", "no-review, paper,few-shot", "--seeds", "1,2", "--json")
    assert code == 0, err
    result = json.loads(out)
    assert [arm["arm"] for arm in result["arms"]] == ["no-review", "paper"]
    assert {len(arm["trainings"]) for arm in result["arms"]} == {2}
    code, out, _ = mapd(*words, "--against", "no-review")
    assert code == 0
    assert "against no-review" in out
    assert "untaught, 1-shot" in out
    assert json.loads(mapd(*words, "--json")[1])["comparisons"][0]["uid"] == result["uid"]
    for options, words_ in (
        (("--seeds", "x", "--arms", "paper"), "seeds are whole numbers, such as 0,1,2, not x"),
        (("--detach",), "without --arms nothing is run: leave --detach out"),
        (("--arms", "paper", "--alpha", "2"), "alpha is a number from 0 to 1, not 2"),
        (("--against", "x"), "no arm is named x here; there is no-review, paper"),
        (("--arms", "paper", "--against", "x"), "--against names one of --arms, paper; not x"),
    ):
        code, _, err = mapd(*words, *options)
        assert code in (1, 2)
        assert words_ in err


# --- Beside the results: what a worked example in the prompt does -----------------------------------------------------


def test_results_say_what_a_worked_example_alone_does(
    taught: tuple[sa.Engine, str], home: Path, mapd: Callable[..., Any]
) -> None:
    engine, exam = taught
    outcome = arms.run(engine, home, ArmsPlan(exam, ("paper",), seeds=(0,)), by=ANN)
    words = ("results", "--before", outcome.before, "--after", outcome.outcomes[0].exam)
    assert json.loads(mapd(*words, "--json")[1])["few_shot"] == []
    arms.run(engine, home, ArmsPlan(exam, ("paper", "few-shot"), seeds=(0,), shots=2), by=ANN)
    (prompted,) = json.loads(mapd(*words, "--json")[1])["few_shot"]
    assert (prompted["shots"], prompted["n"]) == (2, 6)
    assert "Untaught, with 2 worked examples in its prompt, the student is right in" in mapd(*words)[1]


def test_the_page_starts_the_exam_with_a_worked_example(looped_home: Path) -> None:
    engine = db.open_store(Settings())
    app = open_page("pages/train/results.py")
    app.button(key="examine_few_shot").click().run()
    assert not app.exception
    with db.reading(engine) as session:
        job = session.exec(select(t.Job)).one()
        assert (job.kind, job.parameters["student"], job.parameters["split"]) == ("exam", "small 1-shot", "dev")
        assert students.get(session, "small 1-shot").shots == 1
        assert looped_home


def test_an_arm_of_a_fitted_policy_is_not_the_committees_alone() -> None:
    arms = [replace(arm_score(name, "1110"), labels=labels) for name, labels in LABELS.items()]
    comparison = ArmComparison("s", 9, "sums", {}, answered("before", "0001"), (), tuple(arms), simulated=False)
    caveats = " ".join(arm_results.list_caveats(comparison))
    assert "careful, free: a fitted policy looks better on the exam that it was fitted on" in caveats
    assert " careful: fitted on what people decided, so it isn't the committee's work alone." in caveats


LABELS = {"paper": None, "careful": "people", "free": "gold"}
