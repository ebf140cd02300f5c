"""An exam's rationales as columns under one policy's conditions: what a threshold accepts is one comparison. Pure.

    columns = tabulate_cuts(curated)
    columns.text_ids[0], columns.cuts[0], columns.gold[0], columns.people[0]     -> 51, 350, RIGHT, UNKNOWN
    changes = list_changes(columns, 300, stricter_columns, 350)
    len(changes.added), len(changes.dropped)                                     -> 0, 214

A text is accepted at every threshold below its cut, so nothing is decided again where only the threshold moves. A
threshold is in hundredths. Where people decided, `cuts` lies below or above all thresholds, `committee_cuts` doesn't:
how good a policy is shows in what it would do by itself.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from mapd.checks import State
from mapd.curation.curated import Curated, Mistake
from mapd.curation.decided_texts import DecidedText
from mapd.domain import Act, Verdict

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

# What is known of a text: by the gold check, or by people.
RIGHT, WRONG, UNKNOWN = 1, 0, -1
_BY_GOLD = {State.HOLDS: RIGHT, State.FAILS: WRONG, State.NOTHING: UNKNOWN}
_BY_PEOPLE = {Act.ACCEPT: RIGHT, Act.REJECT: WRONG}
# A text's verdict, as a number.
ACCEPTED, REJECTED, UNDECIDED = 1, 0, -1
VERDICTS = {ACCEPTED: Verdict.ACCEPTED, REJECTED: Verdict.REJECTED, UNDECIDED: Verdict.UNDECIDED}


@dataclass(frozen=True, slots=True, eq=False)
class CutColumns:
    """The columns of the rationales, each once, in the set's order."""

    text_ids: "Array"
    # By id; of a text that two mistakes share, the first one.
    question_ids: "Array"
    attempt_ids: "Array"
    cuts: "Array"
    committee_cuts: "Array"
    is_undecided: "Array"
    # A text that a person wrote: no policy judges it.
    is_repair: "Array"
    gold: "Array"
    people: "Array"
    # P(right), nan where no fitted policy says it.
    probabilities: "Array"

    @property
    def has_probabilities(self) -> bool:
        """Return whether a fitted policy decides."""
        import numpy as np

        return not bool(np.isnan(self.probabilities).all())

    def decide(self, threshold: int) -> "Array":
        """Return each text's verdict at a threshold."""
        import numpy as np

        verdicts: Array = np.where(self.cuts > threshold, ACCEPTED, np.where(self.is_undecided, UNDECIDED, REJECTED))
        return verdicts


def tabulate_cuts(curated: Curated) -> CutColumns:
    """Make the columns of a curated set, at whatever threshold it was decided."""
    import numpy as np

    texts: dict[int, tuple[Mistake, DecidedText]] = {}
    for mistake in curated.mistakes:
        for x in mistake.rationales:
            texts.setdefault(x.text.id, (mistake, x))
    pairs = list(texts.values())
    probabilities = [x.committee.probability for _, x in pairs]
    return CutColumns(
        text_ids=np.array(list(texts), dtype=np.int64),
        question_ids=np.array([mistake.question.id for mistake, _ in pairs], dtype=np.int64),
        attempt_ids=np.array([mistake.attempt.id for mistake, _ in pairs], dtype=np.int64),
        cuts=np.array([x.final_cut for _, x in pairs], dtype=np.int16),
        committee_cuts=np.array([x.committee_cut for _, x in pairs], dtype=np.int16),
        is_undecided=np.array([x.verdict is Verdict.UNDECIDED for _, x in pairs], dtype=bool),
        is_repair=np.array([x.text.repairs_id is not None for _, x in pairs], dtype=bool),
        gold=np.array([_BY_GOLD[x.states.matches_gold] for _, x in pairs], dtype=np.int8),
        people=np.array([_read_people(x) for _, x in pairs], dtype=np.int8),
        probabilities=np.array([np.nan if p is None else float(p) for p in probabilities], dtype=float),
    )


def _read_people(x: DecidedText) -> int:
    if x.people.conflict or x.people.decision is None:
        return UNKNOWN
    return _BY_PEOPLE.get(x.people.decision, UNKNOWN)


@dataclass(frozen=True, slots=True, eq=False)
class Changes:
    """The places, in the columns, of texts whose verdict changes, and the verdict that each had before."""

    places: "Array"
    before: "Array"
    after: "Array"

    @property
    def added(self) -> "Array":
        """Return the places of those that the second policy accepts, and the first one doesn't."""
        places: Array = self.places[self.after == ACCEPTED]
        return places

    @property
    def dropped(self) -> "Array":
        """Return the places of those that the first policy accepts, and the second one doesn't."""
        places: Array = self.places[self.before == ACCEPTED]
        return places


# The figures of a move and the rows below them ask for the same; a columns' identity is its key.
@lru_cache(maxsize=2)
def list_changes(first: CutColumns, first_at: int, second: CutColumns, second_at: int) -> Changes:
    """Return what changes from the first policy to the second. Both are of the same texts."""
    import numpy as np

    # Bits of the two verdicts: whole arrays of verdicts would take a move of the slider ten times as long.
    accepted = first.cuts > first_at, second.cuts > second_at
    undecided = first.is_undecided & ~accepted[0], second.is_undecided & ~accepted[1]
    places = ((accepted[0] ^ accepted[1]) | (undecided[0] ^ undecided[1])).nonzero()[0]
    before, after = (
        np.where(a[places], ACCEPTED, np.where(u[places], UNDECIDED, REJECTED))
        for a, u in zip(accepted, undecided, strict=True)
    )
    return Changes(places, before, after)
