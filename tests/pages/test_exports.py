"""Files for others, made on the pages: a snapshot in a trainer's format, and the rows that Browse shows."""

import io
import json
import shlex
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import col, select
from streamlit.testing.v1 import AppTest

from mapd import people
from mapd.exchange.training import FORMATS
from mapd.people import Role
from mapd.review import assignment
from mapd.settings import Settings
from mapd.store import db, queries
from mapd.store import tables as t
from mapd.ui.kit import exports
from mapd.ui.kit.exports import MadeFile
from tests.conftest import writing
from tests.pages.running import errors, open_page

SNAPSHOTS, BROWSE = "pages/curate/snapshots.py", "pages/review/browse.py"


def make(app: AppTest, key: str, format_: str) -> MadeFile:
    """The file that the form makes in this format, as it is offered to be saved."""
    app.selectbox(key=f"{key}_format").set_value(format_).run()
    app.button(key=f"{key}_make").click().run()
    assert not app.exception
    assert errors(app) == []
    made: MadeFile = app.session_state[f"{key}_file"]
    labels = [button.proto.label for button in app.get("download_button")]
    assert f"Save {made.name}" in labels
    return made


def commands(app: AppTest) -> list[list[str]]:
    return [shlex.split(code.value) for code in app.code if code.value.startswith("mapd export")]


def by_command(app: AppTest, folder: Path) -> bytes:
    """What the command that stands on the page writes."""
    (words,) = commands(app)
    words[words.index("-o") + 1] = str(folder / f"by-command-{words[-1]}")
    done = subprocess.run([sys.executable, "-m", "mapd.cli", *words[1:], "--json"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return Path(json.loads(done.stdout)["path"]).read_bytes()


@pytest.fixture
def snapshot_page(full_home: Path) -> AppTest:
    app = open_page(SNAPSHOTS)
    return app.button(key="freeze").click().run()


def test_a_snapshot_is_saved_in_each_format(snapshot_page: AppTest, tmp_path: Path) -> None:
    sha256 = snapshot_page.query_params["snapshot"]
    for name, format_ in FORMATS.items():
        made = make(snapshot_page, "snapshot", name)
        assert made.name == f"snapshot-{sha256[:12]}-{name}{format_.ending or '.zip'}"
        if not format_.ending:
            with zipfile.ZipFile(io.BytesIO(made.content)) as archive:
                assert archive.testzip() is None
                assert all(entry.startswith(f"snapshot-{sha256[:12]}-{name}/") for entry in archive.namelist())
    made = make(snapshot_page, "snapshot", "messages")
    assert made.content == by_command(snapshot_page, tmp_path)
    with db.reading(db.open_store(Settings())) as session:
        acts = session.exec(select(t.Audit.person, t.Audit.target).where(t.Audit.action == "export")).all()
    assert ("me", f"snapshot {sha256}") in acts


def test_a_file_of_another_snapshot_is_not_offered(snapshot_page: AppTest) -> None:
    make(snapshot_page, "snapshot", "csv")
    snapshot_page.number_input(key="seed").set_value(7).run()
    snapshot_page.button(key="freeze").click().run()
    assert not [b for b in snapshot_page.get("download_button") if b.proto.label.startswith("Save ")]


@pytest.mark.parametrize(
    ("params", "rows"),
    [
        ({}, 36),
        ({"verdict": "accepted", "gold": "fails", "order": "lowest mean"}, 4),
        ({"show": "mistakes", "teacher": "gpt"}, 12),
        ({"show": "questions"}, 12),
    ],
)
def test_what_browse_shows_is_what_is_saved_and_what_the_command_writes(
    full_home: Path, tmp_path: Path, params: dict[str, str], rows: int
) -> None:
    app = open_page(BROWSE, **params)
    made = make(app, "rows", "jsonl")
    lines = [json.loads(line) for line in made.content.decode().splitlines()]
    assert (made.rows, len(lines)) == (rows, rows)
    assert made.content == by_command(app, tmp_path)
    assert make(app, "rows", "csv").content.startswith(b"\xef\xbb\xbfnumber,kind,teacher")


def test_of_too_many_rows_the_command_alone_is_shown(full_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exports, "MOST_ROWS", 10)
    app = open_page(BROWSE)
    assert [box for box in app.selectbox if box.key == "rows_format"] == []
    assert len(commands(app)) == 1


def test_who_saves_what_others_said_has_seen_it(full_home: Path) -> None:
    engine = db.open_store(Settings())
    with writing(engine) as session:
        exam = queries.exams(session)[0]
        assignment.set_judging(session, exam.id, by=people.owner("ann"), judgements_wanted=2)

    def exposed() -> int:
        with db.reading(engine) as session:
            return len(session.exec(select(t.Exposure).where(col(t.Exposure.person) == "me")).all())

    make(open_page(BROWSE), "rows", "jsonl")
    assert exposed() == 0, "others' judgements were hidden, on the page and in the file"
    make(open_page(BROWSE, others="true"), "rows", "jsonl")
    assert exposed() == 36


def test_who_gave_no_name_is_asked_for_one(full_home: Path) -> None:
    app = open_page(BROWSE, name=None)
    assert [button for button in app.button if button.key == "rows_make"] == []
    assert any(field.key == "rows_name_field" for field in app.text_input)


def test_who_only_judges_sees_neither(full_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rights: dict[Any, Any] = {**people.RIGHTS, Role.OWNER: people.RIGHTS[Role.ANNOTATOR]}
    monkeypatch.setattr(people, "RIGHTS", rights)
    for page in (BROWSE, SNAPSHOTS):
        assert [box for box in open_page(page).selectbox if str(box.key).endswith("_format")] == []


def test_a_refusal_is_one_line(snapshot_page: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    rights: dict[Any, Any] = {Role.OWNER: frozenset(people.Right) - {people.Right.EXPORT}}
    button = snapshot_page.button(key="snapshot_make")
    monkeypatch.setattr(people, "RIGHTS", rights)
    monkeypatch.setattr(exports, "is_allowed", lambda: True)
    button.click().run()
    assert not snapshot_page.exception
    assert ["may not export" in line for line in errors(snapshot_page)] == [True]
