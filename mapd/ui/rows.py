"""The rows of a curated set as HTML: one line or two each, the whole text with its scores in a fold.

    rows.draw(find(curated, Filter())[:25], curated, "browse")     # a head and a row each, with a link to triage

Columns line up because every row of a kind is the same grid (curate.css). A fold is the browser's own <details>: it
opens without a rerun. All foreign text is escaped here, by ui/text.py.
"""

import html
from collections.abc import Mapping, Sequence
from pathlib import Path

import streamlit as st

from mapd.checks import State
from mapd.curation.curated import Curated, Explained, Mistake
from mapd.curation.filters import Found
from mapd.ui import current
from mapd.ui.look import LOOKS, chip, score_dots, teacher_colours
from mapd.ui.text import escape, foreign_html, foreign_line_html, gold_html, one_line
from mapd.verdicts import Act, Check, Ruling, Verdict

STYLE = Path(__file__).parent / "curate.css"
PAGE = 25  # rows a page
LONGEST = 20_000  # characters of one text in a fold; the rest is counted
HEADS = {
    "text": ("no", "teacher", "text", "answer · gold", "votes", "mean", "verdict", "gold eq. work"),
    "change": ("no", "teacher", "text", "answer · gold", "votes", "mean", "verdict", "gold eq. work"),
    "mistake": ("no", "question", "answer · gold", "rationales", "feedback", "pair"),
}
CHECKS = {Check.MATCHES_GOLD: "gold", Check.EQUATIONS_TRUE: "equations", Check.SHOWS_WORK: "work"}


def draw(
    found: Sequence[Found],
    curated: Curated,
    key: str,
    *,
    mistakes: bool = False,
    was: Mapping[int, Verdict] | None = None,
) -> None:
    """Draw these rows. `was`: by text id the verdict before a change, shown beside the one after."""
    colours = teacher_colours(curated.teachers)
    kind = "mistake" if mistakes else "text" if was is None else "change"
    with st.container(key=f"mapd_rows_{key}", gap=None):
        _draw_row(_head(kind), None, f"{key}_head")
        for number, row in enumerate(found):
            if mistakes or row.text is None:
                cells, fold = mistake_cells(row.mistake, colours), mistake_fold(row.mistake, colours)
            else:
                before = was and was[row.text.text.id]
                cells = text_cells(row.mistake, row.text, colours, before or None)
                fold = text_fold(row.mistake, row.text)
            _draw_row(_folded(kind, cells, fold), row, f"{key}_{number}")


def _draw_row(body: str, found: Found | None, key: str) -> None:
    with st.container(horizontal=True, wrap=False, gap="small", key=f"mapd_row_{key}"):
        st.html(body)
        if found is None:
            st.html("<span></span>", width=64)
        else:
            text = {"text": found.text.text.uid} if found.text else {}
            current.link("pages/review/triage.py", "Judge", mistake=found.mistake.attempt.uid, **text)


def _head(kind: str) -> str:
    cells = "".join(f'<span class="c-{name.split()[0]}">{name}</span>' for name in HEADS[kind])
    return f'<div class="mapd-cells mapd-head mapd-rows-{kind}">{cells}</div>'


def _folded(kind: str, cells: str, fold: str) -> str:
    summary = f'<summary class="mapd-cells mapd-rows-{kind}">{cells}</summary>'
    return f'<details class="mapd-row">{summary}<div class="mapd-fold">{fold}</div></details>'


def _cell(name: str, body: str, title: str = "") -> str:
    tooltip = f' title="{html.escape(title)}"' if title else ""
    return f'<span class="c-{name}"{tooltip}>{body}</span>'


def text_cells(mistake: Mistake, x: Explained, colours: Mapping[str, str], was: Verdict | None = None) -> str:
    """The cells of a rationale's or a feedback's row."""
    mean = x.committee.mean
    votes = " ".join("–" if v.score is None else str(v.score) for v in x.text.votes)
    said_by = "; ".join(f"{v.reviewer}: {v.score or f'no vote, {v.status}'}" for v in x.text.votes)
    words = foreign_line_html(mistake.question.text, 240) + foreign_line_html(x.text.text or "no text", 240)
    return "".join(
        (
            _number(mistake),
            _cell("teacher", _teacher(x.text.teacher, colours)),
            _cell("text", words),
            _cell("answer", _answer(x.states.matches_gold, x.answer, mistake.gold, x.text.kind)),
            _cell("votes", votes or "–", one_line(said_by or "no votes", 300)),
            _cell("mean", "–" if mean is None else f"{float(mean):.2f}"),
            _cell("verdict", _verdict(x) if was is None else _change(was, x)),
            _cell("gold", "".join(_state(check, getattr(x.states, check)) for check in CHECKS)),
        )
    )


def _number(mistake: Mistake) -> str:
    return _cell("no", str(mistake.question.position + 1), one_line(f"in the file: {mistake.question.source_id}", 80))


def _teacher(name: str, colours: Mapping[str, str]) -> str:
    swatch = f'<i class="mapd-swatch" style="--c:{colours.get(name, "#999999")}"></i>'
    return f'{swatch}<span class="mapd-name" title="{html.escape(one_line(name, 200))}">{escape(one_line(name))}</span>'


def _answer(state: State, answer: str | None, gold: str, kind: str) -> str:
    """ "0.94 ≠ 145": the text's own answer against the gold; a feedback has none, it states the gold or not."""
    unread = "no_answer" if answer is None or gold.strip() else "nothing"
    sign = {State.HOLDS: "correct", State.FAILS: "incorrect", State.NOTHING: unread}[state]
    own = "unread" if answer is None else one_line(answer, 40)
    shown = "" if kind == "feedback" else f"<span>{escape(own)}</span>"
    title = html.escape(f"{'' if kind == 'feedback' else own} {LOOKS[sign].word}, gold {one_line(gold, 200)}".strip())
    beside = f"<span>{gold_html(gold, 40)}</span>"
    return f'<span class="mapd-answer" title="{title}">{shown}{_sign(sign)}{beside}</span>'


def _sign(kind: str, title: str = "") -> str:
    look, tooltip = LOOKS[kind], f' title="{html.escape(title)}"' if title else ""
    return f'<b class="mapd-state" style="--c:{look.colour}"{tooltip}>{look.sign}</b>'


def _state(check: Check, state: State) -> str:
    return _sign(state.value, f"{CHECKS[check]}: {LOOKS[state.value].word}")


def _verdict(x: Explained) -> str:
    if x.people.conflict:
        return chip("conflict")
    return chip(x.verdict.value) + (_sign("overridden", "a person's decision") if x.judged else "")


def _change(was: Verdict, x: Explained) -> str:
    now = f"{chip(x.verdict.value)}<small>{escape(x.committee.why)}</small>"
    return f'{chip(was.value)}<span class="mapd-arrow">→</span>{now}'


def text_fold(mistake: Mistake, x: Explained) -> str:
    """The whole text, its false steps marked, and beside it all that is said of it."""
    marks = [(e.start, e.end, "false step") for e in x.checks.equations if not e.true]
    checks = [f"{_sign(s.value)} {word}: {LOOKS[s.value].word}" for word, s in _states(x)]
    facts = {
        "question": foreign_html(_question(mistake), max_chars=LONGEST),
        "votes": "<br>".join(_votes(x)) or "none",
        "committee": f"{LOOKS[x.committee.verdict.value].word}: {escape(x.committee.why)}",
        "people": _said(x.people),
        "checks": "<br>".join(checks),
        "student": foreign_html(mistake.attempt.text, max_chars=LONGEST),
    }
    return f'<div class="mapd-whole">{foreign_html(x.text.text, marks, LONGEST)}</div>{_facts(facts)}'


def _states(x: Explained) -> list[tuple[str, State]]:
    rows = [(CHECKS[check], getattr(x.states, check)) for check in CHECKS]
    return rows if x.text.kind == "rationale" else rows[:2]


def _question(mistake: Mistake) -> str:
    q = mistake.question
    options = "\n".join(f"{letter}. {option}" for letter, option in zip("ABCDEFGHIJ", q.options, strict=False))
    return "\n\n".join(part for part in (q.context, q.text, options) if part)


def _votes(x: Explained) -> list[str]:
    return [
        f"{escape(one_line(v.reviewer, 60))} {score_dots(v.score)}"
        + (f" ({escape(v.status)})" if v.score is None else "")
        + ("" if v.saw_gold else " without sight of the gold")
        + (foreign_html(v.text, max_chars=LONGEST) if v.text else "")
        for v in x.text.votes
    ]


def _said(people: Ruling) -> str:
    who = escape(one_line(" and ".join(people.by), 200))
    if people.conflict:
        return f"{who} differ: an adjudicator decides"
    if people.decision is None:
        return "nobody has judged it"
    word = {Act.ACCEPT: "accepted", Act.REJECT: "rejected"}.get(people.decision, people.decision.value)
    reason = f": {escape(people.reason.replace('_', ' '))}" if people.reason else ""
    return f"{word} by {who}{reason}"


def _facts(facts: Mapping[str, str]) -> str:
    return f'<dl class="mapd-facts">{"".join(f"<dt>{k}</dt><dd>{v}</dd>" for k, v in facts.items())}</dl>'


def mistake_cells(mistake: Mistake, colours: Mapping[str, str]) -> str:
    """The cells of a mistake's row."""
    words = foreign_line_html(mistake.question.text, 240) + foreign_line_html(mistake.attempt.text or "no text", 240)
    answer = State.NOTHING if mistake.answer is None else State.FAILS
    standing = sum(x.verdict is Verdict.ACCEPTED for x in mistake.feedback)
    pair = mistake.covered and mistake.feedback_stands
    why = "covered" if pair else "no feedback stands" if mistake.covered else "not covered"
    return "".join(
        (
            _number(mistake),
            _cell("question", words),
            _cell("answer", _answer(answer, mistake.answer, mistake.gold, "attempt")),
            _cell("rationales", "".join(_brief(x, colours) for x in mistake.rationales) or "none"),
            _cell("feedback", f"{standing} of {len(mistake.feedback)}", "feedback that stands"),
            _cell("pair", f"{_sign('holds' if pair else 'nothing')} {why}"),
        )
    )


def _brief(x: Explained, colours: Mapping[str, str]) -> str:
    """A rationale in the width of a few letters: swatch, verdict's sign, mean."""
    mean = "–" if x.committee.mean is None else f"{float(x.committee.mean):.1f}"
    title = html.escape(f"{one_line(x.text.teacher, 60)}: {LOOKS[x.verdict.value].word}, mean {mean}")
    swatch = f'<i class="mapd-swatch" style="--c:{colours.get(x.text.teacher, "#999999")}"></i>'
    return f'<span class="mapd-brief" title="{title}">{swatch}{_sign(x.verdict.value)}{mean}</span>'


def mistake_fold(mistake: Mistake, colours: Mapping[str, str]) -> str:
    """The question, the student's whole response, and a line for each explanation."""
    lines = "".join(
        f'<div class="mapd-line-of">{_teacher(x.text.teacher, colours)}{_verdict(x)}'
        f"{foreign_line_html(x.text.text, 300)}</div>"
        for x in mistake.texts
    )
    facts = {
        "question": foreign_html(_question(mistake), max_chars=LONGEST),
        "gold": gold_html(mistake.gold, 200),
        "student": foreign_html(mistake.attempt.text, max_chars=LONGEST),
    }
    return f'{_facts(facts)}<div class="mapd-lines">{lines or "nobody has explained it"}</div>'
