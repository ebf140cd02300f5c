"""Prompt and completion as chat, JSONL: TRL learns the completion alone.

{"prompt": [{"role": "system", …}, {"role": "user", …}], "completion": [{"role": "assistant", …}],
 "kind": "rationale", "pair": "3f2a9c1b7d20-17", …}
"""

from pathlib import Path
from typing import Any

from mapd.exchange.files import write_lines
from mapd.exchange.training.format import TrainingFormat, TrainingSource
from mapd.exchange.training.rows import TaughtRow, as_dicts, columns


def as_row(row: TaughtRow) -> dict[str, Any]:
    """Return a row as the format has it."""
    *prompt, completion = as_dicts(row.messages)
    return {"prompt": prompt, "completion": [completion], **columns(row)}


def write(path: Path, source: TrainingSource) -> int:
    """Write the snapshot; return the number of rows."""
    return write_lines(path, map(as_row, source.rows()))


PROMPT_COMPLETION = TrainingFormat(
    "prompt-completion", "JSONL of which TRL learns the completion alone", ".jsonl", write
)
