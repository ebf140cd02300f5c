"""Read a reviewer's score, 1-5, out of its review. Pure, no I/O.

    parse_score("The steps are sound. Score: [4]")                                 -> 4
    parse_score('It ends with "[5]", but step 2 is wrong. [2]', solution="… [5]")  -> 2
    parse_score("Score: 3 or 4")                                                   -> no vote: two different scores

A score is a number in one of five forms (score_forms.py): in brackets ("[4]", as the prompt asks for it), with a label
("Score: 4", `"score": 4`, `<score>4</score>`), out of five ("4/5", "4 out of 5"), in a box (`\\boxed{4}`), or a digit
alone in the last line. Brackets that stand as a vote does (rule 2) decide, else labels, else brackets anywhere, else
"out of five", else a box, else the digit. Scores of the form that decides are no vote where they differ, but for an
"Overall: 4" beside scores of parts; neither is a range, a reference, or the box of an answer.

**Whose number it is.** A reviewer reads a text that may grade itself ("My own check of this: [5]"). So a number counts
as the reviewer's own unless it was taken from what the reviewer read:

1. A number in quotation marks, in a quoted line, or of which the review says that the author said it, is a quotation.
   It counts only where the review has no other score, and the texts that it read have none of that value.
2. A number that stands word for word in the solution or the question is a quotation, too, unless it stands where a
   vote does: at the end of the review, alone in its line or its sentence, first of all, or behind "I give" or "my
   score". It stays a quotation where rule 1 applies, or where it comes with three words before it from the solution. A
   box from the solution is never a vote.
3. A vote at the end counts beside the numbers that stand in no text. Other votes by rule 2 count where there are none.

So a reviewer can give the score that the text gave itself, and a text can neither win a vote nor void one.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import IntEnum
from functools import cached_property

from mapd import score_forms, thoughts
from mapd.score_forms import ParsedScore, ScoreForm, ScoreStatement, VoteStatus


def parse_score(text: str, question: str = "", solution: str = "") -> ParsedScore:
    """Return the score that a review gives to `solution`, an answer to `question`; else why it is no vote."""
    if len(text) > score_forms.MAX_REVIEW:
        return ParsedScore(None, VoteStatus.LONG, why=VoteStatus.LONG.value)
    if not text.strip():
        return ParsedScore(None, VoteStatus.EMPTY, why="the text is empty")
    review = thoughts.split(text).text
    if not review:
        return ParsedScore(None, VoteStatus.NOTHING, why="the text ends within its thought")
    return _pick_score(_Review(review.translate(score_forms.HALF_WIDTH), (question, solution)))


def _pick_score(review: "_Review") -> ParsedScore:
    votes = review.votes()
    of = {form: [s for s in votes if s.form is form] for form in ScoreForm}
    brackets, labels = of[ScoreForm.BRACKETS], of[ScoreForm.LABEL]
    if labels and not (len(_drop_repeated(brackets)) == 1 and any(map(review.stands, brackets))):
        # "By [1] it is right. Score: 5": these brackets are a reference, the label decides.
        brackets, labels = [], labels + [s for s in brackets if review.stands(s)]
    for statements in (brackets, labels, of[ScoreForm.OUT_OF_FIVE], of[ScoreForm.BOX], of[ScoreForm.ALONE]):
        if not statements:
            continue
        different = _drop_repeated(statements)
        # Several scores: "Overall: 4" beside scores of parts decides, else there is no vote.
        if len(different) > 1:
            different = _drop_repeated([s for s in statements if review.is_overall(s)]) or different
        if len(different) == 1:
            return replace(different[0], why=_explain(different[0], statements[0].form))
        raw = " and ".join(str(score.raw) for score in different)[:200]
        return ParsedScore(None, VoteStatus.SEVERAL, raw, f"{len(different)} different scores: {raw}")
    return ParsedScore(None, VoteStatus.NOTHING, why="no score of the reviewer's own stands in it")


def _explain(score: ParsedScore, form: ScoreForm) -> str:
    return f"{score_forms.FORM_NAMES[form]} decides" + ("" if score.score else f", but {score.raw} is {score.status}")


def _drop_repeated(statements: Iterable[ScoreStatement]) -> list[ParsedScore]:
    return list({(s.score.score, s.score.score is None and s.score.raw): s.score for s in statements}.values())


# --- Whose score it is ------------------------------------------------------------------------------------------------

_QUOTATION = re.compile(
    r"\"[^\"\n]{1,400}+\"|“[^“”]{1,400}+”|„[^„“”]{1,400}+[“”]|«[^«»]{1,400}+»|‘[^‘’]{1,400}+’|`[^`\n]{1,400}+`"
    r"|(?<!\w)'[^'\n]{1,400}+'(?!\w)|^[ \t]{0,3}>[^\n]*+",
    re.MULTILINE,
)
_OVERALL = re.compile(r"\b(?:overall|final|total)(?![a-z])[^\n.!?:=]{0,20}[:=][^\n.!?:=]{0,20}$", re.IGNORECASE)
# Characters before a score in which its clause is looked for.
_NEAR = 200
_CLAUSE = re.compile(
    r"(?<!:)\n|[.!?;](?=\s)|, (?:and|which)\b|\b(?:so|therefore|thus|hence|but|yet|while|whereas|I|[Mm]y)\b"
)
_SPEAKER = r"(?:author|solution|rationale|explanation|student|writer|text|response|answer|question|problem|teacher)"
_ATTRIBUTED = re.compile(
    rf"\b(?:{_SPEAKER}|it|he|she|they|who|which|line|sentence)(?:['’]s)?\s{{1,9}}(?:\w{{1,30}}\s{{1,9}}){{0,3}}"
    r"(?:says?|said|states?|stated|writes?|wrote|claims?|claimed|asserts?|ends?|ended|closes?|finish\w*|concludes?"
    r"|repeats?|quotes?|contains?|mentions?|declares?|adds?|added|appends?|puts?)\b"
    r"|\b(?:gives?|gave|rates?|rated|scores?|scored|grades?|graded|marks?|awards?|assigns?)\s{1,9}"
    r"(?:itself|himself|herself|themselves|its|his|her|their)\b"
    r"|\b(?:disagree|reject|distrust|dispute|doubt|ignor(?:e|es|ed|ing)|unlike|despite|contrary)\b"
    r"|(?<!my )\bown\b|\bself-|\baccording to\b|\bquot(?:e|es|ed|ing)\b|\bends?\s{1,9}(?:with|in)\b"
    rf"|\b(?:line|words?|part|end) of (?:the|its) {_SPEAKER}\b[^\n]{{0,40}}$"
    r"|^ (?:(?:do|would|could|can|will)(?:n['’]t| not)|cannot|can['’]t|won['’]t|never)\b",  # behind an "I"
    re.IGNORECASE,
)
_POSSESSED = re.compile(rf"\b(?:{_SPEAKER}['’]s|its|his|her|their)\s(?:\w{{1,20}}\s){{0,2}}$", re.IGNORECASE)
_ATTRIBUTED_BEHIND = re.compile(
    rf"[ ,:\"”’*_–—-]{{0,9}}(?:(?:is|was) what\b|says?\b|said\b|writes?\b|wrote\b|claims?\b|claimed\b|stat(?:es|ed)\b"
    rf"|at the end\b|in the {_SPEAKER}\b|as (?:the|its) {_SPEAKER}\b)"
)
# The reviewer's own view: "the solution concludes with the right answer: 5" quotes no score.
_EVALUATES = re.compile(
    r"\b(?:right|correct|wrong|error|mistake|false|true|sound|well|clear|good|no|not|fine|valid|proper|exact|step)",
    re.IGNORECASE,
)
_FIRST_PERSON = re.compile(
    r"\bI(?:['’](?:d|ll)| would| will)?(?: \w{1,20}ly)? (?:give|rate|score|grade|assign|award|mark|say|go with)\b"
    r"|\b[Mm]y (?:own |final |overall )?(?:score|rating|grade|verdict|vote|mark|evaluation|assessment)\b"
)
_NEGATED = re.compile(r"\b(?:not|never|no|cannot)\b|n['’]t\b", re.IGNORECASE)
_ONLY_LABELS = re.compile(
    r"[\W_]*+(?:(?:so|thus|therefore|hence|my|the|final|overall|total|score|rating|grade|verdict|mark|evaluation|answer"
    r"|assessment|is|a|of)\b"
    r"[\W_]*+)*+",
    re.IGNORECASE,
)
_GRADES = re.compile(
    r"\b(?:I|my|overall|verdict|rat(?:e|ing)|scor(?:e|es|ing)|grade|mark|give|deserves?|gets?|sound)\b", re.IGNORECASE
)
_STOPS_BEHIND = re.compile(
    r"[*_)\]}\"'”’»`]{0,6}(?:\s{0,9}\Z|[ \t]{0,9}\n|[.!?;:,](?:\s|\Z)"
    r"|\s{1,3}(?:[–—-]\s|because\b|since\b|as\b|[A-Z]))"
)
_ENDS_SENTENCE = re.compile(r"[*_)\]}\"'”’»`]{0,6}(?:\s{0,9}\Z|[ \t]{0,9}\n|[.!?](?:\s|\Z))")
_CLOSING = " \t\r\n*_.!)]}\"'”’»`|>"
# Words before a score that make it a piece of the solution.
_ECHO = 3
# Two digits where a phrase begins or ends: it is part of a longer number.
_TWO_DIGITS = re.compile(r"[0-9]{2}")
_MOST_PLACES = 50  # of a phrase in a text that are looked at


class _Claim(IntEnum):
    """How likely a score is the reviewer's own."""

    QUOTED = 0  # it isn't
    # The review puts it into another's mouth, but nobody said it.
    DOUBTFUL = 1
    # It is in a text that the reviewer read, and stands as a vote.
    STANDING = 2
    OWN = 3


@dataclass(frozen=True)
class _Review:
    """A review, and what its author had read."""

    plain: str
    texts: tuple[str, ...]

    @cached_property
    def end(self) -> int:
        """Return where the review ends, but for signs that close something."""
        return len(self.plain.rstrip(_CLOSING))

    @cached_property
    def read(self) -> tuple[str, ...]:
        """Return the texts that the reviewer read, without blanks and markup."""
        return tuple({_squeeze(text.translate(score_forms.HALF_WIDTH)) for text in self.texts})

    @cached_property
    def quotations(self) -> list[tuple[int, int]]:
        """Return where quotation marks and quoted lines stand."""
        return [match.span() for match in _QUOTATION.finditer(self.plain)]

    def votes(self) -> list[ScoreStatement]:
        """Return the scores that are the reviewer's own."""
        claims = [(statement, self._claim(statement)) for statement in score_forms.find_statements(self.plain)]
        for least in (_Claim.OWN, _Claim.STANDING):
            if votes := [statement for statement, claim in claims if claim >= least]:
                return votes
        # Nothing else is left: a number that the review ascribes to a text which has no such score is its own.
        doubtful = [statement for statement, claim in claims if claim is _Claim.DOUBTFUL]
        read = {text.translate(score_forms.HALF_WIDTH) for text in self.texts} if doubtful else ()
        foreign_scores = {statement.score.score for text in read for statement in score_forms.find_statements(text)}
        return [statement for statement in doubtful if statement.score.score not in foreign_scores]

    def _claim(self, statement: ScoreStatement) -> _Claim:
        clause = self._clause(statement)
        passed_on = self._is_quoted(statement) or self._is_attributed(statement, clause)
        if not self._was_read(self.plain[statement.start : statement.end]):
            return _Claim.DOUBTFUL if passed_on else _Claim.OWN
        if passed_on or statement.form is ScoreForm.BOX or self._is_echo(statement):
            return _Claim.QUOTED
        is_fraction = statement.form is ScoreForm.OUT_OF_FIVE and clause.strip() and not _GRADES.search(clause)
        if statement.end >= self.end and not is_fraction:
            return _Claim.OWN
        return _Claim.STANDING if self.stands(statement) and statement.end < self.end else _Claim.QUOTED

    def is_overall(self, statement: ScoreStatement) -> bool:
        """Return whether a score is called the overall one: beside "Correctness: [5]" stands "Overall: [4]"."""
        return _OVERALL.search(self.plain[max(0, statement.start - 40) : statement.end]) is not None

    def stands(self, statement: ScoreStatement) -> bool:
        """Return whether a score stands as a vote does: at the end, alone in line or sentence, first, said by "I"."""
        if statement.end >= self.end:
            return True
        text_before = self.plain[max(0, statement.start - _NEAR) : statement.start]
        phrase = text_before[-60:] + self.plain[statement.start : statement.end]
        if (first_person := _FIRST_PERSON.search(phrase)) and not _NEGATED.search(phrase, first_person.start()):
            if not self._was_read(phrase[first_person.start() :]):
                return True
            # The solution says "I give it 5/5", too: then the score has to stand alone.
            text_before = text_before[:-60] + phrase[: first_person.start()]
        if _ONLY_LABELS.fullmatch(text_before):
            return _STOPS_BEHIND.match(self.plain, statement.end) is not None
        alone = _ONLY_LABELS.fullmatch(re.split(r"[.!?]\s|\n", text_before)[-1]) is not None
        return alone and _ENDS_SENTENCE.match(self.plain, statement.end) is not None

    def _clause(self, statement: ScoreStatement) -> str:
        """Return the words before a score that belong to it. An "I" begins them unless it is the solution's."""
        first = max(0, statement.start - _NEAR)
        for bound in reversed([*_CLAUSE.finditer(self.plain, first, statement.start)]):
            if not (bound[0].lower() in ("i", "my") and self._was_read(self.plain[bound.start() : statement.end])):
                return self.plain[bound.end() : statement.start]
        return self.plain[first : statement.start]

    def _is_quoted(self, statement: ScoreStatement) -> bool:
        at = bisect_right(self.quotations, (statement.start, len(self.plain))) - 1
        return at >= 0 and self.quotations[at][1] >= statement.end

    def _is_attributed(self, statement: ScoreStatement, clause: str) -> bool:
        attribution = _ATTRIBUTED.search(clause)
        if attribution and not _EVALUATES.search(clause, attribution.end()):
            return True
        if statement.form is not ScoreForm.LABEL and _POSSESSED.search(clause):  # "the solution's score: 4" is a vote
            return True
        return _ATTRIBUTED_BEHIND.match(self.plain, statement.end) is not None

    def _was_read(self, phrase: str) -> bool:
        """Return whether a phrase stands word for word in a text that was read, and in no longer number."""
        phrase = _squeeze(phrase)
        for text in self.read:
            at = text.find(phrase)
            for _ in range(_MOST_PLACES):
                if at < 0:
                    break
                end = at + len(phrase)
                if not any(map(_TWO_DIGITS.fullmatch, (text[max(0, at - 1) : at + 1], text[end - 1 : end + 1]))):
                    return True
                at = text.find(phrase, at + 1)
        return False

    def _is_echo(self, statement: ScoreStatement) -> bool:
        """Return whether the sentence, up to the score and with it, stands in a text that was read."""
        first = max(0, statement.start - _NEAR)
        sentence = re.split(r"[.!?]\s|\n", self.plain[first : statement.start])[-1]
        if len(sentence.split()) < _ECHO:
            return False
        echo = _squeeze(sentence + self.plain[statement.start : statement.end])
        return any(echo in text for text in self.read)


def _squeeze(text: str) -> str:
    """Leave out what may differ in a quotation: capitals, emphasis, quotation marks, blanks beside signs."""
    return _NEEDLESS.sub("", _BLANKS.sub(" ", _UNSTABLE.sub("", text.casefold())))


_UNSTABLE = re.compile(r"[*_\"'“”„‘’`]+")
_BLANKS = re.compile(r"\s+")
_NEEDLESS = re.compile(r"(?<!\w) | (?!\w)")
