"""Tables as questions: read whole or refused whole, nothing guessed row by row, nothing dropped in silence."""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapd.answers.grading import Outcome, Task, grade
from mapd.errors import BadInput, BadRows, Undecided
from mapd.questions import imports, mapping
from mapd.questions.file_table import FileTable, QuestionFile
from mapd.questions.formats import headings
from mapd.questions.golds import last_boxed
from mapd.questions.imports import Instructions, QuestionImport
from mapd.questions.mapping import FieldMapping
from mapd.questions.options import AnswerKey, read_options, show_answer
from mapd.questions.rows import SPLITS, QuestionRow, Shares, draw
from mapd.questions.tables import read


def lines(*rows: Any) -> bytes:
    return "\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows).encode()


def table(*rows: Any, name: str = "q.jsonl", split: str | None = None) -> FileTable:
    read_table = read(QuestionFile(name, lines(*rows)), headings)
    return FileTable(name, read_table.unit, read_table.records, read_table.bad, split)


def imported(*rows: Any, **instructions: Any) -> QuestionImport:
    if isinstance(written := instructions.get("mapping"), str):
        instructions["mapping"] = mapping.parse(written)
    return imports.read([table(*rows)], Instructions(**instructions))


def faults(*rows: Any, **instructions: Any) -> list[tuple[int, str, str]]:
    whole = imported(*rows, **instructions)
    with pytest.raises(BadRows) as refused:
        whole.refuse_bad()
    assert "\n" not in str(refused.value)
    return [fault[1:] for fault in refused.value.faults]


PENS = tuple({"question": f"Ann has {n} pens and gets 4. How many now?", "answer": n + 4} for n in range(20))
ROCK = {"question": "Which is a rock?", "options": ["oak", "granite", "trout", "moss"]}
TREE = {"question": "Which is a tree?", "options": ["oak", "granite", "trout", "moss"]}


# --- The plain format -------------------------------------------------------------------------------------------------


def test_a_row_keeps_all_it_was_given() -> None:
    row = {
        **{"question": " Which is odd?\u2028 ", "answer": "B", "id": 7, "split": "validation", "family": "odd"},
        **{"context": "Numbers.", "options": ["2", "three"], "note": "3 = 2 + 1"},
    }
    assert imported(row).rows == (
        QuestionRow(
            *("7", "dev", Task.CHOICE, " Which is odd?\u2028 ", "B", "odd", "Numbers.", ("2", "three"), "3 = 2 + 1")
        ),
    )


def test_every_fault_of_a_file_is_told_at_once() -> None:
    told = faults(
        {"question": "a?", "answer": "5 or 6"},
        {"answer": 1},
        {"question": "b?"},
        "[1, 2]",
        {"question": "a?", "answer": 1},
        {"question": "c?", "answer": 1, "id": "x"},
        {"question": "d?", "answer": 1, "id": "x"},
        {"question": "e\x00?", "answer": 1},
        {"question": "f?", "answer": True, "options": ["a", "b"]},
        {"question": ["g?"], "answer": 1},
        {"question": "h?", "answer": "", "id": "x" * 201},
        task=Task.NUMERIC,
    )
    assert told == [
        (1, "answer", '"5 or 6" can\'t be read as one number'),
        (2, "question", "missing"),
        (3, "answer", "no answer (a test split?)"),
        (4, "content", '"[1, 2]" is no JSON object; a line holds one row'),
        (7, "id", '"x" stands in q.jsonl line 6 too; --map id= leaves ids out'),
        (8, "question", "U+0000 at character 1 can't be stored; take it out"),
        (9, "options", "a numeric question has none; with options it is --task choice"),
        (9, "answer", "true can't be read as one number"),
        (10, "question", '["g?"] is no text'),
        (11, "answer", "no answer (a test split?)"),
        (11, "id", f'"{"x" * 38}… has more than 200 characters'),
    ]


@pytest.mark.parametrize(
    ("task", "row", "field"),
    [
        (Task.CHOICE, {"answer": "C", "options": ["red", "blue"]}, "answer"),
        (Task.CHOICE, {"answer": "A"}, "options"),
        (Task.CHOICE, {"answer": "A", "options": ["red"]}, "options"),
        (Task.CHOICE, {"answer": "A", "options": ["red", " "]}, "options"),
        (Task.CHOICE, {"answer": "B", "options": ["A)", "B)2"]}, "options"),
        (Task.CHOICE, {"answer": "A", "options": "red, blue"}, "options"),
        (Task.CHOICE, {"answer": "A", "options": [str(n) for n in range(11)]}, "options"),
        (Task.BOOLEAN, {"answer": "perhaps"}, "answer"),
        (Task.BOOLEAN, {"answer": "No idea"}, "answer"),
        (Task.NUMERIC, {"answer": "many"}, "answer"),
        (Task.NUMERIC, {"answer": float("inf")}, "answer"),
        (Task.NUMERIC, {"answer": "Ann has pens, and Ben has none of them, as they both say."}, "answer"),
        (Task.TEXT, {"answer": ["x", "y"]}, "answer"),
        (Task.TEXT, {"answer": "x", "split": "valued"}, "split"),
    ],
)
def test_what_the_task_cannot_read_is_refused(task: Task, row: dict[str, Any], field: str) -> None:
    assert [name for _, name, _ in faults({"question": "?", **row}, task=task)] == [field]


@pytest.mark.parametrize(
    ("answers", "task", "golds"),
    [
        ((True, "no", "Yes."), Task.BOOLEAN, ["true", "false", "true"]),
        ((7, "1,450", "$3.50", 2.0), Task.NUMERIC, ["7", "1,450", "$3.50", "2"]),
        (("so\n#### 7", r"so $\boxed{8}$.", "9"), Task.NUMERIC, ["7", "8", "9"]),
    ],
)
def test_the_task_is_told_by_the_answers(answers: Sequence[Any], task: Task, golds: list[str]) -> None:
    whole = imported(*({"question": str(n), "answer": answer} for n, answer in enumerate(answers)))
    assert ([row.gold for row in whole.rows], {row.task for row in whole.rows}) == (golds, {task})


def test_words_as_answers_ask_for_the_task() -> None:
    rows = ({"question": "Capital of France?", "answer": "Paris"}, {"question": "Of Peru?", "answer": "Lima"})
    with pytest.raises(Undecided, match='such as "Paris"; say it with --task text') as asked:
        imported(*rows)
    assert (asked.value.option, "text" in asked.value.choices) == ("task", True)
    assert [row.gold for row in imported(*rows, task=Task.TEXT).rows] == ["Paris", "Lima"]


def test_a_worked_solution_is_read_for_its_answer_and_kept() -> None:
    solution = "She packs 5 boxes. Each of them holds 12 pens, which makes 60 in all.\nAnswer: 60"
    [row] = imported({"question": "How many?", "answer": solution}, task=Task.NUMERIC).rows
    assert (row.gold, row.gold_note) == ("60", solution)
    chosen = "Granite is made of crystals, and no plant or animal is. Answer is B."
    [row] = imported(ROCK | {"answer": chosen}).rows
    assert (row.gold, row.gold_note) == ("B", chosen)


@pytest.mark.parametrize(
    ("solution", "answer"),
    [
        (r"First \boxed{1}, then \boxed{2}.", "2"),
        (r"\boxed{\frac{1}{2}} and {3}", r"\frac{1}{2}"),
        (r"\fbox{7}", "7"),
        (r"\boxed 5.", "5"),
        (r"\boxed{1} and \boxed{2", "1"),
        (r"\boxed{}", None),
        ("no box } {", None),
        (r"\boxed{" * 200_000, None),
    ],
)
def test_the_last_closed_box_holds_the_answer(solution: str, answer: str | None) -> None:
    assert last_boxed(solution) == answer


def test_the_same_words_spaced_otherwise_are_the_same_question() -> None:
    assert [name for _, name, _ in faults({"question": "a  b", "answer": 1}, {"question": "a\nb ", "answer": 1})] == [
        "question"
    ]
    two = [{"question": "Which is true?", "answer": 1, "context": c} for c in ("A is 1.", "A is 2.")]
    assert len(imported(*two).rows) == 2  # a passage before them makes them two


# --- Keys: cases 20 to 23, 25 -----------------------------------------------------------------------------------------


def golds(*rows: dict[str, Any], **instructions: Any) -> list[str]:
    whole = imported(*rows, **instructions)
    whole.refuse_bad()
    return [show_answer(row.gold, row.task, row.options) for row in whole.rows]


def test_a_digit_that_may_be_two_options_is_asked_for() -> None:
    with pytest.raises(Undecided) as asked:
        imported(ROCK | {"answer": "2"}, TREE | {"answer": "1"})
    assert str(asked.value) == (
        'q.jsonl line 1: the answer "2" may be an index from 0 ("trout") or an index from 1 ("granite"); '
        "say which with --answers index0 or index1"
    )
    assert (asked.value.option, asked.value.choices) == ("answers", ("index0", "index1"))
    assert golds(ROCK | {"answer": "2"}, answers=AnswerKey.INDEX0) == ["C. trout"]
    assert golds(ROCK | {"answer": "2"}, answers=AnswerKey.INDEX1) == ["B. granite"]
    assert golds(ROCK | {"answer": "2"}, answers=AnswerKey.LABEL) == ["B. granite"]


def test_a_digit_may_be_an_options_text() -> None:
    row = {"question": "1 + 1?", "options": ["1", "2", "3", "4"], "answer": "2"}
    with pytest.raises(
        Undecided, match=r'index from 0 \("3"\) or an index from 1 \("2"\) or an option\'s text \("2"\)'
    ):
        imported(row)
    assert golds(row, answers=AnswerKey.TEXT) == ["B. 2"]


@pytest.mark.parametrize(
    ("keys", "read_as", "expected"),
    [
        (("Option A", "b", "(C)", "[D]"), AnswerKey.LABEL, ["A. oak", "B. granite", "C. trout", "D. moss"]),
        ((0, 1, "2", 3.0), AnswerKey.INDEX0, ["A. oak", "B. granite", "C. trout", "D. moss"]),
        ((1, 2, 3, 4), AnswerKey.INDEX1, ["A. oak", "B. granite", "C. trout", "D. moss"]),
        (("moss", "oak", " trout", "granite"), AnswerKey.TEXT, ["D. moss", "A. oak", "C. trout", "B. granite"]),
        (("B. granite", "A) oak", "C", "D"), AnswerKey.LABEL, ["B. granite", "A. oak", "C. trout", "D. moss"]),
    ],
)
def test_the_whole_file_decides_what_keys_are(keys: Sequence[Any], read_as: AnswerKey, expected: list[str]) -> None:
    rows = [ROCK | {"question": f"{n}?", "answer": key} for n, key in enumerate(keys)]
    assert golds(*rows) == expected
    assert imported(*rows).answers is read_as


def test_keys_of_two_kinds_are_asked_for_and_the_others_refused() -> None:
    rows = [ROCK | {"question": f"{n}?", "answer": key} for n, key in enumerate(("A", "B", "C", "granite"))]
    with pytest.raises(Undecided, match="no one reading fits all rows: a label fits 3, an option's text fits 1"):
        imported(*rows)
    assert faults(*rows, answers=AnswerKey.LABEL) == [(4, "answer", '"granite" is not a label of its 4 options')]


def test_a_rows_own_labels_decide() -> None:
    choices = {"text": ["oak", "granite", "trout", "moss"], "label": ["1", "2", "3", "4"]}
    assert golds({"question": "Which is a rock?", "choices": choices, "answerKey": "2"}) == ["B. granite"]
    wrong = {"question": "Which is a fish?", "choices": choices, "answerKey": "C"}
    right = {"question": "Which is a rock?", "choices": choices, "answerKey": "2"}
    assert faults(right, wrong) == [(2, "answerKey", '"C" is none of its labels 1, 2, 3, 4')]


def test_options_that_are_letters_keep_the_letter_of_the_key() -> None:
    notes = {"question": "Which note is drawn?", "options": ["B", "A", "D", "C"], "answer": "B"}
    assert golds(notes) == ["B. A"]
    [row] = imported(notes).rows
    for reply, outcome in (("Answer: B", Outcome.CORRECT), ("Answer: B. A", Outcome.CORRECT)):
        assert grade(reply, row.gold, row.task, row.options).outcome is outcome
    assert grade("Answer: D", row.gold, row.task, row.options).outcome is Outcome.INCORRECT


def test_twins_are_bad_rows_and_the_rest_is_imported() -> None:
    market = {
        "question": "A stronger market changes C and AD how?",
        "options": [
            *("Increase\u00a0\u00a0Increase", "No change\u00a0\u00a0No change"),
            *("Increase\u00a0\u00a0No change", "Increase\u00a0\u00a0Increase"),
        ],
        "answer": 3,
    }
    whole = imported(market, market, ROCK | {"answer": 1}, TREE | {"answer": 0})
    assert [(bad.number, [what for _, what in bad.faults]) for bad in whole.bad] == [
        (1, ["A and D are the same text"]),
        (2, ["A and D are the same text"]),
    ]
    assert [row.text for row in whole.rows] == ["Which is a rock?", "Which is a tree?"]
    with pytest.raises(BadRows, match=r"^2 bad rows, nothing was imported: .*--skip-bad FILE imports the rest$"):
        whole.refuse_bad()


def test_floats_of_a_nullable_column_are_whole_numbers() -> None:
    odd = {"id": 7.0, "question": "Which is odd?", "options": ["2", "4", "5"], "answer": 2.0}
    whole = imported(odd, {"id": 8.0, "question": "Which is even?", "options": ["2", "4", "5"], "answer": None})
    [row] = whole.rows
    assert (row.source_id, show_answer(row.gold, row.task, row.options)) == ("7", "C. 5")
    assert whole.bad[0].faults == (("answer", "no answer (a test split?)"),)
    assert [
        row.gold for row in imported({"question": "a", "answer": 145.0}, {"question": "b", "answer": "2.0"}).rows
    ] == [
        "145",
        "2",
    ]


def test_options_lose_the_labels_that_they_carry() -> None:
    row = {"question": "Profit?", "options": ["A)125", "B)150", "C)225"], "answer": "B"}
    [read_row] = imported(row).rows
    assert (read_row.options, read_row.gold) == (("125", "150", "225"), "B")
    for reply in ("Answer: 150", "Answer: B", "Answer: B)150"):
        assert grade(reply, read_row.gold, read_row.task, read_row.options).outcome is Outcome.CORRECT


@pytest.mark.parametrize(
    ("value", "texts"),
    [
        (["1.5", "2.5", "3.5"], ("1.5", "2.5", "3.5")),
        (["1) a", "2) b"], ("a", "b")),
        (["A. Ann", "B. Ben", "D. Dan"], ("A. Ann", "B. Ben", "D. Dan")),
        ({"B": "b", "A": "a"}, ("a", "b")),
        ({"A": "a", "B": "b", "C": None}, ("a", "b")),
        ("['a', 'b']", ("a", "b")),
        ("['a' \"b's\"\n 'array(c)']", ("a", "b's", "array(c)")),
        ("{'label': array(['A', 'B'], dtype=object), 'text': array(['a', 'b'],\n      dtype=object)}", ("a", "b")),
        ("[{'label': 'A', 'text': 'a'}\n {'label': 'B', 'text': 'b'}]", ("a", "b")),
        (["a ) 38", "b ) 27.5"], ("38", "27.5")),
        (["A．oak", "B．moss"], ("oak", "moss")),
        (["1 : 2", "2 : 3"], ("1 : 2", "2 : 3")),
        (["a : b", "b : a"], ("a : b", "b : a")),
        ('["a", "b"]', ("a", "b")),
        ([1, 2.0], ("1", "2")),
        ([{"key": "A", "value": "a"}, {"key": "B", "value": "b"}], ("a", "b")),
    ],
)
def test_options_in_each_way_they_are_written(value: object, texts: tuple[str, ...]) -> None:
    assert read_options(value).texts == texts


# --- Mapping, and what isn't read -------------------------------------------------------------------------------------


def test_a_mapping_says_which_field_is_what() -> None:
    rows = [
        {
            "q": {"stem": f"Which is rock {n}?"},
            "intro": "Rocks.",
            "A": "oak",
            "B": f"granite {n}",
            "C": None,
            "key": "B",
        }
        for n in range(2)
    ]
    whole = imported(*rows, mapping="question=intro+q.stem, answer=key, options=A+B+C, context=intro")
    assert [(row.text, row.options, row.gold, row.context) for row in whole.rows] == [
        (f"Rocks. Which is rock {n}?", ("oak", f"granite {n}"), "B", "Rocks.") for n in range(2)
    ]


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("question", "is part=field"),
        ("question=", "is part=field"),
        ("colour=red", "there is no part colour"),
        ("answer=a+b", "from one field"),
        ("question=a,question=b", "gives question once"),
    ],
)
def test_a_mapping_that_is_none_gets_one_line(written: str, why: str) -> None:
    with pytest.raises(BadInput, match=why):
        mapping.parse(written)


def test_a_mapping_is_written_as_it_is_read() -> None:
    fields = mapping.parse("question=Body+Question,answer=Answer")
    assert mapping.parse(str(fields)) == fields


def test_a_part_of_a_known_format_can_be_mapped_otherwise() -> None:
    row = {"ID": "chal-1", "Body": "Ann has 3 pens.", "Question": "How many?", "Answer": 3.0, "Type": "a", "no": 9}
    [read_row] = imported(row, mapping="id=no").rows
    assert (read_row.text, read_row.source_id) == ("Ann has 3 pens. How many?", "9")


def test_fields_that_are_not_read_are_named() -> None:
    whole = imported(*(pen | {"source": "mine", "empty": "", "nested": {"a": 1}} for pen in PENS))
    assert whole.not_read == ["source", "nested"]
    whole.refuse_unread()


@pytest.mark.parametrize(
    "value", ["Ann says: " + "a very long story about pens. " * 5, ["red", "blue"], {"text": ["x" * 50, "y" * 50]}]
)
def test_a_long_field_stops_until_it_is_mapped_or_left_out(value: Any) -> None:
    rows = [pen | {"passage": value} for pen in PENS]
    with pytest.raises(BadInput, match=r"the field passage isn't read.*--map note=passage.*--ignore passage"):
        imported(*rows).refuse_unread()
    imported(*rows, ignore=frozenset({"passage"})).refuse_unread()
    assert imported(*rows, ignore=frozenset({"passage"})).not_read == ["passage"]
    if isinstance(value, str):
        imported(*rows, mapping="context=passage").refuse_unread()


def test_what_stands_in_an_option_beside_its_text_is_named() -> None:
    choices = [{"label": "A", "text": "oak", "why": "a tree"}, {"label": "B", "text": "granite", "why": "a rock"}]
    row = {"id": "1", "question": {"stem": "?", "choices": choices, "image": "x.png"}, "answerKey": "B"}
    assert imported(row).not_read == ["question.choices.why", "question.image"]
    assert imports.recognise([table(row)]).fields == [
        *("id", "question", "question.stem", "question.choices", "question.image", "answerKey")
    ]


def test_a_reading_of_keys_is_for_choices_alone() -> None:
    with pytest.raises(BadInput, match="--answers index0 is about the keys of options; these questions have none"):
        imported(*PENS, answers=AnswerKey.INDEX0)


def test_a_field_that_is_nested_as_deep_as_can_be_read_is_a_field_like_any_other() -> None:
    for depth in (500, 900, *range(940, 1000, 3)):
        for field in ("extra", "question", "answer"):
            row = json.dumps({"question": "a", "answer": 1, field: "DEEP"})
            row = row.replace('"DEEP"', "[" * depth + '"x"' + "]" * depth)
            whole = imports.read([read(QuestionFile("q.jsonl", row.encode() + b"\n" + lines(*PENS)))], Instructions())
            assert len(whole.rows) >= len(PENS)


def test_an_unknown_field_to_ignore_is_told() -> None:
    with pytest.raises(
        BadInput, match="--ignore context: it is read as the context; say otherwise with --map context="
    ):
        imported(*(pen | {"context": "x"} for pen in PENS), ignore=frozenset({"context"}))
    imported(*(pen | {"source": None} for pen in PENS), ignore=frozenset({"source"}))
    with pytest.raises(BadInput, match="--ignore pasage: there is no such field; not read are passage"):
        imported(*(pen | {"passage": "x"} for pen in PENS), ignore=frozenset({"pasage"}))


# --- Formats that are not told, or told wrongly -----------------------------------------------------------------------


def test_a_file_of_two_formats_is_asked_for() -> None:
    both = {
        "Body": "Ann has 3 pens.",
        "Question": "How many?",
        "Answer": 3,
        "qid": "1",
        "question": "?",
        "answer": True,
    }
    with pytest.raises(Undecided, match=r"may be svamp or strategyqa .*--format svamp") as asked:
        imported(both)
    assert asked.value.choices == ("svamp", "strategyqa")
    assert imported(both, format="svamp").rows[0].gold == "3"


def test_a_format_that_is_named_needs_its_fields_alone() -> None:
    rows = (
        {"question": "a?", "answer": "7"},
        {"question": "b?", "answer": "so\n#### 8"},
        {"question": "c?", "answer": "9"},
    )
    assert imported(*rows).format == "plain"
    assert [row.gold for row in imported(*rows, format="gsm8k").rows] == ["7", "8", "9"]


@pytest.mark.parametrize(
    ("row", "instructions", "why"),
    [
        (
            {"stem": "?", "key": 1},
            {},
            r"has the fields stem, key: no format is known by these fields.*--map question=FIELD",
        ),
        ({"question": "?", "answer": 1}, {"format": "svamp"}, "format svamp has Body, Question"),
        ({"question": "?", "answer": 1}, {"format": "gsm9k"}, "--format is one of gsm8k, svamp"),
        ({"qid": "1", "question": "?"}, {}, r"no answer in any of its rows \(a test split.*--map answer=FIELD"),
        ({"question": "?", "answers": ["a", "b"], "answer": 1}, {}, "--map options=answers or --map note=answers"),
        ({"problem": "?", "solution": "It is clear."}, {}, r"is a solution without an answer: it has no ####"),
        (
            {"question": "?", "answer": 1},
            {"mapping": "context=passage"},
            "no row has this field; there are question, answer",
        ),
        ({"question": "?", "answer": "x" * 90}, {"task": Task.NUMERIC}, "can't be read as one number"),
    ],
)
def test_a_mistaken_file_gets_one_line_with_the_cure(row: Any, instructions: dict[str, Any], why: str) -> None:
    def read_whole() -> None:
        whole = imported(row, **instructions)
        whole.refuse_unread()
        whole.refuse_bad()

    with pytest.raises(BadInput, match=why) as refused:
        read_whole()
    assert "\n" not in str(refused.value)


def test_text_that_is_no_table_names_what_is_known() -> None:
    with pytest.raises(BadInput, match='no table of questions: it begins with "hello"; known are JSON'):
        imports.read([read(QuestionFile("notes.txt", b"hello\nworld\n"))], Instructions())


def test_a_broken_question_of_logiqa_is_a_bad_row() -> None:
    good = "\na\nSome are.\nWhich?\nA.x\nB.y\nC.z\nD.w\n"
    whole = imports.read(
        [read(QuestionFile("Train.txt", (good + good.replace("Some", "All").replace("D.w\n", "")).encode()))],
        Instructions(),
    )
    assert (len(whole.rows), [bad.number for bad in whole.bad]) == (1, [10])


# --- Splits -----------------------------------------------------------------------------------------------------------


@given(
    st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=60),
    st.sampled_from([(0.6, 0.2, 0.2), (1, 0, 0), (0, 0.5, 0.5), (0.1, 0.1, 0.8), (0.7, 0, 0.3)]),
    st.integers(0, 9),
)
def test_each_family_is_shared_out_and_the_sizes_are_kept(families: list[str], shares: Shares, seed: int) -> None:
    drawn = draw(families, shares, seed)
    assert drawn == draw(families, shares, seed)
    whole = Counter(drawn)
    for split, share in zip(SPLITS, shares, strict=True):
        assert abs(whole[split] - share * len(families)) <= 1
        for family in set(families):
            own = [name for name, of in zip(drawn, families, strict=True) if of == family]
            assert abs(own.count(split) - share * len(own)) < 2


def test_families_of_one_question_are_shared_out_too() -> None:
    assert Counter(draw([str(n) for n in range(100)], (0.6, 0.2, 0.2), 0)) == {"train": 60, "dev": 20, "test": 20}


def test_a_seed_draws_the_splits() -> None:
    one, same, other = (imported(*PENS, seed=seed).rows for seed in (1, 1, 2))
    assert one == same != other
    assert Counter(row.split for row in one) == {"train": 12, "dev": 4, "test": 4}


def test_files_of_splits_are_one_set() -> None:
    tables = [table(*PENS[:5], split="train"), table(*PENS[5:8], name="t.jsonl", split="test")]
    assert Counter(row.split for row in imports.read(tables, Instructions()).rows) == {"train": 5, "test": 3}
    twins = imports.read([tables[0], table(*PENS[4:6], name="t.jsonl", split="test")], Instructions())
    assert [bad.faults for bad in twins.bad] == [
        (("question", '"Ann has 4 pens and gets 4. How many no… stands in q.jsonl line 5 too'),)
    ]


def test_a_bad_row_keeps_no_good_one_out() -> None:
    whole = imported(
        {"question": "a?", "answer": None}, {"question": "a?", "answer": 1}, {"question": "a?", "answer": 1}
    )
    assert [row.gold for row in whole.rows] == ["1"]
    assert [bad.faults[0][1] for bad in whole.bad] == ["no answer (a test split?)", '"a?" stands in q.jsonl line 2 too']


def test_a_split_without_answers_can_be_left_out() -> None:
    unanswered = [{"question": f"{n}?", "answer": ""} for n in range(3)]
    whole = imports.read([table(*PENS, split="train"), table(*unanswered, name="t", split="test")], Instructions())
    assert (len(whole.rows), len(whole.bad), whole.files_without_answers) == (20, 3, ("t",))
    with pytest.raises(BadInput, match=r"^t has no answer in any of its rows .*--skip-bad FILE imports the rest$"):
        whole.refuse_bad()


def test_all_files_decide_together_what_keys_are() -> None:
    first = [ROCK | {"question": f"{n}?", "answer": n} for n in range(4)]
    second = [ROCK | {"question": "Which?", "answer": 1}]  # alone it may be the first or the second
    whole = imports.read([table(*first, split="train"), table(*second, split="test")], Instructions())
    assert [row.gold for row in whole.rows] == ["A", "B", "C", "D", "B"]


def test_ids_that_files_share_are_told_apart() -> None:
    first = [pen | {"id": n} for n, pen in enumerate(PENS[:2])]
    second = [pen | {"id": n} for n, pen in enumerate(PENS[2:4])]
    tables = [table(*first, split="train"), table(*second, name="t.jsonl", split="test")]
    assert [row.source_id for row in imports.read(tables, Instructions()).rows] == [
        "train-0",
        "train-1",
        "test-0",
        "test-1",
    ]


@pytest.mark.parametrize(
    ("tables", "instructions", "why"),
    [
        ([table(PENS[0] | {"split": "dev"})], {"split": "test"}, "has splits of its own"),
        ([table(*PENS)], {"shares": (0.9, 0.9, 0)}, "three parts of 1"),
        ([table(*PENS, split="train"), table(PENS[0], name="x")], {}, "x has no split, and other files have one"),
        ([table(*PENS), table({"qid": "1", "question": "?", "answer": True}, name="s")], {}, "plain and strategyqa"),
    ],
)
def test_splits_that_do_not_fit_are_refused(tables: list[FileTable], instructions: dict[str, Any], why: str) -> None:
    with pytest.raises(BadInput, match=why):
        imports.read(tables, Instructions(**instructions))


def test_a_preview_shows_the_gold_with_its_text() -> None:
    assert imports.preview(imported(ROCK | {"answer": "B", "family": "rocks"}).rows) == [
        {
            **{"id": "0", "split": "train", "task": "choice", "family": "rocks", "question": "Which is a rock?"},
            **{"options": ["A. oak", "B. granite", "C. trout", "D. moss"], "gold": "B. granite"},
        }
    ]


def test_this_module_needs_no_database() -> None:
    assert "sqlalchemy" not in Path(imports.__file__).read_text(encoding="utf-8")


# --- A mapping that is edited on a page -------------------------------------------------------------------------------

FIELDS = ("question", "answer", "id", "text", "why, then", "kind+kin")


@given(
    parts=st.dictionaries(
        st.sampled_from(mapping.PARTS), st.lists(st.sampled_from(FIELDS), min_size=1, max_size=2, unique=True)
    ),
    format_=st.sampled_from([None, "plain", "gsm8k"]),
)
def test_what_the_page_says_of_a_mapping_reads_every_part_as_it_was_edited(
    parts: dict[str, list[str]], format_: str | None
) -> None:
    """Whatever the format has by itself, or loses where question and answer are both given."""
    row = dict.fromkeys(FIELDS, "1") | {"question": "1 + 1?", "answer": "2 #### 2"}
    recognised = imports.recognise([table(row)], format_)
    chosen = {part: tuple(paths[:1] if part in mapping.ALONE else paths) for part, paths in parts.items()}
    wanted = FieldMapping({"question": ("question",), "answer": ("answer",)} | chosen)
    override = imports.make_override(recognised, wanted, format_)
    assert mapping.parse(str(override)).fields == override.fields, "the command says the same"
    source = imports._source(table(row), Instructions(mapping=override, format=format_))
    existing = {part: tuple(path for path in paths if path in FIELDS) for part, paths in source.mapping.fields.items()}
    assert {part: paths for part, paths in existing.items() if paths} == dict(wanted.fields)
