"""What speaks for and against a rationale by a fit, in words: each input's share in the log-odds. Pure.

    list_reasons(fit, values, "gpt")      -> [FitReason(-1.9, "its answer is not the gold"), …]

A share is weight * (value - centre) / scale: what the input adds beside a text that is average in everything. Inputs
that say one thing together (a reviewer's score, whether it is a 5, 2 or less) are one reason, and their shares one sum.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from mapd.curation.inputs import MIDDLE
from mapd.probability import ALL_REVIEWERS, Fit, InputKey

Values = Mapping[InputKey, float]
# By input what it is told with, of those that aren't told alone.
_TOLD_WITH = {
    **dict.fromkeys(("five", "low", "no_vote"), "score"),
    **dict.fromkeys(("one_agrees", "more_agree", "others_agree", "others_against", "peers_for"), "agreement"),
    **dict.fromkeys(("equation_false", "equations_true"), "equations"),
    **dict.fromkeys(("gold_holds", "gold_fails"), "gold"),
}


@dataclass(frozen=True, slots=True)
class FitReason:
    """What one thing adds to the log-odds that a rationale is right: above 0 it speaks for it, below against."""

    share: float
    words: str


def list_reasons(fit: Fit, values: Values, author: str) -> list[FitReason]:
    """Return what speaks for and against a rationale by this author, each thing once."""
    sums: dict[InputKey, float] = defaultdict(float)
    for (kind, teacher), share in fit.shares(values).items():
        topic = _TOLD_WITH.get(kind, kind)
        # That the author scores no own text is part of who wrote it, and so is it who didn't.
        is_author = topic == "author" or (topic == "score" and teacher == author)
        sums["author" if is_author else topic, "" if is_author else teacher] += share
    long = next((x.centre for x in fit.inputs if x.kind == "log_length"), 0.0)
    return [FitReason(share, _describe(*key, values, author, long)) for key, share in sums.items()]


def _describe(topic: str, teacher: str, values: Values, author: str, usual_length: float) -> str:
    if topic == "score":
        return _describe_score(teacher, values)
    if topic == "author":
        return f"{author} wrote it"
    if topic == "log_length":
        length = values.get(("log_length", ""), 0.0)
        number = round(math.expm1(length))
        how_many = "as many as" if length > usual_length else "only"
        return f"it has {how_many} {number:,} character{'' if number == 1 else 's'}"
    return _WORDS[topic](lambda kind: values.get((kind, ""), 0.0))


def _describe_score(reviewer: str, values: Values) -> str:
    score = values.get(("score", reviewer), 0.0) + MIDDLE
    is_absent = bool(values.get(("no_vote", reviewer)))
    if reviewer == ALL_REVIEWERS:
        return "nobody scored it" if is_absent else f"its mean score is {score:.3g}"
    return f"{reviewer} gave it no score" if is_absent else f"{reviewer} gave it {score:.3g}"


Lookup = Callable[[str], float]


def _describe_agreement(value: Lookup) -> str:
    if value("others_against"):
        return "the other authors agree on another answer"
    authors = "another author comes" if value("one_agrees") else "several authors come" if value("more_agree") else ""
    if not authors:
        return "no other author comes to its answer"
    score = f", scored {value('peers_for') + MIDDLE:.3g}" if value("peers_for") else ""
    return f"{authors} to the same answer{score}"


def _describe_equations(value: Lookup) -> str:
    if value("equation_false"):
        return "an equation in it is false"
    return "its equations are true" if value("equations_true") else "it has no equation to check"


def _describe_gold(value: Lookup) -> str:
    if value("gold_fails"):
        return "its answer is not the gold"
    return "its answer is the gold" if value("gold_holds") else "its answer is held against no gold"


def _describe_other_answers(value: Lookup) -> str:
    score = value("peers_against")
    return f"another answer is scored {score + MIDDLE:.3g}" if score else "no other answer is scored above or below 3"


_WORDS: Mapping[str, Callable[[Lookup], str]] = {
    "agreement": _describe_agreement,
    "equations": _describe_equations,
    "gold": _describe_gold,
    "peers_against": _describe_other_answers,
    "readable": lambda value: f"its answer can{'' if value('readable') else '’t'} be read",
    "shows_work": lambda value: f"it shows {'its' if value('shows_work') else 'no'} work",
}
