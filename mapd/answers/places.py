"""Where a text gives its answer: the line "Answer: …", marks (`#### 18`), statements ("the answer is 18"). Pure.

find_answer_line("x = 3, so 18.\n**Answer:** 18 pens")  -> AnswerLine("18 pens", is_last=True, …)
find_marks("x = 3, so \\boxed{18}")                   -> ["18"]
"""

import re
from bisect import bisect_right
from collections import deque
from dataclasses import dataclass
from typing import NamedTuple

MAX_EXPRESSION = 200
# Marks, and statements of the answer, that are read: the last ones of a text.
MAX_MARKS = 20
# Characters behind "the answer is".
MAX_STATEMENT = 1_000
# A mark of GSM8K, not the heading of a numbered point: "#### 1. Find the cost", "#### 2) Add", "#### 3.1 The tip"
_POINT = r"(?!\(?[0-9]{1,2}(?:[.):]|[ \t][-–—])[ \t]+[^\s\d]|[0-9]{1,2}\.[0-9]{1,2}\.?[ \t]+[A-Z])"
_HASHES = re.compile(rf"^[ \t]*####[ \t]*{_POINT}((?:[-+−$€£¥₹.0-9]|\\[dt]?frac|\\sqrt)[^\n]{{0,200}})$", re.MULTILINE)
_LAST_HASHES = re.compile(rf"^[ \t]*####[ \t]*{_POINT}([^\s#][^\n]{{0,200}})\s*\Z", re.MULTILINE)
BOXED = re.compile(r"\\f?box(?:ed)?\s?\{")
_BRACE = re.compile(r"[{}]")
_STATED = re.compile(
    r"\banswer(?: to (?:the|this|your) (?:\w+ ){0,2}(?:question|problem))?\s{0,3}"
    r"(?:(?:is|was|should be|would be|must be|will be)\b[ ]*[:=]?|[:：=])(?!=)[ ]*",
    re.IGNORECASE,
)
_NOT_THE_ANSWER = re.compile(r"(?:not|n't|incorrect|wrong|correct|right|unclear|ambiguous)\b", re.IGNORECASE)
SENTENCE = re.compile(r"(?:[^.!?\n]++|[.!?](?![\s)\]\"'*]|$)|!(?=[ ]?=)|\n(?=[ ]*+[=≈]))++")
ALPHANUMERIC = re.compile(r"[^\W_]")
EXPLAINS = re.compile(
    r"[\s\W]*(?:here(?:'s| is| are)|(?:my |detailed )?(?:explanation|solution|reason(?:ing)?"
    r"|justification|rationale)|because|this is because|to (?:find|get) this"
    r"|calculations?|working|work|proof|steps|check|verification|(?:let me|let's|to) (?:explain|check|verify)"
    r"|(?:the )?(?:reason|explanation) (?:is|for))\b",
    re.IGNORECASE,
)
CONCLUDES = re.compile(
    r"[\s\W]*(?:and |now,? )?(?:so|therefore|thus|hence|finally|in (?:conclusion|total|all|summary|short)"
    r"|conclusion|overall|altogether|consequently"
    r"|as a result|this (?:means|leaves|gives)|that (?:means|leaves|gives)|total|final)\b|∴",
    re.IGNORECASE,
)
REFUSES = re.compile(
    r"\b(?:(?:cannot|can't|can not|couldn't|unable to|(?:im|not )possible to)\s+(?:be\s+|\w+ly\s+)*"
    r"(?:determin|answer|calculat|sa[yi]|know|find|provid|solve|figure)\w*"
    r"|(?:mistake|error|typo) in the (?:\w+ )?(?:problem|question|given|statement|equation|information)"
    r"|\w*n[o']t (?:make sense|logical|possible|specif|provide)\w*"
    r"|(?:not enough|insufficient) information|unanswerable|contradict\w*|inconsisten\w*)",
    re.IGNORECASE,
)
NOTHING = "nothing in the text states an answer"
# What may stand before "Answer" in its line: a bullet, a quotation, emphasis, a number, "So the final".
_ANSWER_WORDS = (
    r"(?:answer|ans|antwort|réponse|respuesta|risposta|resposta|antwoord|svar|odpowiedź|ответ|cevap|jawaban|đáp án"
    r"|정답|답|(?:最终|最終|最后的?|正确|正しい)?(?:答案|答え|解答|回答|答|正解))"
)
_QUALIFIED = (
    r"(?:(?:so|thus|hence|therefore),?[ ])?(?:(?:the|my|our|la|le|die|de|o|a)[ ])?"
    r"(?:(?:final|correct|right|short|exact|numerical|numeric)[ ]){0,2}"
)
_ANSWER_LINE = re.compile(
    rf"^(?!\n)(?:[ \t>*_#`•$\-]{{0,12}}+)(?:[0-9]{{1,2}}[.)][ ]{{1,9}}+[*_]{{0,3}})?{_QUALIFIED}{_ANSWER_WORDS}"
    r"(?:[ ]\([^()\n]{1,40}\)|[ ]finale)?[*_`]{0,3}"
    r"(?:[ \t\u00a0\u202f]{0,3}(?:(?:is|ist|est|es|è)[ ]{0,3})?[:：﹕꞉=](?!=)|[ ](?:-|–|—|->|=>|→)[ ]"
    r"|[ ]?(?:是|为|為|は)[:：]?|(?=[*_` ]{0,4}$))"
    r"[*_`]{0,3}(?P<value>[^\n]*)",
    re.IGNORECASE | re.MULTILINE,
)
_TAGGED = re.compile(r"<(?P<tag>(?:final[_ -]?)?answer)>(?P<value>[^<>]{0,1000})</(?P=tag)>", re.IGNORECASE)
_QUOTED = re.compile(
    r"[\"'](?:final[_ ]?)?answer[\"']\s{0,9}:\s{0,9}"
    r"(?:\"(?P<value>(?:[^\"\\\n]|\\.){0,1000})\"|(?P<bare>[\w.+-]{1,100}))",
    re.IGNORECASE,
)
_STATES = re.compile(
    rf"{_QUALIFIED}(?:best[ ])?(?:answer|option|choice)[ ](?:is|would be|must be)[ ]?:?[ ]+"
    rf"(?!{_NOT_THE_ANSWER.pattern})(?P<value>[^\n]+)",
    re.IGNORECASE,
)
_PLACEHOLDER = re.compile(
    r"[\s*_`]*+(?:<[^<>\n]{0,60}>|\[(?:the |your |final )?(?:number|answer|letter|value|result|option)\]"
    r"|\.{2,}|…|_+)?[\s*_`.]*"
)
_WRAPPING = " \t\r*_`\"'“”"
# Words of a line below a heading "Answer:"; a longer line is prose.
_MOST_WORDS = 12
_NEXT_LINE = re.compile(r"\s*+(?:[-*•>][ ])?(?:[\s*_`$]|\\\[)*+(?P<value>[^\n]*)")
_SAYS_SOMETHING = re.compile(r"[^\W_]|∞|∅")


def shorten(text: str) -> str:
    """Return the head of a text in quotation marks, in one line."""
    line = " ".join(text[:200].split())
    return f'"{line[:60]}…"' if len(line) > 60 else f'"{line}"'


class Answer(NamedTuple):
    """What a text answers, None where that can't be told, and why, in one sentence."""

    value: str | None
    why: str


class Sentence(NamedTuple):
    """A sentence or a line of a blanked text, and where it stands."""

    text: str
    start: int
    end: int


def split_sentences(plain: str) -> list[Sentence]:
    """Return the sentences and lines of a blanked text that hold a letter or digit; "145.5" parts none."""
    runs = (match.span() for match in SENTENCE.finditer(plain))
    return [Sentence(plain[start:end], start, end) for start, end in runs if ALPHANUMERIC.search(plain, start, end)]


@dataclass(frozen=True, slots=True)
class AnswerLine:
    """The last "Answer: …" of a text: what stands behind the colon, where it begins, and how it is shown to people."""

    value: str
    start: int
    end: int
    is_last: bool
    name: str


def find_answer_line(text: str) -> AnswerLine | None:
    """Return the last line "Answer: …", `<answer>…</answer>` or `"answer": "…"` that holds something."""
    lines = deque(_ANSWER_LINE.finditer(text), MAX_MARKS)
    places = [(m.start(), m.end(), m["value"], "the last line that begins with Answer:") for m in lines]
    tags = deque(_TAGGED.finditer(text), MAX_MARKS)
    places += [(m.start(), m.end(), m["value"], "the last <answer> tag") for m in tags]
    fields = deque(_QUOTED.finditer(text), MAX_MARKS)
    places += [(m.start(), m.end(), m["value"] or m["bare"] or "", 'the last field "answer"') for m in fields]
    for start, end, value, name in sorted(places, reverse=True):
        # "<answer>Answer: 18</answer>", "Answer: The answer is 18"
        for pattern in (_ANSWER_LINE, _STATES):
            if inner := pattern.match(value.strip()):
                value = inner["value"]
        if _PLACEHOLDER.fullmatch(value):
            if value.strip(_WRAPPING + ".") or (next_line := _line_below(text, end)) is None:
                continue
            end, value = next_line
        return AnswerLine(
            value.strip(_WRAPPING)[:MAX_STATEMENT], start, end, not text[end:].strip(_WRAPPING + "}$\n.)]>"), name
        )
    return None


def has_answer_line(text: str) -> bool:
    """Return whether a response has a line that gives its answer: "Answer: 18", or GSM8K's "#### 18"."""
    return find_answer_line(text) is not None or _HASHES.search(text) is not None


def find_first_answer(text: str) -> int | None:
    """Return where the first answer line, mark or statement of a text ends; None where it has none."""
    matches = (pattern.search(text) for pattern in (_ANSWER_LINE, _HASHES, BOXED, _TAGGED, _STATED))
    return min((match.end() for match in matches if match), default=None)


def _line_below(text: str, end: int) -> tuple[int, str] | None:
    """Return where the line below a heading "Answer:" ends, and the line, if it is an answer and no working."""
    match = _NEXT_LINE.match(text, end)
    value = match["value"] if match else ""
    if match is None or not _SAYS_SOMETHING.search(value):
        return None
    following = text[match.end() : match.end() + 400].strip(_WRAPPING + "$\\]\n")
    is_short = len(value.split()) <= 4 and "=" not in value
    if len(value.split()) > _MOST_WORDS:
        return None
    is_alone = not following or BOXED.search(value) or ("=" not in value and (is_short or EXPLAINS.match(following)))
    return (match.end(), value) if is_alone else None


def find_marks(text: str, *, words: bool = False) -> list[str]:
    """Return what stands behind `####` and in `\\boxed{…}`; `words`: a last `#### B`, too."""
    # Nobody writes these but to mark the answer. Each mark once, where it stands last; of more than 20 the last 20.
    hashes = _HASHES.findall(text) or (_LAST_HASHES.findall(text) if words else [])
    marks = [mark.strip() for mark in hashes]
    boxes = {match.end() for match in BOXED.finditer(text)}
    closings = _closing_braces(text) if boxes else {}
    for start in sorted(boxes & closings.keys()):
        if closings[start] - start < MAX_EXPRESSION:
            marks.append(text[start : closings[start]].strip())
    return list(dict.fromkeys(reversed(marks)))[MAX_MARKS - 1 :: -1]


def _closing_braces(text: str) -> dict[int, int]:
    open_braces: list[int] = []
    closings = {}
    for brace in _BRACE.finditer(text):
        if brace[0] == "{":
            open_braces.append(brace.end())
        elif open_braces:
            closings[open_braces.pop()] = brace.start()
    return closings


@dataclass(frozen=True, slots=True)
class StatedAnswer:
    """What stands behind "the answer is" or "Answer:"; `last` if nothing but it ends the text."""

    text: str
    start: int
    last: bool


def find_statements(plain: str, sentences: list[Sentence]) -> list[StatedAnswer]:
    """Return what a blanked text states as the answer, in order; of more than 20 statements the last 20."""
    out = []
    for match in deque(_STATED.finditer(plain), MAX_MARKS):
        if _NOT_THE_ANSWER.match(plain, match.end()):
            continue
        index = bisect_right(sentences, match.end(), key=lambda s: s.end)
        if index == len(sentences):
            continue
        inline = plain[match.end() : sentences[index].end] if sentences[index].start <= match.end() else ""
        # "Answer:" is a heading: read on if what follows is one short statement.
        if not ALPHANUMERIC.search(inline):
            index += bool(sentences[index].start <= match.end())
            if index >= len(sentences) or not _alone(sentences, index):
                continue
            inline = sentences[index].text
        out.append(StatedAnswer(inline[:MAX_STATEMENT], match.start(), index >= len(sentences) - 1))
    return out


def _alone(sentences: list[Sentence], index: int) -> bool:
    """Return whether the line under a heading "Answer:" is the answer, not the first of several lines of working."""
    if index == len(sentences) - 1:
        return True
    is_bare = len(sentences[index].text.split()) <= 4 and "=" not in sentences[index].text
    return "=" not in sentences[index].text and (is_bare or bool(EXPLAINS.match(sentences[index + 1].text)))
