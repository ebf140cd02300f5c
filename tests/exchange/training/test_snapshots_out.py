"""A snapshot of the database into files: whole or not at all, checked, and never held in memory as a whole."""

import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import Session, col, select

from mapd.curation import live_set, snapshots
from mapd.domain import Act, ExamInfo, Verdict
from mapd.errors import BadInput, Forbidden, NotFound
from mapd.exchange import authors, files
from mapd.exchange.training import FORMATS, authors_files
from mapd.exchange.training import snapshots as outgoing
from mapd.people import Person, Role, owner
from mapd.review.judging import Target, judge
from mapd.store import db, queries, snapshot_lines
from mapd.store import snapshots as stored
from mapd.store import tables as t
from tests import samples
from tests.conftest import import_files
from tests.curation.test_snapshots import as_format_1


@pytest.fixture
def frozen(engine: sa.Engine, tmp_path: Path) -> str:
    """A snapshot of twelve mistakes, one of whose rationales a person accepted against the committee."""
    with db.writing(engine) as session:
        uid = import_files(session, *samples.files(tmp_path)).exam
        exam = queries.exam(session, uid)
        curated = live_set.load_curated(session, exam.id)
        rejected = next(x for x in curated.rationales if x.verdict is Verdict.REJECTED)
        judge(session, Target("rationale", rejected.text.id), Act.ACCEPT, by=owner("ann"))
        curated = live_set.load_curated(session, exam.id)
        return snapshots.freeze(session, curated, by=owner("ann"), everything=True).sha256


def test_each_format_is_written_and_noted(engine: sa.Engine, frozen: str, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    for name, format_ in FORMATS.items():
        path = tmp_path / f"out-{name}{format_.ending}"
        export = outgoing.export(
            engine, frozen[:9], format_, path, by=owner("ann"), progress=lambda *now: told.append(now)
        )
        assert (export.snapshot, export.path, path.is_dir()) == (frozen, str(path), format_.ending == "")
        assert export.sha256 == files.sha256_of(path)
        with db.reading(engine) as session:
            row = session.exec(select(t.Audit).order_by(col(t.Audit.id).desc())).first()
            assert row is not None
            assert (row.person, row.action, row.target) == ("ann", "export", f"snapshot {frozen}")
            assert row.detail == {"format": name, "rows": export.rows, "file": path.name, "sha256": export.sha256}
    assert told
    assert {done == total for done, total in told} == {True}
    assert [path for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_who_decided_and_why_travel_along(engine: sa.Engine, frozen: str, tmp_path: Path) -> None:
    outgoing.export(engine, frozen, FORMATS["messages"], tmp_path / "rows.jsonl", by=owner("ann"))
    rows = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()]
    overridden = [row for row in rows if row["decided_by"] == "ann"]
    assert [(row["kind"], row["why"]) for row in overridden] == [("rationale", "accept")]
    assert float(overridden[0]["mean"]) <= 3
    assert {row["why"] for row in rows if row["kind"] == "feedback"} == {
        "no required check fails, and nobody scored it"
    }
    by_pair: dict[str, set[str]] = {}
    for row in rows:
        by_pair.setdefault(row["pair"], set()).add(row["kind"])
    assert set(map(frozenset, by_pair.values())) == {frozenset({"rationale", "feedback"})}


def test_the_same_snapshot_gives_the_same_bytes_after_more_judgements(
    engine: sa.Engine, frozen: str, tmp_path: Path
) -> None:
    first = outgoing.export(engine, frozen, FORMATS["datasets"], tmp_path / "first", by=owner("ann"))
    with db.writing(engine) as session:
        exam = queries.exams(session)[0]
        for x in live_set.load_curated(session, exam.id).rationales:
            judge(session, Target("rationale", x.text.id), Act.REJECT, by=owner("bob"), reason="other")
    second = outgoing.export(engine, frozen, FORMATS["datasets"], tmp_path / "second", by=owner("ann"))
    assert first.sha256 == second.sha256


def test_worked_examples_stand_in_the_prompts_as_the_student_is_asked(
    engine: sa.Engine, frozen: str, tmp_path: Path
) -> None:
    with db.writing(engine) as session:
        row = session.exec(select(t.Student)).one()
        row.shots = 2
        session.add(row)
    for shots, number in ((None, 2), (0, 0), (3, 3)):
        path = tmp_path / f"{shots}.jsonl"
        outgoing.export(engine, frozen, FORMATS["prompt-completion"], path, by=owner("ann"), shots=shots)
        assert len(json.loads(path.read_text().splitlines()[0])["prompt"]) == 2 + 2 * number


@pytest.mark.parametrize("piece", [1, 7, 4096])
def test_lines_are_the_same_however_they_are_cut(
    engine: sa.Engine, frozen: str, piece: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshot_lines, "PIECE", dict.fromkeys(snapshot_lines.PIECE, piece))
    lines = "".join(json.dumps({"text": text}, ensure_ascii=False) + "\n" for text in ("äöü€😀", "\u2028\x85", "plain"))
    with db.writing(engine) as session:
        row = queries.snapshot(session, frozen)
        row.lines, row.pairs = lines, 3
        row.manifest = row.manifest | {"lines_sha256": stored.sha256(lines)}
        row.sha256 = stored.sha256(stored.manifest_text(row.manifest))
        sha256 = row.sha256
    with db.reading(engine) as session:
        head = snapshot_lines.find_head(session, sha256)
        assert list(snapshot_lines.iterate_lines(session, head)) == stored.lines_of(lines)


# --- What is refused, in one line, with nothing written ---------------------------------------------------------------


def refused(engine: sa.Engine, ref: str, folder: Path, name: str = "messages") -> str:
    before = sorted(folder.iterdir())
    with pytest.raises((BadInput, NotFound)) as error:
        outgoing.export(engine, ref, FORMATS[name], folder / "out", by=owner("ann"))
    assert sorted(folder.iterdir()) == before
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("name", ["messages", "datasets", "authors"])
@pytest.mark.parametrize("fault", ["lines", "manifest", "pairs", "no pair"])
def test_a_damaged_snapshot(engine: sa.Engine, frozen: str, tmp_path: Path, fault: str, name: str) -> None:
    with db.writing(engine) as session:
        row = queries.snapshot(session, frozen)
        if fault == "lines":
            row.lines = row.lines.replace("pens", "guns", 1)
        elif fault == "manifest":
            row.manifest = row.manifest | {"seed": 7}
        elif fault == "pairs":
            row.pairs = 3
        else:
            row.lines = row.lines.replace('"votes"', '"vetos"')
            row.manifest = row.manifest | {"lines_sha256": stored.sha256(row.lines)}
            row.sha256 = stored.sha256(stored.manifest_text(row.manifest))
        ref = row.sha256
    assert f"snapshot {ref[:12]} can't be read: " in refused(engine, ref, tmp_path, name)


def test_one_that_was_frozen_before_scores_stood_in_its_lines(engine: sa.Engine, frozen: str, tmp_path: Path) -> None:
    with db.writing(engine) as session:
        row = queries.snapshot(session, frozen)
        as_format_1(row)
        ref = row.sha256
    assert "freeze the set again" in refused(engine, ref, tmp_path)


def test_an_unknown_one(engine: sa.Engine, frozen: str, tmp_path: Path) -> None:
    assert "no snapshot begins with 'feed'" in refused(engine, "feed", tmp_path)


@pytest.mark.parametrize("name", ["messages", "datasets"])
def test_nothing_is_written_over(engine: sa.Engine, frozen: str, tmp_path: Path, name: str) -> None:
    for path, make in (
        (tmp_path / "file", lambda path: path.write_text("mine")),
        (tmp_path / "folder", Path.mkdir),
        (tmp_path / "link", lambda path: path.symlink_to("nowhere")),
    ):
        make(path)
        with pytest.raises(BadInput, match=f"there is {path} already"):
            outgoing.export(engine, frozen, FORMATS[name], path, by=owner("ann"))
    assert (tmp_path / "file").read_text() == "mine"


def test_a_place_that_is_none(engine: sa.Engine, frozen: str, tmp_path: Path) -> None:
    for name in ("messages", "datasets"):
        with pytest.raises(BadInput, match=r"the export can't be written to .* choose another place"):
            outgoing.export(engine, frozen, FORMATS[name], tmp_path / "nowhere" / "out", by=owner("ann"))


def test_a_kill_in_the_middle_leaves_nothing_under_the_name(
    engine: sa.Engine, frozen: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        outgoing.export(engine, frozen, FORMATS["datasets"], tmp_path / "out", by=owner("ann"), progress=stop)
    assert not (tmp_path / "out").exists()
    assert [path for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_an_annotator_may_not(engine: sa.Engine, frozen: str, tmp_path: Path) -> None:
    with pytest.raises(Forbidden, match="may not export"):
        outgoing.export(engine, frozen, FORMATS["messages"], tmp_path / "out", by=Person("bob@x.org", Role.ANNOTATOR))
    assert not (tmp_path / "out").exists()


# --- The authors' files -----------------------------------------------------------------------------------------------

NAMES = ("mistakes.json", "feedback.json", "rationales.json")


def load(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def brought_in(session: Session, paths: tuple[Path, Path, Path]) -> int:
    """Import feedback, rationales and mistakes; the exam's id."""
    content = authors.parse(*(authors.AuthorsFile(path.name, path.read_bytes()) for path in paths))
    return queries.exam(session, authors.store(session, content, by=owner("ann")).exam).id


def test_the_authors_files_come_out_as_they_came_in(session: Session, tmp_path: Path) -> None:
    feedback, rationales = samples.files(tmp_path)
    mistakes = tmp_path / "false.json"
    mistakes.write_text(json.dumps([{key: samples.row(n)[key] for key in samples.BASE} for n in range(12)]))
    exam_id = brought_in(session, (feedback, rationales, mistakes))
    count = authors_files.write_exam(tmp_path / "out", live_set.load_curated(session, exam_id))
    assert count == 12
    for name, path in zip(NAMES, (mistakes, feedback, rationales), strict=True):
        assert load(tmp_path / "out" / name) == load(path)


@pytest.mark.skipif(not samples.AUTHORS.is_dir(), reason="the authors' data is not here")
def test_the_authors_svamp_files_come_out_as_they_came_in(session: Session, tmp_path: Path) -> None:
    paths = [next(samples.AUTHORS.glob(f"*_svamp_{kind}_round0.json")) for kind in ("feedback", "rationale", "false")]
    exam_id = brought_in(session, (paths[0], paths[1], paths[2]))
    authors_files.write_exam(tmp_path / "out", live_set.load_curated(session, exam_id))
    for name, path in zip(NAMES, (paths[2], paths[0], paths[1]), strict=True):
        assert load(tmp_path / "out" / name) == load(path), name


OTHER_TASKS = {
    "strategyqa": {"gold_answer": "false.\tPens are no food.", "student_wrong_final_answer": "true"},
    "gsm8k": {"gold_answer": "3 + 4 = 7\n#### 7", "student_wrong_final_answer": "8"},
    "logiqa": {"gold_answer": "2", "options": ["a", "b", "c"], "context": "so", "student_wrong_final_answer": "A"},
}


@pytest.mark.parametrize("name", OTHER_TASKS)
def test_other_benchmarks_of_theirs_do_too(session: Session, tmp_path: Path, name: str) -> None:
    rows = [samples.row(number) | OTHER_TASKS[name] | {"correct_rationale": []} for number in range(3)]
    for row in rows:
        row |= {f"{teacher}_rationale": [f"{teacher} says so.", 1, 0] for teacher in samples.TEACHERS}
    shared = {key for key in rows[0] if not key.endswith(("_feedback", "_rationale"))}
    paths = []
    for kind in ("feedback", "rationale", "false"):
        path = tmp_path / f"{kind}.json"
        path.write_text(json.dumps([{k: v for k, v in row.items() if k in shared or k.endswith(kind)} for row in rows]))
        paths.append(path)
    exam_id = brought_in(session, (paths[0], paths[1], paths[2]))
    authors_files.write_exam(tmp_path / "out", live_set.load_curated(session, exam_id))
    for out, path in zip(NAMES, (paths[2], paths[0], paths[1]), strict=True):
        assert load(tmp_path / "out" / out) == load(path)


def test_a_snapshot_in_the_authors_shape_is_imported_with_the_same_verdicts(
    engine: sa.Engine, frozen: str, tmp_path: Path
) -> None:
    outgoing.export(engine, frozen, FORMATS["authors"], tmp_path / "out", by=owner("ann"))
    parsed = authors.parse(
        *(authors.AuthorsFile(name, (tmp_path / "out" / name).read_bytes()) for name in (NAMES[1], NAMES[2], NAMES[0]))
    )
    with db.reading(engine) as session:
        pairs = [json.loads(line) for line in stored.lines_of(queries.snapshot(session, frozen).lines)]
    assert len(parsed.rows) == len({pair["mistake"] for pair in pairs})
    accepted = {(pair["question"]["source_id"], pair["rationale"]["text"]) for pair in pairs}
    assert {(row.source_id, text) for row in parsed.rows for text in row.accepted or ()} == accepted
    # The one that a person accepted against its scores is told apart by the importer.
    assert parsed.paper_differs == 1


def test_a_teacher_whose_column_would_be_that_of_the_accepted_texts(
    session: Session, exam: ExamInfo, tmp_path: Path
) -> None:
    session.execute(sa.update(t.Teacher).where(col(t.Teacher.name) == "gpt").values(name="correct"))
    curated = live_set.load_curated(session, exam.id)
    with pytest.raises(BadInput, match="can't have a teacher named correct"):
        authors_files.write_exam(tmp_path / "out", curated)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
@pytest.mark.parametrize("name", ["messages", "csv", "alpaca", "authors"])
def test_a_large_snapshot_is_never_in_memory_as_a_whole(
    engine: sa.Engine, frozen: str, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshot_lines, "PIECE", {"sqlite": 1 << 16})
    with db.writing(engine) as session:
        row = queries.snapshot(session, frozen)
        pair = json.loads(stored.lines_of(row.lines)[0])
        pair["attempt"]["text"] = "x" * 10_000
        lines = "".join(json.dumps(pair | {"mistake": str(number)}) + "\n" for number in range(2_000))
        counts = row.manifest["counts"] | {"pairs": 2_000, "mistakes_in_pairs": 2_000, "preferences": 0}
        row.lines, row.pairs = lines, 2_000
        row.manifest = row.manifest | {"lines_sha256": stored.sha256(lines), "counts": counts}
        row.sha256 = ref = stored.sha256(stored.manifest_text(row.manifest))
    size = len(lines)
    del row, lines, session
    tracemalloc.start()
    outgoing.export(engine, ref, FORMATS[name], tmp_path / "out", by=owner("ann"))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < size / 5, f"{peak:,} of {size:,}"
