"""The rows of a curated set as HTML: one line or two each, the whole text with its scores in a fold.

    rows.draw([Found(mistake, x)], curated, "browse")     # a head and a row each, with a link to triage

Columns line up because every row of a kind has the same widths. What has no room is left out, the least needed first,
so that the text always has some. A fold is the browser's own <details>: it opens without a rerun. All foreign text is
escaped here, by ui/text.py.
"""

import html
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from mapd.checks import State
from mapd.curation import reasons
from mapd.curation.curated import Curated, DecidedText, Mistake
from mapd.questions.options import letter_options
from mapd.store import listing
from mapd.store.queries import Item, Response, Text
from mapd.ui import current
from mapd.ui.look import LOOKS, chip, score_dots, teacher_colours, word_of
from mapd.ui.text import Mark, escape, foreign_html, foreign_line_html, found, gold_html, one_line, thought_html
from mapd.verdicts import Act, Check, Ruling, Verdict

STYLE = Path(__file__).parent / "curate.css"
PAGE = listing.PAGE
LONGEST = 20_000  # characters of one text in a fold; the rest is counted


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its head, its width in rem, and its rank: 0 stays, of the others the highest gives way first."""

    head: str
    rem: float
    rank: int
    grows: bool = False  # takes what the others leave
    wraps: bool = False  # goes under the others where it would give way


NUMBER = Column("no", 3.6, 0)  # the question's own, as its file and triage have it
TEXT = {
    "no": NUMBER,
    "teacher": Column("teacher", 5.8, 0),
    "text": Column("text", 11, 0, grows=True),
    "answer": Column("answer · gold", 7.2, 2),
    "votes": Column("votes", 2.8, 6),
    "mean": Column("mean", 2.6, 3),
    "spread": Column("spread", 2.9, 7),
    "verdict": Column("verdict", 7.5, 1),
    "change": Column("verdict", 14, 1),
    "checks": Column("gold eq. work", 5.4, 5),
    "people": Column("people", 5.5, 4),
    "task": Column("task", 4.2, 8),
    "length": Column("words", 3, 9),
}
MISTAKE = {
    "no": NUMBER,
    "question": Column("question", 13, 0, grows=True),
    "answer": Column("answer · gold", 6.5, 2),
    "rationales": Column("rationales", 16.5, 1),
    "feedback": Column("feedback", 4.4, 4),
    "pair": Column("pair", 8.5, 3),
    "task": Column("task", 4.2, 5),
}
LINK = 5.4  # rem beside a row: its link
GAP = 0.8
OF_TEXT = ("no", "teacher", "text", "answer", "votes", "mean", "verdict", "checks")  # what is shown unless others are
OF_CHANGE = ("no", "teacher", "text", "answer", "votes", "mean", "change", "checks")
OF_MISTAKE = ("no", "question", "answer", "rationales", "feedback", "pair")
SCORES_ALONE = '<span class="mapd-note">only scores, no critique stored</span>'
Cell = tuple[str, str]  # HTML, and the tooltip as text
NUMBER_SIGNS = 7  # that fit into the column of numbers
CHECKS = {Check.MATCHES_GOLD: "gold", Check.EQUATIONS_TRUE: "equations", Check.SHOWS_WORK: "work"}


@dataclass(frozen=True, slots=True)
class Found:
    """One row: a mistake and the text to read of it (none where nobody has explained the mistake)."""

    mistake: Mistake
    text: DecidedText | None


def draw(
    shown: Sequence[Found],
    curated: Curated,
    key: str,
    columns: Sequence[str] = OF_TEXT,
    *,
    words: str = "",
    was: Mapping[int, Verdict] | None = None,
) -> None:
    """Draw these rows: of mistakes where `columns` are theirs, else of texts.

    `words`: what was searched for, to be marked. `was`: by text id the verdict before a change, beside the one after.
    """
    colours = teacher_colours(curated.places)
    of = MISTAKE if "question" in columns else TEXT
    with table(key, of, columns):
        for number, row in enumerate(shown):
            if of is MISTAKE:
                cells, fold = mistake_cells(row.mistake, colours, words), mistake_fold(row.mistake, colours, words)
            else:
                assert row.text is not None, "a row of texts has its text"
                before = was[row.text.text.id] if was else None
                cells = text_cells(row.mistake, row.text, colours, words, before)
                fold = text_fold(row.mistake, row.text, words)
            text = {"text": row.text.text.uid} if row.text else {}
            body = folded(of, columns, cells, fold)
            beside(body, f"{key}_{number}", {"mistake": row.mistake.attempt.uid, **text})


@contextmanager
def table(key: str, of: Mapping[str, Column], columns: Sequence[str], *, links: bool = True) -> Iterator[None]:
    """Where rows of these columns stand: their heads, and when a column gives way."""
    with st.container(key=f"mapd_rows_{key}", gap=None):
        st.html(f"<style>{_narrow_rules(key, of, columns, LINK if links else 0)}</style>")
        heads = _cells(of, columns, {name: _cell(of[name].head) for name in columns}, "div", "mapd-head")
        beside(heads, f"{key}_head") if links else st.html(heads)
        yield


def _narrow_rules(key: str, of: Mapping[str, Column], columns: Sequence[str], link: float) -> str:
    """Which column gives way, or goes under the others, at which width: CSS."""
    taken = link + 0.6 + sum(of[name].rem + GAP for name in columns if not of[name].rank)
    rules, growing = "", next(name for name in columns if of[name].grows)
    for name in sorted((name for name in columns if of[name].rank), key=lambda name: of[name].rank):
        taken += of[name].rem + GAP
        rows, cell = f".st-key-mapd_rows_{key}", f".c-{name}"
        rule = f"{rows} {cell} {{ display: none }}"
        if of[name].wraps:
            rule = (
                f"{rows} .mapd-head {cell} {{ display: none }} "
                f"{rows} summary {cell} {{ order: 1; flex: none !important }} "
                f"{rows} .c-{growing} {{ flex-basis: 70% !important }}"
            )
        rules += f"@container (width < {taken:.1f}rem) {{ {rule} }}\n"
    return rules


def beside(body: str, key: str, to: Mapping[str, str] | None = None) -> None:
    """A row, and beside it the link to triage if there is one."""
    with st.container(horizontal=True, wrap=False, gap="small", key=f"mapd_row_{key}"):
        st.html(body)
        if to is None:
            st.html("<span></span>", width=60)
        else:
            current.link("pages/review/triage.py", "Judge", **to)


def folded(of: Mapping[str, Column], names: Sequence[str], cells: Mapping[str, Cell], fold: str) -> str:
    """A row that opens."""
    summary = _cells(of, names, cells, "summary")
    return f'<details class="mapd-row">{summary}<div class="mapd-fold">{fold}</div></details>'


def _cells(of: Mapping[str, Column], names: Sequence[str], cells: Mapping[str, Cell], tag: str, more: str = "") -> str:
    """A row's cells in the columns that are shown."""
    body = ""
    for name in names:
        inside, title = cells[name]
        tooltip = f' title="{html.escape(title)}"' if title else ""
        grows = int(of[name].grows)
        body += f'<span class="c-{name}" style="flex:{grows} 0 {of[name].rem}rem"{tooltip}>{inside}</span>'
    return f'<{tag} class="mapd-cells {more}">{body}</{tag}>'


def _cell(body: str, title: str = "") -> Cell:
    return body, title


def text_cells(
    mistake: Mistake, x: DecidedText, colours: Mapping[str, str], words: str = "", was: Verdict | None = None
) -> dict[str, Cell]:
    """The cells of a rationale's or a feedback's row, by column."""
    mean = x.committee.mean
    votes = " ".join("–" if v.score is None else str(v.score) for v in x.text.votes)
    said_by = "; ".join(f"{v.reviewer}: {v.score or f'no vote, {v.status}'}" for v in x.text.votes)
    lines = (mistake.question.text, x.text.text or "no text")
    return {
        "no": number_cell(mistake.question),
        "teacher": _cell(_author(x.text, colours)),
        "text": _cell("".join(foreign_line_html(line, 240, words) for line in lines)),
        "answer": _cell(_answer(x.states.matches_gold, mistake.show(x.answer), mistake.shown_gold, x.text.kind)),
        "votes": _cell(votes or "–", one_line(said_by or "no votes", 300)),
        "mean": _cell("–" if mean is None else f"{float(mean):.2f}"),
        "spread": _cell(str(x.spread) if x.committee.valid_votes > 1 else "–", "between the lowest and highest score"),
        "verdict": _cell(_verdict(x)),
        "change": _cell(_change(was or x.verdict, x)),
        "checks": _cell("".join(_state(check, getattr(x.states, check)) for check in CHECKS), x.checks.limit),
        "people": _cell(said(x.people, mistake.question) if x.judged else "–"),
        "task": _cell(mistake.question.task.value),
        "length": _cell(f"{len(x.text.text.split()):,}"),
    }


def number_cell(question: Item) -> Cell:
    """The end of the question's own number, which tells it from the others, and all of it with its place in the set."""
    tooltip = one_line(f"question {question.source_id}, at place {question.position + 1:,} of its set", 300)
    return _cell(f'<span class="mapd-id">{escape(one_line(_end_of(question.source_id)))}</span>', tooltip)


def _end_of(number: str) -> str:
    return number if len(number) <= NUMBER_SIGNS else f"…{number[1 - NUMBER_SIGNS :]}"


def _author(x: Text, colours: Mapping[str, str]) -> str:
    swatch = f'<i class="mapd-swatch" style="--c:{colours.get(x.teacher, "#999999")}"></i>'
    return f'{swatch}<span class="mapd-name" title="{html.escape(one_line(x.by, 200))}">{escape(one_line(x.by))}</span>'


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


def _verdict(x: DecidedText) -> str:
    if x.people.conflict:
        return chip("conflict")
    return chip(x.verdict.value) + (_sign("overridden", "a person's decision") if x.judged else "")


def _change(was: Verdict, x: DecidedText) -> str:
    now = f"{chip(x.verdict.value)}<small>{escape(x.committee.why)}</small>"
    return f'{chip(was.value)}<span class="mapd-arrow">→</span>{now}'


def text_fold(mistake: Mistake, x: DecidedText, words: str = "") -> str:
    """The whole text, its false steps marked, and beside it all that is said of it."""
    marks = [Mark(e.start, e.end, "false step") for e in x.checks.equations if not e.true]
    checks = [f"{_sign(s.value)} {word}: {LOOKS[s.value].word}" for word, s in _states(x)]
    checks += [x.checks.limit] if x.checks.limit else []
    question = _question(mistake)
    facts = {
        "question": foreign_html(question, found(question, words), LONGEST),
        "votes": "<br>".join(_votes(x)) or "none",
        "committee": f"{LOOKS[x.committee.verdict.value].word}: {escape(x.committee.why)}",
        "people": said(x.people, mistake.question),
        "checks": "<br>".join(checks),
        "student": _student(mistake.attempt, words),
    }
    whole = foreign_html(x.text.text, marks + found(x.text.text, words), LONGEST)
    thought = thought_html(x.text.thought, LONGEST)
    return f'<div class="mapd-whole">{thought}{whole}</div>{_facts(facts)}'


def _student(response: Response, words: str) -> str:
    """The student's response, with its thought and that it was cut off."""
    cut = chip("cut_off") if response.is_cut_off else ""
    text = foreign_html(response.text, found(response.text, words), LONGEST)
    return f"{cut}{thought_html(response.thought, LONGEST)}{text}"


def _states(x: DecidedText) -> list[tuple[str, State]]:
    rows = [(CHECKS[check], getattr(x.states, check)) for check in CHECKS]
    return rows if x.text.kind == "rationale" else rows[:2]


def _question(mistake: Mistake) -> str:
    q = mistake.question
    return "\n\n".join(part for part in (q.context, q.text, "\n".join(letter_options(q.options))) if part)


def _votes(x: DecidedText) -> list[str]:
    votes = [
        f"{escape(one_line(v.reviewer, 60))} {score_dots(v.score)}"
        + (f" ({escape(v.status)})" if v.score is None else "")
        + ("" if v.saw_gold else " without sight of the gold")
        + thought_html(v.thought, LONGEST)
        + (foreign_html(v.text, max_chars=LONGEST) if v.text else "")
        for v in x.text.votes
    ]
    return votes + [SCORES_ALONE] * scores_alone(x)


def scores_alone(x: DecidedText) -> bool:
    """Whether its reviewers' scores came without their words."""
    return bool(x.text.votes) and not any(v.text for v in x.text.votes)


def said(people: Ruling, question: Item, about: str = "text") -> str:
    """What people decided of a text, an attempt or a question, as HTML. `question`: whose answer they may correct."""
    who = escape(one_line(" and ".join(people.by), 200))
    if people.conflict:
        return f"{who} differ: an adjudicator decides"
    if people.decision is None:
        return "nobody has judged it"
    word = word_of(people.decision, about)
    if people.decision is Act.CORRECT:
        word += f" {escape(one_line(question.show(people.value or ''), 60))}"
    reason = f": {escape(reasons.words(people.reason))}" if people.reason else ""
    return f"{word} by {who}{reason}"


def _facts(facts: Mapping[str, str]) -> str:
    return f'<dl class="mapd-facts">{"".join(f"<dt>{k}</dt><dd>{v}</dd>" for k, v in facts.items())}</dl>'


def mistake_cells(mistake: Mistake, colours: Mapping[str, str], words: str = "") -> dict[str, Cell]:
    """The cells of a mistake's row, by column."""
    lines = (mistake.question.text, mistake.attempt.text or "no text")
    answer = State.NOTHING if mistake.answer is None else State.FAILS
    standing = sum(x.verdict is Verdict.ACCEPTED for x in mistake.feedback)
    pair = mistake.covered and mistake.feedback_stands
    why = "covered" if pair else "no feedback stands" if mistake.covered else "not covered"
    return {
        "no": number_cell(mistake.question),
        "question": _cell("".join(foreign_line_html(line, 240, words) for line in lines)),
        "answer": _cell(_answer(answer, mistake.show(mistake.answer), mistake.shown_gold, "attempt")),
        "rationales": _cell("".join(_brief(x, colours) for x in mistake.rationales) or "none"),
        "feedback": _cell(f"{standing} of {len(mistake.feedback)}", "feedback that stands"),
        "pair": _cell(f"{_sign('holds' if pair else 'nothing')} {why}"),
        "task": _cell(mistake.question.task.value),
    }


def _brief(x: DecidedText, colours: Mapping[str, str]) -> str:
    """A rationale in the width of a few letters: teacher, verdict's sign, mean."""
    mean = "–" if x.committee.mean is None else f"{float(x.committee.mean):.1f}"
    title = html.escape(f"{one_line(x.text.teacher, 60)}: {LOOKS[x.verdict.value].word}, mean {mean}")
    who = _author(x.text, colours)
    verdict = _sign(x.verdict.value) + (_sign("overridden", "a person's decision") if x.overridden else "")
    return f'<span class="mapd-brief" title="{title}">{who}{verdict}<span>{mean}</span></span>'


def mistake_fold(mistake: Mistake, colours: Mapping[str, str], words: str = "") -> str:
    """The question, the student's whole response, and a line for each explanation."""
    lines = ""
    for kind, texts in (("rationales", mistake.rationales), ("feedback", mistake.feedback)):
        lines += f'<div class="mapd-section">{kind}</div>' if texts else ""
        for x in texts:
            said = f"{_author(x.text, colours)}{_verdict(x)}{foreign_line_html(x.text.text, 300, words)}"
            lines += f'<div class="mapd-line-of">{said}</div>'
    question = _question(mistake)
    facts = {
        "question": foreign_html(question, found(question, words), LONGEST),
        "gold": gold_html(mistake.shown_gold, 200),
        "student": _student(mistake.attempt, words),
    }
    return f'{_facts(facts)}<div class="mapd-lines">{lines or "nobody has explained it"}</div>'
