"""`mapd ask` as people and scripts use it, with scripted students."""

import pytest
from rich.text import Text

from mapd.cli import ask
from mapd.cli.shared import errors
from mapd.playground.asking import PlaygroundAnswer
from mapd.settings import Settings
from mapd.store import db
from tests.commands import Mapd
from tests.playground.scripted import Watched, fill, script


def test_two_students_are_asked_and_what_cannot_be_is_one_line(mapd: Mapd, monkeypatch: pytest.MonkeyPatch) -> None:
    uids = fill(db.open_store(Settings()))
    script(monkeypatch, {"before": Watched("So.\nAnswer: 8"), "after": Watched("<think>Hm</think>Answer: 7")})
    both = ("--student", "before", "--student", "after")
    result = mapd("ask", "3 + 4?", *both, "--gold", 7, "--json").json
    assert (result["question"]["task"], result["question"]["gold"]) == ("numeric", "7")
    wrong, right = result["answers"]
    assert (wrong["answer"], wrong["outcome"], wrong["stage"]) == ("8", "incorrect", "done")
    assert (right["thought"], right["text"], right["outcome"]) == ("Hm", "Answer: 7", "correct")
    lines = mapd("ask", *both, "--question", uids["p-1"]).out
    assert "  │ Answer: 8" in lines
    assert "right, read as 7: the last line" in lines
    for words, code, reason in (
        (("--question", uids["p-3"], *both), 1, "the test split is sealed"),
        (("3 + 4?", "--question", uids["p-1"], *both), 2, "leave the others out"),
        (both, 2, "there is nothing to ask"),
        (("3 + 4?",), 2, "one or two students are asked"),
        (("3 + 4?", "--student", "nobody"), 1, "unknown student: nobody"),
        (("3 + 4?", "--student", "after", "--student", 2), 1, "one or two students are asked, each once"),
    ):
        refused = mapd("ask", *words)
        assert (refused.code, refused.err.count("\n")) == (code, 1), words
        assert reason in refused.err


def test_at_a_terminal_the_end_of_an_answer_is_shown() -> None:
    for count in (0, 3, 40, 200, 777):
        text = "".join(f"So it goes on, for the {number}th time.\n" for number in range(count)) + "There it ends."
        head, *lines = ask._cell(PlaygroundAnswer("a", text=text, tokens=9), 30).renderables
        assert str(head) == "a waits for another question · 9 tokens"
        assert list(map(str, lines)) == list(map(str, Text(text).wrap(errors, 30)))[-ask.SHOWN_LINES :]
