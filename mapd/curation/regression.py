"""What one thing adds to a score or a verdict, all else that is named being equal: a linear regression. Pure.

    fit_effects(scores, {"length": doublings}, controls, questions)["length"]
    -> Measurement(n=2320, questions=387, value=-0.12, low=-0.21, high=-0.03)

statsmodels' least squares, with an interval that takes a question's texts as alike (cluster-robust; Cameron and Miller
2015). Of a verdict, 1 or 0, it is the change of the share that is accepted (a linear probability model).
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mapd.curation.resampling import LEAST_TEXTS, Measurement, find_lack

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

# How it begins that says why there is no number at all.
NOTHING = "nothing to measure"
# Texts for each thing that is looked at: with fewer the numbers only follow chance.
TEXTS_EACH = 5
# A column of which the others leave no more than this share is made of them.
LEAST_REST = 1e-6


def fit_effects(
    outcome: "Array", effects: Mapping[str, "Array"], controls: Iterable["Array"], groups: "Array"
) -> dict[str, Measurement]:
    """Return what one step of each effect adds to the outcome, the other effects and the controls being equal."""
    import numpy as np

    columns = [*effects.values(), *(column for column in controls if len(column) and column.min() != column.max())]
    n, number = len(outcome), len(np.unique(groups))
    why = find_lack(n, number, max(LEAST_TEXTS, TEXTS_EACH * (len(columns) + 1)))
    if not why and outcome.min() == outcome.max():
        why = "always the same"
    if why:
        return {name: Measurement(n, number, why=why) for name in effects}
    design = np.stack([*effects.values(), np.ones(n), *columns[len(effects) :]], axis=1).astype(float)
    products = design.T @ design
    places = range(design.shape[1])
    alone = [place for place in places[: len(effects)] if _stands_apart(products, place, places)]
    estimates = {}
    for name, column in effects.items():
        is_constant = column.min() == column.max()
        reason = "it is the same everywhere" if is_constant else "it can’t be told from who wrote and who scored"
        estimates[name] = Measurement(n, number, why=f"{NOTHING}: {reason}")
    if alone:
        values, intervals = _fit(design[:, _pick_columns(products, alone)], outcome, groups)
        for order, place in enumerate(alone):
            low, high = intervals[order]
            estimates[list(effects)[place]] = Measurement(n, number, float(values[order]), float(low), float(high))
    return estimates


def _fit(design: "Array", outcome: "Array", groups: "Array") -> tuple["Array", "Array"]:
    import numpy as np
    from statsmodels.regression.linear_model import OLS

    _, numbers = np.unique(groups, return_inverse=True)
    model = OLS(outcome.astype(float), design)
    fit = model.fit(cov_type="cluster", cov_kwds={"groups": numbers}, use_t=True)
    return fit.params, fit.conf_int()


def _pick_columns(products: "Array", first: Sequence[int]) -> list[int]:
    """Return these columns, and those of the others that aren't made of the ones before."""
    picked = list(first)
    for place in range(len(products)):
        if place not in picked and _stands_apart(products, place, picked):
            picked.append(place)
    return picked


def _stands_apart(products: "Array", place: int, others: Sequence[int]) -> bool:
    """Return whether a column isn't made of the others. `products`: of every two columns."""
    import numpy as np

    rest = [other for other in others if other != place]
    shared = products[rest, place]
    made = shared @ np.linalg.pinv(products[np.ix_(rest, rest)]) @ shared
    return bool(products[place, place] - made > LEAST_REST * products[place, place])
