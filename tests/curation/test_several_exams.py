"""Snapshots of several exams, narrowed, and with pairs of one text alone: what is in them, and what they say of it."""

import json
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from sqlmodel import Session, select

from mapd import committee, exam, jobs, students, teacher_models, teachers, trash
from mapd.curation import live_set, saved_policies, snapshots
from mapd.curation.curated import Curated, Narrowing
from mapd.curation.pairs import DrawSettings, Texts, draw, read_texts
from mapd.curation.selection import load_sets, narrow
from mapd.curation.summary import summary
from mapd.domain import Act, ExamInfo
from mapd.errors import BadInput
from mapd.exchange import archive, authors
from mapd.exchange.training import FORMATS
from mapd.exchange.training import snapshots as outgoing
from mapd.finetune import run as finetuning
from mapd.finetune.hyperparameters import Hyperparameters
from mapd.jobs.kinds import FinetuneWork
from mapd.people import owner
from mapd.policies import PAPER, STRICT
from mapd.review.judging import Target, judge
from mapd.settings import Settings
from mapd.store import db, project, queries
from mapd.store import snapshots as stored
from mapd.store import tables as t
from tests import looped, samples
from tests.conftest import import_files

ANN = owner("ann")


def import_exam(
    session: Session, folder: Path, *, stem: str, numbers: list[int], wrong: str = "", **changed: Any
) -> str:
    """An import of these mistakes; `wrong`: what the student says instead. Its uid."""
    rows = [samples.row(number) | changed for number in numbers]
    for row in rows:
        row["student_wrong_pred"] = wrong or row["student_wrong_pred"]
    folder.mkdir(exist_ok=True)
    return import_files(session, *samples.write(folder, rows, stem)).exam


@pytest.fixture
def exams(session: Session, tmp_path: Path) -> list[ExamInfo]:
    """Two exams of one student with four mistakes in common, three of them with the same wrong answer, and one of
    another student."""
    uids = [
        import_exam(session, tmp_path / "a", stem="Tiny-1b_pens", numbers=list(range(8))),
        import_exam(session, tmp_path / "b", stem="Tiny-1b_more", numbers=list(range(4, 12))),
        import_exam(session, tmp_path / "c", stem="Other-7b_few", numbers=[0, 1, 20, 21], wrong="Answer: 1"),
    ]
    return [queries.exam(session, uid) for uid in uids]


def lines(row: t.Snapshot) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stored.lines_of(row.lines)]


def taught(line: dict[str, Any]) -> tuple[object, ...]:
    """What a line teaches, in words."""
    texts = [line[kind]["text"] if kind in line else None for kind in ("rationale", "feedback")]
    return line["question"]["text"], line["attempt"]["text"], *texts


def sets_of(session: Session, exams: list[ExamInfo], **options: Any) -> tuple[Curated, ...]:
    return load_sets(session, exams, **options)


# --- Several exams ----------------------------------------------------------------------------------------------------


def test_it_holds_each_exams_own_pairs_and_no_pair_twice(session: Session, exams: list[ExamInfo]) -> None:
    row = snapshots.freeze(session, *sets_of(session, exams), by=ANN)
    alone = [lines(snapshots.freeze(session, *sets_of(session, [exam]), by=ANN)) for exam in exams]
    every = [taught(line) for of_exam in alone for line in of_exam]
    assert len(set(every)) < len(every), "two of the exams have mistakes in common"
    assert sorted(map(taught, lines(row)), key=str) == sorted(set(every), key=str)
    assert row.manifest["counts"]["repeated_pairs"] == len(every) - len(set(every))
    assert row.pairs == row.manifest["counts"]["pairs"] == len(set(every))
    questions = [line["question"]["uid"] for line in lines(row)]
    assert sorted(questions, key=questions.index) == questions, "the pairs of a question stand together"


def test_the_manifest_names_the_exams_with_their_counts(session: Session, exams: list[ExamInfo]) -> None:
    sets = sets_of(session, exams)
    manifest = snapshots.freeze(session, *sets, by=ANN).manifest
    assert "exam" not in manifest
    assert {exam["uid"] for exam in manifest["exams"]} == {exam.uid for exam in exams}
    for name in ("mistakes", "rationales", "accepted", "covered"):
        assert sum(exam["counts"][name] for exam in manifest["exams"]) == manifest["counts"][name]
    assert manifest["counts"]["mistakes"] == sum(len(curated.mistakes) for curated in sets) == 20


def test_the_order_in_which_exams_are_named_is_no_difference(session: Session, exams: list[ExamInfo]) -> None:
    first = snapshots.freeze(session, *sets_of(session, exams), by=ANN)
    again = snapshots.freeze(session, *sets_of(session, exams[::-1]), by=owner("bob"))
    assert (again.id, again.sha256) == (first.id, first.sha256)
    ids = [exam.id for exam in queries.exams_of_snapshot(session, queries.identity(first))]
    assert sorted(ids) == sorted(exam.id for exam in exams)
    assert len(session.exec(select(t.SnapshotExam)).all()) == 2


def test_it_stands_among_the_snapshots_of_each_of_its_exams(session: Session, exams: list[ExamInfo]) -> None:
    row = snapshots.freeze(session, *sets_of(session, exams[:2]), by=ANN)
    listed = [[snapshot.sha256 for snapshot in queries.snapshots(session, exam.id)] for exam in exams]
    assert listed == [[row.sha256], [row.sha256], []]
    counts = {holding.uid: holding.snapshots for holding in project.holdings(session)}
    assert [counts[exam.uid] for exam in exams] == [1, 1, 0]
    stored.check(row)


def test_the_same_in_another_project_has_the_same_name(session: Session, exams: list[ExamInfo], tmp_path: Path) -> None:
    here = snapshots.freeze(session, *sets_of(session, exams), by=ANN, texts=tuple(Texts)).sha256
    engine = db.open_store(Settings(home=tmp_path / "there", database_url=None))
    with db.writing(engine) as other:
        uids = [
            import_exam(other, tmp_path / "c2", stem="Other-7b_few", numbers=[0, 1, 20, 21], wrong="Answer: 1"),
            import_exam(other, tmp_path / "b2", stem="Tiny-1b_more", numbers=list(range(4, 12))),
            import_exam(other, tmp_path / "a2", stem="Tiny-1b_pens", numbers=list(range(8))),
        ]
        infos = [queries.exam(other, uid) for uid in uids]
        there = snapshots.freeze(other, *load_sets(other, infos), by=ANN, texts=tuple(Texts)).sha256
    engine.dispose()
    assert there == here


NAMES = {  # as the code of before gave them
    "c1d03c3133711307559294c5daf1db1e4660833a53a11da7c4d78beb782c95dd": {},
    "36a31a56ad7c0e1aa6835d043b63fa62a230dc6641fe7d88cd1f401b74490e1a": {"seed": 3},
    "109b02d41d86a70eafcbafc60f3b7a0bc424130ff8ed697eced2cff292f4295a": {"everything": True},
    "36b267393954a4d1d326d3a8f9cc6b2290957b4011b65a90572ac00f773379ae": {"limit": 5},
}


@pytest.mark.parametrize("name", NAMES)
def test_of_one_exam_without_the_new_choices_it_has_the_name_that_it_always_had(
    session: Session, exam: ExamInfo, name: str
) -> None:
    assert snapshots.freeze(session, *sets_of(session, [exam]), by=ANN, **NAMES[name]).sha256 == name


def test_narrowed_to_a_teacher_it_has_that_name_too(session: Session, exam: ExamInfo) -> None:
    curated = narrow(live_set.load_curated(session, exam.id), ("gpt",))
    name = "f25cac324776ef4eaeb4fff00c4060aeadad29f41ad29ffcc63902e2539b434f"
    assert snapshots.freeze(session, curated, by=ANN).sha256 == name


def test_exams_under_different_policies_are_refused_unless_one_is_named(
    session: Session, exams: list[ExamInfo]
) -> None:
    saved_policies.set_policy(session, exams[1].id, "strict", None, by=ANN)
    with pytest.raises(BadInput, match=r"the exams have different policies .*: name one, with --policy"):
        sets_of(session, [queries.exam(session, exam.id) for exam in exams])
    sets = sets_of(session, exams, policy="paper", threshold=3.5)
    assert {(curated.policy.name, curated.policy.threshold) for curated in sets} == {("paper", 3.5)}
    mixed = [
        live_set.load_curated(session, exam.id, policy) for exam, policy in zip(exams, (PAPER, STRICT), strict=False)
    ]
    with pytest.raises(BadInput, match="are curated under different policies"):
        snapshots.freeze(session, *mixed, by=ANN)


def test_an_exam_that_is_named_twice_is_refused(session: Session, exams: list[ExamInfo]) -> None:
    with pytest.raises(BadInput, match=f"exam {exams[0].name} is named twice"):
        sets_of(session, [exams[0], exams[1], exams[0]])
    curated = live_set.load_curated(session, exams[0].id)
    with pytest.raises(BadInput, match="of different exams"):
        snapshots.freeze(session, curated, curated, by=ANN)


# --- What is tested is never taught -----------------------------------------------------------------------------------


def add_test_question(session: Session, text: str) -> None:
    """A set whose test split has a question of these words."""
    row = t.QuestionSet(name="tests", source="x", sha256="f" * 64)
    session.add(row)
    session.flush()
    values = {"source_id": "1", "position": 0, "split": "test", "task": "numeric", "text": text, "gold": "1"}
    session.add(t.Question(set_id=queries.identity(row), **values))
    session.flush()


def test_a_question_of_a_test_split_never_comes_in_whatever_set_it_is_in(
    session: Session, exams: list[ExamInfo]
) -> None:
    sets = sets_of(session, exams)
    before = snapshots.freeze(session, *sets, by=ANN)
    question = lines(before)[0]["question"]["text"]
    add_test_question(session, f"  {question.replace(' ', '  ')} ")
    for some in (sets, sets[:1], sets[1:2]):
        row = snapshots.freeze(session, *some, by=ANN)
        assert question not in {line["question"]["text"] for line in lines(row)}
        number = sum(m.question.text == question for curated in some for m in curated.mistakes)
        assert row.manifest["counts"].get("in_test_splits", 0) == number
        others = [line for line in lines(before) if line["question"]["text"] != question]
        assert [line for line in lines(row) if line in others] == lines(row) or len(some) < 3, "no other draw moves"


def test_an_exam_over_test_or_dev_questions_is_refused(session: Session, exams: list[ExamInfo]) -> None:
    for split in ("test", "dev"):
        session.execute(sa.update(t.Exam).where(t.Exam.id == exams[1].id).values(split=split))  # type: ignore[arg-type]
        infos = [queries.exam(session, exam.id) for exam in exams]
        with pytest.raises(BadInput, match=f"asked the {split} questions, which are never taught"):
            snapshots.freeze(session, *sets_of(session, infos), by=ANN)


# --- Narrowed ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def families(session: Session, exams: list[ExamInfo]) -> list[ExamInfo]:
    """The exams' questions are of three families by their numbers, and some are answered in words."""
    for question in session.exec(select(t.Question)).all():
        session.execute(
            sa.update(t.Question)
            .where(t.Question.id == question.id)  # type: ignore[arg-type]
            .values(
                family="abc"[int(question.source_id) % 3], task="numeric" if int(question.source_id) % 4 else "text"
            )
        )
    session.expire_all()
    return exams


def test_it_is_narrowed_to_families_and_tasks_over_all_exams(session: Session, families: list[ExamInfo]) -> None:
    whole = sets_of(session, families)
    narrowed = sets_of(session, families, narrowing=Narrowing(families=("b", "a"), tasks=("numeric",)))
    for every, some in zip(whole, narrowed, strict=True):
        wanted = [m for m in every.mistakes if m.question.family in "ab" and m.question.task.value == "numeric"]
        assert list(some.mistakes) == wanted, "nothing of them is decided otherwise"
    row = snapshots.freeze(session, *narrowed, by=ANN)
    assert {line["question"]["family"] for line in lines(row)} == {"a", "b"}
    assert (row.manifest["families"], row.manifest["tasks"]) == (["a", "b"], ["numeric"])
    assert row.manifest["counts"]["mistakes"] == sum(len(some.mistakes) for some in narrowed)


def test_judgements_of_other_questions_are_no_part_of_it(session: Session, families: list[ExamInfo]) -> None:
    first = live_set.load_curated(session, families[0].id)
    inside = next(m for m in first.mistakes if m.question.family == "a")
    outside = next(m for m in first.mistakes if m.question.family == "b")
    judge(session, Target("rationale", inside.rationales[0].text.id), Act.ACCEPT, by=ANN)
    judge(session, Target("attempt", outside.attempt.id), Act.REJECT, by=ANN)
    (narrowed,) = sets_of(session, families[:1], narrowing=Narrowing(families=("a",)))
    assert [row.target_uid for row in narrowed.judgements] == [inside.rationales[0].text.uid]
    assert narrowed.corrected == ()
    (other,) = sets_of(session, families[:1], narrowing=Narrowing(families=("b",)))
    assert [attempt.id for attempt in other.corrected] == [outside.attempt.id]


def test_a_teacher_of_one_of_the_exams_is_enough(session: Session, exams: list[ExamInfo]) -> None:
    name = session.exec(select(t.Teacher).where(t.Teacher.name == "gpt")).one()
    member = (t.CommitteeMember.teacher_id == name.id) & (t.CommitteeMember.exam_id == exams[1].id)
    session.execute(sa.delete(t.CommitteeMember).where(member))  # type: ignore[arg-type]
    sets = sets_of(session, exams[:2], narrowing=Narrowing(teachers=("gpt",)))
    assert [bool(curated.texts) for curated in sets] == [True, False]
    with pytest.raises(
        BadInput, match=r"nobody wrote and reviewed nothing that counts in .*, .*; gpt, gemini, mistral did"
    ):
        sets_of(session, exams[:2], narrowing=Narrowing(teachers=("nobody",)))


@pytest.mark.parametrize(
    ("narrowing", "words"),
    [
        (Narrowing(tasks=("poetry",)), "no question asked there is of task poetry; there is numeric"),
        (Narrowing(families=("z",)), "no question asked there is of family z; there is none"),
    ],
)
def test_what_no_question_is_of_is_one_line(
    session: Session, exams: list[ExamInfo], narrowing: Narrowing, words: str
) -> None:
    with pytest.raises(BadInput) as error:
        sets_of(session, exams, narrowing=narrowing)
    assert str(error.value).startswith(words)


# --- One text alone ---------------------------------------------------------------------------------------------------


@pytest.fixture
def lacking(session: Session, exam: ExamInfo) -> Curated:
    """Twelve mistakes: the first lacks a standing feedback, the second an accepted rationale, the third both."""
    mistakes = live_set.load_curated(session, exam.id).mistakes
    texts = [*mistakes[0].feedback, *mistakes[1].rationales, *mistakes[2].texts]
    for x in texts:
        judge(session, Target(x.text.kind, x.text.id), Act.REJECT, by=ANN, reason="other")
    return live_set.load_curated(session, exam.id)


CHOICES = [
    ((Texts.BOTH,), (9, 0, 0)),
    ((Texts.BOTH, Texts.RATIONALE), (9, 1, 0)),
    ((Texts.BOTH, Texts.FEEDBACK), (9, 0, 1)),
    (tuple(Texts), (9, 1, 1)),
    ((Texts.RATIONALE,), (0, 10, 0)),
    ((Texts.FEEDBACK,), (0, 0, 10)),
    ((Texts.RATIONALE, Texts.FEEDBACK), (0, 10, 1)),
]


@pytest.mark.parametrize(("texts", "numbers"), CHOICES)
def test_a_pair_has_what_was_chosen_and_the_manifest_counts_it(
    session: Session, lacking: Curated, texts: tuple[Texts, ...], numbers: tuple[int, int, int]
) -> None:
    row = snapshots.freeze(session, lacking, by=ANN, texts=texts)
    kinds = [tuple(kind for kind in ("rationale", "feedback") if kind in line) for line in lines(row)]
    both, rationale, feedback = numbers
    assert [kinds.count(x) for x in (("rationale", "feedback"), ("rationale",), ("feedback",))] == [*numbers]
    counts, usual = row.manifest["counts"], texts == (Texts.BOTH,)
    assert ("texts" in row.manifest["draw"]) is not usual
    assert counts["pairs"] == sum(numbers) == row.pairs
    if not usual:
        assert (counts["pairs_without_feedback"], counts["pairs_without_rationale"]) == (rationale, feedback)
        assert sum(counts["feedback_by_teacher"].values()) == both + feedback
    assert sum(counts["pairs_by_teacher"].values()) == both + rationale
    assert counts["preferences"] == sum(len(line["rejected"]) for line in lines(row))
    assert all(None not in line.values() for line in lines(row))
    stored.check(row)
    contents = snapshots.count_contents(row.lines, row.manifest)
    assert (contents.pairs, len(contents.mistakes)) == (row.pairs, row.pairs)


def test_a_text_is_the_same_alone_as_beside_the_other(session: Session, lacking: Curated) -> None:
    drawn = {
        texts: {
            line["mistake"]: line for line in lines(snapshots.freeze(session, lacking, by=ANN, seed=4, texts=texts))
        }
        for texts in ((Texts.BOTH,), (Texts.RATIONALE,), (Texts.FEEDBACK,))
    }
    for mistake, line in drawn[Texts.BOTH,].items():
        assert drawn[Texts.RATIONALE,][mistake]["rationale"] == line["rationale"]
        assert drawn[Texts.FEEDBACK,][mistake]["feedback"] == line["feedback"]


def test_a_rationale_alone_that_another_pair_teaches_is_left_out(session: Session, exams: list[ExamInfo]) -> None:
    # The third exam shares two questions with the first, with other wrong answers: its rationales are in its pairs.
    texts = (Texts.RATIONALE,)
    sets = sets_of(session, exams)
    row = snapshots.freeze(session, *sets, by=ANN, texts=texts)
    learned = [(line["question"]["text"], line["rationale"]["text"]) for line in lines(row)]
    assert len(set(learned)) == len(learned)
    settings = DrawSettings(texts=texts)
    number = sum(len(draw(curated, settings=settings).pairs) for curated in sets)
    assert row.manifest["counts"]["repeated_pairs"] == number - len(learned) > 0


def test_what_a_pair_can_not_have_is_one_line() -> None:
    assert read_texts(["feedback", "both"]) == (Texts.BOTH, Texts.FEEDBACK)
    for names, words in ((["none"], "not none"), ([], "something to teach")):
        with pytest.raises(BadInput, match=words):
            read_texts(names)


def test_an_empty_one_says_what_it_lacks(session: Session, exam: ExamInfo) -> None:
    curated = live_set.load_curated(session, exam.id, PAPER.at(5))
    with pytest.raises(BadInput, match="no mistake with an accepted rationale under policy paper at 5"):
        snapshots.freeze(session, curated, by=ANN, texts=(Texts.RATIONALE,))


@pytest.mark.parametrize("fault", ["neither", "not counted", "null", "no exam", "one exam of several"])
def test_one_that_is_not_what_it_says_is_refused(session: Session, lacking: Curated, fault: str) -> None:
    row = snapshots.freeze(session, lacking, by=ANN, texts=tuple(Texts))
    pairs, manifest = lines(row), dict(row.manifest)
    if fault == "neither":
        alone = next(pair for pair in pairs if "feedback" not in pair)
        del alone["rationale"]
    elif fault == "not counted":
        manifest["counts"] = manifest["counts"] | {"pairs_without_feedback": 0}
    elif fault == "null":
        next(pair for pair in pairs if "feedback" not in pair)["feedback"] = None
    elif fault == "no exam":
        del manifest["exam"]
    else:
        manifest["exams"] = [manifest.pop("exam")]
    row.lines = "".join(json.dumps(pair) + "\n" for pair in pairs)
    row.manifest = manifest | {"lines_sha256": stored.sha256(row.lines)}
    row.sha256 = stored.sha256(stored.manifest_text(row.manifest))
    with pytest.raises(BadInput, match="can't be read: ") as error:
        stored.check(row)
    assert "\n" not in str(error.value)


# --- Out, and to the student ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("texts", [(Texts.BOTH,), tuple(Texts), (Texts.RATIONALE,), (Texts.FEEDBACK,)])
def test_each_format_holds_what_was_counted(
    engine: sa.Engine, tmp_path: Path, name: str, texts: tuple[Texts, ...]
) -> None:
    with db.writing(engine) as session:
        exams = [
            queries.exam(session, import_exam(session, tmp_path / stem, stem=f"Tiny-1b_{stem}", numbers=numbers))
            for stem, numbers in (("a", list(range(8))), ("b", list(range(4, 12))))
        ]
        mistake = live_set.load_curated(session, exams[1].id).mistakes[-1]
        for x in mistake.feedback:
            judge(session, Target("feedback", x.text.id), Act.REJECT, by=ANN, reason="other")
        row = snapshots.freeze(session, *load_sets(session, exams), by=ANN, texts=texts)
        sha256, pairs = row.sha256, lines(row)
    told: list[int] = []
    format_ = FORMATS[name]
    if name == "preference" and texts == (Texts.FEEDBACK,):
        with pytest.raises(BadInput, match="gives no row of preference"):
            outgoing.export(engine, sha256, format_, tmp_path / "out", by=ANN)
        return
    made = outgoing.export(engine, sha256, format_, tmp_path / f"out{format_.ending}", by=ANN, announce=told.append)
    assert told == [made.rows]
    number = sum(kind in pair for pair in pairs for kind in ("rationale", "feedback"))
    if name in ("messages", "prompt-completion", "parquet", "csv", "alpaca", "sharegpt"):
        assert made.rows == number


@pytest.fixture
def frozen(engine: sa.Engine, tmp_path: Path) -> str:
    """A snapshot of exams of two students."""
    with db.writing(engine) as session:
        uids = [
            import_exam(session, tmp_path / "a", stem="Tiny-1b_pens", numbers=list(range(8))),
            import_exam(session, tmp_path / "c", stem="Other-7b_few", numbers=[0, 1, 20], wrong="Answer: 1"),
        ]
        sets = load_sets(session, [queries.exam(session, uid) for uid in uids])
        return snapshots.freeze(session, *sets, by=ANN).sha256


def test_of_exams_of_several_students_the_one_to_be_taught_is_named(engine: sa.Engine, frozen: str) -> None:
    words = r"is of exams of Other-7b, Tiny-1b: name the student to be taught, with --student"
    with pytest.raises(BadInput, match=words):
        finetuning.run(engine, snapshot_sha=frozen, hyperparameters=Hyperparameters(), by=ANN, home=Path("nowhere"))
    with db.writing(engine) as session:
        with pytest.raises(BadInput, match=words):
            FinetuneWork(snapshot=frozen).size(session)
        with pytest.raises(BadInput, match="Tiny-1b came with an import, without weights"):
            FinetuneWork(snapshot=frozen, student="Tiny-1b").size(session)
        students.get(session, "Tiny-1b").base = "path:/models/tiny"
        steps = FinetuneWork(snapshot=frozen, student="Tiny-1b").size(session)
        assert steps == Hyperparameters().steps(queries.snapshot(session, frozen).pairs)


def test_two_rounds_over_the_same_questions_share_rationales_judgements_and_preferences(
    engine: sa.Engine, tmp_path: Path
) -> None:
    looped.go_round(engine)
    second = exam.run(
        engine, looped.Scripted(7), student="small-tuned", question_set=looped.SET, split="train", by=ANN
    ).exam
    with db.reading(engine) as session:
        rows = [teachers.get(session, name) for name in ("sound", "slips", "lucky")]
        models = {row.name: teacher_models.open_model(engine, row) for row in rows}
    committee.collect(engine, exam=second, teachers=list(models), models=models, by=ANN)
    with db.writing(engine) as session:
        infos = [info for info in queries.exams(session) if info.split == "train"]
        shared = [{x.text.uid for x in curated.rationales} for curated in sets_of(session, infos)]
        (first, *_) = [x for x in sets_of(session, infos)[0].rationales if x.text.uid in shared[1]]
        judge(session, Target("rationale", first.text.id), Act.ACCEPT, by=ANN)
        row = snapshots.freeze(session, *sets_of(session, infos), by=ANN, everything=True)
        sha256, counts = row.sha256, row.manifest["counts"]
        assert [judgement["uid"] for judgement in row.manifest["judgements"]] == [first.text.uid]
        assert {line["question"]["uid"] for line in lines(row)} == {
            m.question.uid for c in sets_of(session, infos) for m in c.mistakes if m.covered
        }
    path = tmp_path / "rows.jsonl"
    outgoing.export(engine, sha256, FORMATS["preference"], path, by=ANN)
    preferences = [json.loads(line) for line in path.read_text().splitlines()]
    uids = [(preference["chosen_uid"], preference["rejected_uid"]) for preference in preferences]
    assert len(set(uids)) == len(uids) == counts["preferences"] > 0
    for name in ("datasets", "authors"):
        outgoing.export(engine, sha256, FORMATS[name], tmp_path / name, by=ANN)


def test_the_authors_files_have_each_number_once_and_come_in_again(
    engine: sa.Engine, frozen: str, tmp_path: Path
) -> None:
    outgoing.export(engine, frozen, FORMATS["authors"], tmp_path / "out", by=ANN)
    names = ("feedback.json", "rationales.json", "mistakes.json")
    content = authors.parse(*(authors.AuthorsFile(name, (tmp_path / "out" / name).read_bytes()) for name in names))
    assert len({row.source_id for row in content.rows}) == len(content.rows)
    assert [row.source_id for row in content.rows if row.source_id.endswith(" (2)")] == ["0 (2)", "2 (2)"]
    with db.writing(engine) as session:
        info = queries.exam(session, authors.store(session, content, by=ANN).exam)
        assert len(live_set.load_curated(session, info.id).mistakes) == len(content.rows)


def test_students_who_are_shown_other_numbers_of_examples_need_a_word(
    engine: sa.Engine, frozen: str, tmp_path: Path
) -> None:
    with db.writing(engine) as session:
        session.execute(sa.update(t.Student).where(t.Student.name == "Tiny-1b").values(shots=2))  # type: ignore[arg-type]
    with pytest.raises(BadInput, match=r"different numbers of worked examples \(Other-7b 0, Tiny-1b 2\): name --shots"):
        outgoing.export(engine, frozen, FORMATS["messages"], tmp_path / "out", by=ANN)
    outgoing.export(engine, frozen, FORMATS["messages"], tmp_path / "out", by=ANN, shots=0)


# --- Gone and back ----------------------------------------------------------------------------------------------------


def test_it_goes_with_each_of_its_exams_and_comes_back(engine: sa.Engine, frozen: str, home: Path) -> None:
    for place in (0, 1):
        with db.writing(engine) as session:
            exams = queries.exams_of_snapshot(session, queries.identity(queries.snapshot(session, frozen)))
            other = exams[1 - place]
            removal = trash.plan_exam_removal(session, exams[place].uid)
            assert removal.counts["snapshots"] == 1
            (line,) = removal.shared
            assert line == f"snapshot {frozen[:12]}, which is of {other.name}, too"
            file = trash.delete(session, home, removal, by=ANN).name
        with db.writing(engine) as session:
            assert queries.snapshots(session) == []
            assert [exam.uid for exam in queries.exams(session)] == [other.uid]
            trash.restore(session, home, file, by=ANN)
        with db.reading(engine) as session:
            row = queries.snapshot(session, frozen)
            back = queries.exams_of_snapshot(session, queries.identity(row))
            assert [exam.uid for exam in back] == [exam.uid for exam in exams]


def test_of_two_that_were_deleted_the_later_one_comes_back_first(engine: sa.Engine, frozen: str, home: Path) -> None:
    files = []
    with db.reading(engine) as session:
        exams = queries.exams_of_snapshot(session, queries.identity(queries.snapshot(session, frozen)))
    for info in exams:
        with db.writing(engine) as session:
            files.append(trash.delete(session, home, trash.plan_exam_removal(session, info.uid), by=ANN).name)
    with pytest.raises(BadInput, match="in the trash, too, bring it back first"), db.writing(engine) as session:
        trash.restore(session, home, files[0], by=ANN)
    for file in files[::-1]:
        with db.writing(engine) as session:
            trash.restore(session, home, file, by=ANN)
    with db.reading(engine) as session:
        back = queries.exams_of_snapshot(session, queries.identity(queries.snapshot(session, frozen)))
    assert [exam.uid for exam in back] == [exam.uid for exam in exams]


def test_a_finetune_on_it_holds_back_the_deletion_of_each_of_its_exams(
    engine: sa.Engine, frozen: str, home: Path
) -> None:
    with db.writing(engine) as session:
        students.add(session, "tiny", by=ANN)
        jobs.start(session, "finetune", {"snapshot": frozen[:12], "student": "tiny"}, by=ANN)
    for place in (0, 1):
        with db.writing(engine) as session:
            exams = queries.exams_of_snapshot(session, queries.identity(queries.snapshot(session, frozen)))
            with pytest.raises(BadInput, match="works on it; nothing was deleted"):
                trash.delete(session, home, trash.plan_exam_removal(session, exams[place].uid), by=ANN)


def test_it_travels_with_its_exams(engine: sa.Engine, frozen: str, tmp_path: Path, home: Path) -> None:
    archive.export(engine, tmp_path / "p.zip", home, by=ANN)
    other = db.open_store(Settings(home=tmp_path / "other", database_url=None))
    for number in (1, 2):
        with (tmp_path / "p.zip").open("rb") as file, archive.stage("p.zip", file) as staging:
            loaded = archive.load(other, staging, tmp_path / "other", by=ANN)
        assert (loaded.rows_new > 0) is (number == 1), "the second time nothing is new"
    with db.reading(engine) as here, db.reading(other) as there:
        pairs = [
            (row.sha256, [exam.uid for exam in queries.exams_of_snapshot(session, queries.identity(row))])
            for session in (here, there)
            for row in [queries.snapshot(session, frozen)]
        ]
    assert pairs[0] == pairs[1]
    with db.writing(other) as session:
        infos = [queries.exam(session, uid) for uid in pairs[0][1]]
        assert snapshots.freeze(session, *load_sets(session, infos), by=ANN).sha256 == frozen, "frozen there it is it"
    other.dispose()


def test_an_archive_whose_snapshot_is_of_other_exams_is_refused(
    engine: sa.Engine, frozen: str, tmp_path: Path, home: Path
) -> None:
    with db.writing(engine) as session:
        session.execute(sa.delete(t.SnapshotExam))
    archive.export(engine, tmp_path / "p.zip", home, by=ANN)
    with (
        pytest.raises(BadInput, match=f"snapshot {frozen[:12]} is of other exams than its manifest names"),
        (tmp_path / "p.zip").open("rb") as file,
        archive.stage("p.zip", file),
    ):
        pass


# --- The draw, whatever stands and is accepted ------------------------------------------------------------------------


@given(seed=st.integers(0, 5), everything=st.booleans(), texts=st.sets(st.sampled_from(Texts), min_size=1))
def test_a_draw_is_of_the_set_and_teaches_nothing_twice(
    several: tuple[Curated, ...], seed: int, everything: bool, texts: set[Texts]
) -> None:
    settings = DrawSettings(seed, everything, texts=read_texts(texts))
    pair_draw = draw(*several, settings=settings)
    assert pair_draw == draw(*several[::-1], settings=settings)
    lessons = [pair.lessons for pair in pair_draw.pairs]
    assert len(set(lessons)) == len(lessons)
    both = {lesson for of_pair in lessons if len(of_pair) == 2 for lesson in of_pair}
    assert not both & {of_pair[0] for of_pair in lessons if len(of_pair) == 1}
    for mistake, rationale, feedback in pair_draw.pairs:
        assert rationale is None or rationale in mistake.rationales
        assert feedback is None or feedback in mistake.feedback
        shape = Texts.BOTH if rationale and feedback else Texts.RATIONALE if rationale else Texts.FEEDBACK
        assert shape in texts
    # Of what a mistake could give, nothing is lost but what another pair teaches.
    assert len(pair_draw.pairs) + pair_draw.repeated == sum(
        len(draw(curated, settings=settings).pairs) + draw(curated, settings=settings).repeated for curated in several
    )


@pytest.fixture(scope="module")
def several(tmp_path_factory: pytest.TempPathFactory) -> tuple[Curated, ...]:
    """Two exams with mistakes in common, and texts that people rejected."""
    folder = tmp_path_factory.mktemp("several")
    engine = db.open_store(Settings(home=folder / "home", database_url=None))
    with db.writing(engine) as session:
        uids = [
            import_exam(session, folder / stem, stem=f"Tiny-1b_{stem}", numbers=numbers)
            for stem, numbers in (("a", list(range(8))), ("b", list(range(4, 12))))
        ]
        exams = [queries.exam(session, uid) for uid in uids]
        for exam in exams:
            for mistake in live_set.load_curated(session, exam.id).mistakes:
                number = int(mistake.question.source_id) // 2 % 4
                texts = ((), mistake.feedback, mistake.rationales, mistake.texts)[number]
                for x in texts:
                    judge(session, Target(x.text.kind, x.text.id), Act.REJECT, by=ANN, reason="other")
        sets = load_sets(session, exams)
    engine.dispose()
    assert all(summary(curated).pairs for curated in sets)
    return sets
