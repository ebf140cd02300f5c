"""What Browse's filters show, as one string: it stands in triage's address, and in a command that exports the rows.

    write(RowFilter(verdict="accepted", checks={"matches_gold": "fails"}), Order.DOUBT, {"gpt": 1})
        -> "verdict=accepted&matches_gold=fails&order=most+doubtful"
    read("verdict=accepted&…", {"gpt": 1})   -> the same again

A teacher goes by name. What can't be read is refused in one line: the string may have been typed.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode

from mapd.checks import State
from mapd.domain import (
    CHECKS,
    LONGEST_SEARCH,
    OF_QUESTIONS,
    OF_TEXTS,
    PEOPLE,
    STEP_EXISTS,
    Order,
    Part,
    RowFilter,
    RowKind,
    Verdict,
)
from mapd.errors import BadInput

# What can be judged; a question is no mistake.
MISTAKES = (RowKind.RATIONALES, RowKind.FEEDBACK, RowKind.MISTAKES)
NUMBERS = ("mean_from", "mean_to", "spread")
TEXTS = ("verdict", "committee", "people", "judged_by", "reason", "task", "question", "words")


@dataclass(frozen=True, slots=True)
class Selection:
    """Rows of Browse and their order."""

    filter: RowFilter
    order: Order


def write(row_filter: RowFilter, order: Order, voices: Mapping[str, int]) -> str:
    """Return the filter as one string. `voices`: teachers' ids by name."""
    author = next((name for name, id_ in voices.items() if id_ == row_filter.author_id), None)
    values: dict[str, object] = {"show": row_filter.show.value, "author": author, "order": order.value}
    values |= {name: getattr(row_filter, name) for name in TEXTS}
    values |= dict(row_filter.checks) | {"spread": row_filter.spread or None}
    values |= {"part": row_filter.part and str(row_filter.part)}
    if row_filter.means is not None:
        values |= {"mean_from": row_filter.means[0], "mean_to": row_filter.means[1]}
    # What is as usual is left out, so that addresses stay short.
    usual = {"show": RowKind.RATIONALES.value, "order": Order.QUESTION.value}
    return urlencode({k: v for k, v in values.items() if v not in (None, "") and usual.get(k) != v})


def read(text: str, voices: Mapping[str, int], shows: Collection[RowKind] = MISTAKES) -> Selection:
    """Return the filter that the string holds. `shows`: what it may ask for. Raises: BadInput, naming what can't be."""
    pairs = parse_qsl(text, keep_blank_values=False)
    values = dict(pairs)
    names = {"show", "order", "author", "part", *TEXTS, *CHECKS, *NUMBERS}
    if unknown := sorted(values.keys() - names):
        raise BadInput(f"unknown filter: {unknown[0][:60]}; one of {', '.join(sorted(names))}")
    if len(pairs) > len(values):
        names_of_pairs = [name for name, _ in pairs]
        twice = next(name for name in names_of_pairs if names_of_pairs.count(name) > 1)
        raise BadInput(f"{twice} stands twice in the filter; a row has one value of it: leave one out")
    _check_words(values, voices, shows)
    low, high = (_number(values, name, 100, 500) for name in ("mean_from", "mean_to"))
    plain: dict[str, Any] = {name: values[name] for name in TEXTS if name in values}
    row_filter = RowFilter(
        show=RowKind(values.get("show", RowKind.RATIONALES)),
        author_id=voices.get(values.get("author", "")),
        checks={check: values[check] for check in CHECKS if check in values},
        means=None if low is None and high is None else (low or 100, high or 500),
        spread=_number(values, "spread", 0, 4) or 0,
        part=Part.read(values["part"]) if "part" in values else None,
        **plain,
    )
    return Selection(row_filter, Order(values.get("order", Order.QUESTION)))


def _check_words(values: Mapping[str, str], voices: Mapping[str, int], shows: Collection[RowKind]) -> None:
    orders = OF_QUESTIONS if values.get("show") == RowKind.QUESTIONS else OF_TEXTS
    states = [state.value for state in State]
    allowed = {
        "show": [show.value for show in shows],
        "order": [order.value for order in orders],
        "author": list(voices),
        "verdict": [verdict.value for verdict in Verdict],
        "committee": [verdict.value for verdict in Verdict],
        "people": list(PEOPLE),
        **dict.fromkeys(CHECKS, states),
    }
    for name, words in allowed.items():
        if name in values and values[name] not in words:
            raise BadInput(f"unknown {name} in the filter: {values[name][:60]}; one of {', '.join(words)[:400]}")
    if STEP_EXISTS in values and values.get("show") != RowKind.FEEDBACK:
        raise BadInput(f"{STEP_EXISTS} in the filter is of feedback alone: add show={RowKind.FEEDBACK}")
    if len(values.get("words", "")) > LONGEST_SEARCH:
        raise BadInput(f"a search has at most {LONGEST_SEARCH} characters, not {len(values['words'])}")


def _number(values: Mapping[str, str], name: str, low: int, high: int) -> int | None:
    text = values.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 5 and low <= int(text) <= high):
        raise BadInput(f"{name} in the filter is a whole number from {low} to {high}, not {text[:20]}")
    return int(text)
