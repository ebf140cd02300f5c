"""Archives as an attacker or a broken disk would make them: one line each, nothing written or unpacked in vain."""

import hashlib
import io
import json
import struct
import sys
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mapd import cli
from mapd.answers.grading import Task
from mapd.curation import live_set, saved_policies, snapshots
from mapd.domain import Act
from mapd.errors import BadInput
from mapd.exchange import archive
from mapd.exchange.archive import container
from mapd.exchange.archive.container import MANIFEST
from mapd.exchange.archive.shapes import travelling_tables
from mapd.people import owner
from mapd.questions import sets
from mapd.questions.rows import QuestionRow
from mapd.review import judging
from mapd.settings import Settings
from mapd.store import db, queries
from mapd.store import tables as t
from tests import samples
from tests.archives import Lines, bring_in, changed, exported, packed, unpacked, zipped
from tests.conftest import import_files
from tests.fits import make_whole_policy

STAMP = {"created_at": "2026-01-01T10:00:00+00:00"}
STUDENT = {"uid": "u", "name": "a", "base": "b"} | STAMP
SMALL = packed({"student": [STUDENT]})


def refused(content: bytes) -> str:
    """The line that it is refused with."""
    with pytest.raises(BadInput) as error, archive.stage("p.zip", io.BytesIO(content)):
        pass
    line = str(error.value)
    assert "\n" not in line
    assert line.isprintable()
    assert len(line) < 700
    return line


# --- The file ---------------------------------------------------------------------------------------------------------


def rezipped(change: Callable[[zipfile.ZipFile], object], **options: Any) -> bytes:
    """The small archive with something more in it."""
    stream = io.BytesIO(SMALL)
    with zipfile.ZipFile(stream, "a", **options) as file:
        change(file)
    return stream.getvalue()


def with_manifest(body: bytes | str) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(SMALL)) as source, zipfile.ZipFile(stream, "w") as target:
        for name in source.namelist():
            target.writestr(name, body if name == MANIFEST else source.read(name))
    return stream.getvalue()


def changed_manifest(**values: object) -> bytes:
    with zipfile.ZipFile(io.BytesIO(SMALL)) as file:
        return with_manifest(json.dumps(json.loads(file.read(MANIFEST)) | values))


def link(file: zipfile.ZipFile) -> None:
    entry = zipfile.ZipInfo("passwd")
    entry.external_attr = 0o120777 << 16
    file.writestr(entry, "/etc/passwd")


def bomb(size: int) -> bytes:
    return zipped({"student": b" " * size}, {"student": 1})


def lying(size: int, claimed: int) -> bytes:
    """A file whose place in the list says another size than it has."""
    content = bytearray(bomb(size))
    place = content.find(b"PK\x01\x02")
    content[place + 24 : place + 28] = struct.pack("<L", claimed)
    return bytes(content)


def encrypted() -> bytes:
    content = bytearray(SMALL)
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.find(signature) + offset] |= 1
    return bytes(content)


def many_files() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as file:
        for number in range(70_000):
            file.writestr(str(number), b"")
    return stream.getvalue()


DEEP = "[" * 100_000
ENTRY = {"rows": 0, "sha256": hashlib.sha256(b"").hexdigest()}
FILES: dict[str, tuple[bytes | Callable[[], bytes], str]] = {
    "nothing": (b"", "is no archive, or was cut off"),
    "no zip": (b"not a zip" * 100, "is no archive, or was cut off"),
    "cut off": (SMALL[:-40], "is no archive, or was cut off"),
    "the end alone": (SMALL[-22:], "is no archive, or was cut off"),
    "blanks": (lambda: bomb(1 << 26), "more than 100 times"),
    "says it is small": (lambda: lying(1 << 26, 900), "is damaged"),
    "says it is large": (lambda: lying(2000, 0x7FFFFFFF), "more than 100 times"),
    "many files": (many_files, "more files than an archive has"),
    "another list of files": (lambda: SMALL[:-22] + b"PK\6\7" + bytes(16) + SMALL[-22:], "more files than an archive"),
    "a path": (lambda: rezipped(lambda z: z.writestr("../../evil", "x")), "holds a file that no archive has"),
    "a link": (lambda: rezipped(link), "holds a file that no archive has"),
    "a name twice": (lambda: rezipped(lambda z: z.writestr("student.jsonl", "x")), "or has it twice"),
    "a file that isn't told": (lambda: rezipped(lambda z: z.writestr("job.jsonl", "x")), "its files differ"),
    "a table that isn't one": (lambda: zipped({"wizard": b""}, {"wizard": 0}), "holds a file that no archive has"),
    "a table that stays": (lambda: zipped({"audit": b""}, {"audit": 0}), "holds a file that no archive has"),
    "a key for a server": (lambda: zipped({"key_approval": b""}, {"key_approval": 0}), "that no archive has"),
    "encrypted": (encrypted, "packed as no export packs it"),
    "packed otherwise": (
        lambda: rezipped(lambda z: z.writestr("job.jsonl", b"x" * 99, zipfile.ZIP_LZMA)),
        "packed as no export packs it",
    ),
    "no manifest": (lambda: with_manifest(""), "has no manifest"),
    "no object": (lambda: with_manifest("[]"), "has no manifest"),
    "deep": (lambda: with_manifest(DEEP), "has no manifest"),
    "a large manifest": (lambda: with_manifest(b"\0x" * (1 << 20)), "has no manifest"),
    "no text": (lambda: with_manifest(b"\xff\xfe"), "has no manifest"),
    "tables no object": (lambda: changed_manifest(tables=3), "has no manifest"),
    "tables a list": (lambda: changed_manifest(tables=["student"]), "has no manifest"),
    "a table no object": (lambda: changed_manifest(tables={"student": "x"}), "has no manifest"),
    "sha no text": (lambda: changed_manifest(tables={"student": {"rows": 1, "sha256": 5}}), "has no manifest"),
    "sha no sha": (lambda: changed_manifest(tables={"student": {"rows": 1, "sha256": "x"}}), "has no manifest"),
    "rows below 0": (lambda: changed_manifest(tables={"student": ENTRY | {"rows": -1}}), "has no manifest"),
    "rows a text": (lambda: changed_manifest(tables={"student": ENTRY | {"rows": "1"}}), "has no manifest"),
    "schema no text": (lambda: changed_manifest(schema=13), "has no manifest"),
    "format no number": (lambda: changed_manifest(format="1"), "has no manifest"),
    "another format": (lambda: changed_manifest(format=2), "is of archive format 2, this mapd reads format 1; upgrade"),
    "an older schema": (
        lambda: changed_manifest(schema="0021"),
        "is of an older schema, '0021', from before",
    ),
    "a newer schema": (lambda: changed_manifest(schema="9999"), "is of a newer schema, '9999'; this mapd knows up to"),
    "another sha": (
        lambda: changed_manifest(tables={"student": ENTRY | {"rows": 1}}),
        "is not what its manifest names",
    ),
    "a table that isn't there": (
        lambda: changed_manifest(tables={"job": ENTRY | {"rows": 3}, "student": ENTRY}),
        "is not what its manifest names",
    ),
}


@pytest.mark.parametrize("case", FILES)
def test_a_file_that_is_no_archive_gets_one_line_and_is_not_unpacked(case: str) -> None:
    source, words = FILES[case]
    content = source if isinstance(source, bytes) else source()
    tracemalloc.start()
    try:
        assert words in refused(content)
        assert tracemalloc.get_traced_memory()[1] < 32 << 20
    finally:
        tracemalloc.stop()


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, len(SMALL) - 1), st.integers(1, 255), st.booleans())
def test_damage_is_noticed_or_harmless(place: int, flip: int, cut: bool) -> None:
    content = SMALL[:place] if cut else SMALL[:place] + bytes([SMALL[place] ^ flip]) + SMALL[place + 1 :]
    try:
        with archive.stage("p.zip", io.BytesIO(content)) as staging:
            (row,) = next(staging.blocks(t.metadata.tables["student"]))
    except BadInput:
        return
    assert (row["uid"], row["name"], row["base"]) == ("u", "a", "b")


def test_a_file_above_4_gib_is_refused_as_what_it_is(tmp_path: Path) -> None:
    file = tmp_path / "big.zip"
    with zipfile.ZipFile(file, "w") as packed_:
        assert packed_.fp is not None
        packed_.start_dir = packed_.fp.seek(5 << 30)  # a hole, which takes no room on the disk
        packed_.writestr(container.MANIFEST, "{}")
    with (
        file.open("rb") as stream,
        pytest.raises(BadInput, match=r"has 5,368,\d{3},\d{3} bytes, of 4,293,918,720 that"),
    ):
        archive.stage("big.zip", stream).__enter__()


def test_a_line_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(container, "LONGEST_LINE", 1000)
    content = packed({"student": [STUDENT | {"base": "x" * 2000}]})
    assert "holds a line of student above 1,000 bytes" in refused(content)


# --- Rows -------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def full_pack(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The archive of a project with a row of nearly everything."""
    home = tmp_path_factory.mktemp("sender") / "home"
    engine = db.open_store(Settings(home=home, database_url=None))
    with db.writing(engine) as session:
        exam = queries.exam(session, import_files(session, *samples.files(home.parent)).exam)
        for text in session.scalars(
            sa.select(t.Explanation.id).where(t.Explanation.kind == "rationale").limit(2)
        ).all():
            row = judging.judge(
                session, judging.Target("rationale", text or 0), Act.REJECT, by=owner("ann"), reason="unclear"
            )
            judging.undo(session, queries.identity(row), by=owner("ann"))
        frozen = snapshots.freeze(session, live_set.load_curated(session, exam.id), by=owner("ann"))
        parent = {"parent_id": session.scalars(sa.select(t.Student.id)).one(), "snapshot_id": frozen.id}
        session.add(t.Finetune(alpha=0.5, seed=1, **parent))
        rows = (
            QuestionRow("1", "train", Task.NUMERIC, "2 + 2?", "4"),
            QuestionRow("2", "train", Task.NUMERIC, "2 + 3?", "5"),
        )
        sets.add(session, "sums", rows, source="made", simulated=False, by=owner("ann"))
        session.add(t.Teacher(name="own", kind="openai", model="m", base_url="https://llm.example.org/v1"))
        session.add(t.SavedPolicy(name="mine", threshold_hundredths=350, checks=["shows_work"], person="ann"))
        saved_policies.save_policy(session, make_whole_policy(samples.TEACHERS), by=owner("ann"))
        session.add(t.SavedView(name="wrong", address={"gold": "fails"}, person="ann"))
        session.add(t.Job(kind="exam", person="ann", status="done", parameters={"student": "x"}))
        session.add(t.Guidelines(text="Accept what is right.", person="ann"))
        session.add(t.Call(key="k", kind="review", outcome="ok", model="m", cost_usd=0.1, exam_id=exam.id))
    content = exported(engine, home, home.parent)
    engine.dispose()
    return content


def other_lines(lines: Lines) -> None:
    """Lines of the sender's under the genuine name of a snapshot."""
    frozen = lines["snapshot"][0]
    frozen["lines"] = frozen["lines"].replace("pens", "guns", 1)


def other_lines_and_their_sha(lines: Lines) -> None:
    other_lines(lines)
    frozen = lines["snapshot"][0]
    frozen["manifest"]["lines_sha256"] = hashlib.sha256(frozen["lines"].encode()).hexdigest()


def renamed(frozen: dict[str, Any], body: str) -> None:
    """Give a snapshot other lines, and the name that goes with them."""
    frozen["lines"] = body
    frozen["manifest"]["lines_sha256"] = hashlib.sha256(body.encode()).hexdigest()
    text = json.dumps(frozen["manifest"], ensure_ascii=False, sort_keys=True, indent=1) + "\n"
    frozen["sha256"] = hashlib.sha256(text.encode()).hexdigest()


def odd_pair(lines: Lines) -> None:
    frozen = lines["snapshot"][0]
    first_line, *other_lines_of_it = frozen["lines"].split("\n")
    pair = json.loads(first_line)
    pair["rationale"] = "a text"
    renamed(frozen, "\n".join([json.dumps(pair), *other_lines_of_it]))


def odd_manifest(lines: Lines) -> None:
    lines["snapshot"][0]["manifest"]["counts"] = ["many"]
    renamed(lines["snapshot"][0], lines["snapshot"][0]["lines"])


def other_questions(lines: Lines) -> None:
    set_uid = next(row["uid"] for row in lines["question_set"] if row["name"] == "sums")
    next(row for row in lines["question"] if row["set_id"] == set_uid)["gold"] = "666"


def undo_in_a_circle(lines: Lines) -> None:
    first, second = (row for row in lines["judgement"] if row["undoes_id"])
    first["undoes_id"], second["undoes_id"] = second["uid"], first["uid"]


def undo_of_another_target(lines: Lines) -> None:
    undos = [row for row in lines["judgement"] if row["undoes_id"]]
    undos[1]["undoes_id"], undos[0]["undoes_id"] = undos[0]["undoes_id"], None


def undone_twice(lines: Lines) -> None:
    undo = next(row for row in lines["judgement"] if row["undoes_id"])
    lines["judgement"].append(undo | {"uid": "again", "token": "again"})


def set_to(table: str, column: str, value: object, place: int = 0) -> Callable[[Lines], None]:
    return lambda lines: lines[table][place].update({column: value})


def without(table: str, column: str) -> Callable[[Lines], None]:
    return lambda lines: lines[table][0].pop(column)


def twin(table: str, **values: object) -> Callable[[Lines], None]:
    return lambda lines: lines[table].append(lines[table][0] | values)


ROWS: dict[str, Callable[[Lines], object]] = {
    "two rows of one uid": twin("student"),
    "two rows of one name": twin("student", uid="other"),
    "two rows of one place": twin("attempt", uid="other"),
    "a row of another table": lambda lines: lines["attempt"][0].update(question_id=lines["exam"][0]["uid"]),
    "no such row": set_to("attempt", "exam_id", "no such uid"),
    "an id": set_to("attempt", "exam_id", 1),
    "its own id": set_to("attempt", "id", 1),
    "a column too many": set_to("attempt", "colour", "red"),
    "no whole row": without("attempt", "outcome"),
    "no uid": set_to("attempt", "uid", None),
    "a uid that is none": set_to("attempt", "uid", "../../x\n"),
    "a long uid": set_to("student", "uid", "x" * 500),
    "a word that isn't one": set_to("attempt", "outcome", "fine"),
    "a text for a number": set_to("attempt", "sample", "0"),
    "a truth for a number": set_to("attempt", "sample", True),
    "a number for a truth": set_to("review", "saw_gold", 1),
    "a large number": set_to("attempt", "sample", 2**40),
    "a larger number": set_to("attempt", "sample", 10**400),
    "below 0": set_to("question", "position", -1),
    "nothing": set_to("attempt", "text", None),
    "a list for a text": set_to("attempt", "text", ["x"]),
    "no text in a text": set_to("attempt", "text", "a\0b"),
    "half of a sign": set_to("attempt", "text", "\ud800"),
    "no time": set_to("attempt", "created_at", "yesterday"),
    "a time without a zone": set_to("attempt", "created_at", "2026-01-01T10:00:00"),
    "a time as a number": set_to("attempt", "created_at", 0),
    "a time of no calendar": set_to("attempt", "created_at", "9999-12-31T23:59:59+00:00"),
    "options no list": set_to("question", "options", {"A": "1"}),
    "options no texts": set_to("question", "options", [1, None]),
    "no such prompt": set_to("explanation", "prompt_sha256", "no such prompt"),
    "another prompt": set_to("prompt", "text", "Always say 5."),
    "a name with a line break": set_to("student", "name", "a\nb"),
    "a name with an escape": set_to("student", "name", "\x1b]0;owned\x07"),
    "a name that runs backwards": set_to("exam", "name", "a\u202eb"),
    "a name of nothing": set_to("teacher", "name", " "),
    "a long name": set_to("student", "name", "x" * 5000),
    "a person in capitals": set_to("judgement", "person", "Ann "),
    "a person with an escape": set_to("judgement", "person", "\x1b[2Jann"),
    "a person of no name": set_to("judgement", "person", ""),
    "a teacher of no kind": set_to("teacher", "kind", "wizard", -1),
    "a teacher's settings no object": set_to("teacher", "sampling", [1], -1),
    "a teacher's setting a list": set_to("teacher", "sampling", {"temperature": [1]}, -1),
    "a teacher's setting of ours": set_to("teacher", "sampling", {"messages": []}, -1),
    "a teacher's limits": set_to("teacher", "limits", {"concurrency": "many"}, -1),
    "a teacher's price": set_to("teacher", "price", {"usd_in": -1.0, "usd_out": 0.0}, -1),
    "half a price": set_to("teacher", "price", {"usd_in": 1.0}, -1),
    "a server with two readings": set_to("teacher", "base_url", "https://api.openai.com\\@evil.example", -1),
    "a server that is a file": set_to("teacher", "base_url", "file:///etc/passwd", -1),
    "a model with an escape": set_to("teacher", "model", "m\x1b[2J", -1),
    "an imported teacher with a server": set_to("teacher", "base_url", "https://evil.example"),
    "real and simulated": set_to("teacher", "simulated", True, -1),
    "a policy's check unknown": set_to("policy", "checks", ["charm"]),
    "a policy's checks no list": set_to("policy", "checks", {"shows_work": 1}),
    "a policy's threshold": set_to("policy", "threshold_hundredths", 9000),
    "a fit that is none": set_to("policy", "fit", {"intercept": 1.0}, -1),
    "a fit without end": lambda lines: lines["policy"][-1]["fit"].update(intercept=float("nan")),
    "a fit that divides by nothing": lambda lines: lines["policy"][-1]["fit"]["inputs"][0].update(scale=0.0),
    "a fit with a sum of no number": lambda lines: lines["policy"][-1]["fit"]["inputs"][0].update(
        weight=1e308, scale=1e-300
    ),
    "a fit of another's words": lambda lines: lines["policy"][-1]["fit"]["inputs"][0].update(teacher="\x1b[2J"),
    "a fit of feedback that is none": lambda lines: lines["policy"][-1]["fit"].update(feedback={"intercept": 1.0}),
    "a fit with leniency": set_to("policy", "leniency_adjusted", True, -1),
    "a probability above 1": set_to("policy", "threshold_hundredths", 300, -1),
    "a policy of two kinds": lambda lines: lines["policy"][-1].update(name="mine", version=2),
    "an exam's threshold above 1": lambda lines: lines["exam"][0].update(policy="fitted", threshold_hundredths=300),
    "a policy without votes": set_to("policy", "min_votes", 0),
    "an exam's threshold": set_to("exam", "threshold_hundredths", -5),
    "an exam's policy unknown": set_to("exam", "policy", "mystery"),
    "an exam that wants no judgement": set_to("exam", "judgements_wanted", 0),
    "an exam's decoding": set_to("exam", "decoding", {"temperature": {"a": 1}}),
    "an adapter elsewhere": set_to("student", "adapter", "../../etc"),
    "an adapter at the root": set_to("student", "adapter", "/etc/passwd"),
    "an adapter between dots": set_to("student", "adapter", "finetunes/../../x"),
    "a finetune with what it can't be done with": set_to("finetune", "hyperparameters", {"charm": 1}),
    "a finetune of no end": set_to("finetune", "hyperparameters", {"epochs": 10**6}),
    "a finetune of words": set_to("finetune", "hyperparameters", {"epochs": "many"}),
    "a view no object": set_to("saved_view", "address", ["x"]),
    "a view of trees": set_to("saved_view", "address", {"gold": {"a": {"b": 1}}}),
    "a job's parameters no object": set_to("job", "parameters", [1]),
    "a job of no status": set_to("job", "status", "asleep"),
    "a job's progress": set_to("job", "done", -3),
    "a call that pays back": set_to("call", "cost_usd", -1000.0),
    "a call without end": set_to("call", "cost_usd", float("inf")),
    "a call that costs no number": set_to("call", "cost_usd", float("nan")),
    "a vote of 9": set_to("review", "score", 9),
    "a vote without a reason": set_to("review", "score", None),
    "a judgement on another kind": set_to("judgement", "target", "feedback"),
    "a judgement by nobody's role": set_to("judgement", "role", "king"),
    "a correction without a value": set_to("judgement", "decision", "correct"),
    "a chance above 1": set_to("judgement", "sampling_chance", 3.0),
    "undos in a circle": undo_in_a_circle,
    "an undo of itself": lambda lines: lines["judgement"][0].update(undoes_id=lines["judgement"][0]["uid"]),
    "an undo of another target": undo_of_another_target,
    "undone twice": undone_twice,
    "other lines under a snapshot's name": other_lines,
    "other lines, and their sha in the manifest": other_lines_and_their_sha,
    "a pair that is none": odd_pair,
    "a manifest that is none": odd_manifest,
    "a manifest no object": set_to("snapshot", "manifest", [1]),
    "so many pairs": set_to("snapshot", "pairs", 3),
    "other questions under a set's name": other_questions,
    "an answer to another set": lambda lines: lines["attempt"][0].update(question_id=lines["question"][-1]["uid"]),
}


@pytest.mark.parametrize("case", ROWS)
def test_rows_that_are_none_are_refused_before_anything_is_written(full_pack: bytes, case: str) -> None:
    said = refused(changed(full_pack, ROWS[case]))
    assert said.startswith("p.zip is damaged: ")
    assert said.endswith("; take a whole copy of it")


def test_the_archive_that_these_are_made_of_is_taken(full_pack: bytes, home: Path) -> None:
    assert bring_in(db.open_store(Settings()), home, full_pack).rows_new == sum(map(len, unpacked(full_pack).values()))


LINES: dict[str, bytes] = {
    "deep": b'{"uid": ' + b"[" * 100_000,
    "deep in a value": json.dumps(STUDENT).encode()[:-1] + b', "base": ' + b'{"a":' * 5000 + b"1" + b"}" * 5001,
    "digits": b'{"uid": "u", "round": ' + b"9" * 10_000 + b"}",
    "a list": b"[]",
    "a text": b'"x"',
    "a blank": b"",
    "no JSON": b"{uid: u}",
    "no UTF-8": b'{"uid": "\xff"}',
    "NaN": json.dumps(STUDENT).encode()[:-1] + b', "round": NaN}',
    "two on a line": json.dumps(STUDENT).encode() * 2,
}


@pytest.mark.parametrize("case", LINES)
def test_a_line_that_is_no_row_gets_one_line(case: str) -> None:
    said = refused(zipped({"student": LINES[case] + b"\n"}, {"student": 1}))
    assert said.startswith("p.zip is damaged: student.jsonl line 1: ")


def test_the_commands_refuse_it_and_leave_the_project_as_it_was(
    full_home: Path,
    tmp_path: Path,
    full_pack: bytes,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = tmp_path / "p.zip"
    file.write_bytes(changed(full_pack, other_lines))
    engine, tables = db.open_store(Settings()), (*travelling_tables(), t.metadata.tables["audit"])
    with engine.connect() as connection:
        rows_before = [connection.execute(sa.select(table)).all() for table in tables]
    for words in (("show", file), ("import", file), ("import", file, "--json")):
        monkeypatch.setattr(sys, "argv", ["mapd", "archive", *map(str, words)])
        with pytest.raises(SystemExit) as end:
            cli.main()
        out, err = capsys.readouterr()
        assert (end.value.code, out, err.count("\n")) == (1, "", 1)
        assert "its lines are not those that its manifest names" in err
    with engine.connect() as connection:
        assert [connection.execute(sa.select(table)).all() for table in tables] == rows_before
