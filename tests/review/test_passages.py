"""A text's ranges as JavaScript counts them, on any text."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as some

from mapd.characters import HIDDEN
from mapd.errors import BadInput
from mapd.review.card_messages import LONGEST_TEXT, Passage
from mapd.review.passages import TextSpan, characters, line, passage
from tests import hostile

ANY = some.text(some.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=60)


def part(drawn: Passage, start: int, end: int) -> str:
    """As `text.slice(start, end)` gives it."""
    return drawn.text.encode("utf-16-le")[2 * start : 2 * end].decode("utf-16-le")


@given(ANY, some.data())
def test_a_range_is_the_same_place_for_python_and_javascript(text: str, data: some.DataObject) -> None:
    start = data.draw(some.integers(0, max(0, len(text) - 1)))
    end = data.draw(some.integers(start, len(text)))
    drawn = passage(text, [TextSpan(start, end, "false_equation", "false")])
    for found in drawn.ranges:
        if found.kind == "false_equation":
            assert part(drawn, found.start, found.end) == text[start:end]
            assert characters(text, [(found.start, found.end)]) == [(start, end)], "and back"
        else:
            assert HIDDEN.fullmatch(part(drawn, found.start, found.end))


@pytest.mark.parametrize("text", hostile.TEXTS, ids=lambda text: repr(text[:20]))
def test_a_hostile_text_goes_as_it_is(text: str) -> None:
    drawn = passage(text)
    sent = json.loads(drawn.model_dump_json())
    assert text.startswith(sent["text"])
    assert len(sent["text"]) + drawn.cut == len(text)
    assert len(sent["text"]) <= LONGEST_TEXT
    labelled = [part(drawn, r.start, r.end) for r in drawn.ranges]
    assert labelled == HIDDEN.findall(sent["text"].replace("\r\n", "  "))
    assert "\n" not in line(text)
    assert not HIDDEN.search(line(text))


@pytest.mark.parametrize("mark", [(0, 0), (3, 2), (0, 99)])
def test_a_mark_outside_the_text_is_refused(mark: tuple[int, int]) -> None:
    with pytest.raises(BadInput, match="marked within the text"):
        characters("1 + 1 = 3", [mark])
