"""A project goes into a file and comes out the same, on both databases, and nothing half-done is ever kept."""

import hashlib
import io
import zipfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlmodel import Session, col, func, select

from mapd.curation import live_set, saved_policies, snapshots
from mapd.domain import Act
from mapd.errors import BadInput
from mapd.exchange.archive import outgoing
from mapd.exchange.archive.shapes import travelling_tables
from mapd.people import owner
from mapd.review import judging
from mapd.settings import Settings
from mapd.store import db, judgement_log, queries
from mapd.store import tables as t
from tests import samples
from tests.archives import Lines, bring_in, changed, exported, unpacked
from tests.commands import runner
from tests.conftest import ReadyMade, emptied, import_files
from tests.fits import make_whole_policy

KEY = "sk-live-0123456789abcdef"


def fill(session: Session, folder: Path, home: Path) -> None:
    """An imported exam, judged and frozen, and a row in every other table that travels."""
    exam = queries.exam(session, import_files(session, *samples.files(folder)).exam)
    long = func.length(t.Explanation.text) > 9  # the marks lie within it
    texts = session.exec(select(t.Explanation.id).where(t.Explanation.kind == "rationale", long).limit(2)).all()
    for text in texts:
        target, words = judging.Target("rationale", text or 0), {"reason": "false_step", "marks": [(0, 4), (2, 9)]}
        made = judging.judge(session, target, Act.REJECT, by=owner("ann"), **words)
        judging.undo(session, queries.identity(made), by=owner("ann"))
    frozen = snapshots.freeze(session, live_set.load_curated(session, exam.id), by=owner("ann"))
    tuned = t.Student(name="tuned", base=f"path:{home}/models/x", adapter="adapters/ab", snapshot_sha256=frozen.sha256)
    tuned.revision, tuned.template, tuned.shots = "1" * 40, "plain", 2
    tuned.parent_id = session.exec(select(t.Student.id)).one()
    job = t.Job(kind="finetune", person="ann", status="running", message=f"writing {home.resolve()}/a.")
    teacher = t.Teacher(name="oracle", kind="openai", model="m", key_env="ORACLE_KEY", sampling={"top_p": 0.5})
    policy = t.SavedPolicy(name="mine", threshold_hundredths=350, checks=["shows_work"], person="ann")
    saved_policies.save_policy(session, make_whole_policy(samples.TEACHERS), by=owner("ann"))
    guidelines = t.Guidelines(text="# Accept\nwhat is right", person="ann")
    view = t.SavedView(name="wrong", address={"gold": "fails"}, person="ann")
    fields = t.SavedMapping(name="stories", text="question=Body,answer=Answer", person="ann")
    session.add_all([tuned, job, teacher, policy, guidelines, view, fields])
    session.flush()
    training = t.Finetune(
        parent_id=tuned.parent_id or 0, snapshot_id=frozen.id or 0, student_id=tuned.id, alpha=0.5, seed=1
    )
    call = t.Call(key="k", kind="review", outcome="failed", model="m", teacher_id=teacher.id, job_id=job.id, cost_usd=1)
    call.error = f"bad key {KEY} in {Path.home()}/.env"
    link = t.SnapshotExam(snapshot_id=frozen.id or 0, exam_id=exam.id)
    opening = t.Opening(set_id=session.exec(select(t.QuestionSet.id)).one() or 0, exam_id=exam.id, person="ann")
    session.add_all([training, call, opening, link])
    session.flush()
    question = session.exec(select(t.Question.id)).first()
    answer = t.FinetuneAnswer(
        finetune_id=training.id or 0, question_id=question or 0, step=2, text="So 3.", finish="ok"
    )
    answer.answer, answer.outcome = "3", "incorrect"
    session.add(answer)
    for step in (1, 2):
        session.add(
            t.FinetuneStep(
                finetune_id=training.id or 0,
                step=step,
                loss_rationale=0.1,
                learning_rate=1e-5,
                tokens_per_s=3,
                seconds=1,
            )
        )
    session.flush()


@pytest.fixture
def full_pack(engine: sa.Engine, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> bytes:
    """The archive of a full project on each database."""
    monkeypatch.setenv("ORACLE_KEY", KEY)
    with db.writing(engine) as session:
        fill(session, tmp_path, home)
    return exported(engine, home, tmp_path)


@pytest.fixture
def other(
    request: pytest.FixtureRequest, engine: sa.Engine, tmp_path: Path, ready_made: ReadyMade
) -> Iterator[sa.Engine]:
    """An empty project on the other database: what is archived on SQLite is read on PostgreSQL, and back."""
    if engine.dialect.name == "postgresql":
        made = db.open_store(Settings(home=tmp_path / "other", database_url=None))
        yield made
        made.dispose()
        return
    url = request.getfixturevalue("postgres")
    emptied(url, ready_made.version)
    made = db.open_store(Settings(home=tmp_path / "other", database_url=url))
    yield made
    made.dispose()


def test_every_travelling_table_has_a_row_in_the_test(full_pack: bytes) -> None:
    assert {name for name, found in unpacked(full_pack).items() if not found} == set()
    derived = {"standing", "band", "queued", "passed", "standing_exam", "stale", "text_check"}
    assert {table.name for table in t.metadata.sorted_tables} - unpacked(full_pack).keys() == {
        "access_token",
        "audit",
        "claim",
        "dealt_card",
        "ended_sign_in",
        "fingerprint",
        "key_approval",
        "lease",
        "rejection_reason",
        "seen",
        "worker",
    } | derived


def test_out_and_in_and_out_is_the_same_file(
    full_pack: bytes, engine: sa.Engine, other: sa.Engine, home: Path, tmp_path: Path
) -> None:
    assert exported(engine, home, tmp_path) == full_pack  # and an export changes nothing
    loaded = bring_in(other, tmp_path / "other", full_pack, count=True)
    assert loaded.rows_new == sum(map(len, unpacked(full_pack).values()))
    assert (loaded.rows_known, loaded.renamed, len(loaded.exams)) == (0, (), 1)
    assert loaded.judgements_counted == len(unpacked(full_pack)["judgement"])
    assert exported(other, tmp_path / "other", tmp_path) == full_pack


def test_twice_changes_nothing(
    full_pack: bytes, engine: sa.Engine, other: sa.Engine, tmp_path: Path, home: Path
) -> None:
    first = bring_in(other, tmp_path / "other", full_pack)
    for target in (other, engine):  # also in the project that it came from
        with db.reading(target) as session:
            before = session.exec(select(func.count()).select_from(t.Audit)).one()
        again = bring_in(target, home if target is engine else tmp_path / "other", full_pack)
        assert (again.rows_new, again.rows_known, again.exams) == (0, first.rows_new, first.exams)
        with db.reading(target) as session:
            assert session.exec(select(func.count()).select_from(t.Audit)).one() == before


def test_what_came_in_is_the_same_to_the_rules(
    full_pack: bytes, engine: sa.Engine, other: sa.Engine, tmp_path: Path
) -> None:
    name = bring_in(other, tmp_path / "other", full_pack, count=True).exams[0]
    told = []
    for source in (engine, other):
        with db.reading(source) as session:
            curated = live_set.load_curated(session, queries.exam(session, name).id)
            said = [(j.uid, j.judged.undoes is None, j.created_at, j.marks) for j in curated.judgements]
            verdicts = [(x.text.uid, x.verdict) for m in curated.mistakes for x in m.texts]
            order = [v.reviewer for m in curated.mistakes for x in m.texts for v in x.text.votes]
            told.append((said, verdicts, order))
    assert told[0] == told[1]
    assert [marks for *_, marks in told[0][0]] == [((0, 4), (2, 9)), ()] * 2


def test_what_is_written_after_an_import_gets_ids_of_its_own(
    full_pack: bytes, other: sa.Engine, tmp_path: Path
) -> None:
    bring_in(other, tmp_path / "other", full_pack)
    with db.writing(other) as session:
        session.add(t.Student(name="one more", base="x"))


def test_no_key_and_no_folder_of_this_machine_is_in_it(full_pack: bytes, home: Path) -> None:
    with zipfile.ZipFile(io.BytesIO(full_pack)) as opened:
        text = "".join(opened.read(name).decode() for name in opened.namelist())
    for secret in (KEY, str(home), str(home.resolve()), str(Path.home()) + "/"):
        assert secret not in text
    assert unpacked(full_pack)["call"][0]["error"] == "bad key $ORACLE_KEY in ~/.env"
    assert unpacked(full_pack)["student"][1]["base"] == "path:$MAPD_HOME/models/x"


@pytest.mark.usefixtures("full_pack")
def test_a_damaged_snapshot_is_told_and_not_sent(engine: sa.Engine, home: Path, tmp_path: Path) -> None:
    (tmp_path / "out.zip").unlink()
    with db.writing(engine) as session:
        session.exec(select(t.Snapshot)).one().lines += "x"
    with pytest.raises(BadInput, match="its lines are not those that its manifest names; freeze the set again"):
        exported(engine, home, tmp_path)
    assert not [path for path in tmp_path.iterdir() if "out.zip" in path.name]


@pytest.mark.parametrize("bound", ["MOST_BYTES", "MOST_PACKED"])
def test_what_nobody_could_import_is_not_written(
    engine: sa.Engine, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bound: str
) -> None:
    monkeypatch.setattr(outgoing, bound, -1)
    with pytest.raises(BadInput, match="the project is too large for an archive"):
        exported(engine, home, tmp_path)
    assert list(tmp_path.glob("*out.zip*")) == []


def test_work_under_way_is_not_begun_again_elsewhere(full_pack: bytes) -> None:
    assert [(job["status"], job["message"]) for job in unpacked(full_pack)["job"]] == [
        ("cancelled", "writing $MAPD_HOME/a.")
    ]


def test_a_name_of_another_row_gets_a_number(full_pack: bytes, other: sa.Engine, tmp_path: Path) -> None:
    with db.writing(other) as session:
        session.add(t.Student(name="tuned", base="another"))
        session.add(t.Student(name="tuned (2)", base="another"))
    for _ in range(2):
        loaded = bring_in(other, tmp_path / "other", full_pack)
        with db.reading(other) as session:
            names = session.exec(select(t.Student.name).order_by(col(t.Student.id))).all()
        assert names == ["tuned", "tuned (2)", "Tiny-1b", "tuned (3)"]
    assert loaded.rows_new == 0


def test_what_people_moved_since_stays_moved(full_pack: bytes, engine: sa.Engine, home: Path) -> None:
    with db.writing(engine) as session:
        session.exec(select(t.Exam)).one().threshold_hundredths = 450
    assert bring_in(engine, home, full_pack).rows_new == 0
    with db.reading(engine) as session:
        assert session.exec(select(t.Exam.threshold_hundredths)).one() == 450


def test_after_a_merge_the_latest_judgement_is_the_latest_in_time(
    engine: sa.Engine, other: sa.Engine, home: Path, tmp_path: Path
) -> None:
    """Ann rejects in one project and accepts later in another: whichever takes in the other's archive, she accepted."""
    with db.writing(engine) as session:
        import_files(session, *samples.files(tmp_path))
    there = tmp_path / "other"
    bring_in(other, there, exported(engine, home, tmp_path))
    with db.reading(engine) as session:
        text = queries.explanation(session, "rationale", 1).uid
    for project, act in ((other, Act.REJECT), (engine, Act.ACCEPT)):
        with db.writing(project) as session:
            target = judging.Target("rationale", queries.identity(queries.explanation(session, "rationale", text)))
            judging.judge(session, target, act, by=owner("ann"))
    early, late = exported(other, there, tmp_path), exported(engine, home, tmp_path)
    bring_in(engine, home, early, count=True)
    bring_in(other, there, late, count=True)
    for project in (engine, other):
        with db.reading(project) as session:
            x = queries.explanation(session, "rationale", text)
            curated = live_set.load_curated(session, queries.exam_of(session, x))
            said = [j.judged.decision for j in judgement_log.history(session, ("rationale", queries.identity(x)))]
            assert said == [Act.REJECT, Act.ACCEPT]
            assert live_set.find_text(curated, "rationale", queries.identity(x)).people.decision is Act.ACCEPT


def untouched(engine: sa.Engine) -> bool:
    with engine.connect() as connection:
        return not any(connection.execute(sa.select(table).limit(1)).first() for table in travelling_tables())


def test_another_content_under_the_same_uid_is_refused(full_pack: bytes, other: sa.Engine, tmp_path: Path) -> None:
    bring_in(other, tmp_path / "other", full_pack)
    uid = unpacked(full_pack)["attempt"][0]["uid"]

    def change(records: Lines) -> None:
        records["attempt"][0]["text"] = "other"
        records["attempt"][1]["answer"] = "other"
        records["student"].append({**records["student"][0], "uid": "new", "name": "new"})

    with pytest.raises(BadInput, match=rf"2 rows .* another content \(the first: attempt {uid}, text\)"):
        bring_in(other, tmp_path / "other", changed(full_pack, change))
    with db.reading(other) as session:
        assert session.exec(select(t.Student.id).where(t.Student.uid == "new")).first() is None


def test_an_answer_that_the_project_has_otherwise_is_refused_before_anything_is_written(
    full_pack: bytes, other: sa.Engine, tmp_path: Path
) -> None:
    def change(lines: Lines) -> None:
        lines["attempt"][0]["uid"] = "another"
        for row in (*lines["explanation"], *lines["judgement"]):
            row["attempt_id"] = None if row["attempt_id"] is None else "another"
        lines["explanation"] = [row for row in lines["explanation"] if row["kind"] == "rationale"]
        lines["review"], lines["judgement"] = [], []

    bring_in(other, tmp_path / "other", full_pack)
    with pytest.raises(BadInput, match="another content") as refused:
        bring_in(other, tmp_path / "other", changed(full_pack, change))
    assert "\n" not in str(refused.value)


NO_ROWS: tuple[tuple[str, str, object], ...] = (
    ("attempt", "exam_id", "no such uid"),
    ("attempt", "exam_id", 1),
    ("attempt", "outcome", "fine"),
    ("attempt", "sample", "0"),
    ("attempt", "sample", True),
    ("attempt", "sample", 2**70),
    ("attempt", "text", None),
    ("attempt", "text", ["x"]),
    ("attempt", "uid", None),
    ("attempt", "created_at", "yesterday"),
    ("attempt", "colour", "red"),
    ("attempt", "id", 1),
    ("question", "options", "A, B"),
    ("explanation", "prompt_sha256", "no such prompt"),
    ("finetune", "alpha", 7.0),
)


def test_rows_that_are_none_are_refused_whole(full_pack: bytes, other: sa.Engine, tmp_path: Path) -> None:
    for table, column, value in NO_ROWS:

        def change(records: Lines, row: tuple[str, str, object] = (table, column, value)) -> None:
            records[row[0]][0][row[1]] = row[2]

        with pytest.raises(BadInput) as refused:
            bring_in(other, tmp_path / "other", changed(full_pack, change))
        assert "\n" not in str(refused.value), (table, column, value)
        assert untouched(other), (table, column, value)


# --- The command line -----------------------------------------------------------------------------------------------


def test_the_commands(
    full_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    archive = partial(runner(monkeypatch, capsys), "archive")
    file = tmp_path / "p.zip"
    saved = archive("export", file, "--json").json
    assert saved == {"path": str(file), "rows": saved["rows"], "sha256": hashlib.sha256(file.read_bytes()).hexdigest()}
    monkeypatch.setenv("MAPD_HOME", str(tmp_path / "fresh"))
    contents = archive("show", file, "--json").json
    assert (sum(contents["new_rows"].values()), contents["exams"]) == (saved["rows"], ["pens · Tiny-1b · round 0"])
    first, second = (archive("import", file, "--json").json for _ in range(2))
    assert first == {
        "rows_new": saved["rows"],
        "rows_known": 0,
        "exams": ["pens · Tiny-1b · round 0"],
        "renamed": [],
        "judgements_counted": 0,
    }
    assert second == first | {"rows_new": 0, "rows_known": saved["rows"]}
    for words in (("import", tmp_path / "none.zip"), ("import", __file__), ("export", tmp_path), ("export", ".")):
        code, out, err = archive(*words)
        assert (code, out, err.count("\n")) == (1, "", 1)
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]
