"""The data page's list of what came in and went out."""

from pathlib import Path

from mapd.settings import Settings
from mapd.store import audit_log, db
from tests.pages.running import errors, open_page, shown

PAGE = "pages/loop/data.py"
HOSTILE = "<script>alert(1)</script>.csv"


def write(count: int, action: str = "export", file: str = "rows.csv") -> None:
    with db.writing(db.open_store(Settings())) as session:
        for number in range(count):
            audit_log.audit(session, "ann", action, "exam gone", format="rows", file=file, rows=number, sha256="f" * 64)


def table(page: str) -> str:
    return page[page.index("file, or from where") :] if "file, or from where" in page else ""


def test_an_empty_project_says_that_nothing_did(home: Path) -> None:
    app = open_page(PAGE)
    assert any("Nothing came in or went out yet" in caption.value for caption in app.caption)


def test_each_act_has_its_file_and_a_link(full_home: Path) -> None:
    write(1, file=HOSTILE)
    page = table(shown(open_page(PAGE)))
    assert "import authors" in page
    assert "/exam?exam=" in page
    assert "exam, not here any more" in page
    assert HOSTILE not in page
    assert "&lt;script&gt;" in page


def test_the_address_filters_and_turns_pages(full_home: Path) -> None:
    write(30)
    assert "import authors" not in table(shown(open_page(PAGE, moved="out")))
    page = table(shown(open_page(PAGE, moved="in")))
    assert "import authors" in page
    assert "rows.csv" not in page
    app = open_page(PAGE, moved="all", moved_page="2")
    assert any("26–31 of 31" in caption.value for caption in app.caption)
    assert "import authors" in table(shown(app))
    assert "this address asks for moved sideways" in errors(open_page(PAGE, moved="sideways"))[0]


def test_one_way_alone_may_be_empty(full_home: Path) -> None:
    app = open_page(PAGE, moved="out")
    assert any("Nothing went out yet" in caption.value for caption in app.caption)
