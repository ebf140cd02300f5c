"""The snapshots page as streamlit runs it."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa
from streamlit.testing.v1 import AppTest

from mapd.settings import Settings
from mapd.store import db, queries
from mapd.store import tables as t
from tests.pages.running import errors, open_page, shown


def page(**params: str) -> AppTest:
    return open_page("pages/curate/snapshots.py", **params)


def freeze(app: AppTest) -> AppTest:
    return app.button(key="freeze").click().run()


def test_without_an_exam_it_says_what_to_do(home: Path) -> None:
    app = page()
    assert "No exam yet" in " ".join(m.value for m in app.markdown)


def test_freezing_writes_two_files_named_by_the_manifest(full_home: Path) -> None:
    app = page()
    assert any("None yet" in c.value for c in app.caption)
    freeze(app)
    assert not app.exception
    sha256 = app.query_params["snapshot"]
    folder = full_home / "snapshots" / sha256
    assert hashlib.sha256((folder / "manifest.json").read_bytes()).hexdigest() == sha256
    pairs = (folder / "pairs.jsonl").read_text(encoding="utf-8").splitlines()
    assert f"frozen: {len(pairs)} pairs" in shown(app)
    assert shown(app).count('class="mapd-pair"') == min(10, len(pairs))


def test_the_same_input_is_the_same_snapshot(full_home: Path) -> None:
    app = freeze(page())
    first = app.query_params["snapshot"]
    freeze(app)
    assert app.query_params["snapshot"] == first
    assert "exists already" in shown(app)
    app.number_input(key="seed").set_value(7).run()
    freeze(app)
    assert app.query_params["snapshot"] != first


def test_a_set_narrowed_to_teachers_is_frozen_from_the_page_as_by_the_command(full_home: Path) -> None:
    app = open_page("pages/curate/snapshots.py", teachers="gpt")
    assert "--teachers gpt" in app.code[0].value
    app.button(key="freeze").click().run()
    with db.reading(db.open_store(Settings())) as session:
        (row,) = queries.snapshots(session)
        assert row.manifest["narrowed_to"] == ["gpt"]
    assert "<td" in shown(app)
    command = [sys.executable, "-m", "mapd.cli", *app.code[0].value.split()[1:], "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["snapshot"] == row.sha256


def test_every_accepted_rationale_by_option(full_home: Path) -> None:
    app = freeze(page())
    one = len((full_home / "snapshots" / app.query_params["snapshot"] / "pairs.jsonl").read_bytes().splitlines())
    app.toggle(key="every").set_value(True).run()
    freeze(app)
    more = len((full_home / "snapshots" / app.query_params["snapshot"] / "pairs.jsonl").read_bytes().splitlines())
    assert more > one


def test_an_unknown_snapshot_is_one_line(full_home: Path) -> None:
    freeze(page())
    app = page(snapshot="feed")
    assert "no snapshot begins with" in shown(app)


@pytest.mark.parametrize("column", ["lines", "manifest"])
def test_a_damaged_one_is_one_line_and_the_others_are_listed(full_home: Path, column: str) -> None:
    app = freeze(page())
    damaged = app.query_params["snapshot"]
    app.number_input(key="seed").set_value(7).run()
    whole = freeze(app).query_params["snapshot"]
    value = {"lines": t.Snapshot.lines + " ", "manifest": {"note": "x"}}[column]
    with db.writing(db.open_store(Settings())) as session:
        session.execute(sa.update(t.Snapshot).where(t.Snapshot.sha256 == damaged).values({column: value}))
    app = page(snapshot=damaged)
    assert [f"snapshot {damaged[:12]} can&#x27;t be read" in error for error in errors(app)] == [True]
    assert whole[:12] in shown(app)
    assert 'class="mapd-pair"' not in shown(app)
    for other in ("pages/loop/overview.py", "pages/train/finetune.py"):
        assert not open_page(other).exception
