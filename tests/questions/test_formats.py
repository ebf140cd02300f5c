"""Benchmarks in the shapes in which they are published: added by command, each gold answer as expected."""

import io
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from mapd.answers.grading import Outcome, Task, grade
from mapd.questions import imports
from mapd.questions.file_table import QuestionFile
from mapd.questions.formats import FORMATS, headings
from mapd.questions.imports import Instructions
from mapd.questions.rows import QuestionRow
from mapd.questions.tables import read
from tests.commands import Mapd
from tests.questions import shapes
from tests.questions.shapes import SHAPES, Shape


def imported(shape: Shape, **instructions: Any) -> imports.QuestionImport:
    table = read(QuestionFile(shape.name, shape.content), headings)
    return imports.read([table], Instructions(**instructions))


@pytest.mark.parametrize("title", SHAPES)
def test_each_shape_is_added_with_its_gold_answers(title: str, mapd: Mapd, tmp_path: Path) -> None:
    shape = SHAPES[title]()
    path = tmp_path / shape.name
    path.write_bytes(shape.content)
    code, out, err = mapd("questions", "add", "set", path, "--json")
    assert (code, err) == (0, "")
    told = json.loads(out)
    assert (told["n"], told["format"], told["skipped"]) == (shapes.COUNT, shape.format, 0)
    assert set(told["not_read"]) == set(shape.not_read)
    code, out, _ = mapd("questions", "show", "set", "--limit", shapes.COUNT, "--json")
    rows = json.loads(out)["rows"]
    assert [row["gold"] for row in rows] == shape.golds
    if shape.families:
        assert [row.get("family") for row in rows] == shape.families


def test_a_folder_of_several_splits_is_not_one_of_them(mapd: Mapd, tmp_path: Path) -> None:
    for split in ("train", "test"):
        (tmp_path / f"{split}.jsonl").write_bytes(shapes.jsonl([{"question": f"{split}?", "answer": 1}]))
    code, _, err = mapd("questions", "add", "set", "--train", tmp_path)
    assert (code, err) == (1, f"mapd: --train {tmp_path} holds the splits test, train; give it without --train\n")


def test_every_format_has_a_shape_here() -> None:
    assert {SHAPES[title]().format for title in SHAPES} == set(FORMATS)


@pytest.mark.parametrize("title", [title for title in SHAPES if "hub" in title or "math" in title])
def test_a_shape_reads_alike_from_every_kind_of_file(title: str) -> None:
    shape = SHAPES[title]()
    records = [record.fields for record in read(QuestionFile(shape.name, shape.content)).records]
    kinds = {
        "x.json": json.dumps(records).encode(),
        "x.jsonl": shapes.jsonl(records),
        "x.parquet": shapes.in_parquet(records),
        "columns.json": json.dumps({key: [row[key] for row in records] for key in records[0]}).encode(),
        "inside.json": json.dumps({"version": 1, "data": records}).encode(),
        "pandas.csv": pd.read_parquet(io.BytesIO(shapes.in_parquet(records))).to_csv(index=False).encode(),
    }
    rows = [imports.read([read(QuestionFile(name, content))], Instructions()).rows for name, content in kinds.items()]
    assert all(others == rows[0] for others in rows)


def test_what_goes_beside_a_question_is_kept() -> None:
    def first(title: str) -> QuestionRow:
        return imported(SHAPES[title]()).rows[0]

    assert first("gsm8k, its own release").gold_note == "2 * 12 = <<2*12=24>>24 pens.\n24 - 0 = <<...>>24 pens."
    svamp = first("svamp, its own release")
    assert svamp.text.endswith("discount of 25 dollars on each pack. How much do you have to pay to buy each pack?")
    assert (svamp.source_id, svamp.gold_note) == ("chal-1", "( 70.0 - 25.0 )")
    assert (
        first("strategyqa, its own release").gold_note
        == "A raven carries 0 grams.\nA piano weighs a lot more than that."
    )
    logiqa = first("logiqa 1, its own release")
    assert (logiqa.context, logiqa.text) == (
        "Some 0 trees are tall. All tall things cast shadows.",
        "Which one follows?",
    )
    assert logiqa.options == ("oak 0", "granite 0", "trout 0", "moss 0")
    assert first("logiqa 2, its own release").context == "The 0 Arabs had manuscripts of poems. Nobody read them aloud."
    aqua = first("aqua, its own release")
    assert aqua.options == ("125", "150", "225", "250", "275")
    assert (aqua.gold_note or "").endswith("Answer is A.")
    assert first("openbookqa, additional").gold_note == "fact 0"
    assert (
        first("math, its own release").gold_note == r"First $\boxed{}$ nothing. So $x = 0$: the answer is $\boxed{0}$."
    )
    assert {row.task for row in imported(SHAPES["math, its own release"]()).rows} == {Task.NUMERIC, Task.TEXT}


@pytest.mark.parametrize(
    ("format_", "row", "sizes"),
    [
        ("gsm8k", lambda n: {"question": f"{n}?", "answer": f"so\n#### {n}"}, (7473, 1319)),
        ("svamp", lambda n: {"Body": f"{n}.", "Question": "?", "Answer": n, "Type": "abcd"[n % 4]}, (700, 300)),
        ("strategyqa", lambda n: {"qid": str(n), "question": f"{n}?", "answer": n % 2 == 0}, (1603, 687)),
        (
            "logiqa",
            lambda n: {"context": f"{n}", "query": "?", "options": ["x", "y"], "correct_option": n % 2},
            (7376, 651),
        ),
    ],
)
def test_the_papers_benchmarks_keep_its_split_sizes(
    format_: str, row: Callable[[int], dict[str, Any]], sizes: tuple[int, int]
) -> None:
    content = shapes.jsonl([row(n) for n in range(sum(sizes))])
    whole = imports.read([read(QuestionFile("all.jsonl", content))], Instructions())
    assert whole.format == format_
    assert Counter(row.split for row in whole.rows) == {"train": sizes[0], "test": sizes[1]}


# --- Thirty awkward replies of each kind ------------------------------------------------------------------------------

BEHIND_B = [
    *(
        "B",
        "b",
        "(B)",
        "[B]",
        "B.",
        "B)",
        "**B**",
        "B)150",
        "B. 150",
        "B: 150",
        "(B) 150",
        "150",
        "Option B",
        "option b",
    ),
    *("Answer: B", "Answer: 150", "Answer: B)150", "Answer: (b)", "Answer: 'B'", "**Answer: B**", "Final answer: B"),
    *(r"\boxed{B}", r"$$\boxed{B}$$", r"\boxed{\text{B}}", r"\boxed{\textbf{(B)}}", r"\boxed{B: 150}", "#### B"),
    *("The answer is B because 5 * 30 is 150.", "The correct option is (B).", "Therefore, B is correct."),
    "The ice costs 125 at first.\n5 * 30 = 150\n\nAnswer: B. 150",
]


@pytest.mark.parametrize("reply", BEHIND_B)
def test_an_awkward_choice_is_read(reply: str) -> None:
    options = ("125", "150", "225")
    assert grade(reply, "B", Task.CHOICE, options).outcome is Outcome.CORRECT
    assert grade(reply, "A", Task.CHOICE, options).outcome is Outcome.INCORRECT


@pytest.mark.parametrize("reply", ["A or B", "Answer: A or B", "B)125", "Answer: B and C", "none of them", "E"])
def test_two_options_or_none_are_no_answer(reply: str) -> None:
    assert grade(reply, "B", Task.CHOICE, ("125", "150", "225")).outcome is Outcome.NO_ANSWER


def test_options_that_are_letters_are_named_by_their_letter() -> None:
    options = ("B", "A", "D", "C")
    for reply in ("Answer: B", "Answer: B. A", "B", "(B)", "Answer: B) A"):
        assert grade(reply, "B", Task.CHOICE, options).outcome is Outcome.CORRECT, reply
    assert grade("Answer: D", "B", Task.CHOICE, options).outcome is Outcome.INCORRECT


def test_twins_are_the_same_answer() -> None:
    twins = ("Increase\u00a0\u00a0Increase", "No change", "Increase  No change", "Increase\u00a0\u00a0Increase")
    for reply in ("Answer: A", "Answer: D", "Answer: Increase Increase", "D. Increase Increase"):
        assert grade(reply, "D", Task.CHOICE, twins).outcome is Outcome.CORRECT, reply
    assert grade("Answer: C", "D", Task.CHOICE, twins).outcome is Outcome.INCORRECT
