"""How long each reader of foreign texts takes at most, over kinds of text that could keep it busy.

    python -m benchmarks.readers [--json] [--mixtures 50] [--reader NAME] [--kinds 5]

For each reader the slowest milliseconds of processor time over all kinds of text at 1,000, 10,000 and 100,000
characters, and the kind that took them. A text that takes long is read twice, and the faster time counts: the
other may be the collector's or another program's. `--kinds` also lists the slowest kinds of each reader. What reads
texts once more, such as a page, reads many of them: many times as long, and no longer.
"""

import argparse
import json
import random
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from mapd import checks, equations, prompts, thoughts
from mapd.answers import expressions, grading, limits, markup, sequel
from mapd.answers.grading import Task
from mapd.answers.numbers import parse_number
from mapd.characters import as_json, visible
from mapd.errors import MapdError
from mapd.models import simulated
from mapd.questions import file_table, generated, imports, tables
from mapd.review.disputed_steps import find_first_wrong_step
from mapd.score_forms import MAX_REVIEW
from mapd.scores import parse_score
from mapd.store.browse import split_phrases
from mapd.ui.kit import rich_text
from mapd.ui.kit import text as shown

Kind = Callable[[int], str]
Reader = Callable[[str], object]

# --- Kinds of text: what a hostile or broken model writes, at any length ---------------------------------------------

# A unit that is repeated
REPEATED = {
    "blanks": " ", "tabs": "\t", "line ends": "\n", "blank lines": " \n", "windows lines": "\r\n", "no-break": "\xa0",
    "letters": "a", "capitals": "A", "words": "word ", "a word a line": "word\n", "digits": "7", "zeros": "0",
    "numbers": "7 ", "several numbers": "12 345 6 78 9 ", "digits and commas": "1,", "thousands": "1,000",
    "digits and dots": "1.", "dots": ".", "versions": "1.2.3.", "unicode digits": "٣", "wide digits": "４",
    "fractions": "1/2 ", "slashes": "4/5/", "vulgar fractions": "½", "units": "5m ", "equals": "=",
    "spaced equals": "= ", "sum": "1+1", "spaced sum": "1 + 1 + ", "chain": "1=1", "spaced chain": "1 = 1 = ",
    "false chain": "1 + 1 = 3 ", "true lines": "2 * 3 = 6\n", "false lines": "2 * 3 = 7\n", "about": "≈",
    "about numbers": "1 ≈ 1 ≈ ", "minus": "-", "spaced minus": "- 1 ", "stars": "*", "double stars": "**",
    "powers": "9**", "carets": "9^", "towers": "2^(", "exponents": "1e999999999 ", "factorials": "9!",
    "percents": "5% ", "percent signs": "%", "times": "5 x ", "of": "5 of ", "words and numbers": "apples 5 ",
    "equals in words": "1 is equal to 1 ", "divided": "8 divided by 2 ", "parentheses": "(", "closing": ")",
    "pairs": "()", "brackets": "[", "closing brackets": "]", "braces": "{", "closing braces": "}",
    "numbers in parentheses": "(1", "notes": "5 (a b) ", "open notes": "(a ", "backslashes": "\\",
    "unclosed boxes": "\\boxed{", "boxes": "\\boxed{1}", "different boxes": "\\boxed{1} \\boxed{x} ",
    "boxed fractions": "\\boxed{\\frac{1}{2}}", "unclosed fractions": "\\frac{", "half fractions": "\\frac{1}{",
    "roots": "\\sqrt{", "left and right": "\\left( \\right) ", "left": "\\left(", "texts": "\\text{",
    "thin spaces": "9\\,", "latex words": "\\times ", "begin": "\\begin{align}", "scripts": "x^{", "subscripts": "x_{",
    "hashes": "#", "marks": "#### 5\n", "different marks": "#### 5\n#### 6\n", "marks in a line": "#### ",
    "headings": "### 1. A\n", "numbered": "1. a\n", "bullets": "- a\n", "letters in brackets": "(a) b\n",
    "answer is": "answer is ", "the answer is": "the answer is 5. ",
    "two answers": "The answer is 5. The answer is 6. ", "answer colon": "Answer:", "answer headings": "Answer:\n",
    "answer lines": "Answer: 5\n", "answer to": "answer to the ", "so": "so ", "therefore": "Therefore, 5. ",
    "if": "if 5, ", "conditions": "if a, ", "cannot": "cannot be ", "student's answer": "the student's answer ",
    "correct answer": "the correct answer is 5. ", "not": "not 72, ", "correct answer for": "correct answer for ",
    "should be": "should be 5 ", "a total of": ", for a total of ", "instead of": "instead of 5 ",
    "blames": "the student's mistake is 5. ", "more": "other than more ", "options": "A. B. C. D. ",
    "option": "correct option is A. ", "a or b": "A or B ", "is correct": "A is correct. ", "yes no": "yes no ",
    "not true": "not true ", "it is true": "it is true. ", "thoughts": "<think>",
    "closed thoughts": "<think>a</think>", "closing thoughts": "a</think>",
    "channels": "<|channel|>analysis<|message|>a<|end|>", "turns": "<|im_start|>user\n",
    "questions": "Question: a\n", "questions in numbers": "1. How many pens has he?\n", "own turns": "assistant: ",
    "paragraphs that ask": "\n\nTom has 3 pens and gets 4 more pens. How many?\n",
    "answer tags": "<answer>5</answer> ",
    "answer fields": '"answer": "5", ', "wide answer colons": "答案：5\n",
    "lists": "1, 2 and 3 or 4; ", "unions": "[0, 1] ∪ ", "inequalities": "0 < x < ",
    "latex thousands": "9{,}500", "powers of ten": "5 * 10^3 ",
    "spaced thousands": "9 500 ",
    "tags": "<b>", "closing tags": "</solution>\n", "entities": "&amp;",
    "currency": "$", "money": "$5 ", "currencies": "€£¥", "maths": "$x$ ", "maths of one": "$1$ ", "display": "$$x$$ ",
    "money and words": "$5 and ", "quotes": '"', "curly quotes": "“", "quoted": '"a b c" is wrong. ',
    "half quoted": '"ab ', "backticks": "`", "spaced backticks": "` ", "fences": "```\n", "apostrophes": "n't ",
    "initials": "A.B.",
    "colons": ":", "commas": ", ", "sentences": "a. ", "long sentences": "It is a long day. ", "exclamations": "!",
    "labels": "a: b\n", "scores": "[5] ", "different scores": "[1] [2] [3] ", "score": "score ",
    "score labels": "Score: 5 ", "score this": "score this a b ", "ranges": "1-5 ", "bracketed ranges": "[1-5] ",
    "out of": "5 out of ", "of five": "4/5. ", "five of five": "55/555/", "json scores": '{"score": 5} ',
    "xml scores": "<score>5</score> ", "wide colons": "Rating：5 ", "corner brackets": "【5】", "I give": "I give [5] ",
    "ends with": "ends with [5] ", "quoted scores": '"[5]" ', "quoted lines": "> [5]\n", "equations": "equation [1] ",
    "steps": "Step 1 is wrong. ", "step numbers": "step 12 ", "wrong": "wrong ", "pipes": "|", "tables": "| a | b |\n",
    "table rules": "|---|---|\n", "emphasis": "*a* ", "strong": "**a ", "mixed emphasis": "*a_b*c_",
    "underscores": "_", "strikes": "~~a~~ ", "links": "[a](b) ", "open links": "[a](",
    "urls": "https://evil.test/a?b=c ", "www": "www.a.b ", "mails": "a@b.c ", "rules": "---\n", "code": "    a\n",
    "html": "<a b='c'>", "comments": "<!--", "escapes": "\\*", "round maths": "\\(x\\) ", "unclosed maths": "\\(",
    "square maths": "\\[", "long formulas": f"${'x+' * 450}x$ ",
    "matrices": "$\\begin{matrix}1&2\\\\3&4\\end{matrix}$ ", "small formulas": "$x_1^2$ ", "accents": "é",
    "many accents": "́", "zero width": "\u200b", "right to left": "\u202e", "hebrew": "שלום ",
    "emoji": "👩\u200d👩\u200d👧 ", "escape sequences": "\x1b[31m", "tag characters": "\U000e0041",
    "surrogates": "\ud800", "chinese": "答案是五。", "number words": "five ", "tens": "twenty-", "scales": "5 hundred ",
    "halves": "and a half ", "dozens": "3 dozen ",
}  # fmt: skip
# What opens, what is inside, what closes
NESTED = {
    "nested parentheses": ("(", "1", ")"), "nested sums": ("(1+", "1", ")"), "nested brackets": ("[", "5", "]"),
    "nested braces": ("{", "1", "}"), "nested boxes": ("\\boxed{", "5", "}"), "nested minus": ("-(", "1", ")"),
    "nested fractions": ("\\frac{1}{", "2", "}"), "nested roots": ("\\sqrt{", "2", "}"),
    "nested powers": ("2^{", "2", "}"), "nested left": ("\\left(", "x", "\\right)"),
    "nested texts": ("\\text{", "a", "}"), "nested emphasis": ("*", "a", "*"), "nested strong": ("**a ", "b", "**"),
    "nested quotations": ("> ", "a", ""), "nested bullets": ("- ", "a", ""),
    "nested thoughts": ("<think>", "5", "</think>"),
    "nested brackets of a list": ("[1, (", "2, 3", ")]"), "nested tags": ("<b>", "a", "</b>"),
    "nested links": ("[", "a", "](b)"), "nested scores": ("[Score: ", "5", "]"),
    "nested begins": ("\\begin{align}", "x", "\\end{align}"),
}  # fmt: skip
# What begins, what is repeated, what ends
FRAMED = {
    "sum before equals": ("", "1 + ", "1 = 3"), "open sum before equals": ("", "(1 + ", "1 = 3"),
    "sum behind equals": ("3 = ", "1 + ", "1"), "blanks before equals": ("1 + 1", " ", "= 3"),
    "blanks behind equals": ("1 + 1 =", " ", "3"), "digits before equals": ("", "9", " = 3"),
    "power before equals": ("", "9^", "9 = 3"), "tower before equals": ("", "9^(", "9 = 3"),
    "words before equals": ("5 ", "apples ", "= 3"), "minus before equals": ("", "-", "1 = 3"),
    "product before equals": ("", "9 * ", "9 = 3"), "quotient before equals": ("", "9/", "9 = 3"),
    "percents before equals": ("5", "%", " = 3"), "clauses before equals": ("1 + 1 ", "and ", "= 2"),
    "box of blanks": ("\\boxed{", " ", "}"), "box of digits": ("\\boxed{", "9", "}"),
    "box of a tower": ("\\boxed{", "9^", "9}"), "answer of digits": ("The answer is ", "9", "."),
    "answer of thousands": ("The answer is 1", ",000", "."), "answer behind blanks": ("The answer is", " ", "5."),
    "answer behind lines": ("Answer:", "\n", "5"), "answer of words": ("The answer is ", "five ", "."),
    "answer before words": ("The answer is 5. ", "word ", ""), "mark of digits": ("#### ", "9", ""),
    "mark of blanks": ("####", " ", "5"), "hashes and a number": ("", "#", " 5"),
    "letter behind blanks": ("Answer:", " ", "(B)"), "truth behind blanks": ("Answer:", " ", "yes"),
    "correct answer and blanks": ("the correct answer to", " ", "x"), "cannot and blanks": ("cannot", " ", "x"),
    "a total of dots": (", for a total of 5", ".,", "a5"), "more than": ("more ", "a ", "than 5"),
    "score and blanks": ("score", " ", "x"), "score and stars": ("score", " *_", "x"),
    "score of digits": ("Score: ", "9", ""), "bracket of blanks": ("[", " ", "5]"),
    "bracket of digits": ("[", "5", "]"), "bracket of decimals": ("[5.", "0", "]"),
    "out of and blanks": ("5 out", " ", "of 5"), "I give": ("I give ", "it ", "5/5"),
    "open thought": ("<think>", "[5] ", ""), "quoted words": ('"', "word ", '" is wrong'),
    "quoted blanks": ('"', " ", 'a" is wrong'), "step and blanks": ("step", " ", "1 is wrong"),
    "number and blanks": ("1", " ", ". a"), "one number": ("", " ", "5"), "one power": ("10^", "9", ""),
    "one decimal": ("0.", "3", ""), "one exponent": ("1e", "9", ""), "one root": ("\\sqrt{", "9", "}"),
    "one product": ("", "7*", "7"), "one emphasis": ("*", "a", "*"), "one formula": ("$", "x+", "x$"),
    "one table": ("| a |\n|---|\n", "| 1 |\n", ""), "one display": ("$$", "\\frac{1}{2}", "$$"),
    "one fence": ("```\n", "a\n", "```"), "one bullet": ("- ", "a ", ""), "one word": ("", "ab", " is 5"),
}  # fmt: skip
# As many numbers and equals signs as are read, then words
CROWDED = {
    "numbers": "7 ", "results": "= 7 ", "true equations": "2 * 3 = 6 ", "false equations": "2 * 3 = 7 ",
    "false lines": "2 * 3 = 7\n", "percents": "5 / 20 * 100 = 26% ", "sums": "1 + 1 + ", "chains": "1 = 1 = ",
    "rejected": "not 72, ", "right ones": "should be 5 ", "blames": "the student's mistake is 5. ",
    "answers": "the answer is 5. the answer is 6. ", "boxes": "\\boxed{1} ", "fractions": "1/2 ", "money": "$5 ",
    "big products": "99999999999999999999 * ", "conclusions": "Therefore, 5. ", "scales": "5 million and a half ",
    "units": "5 apples and ", "words": "5 a b c d e f ", "powers": "9^30 * ", "mixed numbers": "2 1/2 ",
    "parts": "5 of ", "open sums": "(1 + ", "labels": "a: 5\n", "steps": "Step 5 ",
    "long numbers": "1234567890.1234567890/3 ",
}  # fmt: skip
FILLERS = {"words": "word ", "sentences": "It is a day. ", "lines": "a long line of it\n"}
PARTS = limits.MAX_NUMBERS - 20


def fit(unit: str, length: int) -> str:
    """Repeat a unit up to a length."""
    return (unit * (length // len(unit) + 1))[: max(0, length)]


def _repeated(unit: str) -> Kind:
    return lambda length: fit(unit, length)


def _nested(opening: str, inside: str, closing: str) -> Kind:
    def kind(length: int) -> str:
        depth = max(1, (length - len(inside)) // (len(opening) + len(closing)))
        return opening * depth + inside + closing * depth

    return kind


def _framed(head: str, unit: str, tail: str) -> Kind:
    return lambda length: head + fit(unit, length - len(head) - len(tail)) + tail


def _crowded(unit: str, filler: str) -> Kind:
    words = unit.replace("^", " ").replace(",", "").replace("$", "").split()
    parts = max(1, sum(word == "=" or any(map(str.isdigit, word)) for word in words))

    def kind(length: int) -> str:
        head = fit(unit, min(length, PARTS // parts * len(unit)))
        return head + fit(filler, length - len(head))

    return kind


KINDS: Mapping[str, Kind] = {
    **{name: _repeated(unit) for name, unit in REPEATED.items()},
    **{name: _nested(*parts) for name, parts in NESTED.items()},
    **{name: _framed(*parts) for name, parts in FRAMED.items()},
    **{
        f"many {name}, then {what}": _crowded(unit, filler)
        for name, unit in CROWDED.items()
        for what, filler in FILLERS.items()
    },
}
_PIECES = [piece for parts in (*NESTED.values(), *FRAMED.values()) for piece in parts if piece] + [*REPEATED.values()]


def _mixture(number: int) -> Kind:
    def kind(length: int) -> str:
        draw = random.Random(number)
        pieces, out, size = draw.sample(_PIECES, draw.randint(2, 6)), [], 0
        while size < length:
            out.append(draw.choice(pieces) * draw.choice((1, 1, 1, 2, 3, 10, 100)))
            size += len(out[-1])
        return "".join(out)[:length]

    return kind


def _alternation(number: int) -> Kind:
    draw = random.Random(number)
    return _repeated("".join(draw.sample(_PIECES, draw.randint(2, 4))))


def mixtures(count: int) -> dict[str, Kind]:
    """So many drawn mixtures of pieces, and as many alternations of a few."""
    drawn = {f"mixture {number}": _mixture(number) for number in range(count)}
    return drawn | {f"alternation {number}": _alternation(number) for number in range(count)}


# --- Readers ----------------------------------------------------------------------------------------------------------

LENGTHS = (1_000, 10_000, 100_000)
LIMITS = {  # a longer text isn't read by these
    **{"answer": limits.MAX_TEXT, "grade": limits.MAX_TEXT, "comparison": limits.MAX_TEXT, "score": MAX_REVIEW},
    **{"checks of": checks.MAX_EXPLANATION, "checks against": limits.MAX_TEXT},
}
SLOW = 0.02  # seconds after which a text is read once more
OPTIONS = ("rises", "falls", "stays")
GOLDS = {Task.NUMERIC: "18", Task.BOOLEAN: "true", Task.CHOICE: "B", Task.TEXT: "grandmother"}
LEGS = generated.generate("leg_counting", 1, seed=0)[0]
KIN = generated.generate("kinship", 1, seed=0)[0]
REVIEW = '"87 / 93 = 0.94" is false. Step 2 is wrong. [2]'


def _options(task: Task) -> tuple[str, ...]:
    return OPTIONS if task is Task.CHOICE else ()


def _file(task: Task) -> Callable[[str], object]:
    def read(text: str) -> object:
        row: dict[str, Any] = {"question": text, "answer": text, "id": text}
        row |= {"options": [text, "b"]} if task is Task.CHOICE else {}
        try:
            table = tables.read(file_table.QuestionFile("x.jsonl", json.dumps(row).encode()))
            return imports.read([table], imports.Instructions(task=task, split="train"))
        except MapdError as refused:
            return str(refused)

    return read


READERS: Mapping[str, Reader] = {
    **{f"answer, {t}": lambda x, t=t: grading.extract_answer(x, t, _options(t)) for t in Task},
    **{f"grade, {t}": lambda x, t=t: grading.grade(x, GOLDS[t], t, _options(t)) for t in Task},
    "comparison with an answer": lambda x: grading.answers_equal(x, "18", Task.NUMERIC),
    "comparison with a gold": lambda x: grading.answers_equal("18", x, Task.NUMERIC),
    "comparison of texts": lambda x: grading.answers_equal(x, f"{x} ", Task.TEXT),
    "comparison of expressions": lambda x: grading.answers_equal(x[:100], "\\frac{1}{2}", Task.NUMERIC),
    "comparison of sets": lambda x: grading.answers_equal(x[:290], f"{{{x[:280]}}}", Task.TEXT),
    "one number": parse_number,
    "thought of a text": thoughts.split,
    "invented next question": sequel.cut_sequel,
    **{f"checks of a rationale, {t}": lambda x, t=t: checks.check_rationale(x, GOLDS[t], t, _options(t)) for t in Task},
    **{f"checks of a feedback, {t}": lambda x, t=t: checks.check_feedback(x, GOLDS[t], t, _options(t)) for t in Task},
    "checks against a gold": lambda x: checks.check_rationale("It is 5 + 5 = 10.", x, Task.NUMERIC),
    "equations": equations.equations,
    "score of a review": parse_score,
    "score, beside a solution": lambda x: parse_score("Its [5] is wrong. [2]", "", x),
    "score of what it reviews": lambda x: parse_score(x, x, x),
    "wrong step of a text": lambda x: find_first_wrong_step(x, REVIEW),
    "wrong step of a review": lambda x: find_first_wrong_step("1. Add.\n2. Divide by 93.", x),
    "wrong step, quoted": lambda x: find_first_wrong_step(x, f'"{x[:290]}" is wrong.'),
    "rendering": lambda x: rich_text.body(x),
    "text on a page": lambda x: shown.foreign_html(x, shown.find_hits(x, "word 5")),
    "line on a page": lambda x: shown.foreign_line_html(x, words="word 5"),
    "label": shown.label,
    "search for it": split_phrases,
    "search in itself": lambda x: shown.find_hits(x, x[:300]),
    "text in a terminal": visible,
    "text as JSON": as_json,
    "prompt": lambda x: prompts.read(prompts.review_messages(x, x, x)[1].content),
    **{f"question file, {t}": _file(t) for t in Task},
    "simulated teacher, sums": lambda x: simulated.read_solution(LEGS, x, "16"),
    "simulated teacher, kinship": lambda x: simulated.read_solution(KIN, x, "aunt"),
    "simulated teacher, question": generated.read,
}


class Slowest(NamedTuple):
    """The kind that took a reader longest at one length."""

    milliseconds: float
    kind: str


def forget() -> None:
    """Empty the caches: each reader reads the text itself."""
    for module in (markup, limits, expressions, checks):
        for cached in vars(module).values():
            if hasattr(cached, "cache_clear"):
                cached.cache_clear()


def seconds(reader: Reader, text: str) -> float:
    """Return the processor time of one reading."""
    forget()
    begin = time.process_time()
    reader(text)
    return time.process_time() - begin


def measure(reader: Reader, kinds: Mapping[str, Kind], length: int) -> list[Slowest]:
    """Return each kind's milliseconds, the slowest first."""
    times = []
    for name, kind in kinds.items():
        text = kind(length)
        taken = seconds(reader, text)
        if taken > SLOW:
            taken = min(taken, seconds(reader, text))
        times.append(Slowest(taken * 1_000, name))
    return sorted(times, reverse=True)


def warm_up() -> None:
    """Let each reader import and prepare what it needs."""
    for reader in READERS.values():
        reader("The answer is \\boxed{\\frac{1}{2}}, $x^2$. [5]")


def main() -> None:
    """Measure and print: a table, or one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--mixtures", type=int, default=50)
    parser.add_argument("--reader", default="", help="only readers with this in their name")
    parser.add_argument("--kinds", type=int, default=0, help="so many of the slowest kinds of each reader, too")
    asked = parser.parse_args()
    kinds = dict(KINDS) | mixtures(asked.mixtures)
    warm_up()
    if not asked.json:
        print(f"{len(kinds)} kinds; slowest ms at {', '.join(f'{length:,}' for length in LENGTHS)} characters")
    results: dict[str, Sequence[Slowest]] = {}
    for name in (name for name in READERS if asked.reader in name):
        longest = next((limit for prefix, limit in LIMITS.items() if name.startswith(prefix)), LENGTHS[-1])
        measured = [measure(READERS[name], kinds, min(length, longest)) for length in LENGTHS]
        results[name] = [times[0] for times in measured]
        if not asked.json:
            times = " ".join(f"{slowest.milliseconds:9.1f}" for slowest in results[name])
            print(f"{name:32} {times}   {results[name][-1].kind}", flush=True)
            for slowest in measured[-1][: asked.kinds]:
                print(f"{'':50} {slowest.milliseconds:9.1f}   {slowest.kind}")
    if asked.json:
        lengths = [str(length) for length in LENGTHS]
        readers = {name: dict(zip(lengths, slowest, strict=True)) for name, slowest in results.items()}
        print(json.dumps({"kinds": len(kinds), "readers": readers}))


if __name__ == "__main__":
    main()
