"""The card of a student: before and after with intervals, what is simulated, and foreign names that do nothing."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import ModelCard
from hypothesis import given
from markdown_it import MarkdownIt
from sqlmodel import col, select

from mapd import students
from mapd.exchange import model_card
from mapd.models.adapters import AdapterSettings
from mapd.settings import Settings
from mapd.store import db, queries
from mapd.store import tables as t
from tests.exchange.training.snapshots import TEXTS

SETTINGS = AdapterSettings(16, 32.0, ("q_proj",))


@pytest.fixture
def facts(looped_home: Path) -> dict[str, Any]:
    engine = db.open_store(Settings())
    with db.reading(engine) as session:
        tuned = session.exec(select(t.Student).where(col(t.Student.adapter).is_not(None))).one()
        tuned.snapshot_sha256 = queries.snapshots(session)[0].sha256
        result = model_card.load_facts(session, students.get(session, tuned.name), SETTINGS, "org/tuned")
    engine.dispose()
    return result


def test_it_says_before_and_after_and_what_is_simulated(facts: dict[str, Any]) -> None:
    text = model_card.write(facts)
    (comparison,) = facts["comparisons"]
    before, after = comparison.overall.before, comparison.overall.after
    for words in (
        f"{100 * before.accuracy:.1f} % [{100 * before.low:.1f}, {100 * before.high:.1f}]",
        f"{100 * after.accuracy:.1f} % [{100 * after.low:.1f}, {100 * after.high:.1f}]",
        f"| {comparison.fixed} | {comparison.broken} |",
        "**Simulated.**",
        "are programs that play teachers",
        "`weight of the feedback's loss`",
        "`learning rate`",
        "| rank, alpha of LoRA | 16, 32 |",
        "another training: that needs more seeds",
        f"Snapshot `{facts['snapshot']}`",
        "Terms to check",
    ):
        assert words in text, words
    assert "trained elsewhere" not in text
    assert "Its training:" not in text
    stopped = model_card.write(facts | {"training": "stopped at step 4 of 9: its student is of what it had learned"})
    assert "Its training: stopped at step 4 of 9" in stopped
    data = ModelCard(text).data.to_dict()
    assert data["tags"] == ["lora", "distillation", "peer-review"]
    assert "license" not in data


def test_the_method_is_named(facts: dict[str, Any]) -> None:
    text = model_card.write(facts | {"settings": replace(SETTINGS, is_dora=True)})
    assert "A DoRA adapter of" in text
    assert "| rank, alpha of DoRA | 16, 32 |" in text


def test_a_base_is_named_as_others_find_it(facts: dict[str, Any]) -> None:
    hub = model_card.write(facts | {"base_kind": "hub", "base": "org/small", "base_revision": "1" * 40})
    assert ModelCard(hub).data.base_model == "org/small"
    assert f"`org/small` at commit `{'1' * 40}`" in hub
    packaged = model_card.write(facts | {"base_kind": "package", "base": model_card.PACKAGED_NAME})
    assert "a file of 4 bits a weight" in packaged
    assert "base_model" not in ModelCard(model_card.write(facts | {"base_kind": "path", "base": "x"})).data.to_dict()


def test_without_a_snapshot_or_an_exam_it_says_so(facts: dict[str, Any]) -> None:
    bare = facts | {"snapshot": None, "manifest": None, "teachers": {}, "simulated": [], "models": []}
    text = model_card.write(bare | {"comparisons": [], "caveats": [], "parent": None, "hyperparameters": {}})
    assert "That isn't known here." in text
    assert "nothing is known of what it gained" in text


@given(TEXTS.filter(bool), TEXTS.filter(bool))
def test_a_foreign_name_does_nothing(name: str, other: str) -> None:
    plain, foreign = (model_card.write(bare(*names)) for names in (("a", "b"), (name, other)))
    assert ModelCard(foreign).data.to_dict().keys() == ModelCard(plain).data.to_dict().keys()
    assert shape(foreign) == shape(plain)


def bare(name: str, other: str) -> dict[str, Any]:
    teachers = {other: {"kind": "imported", "simulated": True, "model": f"m{other}"}}
    return {
        "name": name,
        "round": 1,
        "repository": "org/x",
        "parent": other,
        "base": f"x{name}",
        "base_kind": "hub",
        "base_revision": other,
        "base_sha256": None,
        "shots": 0,
        "origin": None,
        "settings": SETTINGS,
        "is_whole": False,
        "is_gguf": False,
        "training": name,
        "hyperparameters": {"seed": name},
        "snapshot": None,
        "manifest": {
            "exam": {"questions": name, "split": "train"},
            "counts": {"pairs": 1, "mistakes_in_pairs": 1, "pairs_by_teacher": {}},
            "policy": {"name": other, "threshold": 3},
        },
        "teachers": teachers,
        "simulated": [other],
        "models": [f"m{other}"],
        "comparisons": [],
        "caveats": [],
        "exam_prompt": "x",
        "forms": {"numeric": "a number"},
    }


def shape(text: str) -> list[str]:
    """What markdown makes of a card, but for what stands in code."""
    tokens = MarkdownIt("commonmark").enable("table").parse(text.split("---\n", 2)[2])
    return [kind for token in tokens for kind in (token.type, *(child.type for child in token.children or ()))]
