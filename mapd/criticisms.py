"""What a feedback says that the student did wrong: the quotations, calculations and values that it blames. Pure.

read_criticisms("The student added 7 and 65 to get 62, but should subtract. The answer is 58, not 72.")
    -> (Criticism(0, 36, "The student added 7 and 65 to get 62", "+", operands=(7, 65), results=(62,)),
        Criticism(77, 83, "not 72", results=(72,)))

A clause is read where it speaks of the student and neither praises, nor tells what is missing, nor what is right.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice, pairwise

from mapd.answers.markup import blank_markup
from mapd.answers.numbers import Number
from mapd.answers.places import Sentence, split_sentences
from mapd.answers.reading import NumberReading, read_numbers

# Criticisms of a feedback that are looked at, and characters of one.
MOST_CRITICISMS = 30
LONGEST_CRITICISM = 600
# So far before a number stands what tells what it is.
LONGEST_LEAD = 90
_ACTS = (
    r"(?:(?:have|had|has|'ve|then|also|again|simply|only|just|incorrectly|mistakenly|wrongly|accidentally|already) ?)*"
    r"(?:add|subtract|multipl|divid|calculat|made|make|us(?:ed|ing)|found|wrote|count|assum|misunder|misread|confus|got"
    r"|took|sum|combin|tried|attempt|includ|mix|consider|interpret|stat|conclud|mention|compar|miscalculat|assign"
    r"|focus|set up|treat|thought|believ|appl|replac|doubl|answer|simplif|solv)\w*"
)
# The one who is taught, or what is wrong. "The students who like bacon" are of the question, "they had" may be.
_STUDENT = re.compile(
    rf"\b(?:(?:the|this|that|a) student\b|students?'s?\b|they(?: |(?='ve)){_ACTS}|you(?: |(?='ve)){_ACTS}"
    r"|(?:your|their) (?:\w+ )?(?:answer|calculation|solution|work|approach|mistake|error|response|reasoning)"
    r"|mistakes?|errors?)\b",
    re.IGNORECASE,
)
# Where another thought begins: what is right, what the question asks, a reason, somebody's next act.
_BOUNDARY = re.compile(
    r"\b(?:but|however|whereas|while|although|because|since|when(?! \w+ing)|if|so that|instead of|rather than|without"
    r"|not just|(?:the )?(?:question|problem)(?= (?:\w+ )?(?:asks?|states?|says?|is|was|mentions?|specifies|requires))"
    r"|should|must|needs? to|needed to|would|(?:the )?correct(?:ed|ion)? \w+|in fact|actually)\b"
    r"|;|, (?=(?:then )?(?:they|you|the student|he|she|we)\b)|, not\b"
    r"|, which (?:is|was) (?=(?:incorrect|wrong|not|the)\b)",
    re.IGNORECASE,
)
# A clause that begins so tells what is right, or what is asked for.
_TELLS_RIGHT = re.compile(
    r"\s*(?:instead of|rather than|without|not just|(?:the )?(?:question|problem)|should|must|need|would|if|so that"
    r"|(?:the )?correct|in fact|actually|, which|, not)",
    re.IGNORECASE,
)
# What isn't done can't be looked for, what is praised isn't criticised, and an instruction tells of no mistake.
_OMITS_OR_PRAISES = re.compile(
    r"\b(?:(?:did|does|do|ha[sd]|have|is|was|were|could|in) not(?! (?:correct|right|accurate|true)\b)|never|\w+n't"
    r"|forg[eo]t\w*|fail\w*|neglect\w*|without|miss(?:ed|es|ing)?|omit\w*|ignor\w*|overlook\w*"
    r"|correctly|rightly|properly|accurately|(?:is|was|are|were) (?:correct|right|true)|off by|correct that"
    r"|is (?:less|more|greater|smaller|larger|higher|lower) than|remember to|make sure|(?:double-)?check|let'?s"
    r"|let us|we|point(?:ing)? out|identify|(?:gives?|giving|leav(?:es?|ing)) you"
    r"|you (?:can|could|will|get|have to|first|then|simply|just|subtract|add|multiply|divide|find|calculate|take))\b",
    re.IGNORECASE,
)
_OPERATORS = {
    "+": re.compile(r"\b(?:add(?:ed|ing|s|ition)?|sum(?:med|ming|s)?|combin(?:ed|ing))\b", re.IGNORECASE),
    "-": re.compile(r"\b(?:subtract(?:ed|ing|s|ion)?|difference|deduct(?:ed|ing))\b", re.IGNORECASE),
    "*": re.compile(r"\b(?:multipl(?:ied|ying|y|ication|ies)|product)\b", re.IGNORECASE),
    "/": re.compile(r"\b(?:divid(?:ed|ing|es?)|division|quotient)\b", re.IGNORECASE),
}
_BLAMES = re.compile(
    r"\b(?:incorrect\w*|mistake\w*|wrong\w*|errors?|misunder\w*|miscalculat\w*|only|simply|just|confus\w*|inaccura\w*"
    r"|assum\w*)\b",
    re.IGNORECASE,
)
# A reason tells what the student did, although it blames nothing by itself: "because they calculated the nails".
_REASON = re.compile(rf"\s*(?:because|since)\s+(?:they|the student|you)\s+{_ACTS}", re.IGNORECASE)
# What leads up to what the student came to.
_RESULT = re.compile(
    r"(?:[=≈]|\b(?:to get|and got|got|gets|getting|result(?:s|ed|ing)? in|giv(?:es?|ing)|obtain(?:ed|ing)|which is"
    r"|arriv(?:ed|ing) at|(?:for |as |to )?a total of|equals|answer (?:is|was|of)|answered|wrote|conclud\w+|claim\w+"
    r"|stat(?:ed|es|ing)|end(?:ed|ing) up with|result (?:is|was|of)|as|is|was)\b)[^0-9.;:,=()]{0,50}$",
    re.IGNORECASE,
)
# "The correct answer is 58, not 72."
_REJECTED = re.compile(r"(?:,|\band)\s+(?:and\s+)?not\s+(?:the\s+|just\s+|only\s+)?$", re.IGNORECASE)
_SPEAKS_OF_ANSWER = re.compile(r"\b(?:correct|should|answer|actual|the student)", re.IGNORECASE)
_QUOTED = re.compile(r"[“\"«]([^“”\"«»\n]{3,300})[”\"»]|`([^`\n]{3,300})`")
_WRITES = re.compile(
    r"\b(?:wrote|writ\w+|stat\w+|says?|said|answer\w*|mention\w*|claim\w*|conclud\w*)\b", re.IGNORECASE
)
# "subtracted x from x + 100": of algebra nothing can be missed.
_VARIABLE = re.compile(r"(?<![\w'])(?:[b-hj-wyz]|x(?! ?[0-9(]))(?![\w'])")
_GUESSES = re.compile(r"\b(?:might|may|likely|perhaps|possibly|probably)\b", re.IGNORECASE)
_HEADING = re.compile(r"[^:\n]{0,60}:(?=\s*[^\s\d])")


@dataclass(frozen=True, slots=True)
class Criticism:
    """A clause of a feedback, feedback[start:end], and what it says that the student wrote or calculated.

    `operator`: +, -, * or /, or none: then `operands` are the numbers that it names. `is_sure`: it tells of the
    student's own words; what is less sure can be found in an answer, and not missed.
    """

    start: int
    end: int
    text: str
    operator: str = ""
    operands: tuple[Fraction, ...] = ()
    results: tuple[Fraction, ...] = ()
    quotes: tuple[str, ...] = ()
    is_sure: bool = True


def read_criticisms(feedback: str) -> tuple[Criticism, ...]:
    """Return what a feedback criticises, in its order, no more than `MOST_CRITICISMS`."""
    plain = blank_markup(feedback)
    reading = read_numbers(plain)
    criticisms = (c for sentence in split_sentences(plain) for c in _read_sentence(feedback, sentence, reading))
    return tuple(islice(criticisms, MOST_CRITICISMS))


def _read_sentence(feedback: str, sentence: Sentence, reading: NumberReading) -> Iterator[Criticism]:
    yield from _read_rejected(feedback, sentence, reading)
    if not _STUDENT.search(sentence.text):
        return
    bounds = [0, *(match.start() for match in _BOUNDARY.finditer(sentence.text)), len(sentence.text)]
    speaks_of_student = False
    for first, last in pairwise(bounds):
        clause = sentence.text[first : min(last, first + LONGEST_CRITICISM)]
        speaks_of_student |= _STUDENT.search(clause) is not None
        if not speaks_of_student or _TELLS_RIGHT.match(clause) or _OMITS_OR_PRAISES.search(clause):
            continue
        criticism = _read_clause(feedback, clause, sentence.start + first, reading)
        if criticism is not None:
            yield criticism


def _read_rejected(feedback: str, sentence: Sentence, reading: NumberReading) -> Iterator[Criticism]:
    """Yield the values that a sentence sets against the right one: "58, not 72"."""
    # The authors' teachers were shown the gold answer as a hint, and some dispute with it.
    is_sure = bool(_SPEAKS_OF_ANSWER.search(sentence.text)) and "hint" not in sentence.text.lower()
    for number in reading.inside(sentence.start, sentence.end):
        at = number.start - sentence.start
        match = _REJECTED.search(sentence.text[max(0, at - 20) : at])
        if match and number.value is not None:
            start = number.start - len(match[0].lstrip(" ,"))
            text = feedback[start : number.end]
            yield Criticism(start, number.end, text, results=(abs(number.value),), is_sure=is_sure)


def _read_clause(feedback: str, clause: str, offset: int, reading: NumberReading) -> Criticism | None:
    """Return the criticism of a clause; None where it blames nothing that could be looked for."""
    start, end = _trim(clause, offset)
    clause = clause[start - offset : end - offset]
    quotes = [(match[1] or match[2]).strip() for match in _QUOTED.finditer(feedback, start, end)]
    operator, at = _find_operator(clause)
    inside = [n for n in reading.inside(start, end) if n.value is not None]
    results = [n for n in inside if _is_result(clause, n.start - start)]
    if not (operator or quotes or results or _BLAMES.search(clause) or _REASON.match(clause)):
        return None
    operands = [n for n in inside if n not in results and n.start >= start + at]
    return Criticism(
        start,
        end,
        feedback[start:end],
        operator,
        _list_sizes(operands),
        _list_sizes(results),
        tuple(quotes) if _WRITES.search(clause) else (),
        is_sure=bool(_STUDENT.search(clause)) and not (_VARIABLE.search(clause) or _GUESSES.search(clause)),
    )


def _trim(clause: str, offset: int) -> tuple[int, int]:
    # "Mistake 1: The student …" begins behind its heading.
    heading = _HEADING.match(clause)
    words = clause[heading.end() if heading else 0 :].strip(" \n,;:-*#")
    start = offset + clause.index(words) if words else offset
    return start, start + len(words)


def _find_operator(clause: str) -> tuple[str, int]:
    """Return what a clause says was calculated, and from where on; the first of several."""
    matches = ((match.start(), sign) for sign, words in _OPERATORS.items() if (match := words.search(clause)))
    at, sign = min(matches, default=(0, ""))
    return sign, at


def _is_result(clause: str, at: int) -> bool:
    return _RESULT.search(clause[max(0, at - LONGEST_LEAD) : at]) is not None


def _list_sizes(numbers: list[Number]) -> tuple[Fraction, ...]:
    return tuple(dict.fromkeys(abs(n.value) for n in numbers if n.value is not None))
