"""Whether what is taught stands in dev or test, too: the guard that each freezing asks. Pure.

    find_leaks((TaughtQuestion("5f…", "pens 12", …),), (HeldOutQuestion("pens", "dev", "44", …),))
    -> Leakage(leaks=(Leak(Kind.PARAPHRASE, taught, held_out, 0.83),), templates=(…), dev=200, test=200)

*equal*: the same words, however they are spaced, spelled in capitals or punctuated. *paraphrase*: equal but for names,
with a number in it; or the same numbers, the same answer, and 7 of 10 words that say what is asked (`wordings`).
*template*: equal but for numbers and names. The first two are refused, the third is reported: dev and test of one
source often share templates. Other words for the same are not seen. A test question is sealed: it is named, and its
words, or those of what is like it, are never shown.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

from mapd.answers.grading import Task
from mapd.answers.numbers import number_text, parse_number
from mapd.curation.curated import Curated, Mistake
from mapd.curation.likeness import CandidateIndex
from mapd.curation.pairs import DrawSettings, PairDraw, QuestionKey, draw
from mapd.errors import BadInput
from mapd.questions.rows import question_key
from mapd.questions.wordings import QuestionWords, measure_likeness, read_wording

PARAPHRASE = 0.7
# Questions that a refusal names: pages, `mapd curate show` and `mapd snapshots leaks` have all.
MOST_NAMED = 5


class Kind(StrEnum):
    """How a taught question is like one of dev or test."""

    EQUAL = "equal"
    PARAPHRASE = "paraphrase"
    TEMPLATE = "template"


class TaughtQuestion(NamedTuple):
    """A question that is taught: its key, its name, and its answer as people corrected it."""

    key: QuestionKey
    name: str
    task: str
    gold: str


class HeldOutQuestion(NamedTuple):
    """A question of a dev or a test split."""

    question_set: str
    split: str
    source_id: str
    key: QuestionKey
    task: str
    gold: str

    @property
    def name(self) -> str:
        """Return its set, split and number: all that is said of a sealed one."""
        return f"{self.question_set} {self.split} {self.source_id}"


@dataclass(frozen=True, slots=True)
class Leak:
    """A taught question, and the one of dev or test that it is like."""

    kind: Kind
    taught: TaughtQuestion
    held_out: HeldOutQuestion
    likeness: float = 1.0

    @property
    def words(self) -> str:
        """Return it in words."""
        relation = {Kind.EQUAL: "is", Kind.PARAPHRASE: "says the same as", Kind.TEMPLATE: "has the template of"}
        return f"{self.taught.name} {relation[self.kind]} {self.held_out.name}"


@dataclass(frozen=True, slots=True)
class Leakage:
    """What of the taught questions dev and test hold, too. A question stands in one of the two lists at most."""

    leaks: tuple[Leak, ...] = ()
    templates: tuple[Leak, ...] = ()
    taught: int = 0
    dev: int = 0
    test: int = 0

    @property
    def keys(self) -> frozenset[QuestionKey]:
        """Return the questions that leak."""
        return frozenset(leak.taught.key for leak in self.leaks)

    def count(self, kind: Kind, split: str) -> int:
        """Return how many questions are like one of a split in this way."""
        return sum(leak.kind == kind and leak.held_out.split == split for leak in (*self.leaks, *self.templates))

    def restrict(self, keys: Collection[QuestionKey]) -> "Leakage":
        """Return what is said of these questions alone."""
        leaks, templates = (tuple(x for x in of if x.taught.key in keys) for of in (self.leaks, self.templates))
        return Leakage(leaks, templates, len(keys), self.dev, self.test)


@dataclass(frozen=True, slots=True)
class GuardedDraw:
    """The pairs that freezing would write, and what dev and test hold of them. `left_out`: leaks that were left out."""

    pair_draw: PairDraw
    leakage: Leakage
    left_out: tuple[Leak, ...] = ()

    def refuse_leaks(self) -> None:
        """See that nothing leaks. Raises: BadInput."""
        if self.leakage.leaks:
            raise BadInput(describe_refusal(self.leakage.leaks))


def draw_guarded(sets: Sequence[Curated], settings: DrawSettings, held_out: tuple[HeldOutQuestion, ...]) -> GuardedDraw:
    """Draw the pairs of these sets, and hold their questions against those of dev and test. Freezing asks this.

    What stands in a test split word for word is left out and counted, as ever. Raises: BadInput as `pairs.draw` does.
    """
    sealed = find_sealed(held_out)
    taught = {question_key(m.question): _describe(c, m) for c in sets for m in c.mistakes}
    # Of an exam over dev or test nothing is taught: freezing refuses it.
    is_taught = all(curated.exam.split == "train" for curated in sets)
    questions = tuple(x for key, x in taught.items() if key not in sealed) if is_taught else ()
    leakage = find_leaks(questions, held_out)
    # What is left out by choice may not take a place that another pair could have.
    leaking = leakage.keys if settings.trimming.leaks else frozenset()
    pair_draw = draw(*sets, settings=settings, sealed=sealed, leaking=leaking)
    of_pairs = leakage.restrict({question_key(pair.mistake.question) for pair in pair_draw.pairs})
    left_out = tuple(x for x in leakage.leaks if x.taught.key in pair_draw.leaking) if leaking else ()
    return GuardedDraw(pair_draw, of_pairs, left_out)


def _describe(curated: Curated, mistake: Mistake) -> TaughtQuestion:
    q = mistake.question
    name = f"{curated.exam.question_set} {curated.exam.split} {q.source_id}"
    return TaughtQuestion(question_key(q), name, q.task.value, mistake.gold)


def find_sealed(held_out: Iterable[HeldOutQuestion]) -> frozenset[QuestionKey]:
    """Return the questions of test splits: they are never taught, whatever set else they are in."""
    return frozenset(question.key for question in held_out if question.split == "test")


def describe_refusal(leaks: Sequence[Leak], way: str = "with --without-leaks") -> str:
    """Return the line that refuses a snapshot that leaks, with the cure. `way`: how they are left out."""
    listing = "; ".join(leak.words for leak in leaks[:MOST_NAMED])
    remainder = f"; and {len(leaks) - MOST_NAMED:,} more" if len(leaks) > MOST_NAMED else ""
    number = "1 of its questions stands" if len(leaks) == 1 else f"{len(leaks):,} of its questions stand"
    return (
        f"the snapshot is refused: {number} in dev or test, too ({listing}{remainder}); leave them out, {way}, or "
        "delete the set that holds them out"
    )


# Pages and commands ask for the same again and again.
@lru_cache(maxsize=4)
def find_leaks(taught: tuple[TaughtQuestion, ...], held_out: tuple[HeldOutQuestion, ...]) -> Leakage:
    """Return what of the taught questions dev and test hold, too: the closest one of each question."""
    # Test before dev, so that of two that are as close the graver one is named.
    ordered = sorted(set(held_out), key=lambda x: (x.split != "test", x.question_set, x.source_id, x.key))
    index = _HeldOutIndex(ordered)
    matches = [leak for question in taught if (leak := index.find(question)) is not None]
    leaks = tuple(leak for leak in matches if leak.kind is not Kind.TEMPLATE)
    templates = tuple(leak for leak in matches if leak.kind is Kind.TEMPLATE)
    test = sum(x.split == "test" for x in ordered)
    return Leakage(leaks, templates, len(taught), len(ordered) - test, test)


class _HeldOutIndex:
    """The questions of dev and test, to be found by a taught one."""

    def __init__(self, questions: Sequence[HeldOutQuestion]) -> None:
        self.questions = questions
        self.wordings = [read_wording(question.key) for question in questions]
        self.by_normal: dict[str, int] = {}
        self.by_template: dict[str, int] = {}
        self.by_numbers: dict[tuple[str, ...], int] = {}
        groups: dict[tuple[str, ...], list[int]] = defaultdict(list)
        for place, wording in enumerate(self.wordings):
            self.by_normal.setdefault(wording.normal, place)
            self.by_template.setdefault(wording.template, place)
            self.by_numbers.setdefault((wording.template, *wording.numbers), place)
            if wording.says_enough:
                groups[tuple(sorted(wording.numbers))].append(place)
        self.groups: Mapping[tuple[str, ...], CandidateIndex] = {
            numbers: self._index(places) for numbers, places in groups.items()
        }

    def _index(self, places: Sequence[int]) -> CandidateIndex:
        index = CandidateIndex((self.wordings[place].features for place in places), PARAPHRASE)
        for place in places:
            index.add(place, self.wordings[place].features)
        return index

    def find(self, question: TaughtQuestion) -> Leak | None:
        """Return the question that this one is closest to; None where it is like none."""
        wording = read_wording(question.key)
        if not wording.normal:
            return None
        if (place := self.by_normal.get(wording.normal)) is not None:
            return Leak(Kind.EQUAL, question, self.questions[place])
        if (paraphrase := self._find_paraphrase(question, wording)) is not None:
            return paraphrase
        if (place := self.by_template.get(wording.template)) is not None:
            return Leak(Kind.TEMPLATE, question, self.questions[place])
        return None

    def _find_paraphrase(self, question: TaughtQuestion, wording: QuestionWords) -> Leak | None:
        # Without a number two of one template ask the same of other people, which is another question.
        if wording.numbers and (place := self.by_numbers.get((wording.template, *wording.numbers))) is not None:
            likeness = measure_likeness(wording.features, self.wordings[place].features)
            return Leak(Kind.PARAPHRASE, question, self.questions[place], round(likeness, 4))
        index = self.groups.get(tuple(sorted(wording.numbers)))
        if index is None or not wording.says_enough:
            return None
        best: Leak | None = None
        for place in index.find(wording.features):
            held_out, candidate = self.questions[place], self.wordings[place]
            if not wording.numbers and candidate.template == wording.template:
                continue
            likeness = measure_likeness(wording.features, candidate.features)
            if likeness >= max(PARAPHRASE, best.likeness if best else 0) and _answer_alike(question, held_out):
                best = Leak(Kind.PARAPHRASE, question, held_out, round(likeness, 4))
        return best


def _answer_alike(first: TaughtQuestion | HeldOutQuestion, second: TaughtQuestion | HeldOutQuestion) -> bool:
    answers = _read_gold(first), _read_gold(second)
    # Where nobody knows the answer of one, only the words can tell.
    return not all(answers) or answers[0] == answers[1]


def _read_gold(question: TaughtQuestion | HeldOutQuestion) -> str:
    """Return the gold answer in one spelling; of a choice its option's text, whatever the order of the options."""
    gold, options = question.gold.strip(), question.key[2:]
    if question.task == Task.CHOICE and len(gold) == 1 and 0 <= (place := ord(gold.upper()) - ord("A")) < len(options):
        return options[place].casefold()
    value = parse_number(gold) if question.task == Task.NUMERIC else None
    return gold.casefold() if value is None else number_text(value)
