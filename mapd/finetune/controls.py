"""What is taught in a training's controls in place of the explanations: to see what of a gain is theirs. Pure.

    replace_texts(pairs, "gold", seed=0)        each rationale is its question's gold answer alone: "Answer: 145"
    replace_texts(pairs, "shuffled", seed=0)    each text is that of another question: the form of an answer alone

`pairs`: a snapshot's lines, as dicts (curation/snapshots.py has one). The snapshot stays as it is. That a training was
a control stands in its hyper-parameters, so its student can't be taken for one that the committee taught.
"""

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

from mapd.answers.grading import Task
from mapd.errors import BadInput
from mapd.questions.options import read_shown

NONE, GOLD, SHUFFLED = CONTROLS = ("none", "gold", "shuffled")
Pair = dict[str, Any]


def replace_texts(pairs: Sequence[Pair], control: str, seed: int, key: Callable[[Pair], Hashable]) -> list[Pair]:
    """Return the pairs with the control's texts. `key`: what two pairs of one question share.

    Raises: BadInput where most pairs of a task are of one question: then no other question's text is there.
    """
    if control == GOLD:
        return [_with_gold(pair) for pair in pairs]
    return _shuffle(pairs, seed, key) if control == SHUFFLED else list(pairs)


def _with_gold(pair: Pair) -> Pair:
    question = pair["question"]
    answer = read_shown(question["gold"], Task(question["task"]), question["options"])
    # As the exam's prompt asks for it.
    return pair | {"rationale": {"text": f"Answer: {answer}"}}


def _shuffle(pairs: Sequence[Pair], seed: int, key: Callable[[Pair], Hashable]) -> list[Pair]:
    shuffled = list(pairs)
    for kind in ("rationale", "feedback"):
        # Within a task: a text of another task would change the form of the answer, too.
        places_by_task: dict[str, list[int]] = defaultdict(list)
        for place, pair in enumerate(pairs):
            if kind in pair:
                places_by_task[pair["question"]["task"]].append(place)
        for task, places in places_by_task.items():
            for place, source in _derange(places, [key(pairs[place]) for place in places], f"{task} {seed}").items():
                shuffled[place] = shuffled[place] | {kind: pairs[source][kind]}
    return shuffled


def _derange(places: Sequence[int], keys: Sequence[Hashable], seed: str) -> Mapping[int, int]:
    """Return by place the place of another question's text; each is taken once."""
    key_of, most = dict(zip(places, keys, strict=True)), max(Counter(keys).values())
    if 2 * most > len(places):
        raise BadInput(
            f"texts can't be shuffled between questions: {most} of {len(places)} pairs of a task are of one question; "
            "take a snapshot of more questions"
        )
    questions = list(dict.fromkeys(keys))
    random.Random(f"shuffled {seed}").shuffle(questions)
    order = sorted(places, key=lambda place: questions.index(key_of[place]))
    # Moved on by the most pairs that one question has, no text comes back to its own question.
    return {place: order[(rank + most) % len(order)] for rank, place in enumerate(order)}
