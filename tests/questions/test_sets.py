"""Sets of questions: stored once, listed, and added by command."""

import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from sqlmodel import Session, col, select

from mapd import cli
from mapd.answers.grading import Task
from mapd.errors import BadInput
from mapd.people import owner
from mapd.questions import generated, gym, sets
from mapd.questions.rows import QuestionRow
from mapd.store import tables as t

ROWS = tuple(
    QuestionRow(str(n), split, Task.NUMERIC, f"Ann has {n} pens and gets 4. How many now?", str(n + 4))
    for n, split in enumerate(("train",) * 12 + ("dev",) * 4 + ("test",) * 4)
)
ROCKS = {"question": "Which is a rock?", "options": ["oak", "granite"], "answer": "B", "source": "mine"}


def lines(*rows: Any) -> bytes:
    return "\n".join(json.dumps(row) for row in rows).encode()


def test_a_set_is_written_once(session: Session) -> None:
    first = sets.add(session, "pens", ROWS, source="q.jsonl", simulated=False, by=owner("ann"))
    again = sets.add(session, "other name", ROWS, source="q.jsonl", simulated=False, by=owner("ann"))
    assert (again.id, again.name) == (first.id, "pens")
    with pytest.raises(BadInput, match="a question set named pens with other content"):
        sets.add(session, "pens", ROWS[:5], source="q.jsonl", simulated=False, by=owner("ann"))
    stored = session.exec(select(t.Question).order_by(col(t.Question.position))).all()
    assert [q.text for q in stored] == [row.text for row in ROWS]
    assert [(a.person, a.action) for a in session.exec(select(t.Audit)).all()] == [("ann", "add questions")]


def test_openings_are_counted(session: Session) -> None:
    kept = sets.add(session, "pens", ROWS, source="q", simulated=False, by=owner("ann"))
    session.add_all([t.Opening(set_id=kept.id or 0, person=p) for p in ("ann", "ben")])
    assert sets.list_sets(session) == [sets.SetSummary("pens", "q", False, 12, 4, 4, 2)]


def test_generated_questions_are_read_back_from_the_store(session: Session) -> None:
    drawn = generated.draw(generated.FAMILIES, {"train": 4, "dev": 2, "test": 0}, seed=3)
    sets.add(session, "demo", sets.make_rows(drawn), source="generated", simulated=True, by=owner("ann"))
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
    path.write_bytes(lines(*({"question": row.text, "answer": int(row.gold)} for row in ROWS)))
    add = ("questions", "add", "pens", path)
    told = {"questions": "pens", "n": 20, "train": 12, "dev": 4, "test": 4}
    for _ in range(2):
        code, out, _ = mapd(capsys, monkeypatch, *add, "--json")
        more = {"format": "plain", "tasks": ["numeric"], "not_read": [], "skipped": 0}
        assert (code, json.loads(out)) == (0, told | more)
    code, out, _ = mapd(capsys, monkeypatch, "questions", "generate", "demo", "--train", 2, "--dev", 1, "--json")
    assert (code, json.loads(out)) == (0, {"questions": "demo", "n": 9, "train": 6, "dev": 3, "test": 0})
    code, out, _ = mapd(capsys, monkeypatch, "questions", "list", "--json")
    assert [(s["name"], s["test"], s["openings"], s["simulated"]) for s in json.loads(out)["sets"]] == [
        *(("demo", 0, 0, True), ("pens", 4, 0, False))
    ]
    code, out, err = mapd(capsys, monkeypatch, *add, "--seed", 1)
    assert (code, out) == (1, "")
    assert "question set named pens with other content" in err
    for bad in (
        *(("--shares", "1,2"), ("--shares", "1,0,0", "--split", "dev"), ("--task", "essay"), ("--answers", "first")),
        *(("--train", path, "--split", "dev"), ("--map", "colour=red"), ("--map", "@mine"), ("--save-map", "mine")),
        ("--skip-bad",),
    ):
        code, out, err = mapd(capsys, monkeypatch, *add, *bad)
        assert (code in (1, 2), out, err.count("\n")) == (True, "", 1), (bad, err)
    code, out, err = mapd(capsys, monkeypatch, "questions", "list")
    assert (code, err) == (0, "")
    assert "generated, seed 0 (simulated)" in out


def test_bad_rows_are_written_beside_the_set(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, bad = tmp_path / "rocks.jsonl", tmp_path / "bad.jsonl"
    path.write_bytes(lines(ROCKS, ROCKS | {"question": "Which is it?", "answer": None}, ROCKS))
    add = ("questions", "add", "rocks", path, "--json")
    code, out, err = mapd(capsys, monkeypatch, *add)
    assert (code, out) == (1, "")
    assert "2 bad rows, nothing was imported: rocks.jsonl line 2 answer: no answer (a test split?)" in err
    for _ in range(2):  # the same again is the same set, and the same file
        code, out, _ = mapd(capsys, monkeypatch, *add, "--skip-bad", bad)
        assert (code, json.loads(out)["n"], json.loads(out)["skipped"], json.loads(out)["not_read"]) == (
            0,
            1,
            2,
            ["source"],
        )
    written = [json.loads(line) for line in bad.read_text(encoding="utf-8").splitlines()]
    assert [(row["file"], row["line"], row["row"]["answer"]) for row in written] == [
        ("rocks.jsonl", 2, None),
        ("rocks.jsonl", 3, "B"),
    ]
    assert written[1]["faults"] == [
        {"field": "question", "what": '"Which is a rock?" stands in rocks.jsonl line 1 too'}
    ]
    code, _, err = mapd(capsys, monkeypatch, *add, "--skip-bad", path)
    assert (code, err.count("\n")) == (1, 1)
    assert "with other content; give --skip-bad another name" in err
    assert path.read_bytes().startswith(b'{"question"')


def test_a_set_can_be_looked_at_before_and_after(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "rocks.jsonl"
    path.write_bytes(lines(ROCKS | {"question": "Which \x1b[31m is a rock?"}))
    code, out, _ = mapd(capsys, monkeypatch, "questions", "add", "rocks", path, "--dry-run", "--json")
    told = json.loads(out)
    assert (code, told["dry_run"], told["n"], told["not_read"]) == (0, "rocks", 1, ["source"])
    assert told["rows"][0]["gold"] == "B. granite"
    assert json.loads(mapd(capsys, monkeypatch, "questions", "list", "--json")[1])["sets"] == []
    mapd(capsys, monkeypatch, "questions", "add", "rocks", path)
    code, out, _ = mapd(capsys, monkeypatch, "questions", "show", "rocks", "--json")
    assert json.loads(out)["rows"] == told["rows"]
    code, out, _ = mapd(capsys, monkeypatch, "questions", "show", "rocks")
    assert "gold      B. granite" in out
    assert "\x1b" not in out
    code, out, err = mapd(capsys, monkeypatch, "questions", "show", "stones")
    assert (code, out, err.count("\n")) == (1, "", 1)


def test_a_mapping_is_kept_under_a_name(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "stories.jsonl"
    path.write_bytes(lines({"story": "Ann has 3 pens.", "ask": "How many?", "key": 3}))
    written = "question=story+ask,answer=key"
    code, out, _ = mapd(
        capsys, monkeypatch, "questions", "add", "one", path, "--map", written, "--save-map", "stories", "--json"
    )
    assert (code, json.loads(out)["n"]) == (0, 1)
    assert json.loads(mapd(capsys, monkeypatch, "questions", "maps", "--json")[1]) == {"maps": {"stories": written}}
    path.write_bytes(lines({"story": "Ben has 4 cups.", "ask": "How many?", "key": 4}))
    code, out, _ = mapd(capsys, monkeypatch, "questions", "add", "two", path, "--map", "@stories", "--json")
    assert (code, json.loads(out)["n"]) == (0, 1)


def test_files_of_splits_are_added_as_one_set(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    words: list[object] = ["questions", "add", "pens"]
    for number, split in enumerate(("train", "train", "dev", "test")):
        path = tmp_path / f"{number}.csv"
        path.write_text(f"question,answer\nAnn has {number} pens. How many?,{number}\n", encoding="utf-8")
        words += [f"--{split}", path]
    code, out, _ = mapd(capsys, monkeypatch, *words, "--json")
    assert (code, [json.loads(out)[split] for split in ("train", "dev", "test")]) == (0, [2, 1, 1])
