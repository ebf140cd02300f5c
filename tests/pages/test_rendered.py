"""One text rendered where it is shown whole, when a person asks for it, and as it was written again."""

from pathlib import Path

from streamlit.testing.v1 import AppTest

from mapd.settings import Settings
from mapd.store import db
from tests import samples
from tests.conftest import import_files
from tests.pages.running import open_page, shown


def test_one_text_is_rendered_and_as_it_was_written_again(home: Path, tmp_path: Path) -> None:
    row = samples.row(0)
    for name in samples.TEACHERS:
        row[f"{name}_rationale"][0] += f" {name}: $\\frac{{1}}{{2}}$ for $5."
    engine = db.open_store(Settings())
    with db.writing(engine) as session:
        import_files(session, *samples.write(tmp_path, [row]))
    engine.dispose()
    app = open_page("pages/review/room.py")
    assert frames(app) == []
    assert "$\\frac" in shown(app)
    press(app)
    assert "<mfrac>" in frames(app)[0]
    assert "for $5." in frames(app)[0]
    assert "$\\frac" not in shown(app)
    press(app)
    assert frames(app) == []


def test_what_has_nothing_to_render_has_no_button(full_home: Path) -> None:
    app = open_page("pages/review/room.py")
    assert not [button for button in app.button if button.key and button.key.startswith("hot_m_")]


def press(app: AppTest) -> None:
    """The key m."""
    next(button for button in app.button if button.key and button.key.startswith("hot_m_")).click().run()
    assert not app.exception


def frames(app: AppTest) -> list[str]:
    return [element.proto.srcdoc for element in app.get("iframe")]
