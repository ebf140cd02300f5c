"""What a fitted policy knows of a rationale: scores by reviewer, author, others' answers, checks, length. Pure.

    readings = QuestionReadings(question, mistake.readings)
    list_inputs(readings.by_teachers[0], readings, Voices(("gpt", "gemini"), ("gpt", "gemini")))
    -> {("score", "gemini"): 2, ("five", "gemini"): 1, ("author", "gpt"): 1, ("one_agrees", ""): 1, …}

The other authors' answers count, and the scores that those got: that somebody else comes to another answer, and that
reviewers believe it, says more against a text than its own scores do. Source: measured on the authors' SVAMP files
(docs/policies.md). Repairs by people are no peers, and get no probability. With ALL_REVIEWERS as the one reviewer
nobody is told apart: ("score", "") is the mean of all, ("five", "") the share of 5s.
"""

import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

from mapd.answers.grading import Task, answers_equal
from mapd.checks import RationaleChecks, State
from mapd.domain import Item, Text, Vote
from mapd.policies import CheckStates, mean
from mapd.probability import ALL_REVIEWERS, InputKey

# A score in the middle says nothing.
MIDDLE = 3


@dataclass(frozen=True, slots=True)
class RationaleReading:
    """A rationale with its votes that count, its own final answer as corrected by people, and what the checks say."""

    text: Text
    votes: tuple[Vote, ...]
    checks: RationaleChecks
    answer: str | None
    states: CheckStates


@dataclass(frozen=True, slots=True)
class Voices:
    """The teachers who can be told apart: whose scores are read, and who wrote."""

    reviewers: Collection[str]
    authors: Collection[str]


def agree(question: Item, first: str | None, second: str | None) -> bool:
    """Return whether two final answers to a question are the same; without an answer there is nothing to agree on."""
    if first is None or second is None:
        return False
    return first == second or _are_equal(first, second, question.task, question.options)


@lru_cache(maxsize=16_384)
def _are_equal(first: str, second: str, task: Task, options: tuple[str, ...]) -> bool:
    return answers_equal(first, second, task, options)


class QuestionReadings:
    """All rationales of a question by teachers, their answers compared once, and not before they are asked for."""

    def __init__(self, question: Item, readings: Iterable[RationaleReading]) -> None:
        """Take the readings of a question."""
        self.by_teachers = tuple(x for x in readings if x.text.repairs_id is None)
        self._question = question

    def find(self, text_id: int) -> RationaleReading | None:
        """Return the reading of a teacher's rationale; None for a person's repair."""
        return next((x for x in self.by_teachers if x.text.id == text_id), None)

    @cached_property
    def _authors(self) -> Mapping[str, set[str]]:
        """Return who comes to each answer."""
        authors: dict[str, set[str]] = defaultdict(set)
        for x in self.by_teachers:
            if x.answer is not None:
                authors[x.answer].add(x.text.teacher)
        return authors

    @cached_property
    def _same(self) -> Mapping[str, list[str]]:
        """Return the answers that are the same as each."""
        answers = self._authors
        return {answer: [other for other in answers if agree(self._question, answer, other)] for answer in answers}

    @cached_property
    def _agreeing(self) -> set[frozenset[str]]:
        """Return which two authors come to one answer: two authors, not two texts of one."""
        return {
            frozenset((first, second))
            for answer, others in self._same.items()
            for first in self._authors[answer]
            for second in set().union(*(self._authors[other] for other in others)) - {first}
        }

    def list_peers(self, x: RationaleReading) -> tuple[list[RationaleReading], list[RationaleReading]]:
        """Return the others' rationales that end in the answer of one of them, and those that don't."""
        same = () if x.answer is None else self._same[x.answer]
        peers = [peer for peer in self.by_teachers if peer.text.teacher != x.text.teacher]
        return [peer for peer in peers if peer.answer in same], [peer for peer in peers if peer.answer not in same]

    def do_others_agree(self, author: str) -> bool:
        """Return whether two others than this author come to the same answer."""
        return any(author not in two for two in self._agreeing)


def list_inputs(x: RationaleReading, readings: QuestionReadings, voices: Voices) -> dict[InputKey, float]:
    """Return the inputs of a rationale that aren't 0. `readings`: those of its question, it among them."""
    values = list_votes(x.text, x.votes, voices) | _list_peers(x, readings)
    values |= {
        ("author", x.text.teacher): float(x.text.teacher in voices.authors),
        ("readable", ""): float(x.answer is not None),
        ("equation_false", ""): float(x.states.equations_true is State.FAILS),
        ("equations_true", ""): float(x.states.equations_true is State.HOLDS),
        ("shows_work", ""): float(x.states.shows_work is State.HOLDS),
        ("log_length", ""): math.log1p(len(x.text.text)),
        ("gold_holds", ""): float(x.states.matches_gold is State.HOLDS),
        ("gold_fails", ""): float(x.states.matches_gold is State.FAILS),
    }
    return {key: value for key, value in values.items() if value}


def list_votes(text: Text, votes: Sequence[Vote], voices: Voices) -> dict[InputKey, float]:
    """Return the inputs of a text's votes that count, by reviewer."""
    values: dict[InputKey, float] = {}
    for reviewer in voices.reviewers:
        if reviewer == ALL_REVIEWERS:
            values |= _count_votes(votes)
            continue
        # Nobody reviews an own text, so no vote is missing there.
        if reviewer == text.teacher:
            continue
        # A reviewer who was asked several times has one word: the mean.
        score = mean(vote.score for vote in votes if vote.reviewer == reviewer)
        if score is None:
            values["no_vote", reviewer] = 1.0
            continue
        values["score", reviewer] = float(score - MIDDLE)
        values["five", reviewer] = float(score == 5)
        values["low", reviewer] = float(score <= 2)
    return values


def _count_votes(votes: Sequence[Vote]) -> dict[InputKey, float]:
    """Return what all reviewers say together: each has one word, as above."""
    scores_of: dict[str, list[int]] = defaultdict(list)
    for vote in votes:
        if vote.score is not None:
            scores_of[vote.reviewer].append(vote.score)
    scores = [sum(scores) / len(scores) for scores in scores_of.values()]
    if not scores:
        return {("no_vote", ALL_REVIEWERS): 1.0}
    return {
        ("score", ALL_REVIEWERS): sum(scores) / len(scores) - MIDDLE,
        ("five", ALL_REVIEWERS): sum(score == 5 for score in scores) / len(scores),
        ("low", ALL_REVIEWERS): sum(score <= 2 for score in scores) / len(scores),
    }


def _list_peers(x: RationaleReading, readings: QuestionReadings) -> dict[InputKey, float]:
    same, others = readings.list_peers(x)
    number, is_shared = len({peer.text.teacher for peer in same}), readings.do_others_agree(x.text.teacher)
    return {
        ("one_agrees", ""): float(number == 1),
        ("more_agree", ""): float(number > 1),
        ("others_agree", ""): float(is_shared),
        ("others_against", ""): float(is_shared and not same),
        ("peers_for", ""): _mean_score(same),
        ("peers_against", ""): _mean_score(others),
    }


def _mean_score(peers: Sequence[RationaleReading]) -> float:
    score = mean(vote.score for peer in peers for vote in peer.votes)
    return 0.0 if score is None else float(score - MIDDLE)
