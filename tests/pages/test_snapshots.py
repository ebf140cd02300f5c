"""The snapshots page as streamlit runs it."""

import hashlib
from pathlib import Path

from streamlit.testing.v1 import AppTest

from tests.pages.running import open_page, shown


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
    assert "is there already" in shown(app)
    app.number_input(key="seed").set_value(7).run()
    freeze(app)
    assert app.query_params["snapshot"] != first


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
