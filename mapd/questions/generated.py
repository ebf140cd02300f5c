"""The demo's questions: three small families, made by rule, so that everything about them is known. Pure, no I/O.

    generate("leg_counting", 1, seed=0)
    -> Made(family="leg_counting", task=Task.NUMERIC, gold="16",
            text="A farm has 3 cows and 2 hens. How many legs is that in all?",
            facts=Legs((Herd(3, "cow", 4), Herd(2, "hen", 2))))

What differs between two questions of a family is their facts, never the wording alone, so a held-out question is not
a taught one in other words. The families are small all the same: leg counting has ten animals, and kinship eight
patterns of three or four people (44 with the genders told apart), so most held-out patterns were taught with other
names. Kinship asks only where the answer is certain: full siblings are never assumed and nobody marries (a son of a
son's mother is his brother, a mother of somebody's brother is not asked about). Its fifteen strata, one for each
pattern and answer word, are drawn in turn: aunt, uncle, niece and nephew stand in two each, the other seven words in
one, so that the most frequent word is 2 in 15 (13 %) of any whole round.
"""

import random
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations, permutations, product
from typing import NamedTuple

from mapd.answers.grading import Task
from mapd.errors import BadInput

ANIMALS: Mapping[str, int] = {
    "hen": 2,
    "duck": 2,
    "cow": 4,
    "pig": 4,
    "goat": 4,
    "horse": 4,
    "ant": 6,
    "bee": 6,
    "spider": 8,
    "crab": 10,
}
WOMEN = ("Ann", "Eva", "Jane", "Kate", "Mary")
MEN = ("Ben", "Leo", "Max", "Paul", "Tom")
MOST_ANIMALS = 5


class Herd(NamedTuple):
    """So many animals of one kind, and how many legs one of them has."""

    number: int
    animal: str
    legs: int

    def __str__(self) -> str:
        return f"{self.number} {self.animal}{'' if self.number == 1 else 's'}"


@dataclass(frozen=True, slots=True)
class Legs:
    """Two herds whose legs are counted, in the order of the text."""

    herds: tuple[Herd, Herd]


@dataclass(frozen=True, slots=True)
class Sum:
    """The signed terms of a chain: 4 + 7 - 2 is (4, 7, -2)."""

    terms: tuple[int, ...]


class Edge(NamedTuple):
    """`person` is the `word` of `of`: Ann is the mother of Ben."""

    person: str
    word: str
    of: str


class Inference(NamedTuple):
    """Two edges that share a person, and what follows: Ann is Ben's mother, Ben is Max's father, so …"""

    first: Edge
    second: Edge
    result: Edge


@dataclass(frozen=True, slots=True)
class Kinship:
    """A chain of edges, each beginning with the person the last one ended with; asked is the first to the last."""

    edges: tuple[Edge, ...]

    @property
    def people(self) -> tuple[str, ...]:
        """Return everybody, in the order of the chain."""
        return *(edge.person for edge in self.edges), self.edges[-1].of


Facts = Legs | Sum | Kinship


@dataclass(frozen=True, slots=True)
class GeneratedQuestion:
    """A question with its gold answer and the facts a solver needs."""

    family: str
    task: Task
    text: str
    gold: str
    facts: Facts


class SplitQuestion(NamedTuple):
    """A question and the split it was drawn for."""

    split: str
    question: GeneratedQuestion


# --- Kinship: what follows from what --------------------------------------------------------------------------------

_KINDS = {  # the woman's word, the man's word
    "parent": ("mother", "father"),
    "child": ("daughter", "son"),
    "sibling": ("sister", "brother"),
    "grandparent": ("grandmother", "grandfather"),
    "grandchild": ("granddaughter", "grandson"),
    "parent's sibling": ("aunt", "uncle"),
    "sibling's child": ("niece", "nephew"),
    "cousin": ("cousin", "cousin"),
}
_KIND_OF = {word: kind for kind, words in _KINDS.items() for word in words}
_INVERSE = {
    "parent": "child",
    "child": "parent",
    "sibling": "sibling",
    "grandparent": "grandchild",
    "grandchild": "grandparent",
    "parent's sibling": "sibling's child",
    "sibling's child": "parent's sibling",
    "cousin": "cousin",
}
# The first of the second is …; what isn't here isn't certain: a mother of a brother may be a stepmother.
_FOLLOWS = {
    ("parent", "parent"): "grandparent",
    ("child", "child"): "grandchild",
    ("child", "parent"): "sibling",
    ("sibling", "parent"): "parent's sibling",
    ("child", "sibling"): "sibling's child",
    ("child", "parent's sibling"): "cousin",
}
_PATTERNS = (
    *(("parent", "parent"), ("child", "child"), ("child", "parent"), ("sibling", "parent"), ("child", "sibling")),
    *(("child", "sibling", "parent"), ("child", "child", "parent"), ("child", "parent", "parent")),
)
KIN_WORDS = tuple(dict.fromkeys(_KIND_OF))


def _word(kind: str, person: str) -> str:
    return _KINDS[kind][person in MEN]


def compose(first: str, second: str) -> str | None:
    """Return what the first of somebody's second is ("mother", "father" -> "grandmother"); None if not certain."""
    kind = _FOLLOWS.get((_KIND_OF.get(first, ""), _KIND_OF.get(second, "")))
    return None if kind is None else _KINDS[kind][first == _KINDS[_KIND_OF[first]][1]]


def derive(edges: Sequence[Edge]) -> tuple[Inference, ...] | None:
    """Return the inferences from a chain of edges to who its first person is to the last; None if not certain."""
    # The last inference's result is the answer. One edge needs none.
    if len(edges) == 1:
        return ()
    for at in range(1, len(edges)):
        halves = edges[:at], edges[at:]
        steps = [derive(half) for half in halves]
        if steps[0] is None or steps[1] is None:
            continue
        first, second = (chain[-1].result if chain else half[0] for chain, half in zip(steps, halves, strict=True))
        if word := compose(first.word, second.word):
            return *steps[0], *steps[1], Inference(first, second, Edge(first.person, word, second.of))
    return None


def relation(facts: Kinship, person: str, of: str) -> str | None:
    """Return what `person` is to `of`, either way along the chain; None if one isn't in it or it isn't certain."""
    people = facts.people
    if person == of or person not in people or of not in people:
        return None
    low, high = sorted((people.index(person), people.index(of)))
    path = facts.edges[low:high]
    steps = derive(path)
    if steps is None:
        return None
    word = steps[-1].result.word if steps else path[0].word
    return word if people.index(person) == low else _word(_INVERSE[_KIND_OF[word]], person)


# --- The wordings ---------------------------------------------------------------------------------------------------

_LEG_WORDINGS = (
    "A farm has {}. How many legs is that in all?",
    "Sam sees {}. How many legs do they have together?",
    "Lily draws {}. How many legs are there in total?",
    "How many legs do {} have altogether?",
)
_SUM_WORDINGS = ("What is {}?", "Work out {}.", "How much is {}?", "Calculate {}.")
_EDGE_WORDINGS = ("{0} is the {1} of {2}.", "{0} is {2}'s {1}.")


def _legs_texts(facts: Legs) -> Iterable[str]:
    herds = " and ".join(map(str, facts.herds))
    return (wording.format(herds) for wording in _LEG_WORDINGS)


def _sum_texts(facts: Sum) -> Iterable[str]:
    first, *terms = facts.terms
    chain = str(first) + "".join(f" {'-' if term < 0 else '+'} {abs(term)}" for term in terms)
    return (wording.format(chain) for wording in _SUM_WORDINGS)


def _kinship_texts(facts: Kinship) -> Iterable[str]:
    question = f"What is {facts.people[0]} to {facts.people[-1]}?"
    return (" ".join([*(wording.format(*edge) for edge in facts.edges), question]) for wording in _EDGE_WORDINGS)


# --- Every question there is, in strata that are drawn in turn ------------------------------------------------------

_Strata = tuple[tuple[Facts, ...], ...]


def _legs_strata() -> _Strata:
    herds = [
        [Herd(number, animal, legs) for number in range(1, MOST_ANIMALS + 1)]
        for animal, legs in sorted(ANIMALS.items())
    ]
    return (tuple(Legs(pair) for kinds in combinations(herds, 2) for pair in product(*kinds)),)


def _is_chain(terms: Sequence[int]) -> bool:
    """Return whether terms are a chain's: three one-digit terms, the first positive, never below zero on the way."""
    digits = len(terms) == 3 and all(1 <= abs(term) <= 9 for term in terms)
    return digits and terms[0] > 0 and terms[0] + terms[1] >= 0 and sum(terms) >= 0


def _sum_strata() -> _Strata:
    digits = [*range(-9, 0), *range(1, 10)]
    return (tuple(Sum(terms) for terms in product(digits, repeat=3) if _is_chain(terms)),)


def _kinship_strata() -> _Strata:
    strata: dict[tuple[tuple[str, ...], str], list[Facts]] = {}
    for pattern in _PATTERNS:
        for people in permutations(WOMEN + MEN, len(pattern) + 1):
            facts = _chain(pattern, people)
            strata.setdefault((pattern, _kinship_gold(facts)), []).append(facts)
    return tuple(tuple(stratum) for stratum in strata.values())


def _chain(pattern: Sequence[str], people: Sequence[str]) -> Kinship:
    links = zip(people, pattern, people[1:], strict=False)
    return Kinship(tuple(Edge(person, _word(kind, person), of) for person, kind, of in links))


def _kinship_gold(facts: Kinship) -> str:
    steps = derive(facts.edges)
    assert steps, facts  # every pattern is certain
    return steps[-1].result.word


# --- Reading a question back ----------------------------------------------------------------------------------------

_HERDS = re.compile(r"\b([0-9]{1,3}) ([a-z]{1,20}?)s? and ([0-9]{1,3}) ([a-z]{1,20}?)s?\b")
_SUM = re.compile(r"[0-9](?: [+-] [0-9]){1,20}")
_EDGES = re.compile(r"\b(\w{1,20}+) is (?:the (\w{1,20}) of (\w{1,20})|(\w{1,20})'s (\w{1,20}))\.")


def _read_legs(text: str) -> Legs | None:
    match = _HERDS.search(text)
    if not match or match[2] == match[4] or not {match[2], match[4]} <= ANIMALS.keys():
        return None
    first, second = Herd(int(match[1]), match[2], ANIMALS[match[2]]), Herd(int(match[3]), match[4], ANIMALS[match[4]])
    return Legs((first, second)) if all(1 <= herd.number <= MOST_ANIMALS for herd in (first, second)) else None


def _read_sum(text: str) -> Sum | None:
    match = _SUM.search(text)
    terms = tuple(int(term) for term in match[0].replace("- ", "-").replace("+ ", "").split()) if match else ()
    return Sum(terms) if _is_chain(terms) else None


def _read_kinship(text: str) -> Kinship | None:
    edges = tuple(Edge(m[1], m[2] or m[5], m[3] or m[4]) for m in _EDGES.finditer(text))
    pattern = tuple(_KIND_OF.get(edge.word, "") for edge in edges)
    if pattern not in _PATTERNS:
        return None
    facts = Kinship(edges)
    people = facts.people
    are_known = len(set(people)) == len(people) and set(people) <= {*WOMEN, *MEN}
    return facts if are_known and facts == _chain(pattern, people) else None


# --- The families ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Family:
    task: Task
    strata: Callable[[], _Strata]
    texts: Callable[..., Iterable[str]]
    gold: Callable[..., str]
    read: Callable[[str], Facts | None]


def _legs_gold(facts: Legs) -> str:
    return str(sum(herd.number * herd.legs for herd in facts.herds))


def _sum_gold(facts: Sum) -> str:
    return str(sum(facts.terms))


_FAMILIES = {
    "leg_counting": _Family(Task.NUMERIC, _legs_strata, _legs_texts, _legs_gold, _read_legs),
    "chain_sum": _Family(Task.NUMERIC, _sum_strata, _sum_texts, _sum_gold, _read_sum),
    "kinship": _Family(Task.TEXT, _kinship_strata, _kinship_texts, _kinship_gold, _read_kinship),
}
FAMILIES = tuple(_FAMILIES)


@lru_cache
def _strata(family: str) -> _Strata:
    return _FAMILIES[family].strata()


def generate(family: str, count: int, seed: int) -> list[GeneratedQuestion]:
    """Return so many questions of a family, the same for the same seed. Raises: BadInput where there are fewer."""
    if family not in _FAMILIES:
        raise BadInput(f"no family of questions {family!r}: it is one of {', '.join(FAMILIES)}")
    strata = _strata(family)
    most = len(strata) * min(map(len, strata))
    if not 1 <= count <= most:
        raise BadInput(f"{family} can't give {count} different questions: ask for 1 to {most}")
    rng = random.Random(f"{family} {seed}")
    rounds = -(-count // len(strata))
    columns = [rng.sample(stratum, rounds) for stratum in rng.sample(strata, len(strata))]
    sample = [facts for row in zip(*columns, strict=True) for facts in row][:count]
    return [_word_question(family, facts, rng) for facts in sample]


def _word_question(family: str, facts: Facts, rng: random.Random) -> GeneratedQuestion:
    rules = _FAMILIES[family]
    if isinstance(facts, Legs) and rng.random() < 0.5:
        facts = Legs((facts.herds[1], facts.herds[0]))
    return GeneratedQuestion(family, rules.task, rng.choice(list(rules.texts(facts))), rules.gold(facts), facts)


def read(text: str) -> GeneratedQuestion | None:
    """Return a question's facts and gold, read from its text alone; None for one that `generate` never makes."""
    for family, rules in _FAMILIES.items():
        facts = rules.read(text)
        if facts is not None and text in rules.texts(facts):
            return GeneratedQuestion(family, rules.task, text, rules.gold(facts), facts)
    return None


def draw(families: Sequence[str], per_split: Mapping[str, int], seed: int) -> list[SplitQuestion]:
    """Draw so many questions of each family for each split, none in two. Raises: BadInput, as `generate` does."""
    pools = [iter(generate(family, sum(per_split.values()), seed)) for family in families]
    return [SplitQuestion(split, next(pool)) for split, n in per_split.items() for pool in pools for _ in range(n)]
