"""The guidelines: written on their page, shown beside the work by a key; and the reasons for a rejection."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from mapd.people import Person, owner
from mapd.review import guidelines, reasons
from mapd.settings import Settings
from mapd.store import db
from mapd.ui.kit import context
from tests.pages.running import errors, open_page

ANN = owner("ann")


def page(**params: str) -> AppTest:
    return open_page("pages/review/guidelines.py", **params)


def save(text: str, by: Person = ANN) -> None:
    with db.writing(db.open_store(Settings())) as session:
        last = guidelines.current(session)
        guidelines.save(session, text, by=by, base_uid=last.uid if last else None)


def write(app: AppTest, text: str) -> None:
    app.text_area[0].set_value(text).run()
    next(b for b in app.button if b.label == "Save as a new version").click().run()


def captions(app: AppTest) -> str:
    return " ".join(caption.value for caption in app.caption)


def frames(app: AppTest) -> str:
    return " ".join(str(frame.proto) for frame in app.get("iframe"))


def test_the_first_version_is_written_here(full_home: Path) -> None:
    app = page()
    assert "No guidelines yet" in app.markdown[0].value
    write(app, "# Accept\nwhat is right")
    assert "No guidelines yet" not in " ".join(m.value for m in app.markdown)
    assert "what is right" in frames(app)
    assert "the current one" in captions(app)


def test_an_old_version_has_an_address(full_home: Path) -> None:
    save("the old words")
    save("the new words", by=owner("bob"))
    assert "the new words" in frames(page())
    old = page(version="1")
    assert "the old words" in frames(old)
    assert "until" in captions(old)
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


# -- reasons for a rejection ------------------------------------------------------------------------------------------


def own_reasons() -> list[str]:
    with db.reading(db.open_store(Settings())) as session:
        return reasons.list_own(session)


def press(app: AppTest, label: str) -> None:
    next(b for b in app.button if b.label == label).click().run()


def add(app: AppTest, words: str) -> None:
    app.text_input(key="reasons_field").set_value(words).run()
    press(app, "Add reason")


def written(app: AppTest) -> str:
    return " ".join([*(m.value for m in app.markdown), *(str(element.proto) for element in app.get("html"))])


def test_a_reason_of_the_projects_own_is_added_removed_and_put_back(full_home: Path) -> None:
    app = page()
    assert "This project has no reasons of its own yet" in written(app)
    assert "wrong answer, false step, right by luck" in captions(app)
    add(app, "Wrong units")
    assert own_reasons() == ["wrong_units"]
    assert "key 8" in written(app)
    assert "no reasons of its own" not in written(app)
    assert app.text_input(key="reasons_field").value == ""
    press(app, "Remove")
    assert own_reasons() == []
    assert "removed wrong units; texts that were rejected for it stay rejected" in written(app)
    press(app, "Undo")
    assert own_reasons() == ["wrong_units"]
    assert "removed wrong units" not in written(app)


def test_what_is_no_reason_is_said_and_stays_in_its_field(full_home: Path) -> None:
    app = page()
    add(app, "<b>")
    assert "a reason is 1 to 40 characters, words of letters and digits, not" in errors(app)[0]
    assert app.text_input(key="reasons_field").value == "<b>"
    assert own_reasons() == []


def test_a_reason_that_somebody_removed_meanwhile_is_said(full_home: Path) -> None:
    with db.writing(db.open_store(Settings())) as session:
        reasons.add(session, "wrong units", by=ANN)
    app = page()
    with db.writing(db.open_store(Settings())) as session:
        reasons.remove(session, "wrong_units", by=ANN)
    press(app, "Remove")
    assert "unknown reason: wrong_units" in errors(app)[0]


def test_who_only_judges_reads_the_reasons(full_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with db.writing(db.open_store(Settings())) as session:
        reasons.add(session, "wrong units", by=ANN)
    monkeypatch.setattr(context, "owns", lambda: False)
    app = page()
    assert "key 8" in written(app)
    assert [b.label for b in app.button] == []
