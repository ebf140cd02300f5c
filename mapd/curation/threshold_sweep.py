"""The threshold lab's numbers at every threshold at once. Pure: rows of the queue index in, counts out.

    figures = Figures.of(count_bands(rows))
    figures.at("accepted", 300)        -> 826 on the authors' SVAMP file
    sweep(figures, [3.0, 3.5])         -> [AtThreshold(3.0, 826, 76, 365, 365), …]
    find_idle_range(figures.cuts, 310, 100, 500)      -> (300, 333): between 3.00 and 3.33 nothing changes

What counts is constant between two cuts, so a text is counted in bands: accepted from 0 up to below its cut, … A row
with a cut of 350 and a wrong answer counts in ("accepted", 0, 350), ("wrong", 0, 350), ("rationales", 0, 501), …
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from mapd.checks import State
from mapd.curation.decided_texts import ALWAYS_CUT

END = ALWAYS_CUT  # no threshold is so high
COLUMNS = (  # what is counted by
    *("attempt_id", "explanation_id", "author_id", "kind", "votes", "cut", "committee_cut"),
    *("undecided", "committee_undecided", "matches_gold"),
)
# How many texts count in a figure, by (figure, from this threshold on, up to below this one).
Bands = Counter[tuple[str, int, int]]
IndexRow = Mapping[str, Any]


def count_bands(rows: Iterable[IndexRow]) -> Bands:
    """Count these rows of mistakes and their texts, each question's all together: a rationale is counted once."""
    counts: Bands = Counter()
    rationales: dict[int, IndexRow] = {}
    best: dict[int, dict[str, int]] = defaultdict(dict)
    for row in rows:
        if row["kind"] == "question":
            continue
        cuts = best[row["attempt_id"]]
        cuts[row["kind"]] = max(row["cut"], cuts.get(row["kind"], 0))
        if row["kind"] == "rationale":
            rationales[row["explanation_id"]] = row
    # Once each: attempts at one question have the same rationales.
    for row in rationales.values():
        counts.update(_list_bands(row))
    for cuts in best.values():
        counts["mistakes", 0, END] += 1
        counts["covered", 0, cuts.get("rationale", 0)] += 1
        counts["pairs", 0, min(cuts.get("rationale", 0), cuts.get("feedback", 0))] += 1
    return Counter({band: number for band, number in counts.items() if band[1] < band[2]})


def _list_bands(row: IndexRow) -> Iterator[tuple[str, int, int]]:
    cut, committee, author = row["cut"], row["committee_cut"], row["author_id"]
    yield "rationales", 0, END
    yield f"rationales by {author}", 0, END
    yield "accepted", 0, cut
    yield f"accepted by {author}", 0, cut
    if row["votes"]:
        yield "with a vote", 0, END
    if row["matches_gold"] == State.FAILS:
        yield "wrong", 0, cut
    if row["undecided"]:
        yield "undecided", 0, END
    elif row["matches_gold"] == State.HOLDS:
        yield "rejected right", cut, END
    if bool(row["undecided"]) != bool(row["committee_undecided"]):
        yield "overridden", 0, END
    else:
        yield "overridden", min(cut, committee), max(cut, committee)


@dataclass(frozen=True, slots=True)
class Figures:
    """By figure its number at each threshold, in hundredths from 0 to 500."""

    lines: Mapping[str, Sequence[int]]
    # Where the number of accepted rationales steps, or that of pairs: feedback may have a mean or a probability, too.
    cuts: tuple[int, ...]

    @classmethod
    def of(cls, bands: Mapping[tuple[str, int, int], int]) -> "Figures":
        """Add up these bands to figures."""
        # +1 where a band begins, -1 where it ends: the running sum is the figure at each threshold.
        steps: dict[str, list[int]] = defaultdict(lambda: [0] * (END + 1))
        for (name, low, high), number in bands.items():
            steps[name][low] += number
            steps[name][high] -= number
        cuts = {high for name, _, high in bands if name in ("accepted", "pairs") and high < END}
        return cls({name: tuple(accumulate(step))[:END] for name, step in steps.items()}, tuple(sorted(cuts)))

    def at(self, name: str, threshold: int) -> int:
        """Return the figure at a threshold."""
        return self.lines[name][threshold] if name in self.lines else 0


@dataclass(frozen=True, slots=True)
class AtThreshold:
    """What one threshold gives: texts accepted, of them wrong, mistakes covered, training pairs."""

    threshold: float
    accepted: int
    wrong: int
    covered: int
    pairs: int


def sweep(figures: Figures, thresholds: Sequence[float]) -> list[AtThreshold]:
    """Return the chart's four figures at each threshold."""
    nothing = (0,) * END
    lines = [figures.lines.get(name, nothing) for name in ("accepted", "wrong", "covered", "pairs")]
    return [AtThreshold(t, *(line[round(t * 100)] for line in lines)) for t in thresholds]


def list_steps(cuts: Iterable[int], low: int, high: int, extras: Iterable[int] = ()) -> list[int]:
    """Return the thresholds from `low` to `high` that decide something: those at which a text is no longer accepted.

    Below the first of them all such texts are accepted: `low` is a step for that. `extras` are steps, too.
    """
    inside = {cut for cut in cuts if low < cut <= high}
    return sorted(({low} if inside else set()) | inside | set(extras))


def find_idle_range(cuts: Iterable[int], threshold: int, low: int, high: int) -> tuple[int, int]:
    """Return from where to where, around a threshold, no text is decided otherwise."""
    bounds = sorted(cut for cut in cuts if low < cut <= high)
    begin = max((cut for cut in bounds if cut <= threshold), default=low)
    return begin, min((cut - 1 for cut in bounds if cut > threshold), default=high)
