"""A text without its Markdown and LaTeX, at the same length. Pure.

blank_markup("**Total:** $5 \\\\times 3$")  -> "  Total:    5 *      3 "
"""

import re
from functools import lru_cache

_CURRENCY = "$€£¥₹"
_SAME_LENGTH = str.maketrans(
    {"−": "-", "–": "-", "‐": "-", "‑": "-", "\u00a0": " ", "\u202f": " ", "\u2009": " ", "\t": " ", "\r": " "}
    | {"×": "*", "✕": "*", "·": "*", "⋅": "*", "∙": "*", "∗": "*", "÷": "/", "⁄": "/", "∕": "/"}
    | {"≅": "≈", "≃": "≈", "∼": "≈", "~": "≈", "＝": "=", "’": "'", "‘": "'", "`": " "}
    | dict(zip("０１２３４５６７８９：％＋，．（）", "0123456789:%+,.()", strict=True))
    | dict.fromkeys(_CURRENCY, " ")
)
_LATEX_WORDS = {"times": "*", "cdot": "*", "ast": "*", "div": "/", "approx": "≈", "simeq": "≈", "sim": "≈"}
_LATEX_BLANKS = "left right text textbf mathrm mathbf boxed fbox displaystyle quad qquad".split()
_LATEX_LEFT = str.maketrans("&{}", "   ")
_LATEX_WORD = re.compile(rf"\\({'|'.join([*_LATEX_WORDS, *_LATEX_BLANKS])})(?![A-Za-z])")
_LATEX_KEPT_SIGN = re.compile(r"\\([%*])")
_LATEX_SIGN = re.compile(r"\\[^A-Za-z]")
_FRACTION = re.compile(r"\\[dt]?frac\s?\{([^{}\n]{1,60}+)\}\s?\{([^{}\n]{1,60}+)\}")
_THOUSANDS_SPACE = re.compile(r"(?<=[0-9])[\u00a0\u202f\u2009](?=[0-9]{3}(?![0-9]))")
_LATEX_THOUSANDS = re.compile(
    r"(?<![0-9.,])[0-9]{1,3}(?:(?:\{(?:\\?,| )\}|,\{\}|\\(?:text|mathord|mathrm)\{,\}"
    r"|\\!?[,;:! ]|,\\! ?|~|['’])[0-9]{3})+(?![0-9])(?:\.[0-9]+)?"
)
_DIGITS = re.compile(r"[0-9]+(?:\.[0-9]+)?")
_SIGNED_MONEY = re.compile(rf"([-−–])([{_CURRENCY}])(?=\s?[0-9])")
# Not the power of "5**3".
_BOLD = re.compile(r"__|(?!(?<=[0-9)])\*\*[0-9(])(?!(?<=[0-9)] )\*\* [0-9(])\*\*")
_ITALIC = re.compile(r"(?<![\w*)])\*(?=[^\W\d_])([^*\n]{1,200})\*(?![\w*(])")
_EQUALS = re.compile(r"\b(?:is equal to|are equal to|equals to|equals)\b(?=[^.\n]{0,30}[0-9])", re.IGNORECASE)
_BULLET = re.compile(r"^[ ]*(?:[-*•●▪>]|#{1,6}|\(?[a-zA-Z][.)])(?=[ ]+\S)", re.MULTILINE)
_NUMBERED = re.compile(r"^[ ]*(?:#{1,6} )?\(?[0-9]{1,2}[.)](?=[ ]+\S)", re.MULTILINE)
_NUMBERED_FROM_ONE = re.compile(r"^[ ]*(?:#{1,6} )?\(?1[.)][ ]", re.MULTILINE)


@lru_cache(maxsize=64)
def blank_markup(text: str) -> str:
    """Return the text with Markdown, LaTeX, bullets and currency signs blanked or put plainly, at the **same length**.

    "**Total:** $5 \\times 3$" -> "  Total:    5 *      3 ": a span found in the result is a span of the text.
    """
    out = _THOUSANDS_SPACE.sub(",", text)
    out = _LATEX_THOUSANDS.sub(_plain_thousands, out)
    out = _SIGNED_MONEY.sub(r" \1", out)
    if "\\" in out:
        out = _FRACTION.sub(_plain_fraction, out)
        out = _plain_latex(out).translate(_LATEX_LEFT)
    out = _BOLD.sub("  ", out)
    out = out.translate(_SAME_LENGTH)
    if "equal" in out:
        out = _EQUALS.sub(lambda m: "=".ljust(len(m[0])), out)
    out = _ITALIC.sub(r" \1 ", out)
    out = _BULLET.sub(lambda m: " " * len(m[0]), out)
    # "12. Because 6 * 2 = 12." is an answer, not the twelfth point of a list.
    if _NUMBERED_FROM_ONE.search(out):
        out = _NUMBERED.sub(lambda m: " " * len(m[0]), out)
    return out


def _plain_thousands(match: re.Match[str]) -> str:
    # "9{,}500" -> "9,500  "
    return ",".join(_DIGITS.findall(match[0])).ljust(len(match[0]))


def _plain_fraction(match: re.Match[str]) -> str:
    short = f"(({match[1]})/({match[2]}))"
    return "((" + " " * (len(match[0]) - len(short)) + short[2:]


def _plain_latex(text: str) -> str:
    # Two backslashes go first: in "\\%" the sign is no LaTeX.
    out = text.replace("\\\\", "\n ")
    out = _LATEX_WORD.sub(lambda m: _LATEX_WORDS.get(m[1], "").ljust(len(m[0])), out)
    return _LATEX_SIGN.sub("  ", _LATEX_KEPT_SIGN.sub(r" \1", out))


def blank_markup_but_letters(text: str) -> str:
    """Return the text as `blank_markup` does, but with the letter of "C) Only two", which is a bullet there."""
    return _BOLD.sub("  ", text).translate(_SAME_LENGTH)


def strip_latex(text: str) -> str:
    """Return a short answer without LaTeX's wrapping: `\\text{B}` -> `B`."""
    return _plain_latex(text).translate(_LATEX_LEFT).strip() if "\\" in text else text
