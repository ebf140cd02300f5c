"""Several trainings pooled: by hand, and by the command."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mapd import rounds
from mapd.errors import BadInput
from mapd.pooled_results import describe, pool
from mapd.settings import Settings
from mapd.statistics import student_interval
from mapd.store import db
from tests.commands import Mapd
from tests.test_results import RIGHT, WRONG, sat
from tests.test_rounds import third_round

BEFORE = sat("before", [WRONG] * 8 + [RIGHT] * 2)


def test_the_numbers_by_hand() -> None:
    pooled = pool(BEFORE, [sat("a", [RIGHT] * 4 + [WRONG] * 6), sat("b", [RIGHT] * 6 + [WRONG] * 4)])
    assert pooled.gain == pytest.approx(0.3)  # of 0.2 and 0.4
    assert pooled.deviation == pytest.approx(0.02**0.5)
    assert pooled.of_trainings == pytest.approx((0.3 - 1.2706, 0.3 + 1.2706), abs=1e-3)  # 12.706 times 0.1
    low, high = pooled.of_questions
    assert low < 0.3 < high
    assert (pooled.always, pooled.never) == (4, 4)
    assert "No gain is shown" in describe(pooled)[-1]


def test_equal_trainings_have_no_spread() -> None:
    same = [RIGHT] * 9 + [WRONG]
    pooled = pool(BEFORE, [sat(name, same) for name in "abc"])
    assert (pooled.deviation, pooled.of_trainings) == (0, (pytest.approx(0.7), pytest.approx(0.7)))
    assert not any("No gain" in line for line in describe(pooled))


@settings(max_examples=25)
@given(st.lists(st.lists(st.sampled_from([RIGHT, WRONG]), min_size=6, max_size=6), min_size=2, max_size=4))
def test_the_parts_fit_together(exams: list[list[str]]) -> None:
    pooled = pool(sat("before", [RIGHT, WRONG] * 3), [sat(str(n), list(exam)) for n, exam in enumerate(exams)])  # type: ignore[arg-type]
    assert pooled.of_trainings[0] - 1e-9 <= pooled.gain <= pooled.of_trainings[1] + 1e-9
    assert -1 <= pooled.of_questions[0] <= pooled.of_questions[1] <= 1
    assert pooled.always + pooled.never <= 6
    assert len(pooled.comparisons) == len(exams)


def test_students_interval_as_tables_have_it() -> None:
    assert student_interval([1.0, 2.0, 3.0]) == pytest.approx((2 - 4.303 / 3**0.5, 2 + 4.303 / 3**0.5), abs=1e-3)


def test_what_can_not_be_pooled() -> None:
    exam = sat("a", [RIGHT] * 10)
    with pytest.raises(BadInput, match="exam a is named twice"):
        pool(BEFORE, [exam, exam])
    with pytest.raises(BadInput, match="one training can't be pooled"):
        pool(BEFORE, [exam])
    with pytest.raises(BadInput, match="have different questions"):
        pool(BEFORE, [exam, sat("b", [RIGHT] * 9)])


def test_the_command_pools_what_stands_after(home: object, mapd: Mapd) -> None:
    engine = db.open_store(Settings())
    third = third_round(engine)
    with db.reading(engine) as session:
        first, second, _ = (entry.exam.uid for entry in rounds.load(session, third))
    engine.dispose()
    words = ("results", "--before", first, "--after", second, "--after", third)
    told = mapd(*words, "--json").json
    assert [training["student"] for training in told["trainings"]] == ["small-tuned", "small-tuned-2"]
    assert told["before"]["n"] == 12
    out = mapd(*words).out
    assert "2 trainings gain" in out
    assert "another training on the same set" in out
    code, _, err = mapd("results", "--before", first, "--after", third, "--after", third)
    assert (code, "is named twice" in err) == (1, True)
