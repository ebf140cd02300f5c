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
from mapd.exchange.training.pairs import FrozenPair
from tests.exchange.training.snapshots import SHA256, TEXTS, plain_pair, source

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
        [plain_pair()],
        teachers=teachers,
        judgements=[judged | {"decision": "reject"}, judged | {"decision": "accept", "person": "bob"}],
        policy=policy,
        narrowed_to=["mini"],
        draw={"seed": 7, "pairs": "one a mistake", "limit": 5},
    )
    origin = Origin(("hub allenai/ai2_arc",), {"a" * 64: "You are a teacher. ```x```", "b" * 64: ""})
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


def of_several(pairs: list[FrozenPair], texts: list[str], **counts: int) -> TrainingSource:
    exams = [
        exam(name="first", questions="pens") | {"counts": {"mistakes": 5}},
        exam(name="second", student="smaller", questions="apples") | {"round": 1, "counts": {"mistakes": 4}},
    ]
    content = source(pairs, exams=exams, draw={"seed": 0, "pairs": "one a mistake", "texts": texts})
    manifest = {name: value for name, value in content.manifest.items() if name != "exam"}
    return replace(content, manifest=manifest | {"counts": manifest["counts"] | counts})


def test_of_several_exams_it_names_each_and_what_was_left_out() -> None:
    text = written(of_several([plain_pair()], ["both"], repeated_pairs=3, in_test_splits=2))
    assert (
        DatasetCard(text).data.to_dict()["pretty_name"]
        == "Explanations of small and smaller's mistakes in apples, pens"
    )
    for words in (
        "the *students* `small`, `smaller`, answered",
        "in 2 exams. Each of their 9 wrong answers",
        "| `first` | `small` | `pens` | train | 0 | 5 |",
        "| `second` | `smaller` | `apples` | train | 1 | 4 |",
        "a text that two exams share is counted in each",
        "| pairs left out, for another one teaches the same | 3 |",
        "| mistakes left out, for their question is one that students are tested on | 2 |",
    ):
        assert words in text, words


def test_it_says_what_a_pair_has() -> None:
    both = plain_pair()
    rationale, feedback = plain_pair(1, "rationale"), plain_pair(2, "feedback")
    mixed = written(of_several([both, rationale], ["both", "rationale"]))
    assert "A pair has a rationale and a feedback, or a rationale without feedback." in mixed
    assert "| of them a rationale without feedback | 1 |" in mixed
    assert "joint loss" in mixed
    alone = written(of_several([rationale], ["rationale"]))
    assert "with accepted rationales alone" in alone
    for words in ("joint loss", prompts.CORRECTION, "and a feedback, on", "wrong answers stand in the rows"):
        assert words not in alone
    assert "with feedback alone" in written(of_several([feedback], ["feedback"]))
    assert "A pair has" not in written(of_several([both], ["both"]))


def test_it_says_what_it_was_narrowed_to() -> None:
    text = written(source([plain_pair()], tasks=["numeric", "choice"], families=["a|b"]))
    assert "Only questions whose task is `numeric` or `choice` are here." in text
    assert "Only questions of the families `a\\|b` are here." in text


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
