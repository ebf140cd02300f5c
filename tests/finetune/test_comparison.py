"""Trainings laid over each other: what differs is named, what is alike is not; and `mapd finetunes`."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mapd.finetune.comparison import differences
from mapd.finetune.hyperparameters import Hyperparameters
from mapd.settings import Settings
from mapd.store import db
from mapd.store.finetunes import Training
from mapd.store.tables import FinetuneStep
from mapd.ui.kit.training_charts import overlay_figures
from tests.finetune.test_command import mapd
from tests.pages.test_watching_page import add_trainings


def training(**values: object) -> Training:
    """A training of the usual hyper-parameters, but for these."""
    settings = Hyperparameters().as_dict()
    usual = Training(
        id=1,
        uid="9c1e" * 8,
        parent="small",
        student="small-9c1e9c",
        adapter=None,
        snapshot="3f" * 32,
        exam="e",
        pairs=8,
        simulated=True,
        arm=None,
        alpha=settings.pop("alpha"),
        seed=settings.pop("seed"),
        hyperparameters=settings,
        planned_steps=6,
        validation_pairs=None,
        stopped_at=None,
        continues=None,
        stop_requested_at=None,
        steps_done=6,
        seconds=1.0,
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
    )
    return replace(usual, **values)  # type: ignore[arg-type]


def test_what_is_alike_is_left_out() -> None:
    assert differences([training(), training(uid="4d07" * 8, student="another")]) == ()


def test_what_differs_is_named_with_each_value() -> None:
    usual = training()
    others = [
        training(
            seed=3, arm="strict", hyperparameters=usual.hyperparameters | {"method": "dora", "checkpointing": True}
        ),
        training(stopped_at=4, continues="4d07" * 8, hyperparameters=usual.hyperparameters | {"learning_rate": 2e-4}),
        training(planned_steps=None, hyperparameters=usual.hyperparameters | {"rank": 16}),
    ]
    assert {row.name: row.values for row in differences([usual, *others])} == {
        "arm": (None, "strict", None, None),
        "goes on from": (None, None, "4d074d074d07", None),
        "stopped at step": (None, None, "4", None),
        "learning rate": ("0.0005", "0.0005", "0.0002", "0.0005"),
        "seed": ("0", "3", "0", "0"),
        "method": ("lora", "dora", "lora", "lora"),
        "layers computed again": ("no", "yes", "no", "no"),
    }, "a usual value that a row leaves out is the same as one that it has"


def step(number: int, **values: float) -> FinetuneStep:
    return FinetuneStep(finetune_id=1, step=number, learning_rate=1e-3, tokens_per_s=1, seconds=1, **values)


def test_each_quantity_is_a_figure_and_each_training_keeps_its_colour() -> None:
    both = overlay_figures({"A": [step(1, loss_rationale=2)], "B": [step(1, loss_rationale=1, gradient_norm=3)]})
    assert list(both) == ["loss on rationales", "learning rate", "gradient norm"]
    first, second = both["loss on rationales"].data
    assert (first.line.color, first.line.dash) != (second.line.color, second.line.dash)
    (alone,) = both["gradient norm"].data
    assert (alone.name, alone.line.color, alone.line.dash) == ("B", second.line.color, second.line.dash)
    assert overlay_figures({"A": [], "B": []}) == {}


def test_the_commands_say_what_they_have_and_refuse_in_a_line(
    looped_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    uids = add_trainings(db.open_store(Settings()))
    listed = json.loads(mapd(capsys, "finetunes", "list", "--json")[1])["finetunes"]
    assert [row["finetune"] for row in listed] == [uids["full"], uids["higher rate"], uids["first"]]
    shown = json.loads(mapd(capsys, "finetunes", "show", uids["full"][:6], "--json")[1])
    assert [len(shown["steps"]), len(shown["asked"])] == [4, 3]
    assert [answer["outcome"] for answer in shown["asked"][0]["answers"]] == ["no_answer", "incorrect", "correct"]
    lines = mapd(capsys, "finetunes", "show", uids["full"])[1].splitlines()
    answers = shown["asked"][0]
    assert [line.strip() for line in lines if line.startswith("    step")][:3] == [
        *("step 0: no answer, –", "step 2: incorrect, 1", f"step 4: correct, {answers['gold']}")
    ]
    compared = json.loads(mapd(capsys, "finetunes", "compare", "small-tuned", uids["full"], "--json")[1])
    assert compared["differences"]["method"] == ["lora", "full"]
    assert compared["trainings"][1]["losses"]["loss_feedback"] == pytest.approx(2.2 / 6)
    assert "learning rate" in mapd(capsys, "finetunes", "compare", "small-tuned", uids["full"])[1]
    for words, code, refusal in (
        (("compare", "small-tuned"), 2, "two or more finetunes are compared, not 1"),
        (("show", "nobody"), 1, "no finetune is named 'nobody'"),
        (("stop", "small-tuned"), 1, "has ended already"),
        (("stop", uids["full"]), 1, "isn't running"),
        (("continue", uids["full"]), 1, "hasn't ended"),
    ):
        result = mapd(capsys, "finetunes", *words, "--json")
        assert (result[0], result[1], result[2].count("\n")) == (code, "", 1)
        assert refusal in result[2]
