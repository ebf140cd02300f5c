"""Foreign text stays text: nothing of it becomes markup, nothing of it hides."""

import re
import string
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapd.ui.kit.text import HIDDEN, Mark, escape, find_hits, foreign_html, foreign_line_html, label, one_line
from mapd.ui.kit.theme import chip, teacher_chip
from tests import hostile


class Words(HTMLParser):
    """What a browser would show of some HTML: its tags, and its text without our own labels."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self.boxed = False
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.boxed = dict(attrs).get("class") in ("mapd-char", "mapd-more")

    def handle_endtag(self, tag):
        self.boxed = False

    def handle_data(self, data):
        self.text += "" if self.boxed else data


@pytest.mark.parametrize("text", hostile.TEXTS, ids=range(len(hostile.TEXTS)))
def test_markup_is_shown_not_obeyed(text):
    shown = Words(foreign_html(text, marks=[Mark(2, 9, "false step")]))
    assert shown.text == HIDDEN.sub("", text.replace("\r\n", "\n")) or not text
    assert set(shown.tags) <= {"div", "mark", "span"}
    assert set(Words(foreign_line_html(text)).tags) == {"span"}
    assert set(Words(chip("accepted", text, text) + teacher_chip(text, 0)).tags) == {"span"}
    assert not set(string.punctuation) & set(re.sub(r"\\[!-/:-@\[-`{-~]", "", label(text)))


@pytest.mark.parametrize(
    ("hidden", "code"),
    [
        ("\u202e", "U+202E"),
        ("\x1b", "U+001B"),
        ("\u200b", "U+200B"),
        ("\u2800", "U+2800"),
        ("\U000e0041", "U+E0041"),
        ("\ud800", "U+D800"),
    ],
)
def test_hidden_characters_are_made_visible(hidden, code):
    assert f">{code}</span>" in escape(f"a{hidden}b")
    assert one_line(f"a{hidden}b") == f"a⟨{code}⟩b"
    escape(hidden).encode()  # a lone surrogate would break the wire


def test_what_reads_well_stays():
    text = "1.\tעברית 👩‍🏫\r\n  2 × 3 ≠ 7 1\u202f000\u00a0€ \u2007 5"
    assert escape(text) == text.replace("\r\n", "\n")


def test_marks_carry_their_labels_and_looks_and_overlap():
    marks = [Mark(0, 13, "false step"), Mark(10, 20, 'contradicts "q"', "named")]
    html = foreign_html("290 / 2 = 144 apples", marks)
    assert re.findall(r'<mark class="([^"]*)" title="([^"]*)">([^<]*)</mark>', html) == [
        ("mapd-mark", "false step", "290 / 2 = "),
        ("mapd-mark mapd-named", "false step; contradicts &quot;q&quot;", "144"),
        ("mapd-named", "contradicts &quot;q&quot;", " apples"),
    ]


def test_marks_outside_the_text_are_cut_to_it():
    marks = [Mark(-5, 1, "x"), Mark(2, 99, "y"), Mark(3, 3, "z"), Mark(2, 1, "w")]
    assert foreign_html("abc", marks).count("<mark") == 2


@given(
    st.text(st.characters(exclude_categories=["Cs"])),
    st.lists(
        st.builds(
            Mark,
            st.integers(-5, 40),
            st.integers(-5, 40),
            st.sampled_from(["a", "b"]),
            st.sampled_from(["mark", "named"]),
        )
    ),
)
def test_nothing_is_lost_between_marks(text, marks):
    assert Words(foreign_html(text, marks)).text == HIDDEN.sub("", text.replace("\r\n", "\n"))


def test_long_and_empty_texts_say_so():
    assert "… 1,995 more characters" in foreign_html("x" * 2000, max_chars=5)
    words = "push-ups " * 20
    assert "push-ups<span" in foreign_html(words, max_chars=100), "cut between words"
    assert "more characters" not in foreign_html(words, max_chars=len(words) - 5), "not worth a cut"
    assert "no text" in foreign_html("")
    assert "no text" in foreign_line_html(" \n ")


def test_one_line_collapses_and_cuts():
    assert one_line("a\n\n  b\tc") == "a b c"
    assert one_line("x" * 100, 10) == "x" * 9 + "…"
    assert one_line("x" * 10, 10) == "x" * 10


def test_a_label_escapes_every_sign_of_markdown():
    assert label("*a* :red[b] $c$") == r"\*a\* \:red\[b\] \$c\$"
    assert label("http://evil.test") == "http\\:\u2060\\/\\/evil\\.test"  # a word joiner: GFM can't make it a link


def test_what_was_found_is_marked_where_it_stands():
    text = "Élan has 3 pens; the pencils cost $5. <b>pens</b>"
    assert [text[hit.start : hit.end] for hit in find_hits(text, "PEN")] == ["pens", "pencils", "pens"]
    assert [text[hit.start : hit.end] for hit in find_hits(text, '"elan HAS"')] == ["Élan has"]
    assert [text[hit.start : hit.end] for hit in find_hits(text, "has elan $5")] == ["Élan", "has", "5"]
    assert find_hits(text, "ens") == find_hits(text, "=") == find_hits(text, "") == []
    line = foreign_line_html("word " * 40 + text, 60, "pencils")
    assert '…the <mark class="mapd-hit" title="found">pencils</mark> cost' in line
    assert "<b>" not in foreign_line_html(text, 200, "pens")
