"""Which pairs a snapshot holds: drawn from the curated sets of its exams, no pair taught twice. Pure.

draw(curated).pairs[0]                                  -> Pair(mistake, rationale, feedback)
draw(first, second, settings=DrawSettings(texts=(Texts.BOTH, Texts.RATIONALE)))
-> PairDraw(pairs=(…), repeated=3, sealed=0); where no feedback of a mistake stands, its pair has a rationale alone
"""

import random
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, NamedTuple

from mapd.checks import State
from mapd.curation.curated import Curated, Mistake
from mapd.curation.decided_texts import DecidedText
from mapd.curation.near_duplicates import PairTexts
from mapd.curation.trimming import UNTRIMMED, Trimming, trim
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

    @property
    def written(self) -> tuple[DecidedText, ...]:
        """Return the texts that it has."""
        return tuple(x for x in (self.rationale, self.feedback) if x is not None)

    @property
    def pair_texts(self) -> PairTexts:
        """Return what it says, to be held against other pairs."""
        return PairTexts(question_key(self.mistake.question), tuple(x.text.text for x in self.written))

    @property
    def task(self) -> str:
        """Return its question's task."""
        return self.mistake.question.task.value

    @property
    def author(self) -> str:
        """Return who wrote its rationale, or else its feedback."""
        return self.written[0].text.teacher


@dataclass(frozen=True, slots=True)
class DrawSettings:
    """How pairs are drawn.

    Per mistake one accepted rationale and one feedback that stands, drawn with `seed`; with `everything` one pair for
    each accepted rationale (of feedback alone: for each feedback). `limit`: so many of the pairs, drawn with it, too.
    `trimming`: what is left out before that.
    """

    seed: int = 0
    everything: bool = False
    limit: int | None = None
    texts: tuple[Texts, ...] = (Texts.BOTH,)
    trimming: Trimming = UNTRIMMED

    @property
    def is_usual(self) -> bool:
        """Return whether each pair has both texts."""
        return self.texts == (Texts.BOTH,)

    @property
    def without_leaks(self) -> "DrawSettings":
        """Return the same, which leaves out what leaks: work that nobody watches isn't refused halfway."""
        return replace(self, trimming=replace(self.trimming, leaks=True))

    def as_dict(self) -> dict[str, Any]:
        """Return the settings as a manifest has them. What is usual isn't said, so a name stays what it always was."""
        every = "every standing feedback" if self.texts == (Texts.FEEDBACK,) else "every accepted rationale"
        settings: dict[str, Any] = {"seed": self.seed, "pairs": every if self.everything else "one a mistake"}
        settings |= {} if self.limit is None else {"limit": self.limit}
        settings |= {} if self.is_usual else {"texts": [text.value for text in self.texts]}
        return settings | self.trimming.as_dict()


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
    """The pairs of a snapshot, and what was left out: pairs that others repeat, mistakes on questions that test.

    `leaking`: the questions of the pairs that were left out, for dev or test holds them. `near`: the pairs that were,
    for one before says the same, with that one and how like they are. `uneven`: how many were, by task or teacher.
    """

    pairs: tuple[Pair, ...]
    repeated: int = 0
    sealed: int = 0
    leaking: tuple[QuestionKey, ...] = ()
    near: tuple[tuple[Pair, Pair, float], ...] = ()
    uneven: Mapping[str, int] = field(default_factory=dict)

    @property
    def wrong(self) -> int:
        """Return the number of pairs whose rationale ends in a wrong answer."""
        return sum(x is not None and x.states.matches_gold is State.FAILS for _, x, _ in self.pairs)


def sort_sets(sets: Iterable[Curated]) -> list[Curated]:
    """Return the sets in the order in which a snapshot has them, however they were named: by round, then by name."""
    return sorted(sets, key=lambda curated: (curated.exam.round, curated.exam.name))


def draw(
    *sets: Curated,
    settings: DrawSettings = USUAL,
    sealed: Collection[QuestionKey] = frozenset(),
    leaking: Collection[QuestionKey] = frozenset(),
) -> PairDraw:
    """Return the pairs that a snapshot of these sets would hold, in the order of the questions.

    `sealed`: questions of test splits, which aren't taught; `leaking`: others that are left out. Of several exams a
    pair that teaches what one before it teaches is left out, and so it is where pairs may have one text alone.

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
    leaks = [pair for pair in pairs if question_key(pair.mistake.question) in leaking] if leaking else []
    if leaks:
        pairs = [pair for pair in pairs if question_key(pair.mistake.question) not in leaking]
    trimmed = trim(pairs, settings.trimming, settings.seed)
    pairs = list(trimmed.pairs)
    if settings.limit is not None:
        pairs = _limit(pairs, settings.limit, settings.seed)
    keys = tuple(question_key(pair.mistake.question) for pair in leaks)
    counts = repeated, len(mistakes) - len(taught)
    return PairDraw(tuple(pairs), *counts, keys, tuple(trimmed.near), trimmed.uneven)


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
