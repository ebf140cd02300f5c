"""`mapd push`, with huggingface_hub over HTTP to a hub on this machine that behaves as badly as real ones."""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import huggingface_hub.constants
import pytest
import sqlalchemy as sa
import tenacity
from huggingface_hub import DatasetCard, ModelCard
from sqlmodel import select

from mapd import students
from mapd.curation import live_set, snapshots
from mapd.errors import BadInput, Forbidden
from mapd.exchange import adapters as coming_in
from mapd.exchange import hub as pushing
from mapd.exchange.hub import Push
from mapd.models import adapters, sandbox
from mapd.people import Person, Role, owner
from mapd.settings import Settings
from mapd.store import db, queries
from mapd.store import tables as t
from tests import samples
from tests.commands import Mapd
from tests.conftest import import_files
from tests.exchange.hub.server import TOKEN, FakeHub, Fault, Repository, serving
from tests.exchange.test_adapters import write_adapter
from tests.finetune import tiny

ANN = owner("ann")
ROWS, TUNED = "org/rows", "org/tuned"

pytestmark = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    """A hub, a token for it, and no wait between two tries."""
    with serving() as server:
        monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", server.url)
        monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_DISABLE_XET", True)
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        monkeypatch.setattr(tenacity.nap.time, "sleep", lambda _: None)
        yield server


@pytest.fixture
def snapshot(engine: sa.Engine, tmp_path: Path) -> str:
    with db.writing(engine) as session:
        exam = queries.exam(session, import_files(session, *samples.files(tmp_path)).exam)
        return snapshots.freeze(session, live_set.load_curated(session, exam.id), by=ANN).sha256


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    return write_adapter(tiny.save(folder / "tiny"), folder / "out")


@pytest.fixture
def student(engine: sa.Engine, snapshot: str, trained: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(sandbox, "check", lambda folder: None)
    monkeypatch.setattr(sandbox, "find_modules", lambda *_: ["q_proj", "v_proj"])
    with db.writing(engine) as session:
        students.add(session, "tiny", path=trained.parent / "tiny", by=ANN)
    home = Settings().make_home()
    return coming_in.add(engine, "mine", trained, parent="tiny", snapshot=snapshot, by=ANN, home=home).name


def push(engine: sa.Engine, name: str = ROWS, **options: Any) -> Push:
    return pushing.push(engine, name, by=ANN, home=Settings().home, **options)


def refused(engine: sa.Engine, line: str, **options: Any) -> str:
    with pytest.raises(BadInput, match=line) as refusal:
        push(engine, **options)
    words = str(refusal.value)
    assert "\n" not in words
    assert TOKEN not in words
    return words


def audited(engine: sa.Engine) -> list[t.Audit]:
    with db.reading(engine) as session:
        rows = session.exec(select(t.Audit).where(t.Audit.action == "push")).all()
        session.expunge_all()
    return list(rows)


# --- What is sent -----------------------------------------------------------------------------------------------------


def test_a_snapshot_goes_out_private_with_its_card(engine: sa.Engine, hub: FakeHub, snapshot: str) -> None:
    result = push(engine, snapshot=snapshot[:8])
    repository = hub.repositories[ROWS]
    assert (repository.kind, repository.private, result.private) == ("dataset", True, True)
    files = repository.files["main"]
    assert {file.path: file.bytes for file in result.files} == {
        name: len(content) for name, content in files.items() if name != ".gitattributes"
    }
    assert f'load_dataset("{ROWS}"' in files["README.md"].decode()
    assert DatasetCard(files["README.md"].decode()).data.to_dict()["configs"]
    assert result.commit == repository.head("main")
    assert result.url == f"{hub.url}/datasets/{ROWS}"
    (entry,) = audited(engine)
    assert (entry.person, entry.target) == ("ann", f"snapshot {snapshot}")
    assert (entry.detail["format"], entry.detail["file"], entry.detail["sha256"]) == ("datasets", ROWS, result.sha256)
    assert entry.detail["rows"] == 36
    with db.reading(engine) as session:
        everything = [repr(row) for table in t.metadata.sorted_tables for row in session.execute(sa.select(table))]
    assert not [row for row in everything if TOKEN in row], "the token is kept nowhere"


def test_a_student_goes_out_with_a_card_that_says_all(
    engine: sa.Engine, hub: FakeHub, student: str, snapshot: str, trained: Path
) -> None:
    push(engine, TUNED, student=student, private=False)
    repository = hub.repositories[TUNED]
    files = repository.files["main"]
    assert (repository.kind, repository.private) == ("model", False)
    assert files[adapters.WEIGHTS] == (trained / adapters.WEIGHTS).read_bytes()
    config = json.loads(files[adapters.CONFIG])
    assert (config["base_model_name_or_path"], config["revision"]) == ("tiny", None), "no path of this machine"
    text = files["README.md"].decode()
    data = ModelCard(text).data.to_dict()
    assert (data["library_name"], data["pipeline_tag"]) == ("peft", "text-generation")
    assert "license" not in data
    for words in (
        "A LoRA adapter of `tiny`, round 1.",
        "isn't on the hub",
        f"Snapshot `{snapshot}`",
        "| `gpt` | imported |",
        "| rank, alpha of LoRA | 4, 8 |",
        "It was trained elsewhere",
        "It wasn't examined beside its parent",
        f'from_pretrained("{TUNED}")',
        "Terms to check",
    ):
        assert words in text, words
    assert str(trained.parent) not in text
    assert [entry.target[:8] for entry in audited(engine)] == ["student "]


def test_the_dry_run_says_it_without_a_hub(
    engine: sa.Engine, snapshot: str, student: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.delenv("HF_TOKEN", raising=False)
    for options in ({"snapshot": snapshot}, {"student": student}):
        result = push(engine, dry_run=True, **options)
        assert (result.commit, result.private) == (None, True)
        assert result.bytes == sum(file.bytes for file in result.files) > 0
        assert result.card.startswith("---\n")
    assert audited(engine) == []


def test_what_the_dry_run_says_is_what_is_sent(engine: sa.Engine, hub: FakeHub, snapshot: str) -> None:
    said, sent = push(engine, snapshot=snapshot, dry_run=True), push(engine, snapshot=snapshot)
    assert (said.files, said.sha256, said.card) == (sent.files, sent.sha256, sent.card)


# --- Again ------------------------------------------------------------------------------------------------------------


def test_the_same_again_sends_nothing(engine: sa.Engine, hub: FakeHub, snapshot: str) -> None:
    first = push(engine, snapshot=snapshot)
    uploads = hub.uploads()
    again = push(engine, snapshot=snapshot)
    assert (again.commit, again.changed, hub.commits, hub.uploads()) == (first.commit, (), 1, uploads)


def test_a_card_that_changed_is_sent_alone(engine: sa.Engine, hub: FakeHub, student: str) -> None:
    push(engine, TUNED, student=student)
    hub.repositories[TUNED].files["main"]["README.md"] = b"an older card"
    hub.repositories[TUNED].files["main"]["LICENSE"] = b"of theirs"
    again = push(engine, TUNED, student=student)
    assert again.changed == ("README.md",)
    assert hub.repositories[TUNED].files["main"]["LICENSE"] == b"of theirs"


@pytest.mark.parametrize("files", [{"README.md": b"---\nlicense: mit\n---\n"}, {"data/train.parquet": b"x"}])
def test_a_repository_with_another_content_stays(
    engine: sa.Engine, hub: FakeHub, snapshot: str, files: dict[str, bytes]
) -> None:
    hub.repositories[ROWS] = Repository("dataset", True, {"main": dict(files)})
    refused(engine, "has another content, 1 files, such as", snapshot=snapshot)
    assert hub.repositories[ROWS].files == {"main": files}
    result = push(engine, snapshot=snapshot, revision="v2")
    assert hub.repositories[ROWS].files["main"] == files
    assert set(hub.repositories[ROWS].files["v2"]) == {file.path for file in result.files}
    assert push(engine, snapshot=snapshot, revision="v2").changed == ()


def test_a_branch_of_the_same_keeps_what_others_put_there(engine: sa.Engine, hub: FakeHub, snapshot: str) -> None:
    push(engine, snapshot=snapshot)
    hub.repositories[ROWS].files["main"]["LICENSE"] = b"of theirs"
    assert push(engine, snapshot=snapshot, revision="v2").changed == ()
    assert hub.repositories[ROWS].files["v2"]["LICENSE"] == b"of theirs"


def test_a_branch_with_another_content_stays(engine: sa.Engine, hub: FakeHub, snapshot: str) -> None:
    hub.repositories[ROWS] = Repository("dataset", True, {"main": {}, "v2": {"x": b"y"}})
    refused(engine, "has another content", snapshot=snapshot, revision="v2")


def test_a_run_that_was_cut_off_behind_the_branch_goes_on(engine: sa.Engine, hub: FakeHub, snapshot: str) -> None:
    hub.repositories[ROWS] = Repository("dataset", True, {"main": {"x": b"y"}})
    hub.faults.append(Fault("POST", "/commit/", 0, times=9))
    refused(engine, "can't be reached, or broke off", snapshot=snapshot, revision="v2")
    hub.faults.clear()
    assert push(engine, snapshot=snapshot, revision="v2").commit
    assert "x" not in hub.repositories[ROWS].files["v2"]


def test_a_public_repository_is_no_place_for_what_is_private(engine: sa.Engine, hub: FakeHub, snapshot: str) -> None:
    hub.repositories[ROWS] = Repository("dataset", False)
    refused(engine, "is public there, and this would be seen by all", snapshot=snapshot)
    assert hub.commits == 0
    assert not push(engine, snapshot=snapshot, private=False).private
    hub.repositories[TUNED] = Repository("dataset", True)
    result = push(engine, TUNED, snapshot=snapshot, private=False)
    assert (result.private, "is private there, and stays so" in result.note) == (True, True)


# --- What goes wrong --------------------------------------------------------------------------------------------------


FAULTS = {
    "a bad token": (Fault("GET", "/whoami", 401), r"doesn't take the token.*HTTP 401"),
    "no right to make it": (Fault("POST", "/repos/create", 403), r"doesn't let this token write there.*HTTP 403"),
    "no right to write": (Fault("POST", "/commit/", 403), r"doesn't let this token write there"),
    "too many requests": (Fault("POST", "/repos/create", 429, 9), r"asks to wait"),
    "a long wait": (Fault("POST", "/commit/", 429, 1, {"retry-after": "3600"}), r"asks to wait"),
    "nonsense": (Fault("POST", "/repos/create", 200), r"can't be reached, or broke off|has another|HTTP 404|knows no"),
    "down": (Fault("GET", "/api/datasets/", 503, 9), r"can't do it just now: org/rows \(HTTP 503\)"),
    "a conflict": (Fault("POST", "/commit/", 409), r"has a conflict there"),
    "somebody else": (Fault("POST", "/commit/", 412), r"got something else there meanwhile"),
    "cut off": (Fault("POST", "/commit/", 0), r"can't be reached, or broke off"),
    "an upload that is cut off": (Fault("PUT", "/lfs/", 0, 99), r"can't be reached, or broke off|can't do it"),
    "too large": (Fault("PUT", "/lfs/", 413, 99), r"too large"),
    "no upload": (Fault("POST", "/objects/batch", 403), r"doesn't let this token write there"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_each_fault_is_one_line_and_the_same_again_goes_on(
    engine: sa.Engine, hub: FakeHub, snapshot: str, name: str, capfd: pytest.CaptureFixture[str]
) -> None:
    fault, line = FAULTS[name]
    hub.faults.append(fault)
    refused(engine, line, snapshot=snapshot)
    assert audited(engine) == []
    assert not [files for r in hub.repositories.values() for files in r.files.values() if len(files) > 1], (
        "nothing half"
    )
    assert TOKEN not in "".join(capfd.readouterr())
    hub.faults.clear()
    assert push(engine, snapshot=snapshot).commit
    assert len(audited(engine)) == 1


PASSING = {
    "500 once": Fault("POST", "/repos/create", 500),
    "500 once it is done": Fault("POST", "/repos/create", 500, after=True),
    "503 at the commit": Fault("POST", "/commit/", 503),
    "500 once it is committed": Fault("POST", "/commit/", 500, after=True),
    "429 with a short wait": Fault("GET", "/whoami", 429, 1, {"retry-after": "1"}),
    "somebody made it meanwhile": Fault("POST", "/repos/create", 409, after=True),
    "500 at an upload": Fault("PUT", "/lfs/", 500),
}


@pytest.mark.parametrize("name", PASSING)
def test_what_passes_is_waited_for(engine: sa.Engine, hub: FakeHub, snapshot: str, name: str) -> None:
    hub.faults.append(PASSING[name])
    result = push(engine, snapshot=snapshot)
    assert result.commit == hub.repositories[ROWS].head("main")
    assert hub.commits == 1


def test_what_was_uploaded_before_a_cut_is_not_sent_again(engine: sa.Engine, hub: FakeHub, snapshot: str) -> None:
    hub.faults.append(Fault("POST", "/commit/", 0))
    refused(engine, "broke off", snapshot=snapshot)
    uploads = hub.uploads()
    assert uploads == 2
    push(engine, snapshot=snapshot)
    assert hub.uploads() == uploads


def test_without_a_token_or_a_network_it_is_one_line(
    engine: sa.Engine, hub: FakeHub, snapshot: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "http://127.0.0.1:9")
    refused(engine, r"can't be reached, or broke off: org/rows \(.*\); check the network", snapshot=snapshot)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    refused(engine, "can't be reached, or broke off", snapshot=snapshot)
    monkeypatch.delenv("HF_TOKEN")
    monkeypatch.setattr(huggingface_hub.constants, "HF_TOKEN_PATH", str(tmp_path / "none"))
    refused(engine, "needs a token that may write: set HF_TOKEN", snapshot=snapshot)


def test_what_can_not_be_sent(engine: sa.Engine, hub: FakeHub, snapshot: str, student: str) -> None:
    for name in ("rows", "a/b/c", "../x", "org/na me", "https://x.org/y"):
        refused(engine, "named ORG/NAME", name=name, snapshot=snapshot)
    for branch in ("", "../x", "-f", "a b", "x" * 200):
        refused(engine, "a branch is named by letters", snapshot=snapshot, revision=branch)
    refused(engine, "one of a snapshot and a student")
    refused(engine, "student tiny has no adapter", student="tiny")
    with db.reading(engine) as session:
        row = students.get(session, student)
        shutil.rmtree(Settings().home / (row.adapter or ""))
    refused(engine, "adapter is missing", student=student)
    with pytest.raises(Forbidden, match="may not export"):
        pushing.push(engine, ROWS, snapshot=snapshot, by=Person("bob@x.org", Role.ANNOTATOR), home=Settings().home)
    assert hub.requests == []


# --- The command ------------------------------------------------------------------------------------------------------


def test_the_command_says_what_it_sends(engine: sa.Engine, hub: FakeHub, snapshot: str, mapd: Mapd) -> None:
    lines = mapd("push", ROWS, "--snapshot", snapshot, "--dry-run").out.splitlines()
    assert lines[0].endswith("dataset would be sent to org/rows, private")
    assert any("data/train" in line and line.endswith(".parquet") for line in lines)
    assert "  # Explanations of a student's mistakes" in lines
    assert hub.requests == []
    result = mapd("push", ROWS, "--snapshot", snapshot, "--public", "--json").json
    assert (result["dry_run"], result["private"], len(result["files"])) == (False, False, 4)
    assert "  was there" in mapd("push", ROWS, "--snapshot", snapshot, "--public").out
    code, out, err = mapd("push", ROWS)
    assert (code, out, err) == (2, "", "mapd: what is sent is one of --snapshot SHA and --student NAME\n")
    os.environ["HF_TOKEN"] = "hf_wrong"
    code, _, err = mapd("push", ROWS, "--snapshot", snapshot)
    assert (code, err.count("\n"), "hf_wrong" in err) == (1, 1, False)
    entries = mapd("project", "history", "--only", "out", "--json").json["entries"]
    assert [(e["action"], e["file"], e["rows"]) for e in entries] == [("push", ROWS, 36)] * 2
