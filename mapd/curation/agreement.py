"""How far teachers, people, and people and the committee agree: Krippendorff's alpha and weighted kappa. Pure.

    measure_alpha(counts, questions, Level.ORDINAL) -> Measurement(n=1159, questions=387, value=.50, low=.45, high=.55)
    measure_kappa(first, second, questions)         -> Measurement(n=387, questions=387, value=.47, low=.38, high=.55)

Alpha (Krippendorff 2011): 1 is full agreement, 0 what chance gives; ordinal for scores, nominal for verdicts. Kappa is
Cohen's of two raters, with quadratic weights: a 5 against a 1 counts sixteen times a 5 against a 4; of two verdicts it
is Cohen's own. Intervals: resampling.py. A rater who always says the same can't be told from chance: no number then.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import combinations
from typing import TYPE_CHECKING, Any

from mapd.curation.resampling import Measurement, draw_sums, find_interval, find_lack, sum_by_question
from mapd.curation.reviewer_stats import HIGHEST, Share
from mapd.curation.score_table import ScoreTable
from mapd.curation.text_verdicts import TextKey, TextVerdict

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

# Instead of a name.
EVERYBODY = ""
Verdicts = Mapping[str, Sequence[TextVerdict]]


class Level(StrEnum):
    """How far two ratings lie apart: one is as far as any other, or as many ranks as lie between."""

    NOMINAL = "nominal"
    ORDINAL = "ordinal"


class Moment(StrEnum):
    """When people judged."""

    BEFORE = "before the reveal"
    AFTER = "after the reveal"


@dataclass(frozen=True, slots=True)
class Agreement:
    """Raters on the texts that they share; `agree`: how often both, or all, said the same."""

    raters: tuple[str, ...]  # two; one and the committee; none: everybody
    agree: Share
    alpha: Measurement
    kappa: Measurement | None  # of two raters alone


# -- the numbers ------------------------------------------------------------------------------------------------------


def measure_alpha(counts: "Array", questions: "Array", level: Level) -> Measurement:
    """Return Krippendorff's alpha. `counts`: a row a text, how many raters gave it each value, in their order."""
    import krippendorff
    import numpy as np

    is_paired = counts.sum(axis=1) > 1
    counts, questions = counts[is_paired].astype(float), questions[is_paired]
    n, number = len(counts), len(np.unique(questions))
    if why := find_lack(n, number):
        return Measurement(n, number, why=why)
    if (counts.sum(axis=0) > 0).sum() < 2:
        return Measurement(n, number, why="everybody always said the same")
    value = float(krippendorff.alpha(value_counts=counts, level_of_measurement=level.value))
    # Each text's pairs of values, as its raters give them (Krippendorff 2011, B-C).
    pairs = counts[:, :, None] * counts[:, None, :] - counts[:, :, None] * np.eye(counts.shape[1])
    pairs /= counts.sum(axis=1)[:, None, None] - 1
    draws = draw_sums(sum_by_question(questions, pairs.reshape(n, -1)))
    low, high = find_interval(_compute_alpha(draws, counts.shape[1], level)) or (value, value)
    return Measurement(n, number, value, low, high)


def _compute_alpha(draws: "Array", values: int, level: Level) -> "Array":
    """Return alpha of many coincidence matrices at once, as the library computes it of one."""
    import numpy as np

    pairs = draws.reshape(-1, values, values)
    totals = pairs.sum(axis=2)
    number = totals.sum(axis=1)
    # Half of one's own rank, and all ranks below: two values are as far apart as these differ.
    ranks = totals.cumsum(axis=1) - totals / 2
    distances = (ranks[:, :, None] - ranks[:, None, :]) ** 2
    if level is Level.NOMINAL:
        distances = np.broadcast_to(1 - np.eye(values), pairs.shape)
    observed = (pairs * distances).sum(axis=(1, 2))
    expected = (totals[:, :, None] * totals[:, None, :] * distances).sum(axis=(1, 2))
    with np.errstate(divide="ignore", invalid="ignore"):
        return 1 - (number - 1) * observed / expected  # type: ignore[no-any-return]


def measure_kappa(first: "Array", second: "Array", questions: "Array", raters: Sequence[str] = ()) -> Measurement:
    """Return Cohen's quadratically weighted kappa of two raters. Values are whole numbers: scores, or 0 and 1."""
    import numpy as np
    from sklearn.metrics import cohen_kappa_score

    n, number = len(first), len(np.unique(questions))
    if why := find_lack(n, number):
        return Measurement(n, number, why=why)
    constant = [place for place, values in enumerate((first, second)) if values.min() == values.max()]
    if constant:
        names = " and ".join(raters[place] for place in constant) if raters else "a rater"
        return Measurement(n, number, why=f"{names} always said the same")
    lowest = min(first.min(), second.min())
    size = int(max(first.max(), second.max()) - lowest) + 1
    value = float(cohen_kappa_score(first, second, labels=np.arange(size) + lowest, weights="quadratic"))
    cells = np.zeros((n, size * size))
    cells[np.arange(n), (first - lowest) * size + (second - lowest)] = 1
    draws = draw_sums(sum_by_question(questions, cells))
    low, high = find_interval(_compute_kappa(draws, size)) or (value, value)
    return Measurement(n, number, value, low, high)


def _compute_kappa(draws: "Array", values: int) -> "Array":
    """Return the kappa of many tables at once, as the library computes it of one."""
    import numpy as np

    tables = draws.reshape(-1, values, values)
    distances = (np.arange(values)[:, None] - np.arange(values)[None, :]) ** 2
    by_chance = tables.sum(axis=2)[:, :, None] * tables.sum(axis=1)[:, None, :]
    observed = (tables * distances).sum(axis=(1, 2))
    expected = (by_chance * distances).sum(axis=(1, 2)) / tables.sum(axis=(1, 2))
    with np.errstate(divide="ignore", invalid="ignore"):
        return 1 - observed / expected  # type: ignore[no-any-return]


# -- the committee ----------------------------------------------------------------------------------------------------


def compare_reviewers(table: ScoreTable) -> list[Agreement]:
    """Compare the reviewers' scores of rationales: all of them, then every two with a text in common.

    A reviewer who scored a text several times counts by the first.
    """
    import numpy as np

    scores = _spread_scores(table)
    is_valid = scores > 0
    counts = np.stack([(scores == score).sum(axis=1) for score in range(1, HIGHEST + 1)], axis=1)
    is_paired = is_valid.sum(axis=1) > 1
    if not is_paired.any():
        return []
    same = int((counts[is_paired].max(axis=1) == is_valid[is_paired].sum(axis=1)).sum())
    alpha = measure_alpha(counts, table.questions, Level.ORDINAL)
    everybody = Agreement((), Share(same, int(is_paired.sum())), alpha, None)
    pairs = []
    for a, b in combinations(range(len(table.teachers)), 2):
        both = is_valid[:, a] & is_valid[:, b]
        if both.any():
            names = (table.teachers[a], table.teachers[b])
            values = (scores[both, a], scores[both, b], table.questions[both])
            pairs.append(_compare(*values, names, Level.ORDINAL, range(1, HIGHEST + 1)))
    return [everybody, *sorted(pairs, key=lambda pair: -pair.agree.of)]


def _spread_scores(table: ScoreTable) -> "Array":
    """Return a row a text, a column a teacher; 0 where there is no vote."""
    import numpy as np

    scores = np.zeros((len(table.text_ids), len(table.teachers)), dtype=np.int8)
    # Of several assignments to one place the last stays: backwards that is the first vote.
    is_valid = table.scores[::-1] > 0
    places = table.texts[::-1][is_valid], table.reviewers[::-1][is_valid]
    scores[places] = table.scores[::-1][is_valid]
    return scores


def _compare(
    first: "Array", second: "Array", questions: "Array", names: tuple[str, str], level: Level, values: Iterable[int]
) -> Agreement:
    import numpy as np

    counts = np.stack([(first == value).astype(int) + (second == value) for value in values], axis=1)
    agree = Share(int((first == second).sum()), len(first))
    kappa = measure_kappa(first.astype(int), second.astype(int), questions, names)
    return Agreement(names, agree, measure_alpha(counts, questions, level), kappa)


# -- people -----------------------------------------------------------------------------------------------------------


def pick_moment(verdicts: Verdicts, moment: Moment) -> dict[str, dict[TextKey, bool]]:
    """Return by person which texts they accept, of those that they judged at this moment: their first verdicts."""
    is_before = moment is Moment.BEFORE
    return {who: {w.text: w.accepts for w in words if w.first is is_before} for who, words in sorted(verdicts.items())}


def compare_people(verdicts: Verdicts, questions: Mapping[TextKey, int], moment: Moment) -> list[Agreement]:
    """Compare every two people who judged the same texts, those with the most such texts at the top.

    `questions`: of each text; one that isn't among them doesn't count.
    """
    import numpy as np

    accepts_of = pick_moment(verdicts, moment)
    pairs = []
    for a, b in combinations(accepts_of, 2):
        first, second = accepts_of[a], accepts_of[b]
        both = [text for text in first if text in second and text in questions]
        if both:
            a_values, b_values = (np.array([x[text] for text in both], dtype=int) for x in (first, second))
            groups = np.array([questions[text] for text in both])
            pairs.append(_compare(a_values, b_values, groups, (a, b), Level.NOMINAL, (0, 1)))
    return sorted(pairs, key=lambda pair: -pair.agree.of)


def compare_everybody(verdicts: Verdicts, questions: Mapping[TextKey, int], moment: Moment) -> Agreement | None:
    """Compare all people's verdicts on the texts that two of them or more judged; None where there is no such text."""
    import numpy as np

    counts: dict[TextKey, list[int]] = {}
    for texts in pick_moment(verdicts, moment).values():
        for text, accepts in texts.items():
            if text in questions:
                counts.setdefault(text, [0, 0])[accepts] += 1
    shared = {text: count for text, count in counts.items() if sum(count) > 1}
    if not shared:
        return None
    same = sum(min(count) == 0 for count in shared.values())
    groups = np.array([questions[text] for text in shared])
    alpha = measure_alpha(np.array(list(shared.values())), groups, Level.NOMINAL)
    return Agreement((), Share(same, len(shared)), alpha, None)


def compare_with_committee(verdicts: Verdicts, table: ScoreTable, moment: Moment) -> list[Agreement]:
    """Compare people's verdicts with the committee's under the exam's policy, on rationales that it scored.

    First all people's together, where there are several, then each person's.
    """
    import numpy as np

    is_scored = ~np.isnan(table.means) & (table.is_accepted >= 0)
    rows = {int(id_): place for place, id_ in enumerate(table.text_ids) if is_scored[place]}
    shared = {
        who: [(rows[id_], accepts) for (kind, id_), accepts in texts.items() if kind == "rationale" and id_ in rows]
        for who, texts in pick_moment(verdicts, moment).items()
    }
    everything = [row for of_person in shared.values() for row in of_person]
    if not everything:
        return []
    people = sorted(((who, of_person) for who, of_person in shared.items() if of_person), key=lambda x: -len(x[1]))
    compared = [(EVERYBODY, everything)] * (len(people) > 1) + people
    return [_compare_verdicts(of_person, table, who) for who, of_person in compared]


def _compare_verdicts(shared: Sequence[tuple[int, bool]], table: ScoreTable, person: str) -> Agreement:
    import numpy as np

    rows = np.array([row for row, _ in shared])
    accepts = np.array([accepted for _, accepted in shared], dtype=int)
    names = (person or "people", "the committee")
    compared = _compare(accepts, table.is_accepted[rows], table.questions[rows], names, Level.NOMINAL, (0, 1))
    return replace(compared, raters=(person,))
