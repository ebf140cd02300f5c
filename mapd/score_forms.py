"""A reviewer's score in its forms: brackets, a label, out of five, a box, a digit alone. Pure.

    find_statements("Each step is right. Score: 4/5")  -> ScoreStatement(ScoreForm.LABEL, 20, 30, 4)

scores.py says whose score it is, and which one decides.
"""

import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from fractions import Fraction

MAX_REVIEW = 75_000  # characters of a review that are read
MAX_STATEMENTS = 60  # scores of one form in it: the last ones


class VoteStatus(StrEnum):
    """What was found where a score was looked for: a vote, or the reason why there is none."""

    OK = "ok"
    EMPTY = "empty text"
    NOTHING = "no score found"
    SEVERAL = "two different scores"
    OUTSIDE = "outside 1-5"
    FRACTION = "not a whole number"
    LONG = f"too long to read: more than {MAX_REVIEW:,} characters"


@dataclass(frozen=True, slots=True)
class ParsedScore:
    """A score of 1-5, or None with the reason; `raw` is what was read, word for word; `why` is told in a sentence."""

    score: int | None
    status: VoteStatus
    raw: str | None = None
    why: str = field(default="", compare=False)


def vote(value: int, raw: str | None = None) -> ParsedScore:
    """Return an integer as a vote: 1-5, else no vote with its reason (a file's 0 or 83 is kept, and counted)."""
    raw = str(value) if raw is None else raw
    return ParsedScore(value, VoteStatus.OK, raw) if 1 <= value <= 5 else ParsedScore(None, VoteStatus.OUTSIDE, raw)


class ScoreForm(IntEnum):
    """A form of a score. `_pick_score` in scores.py says which of several decides."""

    LABEL = 0
    BRACKETS = 1
    OUT_OF_FIVE = 2
    BOX = 3
    ALONE = 4


FORM_NAMES = {
    ScoreForm.LABEL: "a score with a label",
    ScoreForm.BRACKETS: "a score in brackets",
    ScoreForm.OUT_OF_FIVE: "a score out of five",
    ScoreForm.BOX: "a score in a box",
    ScoreForm.ALONE: "a digit alone in the last line",
}


@dataclass(frozen=True, slots=True)
class ScoreStatement:
    """A score where it stands in a text."""

    form: ScoreForm
    start: int
    end: int
    score: ParsedScore


# Each repetition is bounded or possessive: a text of blanks, digits or stars takes no longer than another.
_NUMBER = r"(?P<n>[-−+]?[0-9]++(?:[.,][0-9]++)?+)"
_SCALE = r"(?:\s{0,9}(?:/|out\s{1,9}of|of)\s{0,9}(?P<scale>[0-9]++))?+"
_LABEL = (
    r"(?:(?:final|overall|total)[\s_]{1,9})?(?:score|rating|grade|verdict|evaluation|mark|punktzahl|bewertung|wertung"
    r"|puntuación|calificación|punteggio|pontuação|оценка|점수|(?:最终|总体|综合|总)?(?:评分|分数|得分|打分)"
    r"|overall(?=[\"'*_\s]{0,4}[:=][\s*_\"']{0,4}[0-9](?:\s?/\s?5)?[*_\"' ]{0,4}(?:\Z|[\n.,;}])))"  # "**Overall: 4**"
)
_LINK = (
    r"(?::|=|-|–|—|→|->|\||is|of|would\s{1,9}be|[是为為]"
    r"|(?:for|of)\s{1,9}(?:this|the)\s{1,9}\w{1,30}\s{0,9}(?:is|would\s{1,9}be|:)\s{0,9}:?"  # "for this text is"
    r"|(?:this|the|it)(?:\s{1,9}\w{1,30}){0,2}\s{1,9}(?:a|an|as|at))?"  # "I would score this rationale a 4"
)
# "Score [1-5]: 4", "Score (5 = best): 4", "Score out of 5: 4", "Score on a scale of 1 to 5: 4"; not "Score (4): …"
_SCALE_NAMED = (
    r"(?:\((?!\s?[0-9]\s?(?:/\s?5\s?)?\))[^()\n]{1,90}\)(?=[\s*_]{0,4}[:=])"
    r"|[(\[]\s?(?:1\s?(?:-|–|to)|out\sof)\s?5\s?[)\]]"
    r"|(?:out\sof|(?:on\sa\sscale\s)?(?:of|from)\s1\s?(?:-|–|to))\s?5(?=\s?:))?"
)
_LED = (
    rf"(?<![A-Za-z0-9]){_LABEL}(?![A-Za-z0-9])[\"'”’]?\s{{0,9}}{_SCALE_NAMED}[\s*_]{{0,9}}{_LINK}[\s*_\"'“‘({{$]{{0,9}}"
)
_GIVEN = (
    r"\bI(?:['’]d|['’]ll|\s(?:would|will))?\s(?:give|rate|score|grade)\s(?:it|this|that|the)(?:\s(?:rationale|solution|one))?"
    r"\s(?:(?:an?|at|as)\s)?[*_]{0,3}"
)
_PATTERNS = {
    ScoreForm.LABEL: re.compile(
        rf"(?:{_LED}|{_GIVEN}|\[RESULT\]\s{{0,9}}\(?){_NUMBER}(?![A-Za-z0-9_]){_SCALE}"
        rf"|<(?:\w{{1,20}}[_-])?{_LABEL}>[\s*]{{0,9}}{_NUMBER.replace('<n>', '<m>')}\s{{0,9}}"
        r"(?:/\s{0,9}(?P<five>[0-9]++)\s{0,9})?\*{0,3}</[\w -]{1,40}>",
        re.IGNORECASE,
    ),
    # "[4]", "[4/5]", "[Score: 4]", "[[4]]"; not "[1-5]", which echoes the scale, nor "[4]2" and "x[4]", formulas
    ScoreForm.BRACKETS: re.compile(
        rf"(?:(?<![A-Za-z0-9_)])|(?<=score)|(?<=rating))\[\s{{0,9}}(?:{_LABEL}\s{{0,3}}[:=]?\s{{0,3}})?\*{{0,3}}{_NUMBER}{_SCALE}\*{{0,3}}\s{{0,9}}\](?![0-9])",
        re.IGNORECASE,
    ),
    # "4 out of 5" and "4/5 stars"; "4 out of 5 apples" speaks of the question
    ScoreForm.OUT_OF_FIVE: re.compile(
        rf"(?<![0-9.,/]){_NUMBER}\s{{0,9}}(?:(?P<scale>5)\s{{0,9}}stars|(?:/|out\s{{1,9}}of)\s{{0,9}}(?P<five>5))"
        r"(?=\s{0,9}(?:stars?|points?)?\s{0,9}(?:[.!,;:)\]*]|$))",
        re.IGNORECASE | re.MULTILINE,
    ),
    # Behind a whole sentence or a blank line: "The sum is:", "The sum is" and then "5" is no vote.
    ScoreForm.ALONE: re.compile(
        r"(?:\A|(?<=[.!?)*])[ \t]{0,9}\n|\n[ \t]{0,9}\n)[ \t*_]{0,9}(?P<n>[1-5])(?P<scale>(?!))?[ \t*_.]{0,9}\s{0,9}\Z"
    ),
    ScoreForm.BOX: re.compile(
        rf"\\boxed\{{\s{{0,9}}\*{{0,3}}{_NUMBER}{_SCALE}\*{{0,3}}\s{{0,9}}\}}(?![0-9])", re.IGNORECASE
    ),
}
_LABEL_BEFORE = re.compile(rf"{_LED}$", re.IGNORECASE)
_REFERENCE = re.compile(
    r"\b(?:(?:eq|ref)s?\.|(?:equation|step|line|reference|source|theorem|lemma|formula|footnote|example|item|point)s?"
    r"|according\sto|as\sin|see|by|per|cf\.|(?:correct|right|gold|reference|expected|true)\s(?:answer|result|total|value)"
    r"\s(?:is|was|of|should\sbe|must\sbe))\s$",
    re.IGNORECASE,
)
_GOES_ON = re.compile(r"(?::|=|\b(?:is|are|gives?|gets?|equals?))\s*\Z")
_OF_ANSWER = re.compile(
    r"(?:\b(?:answer|result|total|sum|value|equals?|gets?|gives|obtains?|solution|student|author)\b[^\n.!?]{0,60}|=\s{0,9})$",
    re.IGNORECASE,
)
_RANGE_BEHIND = re.compile(r"[\s*_]{0,3}(?:-|–|—|~|to\b|or\b)[\s*_]{0,3}\[?[1-5](?![0-9%])", re.IGNORECASE)
_RANGE_BEFORE = re.compile(r"[1-5][\s*_]{0,3}(?:-|–|—|~|\bto|\bor)[\s*_]{0,3}$", re.IGNORECASE)
HALF_WIDTH = str.maketrans("：＝／－［］【】（）０１２３４５６７８９", ":=/-[][]()0123456789")
_MOST_DIGITS = 9


def find_statements(plain: str) -> Iterator[ScoreStatement]:
    """Return the scores of each form in a text; a step of a calculation ("= [145]") and a reference are none."""
    for form, pattern in _PATTERNS.items():
        # The last ones: a review ends with its score.
        for match in deque(pattern.finditer(plain), MAX_STATEMENTS):
            text_before = plain[max(0, match.start() - 80) : match.start()]
            labelled = form is ScoreForm.BRACKETS and _LABEL_BEFORE.search(text_before) is not None
            if (form is ScoreForm.BOX and _OF_ANSWER.search(text_before)) or (
                form is ScoreForm.ALONE and _GOES_ON.search(text_before)
            ):
                continue
            reference = form is ScoreForm.BRACKETS and _REFERENCE.search(text_before) is not None
            if labelled or not (reference or text_before.rstrip().endswith(("=", "≈"))):
                score = _read_range(match, plain, text_before) or _read_number(match)
                yield ScoreStatement(form, match.start(), match.end(), score)
                if labelled:
                    yield ScoreStatement(ScoreForm.LABEL, match.start(), match.end(), score)


def _read_range(match: re.Match[str], plain: str, text_before: str) -> ParsedScore | None:
    """Return that "4-5", "3 to 4", "2 or 3" are two scores."""
    if rest_of_range := _RANGE_BEHIND.match(plain, match.end()):
        return ParsedScore(None, VoteStatus.SEVERAL, f"{match[0]}{rest_of_range[0]}"[-40:].strip())
    if match.re is _PATTERNS[ScoreForm.OUT_OF_FIVE] and (first := _RANGE_BEFORE.search(text_before)):
        return ParsedScore(None, VoteStatus.SEVERAL, f"{first[0]}{match[0]}")
    return None


def _read_number(match: re.Match[str]) -> ParsedScore:
    groups = match.groupdict()
    raw, scale = groups["n"] or groups.get("m") or "", groups.get("scale") or groups.get("five")
    raw_with_scale = f"{raw}/{scale}"[:40] if scale else raw[:40]
    outside = ParsedScore(None, VoteStatus.OUTSIDE, raw_with_scale)
    if len(raw) > _MOST_DIGITS:
        return outside
    value = Fraction(raw.replace("−", "-").replace(",", "."))
    if value.denominator != 1:
        return ParsedScore(None, VoteStatus.FRACTION, raw_with_scale)
    return vote(int(value), raw_with_scale) if scale in (None, "5") else outside
