"""Foreign text, shown as text: escaped, its line breaks kept, hidden characters made visible, spans marked.

    foreign_html(rationale.text, [Mark(31, 47, "false step")])
    foreign_html(rationale.text, find_hits(rationale.text, "15 pens"))          # a search's hits are marked

Everything that a model or a file wrote passes through here before it reaches `st.html`. `label` is for the few places
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
from mapd.store.browse import plain, split_phrases


class Mark(NamedTuple):
    """Start and end (offsets into the text as stored), its label, and its look (the stylesheet's mapd-…)."""

    start: int
    end: int
    label: str
    look: str = "mark"


# GFM links these even where every sign is escaped.
AUTOLINK = re.compile(r"(https?:|www(?=\.)|@)", re.IGNORECASE)
MARKDOWN = re.compile(r"([!-/:-@\[-`{-~])")
NO_GOLD = '<span class="mapd-more">none given</span>'
# The label of a search's marks.
HIT_LABEL = "found"
# So many characters before the limit a cut may lie, at the end of a word.
CUT_SLACK = 40
# So many characters stand before a hit in a line.
LEAD_CHARACTERS = 10
# So much of a text is searched for words to mark.
SEARCHED_CHARACTERS = 20_000
# So many places of one word are marked.
MOST_HITS = 200
NO_TEXT = '<span class="mapd-more">no text</span>'


def escape(text: str) -> str:
    """Return a text as HTML: escaped, each hidden character as a small boxed label such as ⟨U+202E⟩."""
    return HIDDEN.sub(lambda match: _box_character(match[0]), html.escape(text.replace("\r\n", "\n")))


def one_line(text: str, chars: int = 80) -> str:
    """Return the text on one line, whitespace collapsed, cut with …; plain, for table cells and the like."""
    line = visible(" ".join(text.split())[: chars + 1])
    return line if len(line) <= chars else line[: chars - 1].rstrip() + "…"


def line_html(text: str, chars: int = 80) -> str:
    """Return the text on one line as HTML."""
    return escape(one_line(text, chars))


def distinct_lines(ids: Mapping[str, int]) -> dict[str, str]:
    """Return each name by a line that a list can show; equal lines get their id. `ids`: by name.

    Streamlit puts the line into the address.
    """
    lines = Counter(one_line(name, 60) for name in ids)
    return {
        line if lines[line := one_line(name, 60)] == 1 else f"{line} #{number}": name for name, number in ids.items()
    }


def label(text: str, chars: int = 80) -> str:
    """Return one line for a place where streamlit reads markdown: every sign that could mean something is escaped."""
    # A word joiner (U+2060) breaks the pattern invisibly.
    line = AUTOLINK.sub("\\1\u2060", one_line(text, chars))
    return MARKDOWN.sub(r"\\\1", line)


def foreign_html(text: str, marks: Sequence[Mark] = (), max_chars: int | None = None) -> str:
    """Return a block of foreign text as HTML; where marks overlap, the piece carries both labels."""
    piece = text if max_chars is None else _cut(text, max_chars)
    hidden_count = len(text) - len(piece)
    remainder = f'<span class="mapd-more">… {hidden_count:,} more characters</span>' if hidden_count else ""
    body = _mark_html(piece, marks) or NO_TEXT
    return f'<div class="mapd-text" dir="auto">{body}{remainder}</div>'


def thought_html(thought: str | None, max_chars: int | None = None) -> str:
    """Return a model's thought as HTML, folded and labelled; "" where there is none."""
    if not thought:
        return ""
    summary = f"thought, {len(thought.split()):,} words: not graded, not taught"
    body = foreign_html(thought, max_chars=max_chars)
    return f'<details class="mapd-thought"><summary>{summary}</summary>{body}</details>'


def _cut(text: str, chars: int) -> str:
    """Return the beginning of a text up to the end of a word; the whole text where only a few letters would be cut."""
    if len(text) <= chars + CUT_SLACK:
        return text
    end = max(text.rfind(space, chars - CUT_SLACK, chars) for space in " \n") if chars > CUT_SLACK else -1
    return text[: end if end > 0 else chars]


def foreign_line_html(text: str, chars: int = 80, words: str = "") -> str:
    """Return one line of foreign text as HTML; the tooltip has up to 500 characters.

    With `words` the line begins shortly before the first hit, and hits are marked.
    """
    tail = text
    if hits := find_hits(text, words):
        hit = hits[0][0]
        start = text.find(" ", hit - LEAD_CHARACTERS, hit) + 1 or hit - LEAD_CHARACTERS if hit > LEAD_CHARACTERS else 0
        tail = f"{'…' if start else ''}{text[start:]}"
    line = one_line(tail, chars)
    body = _mark_html(line, find_hits(line, words)) or NO_TEXT
    return f'<span class="mapd-line" dir="auto" title="{html.escape(one_line(text, 500))}">{body}</span>'


def find_hits(text: str, words: str) -> list[Mark]:
    """Return marks at each place of a search's words; the last word may be the beginning of a longer one."""
    plain_text = plain(text[:SEARCHED_CHARACTERS]) if words else ""
    # A dict, because a word may occur twice in a search.
    patterns: dict[str, None] = {}
    for phrase in split_phrases(words):
        # Possessive quantifiers (++ and *+): no text can make the search backtrack.
        phrase_pattern = r"[\W_]++".join(re.escape(plain(token)) for token in phrase.tokens)
        ending = r"[^\W_]*+" if phrase.begins else r"(?![^\W_])"
        patterns[rf"(?<![^\W_]){phrase_pattern}{ending}"] = None
    hits = (hit for pattern in patterns for hit in islice(re.finditer(pattern, plain_text), MOST_HITS))
    return sorted(Mark(hit.start(), hit.end(), HIT_LABEL, "hit") for hit in hits)


def gold_html(gold: str, chars: int) -> str:
    """Return a gold answer on one line as HTML, or that there is none."""
    return line_html(gold, chars) or NO_GOLD


def complain(message: str) -> None:
    """Draw an error as one line of text; the message may quote foreign text."""
    st.html(f'<div class="mapd-error" role="alert"><b aria-hidden="true">✕</b>{line_html(message, 600)}</div>')


def _mark_html(text: str, marks: Sequence[Mark]) -> str:
    """Return the text cut at the ends of all marks, each piece in a `<mark>` with the labels of all marks around it."""
    # Marks may reach beyond the piece that is shown.
    inside = [mark._replace(start=max(0, mark.start), end=min(len(text), mark.end)) for mark in marks]
    inside = [mark for mark in inside if mark.start < mark.end]
    pending = sorted(range(len(inside)), key=lambda n: inside[n].start, reverse=True)
    # The marks around a piece, in their order.
    open_marks: list[int] = []
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
def _box_character(character: str) -> str:
    name = unicodedata.name(character, "control character").lower()
    return f'<span class="mapd-char" title="{name}">{code(character)}</span>'
