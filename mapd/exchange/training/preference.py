"""Accepted against rejected rationales of one question, JSONL: TRL's DPOTrainer, RewardTrainer.

    {"prompt": [{"role": "system", …}, {"role": "user", …}], "chosen": [{"role": "assistant", …}],
     "rejected": [{"role": "assistant", …}], "margin": 3.5, "pair": "3f2a9c1b7d20-17-1", "chosen_mean": "5.0", …}

`margin` says how far the chosen rationale's mean lies above the rejected one's. It is below 0 where people, or a fitted
policy, decided against the scores. Where nobody voted on one of the two, its mean is empty and the margin is 0: the
trainer needs none.
"""

from pathlib import Path
from typing import Any

from mapd.exchange.files import write_lines
from mapd.exchange.training.format import TrainingFormat, TrainingSource, count_preferences
from mapd.exchange.training.rows import Preference, as_dicts, distinct_preferences, preference_columns
from mapd.models.base import Message


def as_row(preference: Preference) -> dict[str, Any]:
    """Return a row as the format has it."""
    chosen, rejected = (
        as_dicts([Message("assistant", text.text.strip())]) for text in (preference.chosen, preference.rejected)
    )
    messages = {"prompt": as_dicts(preference.prompt), "chosen": chosen, "rejected": rejected}
    return {**messages, "margin": preference.margin, **preference_columns(preference)}


def write(path: Path, source: TrainingSource) -> int:
    """Write the snapshot; return the number of rows."""
    return write_lines(path, map(as_row, distinct_preferences(source.named_pairs(), source.shots)))


PREFERENCE = TrainingFormat(
    "preference",
    "accepted against rejected rationales of one question, JSONL: TRL's DPOTrainer",
    ".jsonl",
    write,
    count=count_preferences,
)
