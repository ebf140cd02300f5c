"""Foreign text, shown as text: escaped, its line breaks kept, hidden characters made visible, spans marked.

    foreign(rationale.text, marks=[Mark(31, 47, "false step")])     # draws it
    foreign_html(rationale.text, ...)                           # the same as a string, for a card of one's own
    foreign_html(rationale.text, found(rationale.text, "15 pens"))              # what a search found is marked

Everything that a model or a file wrote passes through here before it reaches `st.html`; `label` is for the few places
where streamlit reads markdown (button, radio, page_link, st.error).
"""

import html
import re
import unicodedata
from bisect import insort
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from itertools import islice, pairwise
from typing import NamedTuple

import streamlit as st

from mapd.characters import HIDDEN, code, visible
from mapd.store.listing import phrases_of, plain


class Mark(NamedTuple):
    """From, up to (offsets into the text as stored), what it says, how it looks (the stylesheet's mapd-…)."""

    start: int
    end: int
    label: str
    look: str = "mark"


AUTOLINK = re.compile(r"(https?:|www(?=\.)|@)", re.IGNORECASE)  # GFM links these even where every sign is escaped
MARKDOWN = re.compile(r"([!-/:-@\[-`{-~])")
NO_GOLD = '<span class="mapd-more">none given</span>'
HIT_LABEL = "found"  # what a search's marks are labelled
CUT_SLACK = 40  # characters that a cut may stand aside from where it was asked for
LEAD_CHARACTERS = 10  # characters that a line shows before what was found
SEARCHED_CHARACTERS = 20_000  # characters of a text that are looked through for what to mark
MOST_HITS = 200  # places where one word is marked
NO_TEXT = '<span class="mapd-more">no text</span>'


def escape(text: str) -> str:
    """HTML of a text: escaped, each hidden character a small boxed label such as ⟨U+202E⟩."""
    return HIDDEN.sub(lambda match: _boxed(match[0]), html.escape(text.replace("\r\n", "\n")))


def one_line(text: str, chars: int = 80) -> str:
    """The text on one line, whitespace collapsed, cut with …; plain, for table cells and the like."""
    line = visible(" ".join(text.split())[: chars + 1])
    return line if len(line) <= chars else line[: chars - 1].rstrip() + "…"


def distinct_lines(ids: Mapping[str, int]) -> dict[str, str]:
    """By a line that a list can show, each its own, the name; `ids`: by name. Streamlit has the line in the address."""
    lines = Counter(one_line(name, 60) for name in ids)
    return {
        line if lines[line := one_line(name, 60)] == 1 else f"{line} #{number}": name for name, number in ids.items()
    }


def label(text: str, chars: int = 80) -> str:
    """One line for a place where streamlit reads markdown: every sign that could mean something is escaped."""
    unlinked = AUTOLINK.sub("\\1\u2060", one_line(text, chars))
    return MARKDOWN.sub(r"\\\1", unlinked)


def foreign_html(text: str, marks: Sequence[Mark] = (), max_chars: int | None = None) -> str:
    """A block of foreign text as HTML; where marks overlap, the piece carries both labels."""
    piece = text if max_chars is None else _cut(text, max_chars)
    hidden_count = len(text) - len(piece)
    remainder = f'<span class="mapd-more">… {hidden_count:,} more characters</span>' if hidden_count else ""
    body = _marked(piece, marks) or NO_TEXT
    return f'<div class="mapd-text" dir="auto">{body}{remainder}</div>'


def thought_html(thought: str | None, max_chars: int | None = None) -> str:
    """A model's thought as HTML, folded and marked as what it is; nothing where there is none."""
    if not thought:
        return ""
    summary = f"thought, {len(thought.split()):,} words: not graded, not taught"
    body = foreign_html(thought, max_chars=max_chars)
    return f'<details class="mapd-thought"><summary>{summary}</summary>{body}</details>'


def _cut(text: str, chars: int) -> str:
    """The beginning of a text up to the end of a word; the whole of it where only some letters would be left out."""
    if len(text) <= chars + CUT_SLACK:
        return text
    end = max(text.rfind(space, chars - CUT_SLACK, chars) for space in " \n") if chars > CUT_SLACK else -1
    return text[: end if end > 0 else chars]


def foreign_line_html(text: str, chars: int = 80, words: str = "") -> str:
    """One line of foreign text as HTML, the whole of it (up to 500 characters) in the tooltip.

    With `words` the line begins shortly before the first place where one stands, and they are marked.
    """
    tail = text
    if hits := find_hits(text, words):
        hit = hits[0][0]
        start = (
            text.find(" ", hit - LEAD_CHARACTERS, hit) + 1 or hit - LEAD_CHARACTERS if hit > LEAD_CHARACTERS else 0
        )  # at a word's beginning
        tail = f"{'…' if start else ''}{text[start:]}"
    line = one_line(tail, chars)
    line_html = _marked(line, find_hits(line, words)) or NO_TEXT
    return f'<span class="mapd-line" dir="auto" title="{html.escape(one_line(text, 500))}">{line_html}</span>'


def find_hits(text: str, words: str) -> list[Mark]:
    """Where the words stand that a search looks for, each wherever it is; the last may be the beginning of one."""
    plain_text = plain(text[:SEARCHED_CHARACTERS]) if words else ""
    patterns: dict[str, None] = {}  # a word that is searched for twice is one
    for phrase in phrases_of(words):
        phrase_pattern = r"[\W_]++".join(re.escape(plain(token)) for token in phrase.tokens)
        ending = r"[^\W_]*+" if phrase.begins else r"(?![^\W_])"
        patterns[rf"(?<![^\W_]){phrase_pattern}{ending}"] = None
    hits = (hit for pattern in patterns for hit in islice(re.finditer(pattern, plain_text), MOST_HITS))
    return sorted(Mark(hit.start(), hit.end(), HIT_LABEL, "hit") for hit in hits)


def gold_html(gold: str, chars: int) -> str:
    """A gold answer on one line as HTML, or that there is none."""
    return escape(one_line(gold, chars)) or NO_GOLD


def foreign(text: str, marks: Sequence[Mark] = (), max_chars: int | None = None) -> None:
    """Draw a block of foreign text."""
    st.html(foreign_html(text, marks, max_chars))


def complain(message: str) -> None:
    """Draw an error as one line of text; the message may quote foreign text."""
    st.html(f'<div class="mapd-error" role="alert"><b aria-hidden="true">✕</b>{escape(one_line(message, 600))}</div>')


def _marked(text: str, marks: Sequence[Mark]) -> str:
    """The text cut at every mark's ends, each piece in a `<mark>` that names and looks like all that marks it."""
    inside = [mark._replace(start=max(0, mark.start), end=min(len(text), mark.end)) for mark in marks]
    inside = [mark for mark in inside if mark.start < mark.end]
    pending = sorted(range(len(inside)), key=lambda n: inside[n].start, reverse=True)
    open_marks: list[int] = []  # the marks around a piece, in their order
    pieces = []
    for start, end in pairwise(sorted({0, len(text), *(end for mark in inside for end in mark[:2])})):
        open_marks = [n for n in open_marks if inside[n].end > start]
        while pending and inside[pending[-1]].start <= start:
            insort(open_marks, pending.pop())
        piece = escape(text[start:end])
        title = "; ".join(dict.fromkeys(inside[n].label for n in open_marks))
        classes = " ".join(dict.fromkeys(f"mapd-{inside[n].look}" for n in open_marks))
        pieces.append(f'<mark class="{classes}" title="{html.escape(title)}">{piece}</mark>' if open_marks else piece)
    return "".join(pieces)


@cache
def _boxed(character: str) -> str:
    name = unicodedata.name(character, "control character").lower()
    return f'<span class="mapd-char" title="{name}">{code(character)}</span>'
