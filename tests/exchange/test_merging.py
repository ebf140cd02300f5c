"""Two projects that share students, questions or a past become one, and what comes in acts on nothing."""

from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlmodel import Session, col, func, select

from mapd import committee, exam, jobs, students, teachers
from mapd.committee import ledger
from mapd.curation import guidelines, judging, policies
from mapd.curation.judging import Target
from mapd.curation.records import records
from mapd.errors import BadInput
from mapd.models.base import Completion, Finish, Request, Sampling
from mapd.questions import files, generated
from mapd.questions.files import Row
from mapd.settings import Settings
from mapd.store import db, queries
from mapd.store import tables as t
from mapd.verdicts import ADJUDICATOR, Act, Policy
from tests import samples
from tests.archives import Lines, bring_in, changed, exported, preview, unpacked
from tests.conftest import import_files
from tests.looped import Scripted

NAMES = ("sound", "slips", "lucky")


class Project:
    """A project at a home of its own; on SQLite, or in PostgreSQL at this URL, which is emptied first."""

    def __init__(self, home: Path, url: str | None = None) -> None:
        self.home, self.folder = home, home.parent
        if url is not None:
            with db.connect(url).begin() as connection:
                connection.execute(sa.text("DROP SCHEMA public CASCADE; CREATE SCHEMA public"))
        self.engine = db.open_store(Settings(home=home, database_url=url))

    def pack(self) -> bytes:
        return exported(self.engine, self.home, self.folder)

    def take(self, other: "Project", **how: bool) -> None:
        bring_in(self.engine, self.home, other.pack(), **how)

    def count(self, table: type[t.Table]) -> int:
        with db.reading(self.engine) as session:
            return session.exec(select(func.count()).select_from(table)).one()


@pytest.fixture(params=["sqlite", "postgresql"])
def one(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Project]:
    url = request.getfixturevalue("postgres") if request.param == "postgresql" else None
    project = Project(tmp_path / "one" / "home", url)
    yield project
    project.engine.dispose()


@pytest.fixture
def two(tmp_path: Path) -> Project:
    return Project(tmp_path / "two" / "home")


def questions(session: Session, name: str = "sums") -> str:
    rows: tuple[Row, ...] = files.made(generated.draw(generated.FAMILIES, {"train": 2, "dev": 2}, seed=1))
    return files.add(session, name, rows, source="generated", simulated=True, by="ann").name


def examine(project: Project, *, knows: int = 9, name: str = "small", seed: int = 0, temperature: float = 0) -> str:
    """An exam of the packaged student; the same words are the same exam in every project."""
    with db.writing(project.engine) as session:
        students.add(session, name, by="ann")
        asked = questions(session)
    words = {"student": name, "question_set": asked, "split": "train", "by": "ann", "seed": seed}
    sampling = Sampling(temperature=temperature, max_tokens=64)
    return exam.run(project.engine, Scripted(knows), decoding=sampling, **words).exam  # type: ignore[arg-type]


def collect(project: Project, taught: str, names: tuple[str, ...] = NAMES) -> None:
    with db.writing(project.engine) as session:
        rows = [teachers.add(session, name, kind="simulated", model=name, by="ann") for name in names]
        models = {row.name: teachers.opened(project.engine, row) for row in rows}
    committee.collect(project.engine, exam=taught, teachers=names, models=models, by="ann")


def judge(project: Project, person: str, act: Act = Act.REJECT, *, role: str = "annotator", place: int = 0) -> int:
    with db.writing(project.engine) as session:
        text = session.exec(select(t.Explanation.id).where(t.Explanation.kind == "rationale").offset(place)).first()
        row = judging.judge(session, Target("rationale", text or 0), act, by=person, role=role)
        session.flush()
        return queries.identity(row)


# --- What is the same merges ------------------------------------------------------------------------------------------


def test_projects_with_the_same_student_and_questions_merge(one: Project, two: Project) -> None:
    for project, seed in ((one, 0), (two, 1)):
        collect(project, examine(project, seed=seed, temperature=0.5))
        judge(project, "ann")
    exams, attempts, texts = one.count(t.Exam), one.count(t.Attempt), one.count(t.Explanation)
    one.take(two)
    assert (one.count(t.Exam), one.count(t.Attempt)) == (exams * 2, attempts * 2)
    assert (one.count(t.Student), one.count(t.QuestionSet)) == (1, 1)
    assert one.count(t.Explanation) == texts * 2
    one.take(two)
    assert one.count(t.Explanation) == texts * 2
    two.take(one)  # and back
    assert {row["uid"] for row in unpacked(one.pack())["attempt"]} == {
        row["uid"] for row in unpacked(two.pack())["attempt"]
    }


def test_the_same_exam_with_the_same_answers_is_one(one: Project, two: Project) -> None:
    for project in (one, two):
        collect(project, examine(project))
    one.take(two)
    assert (one.count(t.Exam), one.count(t.Attempt)) == (1, two.count(t.Attempt))
    with db.reading(one.engine) as session:
        assert [x.name for x in teachers.listed(session)] == [*NAMES, *(f"{name} (2)" for name in NAMES)]


def test_the_same_exam_with_other_answers_is_refused(one: Project, two: Project) -> None:
    examine(one, knows=9)
    examine(two, knows=2)
    before = one.pack()
    with pytest.raises(BadInput, match=r"in this project with another content \(the first: attempt \w+, sample\)"):
        one.take(two)
    assert one.pack() == before


def test_copies_of_a_project_that_went_on_become_one(one: Project, two: Project) -> None:
    taught = examine(one)
    collect(one, taught)
    two.take(one, count=True)
    with db.writing(two.engine) as session:
        for name in NAMES:
            teachers.enable(session, name, "ben")
        (text,) = session.exec(select(t.Explanation).where(t.Explanation.kind == "rationale").limit(1))
        uid = text.uid
        again = {"question_id": text.question_id, "author_id": text.author_id, "prompt_sha256": text.prompt_sha256}
        session.add(t.Explanation(kind="rationale", sample=1, text="in the copy alone", **again))
    with db.writing(one.engine) as session:
        (text,) = session.exec(select(t.Explanation).where(t.Explanation.uid == uid))
        again = {"question_id": text.question_id, "author_id": text.author_id, "prompt_sha256": text.prompt_sha256}
        session.add(t.Explanation(kind="rationale", sample=1, text="in the first alone", **again))
        before = session.exec(select(func.count()).select_from(t.Explanation)).one()
    one.take(two)
    with db.reading(one.engine) as session:
        numbered = select(t.Explanation.text, t.Explanation.sample).where(t.Explanation.sample > 0)
        numbers = dict(session.exec(numbered).all())
    assert one.count(t.Explanation) == before + 1
    assert numbers == {"in the first alone": 1, "in the copy alone": 2}, "both stay, as two samples"
    one.take(two)
    assert one.count(t.Explanation) == before + 1


def test_both_imported_the_authors_files_and_judged(one: Project, two: Project, tmp_path: Path) -> None:
    for project in (one, two):
        with db.writing(project.engine) as session:
            import_files(session, *samples.files(tmp_path))
        judge(project, "ann")
    one.take(two, count=True)
    assert (one.count(t.Exam), one.count(t.Judgement)) == (1, 2)


def test_a_policy_of_the_same_name_gets_a_number_and_the_exams_go_with_it(one: Project, two: Project) -> None:
    for project, seed, threshold in ((one, 0, 2.0), (two, 1, 4.0)):
        taught = examine(project, seed=seed, temperature=0.5)
        with db.writing(project.engine) as session:
            policies.save_policy(session, Policy("mine", threshold=threshold), by="ann")
            policies.set_policy(session, queries.exam(session, taught).id, "mine", None, by="ann")
    one.take(two)
    with db.reading(one.engine) as session:
        found = {info.policy: policies.exam_policy(session, info).threshold for info in queries.exams(session)}
    assert found == {"mine": 2.0, "mine (2)": 4.0}


def test_a_later_version_of_a_policy_changes_no_exam_of_the_project(one: Project, two: Project) -> None:
    taught = examine(one)
    with db.writing(one.engine) as session:
        policies.save_policy(session, Policy("mine", threshold=2.0), by="ann")
        policies.set_policy(session, queries.exam(session, taught).id, "mine", None, by="ann")
    two.take(one)
    with db.writing(two.engine) as session:
        policies.save_policy(session, Policy("mine", threshold=5.0), by="mallory")
    one.take(two)
    with db.reading(one.engine) as session:
        assert policies.exam_policy(session, queries.exam(session, taught)).threshold == 2.0


# --- It acts on nothing -----------------------------------------------------------------------------------------------


def test_work_of_an_archive_has_ended_and_is_not_resumed(one: Project, two: Project) -> None:
    for status in ("queued", "running", "cancelling", "done", "failed"):
        with db.writing(two.engine) as session:
            session.add(t.Job(kind="collect", parameters={"exam": "x"}, status=status, person="mallory", worker="w"))

    def as_it_was(lines: Lines) -> None:
        for row, status in zip(lines["job"], ("queued", "running", "cancelling"), strict=False):
            row |= {"status": status, "worker": "one", "beat_at": "2026-01-01T10:00:00+00:00", "origin": None}

    bring_in(one.engine, one.home, changed(two.pack(), as_it_was))
    with db.writing(one.engine) as session:
        rows = jobs.listed(session)
        assert sorted(row.status for row in rows) == ["cancelled"] * 3 + ["done", "failed"]
        assert jobs.waiting(session) == []
        assert {(row.worker, row.beat_at) for row in rows} == {(None, None)}
        for row in rows:
            with pytest.raises(BadInput):
                jobs.resume(session, row.uid, by="ann")


def test_a_teacher_of_an_archive_is_disabled_and_names_no_key(
    one: Project, two: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-planted-9876543210")
    with db.writing(two.engine) as session:
        teachers.add(session, "own", kind="openai", model="m", base_url="https://evil.example/v1", by="mallory")
        teachers.add(session, "sound", kind="simulated", model="sound", by="mallory")

    def with_keys(lines: Lines) -> None:
        for row in lines["teacher"]:
            row |= {"key_env": "OPENAI_API_KEY", "disabled": False, "origin": None}

    bring_in(one.engine, one.home, changed(two.pack(), with_keys))
    with db.reading(one.engine) as session:
        for row in teachers.listed(session):
            assert (row.disabled, row.key_env, bool(row.origin)) == (True, None, True)
            with pytest.raises(BadInput, match="is disabled"):
                teachers.opened(one.engine, row)
    assert one.count(t.KeyApproval) == 0


def test_a_row_of_the_project_is_never_changed(one: Project, two: Project) -> None:
    with db.writing(one.engine) as session:
        uid = teachers.add(session, "own", kind="openai", model="m", by="ann").uid
    two.take(one)
    moved = {"limits": {"concurrency": 99}, "price": {"usd_in": 0.0, "usd_out": 0.0}, "key_env": "EVIL_KEY"}
    bring_in(one.engine, one.home, changed(two.pack(), lambda lines: lines["teacher"][0].update(moved)))
    with db.reading(one.engine) as session:
        row = teachers.get(session, "own")
        assert (row.uid, row.limits, row.price, row.key_env, row.disabled) == (uid, {}, {}, "OPENAI_API_KEY", False)


class Answering:
    """A teacher that is asked, and counted."""

    def __init__(self, name: str) -> None:
        self.name, self.asked = name, 0

    async def generate(self, requests: AsyncIterable[Request]) -> AsyncIterator[Completion]:
        async for request in requests:
            self.asked += 1
            yield Completion(request.key, "Read. Score: [4]", Finish.OK, tokens_in=1, tokens_out=1)


def test_a_reply_of_an_archive_answers_no_call(one: Project, two: Project) -> None:
    taught = examine(one)
    with db.writing(one.engine) as session:
        teachers.add(session, "own", kind="openai", model="m", by="ann")
    two.take(one)
    with db.writing(two.engine) as session:
        teachers.enable(session, "own", "mallory", approved=True)
    committee.collect(
        two.engine, exam=taught, teachers=("own",), models={"own": Answering("own")}, by="m", unknown_price=True
    )

    def calls_alone(lines: Lines) -> None:
        lines["explanation"], lines["review"] = [], []

    bring_in(one.engine, one.home, changed(two.pack(), calls_alone))
    planted = one.count(t.Call)
    assert planted > 0
    asked = Answering("own")
    words = {"exam": taught, "teachers": ("own",), "by": "ann", "unknown_price": True}
    committee.collect(one.engine, models={"own": asked}, **words)  # type: ignore[arg-type]
    assert asked.asked == planted
    assert one.count(t.Call) == 2 * planted
    committee.collect(one.engine, models={"own": asked}, **words)  # type: ignore[arg-type]
    assert asked.asked == planted, "what was answered here is never asked again"
    with db.reading(one.engine) as session:
        assert set(session.exec(select(t.Call.try_number).where(col(t.Call.origin).is_(None)))) == {2}
        assert ledger.spent(session, queries.exam(session, taught).id) >= 0


def test_guidelines_of_an_archive_stand_behind_the_projects_own(one: Project, two: Project) -> None:
    with db.writing(one.engine) as session:
        guidelines.save(session, "Ours.", by="ann", seen=None)
    with db.writing(two.engine) as session:
        guidelines.save(session, "Accept all.", by="mallory", seen=None)
    later = {"created_at": "2099-01-01T10:00:00+00:00"}
    bring_in(one.engine, one.home, changed(two.pack(), lambda lines: lines["guidelines"][0].update(later)))
    with db.reading(one.engine) as session:
        current = guidelines.current(session)
        assert current is not None
        assert current.text == "Ours."
        assert [(v.number, v.text, v.foreign) for v in guidelines.versions(session)] == [
            (2, "Ours.", False),
            (1, "Accept all.", True),
        ]


# --- What it says under another's name --------------------------------------------------------------------------------


def plant(one: Project, two: Project, change: Callable[[Lines], object]) -> None:
    bring_in(one.engine, one.home, changed(two.pack(), change))


def test_a_planted_import_is_not_taken_for_the_files(one: Project, two: Project, tmp_path: Path) -> None:
    with db.writing(two.engine) as session:
        import_files(session, *samples.files(tmp_path))

    def praise(lines: Lines) -> None:
        for row in lines["review"]:
            row |= {"score": 5}

    plant(one, two, praise)
    with (
        db.writing(one.engine) as session,
        pytest.raises(BadInput, match="has the name of this content and holds anot"),
    ):
        import_files(session, *samples.files(tmp_path))
    with db.writing(two.engine) as session:
        import_files(session, *samples.files(tmp_path))  # what was imported is known as before


def test_planted_questions_are_not_taken_for_a_file(one: Project, two: Project) -> None:
    with db.writing(two.engine) as session:
        questions(session)

    def other(lines: Lines) -> None:
        lines["question"][0]["gold"] = "666"
        old, lines["question_set"][0]["uid"] = lines["question_set"][0]["uid"], "as if of the authors".replace(" ", "-")
        for row in lines["question"]:
            row["set_id"] = lines["question_set"][0]["uid"] if row["set_id"] == old else row["set_id"]

    plant(one, two, other)
    with (
        db.writing(one.engine) as session,
        pytest.raises(BadInput, match="has the name of this content and holds other"),
    ):
        questions(session)


def test_a_planted_exam_is_not_gone_on_with(one: Project, two: Project) -> None:
    taught = examine(two)

    def other(lines: Lines) -> None:
        lines["student"].append(lines["student"][0] | {"uid": "other", "name": "other", "base": "path:/evil"})
        lines["exam"][0]["student_id"] = "other"
        lines["attempt"] = []

    plant(one, two, other)
    with pytest.raises(BadInput, match="has the name of this one and is another"):
        examine(one)
    assert taught


def test_a_planted_student_is_told_in_one_line(one: Project, two: Project) -> None:
    with db.writing(two.engine) as session:
        students.add(session, "small", by="mallory")
    plant(one, two, lambda lines: lines["student"][0].update(name="other", base="path:/evil"))
    with db.writing(one.engine) as session, pytest.raises(BadInput, match="another student has the uid of") as refused:
        students.add(session, "small", by="ann")
    assert "\n" not in str(refused.value)


# --- Judgements -------------------------------------------------------------------------------------------------------


@pytest.fixture
def judged(one: Project, two: Project) -> bytes:
    """One project, and the archive of its copy, in which mallory judged, ruled, and took ann's word back."""
    collect(one, examine(one))
    judge(one, "ann")
    two.take(one, count=True)
    judge(two, "mallory", Act.ACCEPT)
    judge(two, "mallory", Act.ACCEPT, role=ADJUDICATOR, place=1)

    def undo(lines: Lines) -> None:
        (anns,) = (row for row in lines["judgement"] if row["person"] == "ann")
        own = {"uid": "undo", "token": "undo", "person": "mallory", "decision": "withdraw", "undoes_id": anns["uid"]}
        lines["judgement"].append(anns | own)

    return changed(two.pack(), undo)


def said(project: Project) -> tuple[dict[str, str], list[str], dict[str, int], list[str]]:
    """All that judgements move: rulings, people's records, the aggregate's counts, who judged."""
    with db.reading(project.engine) as session:
        info = queries.exams(session)[0]
        curated = judging.curated_set(session, info.id)
        rulings = {
            x.text.uid: f"{x.people.decision} by {x.people.by} {x.people.adjudicated}"
            for m in curated.mistakes
            for x in m.texts
            if x.people.by
        }
        records_ = [f"{record.person} {len(record.words)} {record.adjudicated}" for record in records(curated)]
        by_person = {p: len(queries.judgements_by(session, info.id, p)) for p in ("ann", "mallory")}
        return rulings, records_, by_person, queries.judges(session)


def test_judgements_of_an_archive_count_for_nothing_but_stand_in_the_history(one: Project, judged: bytes) -> None:
    before = said(one)
    loaded = bring_in(one.engine, one.home, judged)
    assert (loaded.rows_new, loaded.judgements_counted) == (3, 0)
    assert said(one) == before
    with db.reading(one.engine) as session:
        (anns,) = session.exec(select(t.Judgement).where(t.Judgement.person == "ann"))
        rows = queries.history(session, ("rationale", anns.explanation_id or 0))
        assert [(row.judged.person, row.counts, row.origin is None) for row in rows] == [
            ("ann", True, True),
            ("mallory", False, False),
            ("mallory", False, False),
        ]
        mallorys = next(row.judged.id for row in rows if row.judged.person == "mallory")
    with db.writing(one.engine) as session, pytest.raises(BadInput, match="came with an archive and doesn't count"):
        judging.undo(session, mallorys, by="mallory")
    with db.writing(one.engine) as session:  # mallory's undo took nothing: ann takes her word back herself
        judging.undo(session, queries.identity(anns), by="ann")


def test_they_count_where_the_importer_says_so_also_later(one: Project, judged: bytes) -> None:
    before = said(one)
    bring_in(one.engine, one.home, judged)
    loaded = bring_in(one.engine, one.home, judged, count=True)
    assert (loaded.rows_new, loaded.judgements_counted) == (0, 3)
    rulings, records_, by_person, judges = said(one)
    assert rulings != before[0]
    assert by_person == {"ann": 1, "mallory": 3}
    assert judges == ["ann", "mallory"]
    assert any(record.startswith("mallory") for record in records_)
    assert bring_in(one.engine, one.home, judged, count=True).judgements_counted == 0


def test_an_undo_of_what_is_undone_already_counts_for_nothing(one: Project, judged: bytes) -> None:
    with db.writing(one.engine) as session:
        (anns,) = session.exec(select(t.Judgement.id).where(t.Judgement.person == "ann"))
        judging.undo(session, anns or 0, by="ann")
    assert bring_in(one.engine, one.home, judged, count=True).judgements_counted == 2


def test_the_aggregate_follows_what_counts(one: Project, judged: bytes) -> None:
    from mapd.curation import standing

    def accepted() -> list[str]:
        with db.reading(one.engine) as session:
            (info,) = queries.exams(session)
        standing.catch_up(one.engine, info.id)
        with db.reading(one.engine) as session:
            return sorted(session.exec(select(t.Standing.judged_by).where(t.Standing.kind == "rationale")))

    before = accepted()
    bring_in(one.engine, one.home, judged)
    assert accepted() == before
    bring_in(one.engine, one.home, judged, count=True)
    assert sum("mallory" in names for names in accepted()) == 2


def test_the_preview_says_all_of_it_before_anything_is_written(one: Project, judged: bytes) -> None:
    def more(lines: Lines) -> None:
        teacher = {"kind": "openai", "model": "m", "base_url": "https://evil.example/v1", "sampling": {}}
        stamp = {"created_at": "2026-01-01T10:00:00+00:00"}
        lines["teacher"].append({"uid": "own", "name": "own", **teacher, **stamp})
        lines["student"].append({"uid": "s2", "name": "small", "base": "path:/x", **stamp})
        lines["student"][0]["name"] = "first"
        lines["job"].append({"uid": "j", "kind": "collect", "status": "queued", "person": "mallory", **stamp})

    content = changed(judged, more)
    before = one.pack()
    told = preview(one.engine, one.home, content)
    assert one.pack() == before
    assert told.new == {"teacher": 1, "student": 1, "job": 1, "judgement": 3}
    assert "own: openai m at https://evil.example/v1" in told.teachers
    assert told.jobs == ("collect, queued, by mallory: 1",)
    assert told.judgements == ("ann, annotator: 1", "mallory, adjudicator: 1", "mallory, annotator: 2")
    assert told.undoing_others == 1
    assert told.renamed == ("student small -> small (2)",)


# --- Cut off ----------------------------------------------------------------------------------------------------------


def test_an_import_that_was_cut_off_goes_on(one: Project, two: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    from mapd.exchange import archive
    from mapd.exchange.archive import merging

    collect(one, examine(one))
    content = one.pack()
    take = merging._Block.take

    def die(block: merging._Block, rows: list[merging.Record], *, write: bool) -> None:
        if write and block.table.name == "explanation":
            raise KeyboardInterrupt
        take(block, rows, write=write)

    with monkeypatch.context() as patch:
        patch.setattr(merging._Block, "take", die)
        with pytest.raises(KeyboardInterrupt):
            bring_in(two.engine, two.home, content, count=True)
    with db.reading(two.engine) as session:
        (left,) = archive.unfinished(session)
        assert "in.zip" in left
    bring_in(two.engine, two.home, content, count=True)
    assert two.pack() == content
    with db.reading(two.engine) as session:
        assert archive.unfinished(session) == []


def test_no_transaction_of_an_import_holds_more_than_a_block(
    one: Project, two: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mapd.exchange.archive import staging

    with db.writing(two.engine) as session:
        import_files(session, *samples.files(tmp_path, count=40))
    monkeypatch.setattr(staging, "BLOCK", 10)
    engine = one.engine
    written: list[int] = []
    sa.event.listen(engine, "commit", lambda _: written.append(0))
    sa.event.listen(
        engine,
        "before_cursor_execute",
        lambda _c, _k, statement, parameters, _x, many: (
            written.append(len(parameters) if many else 1) if statement.startswith("INSERT") else None
        ),
    )
    one.take(two)
    most, now = 0, 0
    for count in written:
        now = 0 if count == 0 else now + count
        most = max(most, now)
    assert 10 <= most <= 11  # a block, or the audit's row
