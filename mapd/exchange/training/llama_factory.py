"""A folder that LLaMA-Factory takes as its `dataset_dir`: its two formats, a file a kind, and dataset_info.json.

alpaca      {"instruction": "The right answer is 145. What went wrong?", "input": "", "output": "It seems …",
             "system": "You solve …", "history": [["There are 87 oranges …", "Answer: … 0.92"]], "kind": "feedback", …}
sharegpt    {"conversations": [{"from": "human", "value": "There are 87 oranges …"}, {"from": "gpt", …}],
             "system": "You solve …", "kind": "rationale", …}

    dataset: mapd_rationale,mapd_feedback    mix_strategy: interleave_under    interleave_probs: 0.5,0.5
"""

import json
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from mapd.characters import as_json
from mapd.exchange.training.format import TrainingFormat, TrainingSource
from mapd.exchange.training.rows import FEEDBACK, RATIONALE, TaughtRow, columns, split_dialogue
from mapd.store.snapshots import count_kind

INFO = "dataset_info.json"
BOTH = """# For LLaMA-Factory

`dataset_dir` is this folder; `dataset: mapd_rationale,mapd_feedback` names its two data sets. `mix_strategy:
interleave_under` with `interleave_probs: 0.5,0.5` weighs them as the joint loss does at alpha 0.5.
"""
ALONE = """# For LLaMA-Factory

`dataset_dir` is this folder; `dataset: mapd_{kind}` names its data set. The snapshot holds nothing else.
"""
MASK = """
**Set `mask_history: true`.** The earlier turns of `mapd_feedback` hold the student's wrong answer. Without it
LLaMA-Factory teaches that answer, too.
"""
NOTE = "set mask_history: true in LLaMA-Factory, or it teaches the wrong answers in the feedback's earlier turns"


def as_alpaca(row: TaughtRow) -> dict[str, Any]:
    """Return a row in Alpaca's fields; without earlier turns it has no `history`."""
    system, history, instruction = split_dialogue(row.prompt)
    # The instruction is the whole question; LLaMA-Factory would add `input` to its end.
    fields = {"instruction": instruction, "input": "", "output": row.completion, "system": system}
    # An empty list has no type of its own: a file in which each row's is empty has none.
    return {**fields, **({"history": history} if history else {}), **columns(row)}


def as_sharegpt(row: TaughtRow) -> dict[str, Any]:
    """Return a row in ShareGPT's fields."""
    names = {"user": "human", "assistant": "gpt"}
    system, *turns = row.messages
    conversation = [{"from": names[turn.role], "value": turn.content} for turn in turns]
    return {"conversations": conversation, "system": system.content, **columns(row)}


def _describe_alpaca(file: str, *, has_history: bool) -> dict[str, Any]:
    fields = {"prompt": "instruction", "query": "input", "response": "output", "system": "system"}
    return {"file_name": file, "columns": {**fields, **({"history": "history"} if has_history else {})}}


def _describe_sharegpt(file: str, **_: bool) -> dict[str, Any]:
    tags = {"role_tag": "from", "content_tag": "value", "user_tag": "human", "assistant_tag": "gpt"}
    fields = {"messages": "conversations", "system": "system"}
    return {"file_name": file, "formatting": "sharegpt", "columns": fields, "tags": tags}


def _readme(kinds: Sequence[str]) -> str:
    return (BOTH if len(kinds) > 1 else ALONE.format(kind=kinds[0])) + (MASK if FEEDBACK in kinds else "")


def _writer(
    as_row: Callable[[TaughtRow], dict[str, Any]], describe: Callable[..., dict[str, Any]]
) -> Callable[[Path, TrainingSource], int]:
    def write(path: Path, source: TrainingSource) -> int:
        path.mkdir()
        # No loader takes a file without rows.
        kinds, count = [kind for kind in (RATIONALE, FEEDBACK) if count_kind(source.manifest, kind)], 0
        with ExitStack() as stack:
            files = {
                kind: stack.enter_context((path / f"{kind}.jsonl").open("w", encoding="utf-8", newline="\n"))
                for kind in kinds
            }
            for row in source.rows():
                files[row.kind].write(as_json(as_row(row)) + "\n")
                count += 1
        info = {
            # Worked examples are earlier turns, too; the index names a column only where the file has it.
            f"mapd_{kind}": describe(f"{kind}.jsonl", has_history=kind == FEEDBACK or source.shots > 0)
            for kind in kinds
        }
        (path / INFO).write_text(json.dumps(info, indent=2) + "\n", encoding="utf-8")
        (path / "README.md").write_text(_readme(kinds), encoding="utf-8")
        return count

    return write


ALPACA = TrainingFormat(
    "alpaca", "Alpaca's fields, for LLaMA-Factory: a folder", "", _writer(as_alpaca, _describe_alpaca), note=NOTE
)
SHAREGPT = TrainingFormat(
    "sharegpt",
    "ShareGPT's fields, for LLaMA-Factory: a folder",
    "",
    _writer(as_sharegpt, _describe_sharegpt),
    note=NOTE,
)
