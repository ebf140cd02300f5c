"""Count a curated set, and what differs between two of them: its texts by verdict, as pages and commands tell it."""

from collections import Counter
from dataclasses import dataclass

from mapd.checks import State
from mapd.curation.curated import Curated, DecidedText, Mistake
from mapd.domain import Verdict


@dataclass(frozen=True, slots=True)
class Summary:
    """The counts of a curated set's rationales and mistakes."""

    rationales: int
    accepted: int
    rejected: int
    undecided: int
    overridden: int
    by_teacher: dict[str, int]
    mistakes: int
    mistakes_covered: int
    pairs: int
    accepted_wrong_answer: int
    rejected_right_answer: int
    answer_unreadable: int


def summary(curated: Curated) -> Summary:
    """Count the curated set."""
    rationales = list(curated.rationales)
    verdicts = Counter(x.verdict for x in rationales)
    by_answer = Counter((x.verdict, x.states.matches_gold) for x in rationales)
    authors = dict.fromkeys((n for n in curated.teachers if any(x.text.teacher == n for x in rationales)), 0)
    return Summary(
        rationales=len(rationales),
        accepted=verdicts[Verdict.ACCEPTED],
        rejected=verdicts[Verdict.REJECTED],
        undecided=verdicts[Verdict.UNDECIDED],
        overridden=sum(x.overridden for x in rationales),
        by_teacher=authors | Counter(x.text.teacher for x in rationales if x.verdict is Verdict.ACCEPTED),
        mistakes=len(curated.mistakes),
        mistakes_covered=sum(m.covered for m in curated.mistakes),
        pairs=sum(m.covered and m.feedback_stands for m in curated.mistakes),
        accepted_wrong_answer=by_answer[Verdict.ACCEPTED, State.FAILS],
        rejected_right_answer=by_answer[Verdict.REJECTED, State.HOLDS],
        answer_unreadable=sum(x.answer is None for x in rationales),
    )


def find_changes(current: Curated, proposed: Curated) -> list[tuple[Mistake, DecidedText, DecidedText]]:
    """Return the rationales whose verdict differs between two policies, each once: (mistake, before, after)."""
    current_texts = {x.text.id: x for x in current.rationales}
    mistake_of: dict[int, Mistake] = {}
    for mistake in proposed.mistakes:
        for x in mistake.rationales:
            mistake_of.setdefault(x.text.id, mistake)
    return [
        (mistake_of[x.text.id], current_texts[x.text.id], x)
        for x in proposed.rationales
        if x.text.id in current_texts and current_texts[x.text.id].verdict is not x.verdict
    ]


def count_conflicts(curated: Curated) -> int:
    """Count what people differ on: texts, and mistakes whose question or attempt they differ on."""
    return sum(x.people.conflict for x in curated.texts) + sum(m.disputed for m in curated.mistakes)
