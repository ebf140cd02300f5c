"""Pairs that say nearly the same as one before them: the same numbers, and nearly all words in the same order. Pure.

    find_near_duplicates((PairTexts("Ann has 12 pens …", ("12 + 5 = 17 …", "You subtracted …")), …), 0.9)
    -> (NearDuplicate(place=7, of=2, likeness=0.96), …)       the eighth pair says what the third one does

The likeness is the share of words that both have in the same order (rapidfuzz's Indel similarity over words), of
question, rationale and feedback together. A question with other numbers is another question, however it is worded.
The first of those that are alike stays; each pair is held against those that stay, so there are no chains.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from mapd.curation.likeness import CandidateIndex
from mapd.errors import BadInput
from mapd.questions.wordings import read_wording

LEAST, USUAL = 0.7, 0.9


class PairTexts(NamedTuple):
    """What a pair says: its question's parts, and its rationale and feedback as far as it has them."""

    question: tuple[str, ...]
    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NearDuplicate:
    """A pair, by its place, that says nearly what an earlier one does."""

    place: int
    of: int
    likeness: float


def check_threshold(threshold: float) -> None:
    """See that near-duplicates can be looked for at this likeness. Raises: BadInput."""
    if not LEAST <= threshold <= 1:
        raise BadInput(f"near-duplicates are looked for at a likeness from {LEAST:g} to 1, not at {threshold:g}")


# Pages and commands ask for the same again and again: of 100,000 pairs it takes seconds.
@lru_cache(maxsize=4)
def find_near_duplicates(pairs: tuple[PairTexts, ...], threshold: float) -> tuple[NearDuplicate, ...]:
    """Return the pairs that say nearly what one before them says, in their order. Raises: BadInput."""
    check_threshold(threshold)
    groups: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for place, pair in enumerate(pairs):
        groups[tuple(sorted(read_wording(pair.question).numbers))].append(place)
    near = [x for places in groups.values() if len(places) > 1 for x in _find_in_group(pairs, places, threshold)]
    return tuple(sorted(near, key=lambda x: x.place))


def _find_in_group(pairs: Sequence[PairTexts], places: Sequence[int], threshold: float) -> list[NearDuplicate]:
    """Return the near-duplicates among pairs whose questions have the same numbers."""
    from rapidfuzz.distance import Indel  # pages and commands load without it

    words = {place: read_wording((*pairs[place].question, *pairs[place].texts)).normal.split() for place in places}
    # A word is one character to compare: rapidfuzz is quickest on strings.
    characters: dict[str, str] = {}
    for of_pair in words.values():
        for word in of_pair:
            characters.setdefault(word, _make_character(len(characters)))
    spelled = {place: "".join(characters[word] for word in of_pair) for place, of_pair in words.items()}
    features = {place: _count_words(of_pair) for place, of_pair in words.items()}
    # Of 2 · common / (a + b) ≥ t follows that so large a part of each is common.
    index = CandidateIndex(features.values(), threshold / (2 - threshold))
    near = []
    for place in places:
        matches = [
            (Indel.normalized_similarity(spelled[place], spelled[earlier], score_cutoff=threshold), -earlier)
            for earlier in index.find(features[place])
        ]
        likeness, earlier = max(matches, default=(0.0, 0))
        if likeness >= threshold:
            near.append(NearDuplicate(place, -earlier, round(likeness, 4)))
        else:
            index.add(place, features[place])
    return near


def _make_character(number: int) -> str:
    # No surrogate: they stand from here on, 2,048 of them.
    return chr(number + 1 if number < 0xD7FF else number + 2_049)


def _count_words(words: Sequence[str]) -> frozenset[str]:
    """Return the words, each with how often it stood before: a bag as a set."""
    counts: Counter[str] = Counter()
    features = set()
    for word in words:
        features.add(f"{word} {counts[word]}")
        counts[word] += 1
    return frozenset(features)
