"""The card of a `datasets` folder: the hub reads its head, people its text; a foreign name is only a name in both."""

from dataclasses import replace
from typing import Any

import pytest
from huggingface_hub import DatasetCard
from hypothesis import given
from markdown_it import MarkdownIt

from mapd import prompts
from mapd.exchange.training import card
from mapd.exchange.training.format import Origin, TrainingSource
from tests.exchange.training.snapshots import SHA256, TEXTS, source

FILES = {"default": "data/train.parquet", "preference": "preference/train.parquet"}


def exam(**changed: str) -> dict[str, Any]:
    return {"name": "e", "student": "small", "questions": "pens", "split": "train", "round": 0} | changed


def written(content: TrainingSource, files: dict[str, str] = FILES) -> str:
    return card.write(content, files)


def test_the_hub_reads_its_head() -> None:
    data = DatasetCard(written(source([]))).data.to_dict()
    assert data["configs"] == [
        {"config_name": "default", "default": True, "data_files": [{"split": "train", "path": "data/train.parquet"}]},
        {"config_name": "preference", "data_files": [{"split": "train", "path": "preference/train.parquet"}]},
    ]
    assert data["size_categories"] == ["n<1K"]
    assert data["pretty_name"] == "Explanations of small's mistakes in pens"
    assert "license" not in data, "only who shares it can know"


def test_it_says_what_a_stranger_has_to_know() -> None:
    teachers = {
        "mini": {"kind": "openai", "simulated": False, "model": "gpt-4o-mini", "sampling": {"temperature": 0.7}},
        "sound": {"kind": "simulated", "simulated": True, "model": "sound", "sampling": {}},
    }
    judged = {"target": "rationale", "uid": "x", "person": "ann@x.org", "role": "annotator", "reason": None}
    policy = {"name": "strict", "threshold": 3.5, "min_votes": 2, "checks": ["shows_work"], "leniency_adjusted": True}
    content = source(
        [],
        teachers=teachers,
        judgements=[judged | {"decision": "reject"}, judged | {"decision": "accept", "person": "bob"}],
        policy=policy,
        narrowed_to=["mini"],
        draw={"seed": 7, "pairs": "one a mistake", "limit": 5},
    )
    origin = Origin("hub allenai/ai2_arc", {"a" * 64: "You are a teacher. ```x```", "b" * 64: ""})
    text = written(replace(content, origin=origin, shots=2))
    for words in (
        f"snapshot `{SHA256}`",
        '| `mini` | openai | `gpt-4o-mini` | `{"temperature": 0.7}` |',
        "`sound` are programs that play teachers",
        "is above 3.5, strictly, and",
        "it has 2 or more",
        "corrected by its reviewer's leniency",
        "it shows its work",
        "seed 7, 5 of them. Only texts by `mini` are here.",
        "2 judgements by 2 people count:",
        "| rationale | reject | 1 |",
        "behind worked examples (2)",
        prompts.EXAM.text,
        prompts.CORRECTION,
        "````text\nYou are a teacher. ```x```\n````",
        "They came from `hub allenai/ai2_arc`.",
        "The models: `gpt-4o-mini`, `sound`.",
        'load_dataset("PATH/OF/THIS/FOLDER", "preference", split="train")',
    ):
        assert words in text, words
    assert "ann@x.org" not in text, "who judged stands in the rows, not on the first page"


def test_without_preferences_nothing_is_said_of_them() -> None:
    text = written(source([]), {"default": "data/train.parquet"})
    assert "config_name: preference" not in text
    assert "`chosen`" not in text
    assert "their texts were imported" in text


@given(TEXTS, TEXTS)
def test_a_foreign_name_does_nothing(student: str, teacher: str) -> None:
    teachers = {teacher: {"kind": "imported", "simulated": True, "model": f"m{teacher}", "sampling": {"x": teacher}}}
    text = written(source([], exam=exam(student=student, questions=teacher), teachers=teachers))
    plain = written(source([], exam=exam(), teachers={"t": teachers[teacher] | {"model": "t", "sampling": {"x": "t"}}}))
    assert DatasetCard(text).data.to_dict().keys() == DatasetCard(plain).data.to_dict().keys()
    assert shape(text) == shape(plain)


def shape(text: str) -> list[str]:
    """What markdown makes of a card, but for what stands in code."""
    body = text.split("---\n", 2)[2]
    tokens = MarkdownIt("commonmark").enable("table").parse(body)
    return [kind for token in tokens for kind in (token.type, *(child.type for child in token.children or ()))]


@pytest.mark.parametrize("text", ["a`b", "``", "|", "a\nb", "<b>", "", "`"])
def test_code_is_one_line_of_code(text: str) -> None:
    (paragraph,) = [token for token in MarkdownIt().parse(card.code(text)) if token.type == "inline"]
    assert [child.type for child in paragraph.children or ()] == ["code_inline"]
