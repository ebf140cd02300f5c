"""The rows of a curated set as HTML: one line or two each, with the whole text and its scores in a fold.

Columns line up because every row of a kind has the same widths. Where space is short, the least needed column goes
first, so that the text always has some. A fold is the browser's own <details>: it opens without a rerun. All foreign
text is escaped here, by ui/kit/text.py.
"""

import html
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from mapd.alignment import align
from mapd.checks import State
from mapd.curation.curated import Curated, Mistake
from mapd.curation.decided_texts import DecidedText
from mapd.domain import Act, Item, Response, Ruling, Text, Verdict
from mapd.policies import Check
from mapd.questions.options import letter_options
from mapd.review import reasons
from mapd.store import browse
from mapd.ui.kit import context, step_marks
from mapd.ui.kit.text import (
    Mark,
    escape,
    find_hits,
    foreign_html,
    foreign_line_html,
    gold_html,
    line_html,
    one_line,
    thought_html,
)
from mapd.ui.kit.theme import LOOKS, chip, decision_word, score_dots, teacher_colours

STYLE = Path(__file__).parent / "rows.css"
PAGE_SIZE = browse.PAGE
# Characters of one text in a fold; the rest is only counted.
LONGEST_TEXT = 20_000


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its head, its width in rem, and its rank. Rank 0 stays; of the others the highest goes first.

    `grows`: takes the space that is left. `wraps`: moves below the others where it would go.
    """

    head: str
    rem: float
    rank: int
    grows: bool = False
    wraps: bool = False


# The question's own number, as its file and triage show it.
NUMBER_COLUMN = Column("no", 3.6, 0)
TEXT_COLUMNS = {
    "no": NUMBER_COLUMN,
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
# A feedback has no work to show, and a step that it criticises.
FEEDBACK_COLUMNS = {name: column for name, column in TEXT_COLUMNS.items() if name != "change"} | {
    "checks": Column("gold eq.", 3.6, 5),
    "step": Column("criticises", 10, 4),
}
MISTAKE_COLUMNS = {
    "no": NUMBER_COLUMN,
    "question": Column("question", 13, 0, grows=True),
    "answer": Column("answer · gold", 6.5, 2),
    "rationales": Column("rationales", 16.5, 1),
    "feedback": Column("feedback", 4.4, 4),
    "pair": Column("pair", 8.5, 3),
    "task": Column("task", 4.2, 5),
}
# The link beside a row.
LINK_REM = 5.4
GAP_REM = 0.8
# The columns shown by default.
TEXT_DEFAULTS = ("no", "teacher", "text", "answer", "votes", "mean", "verdict", "checks")
FEEDBACK_DEFAULTS = ("no", "teacher", "text", "answer", "votes", "verdict", "checks", "step")
CHANGE_DEFAULTS = ("no", "teacher", "text", "answer", "votes", "mean", "change", "checks")
MISTAKE_DEFAULTS = ("no", "question", "answer", "rationales", "feedback", "pair")
SCORES_ALONE = '<span class="mapd-note">only scores, no critique stored</span>'
# HTML, or HTML and the tooltip as text.
Cell = str | tuple[str, str]
# So many fit into the column of numbers.
NUMBER_SIGNS = 7
CHECKS = {Check.MATCHES_GOLD: "gold", Check.EQUATIONS_TRUE: "equations", Check.SHOWS_WORK: "work"}


@dataclass(frozen=True, slots=True)
class TextRow:
    """A row: a mistake and one text on it (None where nobody has explained the mistake)."""

    mistake: Mistake
    text: DecidedText | None


def draw_rows(
    curated_rows: Sequence[TextRow],
    curated: Curated,
    key: str,
    names: Sequence[str] = TEXT_DEFAULTS,
    *,
    words: str = "",
    old_verdicts: Mapping[int, Verdict] | None = None,
) -> None:
    """Draw these rows: of mistakes where `names` are their columns, otherwise of texts.

    `words`: the words of a search, which are marked. `old_verdicts`: by text id, the verdict before a change.
    """
    colours = teacher_colours(curated.places)
    kinds = {row.text.text.kind for row in curated_rows if row.text is not None}
    columns = MISTAKE_COLUMNS if "question" in names else FEEDBACK_COLUMNS if kinds == {"feedback"} else TEXT_COLUMNS
    with draw_table(key, columns, names):
        for number, row in enumerate(curated_rows):
            if columns is MISTAKE_COLUMNS:
                cells, fold = (mistake_cells(row.mistake, colours, words), mistake_fold(row.mistake, colours, words))
            else:
                assert row.text is not None, "a row of texts has its text"
                old_verdict = old_verdicts[row.text.text.id] if old_verdicts else None
                cells = text_cells(row.mistake, row.text, colours, words, old_verdict)
                fold = text_fold(row.mistake, row.text, words)
            text = {"text": row.text.text.uid} if row.text else {}
            body = fold_row(columns, names, cells, fold)
            draw_row(body, f"{key}_{number}", {"mistake": row.mistake.attempt.uid, **text})


@contextmanager
def draw_table(
    key: str, columns: Mapping[str, Column], names: Sequence[str], *, with_links: bool = True
) -> Iterator[None]:
    """Draw the heads of a table with these columns and the widths at which they go; its rows are drawn within."""
    with st.container(key=f"mapd_rows_{key}", gap=None):
        st.html(f"<style>{_narrow_rules(key, columns, names, LINK_REM if with_links else 0)}</style>")
        heads = _cells(columns, names, {name: columns[name].head for name in names}, "div", "mapd-head")
        draw_row(heads, f"{key}_head") if with_links else st.html(heads)
        yield


def _narrow_rules(key: str, columns: Mapping[str, Column], names: Sequence[str], link: float) -> str:
    """Return the CSS that hides each column, or moves it below the others, below a certain width."""
    # The link and the columns of rank 0 are always there.
    width = link + 0.6 + sum(columns[name].rem + GAP_REM for name in names if not columns[name].rank)
    rules, growing = "", next(name for name in names if columns[name].grows)
    for name in sorted((name for name in names if columns[name].rank), key=lambda name: columns[name].rank):
        width += columns[name].rem + GAP_REM
        rows, cell = f".st-key-mapd_rows_{key}", f".c-{name}"
        # A container query, because the sidebar changes the width without changing the window.
        rule = f"{rows} {cell} {{ display: none }}"
        if columns[name].wraps:
            rule = (
                f"{rows} .mapd-head {cell} {{ display: none }} "
                f"{rows} summary {cell} {{ order: 1; flex: none !important }} "
                f"{rows} .c-{growing} {{ flex-basis: 70% !important }}"
            )
        rules += f"@container (width < {width:.1f}rem) {{ {rule} }}\n"
    return rules


def draw_row(body: str, key: str, link_params: Mapping[str, str] | None = None) -> None:
    """Draw a row, with the link to triage beside it if there is one."""
    with st.container(horizontal=True, wrap=False, gap="small", key=f"mapd_row_{key}"):
        st.html(body)
        if link_params is None:
            st.html("<span></span>", width=60)
        else:
            context.link("pages/review/triage.py", "Judge", **link_params)


def fold_row(columns: Mapping[str, Column], names: Sequence[str], cells: Mapping[str, Cell], fold: str) -> str:
    """Return a row that opens, as HTML."""
    summary = _cells(columns, names, cells, "summary")
    return f'<details class="mapd-row">{summary}<div class="mapd-fold">{fold}</div></details>'


def _cells(
    columns: Mapping[str, Column], names: Sequence[str], cells: Mapping[str, Cell], tag: str, css_class: str = ""
) -> str:
    body = ""
    for name in names:
        cell = cells[name]
        content, title = (cell, "") if isinstance(cell, str) else cell
        tooltip = f' title="{html.escape(title)}"' if title else ""
        grows = int(columns[name].grows)
        body += f'<span class="c-{name}" style="flex:{grows} 0 {columns[name].rem}rem"{tooltip}>{content}</span>'
    return f'<{tag} class="mapd-cells {css_class}">{body}</{tag}>'


def text_cells(
    mistake: Mistake, x: DecidedText, colours: Mapping[str, str], words: str = "", old_verdict: Verdict | None = None
) -> dict[str, Cell]:
    """Return the cells of a rationale's or a feedback's row, by column."""
    mean = "–" if x.committee.mean is None else f"{float(x.committee.mean):.2f}"
    # Under a fitted policy the mean decides nothing. Feedback, mostly unreviewed, is shown without a column of means.
    figure = "" if x.committee.probability is None else f"<small>{x.committee.figure()}</small>"
    votes = " ".join("–" if v.score is None else str(v.score) for v in x.text.votes)
    voters = "; ".join(f"{v.reviewer}: {v.score or f'no vote, {v.status}'}" for v in x.text.votes)
    lines, limit = (mistake.question.text, x.text.text or "no text"), x.checks.limit
    return {
        "no": number_cell(mistake.question),
        "teacher": _author(x.text, colours),
        "text": "".join(foreign_line_html(line, 240, words) for line in lines),
        "answer": _answer(x.states.matches_gold, mistake.show(x.answer), mistake.shown_gold, x.text.kind),
        "votes": (votes or "–", one_line(voters or "no votes", 300)),
        "mean": (mean + figure * (x.text.kind == "rationale"), x.committee.why),
        "spread": (str(x.spread) if x.committee.valid_votes > 1 else "–", "between the lowest and highest score"),
        "verdict": _verdict(x) + figure * (x.text.kind == "feedback" and not x.overridden),
        "change": _change(old_verdict or x.verdict, x),
        "checks": ("".join(_sign(s.value, f"{word}: {LOOKS[s.value].word}") for word, s in _states(x)), limit),
        "step": _step(mistake, x) if x.text.kind == "feedback" else "",
        "people": describe_ruling(x.people, mistake.question) if x.judged else "–",
        "task": mistake.question.task.value,
        "length": f"{len(x.text.text.split()):,}",
    }


def number_cell(question: Item) -> Cell:
    """Return the end of the question's number, which tells it from others; the tooltip has all of it, and its place."""
    tooltip = one_line(f"question {question.source_id}, at place {question.position + 1:,} of its set", 300)
    number = question.source_id
    end = number if len(number) <= NUMBER_SIGNS else f"…{number[1 - NUMBER_SIGNS :]}"
    return (f'<span class="mapd-id">{line_html(end)}</span>', tooltip)


def _author(x: Text, colours: Mapping[str, str]) -> str:
    swatch = f'<i class="mapd-swatch" style="--c:{colours.get(x.teacher, "#999999")}"></i>'
    return f'{swatch}<span class="mapd-name" title="{html.escape(one_line(x.by, 200))}">{line_html(x.by)}</span>'


def _answer(state: State, answer: str | None, gold: str, kind: str) -> str:
    """Return a text's own answer against the gold as HTML: "0.94 ≠ 145". A feedback states the gold or doesn't."""
    unread = "no_answer" if answer is None or gold.strip() else "nothing"
    sign = {State.HOLDS: "correct", State.FAILS: "incorrect", State.NOTHING: unread}[state]
    words = "unread" if answer is None else one_line(answer, 40)
    answer_html = "" if kind == "feedback" else f"<span>{escape(words)}</span>"
    title = html.escape(f"{'' if kind == 'feedback' else words} {LOOKS[sign].word}, gold {one_line(gold, 200)}".strip())
    gold_part = f"<span>{gold_html(gold, 40)}</span>"
    return f'<span class="mapd-answer" title="{title}">{answer_html}{_sign(sign)}{gold_part}</span>'


def _sign(kind: str, title: str = "") -> str:
    look, tooltip = LOOKS[kind], f' title="{html.escape(title)}"' if title else ""
    return f'<b class="mapd-state" style="--c:{look.colour}"{tooltip}>{look.sign}</b>'


def _step(mistake: Mistake, x: DecidedText) -> Cell:
    """Return the step that a feedback criticises: as the answer has it, or as the feedback tells it and nothing has."""
    alignment = align(mistake.attempt.text, x.text.text)
    words = "; ".join(check.words for check in alignment.checks)
    absent = [x.text.text[part.start : part.end] for part in alignment.parts if part.step is None]
    steps = absent or [mistake.attempt.text[start:end] for start, end in alignment.steps]
    sign = _sign(alignment.step_exists.value)
    return (f'<span class="mapd-step">{sign}{foreign_line_html(steps[0], 60) if steps else ""}</span>', words)


def _verdict(x: DecidedText) -> str:
    if x.people.conflict:
        return chip("conflict")
    return chip(x.verdict.value) + (_sign("overridden", "a person's decision") if x.judged else "")


def _change(old_verdict: Verdict, x: DecidedText) -> str:
    new_html = f"{chip(x.verdict.value)}<small>{escape(x.committee.why)}</small>"
    return f'{chip(old_verdict.value)}<span class="mapd-arrow">→</span>{new_html}'


def text_fold(mistake: Mistake, x: DecidedText, words: str = "") -> str:
    """Return the whole text with its false steps marked, and beside it everything known about it, as HTML."""
    marks, of_answer = step_marks.mark_false_steps(x.text), list[Mark]()
    checks = [f"{_sign(s.value)} {word}: {LOOKS[s.value].word}" for word, s in _states(x)]
    if x.text.kind == "feedback":
        alignment = align(mistake.attempt.text, x.text.text)
        marks += step_marks.mark_criticisms(alignment)
        of_answer = step_marks.mark_steps(alignment, "criticised here")
        checks += [f"{_sign(check.state.value)} {check.words}" for check in alignment.checks]
    checks += [x.checks.limit] if x.checks.limit else []
    question = _question(mistake)
    facts = {
        "question": foreign_html(question, find_hits(question, words), LONGEST_TEXT),
        "votes": "<br>".join(_votes(x)) or "none",
        "committee": f"{LOOKS[x.committee.verdict.value].word}: {escape(x.committee.why)}",
        "people": describe_ruling(x.people, mistake.question),
        "checks": "<br>".join(checks),
        "student": _student(mistake.attempt, words, of_answer),
    }
    text_html = foreign_html(x.text.text, marks + find_hits(x.text.text, words), LONGEST_TEXT)
    thought = thought_html(x.text.thought, LONGEST_TEXT)
    return f'<div class="mapd-whole">{thought}{text_html}</div>{_facts(facts)}'


def _student(response: Response, words: str, marks: Sequence[Mark] = ()) -> str:
    cut = chip("cut_off") if response.is_cut_off else ""
    text = foreign_html(response.text, [*marks, *find_hits(response.text, words)], LONGEST_TEXT)
    return f"{cut}{thought_html(response.thought, LONGEST_TEXT)}{text}"


def _states(x: DecidedText) -> list[tuple[str, State]]:
    rows = [(CHECKS[check], getattr(x.states, check)) for check in CHECKS]
    return rows if x.text.kind == "rationale" else rows[:2]


def _question(mistake: Mistake) -> str:
    q = mistake.question
    return "\n\n".join(part for part in (q.context, q.text, "\n".join(letter_options(q.options))) if part)


def _votes(x: DecidedText) -> list[str]:
    votes = [
        f"{line_html(v.reviewer, 60)} {score_dots(v.score)}"
        + (f" ({escape(v.status)})" if v.score is None else "")
        + ("" if v.saw_gold else " without sight of the gold")
        + thought_html(v.thought, LONGEST_TEXT)
        + (foreign_html(v.text, max_chars=LONGEST_TEXT) if v.text else "")
        for v in x.text.votes
    ]
    return votes + [SCORES_ALONE] * scores_alone(x)


def scores_alone(x: DecidedText) -> bool:
    """Return whether the reviewers' scores came without their words."""
    return bool(x.text.votes) and not any(v.text for v in x.text.votes)


def describe_ruling(people: Ruling, question: Item, target: str = "text") -> str:
    """Return what people decided as HTML. `question`: whose answer they may correct; `target`: what is judged."""
    people_names = line_html(" and ".join(people.by), 200)
    if people.conflict:
        return f"{people_names} differ: an adjudicator decides"
    if people.decision is None:
        return "nobody has judged it"
    word = decision_word(people.decision, target)
    if people.decision is Act.CORRECT:
        word += f" {line_html(question.show(people.value or ''), 60)}"
    reason = f": {escape(reasons.words(people.reason))}" if people.reason else ""
    return f"{word} by {people_names}{reason}"


def _facts(facts: Mapping[str, str]) -> str:
    return f'<dl class="mapd-facts">{"".join(f"<dt>{k}</dt><dd>{v}</dd>" for k, v in facts.items())}</dl>'


def mistake_cells(mistake: Mistake, colours: Mapping[str, str], words: str = "") -> dict[str, Cell]:
    """Return the cells of a mistake's row, by column."""
    lines = (mistake.question.text, mistake.attempt.text or "no text")
    answer = State.NOTHING if mistake.answer is None else State.FAILS
    standing_count = sum(x.verdict is Verdict.ACCEPTED for x in mistake.feedback)
    pair = mistake.covered and mistake.feedback_stands
    pair_words = "covered" if pair else "no feedback stands" if mistake.covered else "not covered"
    return {
        "no": number_cell(mistake.question),
        "question": "".join(foreign_line_html(line, 240, words) for line in lines),
        "answer": _answer(answer, mistake.show(mistake.answer), mistake.shown_gold, "attempt"),
        "rationales": "".join(_brief(x, colours) for x in mistake.rationales) or "none",
        "feedback": (f"{standing_count} of {len(mistake.feedback)}", "feedback that stands"),
        "pair": f"{_sign('holds' if pair else 'nothing')} {pair_words}",
        "task": mistake.question.task.value,
    }


def _brief(x: DecidedText, colours: Mapping[str, str]) -> str:
    """Return a rationale in a few letters, as HTML: teacher, verdict's sign, what the committee decided by."""
    title = html.escape(f"{one_line(x.text.teacher, 60)}: {LOOKS[x.verdict.value].word}; committee: {x.committee.why}")
    author = _author(x.text, colours)
    verdict = _sign(x.verdict.value) + (_sign("overridden", "a person's decision") if x.overridden else "")
    return (
        f'<span class="mapd-brief" title="{title}">{author}{verdict}<span>{x.committee.figure(1) or "–"}</span></span>'
    )


def mistake_fold(mistake: Mistake, colours: Mapping[str, str], words: str = "") -> str:
    """Return the question, the student's whole response, and a line for each explanation, as HTML."""
    lines = ""
    for kind, texts in (("rationales", mistake.rationales), ("feedback", mistake.feedback)):
        lines += f'<div class="mapd-section">{kind}</div>' if texts else ""
        for x in texts:
            line = f"{_author(x.text, colours)}{_verdict(x)}{foreign_line_html(x.text.text, 300, words)}"
            lines += f'<div class="mapd-line-of">{line}</div>'
    question = _question(mistake)
    facts = {
        "question": foreign_html(question, find_hits(question, words), LONGEST_TEXT),
        "gold": gold_html(mistake.shown_gold, 200),
        "student": _student(mistake.attempt, words, step_marks.mark_by_all(mistake)),
    }
    return f'{_facts(facts)}<div class="mapd-lines">{lines or "nobody has explained it"}</div>'
