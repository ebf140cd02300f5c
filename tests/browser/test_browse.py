"""Rows of browse on every screen: nothing over anything else, and the text has room."""

import pytest
from playwright.sync_api import Page, expect
from sqlmodel import col, select

from mapd.review import saved_views
from mapd.settings import Settings
from mapd.store import db
from mapd.store import tables as t
from tests.browser import resting
from tests.browser.conftest import App
from tests.browser.test_accessible import SIZES

ALL = "&".join(
    f"columns={name}" for name in "teacher answer votes mean spread verdict checks people task length".split()
)
CELLS = """() => [...document.querySelectorAll('.mapd-cells')].slice(0, 4).map(row => {
  const box = e => { const { left, right } = e.getBoundingClientRect(); return [left, right]; };
  const cells = [...row.children].filter(e => e.offsetWidth);
  const link = row.closest('[class*=st-key-mapd_row_]')?.querySelector('a');
  const text = row.querySelector('.c-text, .c-question');
  return { row: box(row), cells: cells.map(box), text: text.offsetWidth, link: link && box(link)[0] };
})"""


@pytest.mark.parametrize("path", ["browse", "browse?show=mistakes", "browse?show=questions", f"browse?{ALL}"])
def test_cells_stand_beside_each_other_and_the_text_has_room(page: Page, app: App, path: str) -> None:
    resting.load(page, f"{app.url}/{path}")
    for width, height in ((1440, 900), *SIZES):
        page.set_viewport_size({"width": width, "height": height})
        for row in page.evaluate(CELLS):
            ends = [right for _, right in row["cells"]]
            begins = [left for left, _ in row["cells"]]
            assert all(left >= right for left, right in zip(begins[1:], ends, strict=False)), (width, row)
            assert ends[-1] <= row["row"][1] + 0.5, (width, row)
            assert row["link"] is None or row["link"] >= row["row"][1], (width, row)
            assert row["text"] >= 160, (width, row)
        heads, first = page.evaluate(CELLS)[:2]
        assert heads["cells"] == first["cells"], "columns line up with their heads"


def test_what_was_typed_just_before_the_click_goes_along(page: Page, app: App) -> None:
    resting.load(page, f"{app.url}/browse?verdict=accepted&gold=fails")
    page.get_by_role("button", name="Judge all").click()
    page.locator(".st-key-bulk_act").get_by_text("reject", exact=True).click()
    expect(page.get_by_role("button", name="Reject all 4")).to_be_enabled()
    note = page.get_by_role("textbox", name="Note")
    note.click()
    note.press_sequentially("see step 2")
    page.get_by_role("button", name="Reject all 4").click()
    expect(page.get_by_text("4 judgements in one act")).to_be_visible()
    page.get_by_role("button", name="Views").click()
    name = page.get_by_role("textbox", name="Save these filters as")
    name.click()
    name.press_sequentially("typed and clicked")
    page.get_by_role("button", name="Save view").click()
    expect(page.get_by_role("textbox", name="Name", exact=True).last).to_have_value("typed and clicked")
    engine = db.open_store(Settings())
    with db.reading(engine) as session:
        last = session.exec(select(t.Judgement).order_by(col(t.Judgement.id).desc()).limit(4)).all()
        names = [view.name for view in saved_views.saved_views(session)]
    engine.dispose()
    assert [(j.decision, j.note) for j in last] == [("reject", "see step 2")] * 4
    assert "typed and clicked" in names
