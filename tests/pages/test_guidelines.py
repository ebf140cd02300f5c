"""The guidelines: written on their page, shown beside the work by a key."""

from pathlib import Path

from streamlit.testing.v1 import AppTest

from mapd.curation import guidelines
from mapd.people import Person, owner
from mapd.settings import Settings
from mapd.store import db
from tests.pages.running import errors, open_page

ANN = owner("ann")


def page(**params: str) -> AppTest:
    return open_page("pages/review/guidelines.py", **params)


def save(text: str, by: Person = ANN) -> None:
    with db.writing(db.open_store(Settings())) as session:
        last = guidelines.current(session)
        guidelines.save(session, text, by=by, seen=last.uid if last else None)


def write(app: AppTest, text: str) -> None:
    app.text_area[0].set_value(text).run()
    next(b for b in app.button if b.label == "Save as a new version").click().run()


def frames(app: AppTest) -> str:
    return " ".join(str(frame.proto) for frame in app.get("iframe"))


def test_the_first_version_is_written_here(full_home: Path) -> None:
    app = page()
    assert "No guidelines yet" in app.markdown[0].value
    write(app, "# Accept\nwhat is right")
    assert "No guidelines yet" not in " ".join(m.value for m in app.markdown)
    assert "what is right" in frames(app)
    assert "the current one" in app.caption[-1].value


def test_an_old_version_has_an_address(full_home: Path) -> None:
    save("the old words")
    save("the new words", by=owner("bob"))
    assert "the new words" in frames(page())
    old = page(version="1")
    assert "the old words" in frames(old)
    assert "until" in old.caption[-1].value
    assert "asks for version 7 of the guidelines; there are 2" in errors(page(version="7"))[0]


def test_what_somebody_else_saved_meanwhile_is_not_overwritten(full_home: Path) -> None:
    save("one")
    app = page()
    app.text_area[0].set_value("mine").run()
    save("theirs", by=owner("bob"))
    next(b for b in app.button if b.label == "Save as a new version").click().run()
    assert "bob saved another version" in errors(app)[0]
    with db.reading(db.open_store(Settings())) as session:
        assert [v.text for v in guidelines.versions(session)] == ["theirs", "one"]
