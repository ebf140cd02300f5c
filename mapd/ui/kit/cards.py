"""The parts of a mistake as HTML, for the room vote: question, response, checks, reviews. Foreign text is escaped."""

from mapd.checks import FeedbackChecks, State
from mapd.curation.curated import Curated, DecidedText, Mistake, filter_votes
from mapd.domain import Vote
from mapd.review.disputed_steps import find_first_wrong_step
from mapd.ui.kit.text import escape, foreign_html, line_html, one_line, thought_html
from mapd.ui.kit.theme import LOOKS, chip, score_dots, teacher_chip

# Characters of one text that the browser gets; the rest is only counted.
LONGEST = 20_000


def line_label(words: str) -> str:
    """Return the label (HTML) of a line."""
    return f'<span class="mapd-label">{words}</span>'


def small_chip(teacher: str, curated: Curated, alias: str = "", title: str = "") -> str:
    """Return a teacher's chip (HTML) in its colour; `alias` replaces the name, `title` the tooltip."""
    return teacher_chip(one_line(alias or teacher, 30), curated.places.get(teacher), title or teacher)


def sign(state: State) -> str:
    """Return a check's coloured sign (HTML), with its word for screen readers."""
    look = LOOKS[state.value]
    return (
        f'<span class="mapd-sign" style="--c:{look.colour}" role="img" aria-label="{look.word}" '
        f'title="{look.word}">{look.sign}</span>'
    )


def committee_chip(x: DecidedText) -> str:
    """Return the committee's verdict as a chip (HTML), whatever people decided."""
    mean = "" if x.committee.mean is None else f"{float(x.committee.mean):.2f}"
    return chip(x.committee.verdict.value, mean)


def question(mistake: Mistake, *, with_solution: bool = True) -> str:
    """Return the question with context and options as HTML; `with_solution`: also the worked solution."""
    q = mistake.question
    parts = [foreign_html(q.text, max_chars=LONGEST)]
    if q.context:
        parts.append(f'<div class="mapd-label">context</div>{foreign_html(q.context, max_chars=LONGEST)}')
    if q.options:
        parts.append(f'<ol class="mapd-options" type="A">{"".join(f"<li>{escape(o)}</li>" for o in q.options)}</ol>')
    if q.gold_note and with_solution:
        fold = f"<summary>worked solution</summary>{foreign_html(q.gold_note, max_chars=LONGEST)}"
        parts.append(f'<details class="mapd-fold">{fold}</details>')
    title = f'<span class="mapd-label">question {line_html(q.source_id, 20)}</span>'
    return f'{title}<div class="mapd-scroll mapd-question" tabindex="0">{"".join(parts)}</div>'


def response(mistake: Mistake) -> str:
    """Return the student's response as HTML."""
    body = thought_html(mistake.attempt.thought, LONGEST) + foreign_html(mistake.attempt.text, max_chars=LONGEST)
    return f'<div class="mapd-scroll mapd-response" tabindex="0">{body}</div>'


STATES_GOLD = {
    State.HOLDS: "states the gold",
    State.FAILS: "doesn’t state the gold",
    State.NOTHING: "gold: nothing to check",
}


def checks(x: DecidedText, mistake: Mistake) -> str:
    """Return the checks' results as HTML, in one line."""
    equations = x.checks.equations
    true = sum(e.true for e in equations)
    equation_words = f"{true} of {len(equations)} equations true" if equations else "no equation to check"
    if isinstance(x.checks, FeedbackChecks):
        findings = [(STATES_GOLD[x.states.matches_gold], x.states.matches_gold)]
    else:
        answer_words = "can’t be read" if x.answer is None else line_html(mistake.question.show(x.answer), 30)
        relation = {State.HOLDS: "=", State.FAILS: "≠"}.get(x.states.matches_gold)
        gold_shown = f" {relation} gold {line_html(mistake.shown_gold, 30)}" if relation else ""
        findings = [(f"answer {answer_words}{gold_shown}", x.states.matches_gold)]
    findings.append((equation_words, x.states.equations_true))
    if x.text.kind == "rationale":
        findings.append(("shows no work" if x.states.shows_work is State.FAILS else "shows work", x.states.shows_work))
    items = "".join(f"<span>{sign(state)} {words}</span>" for words, state in findings)
    items += f'<span class="mapd-note">{x.checks.limit}</span>' if x.checks.limit else ""
    return f'<div class="mapd-checks">{line_label("checks")}{items}</div>'


def votes(x: DecidedText, curated: Curated) -> str:
    """Return each reviewer's vote, or why there is none, as HTML; each review's text in a fold."""
    if not x.text.votes:
        return f'<div class="mapd-checks">{line_label("reviews")}<span class="mapd-note">none</span></div>'
    valid = filter_votes(x.text.votes)
    lines = "".join(f"<span>{_vote(v, v in valid, x, curated)}</span>" for v in x.text.votes)
    folds = "".join(
        f"<summary>{line_html(v.reviewer, 30)}’s review</summary>"
        f"{thought_html(v.thought, LONGEST)}{foreign_html(v.text, max_chars=LONGEST)}".join(
            ('<details class="mapd-fold">', "</details>")
        )
        for v in x.text.votes
        if v.text or v.thought
    )
    return f'<div class="mapd-checks">{line_label("reviews")}{lines}</div>{folds}'


def _vote(vote: Vote, counts: bool, x: DecidedText, curated: Curated) -> str:
    raw = f": {line_html(vote.raw, 20)}" if vote.raw else ""
    reason = "" if vote.score is not None else f" ({line_html(vote.status, 40)}{raw})"
    note = "" if counts else " without the gold, not counted"
    note += " names a wrong step" if find_first_wrong_step(x.text.text, vote.text) else ""
    return f'{small_chip(vote.reviewer, curated)}{score_dots(vote.score)}<span class="mapd-note">{reason}{note}</span>'
