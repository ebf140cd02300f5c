"""Two projects that share students, questions or a past become one, and what comes in acts on nothing."""

from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlmodel import Session, col, func, select

from mapd import committee, exam, jobs, students, teacher_models, teachers
from mapd.committee import ledger
from mapd.curation import live_set, saved_policies
from mapd.domain import Act
from mapd.errors import BadInput
from mapd.judgements import ADJUDICATOR
from mapd.models.base import Completion, Finish, Request, Sampling
from mapd.people import owner
from mapd.policies import Policy
from mapd.questions import generated, sets
from mapd.questions.rows import QuestionRow
from mapd.review import guidelines, judging
from mapd.review.annotators import records
from mapd.review.judging import Target
from mapd.settings import Settings
from mapd.store import db, judgement_log, queries
from mapd.store import tables as t
from tests import samples
from tests.archives import Lines, bring_in, changed, exported, preview, unpacked
from tests.conftest import ReadyMade, emptied, import_files
from tests.looped import Scripted

NAMES = ("sound", "slips", "lucky")


class Project:
    """A project at a home of its own; on SQLite, or in PostgreSQL at this URL."""

    def __init__(self, home: Path, url: str | None = None) -> None:
        self.home, self.folder = home, home.parent
        self.engine = db.open_store(Settings(home=home, database_url=url))

    def pack(self) -> bytes:
        return exported(self.engine, self.home, self.folder)

    def take(self, sender: "Project", **options: bool) -> None:
        bring_in(self.engine, self.home, sender.pack(), **options)

    def count(self, table: type[t.Table]) -> int:
        with db.reading(self.engine) as session:
            return session.exec(select(func.count()).select_from(table)).one()


@pytest.fixture(params=["sqlite", "postgresql"])
def receiver(tmp_path: Path, request: pytest.FixtureRequest, ready_made: ReadyMade) -> Iterator[Project]:
    url = request.getfixturevalue("postgres") if request.param == "postgresql" else None
    if url is not None:
        emptied(url, ready_made.version)
    project = Project(tmp_path / "one" / "home", url)
    yield project
    project.engine.dispose()


@pytest.fixture
def sender(tmp_path: Path) -> Project:
    return Project(tmp_path / "two" / "home")


def questions(session: Session, name: str = "sums") -> str:
    rows: tuple[QuestionRow, ...] = sets.make_rows(generated.draw(generated.FAMILIES, {"train": 2, "dev": 2}, seed=1))
    return sets.add(session, name, rows, source="generated", simulated=True, by=owner("ann")).name


def examine(project: Project, *, knows: int = 9, name: str = "small", seed: int = 0, temperature: float = 0) -> str:
    """An exam of the packaged student; the same words are the same exam in every project."""
    with db.writing(project.engine) as session:
        students.add(session, name, by=owner("ann"))
        set_name = questions(session)
    words = {"student": name, "question_set": set_name, "split": "train", "by": owner("ann"), "seed": seed}
    sampling = Sampling(temperature=temperature, max_tokens=64)
    return exam.run(project.engine, Scripted(knows), decoding=sampling, **words).exam  # type: ignore[arg-type]


def collect(project: Project, exam_uid: str, names: tuple[str, ...] = NAMES) -> None:
    with db.writing(project.engine) as session:
        rows = [teachers.add(session, name, kind="simulated", model=name, by=owner("ann")) for name in names]
        models = {row.name: teacher_models.open_model(project.engine, row) for row in rows}
    committee.collect(project.engine, exam=exam_uid, teachers=names, models=models, by=owner("ann"))


def judge(project: Project, person: str, act: Act = Act.REJECT, *, role: str = "annotator", place: int = 0) -> int:
    with db.writing(project.engine) as session:
        text = session.exec(select(t.Explanation.id).where(t.Explanation.kind == "rationale").offset(place)).first()
        row = judging.judge(session, Target("rationale", text or 0), act, by=owner(person), role=role)
        session.flush()
        return queries.identity(row)


# --- What is the same merges ------------------------------------------------------------------------------------------


def test_projects_with_the_same_student_and_questions_merge(receiver: Project, sender: Project) -> None:
    for project, seed in ((receiver, 0), (sender, 1)):
        collect(project, examine(project, seed=seed, temperature=0.5))
        judge(project, "ann")
    exams, attempts, texts = receiver.count(t.Exam), receiver.count(t.Attempt), receiver.count(t.Explanation)
    receiver.take(sender)
    assert (receiver.count(t.Exam), receiver.count(t.Attempt)) == (exams * 2, attempts * 2)
    assert (receiver.count(t.Student), receiver.count(t.QuestionSet)) == (1, 1)
    assert receiver.count(t.Explanation) == texts * 2
    receiver.take(sender)
    assert receiver.count(t.Explanation) == texts * 2
    sender.take(receiver)  # and back
    assert {row["uid"] for row in unpacked(receiver.pack())["attempt"]} == {
        row["uid"] for row in unpacked(sender.pack())["attempt"]
    }


def test_the_same_exam_with_the_same_answers_is_one(receiver: Project, sender: Project) -> None:
    for project in (receiver, sender):
        collect(project, examine(project))
    receiver.take(sender)
    assert (receiver.count(t.Exam), receiver.count(t.Attempt)) == (1, sender.count(t.Attempt))
    with db.reading(receiver.engine) as session:
        assert [x.name for x in teachers.list_teachers(session)] == [*NAMES, *(f"{name} (2)" for name in NAMES)]


def test_the_same_exam_with_other_answers_is_refused(receiver: Project, sender: Project) -> None:
    examine(receiver, knows=9)
    examine(sender, knows=2)
    before = receiver.pack()
    with pytest.raises(BadInput, match=r"in this project with another content \(the first: attempt \w+, sample\)"):
        receiver.take(sender)
    assert receiver.pack() == before


def test_copies_of_a_project_that_went_on_become_one(receiver: Project, sender: Project) -> None:
    exam_uid = examine(receiver)
    collect(receiver, exam_uid)
    sender.take(receiver, count=True)
    with db.writing(sender.engine) as session:
        for name in NAMES:
            teachers.enable(session, name, owner("ben"))
        (text,) = session.exec(select(t.Explanation).where(t.Explanation.kind == "rationale").limit(1))
        uid = text.uid
        content = {"question_id": text.question_id, "author_id": text.author_id, "prompt_sha256": text.prompt_sha256}
        session.add(t.Explanation(kind="rationale", sample=1, text="in the copy alone", **content))
    with db.writing(receiver.engine) as session:
        (text,) = session.exec(select(t.Explanation).where(t.Explanation.uid == uid))
        content = {"question_id": text.question_id, "author_id": text.author_id, "prompt_sha256": text.prompt_sha256}
        session.add(t.Explanation(kind="rationale", sample=1, text="in the first alone", **content))
        text_count = session.exec(select(func.count()).select_from(t.Explanation)).one()
    receiver.take(sender)
    with db.reading(receiver.engine) as session:
        query = select(t.Explanation.text, t.Explanation.sample).where(t.Explanation.sample > 0)
        numbers = dict(session.exec(query).all())
    assert receiver.count(t.Explanation) == text_count + 1
    assert numbers == {"in the first alone": 1, "in the copy alone": 2}, "both stay, as two samples"
    receiver.take(sender)
    assert receiver.count(t.Explanation) == text_count + 1


def test_both_imported_the_authors_files_and_judged(receiver: Project, sender: Project, tmp_path: Path) -> None:
    for project in (receiver, sender):
        with db.writing(project.engine) as session:
            import_files(session, *samples.files(tmp_path))
        judge(project, "ann")
    receiver.take(sender, count=True)
    assert (receiver.count(t.Exam), receiver.count(t.Judgement)) == (1, 2)


def test_a_policy_of_the_same_name_gets_a_number_and_the_exams_go_with_it(receiver: Project, sender: Project) -> None:
    for project, seed, threshold in ((receiver, 0, 2.0), (sender, 1, 4.0)):
        exam_uid = examine(project, seed=seed, temperature=0.5)
        with db.writing(project.engine) as session:
            saved_policies.save_policy(session, Policy("mine", threshold=threshold), by=owner("ann"))
            saved_policies.set_policy(session, queries.exam(session, exam_uid).id, "mine", None, by=owner("ann"))
    receiver.take(sender)
    with db.reading(receiver.engine) as session:
        thresholds = {
            info.policy: saved_policies.exam_policy(session, info).threshold for info in queries.exams(session)
        }
    assert thresholds == {"mine": 2.0, "mine (2)": 4.0}


def test_a_later_version_of_a_policy_changes_no_exam_of_the_project(receiver: Project, sender: Project) -> None:
    exam_uid = examine(receiver)
    with db.writing(receiver.engine) as session:
        saved_policies.save_policy(session, Policy("mine", threshold=2.0), by=owner("ann"))
        saved_policies.set_policy(session, queries.exam(session, exam_uid).id, "mine", None, by=owner("ann"))
    sender.take(receiver)
    with db.writing(sender.engine) as session:
        saved_policies.save_policy(session, Policy("mine", threshold=5.0), by=owner("mallory"))
    receiver.take(sender)
    with db.reading(receiver.engine) as session:
        assert saved_policies.exam_policy(session, queries.exam(session, exam_uid)).threshold == 2.0


# --- It acts on nothing -----------------------------------------------------------------------------------------------


def test_work_of_an_archive_has_ended_and_is_not_resumed(receiver: Project, sender: Project) -> None:
    for status in ("queued", "running", "cancelling", "done", "failed"):
        with db.writing(sender.engine) as session:
            session.add(t.Job(kind="collect", parameters={"exam": "x"}, status=status, person="mallory", worker="w"))

    def as_it_was(lines: Lines) -> None:
        for row, status in zip(lines["job"], ("queued", "running", "cancelling"), strict=False):
            row |= {"status": status, "worker": "one", "beat_at": "2026-01-01T10:00:00+00:00", "origin": None}

    bring_in(receiver.engine, receiver.home, changed(sender.pack(), as_it_was))
    with db.writing(receiver.engine) as session:
        rows = jobs.list_jobs(session)
        assert sorted(row.status for row in rows) == ["cancelled"] * 3 + ["done", "failed"]
        assert jobs.take(session, "w", calls=True) is None
        assert {(row.worker, row.beat_at) for row in rows} == {(None, None)}
        for row in rows:
            with pytest.raises(BadInput):
                jobs.resume(session, row.uid, by=owner("ann"))


def test_a_teacher_of_an_archive_is_disabled_and_names_no_key(
    receiver: Project, sender: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-planted-9876543210")
    with db.writing(sender.engine) as session:
        teachers.add(session, "own", kind="openai", model="m", base_url="https://evil.example/v1", by=owner("mallory"))
        teachers.add(session, "sound", kind="simulated", model="sound", by=owner("mallory"))

    def with_keys(lines: Lines) -> None:
        for row in lines["teacher"]:
            row |= {"key_env": "OPENAI_API_KEY", "disabled": False, "origin": None}

    bring_in(receiver.engine, receiver.home, changed(sender.pack(), with_keys))
    with db.reading(receiver.engine) as session:
        for row in teachers.list_teachers(session):
            assert (row.disabled, row.key_env, bool(row.origin)) == (True, None, True)
            with pytest.raises(BadInput, match="is disabled"):
                teacher_models.open_model(receiver.engine, row)
    assert receiver.count(t.KeyApproval) == 0


def test_a_row_of_the_project_is_never_changed(receiver: Project, sender: Project) -> None:
    with db.writing(receiver.engine) as session:
        uid = teachers.add(session, "own", kind="openai", model="m", by=owner("ann")).uid
    sender.take(receiver)
    moved = {"limits": {"concurrency": 99}, "price": {"usd_in": 0.0, "usd_out": 0.0}, "key_env": "EVIL_KEY"}
    bring_in(receiver.engine, receiver.home, changed(sender.pack(), lambda lines: lines["teacher"][0].update(moved)))
    with db.reading(receiver.engine) as session:
        row = teachers.get(session, "own")
        assert (row.uid, row.limits, row.price, row.key_env, row.disabled) == (uid, {}, {}, "OPENAI_API_KEY", False)


class Answering:
    """A teacher that is asked, and counted."""

    def __init__(self, name: str) -> None:
        self.name, self.requests = name, 0

    async def generate(self, requests: AsyncIterable[Request]) -> AsyncIterator[Completion]:
        async for request in requests:
            self.requests += 1
            yield Completion(request.key, "Read. Score: [4]", Finish.OK, tokens_in=1, tokens_out=1)


def test_a_reply_of_an_archive_answers_no_call(receiver: Project, sender: Project) -> None:
    exam_uid = examine(receiver)
    with db.writing(receiver.engine) as session:
        teachers.add(session, "own", kind="openai", model="m", by=owner("ann"))
    sender.take(receiver)
    with db.writing(sender.engine) as session:
        teachers.enable(session, "own", owner("mallory"), approved=True)
    committee.collect(
        sender.engine,
        exam=exam_uid,
        teachers=("own",),
        models={"own": Answering("own")},
        by=owner("m"),
        unknown_price=True,
    )

    def calls_alone(lines: Lines) -> None:
        lines["explanation"], lines["review"] = [], []

    bring_in(receiver.engine, receiver.home, changed(sender.pack(), calls_alone))
    call_count = receiver.count(t.Call)
    assert call_count > 0
    teacher = Answering("own")
    words = {"exam": exam_uid, "teachers": ("own",), "by": owner("ann"), "unknown_price": True}
    committee.collect(receiver.engine, models={"own": teacher}, **words)  # type: ignore[arg-type]
    assert teacher.requests == call_count
    assert receiver.count(t.Call) == 2 * call_count
    committee.collect(receiver.engine, models={"own": teacher}, **words)  # type: ignore[arg-type]
    assert teacher.requests == call_count, "what was answered here is never asked again"
    with db.reading(receiver.engine) as session:
        assert set(session.exec(select(t.Call.try_number).where(col(t.Call.origin).is_(None)))) == {2}
        assert ledger.spent(session, queries.exam(session, exam_uid).id) >= 0


def test_guidelines_of_an_archive_stand_behind_the_projects_own(receiver: Project, sender: Project) -> None:
    with db.writing(receiver.engine) as session:
        guidelines.save(session, "Ours.", by=owner("ann"), base_uid=None)
    with db.writing(sender.engine) as session:
        guidelines.save(session, "Accept all.", by=owner("mallory"), base_uid=None)
    later = {"created_at": "2099-01-01T10:00:00+00:00"}
    bring_in(receiver.engine, receiver.home, changed(sender.pack(), lambda lines: lines["guidelines"][0].update(later)))
    with db.reading(receiver.engine) as session:
        current = guidelines.current(session)
        assert current is not None
        assert current.text == "Ours."
        assert [(v.number, v.text, v.from_archive) for v in guidelines.versions(session)] == [
            (2, "Ours.", False),
            (1, "Accept all.", True),
        ]


# --- What it says under another's name --------------------------------------------------------------------------------


def plant(receiver: Project, sender: Project, change: Callable[[Lines], object]) -> None:
    bring_in(receiver.engine, receiver.home, changed(sender.pack(), change))


def test_a_planted_import_is_not_taken_for_the_files(receiver: Project, sender: Project, tmp_path: Path) -> None:
    with db.writing(sender.engine) as session:
        import_files(session, *samples.files(tmp_path))

    def praise(lines: Lines) -> None:
        for row in lines["review"]:
            row |= {"score": 5}

    plant(receiver, sender, praise)
    with (
        db.writing(receiver.engine) as session,
        pytest.raises(BadInput, match="has the name of this content and holds anot"),
    ):
        import_files(session, *samples.files(tmp_path))
    with db.writing(sender.engine) as session:
        import_files(session, *samples.files(tmp_path))  # what was imported is known as before


def test_planted_questions_are_not_taken_for_a_file(receiver: Project, sender: Project) -> None:
    with db.writing(sender.engine) as session:
        questions(session)

    def other(lines: Lines) -> None:
        lines["question"][0]["gold"] = "666"
        set_uid, lines["question_set"][0]["uid"] = (
            lines["question_set"][0]["uid"],
            "as if of the authors".replace(" ", "-"),
        )
        for row in lines["question"]:
            row["set_id"] = lines["question_set"][0]["uid"] if row["set_id"] == set_uid else row["set_id"]

    plant(receiver, sender, other)
    with (
        db.writing(receiver.engine) as session,
        pytest.raises(BadInput, match="has the name of this content and holds other"),
    ):
        questions(session)


def test_a_planted_exam_is_not_gone_on_with(receiver: Project, sender: Project) -> None:
    exam_uid = examine(sender)

    def other(lines: Lines) -> None:
        lines["student"].append(lines["student"][0] | {"uid": "other", "name": "other", "base": "path:/evil"})
        lines["exam"][0]["student_id"] = "other"
        lines["attempt"] = []

    plant(receiver, sender, other)
    with pytest.raises(BadInput, match="has the name of this one and is another"):
        examine(receiver)
    assert exam_uid


def test_a_planted_student_is_told_in_one_line(receiver: Project, sender: Project) -> None:
    with db.writing(sender.engine) as session:
        students.add(session, "small", by=owner("mallory"))
    plant(receiver, sender, lambda lines: lines["student"][0].update(name="other", base="path:/evil"))
    with (
        db.writing(receiver.engine) as session,
        pytest.raises(BadInput, match="there is another student named other: path:/evil") as refused,
    ):
        students.add(session, "small", by=owner("ann"))
    assert "\n" not in str(refused.value)


# --- Judgements -------------------------------------------------------------------------------------------------------


@pytest.fixture
def copy(receiver: Project, sender: Project) -> bytes:
    """One project, and the archive of its copy, in which mallory judged, ruled, and took ann's word back."""
    collect(receiver, examine(receiver))
    judge(receiver, "ann")
    sender.take(receiver, count=True)
    judge(sender, "mallory", Act.ACCEPT)
    judge(sender, "mallory", Act.ACCEPT, role=ADJUDICATOR, place=1)

    def undo(lines: Lines) -> None:
        (anns,) = (row for row in lines["judgement"] if row["person"] == "ann")
        undo_row = {
            "uid": "undo",
            "token": "undo",
            "person": "mallory",
            "decision": "withdraw",
            "undoes_id": anns["uid"],
        }
        lines["judgement"].append(anns | undo_row)

    return changed(sender.pack(), undo)


def read_effects(project: Project) -> tuple[dict[str, str], list[str], dict[str, int], list[str]]:
    """All that judgements move: rulings, people's records, the aggregate's counts, who judged."""
    with db.reading(project.engine) as session:
        info = queries.exams(session)[0]
        curated = live_set.load_curated(session, info.id)
        rulings = {
            x.text.uid: f"{x.people.decision} by {x.people.by} {x.people.adjudicated}"
            for m in curated.mistakes
            for x in m.texts
            if x.people.by
        }
        records_ = [f"{record.person} {len(record.words)} {record.adjudicated}" for record in records(curated)]
        by_person = {p: len(judgement_log.judgements_by(session, info.id, p)) for p in ("ann", "mallory")}
        return rulings, records_, by_person, judgement_log.judges(session)


def test_judgements_of_an_archive_count_for_nothing_but_stand_in_the_history(receiver: Project, copy: bytes) -> None:
    effects = read_effects(receiver)
    result = bring_in(receiver.engine, receiver.home, copy)
    assert (result.rows_new, result.judgements_counted) == (3, 0)
    assert read_effects(receiver) == effects
    with db.reading(receiver.engine) as session:
        (anns,) = session.exec(select(t.Judgement).where(t.Judgement.person == "ann"))
        rows = judgement_log.history(session, ("rationale", anns.explanation_id or 0))
        assert [(row.judged.person, row.counts, row.origin is None) for row in rows] == [
            ("ann", True, True),
            ("mallory", False, False),
            ("mallory", False, False),
        ]
        mallorys = next(row.judged.id for row in rows if row.judged.person == "mallory")
    with (
        db.writing(receiver.engine) as session,
        pytest.raises(BadInput, match="came from elsewhere and doesn't count"),
    ):
        judging.undo(session, mallorys, by=owner("mallory"))
    with db.writing(receiver.engine) as session:  # mallory's undo took nothing: ann takes her word back herself
        judging.undo(session, queries.identity(anns), by=owner("ann"))


def test_they_count_where_the_importer_says_so_also_later(receiver: Project, copy: bytes) -> None:
    effects = read_effects(receiver)
    bring_in(receiver.engine, receiver.home, copy)
    result = bring_in(receiver.engine, receiver.home, copy, count=True)
    assert (result.rows_new, result.judgements_counted) == (0, 3)
    rulings, records_, by_person, judges = read_effects(receiver)
    assert rulings != effects[0]
    assert by_person == {"ann": 1, "mallory": 3}
    assert judges == ["ann", "mallory"]
    assert any(record.startswith("mallory") for record in records_)
    assert bring_in(receiver.engine, receiver.home, copy, count=True).judgements_counted == 0


def test_a_judgement_of_times_to_come_is_no_later_than_the_next_one_here(receiver: Project, copy: bytes) -> None:
    def date_ahead(lines: Lines) -> None:
        for row in lines["judgement"]:
            if row["person"] == "mallory":
                row["created_at"] = "2199-01-01T00:00:00+00:00"

    bring_in(receiver.engine, receiver.home, changed(copy, date_ahead), count=True)
    judge(receiver, "ann", Act.ACCEPT)
    with db.reading(receiver.engine) as session:
        now = db.clock(session)
        rows = session.exec(select(t.Judgement).order_by(t.Judgement.created_at, col(t.Judgement.id))).all()
        assert (rows[-1].person, rows[-1].decision) == ("ann", "accept")
        assert all(row.created_at <= now for row in rows)


def test_an_undo_of_what_is_undone_already_counts_for_nothing(receiver: Project, copy: bytes) -> None:
    with db.writing(receiver.engine) as session:
        (anns,) = session.exec(select(t.Judgement.id).where(t.Judgement.person == "ann"))
        judging.undo(session, anns or 0, by=owner("ann"))
    assert bring_in(receiver.engine, receiver.home, copy, count=True).judgements_counted == 2


def test_a_repair_of_an_archive_stands_only_where_its_makers_word_counts(receiver: Project, copy: bytes) -> None:
    def repair(lines: Lines) -> None:
        broken = next(row for row in lines["explanation"] if row["kind"] == "rationale")
        stamp = {"created_at": broken["created_at"]}
        lines["teacher"].append({"uid": "mallory", "name": "mallory", "kind": "person", "model": "", **stamp})
        whole = {"uid": "whole", "author_id": "mallory", "repairs_id": broken["uid"], "text": "It is so."}
        lines["explanation"].append(broken | whole)
        word = next(row for row in lines["judgement"] if row["role"] == "annotator" and not row["undoes_id"])
        maker = {"person": "mallory", "decision": "accept", "explanation_id": "whole"}
        lines["judgement"].append(word | maker | {"uid": "word", "token": "word"})

    def read_verdicts() -> list[str]:
        with db.reading(receiver.engine) as session:
            curated = live_set.load_curated(session, queries.exams(session)[0].id)
            return [x.verdict for m in curated.mistakes for x in m.texts if x.text.uid == "whole"]

    content = changed(copy, repair)
    bring_in(receiver.engine, receiver.home, content)
    assert read_verdicts() == []
    with db.writing(receiver.engine) as session:
        whole = session.exec(select(t.Explanation.id).where(t.Explanation.uid == "whole")).one() or 0
        judging.judge(session, Target("rationale", whole), Act.REJECT, by=owner("ann"))
    assert read_verdicts() == [], "a rejection is no maker's word"
    bring_in(receiver.engine, receiver.home, content, count=True)
    assert read_verdicts() == ["rejected"]


def test_the_aggregate_follows_what_counts(receiver: Project, copy: bytes) -> None:
    from mapd.review.queue_index import derivation

    def accepted() -> list[str]:
        with db.reading(receiver.engine) as session:
            (info,) = queries.exams(session)
        derivation.catch_up(receiver.engine, info.id)
        with db.reading(receiver.engine) as session:
            return sorted(session.exec(select(t.Standing.judged_by).where(t.Standing.kind == "rationale")))

    judges = accepted()
    bring_in(receiver.engine, receiver.home, copy)
    assert accepted() == judges
    bring_in(receiver.engine, receiver.home, copy, count=True)
    assert sum("mallory" in names for names in accepted()) == 2


def test_the_preview_says_all_of_it_before_anything_is_written(receiver: Project, copy: bytes) -> None:
    def more(lines: Lines) -> None:
        teacher = {"kind": "openai", "model": "m", "base_url": "https://evil.example/v1", "sampling": {}}
        stamp = {"created_at": "2026-01-01T10:00:00+00:00"}
        lines["teacher"].append({"uid": "own", "name": "own", **teacher, **stamp})
        lines["student"].append({"uid": "s2", "name": "small", "base": "path:/x", **stamp})
        lines["student"][0]["name"] = "first"
        lines["job"].append({"uid": "j", "kind": "collect", "status": "queued", "person": "mallory", **stamp})

    content = changed(copy, more)
    pack = receiver.pack()
    contents = preview(receiver.engine, receiver.home, content)
    assert receiver.pack() == pack
    assert contents.new_rows == {"teacher": 1, "student": 1, "job": 1, "judgement": 3}
    assert "own: openai m at https://evil.example/v1" in contents.teachers
    assert contents.jobs == ("collect, queued, by mallory: 1",)
    assert contents.judgements == ("ann, annotator: 1", "mallory, adjudicator: 1", "mallory, annotator: 2")
    assert contents.undoing_others == 1
    assert contents.renamed == ("student small -> small (2)",)


def test_the_preview_counts_what_is_weighed_with_the_projects_own(receiver: Project, copy: bytes) -> None:
    def praise(lines: Lines) -> None:
        vote = lines["review"][0]
        lines["review"].append(vote | {"uid": "vote", "sample": 1, "score": 5, "raw_score": "5", "text": "Fine."})
        lines["explanation"].append(lines["explanation"][0] | {"uid": "text", "sample": 7, "text": "Another."})

    assert preview(receiver.engine, receiver.home, copy).on_own == {}
    assert preview(receiver.engine, receiver.home, changed(copy, praise)).on_own == {"explanation": 1, "review": 1}


# --- Cut off ----------------------------------------------------------------------------------------------------------


def test_an_import_that_was_cut_off_goes_on(
    receiver: Project, sender: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mapd.exchange import archive
    from mapd.exchange.archive import merging

    collect(receiver, examine(receiver))
    content = receiver.pack()
    take = merging._Block.take

    def die(block: merging._Block, rows: list[merging.Record], *, write: bool) -> None:
        if write and block.table.name == "explanation":
            raise KeyboardInterrupt
        take(block, rows, write=write)

    with monkeypatch.context() as patch:
        patch.setattr(merging._Block, "take", die)
        with pytest.raises(KeyboardInterrupt):
            bring_in(sender.engine, sender.home, content, count=True)
    with db.reading(sender.engine) as session:
        (name,) = archive.list_unfinished(session)
        assert "in.zip" in name
    bring_in(sender.engine, sender.home, content, count=True)
    assert sender.pack() == content
    with db.reading(sender.engine) as session:
        assert archive.list_unfinished(session) == []


def test_no_transaction_of_an_import_holds_more_than_a_block(
    receiver: Project, sender: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mapd.exchange.archive import staging

    with db.writing(sender.engine) as session:
        import_files(session, *samples.files(tmp_path, count=40))
    monkeypatch.setattr(staging, "BLOCK", 10)
    engine = receiver.engine
    counts: list[int] = []
    sa.event.listen(engine, "commit", lambda _: counts.append(0))
    sa.event.listen(
        engine,
        "before_cursor_execute",
        lambda _c, _k, statement, parameters, _x, many: (
            counts.append(len(parameters) if many else 1) if statement.startswith("INSERT") else None
        ),
    )
    receiver.take(sender)
    most, row_count = 0, 0
    for count in counts:
        row_count = 0 if count == 0 else row_count + count
        most = max(most, row_count)
    assert 10 <= most <= 11  # a block, or the audit's row
