"""One foreign text with its markdown and LaTeX rendered, in a frame that runs nothing and fetches only the font.

Everywhere else foreign text stays text (text.py). A person may ask to render one text at a time, behind four walls:
markdown-it creates no HTML, link or image; nh3 passes formatting and MathML, no address and no style; the frame's own
policy forbids every script, and every fetch except the app's own font; the app's policy (responses.py) also holds in
the frame. The frame's `sandbox` attribute is no wall: `st.iframe` gives every frame the same permissive one (scripts,
same origin), and client/room.js listens for keys inside the frame. It is an iframe because `st.html` drops MathML.

`$` is money where the text between two of them begins with an amount, unless it is only a number, a term or a
calculation: "$5 and $3" is money, "$5$" and "$8 + 5 = 13$" are maths. An unreadable formula stays as it was written.
"""

import html
import re
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from xml.etree.ElementTree import tostring

import nh3
import streamlit as st
from latex2mathml import exceptions
from latex2mathml.converter import convert_to_element
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token
from mdit_py_plugins.amsmath import amsmath_plugin
from mdit_py_plugins.dollarmath import dollarmath_plugin

from mapd.characters import visible
from mapd.review.passages import has_markup
from mapd.ui.kit import scripts

# Session state: the uid of the text that is shown rendered.
RENDERED_TEXT = "rendered"
# Characters that are rendered: a teacher's longest reply by default.
LONGEST = 8_000
LONGEST_FORMULA = 1000
# Characters of formulas in a text that are rendered; the others stay as they were written.
MOST_MATHS = 3_000
# Nested braces.
DEEPEST = 40
FRAME_POLICY = "default-src 'none'; style-src 'unsafe-inline'; font-src 'self'"
# The app's own, as streamlit serves them.
FONTS = tuple(
    f'@font-face {{ font-family: "Source Sans"; font-weight: 200 900; font-style: {style}; '
    f'src: url("./static/media/{file.name}"); }}'
    for kind, style in (("Upright", "normal"), ("Italic", "italic"))
    for file in (Path(st.__file__).parent / "static" / "static" / "media").glob(f"SourceSansVF-{kind}.*.woff2")
)
# What latex2mathml raises over a formula that it can't read.
FORMULA_ERRORS: tuple[type[Exception], ...] = (
    *(error for error in vars(exceptions).values() if isinstance(error, type) and issubclass(error, Exception)),
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
    # A StopIteration in one of its generators.
    RuntimeError,
    StopIteration,
    TypeError,
    ValueError,
)
TAGS = set(
    "p br hr h1 h2 h3 h4 h5 h6 strong em s code pre blockquote ul ol li table thead tbody tr th td span div "
    "math mrow mi mn mo mtext mspace msup msub msubsup mover munder munderover mfrac msqrt mroot mtable mtr mtd "
    "mstyle mpadded mphantom menclose mmultiscripts mprescripts none".split()
)
ATTRIBUTES = {
    "math": {"display"},
    "mo": {"stretchy", "fence", "form", "largeop", "movablelimits", "accent"},
    "mi": {"mathvariant"},
    "mfrac": {"linethickness"},
    "mtable": {"columnalign"},
    "mtd": {"columnalign"},
    "mstyle": {"displaystyle", "scriptlevel"},
    "menclose": {"notation"},
    "span": {"class"},
    "ol": {"start"},
}
# Begins with an amount, without LaTeX after it.
AMOUNT = re.compile(r"\s?[-+−]?\d[^\\^_]*$")
TERM = re.compile(r"[-+−]?\d+(?:[.,]\d+)*\s?[a-zA-Z]?")
CALCULATION = re.compile(r"[\da-zA-Z)%]\s*[-+−*/×÷·=<>≤≥≠:]\s*[-+−]?\s*[\da-zA-Z(]")
WORD = re.compile(r"(?<![\da-zA-Z])[a-zA-Z]{2,}|[a-zA-Z]{3,}")
# They can expand without end.
MACROS = re.compile(r"\\(?:\w*def|\w*newcommand|let|loop|csname|catcode)\b")
STYLE = """
:root { color-scheme: only COLOURS; } html { background: PAGE; }
body { margin: 0; color: INK; font: SIZE/1.55 "Source Sans", sans-serif; }
body { overflow-wrap: anywhere; } body > * { margin: 0 0 0.7em; max-width: 72ch; }
h1, h2, h3, h4, h5, h6 { font-size: 1.05em; } ul, ol { padding-left: 1.6em; }
pre { white-space: pre-wrap; } code, pre, .raw { font-family: monospace; font-size: 0.92em; }
table { border-collapse: collapse; } th, td { border: 1px solid; padding: 0.15em 0.6em; text-align: left; }
blockquote { border-left: 2px solid; padding-left: 0.8em; } .raw { text-decoration: underline dotted; }
math[display="block"] { margin: 0.3em 0 0.7em; overflow-x: auto; text-align: left; }
"""


def draw_toggle(text: str, uid: str) -> bool:
    """Draw the button where there is something to render; return whether to show this text rendered."""
    is_rendered: bool = st.session_state.get(RENDERED_TEXT) == uid
    if has_markup(text):
        words = "as written" if is_rendered else "render"
        name, args = scripts.key_name("m", uid), (None if is_rendered else uid,)
        st.button(scripts.key_label("m", words), key=name, type="tertiary", on_click=_set_rendered, args=args)
    return is_rendered


def _set_rendered(uid: str | None) -> None:
    st.session_state[RENDERED_TEXT] = uid


def draw(text: str, key: str, *, rem: float = 1) -> None:
    """Draw the text rendered, in the colours of the person's theme; `rem`: the size of its letters."""
    with st.container(key=f"mapd_rendered_{key}"):
        document_html = themed_document(text, st.context.theme.type or "light", rem)
        st.iframe(document_html, height=340, alt="the text, rendered")


def themed_document(text: str, theme: str, rem: float = 1) -> str:
    """Return the frame's document in the colours of the theme, "light" or "dark"."""
    ink, page = (str(st.get_option(f"theme.{theme}.{name}Color")) for name in ("text", "background"))
    return document(text, theme, ink, page, rem)


def document(text: str, theme: str, ink: str, page: str, rem: float = 1) -> str:
    """Return the frame's whole document."""
    style = "".join(FONTS) + STYLE
    # Plain replacement: braces of CSS would have to be doubled in a format string.
    for name, value in (("COLOURS", theme), ("INK", ink), ("PAGE", page), ("SIZE", f"{rem}rem")):
        style = style.replace(name, value)
    return (
        '<!doctype html><html><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{FRAME_POLICY}"><style>{style}</style></head>'
        f'<body dir="auto">{body(text)}</body></html>'
    )


def body(text: str) -> str:
    """Return the text as clean HTML and MathML."""
    hidden_count = len(text) - LONGEST
    remainder = f"<p>… {hidden_count:,} more characters</p>" if hidden_count > 0 else ""
    rendered_html = _markdown().render(visible(text[:LONGEST]))
    return nh3.clean(rendered_html, tags=TAGS, attributes=ATTRIBUTES, url_schemes=set(), link_rel=None) + remainder


@lru_cache(maxsize=1)
def _markdown() -> MarkdownIt:
    """Return the parser: markdown with maths, without anything that links or loads."""
    parser = MarkdownIt("commonmark", {"html": False, "breaks": True}).enable(["table", "strikethrough"])
    parser.disable(["link", "image", "autolink", "reference", "html_inline", "html_block", "code", "lheading"])
    parser.use(dollarmath_plugin, allow_labels=False, allow_space=False, allow_digits=False, double_inline=True)
    parser.use(amsmath_plugin)
    parser.inline.ruler.before("escape", "math_brackets", _brackets)
    for kind, rule in RULES.items():
        parser.add_render_rule(kind, rule)
    return parser


def _brackets(state: StateInline, silent: bool) -> bool:
    r"""Parse \( … \) and \[ … \]."""
    opening = state.src[state.pos : state.pos + 2]
    closing = {"\\(": "\\)", "\\[": "\\]"}.get(opening)
    if closing is None or state.pos > _last_closing(state.src, closing):
        return False
    end = state.src.find(closing, state.pos + 2)
    if end < 0:
        return False
    if not silent:
        kind = "math_inline" if opening == "\\(" else "math_inline_double"
        token = state.push(kind, "math", 0)
        token.content, token.markup = state.src[state.pos + 2 : end], opening
    state.pos = end + 2
    return True


@lru_cache(maxsize=8)
def _last_closing(text: str, closing: str) -> int:
    """Return the place of the last closing bracket: after it, no opening one searches the rest of the text."""
    return text.rfind(closing)


def _rule(display: str) -> Callable[..., str]:
    def render(_: RendererHTML, tokens: list[Token], index: int, __: object, env: dict[str, int]) -> str:
        token = tokens[index]
        source = token.content if token.type == "amsmath" else _source(token)
        if token.markup == "$" and _is_money(token.content):
            return html.escape(source)
        # Many formulas cost as much as one long one, so the limit is for the whole text.
        env[FORMULA_CHARACTERS] = env.get(FORMULA_CHARACTERS, 0) + len(token.content)
        mathml = formula(token.content, display) if env[FORMULA_CHARACTERS] <= MOST_MATHS else None
        return mathml or f'<span class="raw">{html.escape(source)}</span>'

    return render


# The count in a rendering's environment.
FORMULA_CHARACTERS = "characters of formulas"


def _is_money(content: str) -> bool:
    """Return whether the text between two dollars is an amount with words after it, not maths."""
    if not AMOUNT.match(content) or TERM.fullmatch(content):
        return False
    return WORD.search(content) is not None or CALCULATION.search(content) is None


def _source(token: Token) -> str:
    closing = {"\\(": "\\)", "\\[": "\\]"}.get(token.markup, token.markup)
    return f"{token.markup}{token.content}{closing}"


RULES = {
    "math_inline": _rule("inline"),
    "math_inline_double": _rule("block"),
    "math_block": _rule("block"),
    "amsmath": _rule("block"),
}


def formula(latex: str, display: str) -> str | None:
    """Return a formula as MathML; None where it can't be read, or is too large."""
    if len(latex) > LONGEST_FORMULA or latex.count("{") > 200 or _depth(latex) > DEEPEST or MACROS.search(latex):
        return None
    try:
        # latex2mathml knows `split`, which is the same inside a formula.
        readable = latex.strip().replace("{aligned}", "{split}")
        mathml = tostring(convert_to_element(readable, display=display), encoding="unicode")
    except FORMULA_ERRORS:
        return None
    # latex2mathml writes entities, which the XML writer escapes once more.
    return re.sub(r"&amp;(#x[0-9A-Fa-f]{1,6};)", r"&\1", mathml)


def _depth(latex: str) -> int:
    """Return the deepest nesting of braces, scripts and fences, counted roughly."""
    deepest = depth = 0
    for sign in latex:
        depth += (sign in "{[(") - (sign in "}])")
        deepest = max(deepest, depth)
    return max(deepest, latex.count("\\left"), latex.count("\\begin"))
