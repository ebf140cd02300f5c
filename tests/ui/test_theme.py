"""Every colour reads on both pages, every thing has a word, every name is escaped."""

import re
import tomllib
from pathlib import Path

import pytest

from mapd.ui.kit.charts import ACCENT, TEAL
from mapd.ui.kit.theme import (
    GREY,
    LOOKS,
    PERSON_COLOUR,
    TEACHER_COLOURS,
    chip,
    figure_layout,
    score_dots,
    teacher_chip,
    teacher_colours,
)

ROOT = Path(__file__).parents[2]
THEME = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())["theme"]


def luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_themes_are_aa(theme):
    colours = THEME[theme]
    for page in (colours["backgroundColor"], colours["secondaryBackgroundColor"]):
        assert contrast(colours["textColor"], page) >= 7
        assert contrast(colours["linkColor"], page) >= 4.5
        assert contrast(colours["primaryColor"], page) >= 4.5  # streamlit writes with it too
        assert all(contrast(look.colour, page) >= 3 for look in LOOKS.values())
    word = {"light": "#ffffff", "dark": "#000000"}[theme]  # on a primary button, see style.css
    assert contrast(colours["primaryColor"], word) >= 4.5


# --- The stylesheets: each colour in them stands in a test below, so a new one needs its own --------------------------

SHEETS = sorted((ROOT / "mapd" / "ui").rglob("*.css"))
COLOUR = re.compile(r"#[0-9a-fA-F]{3,8}\b|rgb\([^)]*\)|light-dark\([^()]+\)|color-mix\(in srgb, currentColor[^)]*\)")
MARK, WAVE, ERROR, FAULT, FOCUS = "rgb(224 152 0 / 28%)", "#c04f00", "rgb(207 64 54 / 11%)", "#cf4036", "#7876ce"
# What a feedback criticises: a step of the answer, what isn't there, and the line below it.
STEP, ABSENT, STEP_LINE = "rgb(0 114 178 / 16%)", "rgb(0 114 178 / 8%)", "#3f8fc4"
ACCENTS, ON_ACCENT = {"light": "#4a4a8f", "dark": "#a9a7f0"}, {"light": "#ffffff", "dark": "#1a1917"}
PAPERS, CHOSEN = {"light": "#fdfcfa", "dark": "#1a1917"}, {"light": "#d9d8f3", "dark": "#3b3a66"}  # triage's buttons
PAIRS = [("#fff", "#1a1917"), *((pair["light"], pair["dark"]) for pair in (ACCENTS, PAPERS, CHOSEN))]
FAINT, LINE, MUTED = 0.08, 0.22, 0.74  # shares of the text's colour


def over(colour: str, share: float, page: str) -> str:
    """What a translucent colour looks like on a page."""
    parts = [(int(colour[i : i + 2], 16), int(page[i : i + 2], 16)) for i in (1, 3, 5)]
    return "#" + "".join(f"{round(share * top + (1 - share) * under):02x}" for top, under in parts)


def translucent(rgb: str, page: str) -> str:
    red, green, blue, percent = map(int, re.findall(r"\d+", rgb))
    return over(f"#{red:02x}{green:02x}{blue:02x}", percent / 100, page)


def test_every_colour_of_the_stylesheets_is_tested_here():
    used = {found for sheet in SHEETS for found in COLOUR.findall(sheet.read_text())}
    mixes = {f"color-mix(in srgb, currentColor {share:.0%}, transparent)" for share in (FAINT, LINE, MUTED)}
    pairs = {f"light-dark({light}, {dark})" for light, dark in PAIRS}
    assert used == {MARK, WAVE, ERROR, FAULT, FOCUS, STEP, ABSENT, STEP_LINE, "#fff", *mixes, *pairs}


@pytest.mark.parametrize("ground", ["backgroundColor", "secondaryBackgroundColor"])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_what_we_write_and_draw_is_aa(theme, ground):
    page, ink = THEME[theme][ground], THEME[theme]["textColor"]
    faint = over(ink, FAINT, page)  # behind a row, a band, a key
    for under in (page, faint):
        assert contrast(over(ink, MUTED, under), under) >= 4.5
        assert contrast(ink, under) >= 7
        assert contrast(FOCUS, under) >= 3
        assert contrast(over(ACCENTS[theme], 0.8, under), under) >= 3  # a bar
    assert all(contrast(one, page) >= 3 for one in (ACCENT, TEAL, GREY, FAULT))
    marked = translucent(MARK, page)
    assert contrast(ink, marked) >= 4.5
    assert contrast(over(ink, MUTED, marked), marked) >= 4.5  # what a search found in a line that stands back
    assert contrast(WAVE, page) >= 3
    assert contrast(STEP_LINE, page) >= 3
    for mark in (STEP, ABSENT):
        assert contrast(ink, translucent(mark, page)) >= 4.5
    assert contrast(ink, translucent(ERROR, page)) >= 4.5
    assert contrast(ACCENTS[theme], page) >= 4.5
    assert contrast(ON_ACCENT[theme], ACCENTS[theme]) >= 4.5
    assert PAPERS[theme] == THEME[theme]["backgroundColor"]
    assert contrast(ink, CHOSEN[theme]) >= 7
    assert contrast(over(ink, MUTED, CHOSEN[theme]), CHOSEN[theme]) >= 4.5


def test_a_sign_reads_on_its_colour():
    assert all(contrast(look.colour, "#ffffff") >= 4.5 for look in LOOKS.values())


def test_no_two_looks_share_word_or_all_of_sign_and_colour():
    assert len({look.word for look in LOOKS.values()}) == len(LOOKS)


def test_teachers_keep_their_colour_whoever_comes():
    before = teacher_colours({"gpt": 0, "gemini": 1})
    assert before == {"gpt": TEACHER_COLOURS[0], "gemini": TEACHER_COLOURS[1]}
    after = teacher_colours({"gpt": 0, "gemini": 1, "ann": None, "a model": 2})
    assert before.items() <= after.items()
    assert (after["ann"], after["a model"]) == (PERSON_COLOUR, TEACHER_COLOURS[2])
    assert len(teacher_colours({str(n): n for n in range(20)})) == 20


def test_charts_take_the_teachers_colours():
    assert tuple(THEME["chartCategoricalColors"]) == TEACHER_COLOURS


def test_chips_say_their_word_and_escape_names():
    assert "accepted" in chip("accepted", "5.0")
    assert "5.0" in chip("accepted", "5.0")
    assert ">work<" in chip("holds", word="work")
    assert "<b>" not in teacher_chip("<b>x", 0)
    assert "<b>" not in chip("holds", "<b>", "<b>")


def test_no_vote_is_never_drawn_as_zero():
    assert "no vote" in score_dots(None)
    assert "○" not in score_dots(None)
    assert "●●●●○ 4" in score_dots(4)


def test_a_figure_overrides_what_is_shared():
    assert figure_layout(hovermode="closest", height=300)["hovermode"] == "closest"
