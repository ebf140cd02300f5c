"""A rendered text formats and calculates; it leads nowhere, loads nothing, runs nothing, and is never too much."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
import streamlit as st
from hypothesis import given, strategies

from mapd.ui.kit.rich_text import ATTRIBUTES, FRAME_POLICY, TAGS, body, document, formula, has_markup
from tests import hostile


class Elements(HTMLParser):
    """The elements of some HTML, each with its attributes' names."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, set[str]]] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, {name for name, _ in attrs}))


@pytest.mark.parametrize("text", hostile.TEXTS, ids=range(len(hostile.TEXTS)))
def test_nothing_but_formatting_comes_out(text):
    for tag, attributes in Elements(body(text)).found:
        assert tag in TAGS
        assert attributes <= ATTRIBUTES.get(tag, set())


def test_what_would_lead_or_load_is_text():
    for text in ("[a](http://evil.test)", "![a](http://evil.test/x.png)", "<http://evil.test>", "<b>x</b>"):
        assert [tag for tag, _ in Elements(body(text)).found] == ["p"]
        assert "evil.test" in body(text) or "&lt;b&gt;" in body(text)


@pytest.mark.parametrize(
    "text",
    [
        "It costs $5 and $3, so it is $8.",
        "She pays $5 each, so 3 × 5 = 15$ in all",
        "from $5 to 6 or 7$, $5 / day$, $1, 2, 3$",
        "$7 (amount he has left) = $ 17 = $17",
        "US$5, $1,000 a day, 5$, $5/day and $3/day, $5-$3=$2, ($10+$5)",
    ],
)
def test_money_stays_money(text):
    assert body(text) == f"<p>{text}</p>\n"


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("$\\frac{1}{2}$", "<mfrac>"),
        ("\\(x^2\\) and \\[\\sqrt{2}\\]", "<msqrt>"),
        ("Let $2x-4=14$.", "<mn>14</mn>"),
        ("$5 \\times 3$", "<mo>×</mo>"),
        ("It is $5$.", "<mn>5</mn>"),
        ("$-47$, not $1,000$", "<mn>47</mn>"),
        ("Then $2x$", "<mi>x</mi>"),
        ("It costs $5 and $3, so $5 + 3 = 8$.", "$5 and $3, so <math"),
        ("$250/2 = 125$", "<mn>125</mn>"),
        ("$6-x+8=14-x$", "<mi>x</mi>"),
        ("$5(3+2) = 25$", "<mn>25</mn>"),
        ("$$\\begin{aligned}a&=b\\\\c&=d\\end{aligned}$$", "<mtable"),
        ("\\begin{align} a &= b \\end{align}", "<mtable"),
        ("**so** `x` ~~y~~", "<strong>so</strong> <code>x</code> <s>y</s>"),
        ("| a |\n|---|\n| 1 |", "<td>1</td>"),
    ],
)
def test_maths_and_markdown_are_rendered(text, part):
    assert part in body(text)


AMOUNTS = strategies.one_of(
    strategies.integers(0, 99_999).map(str),
    strategies.integers(0, 99_999).map("{:,}".format),
    strategies.decimals(0, 999, places=2).map(str),
)


@given(AMOUNTS, strategies.sampled_from("+-*/−×÷"), AMOUNTS, AMOUNTS, strategies.sampled_from(["", " "]))
def test_a_calculation_is_maths(a, sign, b, c, space):
    for written in (a, f"{a}{space}{sign}{space}{b}", f"{a}{space}{sign}{space}{b}{space}={space}{c}"):
        made = body(f"So ${written}$.")
        assert "<math" in made
        assert "$" not in made


@given(AMOUNTS, strategies.sampled_from([" and ", " or ", ", ", " + ", " - ", " = ", "/", "-", " a day, "]), AMOUNTS)
def test_amounts_are_money(a, between, b):
    for text in (f"${a}{between}${b}", f"${a}{between}{b}", f"It is ${a}{between}${b}, not ${a}."):
        assert body(text) == f"<p>{text}</p>\n"


@pytest.mark.parametrize(
    "latex", ["\\frac", "x^", "\\left(", "\\newcommand{\\b}{\\b\\b}\\b", "{" * 60 + "}" * 60, "x" * 2000]
)
def test_a_formula_that_is_not_understood_or_too_much_is_shown_as_written(latex):
    assert formula(latex, "inline") is None
    assert '<span class="raw">$' in body(f"${latex}$")


def test_hidden_characters_stay_visible():
    assert "⟨U+202E⟩" in body("a\u202eb")


def test_the_frame_has_a_policy_of_its_own():
    assert f'content="{FRAME_POLICY}"' in document("x", "dark", "#fff", "#000")
    assert FRAME_POLICY.startswith("default-src 'none'")


def test_the_frame_writes_in_the_app_s_own_font():
    sources = re.findall(r'url\("\./([^"]*)"\)', document("x", "dark", "#fff", "#000"))
    assert len(sources) == 2
    assert all((Path(st.__file__).parent / "static" / source).is_file() for source in sources)


def test_only_what_has_markup_is_offered():
    assert has_markup("**a**")
    assert has_markup("1. a")
    assert has_markup("x = $y$")
    assert not has_markup("Ann has 5 pens, 3 - 2 = 1.")
