"""The final answer of a text that comes to true or false. Pure.

read_boolean("Rome is older. So the answer is yes.")  -> Answer("true", "…")
"""

import re

from mapd.answers import places
from mapd.answers.markup import blank_markup, strip_latex
from mapd.answers.places import Answer

_TRUTH = {"true": "true", "yes": "true", "false": "false", "no": "false", "correct": "true", "incorrect": "false"}
_TRUE_ALONE = "t y 1 yeah yep right sí si oui ja da sim wahr richtig vrai verdadero vero да верно 是 对 是的 はい 네"
_FALSE_ALONE = "f n 0 nope wrong non nein falsch faux falso não нет неверно 否 不是 不对 いいえ 아니요"
_TRUTH_ALONE = _TRUTH | dict.fromkeys(_TRUE_ALONE.split(), "true") | dict.fromkeys(_FALSE_ALONE.split(), "false")
_TRUTH_WORD = re.compile(r"\b(true|false|yes|no)\b", re.IGNORECASE)
_IS_CORRECT = re.compile(r"(?:(?<=is)|(?<='s)|(?<=was))\s+(correct|incorrect|wrong)\b", re.IGNORECASE)
_SENTENCE_END = re.compile(r"[.!]\s")
_NO_BEFORE_NOUN = re.compile(  # "no idea", "no one knows"
    r"\bno\s+(?!(?:it|he|she|they|we|you|i|that|this|there|because|since|as|but|and|or|if|not|way|a|an|the)\b)\w+"
    r"|\bno way to\b",
    re.IGNORECASE,
)
_OPEN = re.compile(r"\b(?:whether|if|unless|unsure|not sure|unclear|depends|unknown|determined)\b", re.IGNORECASE)
_BARE_TRUTH = re.compile(r"[\s\W]*(true|false|yes|no)\b(?=\s*(?:$|[.,;:!\n(*-]|because|since|as\b))", re.IGNORECASE)
_BOTH = re.compile(
    r"\b(?:true|yes)\s*(?:/|or|and)\s*(?:false|no)\b|\b(?:false|no)\s*(?:/|or|and)\s*(?:true|yes)\b", re.IGNORECASE
)
_NEGATED = re.compile(r"\b(?:not|n't|neither|isn't|cannot)\s+(?:\w+\s+)?(?:true|false|yes|no)\b", re.IGNORECASE)
_IS_TRUE = re.compile(
    r"\b(?:(?:statement|claim|question|assertion|answer|it|this|that|which)\s+(?:is|would be|must be|was|seems)"
    r"|(?:it|that)'s)\s+"
    r"(?:\w+ly\s+|thus\s+|therefore\s+)?(true|false|yes|no)\b(?!\s+(?:that|if))",
    re.IGNORECASE,
)
_CONCLUDES_TRUTH = re.compile(
    r"[\s\W]*(?:so|therefore|thus|hence|finally|(?:in )?conclusion|verdict|overall|consequently)\W+(true|false|yes"
    r"|no)\b(?=\s*(?:$|[.,;:!]))",
    re.IGNORECASE,
)


def read_truth(text: str) -> str | None:
    """Return the truth that a gold gives first: "Yes." -> "true"; StrategyQA's "false.\\t<facts>" -> "false"."""
    match = re.match(r"[\W_]*([A-Za-z]+)(?=[\W_]|$)", text[:200])
    return _TRUTH.get(match[1].lower()) if match else None


def same_truth(answer: str, gold: str) -> bool:
    """Return whether both are the same truth, and can be read."""
    return (truth := read_truth(answer)) is not None and truth == read_truth(gold)


def read_boolean(text: str) -> Answer:
    """Return what a text answers: "true" or "false"."""
    if (line := places.find_answer_line(text)) is not None:
        truth = _read_mark(line.value)
        why = "decides" if truth else f"says neither true nor false alone: {places.shorten(line.value)}"
        return Answer(truth, f"{line.name} {why}")
    if marks := places.find_marks(text, words=True):
        truths = {_read_mark(mark) for mark in marks}
        if len(truths) == 1 and None not in truths:
            return Answer(truths.pop(), "what is marked by \\boxed{} or #### decides")
        if any(map(_TRUTH_WORD.search, marks)):
            return Answer(None, f"what is marked is not one of true and false: {places.shorten(marks[-1])}")
    return _read_sentences(blank_markup(text))


def _read_mark(mark: str) -> str | None:
    # A single word may also be "T", "incorrect" or "1".
    plain = strip_latex(blank_markup(mark)).strip()
    if truth := _TRUTH_ALONE.get(_word(plain)) or _TRUTH.get(_word(_SENTENCE_END.split(plain, maxsplit=1)[0])):
        return truth
    plain = _IS_CORRECT.sub(lambda m: f" {_TRUTH_ALONE[m[1].lower()]}", plain)
    return _only_truth(plain) if _TRUTH_WORD.search(plain) else None


def _word(text: str) -> str:
    return text.strip(" .!。()[]{}'\"“”*_$").lower()


def _read_sentences(plain: str) -> Answer:
    sentences = places.split_sentences(plain)
    if not sentences:
        return Answer(None, places.NOTHING)
    statements = [s for s in places.find_statements(plain, sentences) if _TRUTH_WORD.search(s.text)]
    truths: set[str | None] = {_only_truth(statement.text) for statement in statements}
    if match := _BARE_TRUTH.match(sentences[0].text):
        truths.add(None if _BOTH.search(sentences[0].text) else _TRUTH[match[1].lower()])
    last = sentences[-1].text
    is_stated = bool(statements) and statements[-1].last  # "So the answer is no, since it isn't true"
    if not is_stated and (len(sentences) == 1 or places.CONCLUDES.match(last) or _BARE_TRUTH.match(last)):
        truths |= _concluded_truths(last)
    if len(truths) > 1:
        return Answer(None, "its statements, first word and last sentence say both true and false, or leave it open")
    if not truths or None in truths:
        return Answer(None, "a sentence leaves it open" if truths else places.NOTHING)
    where = (
        "a sentence states the answer" if statements else "nothing marks an answer; its first or last sentence says it"
    )
    return Answer(truths.pop(), where)


def _concluded_truths(sentence: str) -> set[str | None]:
    if _BOTH.search(sentence) or _NEGATED.search(sentence):
        return {None}
    patterns = (_CONCLUDES_TRUTH, _BARE_TRUTH)
    truths: set[str | None] = {_TRUTH[m[1].lower()] for p in patterns if (m := p.match(sentence))}
    return truths | {_TRUTH[m[1].lower()] for m in _IS_TRUE.finditer(sentence)}


def _only_truth(text: str) -> str | None:
    """Return the one truth word of a short statement; None where it has both, or denies one."""
    text = _NO_BEFORE_NOUN.sub(" ", text)
    # "the answer is yes, no doubt": what follows the first comma explains, as does a second sentence
    head = re.split(r"[,;:(—]|[.!]\s|\s-\s|\bbecause\b|\bsince\b|\bas\b", text, maxsplit=1)[0]
    saying = head if _TRUTH_WORD.search(head) else text
    if _NEGATED.search(saying) or _BOTH.search(text) or _OPEN.search(saying):
        return None
    truths = {_TRUTH[m[1].lower()] for m in _TRUTH_WORD.finditer(saying)}
    return truths.pop() if len(truths) == 1 else None
