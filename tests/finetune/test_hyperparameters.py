"""Values that make no sense are refused; order and learning rate hang on seed and step alone."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapd.errors import BadInput
from mapd.finetune.hyperparameters import Hyperparameters

BAD = {"alpha": -0.1, "epochs": 0, "learning_rate": 0, "batch": 0, "rank": 0, "seed": -1, "max_length": 1, "warmup": 2}


@pytest.mark.parametrize(("name", "value"), [*BAD.items(), ("alpha", 1.01), ("alpha", math.nan)])
def test_bad_values_are_refused_by_name(name: str, value: float) -> None:
    with pytest.raises(BadInput, match=name.replace("_", " ")):
        Hyperparameters(**{name: value})  # type: ignore[arg-type]


@given(pairs=st.integers(1, 60), batch=st.integers(1, 70), epochs=st.integers(1, 4), seed=st.integers(0, 9))
def test_each_epoch_holds_each_pair_once(pairs: int, batch: int, epochs: int, seed: int) -> None:
    given = Hyperparameters(batch=batch, epochs=epochs, seed=seed)
    total = given.steps(pairs)
    steps = [given.pairs_at(step, pairs) for step in range(1, total + 1)]
    assert all(1 <= len(places) <= batch for places in steps)
    each = total // epochs
    for epoch in range(epochs):
        held = [place for places in steps[epoch * each : (epoch + 1) * each] for place in places]
        assert sorted(held) == list(range(pairs))


def test_epochs_and_seeds_differ_in_order() -> None:
    given = Hyperparameters(batch=50)
    assert given.pairs_at(1, 50) != given.pairs_at(2, 50)
    assert given.pairs_at(1, 50) != Hyperparameters(batch=50, seed=1).pairs_at(1, 50)


@given(total=st.integers(1, 200), warmup=st.floats(0, 1))
def test_the_learning_rate_rises_then_falls_and_is_never_zero(total: int, warmup: float) -> None:
    given = Hyperparameters(warmup=warmup)
    rates = [given.learning_rate_at(step, total) for step in range(1, total + 1)]
    top = rates.index(max(rates))
    assert max(rates) == pytest.approx(given.learning_rate)
    assert min(rates) > 0
    assert rates[: top + 1] == sorted(rates[: top + 1])
    assert rates[top:] == sorted(rates[top:], reverse=True)
