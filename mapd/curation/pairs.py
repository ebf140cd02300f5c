"""Which pairs a snapshot holds: drawn from the curated sets of its exams, no pair taught twice. Pure.

draw(curated).pairs[0]                                  -> Pair(mistake, rationale, feedback)
draw(first, second, settings=DrawSettings(texts=(Texts.BOTH, Texts.RATIONALE)))
-> PairDraw(pairs=(…), repeated=3, sealed=0); where no feedback of a mistake stands, its pair has a rationale alone
"""

import random
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

from mapd.checks import State
from mapd.curation.curated import Curated, DecidedText, Mistake
from mapd.domain import Verdict
from mapd.errors import BadInput
from mapd.questions.rows import question_key

# A question, as far as its words go.
QuestionKey = tuple[str, ...]


class Texts(StrEnum):
    """Which of its two texts a pair has. A mistake's pair is the first of these that is allowed and that there is."""

    BOTH = "both"
    RATIONALE = "rationale"
    FEEDBACK = "feedback"


class Pair(NamedTuple):
    """A mistake, and the rationale and the feedback drawn for it: at least one of them."""

    mistake: Mistake
    rationale: DecidedText | None
    feedback: DecidedText | None

    @property
    def lessons(self) -> tuple[object, ...]:
        """Return what it teaches, in words, a text each: pairs of different exams may teach the same."""
        m, question = self.mistake, (question_key(self.mistake.question), self.mistake.question.task)
        rationale = [(*question, x.text.text.strip()) for x in [self.rationale] if x is not None]
        # The student's answer and the gold stand in the feedback's dialogue alone.
        answer = m.attempt.text, m.shown_gold
        return (*rationale, *((*question, answer, x.text.text.strip()) for x in [self.feedback] if x is not None))


@dataclass(frozen=True, slots=True)
class DrawSettings:
    """How pairs are drawn.

    Per mistake one accepted rationale and one feedback that stands, drawn with `seed`; with `everything` one pair for
    each accepted rationale (of feedback alone: for each feedback). `limit`: so many of the pairs, drawn with it, too.
    """

    seed: int = 0
    everything: bool = False
    limit: int | None = None
    texts: tuple[Texts, ...] = (Texts.BOTH,)

    @property
    def is_usual(self) -> bool:
        """Return whether each pair has both texts."""
        return self.texts == (Texts.BOTH,)

    def as_dict(self) -> dict[str, Any]:
        """Return the settings as a manifest has them. What is usual isn't said, so a name stays what it always was."""
        every = "every standing feedback" if self.texts == (Texts.FEEDBACK,) else "every accepted rationale"
        settings: dict[str, Any] = {"seed": self.seed, "pairs": every if self.everything else "one a mistake"}
        settings |= {} if self.limit is None else {"limit": self.limit}
        return settings | ({} if self.is_usual else {"texts": [text.value for text in self.texts]})


USUAL = DrawSettings()


def read_texts(texts: Iterable[str]) -> tuple[Texts, ...]:
    """Return what a pair may have, in the order in which it is tried. Raises: BadInput."""
    names = list(texts)
    if unknown := [name for name in names if name not in list(Texts)]:
        raise BadInput(f"a pair has one of {', '.join(Texts)}, not {unknown[0]}")
    if not names:
        raise BadInput(f"a pair has something to teach: name one of {', '.join(Texts)}")
    # The order is that of the class, whatever the order of the words: both texts are tried first.
    return tuple(text for text in Texts if text in names)


@dataclass(frozen=True, slots=True)
class PairDraw:
    """The pairs of a snapshot, and what was left out: pairs that others repeat, mistakes on questions that test."""

    pairs: tuple[Pair, ...]
    repeated: int = 0
    sealed: int = 0

    @property
    def wrong(self) -> int:
        """Return the number of pairs whose rationale ends in a wrong answer."""
        return sum(x is not None and x.states.matches_gold is State.FAILS for _, x, _ in self.pairs)


def sort_sets(sets: Iterable[Curated]) -> list[Curated]:
    """Return the sets in the order in which a snapshot has them, however they were named: by round, then by name."""
    return sorted(sets, key=lambda curated: (curated.exam.round, curated.exam.name))


def draw(*sets: Curated, settings: DrawSettings = USUAL, sealed: Collection[QuestionKey] = frozenset()) -> PairDraw:
    """Return the pairs that a snapshot of these sets would hold, in the order of the questions.

    `sealed`: questions of test splits, which aren't taught. Of several exams a pair that teaches what one before it
    teaches is left out, and so it is where pairs may have one text alone.

    Raises: BadInput where there are fewer than the settings' limit.
    """
    mistakes = [mistake for curated in sort_sets(sets) for mistake in curated.mistakes]
    taught = [m for m in mistakes if question_key(m.question) not in sealed] if sealed else mistakes
    pairs = [pair for mistake in taught for pair in _draw_pairs(mistake, settings)]
    repeated = 0
    # One exam's pairs of both texts were never compared: so its snapshot keeps the name that it always had.
    if len(sets) > 1 or not settings.is_usual:
        unique = _drop_repeated(pairs)
        pairs, repeated = _group_by_question(unique), len(pairs) - len(unique)
    if settings.limit is not None:
        pairs = _limit(pairs, settings.limit, settings.seed)
    return PairDraw(tuple(pairs), repeated, len(mistakes) - len(taught))


def _drop_repeated(pairs: Sequence[Pair]) -> list[Pair]:
    """Return the pairs that teach what none before them does. A text alone is held against all pairs of both texts."""
    all_pairs = [(pair, pair.lessons) for pair in pairs]
    lessons: set[object] = {lesson for _, both in all_pairs if len(both) > 1 for lesson in both}
    unique = []
    for pair, of_pair in all_pairs:
        lesson = of_pair if len(of_pair) > 1 else of_pair[0]
        if lesson not in lessons:
            lessons.add(lesson)
            unique.append(pair)
    return unique


def _group_by_question(pairs: Iterable[Pair]) -> list[Pair]:
    # Exports rest on it: what they have to know of a question they forget behind its pairs.
    groups: dict[str, list[Pair]] = {}
    for pair in pairs:
        groups.setdefault(pair.mistake.question.uid, []).append(pair)
    return [pair for group in groups.values() for pair in group]


def _limit(pairs: list[Pair], limit: int, seed: int) -> list[Pair]:
    if not 0 < limit <= len(pairs):
        raise BadInput(f"a snapshot of {limit} pairs can't be drawn: the curated set gives {len(pairs)}")
    # A draw of its own, so that the limit changes none of the pairs.
    return [pairs[place] for place in sorted(random.Random(f"{seed} limit").sample(range(len(pairs)), limit))]


def _draw_pairs(mistake: Mistake, settings: DrawSettings) -> list[Pair]:
    # Each mistake has its own draw, so one more mistake moves no other's. The draw hangs on texts, not on uids, which
    # are random: the same run in another project draws the same pairs.
    accepted = sort_texts(mistake.rationales, Verdict.ACCEPTED)
    feedback = sort_texts(mistake.feedback, Verdict.ACCEPTED)
    texts, everything = settings.texts, settings.everything
    generator = random.Random(f"{settings.seed} {mistake.question.text} {mistake.attempt.sample}")
    # Both are drawn whatever is taken, so that a text is the same alone as beside the other.
    generator.shuffle(feedback)
    rationales = accepted if everything or not accepted else [generator.choice(accepted)]
    if Texts.BOTH in texts and rationales and feedback:
        # Each feedback is used once before any is used twice.
        return [Pair(mistake, x, feedback[i % len(feedback)]) for i, x in enumerate(rationales)]
    if Texts.RATIONALE in texts and rationales:
        return [Pair(mistake, x, None) for x in rationales]
    if Texts.FEEDBACK in texts and feedback:
        return [Pair(mistake, None, x) for x in (feedback if everything else feedback[:1])]
    return []


def sort_texts(texts: Iterable[DecidedText], verdict: Verdict) -> list[DecidedText]:
    """Return the texts of a verdict, in an order that is the same in every project."""
    return sorted((x for x in texts if x.verdict is verdict), key=lambda x: (x.text.teacher, x.text.text, x.text.uid))
