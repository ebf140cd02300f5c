"""The look of each thing: its colour, sign and word; a teacher's colour; the layout that all charts share.

Text keeps the theme's text colour and a colour stands beside it: it is never the only sign. Each colour meets AA on
the light and on the dark page (3:1), and white text on it does too (4.5:1), so one set serves both themes.
"""

import html
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mapd.domain import Act
from mapd.ui.kit.text import escape, one_line

GREEN, VERMILLION, GREY, PURPLE, AMBER = "#0f8060", "#c04f00", "#6b7280", "#a5528a", "#8f6a00"


@dataclass(frozen=True)
class Look:
    """The word, the sign for HTML and plain text, and the colour of one thing."""

    word: str
    sign: str
    colour: str


LOOKS: Mapping[str, Look] = {
    # the committee's verdict, and what people made of it
    "accepted": Look("accepted", "✓", GREEN),
    "rejected": Look("rejected", "✕", VERMILLION),
    "undecided": Look("undecided", "?", GREY),
    "overridden": Look("overridden", "✎", PURPLE),
    "conflict": Look("conflict", "⇄", AMBER),
    # an attempt beside the gold: keyed by its outcome
    "correct": Look("right", "=", GREEN),
    "incorrect": Look("wrong", "≠", VERMILLION),
    "no_answer": Look("no answer", "∅", GREY),
    # Before its answer or after it.
    "cut_off": Look("cut off", "✂", AMBER),
    # a check
    "holds": Look("holds", "✓", GREEN),
    "fails": Look("fails", "✗", VERMILLION),
    "nothing": Look("nothing to check", "–", GREY),
}

# Okabe and Ito's colours, told apart by colour-blind eyes (and a grey for an eighth). Blue, orange and purple come
# first: green and vermillion resemble accepted and rejected.
TEACHER_COLOURS = ("#0072B2", "#E69F00", "#CC79A7", "#56B4E9", "#F0E442", "#009E73", "#D55E00", "#999999")

# People who repaired a text: not a teacher's colour.
PERSON_COLOUR = GREY

FIGURE_CONFIG = {"displayModeBar": False}


def chip(kind: str, note: str = "", word: str | None = None) -> str:
    """Return sign and word as HTML, with a note such as "5.0"; `word` replaces the usual word."""
    look = LOOKS[kind]
    extra = f'<span class="mapd-note">{escape(note)}</span>' if note else ""
    return (
        f'<span class="mapd-chip" style="--c:{look.colour}" title="{look.word}">'
        f'<span class="mapd-sign">{look.sign}</span>{escape(word or look.word)}{extra}</span>'
    )


def sign_chip(sign: str, word: str, colour: str) -> str:
    """Return a chip (HTML) for something else, such as a job's state."""
    return (
        f'<span class="mapd-chip" style="--c:{colour}"><span class="mapd-sign" aria-hidden="true">{sign}</span>'
        f"{escape(word)}</span>"
    )


def teacher_colours(places: Mapping[str, int | None]) -> dict[str, str]:
    """Return each teacher's colour by its place in the project: the same on every card and chart, for ever.

    A place never changes, even where teachers are added or people repair texts.
    """
    return {name: teacher_colour(place) for name, place in places.items()}


def teacher_colour(place: int | None) -> str:
    """Return the colour of the teacher at this place; after eight they repeat. People have no place."""
    return PERSON_COLOUR if place is None else TEACHER_COLOURS[place % len(TEACHER_COLOURS)]


def teacher_chip(name: str, place: int | None, full_name: str = "") -> str:
    """Return a teacher's swatch and name as HTML; the tooltip has the `full_name`, which may be cut here."""
    title = html.escape(one_line(full_name or name, 500))
    return (
        f'<span class="mapd-chip" style="--c:{teacher_colour(place)}" title="{title}">'
        f'<span class="mapd-swatch"></span><span class="mapd-name">{escape(name)}</span></span>'
    )


def decision_word(act: Act, target: str) -> str:
    """Return the word for a decision on a text, an attempt or a question."""
    words = {Act.ACCEPT: "accepted", Act.REJECT: "rejected", Act.WITHDRAW: "withdrew", Act.CORRECT: "read as"}
    if target == "question":
        words |= {Act.ACCEPT: "good", Act.REJECT: "bad", Act.CORRECT: "gold corrected to"}
    if target == "attempt":
        words |= {Act.ACCEPT: "a mistake indeed", Act.REJECT: "not a mistake"}
    return words[act]


def score_dots(score: int | None) -> str:
    """Return a vote of 1-5 as dots and number (HTML); a missing vote in words, never as 0."""
    if score is None:
        return '<span class="mapd-dots mapd-note">no vote</span>'
    return f'<span class="mapd-dots" title="{score} of 5">{"●" * score}{"○" * (5 - score)} {score}</span>'


def figure_layout(**overrides: Any) -> dict[str, Any]:
    """Return the layout that every Plotly figure shares, with `overrides`.

    Fonts, background and grid aren't set here: `st.plotly_chart`'s theme takes them from the page, light or dark.
    """
    return {
        "margin": {"l": 48, "r": 16, "t": 32, "b": 40},
        "hovermode": "x unified",
        "legend": {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom", "title": {"text": ""}},
        "bargap": 0.15,
        **overrides,
    }
