"""The parts of the agreement page: the heat map, reviewers, agreement, biases, and how far people are swayed."""

from collections.abc import Mapping, Sequence

import streamlit as st
from sqlmodel import Session

from mapd.curation import saved_policies
from mapd.curation.agreement import EVERYBODY, Agreement
from mapd.curation.agreement_report import AgreementReport, load_report
from mapd.curation.biases import STEPS, Bias, Effect
from mapd.curation.regression import NOTHING
from mapd.curation.resampling import LEAST_QUESTIONS, LEAST_TEXTS, Measurement
from mapd.curation.reviewer_stats import Share
from mapd.store import audit_log, exam_material, queries, queue_index
from mapd.store import tables as t
from mapd.ui import score_matrix
from mapd.ui.kit import context, tables, text, theme
from mapd.ui.kit.tables import NUMBER, PERCENT, SIGNED, SIGNED_TENTHS, Cell, Html, estimate_cell

# Pairs that are listed; the command lists all.
MOST_PAIRS = 12


def load(exam_id: int) -> AgreementReport:
    """Return the exam's numbers, measured again where anything came in that they rest on."""
    with st.spinner("Measuring …"):
        return context.read(_load, exam_id)


def _load(session: Session, exam_id: int) -> AgreementReport:
    policy = saved_policies.exam_policy(session, queries.exam(session, exam_id))
    rows = (t.Attempt, t.Explanation, t.Review, t.CommitteeMember, t.Judgement, t.Teacher)
    counts = [queries.newest(session, table) for table in rows]
    # What isn't derived yet comes into the numbers once it is.
    counts += [audit_log.edition(session), queue_index.count_marked(session)]
    key = (exam_id, str(context.engine().url), tuple(counts), policy.conditions, policy.threshold)
    return _measure(key, session)


@st.cache_resource(max_entries=8, show_spinner=False)
def _measure(key: tuple[object, ...], _session: Session) -> AgreementReport:
    exam_id = key[0]
    assert isinstance(exam_id, int)
    return load_report(_session, exam_id)


# -- cells ------------------------------------------------------------------------------------------------------------


def _share_cell(share: Share) -> Cell:
    if share.value is None:
        return None
    return Html(f'{share.value:.0%} <span class="mapd-note">({share.count:,} of {share.of:,})</span>')


def _teacher_chip(name: str) -> Html:
    return Html(theme.teacher_chip(text.one_line(name, 30), context.read(exam_material.places).get(name)))


def _person_cell(name: str) -> Cell:
    if name == EVERYBODY:
        return "all people"
    return tables.link_cell(text.one_line(name, 30), context.address("people", record=name))


# -- reviewers --------------------------------------------------------------------------------------------------------


def draw_counts(report: AgreementReport) -> None:
    """Draw how much the numbers rest on."""
    tables.draw_row(
        (tables.link_cell(report.rationales, context.address("browse")), "rationales"),
        (report.votes, "scores"),
        (len(report.reviewers), "reviewers"),
        (tables.link_cell(len(report.people), context.address("people")), "people who judged"),
    )


def draw_matrix(report: AgreementReport) -> None:
    """Draw the mean score of each author's rationales by each reviewer."""
    score_matrix.draw(report.matrix, report.teachers, key="agreement_matrix")


def draw_between_reviewers(report: AgreementReport) -> None:
    """Draw how far the reviewers' scores of the same rationales agree."""
    if not report.between_reviewers:
        st.caption("No rationale has scores by two reviewers, so theirs can’t be compared.")
        return
    rows = [_reviewer_pair_row(pair) for pair in report.between_reviewers[: MOST_PAIRS + 1]]
    tables.draw_table(("two reviewers", "rationales", "same score", "alpha", "weighted kappa"), rows)
    _say_more(len(report.between_reviewers) - len(rows))
    everybody = report.between_reviewers[0].agree
    differing = tables.link_cell(everybody.of - everybody.count, context.address("browse", apart=1))
    st.html(
        f'<span class="mapd-note">{differing} rationales have scores that differ. Alpha and kappa: 1 is full '
        "agreement, 0 what chance gives (alpha: Krippendorff’s, ordinal; kappa: Cohen’s, quadratic weights).</span>"
    )


def _reviewer_pair_row(pair: Agreement) -> tuple[Cell, ...]:
    chips = " ".join(map(_teacher_chip, pair.raters))
    kappa = None if pair.kappa is None else estimate_cell(pair.kappa, NUMBER)
    return Html(chips or "all reviewers"), pair.agree.of, _percent(pair.agree), estimate_cell(pair.alpha, NUMBER), kappa


def _percent(share: Share) -> str | None:
    return None if share.value is None else f"{share.value:.0%}"


def _say_more(number: int) -> None:
    if number > 0:
        st.caption(f"and {number:,} more pairs: `mapd curate agreement --json` lists them")


def draw_reviewers(report: AgreementReport) -> None:
    """Draw how each reviewer scores, and how often it is wrong by the checks."""
    if not report.reviewers:
        return
    rows = [
        (
            _teacher_chip(r.name),
            r.votes,
            r.no_votes or None,
            None if r.mean is None else f"{float(r.mean):.2f}",
            estimate_cell(r.leniency, SIGNED),
            estimate_cell(r.spread, NUMBER),
            estimate_cell(r.fives, PERCENT),
            _counted(r.passed.of, estimate_cell(r.blocked, PERCENT)),
            _counted(r.caught.of, estimate_cell(r.let_pass, PERCENT)),
        )
        for r in report.reviewers
    ]
    groups = [("", 4), ("how it scores", 3), ("where the checks say otherwise", 2)]
    header = ("reviewer", "scores", "no vote", "mean", "leniency", "spread", "5s", "right blocked", "wrong let pass")
    tables.draw_table(header, rows, groups=groups)
    st.caption(
        "leniency: its mean less that of all scores · spread: standard deviation · right blocked: of the rationales "
        "that no check calls wrong, those scored 3 or less · wrong let pass: of those with another answer than the "
        "gold answer, or a false equation, those scored above 3"
    )


def _counted(n: int, cell: Cell) -> Cell:
    return Html(f'{tables.cell_html(cell)} <span class="mapd-note">of {n:,}</span>') if n else None


# -- people -----------------------------------------------------------------------------------------------------------

PEOPLE_HEADER = ("judged", "texts", "same verdict", "alpha", "kappa")


def draw_people(report: AgreementReport) -> None:
    """Draw how far people agree on the texts that two of them or more judged, before the reveal and after it apart."""
    rows, hidden = [], 0
    for moment, pairs in report.between_people.items():
        shown = pairs[: MOST_PAIRS + 1]
        hidden += len(pairs) - len(shown)
        rows += [(_name_people(pair), moment.value, *_people_cells(pair)) for pair in shown]
    if not rows:
        st.caption("No text was judged by two people at the same moment, so their verdicts can’t be compared yet.")
        return
    tables.draw_table(("people with each other", *PEOPLE_HEADER), rows, words=2)
    _say_more(hidden)


def _name_people(pair: Agreement) -> Cell:
    return Html(" and ".join(tables.cell_html(_person_cell(name)) for name in pair.raters) or "all people")


def _people_cells(pair: Agreement) -> tuple[Cell, ...]:
    kappa = None if pair.kappa is None else estimate_cell(pair.kappa, NUMBER)
    return pair.agree.of, _percent(pair.agree), estimate_cell(pair.alpha, NUMBER), kappa


def draw_with_committee(report: AgreementReport, policy: str) -> None:
    """Draw how far people's verdicts are those of the committee under the exam's policy."""
    rows = [
        (_person_cell(pair.raters[0]), moment.value, *_people_cells(pair))
        for moment, pairs in report.with_committee.items()
        for pair in pairs[: MOST_PAIRS + 1]
    ]
    if not rows:
        st.caption("Nobody has judged a rationale that the committee scored, so their verdicts can’t be compared.")
        return
    tables.draw_table(("people with the committee", *PEOPLE_HEADER), rows, words=2)
    st.caption(
        f"A text counts by a person’s first verdict on it; before the reveal they knew neither scores nor verdict. The "
        f"committee’s verdict is that of {text.label(policy, 200)}."
    )


def draw_biases(biases: Sequence[Bias], of_people: bool) -> None:
    """Draw what sways people (in shares that they accept), or reviewers (in points of a score): a line for each."""
    if not biases:
        return
    everybody = {bias.effect: bias.estimate for bias in biases if bias.who == biases[0].who}
    # What nobody could measure is a line below, not an empty column.
    idle = {effect: x.why for effect, x in everybody.items() if x.why.startswith(NOTHING)}
    effects = [effect for effect in everybody if effect not in idle]
    form, scale = (SIGNED_TENTHS, 100) if of_people else (SIGNED, 1)
    lines: dict[str, dict[Effect, Measurement]] = {}
    for bias in biases:
        lines.setdefault(bias.who, {})[bias.effect] = bias.estimate
    rows = [
        (_name_swayed(who, of_people), next(iter(of.values())).n, *(_bias_cell(of, x, form, scale) for x in effects))
        for who, of in list(lines.items())[: MOST_PAIRS + 1]
    ]
    unit, counted = ("percentage points accepted", "verdicts") if of_people else ("points of a score", "scores")
    groups = [("", 2), (f"{unit}, more or less, for", len(effects))]
    tables.draw_table(("what sways", counted, *(STEPS[effect] for effect in effects)), rows, groups=groups)
    equals = "the committee’s mean, not shown to them," if of_people else "who wrote and who scored it"
    nothing = "".join(f" {effect.value.capitalize()}: {why}." for effect, why in idle.items())
    st.caption(
        f"The checks and {equals} being equal; 95 % intervals take a question’s texts as alike. What no check sees "
        f"stays in: a longer text may be better.{nothing}"
    )


def _bias_cell(estimates: Mapping[Effect, Measurement], effect: Effect, form: str, scale: float) -> Cell:
    return estimate_cell(estimates[effect], form, scale) if effect in estimates else None


def _name_swayed(who: str, of_people: bool) -> Cell:
    if of_people:
        return _person_cell(who)
    return "all reviewers" if who == EVERYBODY else _teacher_chip(who)


def draw_sways(report: AgreementReport) -> None:
    """Draw how much people's verdicts follow the committee's score, before they know it and after."""
    if not report.sways:
        return
    rows = [
        (
            _person_cell(sway.person),
            estimate_cell(sway.before, SIGNED_TENTHS, 100),
            estimate_cell(sway.after, SIGNED_TENTHS, 100),
            estimate_cell(sway.change, SIGNED_TENTHS, 100),
            _share_cell(sway.moved_to),
            _share_cell(sway.moved_away),
        )
        for sway in report.sways[: MOST_PAIRS + 1]
    ]
    groups = [
        ("", 1),
        ("a point of the committee’s mean adds (percentage points)", 3),
        ("turned round", 2),
    ]
    header = ("how far the score sways", "before the reveal", "after", "change", "to the committee’s", "away from it")
    tables.draw_table(header, rows, groups=groups)
    st.caption(
        "Before and after are different texts; turned round: of the verdicts before the reveal against the "
        "committee’s (or as it), those changed after it, on the same text. "
        f"A number needs {LEAST_TEXTS} texts on {LEAST_QUESTIONS} questions."
    )
