"""Chat JSONL, a dialogue a line: OpenAI's finetuning, TRL, Axolotl. Pure but for the file.

    {"messages": [{"role": "system", …}, {"role": "user", …}, {"role": "assistant", "content": "…", "weight": 1}],
     "kind": "rationale", "pair": "3f2a9c1b7d20-17", …}

The student's wrong answer in a feedback's dialogue has weight 0: OpenAI doesn't teach it. Axolotl doesn't where it is
told `message_field_training: weight`. TRL has no such thing: there `prompt-completion` is the format.
"""

from pathlib import Path
from typing import Any

from mapd.exchange.files import write_lines
from mapd.exchange.training.format import TrainingFormat, TrainingSource
from mapd.exchange.training.rows import TaughtRow, as_dicts, columns


def as_row(row: TaughtRow) -> dict[str, Any]:
    """Return a row as the format has it."""
    messages: list[dict[str, Any]] = [*as_dicts(row.messages)]
    last = len(messages) - 1
    for place, message in enumerate(messages):
        # Every answer has a weight, so that each row has the same fields.
        if message["role"] == "assistant":
            message["weight"] = int(place == last)
    return {"messages": messages, **columns(row)}


def write(path: Path, source: TrainingSource) -> int:
    """Write the snapshot; return the number of rows."""
    return write_lines(path, map(as_row, source.rows()))


MESSAGES = TrainingFormat(
    "messages",
    "chat JSONL: OpenAI, TRL, Axolotl",
    ".jsonl",
    write,
    note="a feedback row holds the wrong answer, with weight 0, which OpenAI doesn't teach; Axolotl doesn't with "
    "message_field_training: weight; TRL would, take prompt-completion there",
)
