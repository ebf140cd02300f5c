"""An exam's texts and the teachers' scores of them as columns, on which agreement and biases are measured. Pure.

    table = tabulate(texts, votes, teachers)
    table.teachers[table.reviewers[0]], table.scores[0]      -> "gemini", 5
    table.questions[table.texts[0]], table.is_wrong[table.texts[0]]

A text is a row of `text_ids` … `is_accepted`, a vote on it one of `texts`, `reviewers`, `scores`: names and questions
are numbers, so that a hundred thousand mistakes are measured at once. Votes given with and without sight of the gold
are never taken together (decided_texts.filter_votes).
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from mapd.checks import State
from mapd.curation.curated import Curated
from mapd.curation.decided_texts import filter_votes
from mapd.domain import Verdict, Vote

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]


class MeasuredText(NamedTuple):
    """A text, with what the checks and the committee say of it."""

    id: int
    is_rationale: bool
    question: int
    author: str
    length: int
    matches_gold: str
    equations_true: str
    committee: Verdict


# (text, reviewer, score, saw the gold answer)
VoteRow = tuple[int, str, int | None, bool]


@dataclass(frozen=True, slots=True)
class ScoreTable:
    """The columns of texts, and of votes on rationales."""

    teachers: tuple[str, ...]
    # Of each text:
    text_ids: "Array"
    is_rationale: "Array"
    questions: "Array"
    authors: "Array"
    lengths: "Array"
    # A check calls it wrong (policies.CheckStates.refuted): its answer isn't the gold one, or an equation is false.
    is_wrong: "Array"
    misses_gold: "Array"
    has_false_equation: "Array"
    # The committee's verdict: 1, 0, or -1 where it has none.
    is_accepted: "Array"
    # Of each vote on a rationale that counts: the row of its text, and the score; 0 is no vote.
    texts: "Array"
    reviewers: "Array"
    scores: "Array"

    @property
    def means(self) -> "Array":
        """Return each text's mean score; nan where it has no valid vote."""
        import numpy as np

        is_valid, size = self.scores > 0, len(self.text_ids)
        counts = np.bincount(self.texts[is_valid], minlength=size)
        sums = np.bincount(self.texts[is_valid], self.scores[is_valid], minlength=size)
        means: Array = np.divide(sums, counts, out=np.full(size, np.nan), where=counts > 0)
        return means


def tabulate(texts: Iterable[MeasuredText], votes: Iterable[VoteRow], teachers: Sequence[str]) -> ScoreTable:
    """Make the columns. A text that comes twice, as that of two mistakes on a question, counts once."""
    import numpy as np

    rows = {row.id: row for row in texts}
    places = {id_: place for place, id_ in enumerate(rows)}
    numbers = {name: number for number, name in enumerate(teachers)}
    # Whoever repairs texts is an author, too, and none of the teachers.
    authors = [numbers.get(row.author, -1) for row in rows.values()]
    kept = [
        (places[text], numbers[reviewer], score or 0)
        for text, reviewer, score, _ in _choose_votes(votes)
        if text in places and rows[text].is_rationale and reviewer in numbers
    ]
    columns = np.array(kept, dtype=np.int64).reshape(-1, 3)
    misses = np.array([row.matches_gold == State.FAILS for row in rows.values()], dtype=bool)
    is_false = np.array([row.equations_true == State.FAILS for row in rows.values()], dtype=bool)
    codes = {Verdict.ACCEPTED: 1, Verdict.REJECTED: 0, Verdict.UNDECIDED: -1}
    return ScoreTable(
        teachers=tuple(teachers),
        text_ids=np.array(list(rows), dtype=np.int64),
        is_rationale=np.array([row.is_rationale for row in rows.values()], dtype=bool),
        questions=np.array([row.question for row in rows.values()], dtype=np.int64),
        authors=np.array(authors, dtype=np.int64),
        lengths=np.array([row.length for row in rows.values()], dtype=float),
        is_wrong=misses | is_false,
        misses_gold=misses,
        has_false_equation=is_false,
        is_accepted=np.array([codes[row.committee] for row in rows.values()], dtype=np.int64),
        texts=columns[:, 0],
        reviewers=columns[:, 1],
        scores=columns[:, 2],
    )


def _choose_votes(votes: Iterable[VoteRow]) -> list[VoteRow]:
    """Return the votes that count: those given with sight of the gold, else those without; never both kinds."""
    everything = list(votes)
    sights: dict[int, int] = defaultdict(int)
    for text, _, _, saw_gold in everything:
        sights[text] |= 1 if saw_gold else 2
    # Hardly ever was a text reviewed both ways, so only those are looked at one by one.
    mixed = {text for text, sight in sights.items() if sight == 3}
    votes_of: dict[int, list[Vote]] = defaultdict(list)
    for text, reviewer, score, saw_gold in everything:
        if text in mixed:
            votes_of[text].append(Vote(reviewer, score, saw_gold=saw_gold))
    chosen = [(text, v.reviewer, v.score, v.saw_gold) for text in mixed for v in filter_votes(votes_of[text])]
    return [vote for vote in everything if vote[0] not in mixed] + chosen


def tabulate_curated(curated: Curated) -> ScoreTable:
    """Make the columns of a curated set that is in memory."""
    texts = [
        MeasuredText(
            x.text.id,
            x.text.kind == "rationale",
            x.text.question_id,
            x.text.teacher,
            len(x.text.text),
            x.states.matches_gold.value,
            x.states.equations_true.value,
            x.committee.verdict,
        )
        for x in curated.texts
    ]
    votes = [(x.text.id, v.reviewer, v.score, v.saw_gold) for x in curated.rationales for v in x.text.votes]
    return tabulate(texts, votes, curated.teachers)
