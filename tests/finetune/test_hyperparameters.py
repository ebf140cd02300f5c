"""Values that make no sense are refused; order and learning rate hang on seed and step alone."""

import math
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapd.errors import BadInput
from mapd.finetune.hyperparameters import METHODS, Hyperparameters, choose

BAD = {"alpha": -0.1, "epochs": 0, "learning_rate": 0, "batch": 0, "rank": 0, "seed": -1, "max_length": 1, "warmup": 2}
BAD |= {"method": "loha", "schedule": "step", "precision": "fp8", "dropout": 1, "validation": 1, "lora_alpha": -1}
BAD |= {"targets": " , ", "tokens_at_once": 0, "batch_tokens": -1, "patience": 1, "validate_every": 3}


@pytest.mark.parametrize(("name", "value"), [*BAD.items(), ("alpha", 1.01), ("alpha", math.nan)])
def test_bad_values_are_refused_by_name(name: str, value: float) -> None:
    with pytest.raises(BadInput, match=name.replace("_", " ")):
        Hyperparameters(**{name: value})  # type: ignore[arg-type]


@given(pairs=st.integers(1, 60), batch=st.integers(1, 70), epochs=st.integers(1, 4), seed=st.integers(0, 9))
def test_each_epoch_holds_each_pair_once(pairs: int, batch: int, epochs: int, seed: int) -> None:
    given = Hyperparameters(batch=batch, epochs=epochs, seed=seed)
    plan = given.plan([1] * pairs)
    assert [len(epoch) for epoch in plan] == [given.steps(pairs) // epochs] * epochs
    assert all(1 <= len(places) <= batch for epoch in plan for places in epoch)
    for epoch in plan:
        assert sorted(place for places in epoch for place in places) == list(range(pairs))


def test_epochs_and_seeds_differ_in_order() -> None:
    first, second, _ = Hyperparameters(batch=50).plan([1] * 50)
    assert first != second
    assert first != Hyperparameters(batch=50, seed=1).plan([1] * 50)[0]


@given(sizes=st.lists(st.integers(1, 90), min_size=1, max_size=40), batch_tokens=st.integers(1, 200))
def test_a_step_ends_at_the_batchs_tokens(sizes: list[int], batch_tokens: int) -> None:
    (epoch,) = Hyperparameters(batch=5, epochs=1, batch_tokens=batch_tokens).plan(sizes)
    assert sorted(place for step in epoch for place in step) == list(range(len(sizes)))
    assert all(len(step) == 1 or sum(sizes[place] for place in step) <= batch_tokens for step in epoch)
    for step, following in pairwise(epoch):
        assert len(step) == 5 or sum(sizes[place] for place in (*step, following[0])) > batch_tokens


def test_the_rate_follows_the_method_and_a_presets_values_stand() -> None:
    assert choose() == Hyperparameters()
    rates = {method: choose(method=method).learning_rate for method in METHODS}
    assert rates["full"] == rates["lora"] / 10
    paper = choose("paper")
    assert (paper.method, paper.learning_rate, paper.epochs) == ("full", 1e-5, 10)
    assert (paper.batch, paper.clip_norm, paper.schedule, paper.warmup) == (16, 0.3, "constant", 0.03)
    assert choose("paper", epochs=2, alpha=None) == replace(paper, epochs=2)
    assert choose("paper", method="lora").learning_rate == rates["lora"]
    assert choose("paper", method="lora", learning_rate=1e-5).learning_rate == 1e-5
    with pytest.raises(BadInput, match="preset is one of default, paper, not 'mine'"):
        choose("mine")


def test_a_later_hyperparameter_as_before_leaves_an_older_finetunes_uid() -> None:
    first = "alpha epochs learning_rate batch rank seed warmup weight_decay clip_norm max_length".split()
    assert list(Hyperparameters().as_dict()) == first
    taught = Hyperparameters(method="dora", validation=0.1, patience=2)
    assert list(taught.as_dict()) == [*first, "method", "validation", "patience"]
    assert Hyperparameters(**taught.as_dict()) == taught
