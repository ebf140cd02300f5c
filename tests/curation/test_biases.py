"""Biases that were put into scores are measured, those that weren't aren't, and what can't be measured says why."""

from typing import Any

import numpy as np
import pytest

from mapd.checks import State
from mapd.curation import biases
from mapd.curation.agreement import EVERYBODY
from mapd.curation.biases import Bias, Effect
from mapd.curation.regression import fit_effects
from mapd.curation.resampling import Measurement
from mapd.curation.reviewer_stats import Share
from mapd.curation.score_table import ScoreTable, tabulate
from mapd.curation.text_verdicts import TextVerdict
from mapd.model_makers import find_maker
from tests.curation.test_agreement import text, word

QUESTIONS = 300
TEACHERS = ("gpt-a", "gpt-b", "claude", "gemini")
MAKERS = {name: find_maker(name) for name in TEACHERS}


def scored(length: float = 0, own: float = 0, maker: float = 0, *, by_themselves: bool = False) -> ScoreTable:
    """Four authors' texts on each question, reviewed by the others, with these biases."""
    draw = np.random.default_rng(1)
    texts, votes = [], []
    for n in range(4 * QUESTIONS):
        doublings, is_wrong, author = draw.uniform(5, 9), bool(draw.random() < 0.3), TEACHERS[n % 4]
        state = State.FAILS if is_wrong else State.HOLDS
        texts.append(text(n, n // 4, author, length=round(2**doublings), matches_gold=state))
        for reviewer in TEACHERS:
            if reviewer == author and not by_themselves:
                continue
            is_alike = reviewer != author and MAKERS[reviewer] == MAKERS[author]
            score = 4 - 1.5 * is_wrong + length * (doublings - 7) + own * (reviewer == author) + maker * is_alike
            votes.append((n, reviewer, int(np.clip(round(score + draw.normal(0, 0.7)), 1, 5)), True))
    return tabulate(texts, votes, TEACHERS)


def of(measured: list[Bias], effect: Effect, who: str = EVERYBODY) -> Measurement:
    return next(bias.estimate for bias in measured if (bias.who, bias.effect) == (who, effect))


def holds(estimate: Measurement, truth: float) -> bool:
    assert estimate.low is not None, estimate.why
    assert estimate.high is not None
    return estimate.low < truth < estimate.high


def test_a_bias_that_is_there_is_found_and_one_that_is_not_is_not() -> None:
    measured = biases.measure_reviewers(scored(length=0.2, own=0.5, by_themselves=True), MAKERS)
    # Scores end at 5, so a little of each is cut off.
    assert (of(measured, Effect.LENGTH).low or 0) > 0.12
    assert (of(measured, Effect.LENGTH).high or 9) < 0.22
    assert (of(measured, Effect.SELF).low or 0) > 0.25
    assert holds(of(measured, Effect.MAKER), 0)
    assert (of(measured, Effect.LENGTH, "claude").low or 0) > 0.08
    measured = biases.measure_reviewers(scored(maker=0.5), MAKERS)
    assert holds(of(measured, Effect.LENGTH), 0)
    assert (of(measured, Effect.MAKER).low or 0) > 0.15


def test_what_the_database_does_not_hold_is_nothing_to_measure() -> None:
    measured = biases.measure_reviewers(scored(), dict.fromkeys(TEACHERS))
    assert of(measured, Effect.SELF).why == biases.NO_OWN
    assert of(measured, Effect.MAKER).why == biases.NO_MAKER
    assert of(measured, Effect.ORDER).why == biases.ONE_TEXT
    assert biases.measure_reviewers(tabulate([text(1, 1)], [], ("a", "b")), {}) == []


def test_what_is_made_of_others_is_not_measured() -> None:
    draw = np.random.default_rng(2)
    author, groups = draw.integers(0, 2, 200), np.arange(200) % 50
    estimate = fit_effects(draw.random(200), {"x": author == 1, "y": np.ones(200)}, [author * 2], groups)
    assert estimate["x"].why == "nothing to measure: it can’t be told from who wrote and who scored"
    assert estimate["y"].why == "nothing to measure: it is the same everywhere"
    few = fit_effects(draw.random(30), {"x": np.arange(30)}, draw.random((6, 30)), np.arange(30))["x"]
    assert few.why == "too few: 30 of 40"


def test_an_interval_takes_a_questions_texts_as_alike() -> None:
    draw = np.random.default_rng(5)
    groups = np.repeat(np.arange(40), 10)
    # What is looked at, and the noise, are the question's.
    x, y = draw.normal(size=40)[groups], draw.normal(size=40)[groups]
    alike, apart = (fit_effects(y, {"x": x}, [], g)["x"] for g in (groups, np.arange(400)))
    assert (alike.high or 0) - (alike.low or 0) > 2.5 * ((apart.high or 0) - (apart.low or 0))


# -- people -----------------------------------------------------------------------------------------------------------


def judged(table: ScoreTable, slope: float, *, first: bool, later: float = 0, every: int = 1) -> list[TextVerdict]:
    """A person's verdicts, which follow the mean so much, and are kinder to what comes later of a question."""
    draw = np.random.default_rng(11 + first)
    words = []
    for n, mean in enumerate(table.means):
        share = 0.5 + slope * (mean - 3.5) + later * (n % 4 > 0)
        if n // 4 % every == 0:
            words.append(word(n, bool(draw.random() < share), first=first))
    return words


def test_what_comes_later_of_a_question_may_be_judged_otherwise() -> None:
    table = scored()
    measured = biases.measure_people({"ann": judged(table, 0.1, first=True, later=0.3)}, table)
    assert {bias.who for bias in measured} == {"ann"}, "all people are ann"
    assert holds(of(measured, Effect.ORDER, "ann"), 0.3)
    assert holds(of(measured, Effect.LENGTH, "ann"), 0)
    after = biases.measure_people({"ann": judged(table, 0.1, first=False)}, table)
    assert after == [], "after the reveal it is no bias of theirs alone"


def test_how_far_the_score_sways() -> None:
    table = scored()
    before, after = judged(table, 0.05, first=True)[:600], judged(table, 0.3, first=False)[600:]
    steady = [*judged(table, 0.1, first=True)[:600], *judged(table, 0.1, first=False)[600:]]
    everybody, ann, bob = biases.measure_sway({"ann": [*before, *after], "bob": steady}, table)
    assert [x.person for x in (everybody, ann, bob)] == [EVERYBODY, "ann", "bob"]
    assert holds(ann.before, 0.05)
    assert holds(ann.after, 0.3)
    assert holds(ann.change, 0.25)
    assert (ann.change.low or 0) > 0
    assert ann.change.value == pytest.approx((ann.after.value or 0) - (ann.before.value or 0))
    assert holds(bob.change, 0)
    (only,) = biases.measure_sway({"ann": before}, table)
    assert (only.before.value is None, only.change.why) == (False, "too few: 0 of 30")


def test_who_turned_round_after_the_reveal_and_which_way() -> None:
    def turned(n: int, accepts: bool, revised: bool | None, committee: str | None = "accepted", **more: Any) -> Any:
        return word(n, accepts, revised=revised, committee=committee, **more)

    words = [
        *(turned(0, False, True), turned(1, False, None), turned(2, False, False)),
        *(turned(3, True, False), turned(4, True, None)),
        *(turned(5, True, None, "undecided"), turned(6, True, False, None), turned(7, False, True, first=False)),
    ]
    (sway,) = biases.measure_sway({"ann": words}, tabulate([text(n, n) for n in range(8)], [(0, "a", 4, True)], "a"))
    assert (sway.moved_to, sway.moved_away) == (Share(1, 3), Share(1, 2))


def test_a_makers_name_stands_in_the_models() -> None:
    names = {
        "gpt-4o-mini": "OpenAI",
        "o3-mini": "OpenAI",
        "mistralai/Mixtral-8x7B-Instruct-v0.1": "Mistral",
        "gemini": "Google",
        "meta-llama/Llama-3.1-8B": "Meta",
        "Qwen2.5-7B": "Alibaba",
        "sound": None,
        "philosopher": None,
    }
    assert {name: find_maker(name) for name in names} == names
