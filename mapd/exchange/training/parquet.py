"""Parquet with a type for each column: prompt and completion as chat, and what decided each text.

prompt=[{"role": "system", …}, {"role": "user", …}], completion=[{"role": "assistant", …}], kind="rationale",
pair="3f2a9c1b7d20-17", teacher="gpt", mean=5.0, scores=[{"reviewer": "gemini", "score": 5}, …], decided_by=[]
"""

from collections.abc import Iterable, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from mapd.exchange.training.format import TrainingFormat, TrainingSource
from mapd.exchange.training.pairs import FrozenText
from mapd.exchange.training.rows import Preference, TaughtRow, as_dicts, scores
from mapd.models.base import Message

# Rows that are held in memory, and that stand in one group of the file.
GROUP = 2_000
MESSAGES, SCORES = "messages", "scores"
# A column's type by its name: in words, so that pyarrow is loaded where a file is written.
OF_QUESTION = {
    **dict.fromkeys(("pair", "mistake", "question", "source_id", "task", "family", "gold"), "string"),
    "student_answer": "string",
}
OF_TEXT = {
    **dict.fromkeys(("uid", "teacher", "repairs", "committee", "why"), "string"),
    **dict.fromkeys(("by_person", "simulated"), "bool"),
    "mean": "double",
    "scores": SCORES,
    "decided_by": "names",
}
OF_ROW = {"prompt": MESSAGES, "completion": MESSAGES, "kind": "string", **OF_QUESTION, **OF_TEXT}
OF_PREFERENCE = {
    **dict.fromkeys(("prompt", "chosen", "rejected"), MESSAGES),
    "margin": "double",
    **OF_QUESTION,
    **{f"{side}_{name}": kind for side in ("chosen", "rejected") for name, kind in OF_TEXT.items()},
}


def as_row(row: TaughtRow) -> dict[str, Any]:
    """Return a row as the format has it."""
    *prompt, completion = as_dicts(row.messages)
    about = {"kind": row.kind, **_question_columns(row), **_text_columns(row.text)}
    return {"prompt": prompt, "completion": [completion], **about}


def as_preference(preference: Preference) -> dict[str, Any]:
    """Return a preference as the format has it."""
    sides = {"chosen": preference.chosen, "rejected": preference.rejected}
    texts = {side: as_dicts([Message("assistant", text.text.strip())]) for side, text in sides.items()}
    decided = {f"{side}_{name}": value for side, text in sides.items() for name, value in _text_columns(text).items()}
    about = {"margin": preference.margin, **_question_columns(preference), **decided}
    return {"prompt": as_dicts(preference.prompt), **texts, **about}


def _question_columns(row: TaughtRow | Preference) -> dict[str, Any]:
    question = row.pair.question
    return {
        "pair": row.name,
        "mistake": row.pair.mistake,
        "question": question.uid,
        "source_id": question.source_id,
        "task": question.task.value,
        "family": question.family,
        "gold": question.gold,
        "student_answer": row.pair.attempt.answer,
    }


def _text_columns(text: FrozenText) -> dict[str, Any]:
    return {
        "uid": text.uid,
        "teacher": text.teacher,
        "by_person": text.by_person,
        "simulated": text.simulated,
        "repairs": text.repairs,
        "mean": text.mean,
        "scores": scores(text),
        "committee": text.committee.verdict.value,
        "decided_by": list(text.decided_by),
        "why": text.why,
    }


def write_rows(path: Path, columns: Mapping[str, str], rows: Iterable[Mapping[str, Any]]) -> int:
    """Write rows to a file, a group at a time; return their number."""
    # It loads slowly, and few commands write Parquet.
    import pyarrow as pa
    from pyarrow import parquet

    def struct(**fields: Any) -> Any:
        return pa.list_(pa.struct(list(fields.items())))

    types = {
        "string": pa.string(),
        "bool": pa.bool_(),
        "double": pa.float64(),
        "names": pa.list_(pa.string()),
        MESSAGES: struct(role=pa.string(), content=pa.string()),
        SCORES: struct(reviewer=pa.string(), score=pa.int64()),
    }
    # The types are given: pyarrow would guess them from the first group, where a column may hold nothing.
    schema = pa.schema([(name, types[kind]) for name, kind in columns.items()])
    count, remaining = 0, iter(rows)
    with parquet.ParquetWriter(path, schema, compression="zstd") as writer:
        while group := list(islice(remaining, GROUP)):
            writer.write_table(pa.Table.from_pylist(group, schema))
            count += len(group)
    return count


def write(path: Path, source: TrainingSource) -> int:
    """Write the snapshot; return the number of rows."""
    return write_rows(path, OF_ROW, map(as_row, source.rows()))


PARQUET = TrainingFormat("parquet", "Parquet: prompt and completion as chat, a type for each column", ".parquet", write)
