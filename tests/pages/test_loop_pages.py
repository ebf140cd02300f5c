"""Exam, committee, finetune and results: on an import, and in an empty project."""

from pathlib import Path

import pytest

from tests.pages.running import errors, open_page, shown

PAGES = ("pages/loop/exam.py", "pages/loop/committee.py", "pages/train/finetune.py", "pages/train/results.py")


@pytest.mark.parametrize("path", PAGES)
def test_an_empty_project_is_told_what_to_do(home: Path, path: str) -> None:
    app = open_page(path)
    assert errors(app) == []
    said = " ".join(m.value for m in app.markdown) + " ".join(c.value for c in app.code)
    assert "yet" in said


def test_an_imported_exam_shows_every_attempt(full_home: Path) -> None:
    app = open_page("pages/loop/exam.py")
    assert errors(app) == []
    assert "How many pens" in shown(app)
    assert any("An import holds mistakes alone" in c.value for c in app.caption)
    app.segmented_control(key="outcome").set_value("right").run()
    assert any("No attempt is among these" in c.value for c in app.caption)


def test_the_committee_shows_who_gave_whom_what(full_home: Path) -> None:
    app = open_page("pages/loop/committee.py")
    assert errors(app) == []
    page = shown(app)
    assert page.count(">own<") == 3
    assert "wrong ones caught" in page


def test_an_import_alone_has_nothing_to_finetune_or_compare(full_home: Path) -> None:
    assert any("No student was finetuned yet" in m.value for m in open_page("pages/train/finetune.py").markdown)
    assert any("Nothing to compare yet" in m.value for m in open_page("pages/train/results.py").markdown)
