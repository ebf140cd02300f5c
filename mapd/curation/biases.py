"""What sways reviewers and people beside what a text is worth: its length, its order, who wrote it, the reveal. Pure.

    measure_reviewers(table, makers)[0]   -> Bias(EVERYBODY, Effect.LENGTH, Measurement(2320, 387, -.12, -.21, -.03))
    measure_sway(verdicts, table)[0].change -> Measurement(…): a point of the mean moves ann so much more after it

Each is what remains with the checks, who wrote it and who judged being equal (regression.py): in points of a score for
one doubling of the length, or one of two states; of people in shares of texts that are accepted. What the checks don't
see stays in: a longer text may be better. Only what the database holds is measured, else it is said why not.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from mapd.curation.agreement import EVERYBODY, Verdicts
from mapd.curation.regression import NOTHING, fit_effects
from mapd.curation.resampling import Measurement
from mapd.curation.reviewer_stats import Share
from mapd.curation.score_table import ScoreTable
from mapd.domain import Verdict

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

ONE_TEXT = f"{NOTHING}: each review is a call of its own, with one text"
NO_MAKER = f"{NOTHING}: nobody reviewed a text by another model of the same maker"
NO_OWN = f"{NOTHING}: nobody reviewed an own text"


class Effect(StrEnum):
    """What may sway."""

    LENGTH = "length"
    ORDER = "order"
    MAKER = "same maker"
    SELF = "own text"


# What one step of it is, as page and command say it.
STEPS = {
    Effect.LENGTH: "a text twice as long",
    Effect.ORDER: "a text judged after another of its question",
    Effect.MAKER: "a text by a model of the same maker",
    Effect.SELF: "an own text",
}


@dataclass(frozen=True, slots=True)
class Bias:
    """What an effect adds to the scores of reviewers, or to the share that people accept."""

    who: str  # one of them, or EVERYBODY
    effect: Effect
    estimate: Measurement


@dataclass(frozen=True, slots=True)
class Sway:
    """How much a person's verdict follows the committee's mean score, before the reveal and after it.

    `before`, `after`, `change`: by how much a point of the mean raises the share that they accept. `moved_to`,
    `moved_away`: verdicts before the reveal against the committee's, or as the committee's, turned round after it.
    """

    person: str  # or EVERYBODY
    before: Measurement
    after: Measurement
    change: Measurement
    moved_to: Share
    moved_away: Share


# -- reviewers --------------------------------------------------------------------------------------------------------


def measure_reviewers(table: ScoreTable, makers: Mapping[str, str | None]) -> list[Bias]:
    """Return the reviewers' biases, and the length's for each reviewer. `makers`: by teacher, where it is known."""
    import numpy as np

    is_valid = (table.scores > 0) & (table.authors[table.texts] >= 0)
    texts, judges, scores = table.texts[is_valid], table.reviewers[is_valid], table.scores[is_valid]
    if not len(scores):
        return []
    authors, groups = table.authors[texts], table.questions[texts]
    codes = _number_makers([makers.get(name) for name in table.teachers])
    is_own = authors == judges
    is_alike = ~is_own & (codes[authors] == codes[judges]) & (codes[authors] >= 0)
    length, controls = _double(table.lengths[texts]), _list_checks(table, texts)
    effects: dict[str, Array] = {Effect.LENGTH: length}
    effects |= {Effect.MAKER: is_alike} if is_alike.any() else {}
    effects |= {Effect.SELF: is_own} if is_own.any() else {}
    everybody = [*controls, *_tell_apart(authors), *_tell_apart(judges)]
    estimates = fit_effects(scores, effects, everybody, groups)
    n, number = len(scores), len(np.unique(groups))
    estimates |= {Effect.ORDER: Measurement(n, number, why=ONE_TEXT)}
    nothing = {Effect.MAKER: NO_MAKER, Effect.SELF: NO_OWN}
    estimates |= {x: Measurement(n, number, why=why) for x, why in nothing.items() if x not in effects}
    biases = [Bias(EVERYBODY, effect, estimates[effect]) for effect in Effect]
    for judge in np.unique(judges).tolist():
        rows = judges == judge
        of_judge = [*(column[rows] for column in controls), *_tell_apart(authors[rows])]
        estimate = fit_effects(scores[rows], {Effect.LENGTH: length[rows]}, of_judge, groups[rows])[Effect.LENGTH]
        biases.append(Bias(table.teachers[judge], Effect.LENGTH, estimate))
    return biases


def _number_makers(makers: Sequence[str | None]) -> "Array":
    import numpy as np

    numbers = {maker: number for number, maker in enumerate(dict.fromkeys(filter(None, makers)))}
    return np.array([-1 if maker is None else numbers[maker] for maker in makers], dtype=int)


def _double(lengths: "Array") -> "Array":
    """Return lengths as how often one character has to be doubled to get there."""
    import numpy as np

    doublings: Array = np.log2(np.maximum(lengths, 1))
    return doublings


def _list_checks(table: ScoreTable, texts: "Array") -> list["Array"]:
    return [table.misses_gold[texts], table.has_false_equation[texts]]


def _tell_apart(codes: "Array") -> Iterator["Array"]:
    """Yield a column for each code but the first: 1 where it is this one."""
    import numpy as np

    for code in np.unique(codes)[1:]:
        yield codes == code


# -- people -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Rows:
    """People's first verdicts on scored rationales, as columns."""

    people: tuple[str, ...]
    person: "Array"
    text: "Array"
    accepts: "Array"
    is_before: "Array"
    # Whether the person had judged another text of the question before.
    is_later: "Array"

    def pick(self, rows: "Array") -> "_Rows":
        """Return some of the rows."""
        columns = (self.person, self.text, self.accepts, self.is_before, self.is_later)
        return _Rows(self.people, *(column[rows] for column in columns))


def _list_rows(verdicts: Verdicts, table: ScoreTable) -> _Rows:
    import numpy as np

    means, people = table.means, tuple(sorted(verdicts))
    is_scored = ~np.isnan(means) & table.is_rationale
    places = {int(id_): place for place, id_ in enumerate(table.text_ids) if is_scored[place]}
    rows = []
    for number, who in enumerate(people):
        judged: set[int] = set()
        for word in verdicts[who]:
            kind, id_ = word.text
            if kind == "rationale" and id_ in places:
                question = int(table.questions[places[id_]])
                rows.append((number, places[id_], word.accepts, word.first, question in judged))
                judged.add(question)
    columns = np.array(rows, dtype=int).reshape(-1, 5)
    return _Rows(people, *(columns[:, place] for place in range(2)), *(columns[:, place] == 1 for place in range(2, 5)))


def measure_people(verdicts: Verdicts, table: ScoreTable) -> list[Bias]:
    """Return people's biases before the reveal, all together and each: the length's, and that of a text judged later.

    The committee's mean, which they hadn't seen, stands for what a text is worth, beside the checks.
    """
    rows = _list_rows(verdicts, table)
    rows = rows.pick(rows.is_before)
    biases = []
    for who, of_person in _split(rows):
        controls = [*_list_checks(table, of_person.text), table.means[of_person.text], *_tell_apart(of_person.person)]
        length = _double(table.lengths[of_person.text])
        effects: dict[str, Array] = {Effect.LENGTH: length, Effect.ORDER: of_person.is_later}
        estimates = fit_effects(of_person.accepts, effects, controls, table.questions[of_person.text])
        biases += [Bias(who, Effect(effect), estimate) for effect, estimate in estimates.items()]
    return biases


def _split(rows: _Rows) -> Iterator[tuple[str, _Rows]]:
    """Yield the rows of all people, where there are several, then of each."""
    if len(set(rows.person.tolist())) > 1:
        yield EVERYBODY, rows
    for number, who in enumerate(rows.people):
        if (is_own := rows.person == number).any():
            yield who, rows.pick(is_own)


def measure_sway(verdicts: Verdicts, table: ScoreTable) -> list[Sway]:
    """Return how far the committee's score sways people, all together and each."""
    sways = []
    for who, rows in _split(_list_rows(verdicts, table)):
        after = {"mean": table.means[rows.text] * ~rows.is_before}
        before, later = (_fit_means(rows.pick(is_asked), table) for is_asked in (rows.is_before, ~rows.is_before))
        # With everything told apart by moment, the one is the difference of the others.
        columns = [*_list_checks(table, rows.text), *_tell_apart(rows.person), table.means[rows.text], ~rows.is_before]
        columns += [column * ~rows.is_before for column in columns[:-2]]
        change = fit_effects(rows.accepts, after, columns, table.questions[rows.text])["mean"]
        if (lacking := next((x for x in (before, later) if x.value is None), None)) is not None:
            change = Measurement(lacking.n, lacking.questions, why=lacking.why)
        names = rows.people if who == EVERYBODY else (who,)
        moved = [_count_moves(verdicts, names, against=against) for against in (True, False)]
        sways.append(Sway(who, before, later, change, *moved))
    return sways


def _fit_means(rows: _Rows, table: ScoreTable) -> Measurement:
    controls = [*_list_checks(table, rows.text), *_tell_apart(rows.person)]
    effects = {"mean": table.means[rows.text]}
    return fit_effects(rows.accepts, effects, controls, table.questions[rows.text])["mean"]


def _count_moves(verdicts: Verdicts, people: Sequence[str], *, against: bool) -> Share:
    """Count the verdicts before the reveal against the committee's (or as it), and of them those turned round after."""
    words = [
        word
        for who in people
        for word in verdicts[who]
        if word.first and word.committee in (Verdict.ACCEPTED, Verdict.REJECTED)
        if (word.accepts is not (word.committee == Verdict.ACCEPTED)) is against
    ]
    return Share(sum(word.revised is not None and word.revised is not word.accepts for word in words), len(words))
