"""Which of many sets of features may be like another: an index of each one's rarest features. Pure.

    index = CandidateIndex([{"87", "orange", "pen"}, {"87", "orange", "cup"}], share=0.6)
    index.add(0, {"87", "orange", "pen"})
    list(index.find({"87", "orange", "cup"}))        -> [0]

Two sets that share so large a part of each share one of the rarest features of both (the prefix filter of Bayardo, Ma
and Srikant, Scaling Up All Pairs Similarity Search, 2007): so nothing that reaches the share is missed, but for what a
bound on the work leaves unseen.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator

# Candidates of one set, and entries looked at for them: only where so many share its rarest features is one unseen.
MOST_CANDIDATES, MOST_ENTRIES = 100, 400


class CandidateIndex:
    """Sets of features, by their rarest. `share`: the least part of each of two sets that both have."""

    def __init__(self, corpus: Iterable[Collection[str]], share: float) -> None:
        self.share = share
        self.frequencies = Counter(feature for features in corpus for feature in features)
        self.entries: dict[str, list[int]] = defaultdict(list)

    def add(self, key: int, features: Collection[str]) -> None:
        """Add a set under its key."""
        for feature in self._list_rarest(features):
            self.entries[feature].append(key)

    def find(self, features: Collection[str]) -> Iterator[int]:
        """Yield the keys of sets that may be like this one, each once."""
        keys: set[int] = set()
        looked_at = 0
        for feature in self._list_rarest(features):
            for key in self.entries.get(feature, ()):
                looked_at += 1
                if len(keys) >= MOST_CANDIDATES or looked_at > MOST_ENTRIES:
                    return
                if key not in keys:
                    keys.add(key)
                    yield key

    def _list_rarest(self, features: Collection[str]) -> list[str]:
        # By name where two are as rare: both sides take the same order.
        ordered = sorted(features, key=lambda feature: (self.frequencies[feature], feature))
        return ordered[: len(ordered) - math.ceil(self.share * len(ordered) - 1e-9) + 1]
