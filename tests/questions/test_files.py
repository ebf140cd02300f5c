"""Sets of questions: read whole or refused whole, split alike, stored once."""

import json
import sys
from collections import Counter
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlmodel import Session, col, select

from mapd import cli
from mapd.errors import BadInput, BadRows
from mapd.people import owner
from mapd.questions import files, generated, gym
from mapd.questions.grading import Task
from mapd.store import tables as t


def lines(*rows: Any) -> bytes:
    return "\n".join(r if isinstance(r, str) else json.dumps(r) for r in rows).encode()


PENS = tuple({"question": f"Ann has {n} pens and gets 4. How many now?", "answer": n + 4} for n in range(20))


def faults(*rows: Any, task: Task = Task.NUMERIC) -> list[tuple[int, str, str]]:
    with pytest.raises(BadRows) as refused:
        files.parse("q.jsonl", lines(*rows), task)
    assert "\n" not in str(refused.value)
    return [fault[1:] for fault in refused.value.faults]


def test_a_row_keeps_all_it_was_given() -> None:
    given = {
        **{"question": " Which is odd?\u2028 ", "answer": "B", "id": 7, "split": "dev", "family": "odd"},
        **{"context": "Numbers.", "options": ["2", "three"], "note": "3 = 2 + 1", "source": "left out"},
    }
    [row] = files.parse("q.jsonl", json.dumps(given, ensure_ascii=False).encode("utf-8-sig"), Task.CHOICE)
    assert row == files.Row(
        *("7", "dev", Task.CHOICE, " Which is odd?\u2028 ", "B", "odd", "Numbers.", ("2", "three"), "3 = 2 + 1")
    )


def test_gsm8k_as_it_is_published() -> None:
    given = {"question": "How many?", "answer": "9 + 9 = <<9+9=18>>18\n#### 18"}
    [row] = files.parse("test.jsonl", lines(given), Task.NUMERIC, split="test")
    assert (row.gold, row.gold_note, row.split) == ("18", "9 + 9 = <<9+9=18>>18", "test")


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
        {"question": "f?", "answer": True, "options": ["a"]},
        {"question": ["g?"], "answer": 1},
    )
    assert told == [
        (0, "answer", '"5 or 6" can\'t be read as one number'),
        (1, "question", "missing"),
        (2, "answer", "missing"),
        (3, "line", '"[1, 2]" is no JSON object; a line holds one question'),
        (4, "question", '"a?" stands in row 0 too'),
        (6, "id", '"x" stands in row 5 too'),
        (7, "question", "U+0000 at character 1 can't be stored; take it out"),
        (8, "options", "a numeric question has none; with options it is --task choice"),
        (8, "answer", "true is no text"),
        (9, "question", '["g?"] is no text'),
    ]


@pytest.mark.parametrize(
    ("task", "row", "field"),
    [
        (Task.CHOICE, {"answer": "C", "options": ["red", "blue"]}, "answer"),
        (Task.CHOICE, {"answer": "A"}, "options"),
        (Task.CHOICE, {"answer": "A", "options": ["red", "red"]}, "options"),
        (Task.BOOLEAN, {"answer": "maybe"}, "answer"),
        (Task.NUMERIC, {"answer": "many"}, "answer"),
        (Task.NUMERIC, {"answer": float("nan")}, "answer"),
        (Task.TEXT, {"answer": "  "}, "answer"),
        (Task.TEXT, {"answer": "x", "split": "valid"}, "split"),
        (Task.TEXT, {"answer": "x", "id": "x" * 201}, "id"),
    ],
)
def test_what_the_task_cannot_read_is_refused(task: Task, row: dict[str, Any], field: str) -> None:
    assert [f for _, f, _ in faults({"question": "?", **row}, task=task)] == [field]


def test_truths_are_kept_as_true_or_false() -> None:
    rows = [{"question": str(n), "answer": a} for n, a in enumerate((True, "no", "Yes."))]
    assert [r.gold for r in files.parse("q.jsonl", lines(*rows), Task.BOOLEAN)] == ["true", "false", "true"]


def test_the_same_words_spaced_otherwise_are_the_same_question() -> None:
    assert [f for _, f, _ in faults({"question": "a  b", "answer": 1}, {"question": "a\nb ", "answer": 1})] == [
        "question"
    ]
    two = [{"question": "Which is true?", "answer": 1, "context": c} for c in ("A is 1.", "A is 2.")]
    assert len(files.parse("q.jsonl", lines(*two), Task.NUMERIC)) == 2  # a passage before them makes them two


@given(
    st.lists(st.sampled_from(["a", "b"]), min_size=1, max_size=60),
    st.sampled_from([(0.6, 0.2, 0.2), (1, 0, 0), (0, 0.5, 0.5), (0.1, 0.1, 0.8)]),
    st.integers(0, 9),
)
def test_each_family_is_shared_out_alike(families: list[str], shares: files.Shares, seed: int) -> None:
    drawn = files.draw(families, shares, seed)
    assert drawn == files.draw(families, shares, seed)
    for family in set(families):
        sizes = Counter(split for split, own in zip(drawn, families, strict=True) if own == family)
        for split, share in zip(files.SPLITS, shares, strict=True):
            assert abs(sizes[split] - share * sum(sizes.values())) <= 1


def test_a_seed_draws_the_splits() -> None:
    one, same, other = (files.parse("q.jsonl", lines(*PENS), Task.NUMERIC, seed=seed) for seed in (1, 1, 2))
    assert one == same != other
    assert Counter(r.split for r in one) == {"train": 12, "dev": 4, "test": 4}


def test_a_file_with_splits_is_not_split_again() -> None:
    with pytest.raises(BadInput, match="has splits of its own"):
        files.parse("q.jsonl", lines({"question": "a", "answer": 1, "split": "dev"}), Task.NUMERIC, split="test")
    with pytest.raises(BadInput, match="three parts of 1"):
        files.parse("q.jsonl", lines(*PENS), Task.NUMERIC, shares=(0.9, 0.9, 0))
    with pytest.raises(BadInput, match="holds no questions"):
        files.parse("q.jsonl", b"\n\n", Task.NUMERIC)


def test_a_set_is_written_once(session: Session) -> None:
    rows = files.parse("q.jsonl", lines(*PENS), Task.NUMERIC)
    first = files.add(session, "pens", rows, source="q.jsonl", simulated=False, by=owner("ann"))
    again = files.add(session, "other name", rows, source="q.jsonl", simulated=False, by=owner("ann"))
    assert (again.id, again.name) == (first.id, "pens")
    with pytest.raises(BadInput, match="a question set named pens with other content"):
        files.add(session, "pens", rows[:5], source="q.jsonl", simulated=False, by=owner("ann"))
    stored = session.exec(select(t.Question).order_by(col(t.Question.position))).all()
    assert [q.text for q in stored] == [p["question"] for p in PENS]
    assert [(a.person, a.action) for a in session.exec(select(t.Audit)).all()] == [("ann", "add questions")]


def test_openings_are_counted(session: Session) -> None:
    kept = files.add(
        session,
        "pens",
        files.parse("q", lines(*PENS), Task.NUMERIC),
        source="q",
        simulated=False,
        by=owner("ann"),
    )
    session.add_all([t.Opening(set_id=kept.id or 0, person=p) for p in ("ann", "ben")])
    assert files.listed(session) == [files.Listed("pens", "q", False, 12, 4, 4, 2)]


def test_generated_questions_are_read_back_from_the_store(session: Session) -> None:
    drawn = generated.draw(generated.FAMILIES, {"train": 4, "dev": 2, "test": 0}, seed=3)
    files.add(session, "demo", files.made(drawn), source="generated", simulated=True, by=owner("ann"))
    stored = session.exec(select(t.Question).order_by(col(t.Question.position))).all()
    assert [(q.split, generated.read(q.text)) for q in stored] == [(split, made) for split, made in drawn]


# --- reasoning-gym -----------------------------------------------------------------------------------------------


def pretend_gym(monkeypatch: pytest.MonkeyPatch, items: list[tuple[str, object]]) -> None:
    """A reasoning_gym whose task "t" goes round in these questions."""

    def create_dataset(name: str, *, size: int, seed: int) -> list[dict[str, object]]:
        if name != "t":
            raise ValueError(f"Dataset '{name}' not registered")
        made = (items[(seed + n) % len(items)] for n in range(size))
        return [{"question": question, "answer": answer, "metadata": {}} for question, answer in made]

    module = ModuleType("reasoning_gym")
    module.create_dataset = create_dataset  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "reasoning_gym", module)


def test_gym_questions_are_all_different(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend_gym(monkeypatch, [("a", "1"), ("b", "2"), ("a ", "1"), ("c", "-3.5")])
    rows = gym.rows("t", 3, shares=(0, 1, 0))
    assert [(r.text, r.gold, r.task, r.split) for r in rows] == [
        *(("a", "1", Task.NUMERIC, "dev"), ("b", "2", Task.NUMERIC, "dev"), ("c", "-3.5", Task.NUMERIC, "dev"))
    ]
    with pytest.raises(BadInput, match="can't give 4 different questions, only 3"):
        gym.rows("t", 4)
    with pytest.raises(BadInput, match="no questions of a task 'chess'"):
        gym.rows("chess", 1)


def test_gym_tasks_by_their_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    for answers, task in ((("Yes", "No"), Task.BOOLEAN), (("Yes", "3"), Task.TEXT), (("2 3", "4"), Task.TEXT)):
        pretend_gym(monkeypatch, list(zip("ab", answers, strict=True)))
        assert {r.task for r in gym.rows("t", 2)} == {task}
    pretend_gym(monkeypatch, [("a", None)])
    with pytest.raises(BadInput, match="no single gold answer"):
        gym.rows("t", 1)


def test_a_missing_gym_names_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "reasoning_gym", None)
    with pytest.raises(BadInput, match=r"pip install 'mapd-studio\[gym\]'"):
        gym.rows("leg_counting", 1)


# --- the command line --------------------------------------------------------------------------------------------


def mapd(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *words: object) -> tuple[int, str, str]:
    monkeypatch.setattr(sys, "argv", ["mapd", *map(str, words)])
    with pytest.raises(SystemExit) as end:
        cli.main()
    out, err = capsys.readouterr()
    return int(end.value.code or 0), out, err


def test_the_commands(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "pens.jsonl"
    path.write_bytes(lines(*PENS))
    add = ("questions", "add", "pens", path, "--task", "numeric")
    for _ in range(2):
        code, out, _ = mapd(capsys, monkeypatch, *add, "--json")
        assert (code, json.loads(out)) == (0, {"questions": "pens", "n": 20, "train": 12, "dev": 4, "test": 4})
    code, out, _ = mapd(capsys, monkeypatch, "questions", "generate", "demo", "--train", 2, "--dev", 1, "--json")
    assert (code, json.loads(out)) == (0, {"questions": "demo", "n": 9, "train": 6, "dev": 3, "test": 0})
    code, out, _ = mapd(capsys, monkeypatch, "questions", "list", "--json")
    assert [(s["name"], s["test"], s["openings"], s["simulated"]) for s in json.loads(out)["sets"]] == [
        *(("demo", 0, 0, True), ("pens", 4, 0, False))
    ]
    code, out, err = mapd(capsys, monkeypatch, *add, "--seed", 1)
    assert (code, out) == (1, "")
    assert "question set named pens with other content" in err
    for bad in (("--shares", "1,2"), ("--shares", "1,0,0", "--split", "dev"), ("--task", "essay")):
        code, out, err = mapd(capsys, monkeypatch, *add, *bad)
        assert (code, out, err.count("\n")) == (1, "", 1)
    code, out, err = mapd(capsys, monkeypatch, "questions", "list")
    assert (code, err) == (0, "")
    assert "generated, seed 0 (simulated)" in out
