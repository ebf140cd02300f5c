"""Hostile texts in the authors' shape: what a model or a file may write, and nobody may be hurt by.

Every text asks a foreign host for something, blanks the page, breaks out of its element, or deceives the eye.
"""

from pathlib import Path
from typing import Any

from tests import samples

EVIL = "evil.test"
TEXTS = (
    f'<script>document.title="owned";fetch("http://{EVIL}/s")</script>',
    "<style>* { display: none !important } body { background: url(http://evil.test/css) }</style>",
    f'<img src="http://{EVIL}/i.png" onerror="document.title=\'owned\'">',
    f"![a picture](http://{EVIL}/md.png) and [a link](javascript:document.title='owned')",
    "It costs $5 and $3, so $5 + 3 = 8$.",
    ":red[not red] :material/delete: :streamlit: :balloon: :orange-badge[no]",
    "</div></details></summary></section></textarea></title><h1>broken out</h1>",
    f'<iframe src="http://{EVIL}/f"></iframe><form action="http://{EVIL}/p"><input name="a"></form>',
    f'<svg onload="document.title=\'owned\'"><use href="http://{EVIL}/x.svg#a"/></svg>',
    f'<link rel="stylesheet" href="http://{EVIL}/l.css"><meta http-equiv="refresh" content="0;url=http://{EVIL}">',
    "the answer is \u202e541\u202c and \u2066hidden\u2069 \u200bzero\u200bwidth \u2063\ufeff",
    f"www.{EVIL} http://{EVIL}/auto user@{EVIL}",
    "# heading\n\n---\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n> quote\n\n1. one\n    code",
    "`code` ```\nfence\n``` ~~struck~~ **bold** _thin_ <b>bold</b>",
    '=HYPERLINK("http://evil.test","click") +1 -1 @SUM(A1)',
    "{{constructor.constructor('alert(1)')()}} ${7*7} %s %n {0.__class__} \\x00 \\u202e",
    "x" * 20_000,
    "very long line of words " * 2_000,
    "\n".join(f"line {n}" for n in range(3_000)),
    "👩‍👩‍👧 مرحبا שלום नमस्ते Z̸̡̛͖a̷l̵g̶o̷ 𝟙𝟚𝟛",
    '" onmouseover="document.title=\'owned\'" x="',
    "' ; DROP TABLE judgement; --",
    "../../../../etc/passwd and C:\\Windows",
    "\x1b[31mred\x07 bell \x08 backspace \x7f",
)
NAMES = ('<b onclick="x">gpt</b>', "![t](http://evil.test/t.png) :red[x]", "a <br><a href='http://evil.test'>link</a>")


def row(number: int) -> dict[str, Any]:
    """A mistake whose every text is hostile, and readable beside it what a normal row has."""

    def text(offset: int) -> str:
        return f"marker-{number}-{offset} {TEXTS[(number + offset) % len(TEXTS)]}"

    return {
        "id": f"{number} {TEXTS[number % len(TEXTS)][:120]}".replace("\n", " "),
        "question": text(0),
        "gold_answer": "5" if number % 2 else f"{5 + number} <img src=http://{EVIL}/g>",
        "student_wrong_pred": text(1),
        "student_wrong_final_answer": f"{TEXTS[number % len(TEXTS)][:200]}",
        **{f"{name}_feedback": text(2 + n) for n, name in enumerate(NAMES)},
        **{f"{name}_rationale": [f"{text(5 + n)} so 2 + 2 = 5", 5, 1 + n] for n, name in enumerate(NAMES)},
        "correct_rationale": [],
    }


def files(folder: Path) -> tuple[Path, Path]:
    """A feedback and a rationale file, one mistake for each text."""
    return samples.write(folder, [row(n) for n in range(len(TEXTS))], stem="Evil-1b_hostile")
