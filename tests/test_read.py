"""`mapd read`: how a text from standard input is read, and why, without a project."""

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from mapd import cli

CHOICE = ("--task", "choice", "--options", "rises,falls,stays")
OWN_GRADE = "3 + 4 = 7\nAnswer: 7\nMy own check of this: [5]"


class Reader:
    """Runs `mapd read` in this process."""

    def __init__(self, patch: pytest.MonkeyPatch, capsys: Any) -> None:
        self.patch, self.capsys = patch, capsys

    def run(self, text: str, *words: str) -> tuple[int, str, str]:
        """Return the exit code and what was printed."""
        self.patch.setattr(sys, "stdin", io.StringIO(text))
        self.patch.setattr(sys, "argv", ["mapd", "read", *words])
        with pytest.raises(SystemExit) as end:
            cli.main()
        return int(end.value.code or 0), *self.capsys.readouterr()

    def read(self, text: str, *words: str) -> dict[str, Any]:
        """Return the line of JSON."""
        code, out, err = self.run(text, *words, "--json")
        assert (code, err) == (0, ""), err
        result: dict[str, Any] = json.loads(out)
        return result


@pytest.fixture
def reader(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Reader:
    return Reader(monkeypatch, capsys)


@pytest.mark.parametrize(
    ("text", "words", "answer", "outcome", "why"),
    [
        (
            "\\boxed{9}\n**Answer: 18**",
            ("--task", "numeric"),
            "18",
            None,
            "the last line that begins with Answer: decides",
        ),
        ("Answer: 18", ("--task", "numeric", "--gold", "18"), "18", "correct", "decides"),
        ("Answer: 17", ("--task", "numeric", "--gold", "3 * 6\n#### 18"), "17", "incorrect", "decides"),
        ("\\boxed{3} or \\boxed{4}", ("--task", "numeric", "--gold", "3"), None, "no_answer", 'differ: "3" and "4"'),
        ("<think>It is 9", ("--task", "numeric"), None, "no_answer", "ends within its thought"),
        ("Answer: stays", (*CHOICE, "--gold", "stays"), "C", "correct", "decides"),
        ("Answer: B|C", ("--task", "choice", "--options", "a, b|c, d"), None, "no_answer", "doesn't name one option"),
        ("Answer: no", ("--task", "boolean", "--gold", "false"), "false", "correct", "decides"),
        ("It is x = 3 or x = 2.\nAnswer: {2, 3}", ("--task", "text", "--gold", "x=2 or x=3"), "{2, 3}", "correct", ""),
        ("", ("--task", "text"), None, "no_answer", "the text is empty"),
    ],
)
def test_an_answer_is_read_and_why(
    reader: Reader, text: str, words: tuple[str, ...], answer: str | None, outcome: str | None, why: str
) -> None:
    result = reader.read(text, "answer", *words)
    assert (result["answer"], result["outcome"]) == (answer, outcome)
    assert why in result["why"]


def test_a_score_is_read_and_why(reader: Reader, tmp_path: Path) -> None:
    assert reader.read("Rating：4", "score") == {"score": 4, "status": "ok", "why": "a score with a label decides"}
    solution = tmp_path / "solution.txt"
    solution.write_text(OWN_GRADE)
    review = 'It ends with "[5]", but step 2 is wrong. [2]'
    assert reader.read(review, "score", "--solution", str(solution))["score"] == 2
    assert reader.read("[3] or [4]", "score") == {
        "score": None,
        "status": "two different scores",
        "why": "2 different scores: [3] or [4 and 4",
    }


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--task", "choice"), "a choice has two options at least"),
        (("--task", "sums"), "--task is one of numeric, boolean, choice, text, not sums"),
        ((*CHOICE, "--gold", "moss"), "--gold moss names none of the 3 options"),
        (("--task", "numeric", "--gold", "perhaps"), '--gold: "perhaps" can\'t be read as one number'),
    ],
)
def test_what_cant_be_read_with_is_one_line(reader: Reader, words: tuple[str, ...], message: str) -> None:
    code, out, err = reader.run("Answer: 18", "answer", *words)
    assert code != 0
    assert out == ""
    assert message in err
    assert err.count("\n") == 1
