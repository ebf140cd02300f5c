"""Each format holds what it can of a snapshot, and gives it back as it was."""

import csv
import json
import re
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from mapd import prompts
from mapd.exchange.spreadsheets import read_cell, write_cell
from mapd.exchange.training import FORMATS
from mapd.exchange.training.format import TrainingFormat, TrainingSource
from mapd.exchange.training.pairs import FrozenPair, FrozenText
from tests.exchange.training.snapshots import PAIRS, SHA256, TEXTS, source, texts_of

Record = dict[str, Any]
# Each example writes a file or a folder.
few = settings(max_examples=25)


def written(format_: TrainingFormat, content: TrainingSource, read: Callable[[Path], list[Any]]) -> list[Any]:
    """What a reader finds in the format's file or folder; the count that was told before is right."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"out{format_.ending}"
        assert format_.write(path, content) == format_.count(content.manifest)
        return read(path)


def lines(path: Path) -> list[Record]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def records(pairs: list[FrozenPair], shots: int = 0) -> list[Record]:
    """What each row has to hold, straight from the pairs and by the exam's and the finetune's own functions."""
    return list(_records(pairs, shots))


def _records(pairs: list[FrozenPair], shots: int) -> Iterator[Record]:
    for number, pair in enumerate(pairs, 1):
        q = pair.question
        question = prompts.question_block(q.text, q.context, q.options)
        for kind, text in texts_of(pair):
            if kind == "rationale":
                dialogue = prompts.rationale_dialogue(question, q.task, text.text.strip(), shots)
            else:
                dialogue = prompts.feedback_dialogue(
                    question, q.task, pair.attempt.text, q.gold, text.text.strip(), shots
                )
            turns = [(turn.role, turn.content) for turn in dialogue]
            yield {
                "kind": kind,
                "pair": f"{SHA256[:12]}-{number}",
                "turns": turns,
                "source_id": q.source_id,
                **of(text),
            }


def of(text: FrozenText) -> Record:
    """What travels with a text."""
    return {
        "teacher": text.teacher,
        "mean": text.mean,
        "scores": [(vote.reviewer, vote.score) for vote in text.committee.votes],
        "decided_by": ", ".join(text.decided_by) or "committee",
        "why": text.why,
        "uid": text.uid,
    }


def provenance(row: Record, side: str = "") -> Record:
    """What a row of JSON Lines says of a text."""
    votes = json.loads(row[f"{side}scores"])
    return {
        "teacher": row[f"{side}teacher"],
        "mean": float(row[f"{side}mean"]) if row[f"{side}mean"] else None,
        "scores": [(vote["reviewer"], vote["score"]) for vote in votes],
        **{name: row[f"{side}{name}"] for name in ("decided_by", "why", "uid")},
    }


def base(row: Record, turns: list[tuple[str, str]]) -> Record:
    return {"kind": row["kind"], "pair": row["pair"], "turns": turns, "source_id": row["source_id"], **provenance(row)}


def turns_of(messages: list[Record]) -> list[tuple[str, str]]:
    return [(message["role"], message["content"]) for message in messages]


# --- There and back ---------------------------------------------------------------------------------------------------


def from_messages(path: Path) -> list[Record]:
    rows = lines(path)
    for row in rows:
        weights = [message["weight"] for message in row["messages"] if message["role"] == "assistant"]
        assert weights == [0] * (len(weights) - 1) + [1], "only the last answer is taught"
    return [base(row, turns_of(row["messages"])) for row in rows]


def from_prompt_completion(path: Path) -> list[Record]:
    rows = lines(path)
    assert all(len(row["completion"]) == 1 for row in rows)
    return [base(row, turns_of(row["prompt"] + row["completion"])) for row in rows]


def both_kinds(path: Path, turns: Callable[[Record], list[tuple[str, str]]]) -> list[Record]:
    rows = [row for file in sorted(path.glob("*.jsonl"), reverse=True) for row in lines(file)]
    # Of a pair the rationale first, as its file comes first.
    return [base(row, turns(row)) for row in sorted(rows, key=lambda row: int(row["pair"].split("-")[1]))]


def from_alpaca(path: Path) -> list[Record]:
    def turns(row: Record) -> list[tuple[str, str]]:
        assert row["input"] == ""
        earlier = [turn for q, a in row.get("history", []) for turn in (("user", q), ("assistant", a))]
        return [("system", row["system"]), *earlier, ("user", row["instruction"]), ("assistant", row["output"])]

    return both_kinds(path, turns)


def from_sharegpt(path: Path) -> list[Record]:
    roles = {"human": "user", "gpt": "assistant"}

    def turns(row: Record) -> list[tuple[str, str]]:
        return [("system", row["system"]), *((roles[turn["from"]], turn["value"]) for turn in row["conversations"])]

    return both_kinds(path, turns)


def from_parquet(path: Path) -> list[Record]:
    return [
        {
            **{name: row[name] for name in ("kind", "pair", "source_id", "teacher", "mean", "why", "uid")},
            "turns": turns_of(row["prompt"] + row["completion"]),
            "scores": [(vote["reviewer"], vote["score"]) for vote in row["scores"]],
            "decided_by": ", ".join(row["decided_by"]) or "committee",
        }
        for row in parquet.read_table(path).to_pylist()
    ]


BACK = {
    "messages": from_messages,
    "prompt-completion": from_prompt_completion,
    "alpaca": from_alpaca,
    "sharegpt": from_sharegpt,
    "parquet": from_parquet,
    "datasets": lambda path: from_parquet(next((path / "data").glob("train-*.parquet"))),
}


@pytest.mark.parametrize("name", BACK)
@few
@given(pairs=PAIRS, shots=st.integers(0, 2))
def test_a_snapshot_goes_into_a_format_and_comes_back(name: str, pairs: list[FrozenPair], shots: int) -> None:
    assert written(FORMATS[name], source(pairs, shots), BACK[name]) == records(pairs, shots)


@few
@given(pairs=PAIRS)
def test_preferences_go_out_and_come_back(pairs: list[FrozenPair]) -> None:
    def read(path: Path) -> list[Record]:
        return [
            {
                "turns": turns_of(row["prompt"]),
                "texts": [(row[side][0]["role"], row[side][0]["content"]) for side in ("chosen", "rejected")],
                "margin": row["margin"],
                "chosen": provenance(row, "chosen_"),
                "rejected": provenance(row, "rejected_"),
            }
            for row in lines(path)
        ]

    def expected() -> Iterator[Record]:
        for pair in pairs:
            q, chosen = pair.question, pair.rationale
            if chosen is None:
                continue
            exam = prompts.exam_messages(prompts.question_block(q.text, q.context, q.options), q.task)
            for rejected in pair.rejected:
                known = chosen.mean is not None and rejected.mean is not None
                yield {
                    "turns": [(turn.role, turn.content) for turn in exam],
                    "texts": [("assistant", text.text.strip()) for text in (chosen, rejected)],
                    "margin": (chosen.mean or 0) - (rejected.mean or 0) if known else 0.0,
                    "chosen": of(chosen),
                    "rejected": of(rejected),
                }

    assert written(FORMATS["preference"], source(pairs), read) == list(expected())


@few
@given(pairs=PAIRS)
def test_the_table_holds_each_text_as_it_is_and_no_formula(pairs: list[FrozenPair]) -> None:
    def read(path: Path) -> list[Record]:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
        for cell in (cell for row in rows for cell in row.values()):
            number = re.fullmatch(r"[+-]?[0-9][0-9.,]*(?:e[+-]?[0-9]+)?", cell)
            assert not cell.lstrip().startswith(("=", "+", "-", "@", "＝", "＋", "－", "＠")) or number, cell
        return [{name: read_cell(cell) for name, cell in row.items()} for row in rows]

    rows = written(FORMATS["csv"], source(pairs), read)
    texts = [(pair, kind, text) for pair in pairs for kind, text in texts_of(pair)]
    assert [(row["kind"], row["text"], row["teacher"], row["why"], row["uid"]) for row in rows] == [
        (kind, text.text, text.teacher, text.why, text.uid) for _, kind, text in texts
    ]
    assert [row["mean"] for row in rows] == ["" if text.mean is None else str(text.mean) for *_, text in texts]
    assert [row["student's response"] for row in rows] == [pair.attempt.text for pair, *_ in texts]


@given(TEXTS)
def test_a_cell_is_the_same_text_again(text: str) -> None:
    assert read_cell(write_cell(text)) == text


# --- What consumers rest on -------------------------------------------------------------------------------------------

JSONL = ("messages", "prompt-completion", "preference", "alpaca", "sharegpt")


@pytest.mark.parametrize("name", JSONL)
@few
@given(pairs=st.tuples(PAIRS, PAIRS))
def test_every_row_has_the_same_fields_of_the_same_types(name: str, pairs: tuple[list[FrozenPair], ...]) -> None:
    """`datasets` takes the types of a column from the first 10 MB: a null, or an empty list, there breaks the rest."""

    def shapes(path: Path) -> list[Any]:
        files = sorted(path.glob("*.jsonl")) if path.is_dir() else [path]
        return [(file.stem, {repr(shape(row)) for row in lines(file)}) for file in files]

    # A file without rows isn't there.
    first, second = (dict(written(FORMATS[name], source(part), shapes)) for part in pairs)
    for kind in {*first, *second} if name in ("alpaca", "sharegpt") else {"out"}:
        assert len(first.get(kind, set()) | second.get(kind, set())) <= 1


def shape(value: Any) -> Any:
    """The types in a value; what a list has is of one type, but for a message's `weight`, which answers alone have."""
    if isinstance(value, dict):
        return {key: shape(inner) for key, inner in value.items() if key != "weight"}
    if isinstance(value, list):
        assert value, "an empty list has no type"
        (only,) = {repr(shape(inner)) for inner in value}
        return [only]
    assert value is not None
    return type(value).__name__


@few
@given(pairs=PAIRS)
def test_llama_factory_finds_its_files_by_the_index(pairs: list[FrozenPair]) -> None:
    def read(path: Path) -> list[Any]:
        info = json.loads((path / "dataset_info.json").read_text())
        files = {file.name: lines(file) for file in path.glob("*.jsonl")}
        assert {entry["file_name"] for entry in info.values()} == files.keys()
        assert all(files.values()), "no loader takes a file without rows"
        readme = (path / "README.md").read_text()
        assert all((name in readme) == (name in info) for name in ("mapd_rationale", "mapd_feedback"))
        return [name.removeprefix("mapd_") for name in info]

    kinds = {kind for pair in pairs for kind, _ in texts_of(pair)}
    for name in ("alpaca", "sharegpt"):
        assert set(written(FORMATS[name], source(pairs), read)) == kinds
