"""Who gave whom which scores, as a heat map: on the committee page, and on that of agreement.

draw(report.matrix, report.teachers, key="agreement_matrix")
"""

from collections.abc import Mapping, Sequence

import streamlit as st
from sqlmodel import Session

from mapd import teachers
from mapd.curation.curated import Curated
from mapd.curation.reviewer_stats import PairScores, count_pairs
from mapd.ui.kit import charts, context, tables, text, theme
from mapd.ui.kit.cache import count_texts
from mapd.ui.kit.charts import MatrixCell

Scores = Mapping[tuple[str, str], PairScores]


def draw(scores: Scores, names: Sequence[str], key: str) -> None:
    """Draw the mean score of each author's rationales by each reviewer. `names`: the teachers, in their order."""
    if not scores:
        st.caption("No rationale has been reviewed yet.")
        return
    authors = [name for name in names if any(name == author for author, _ in scores)]
    reviewers = [name for name in names if any(name == reviewer for _, reviewer in scores)]
    cells = [[_matrix_cell(scores, author, name) for name in reviewers] for author in authors]
    figure = charts.matrix_figure(authors, reviewers, cells)
    alt = "Mean score of each author’s rationales (rows) by each reviewer (columns)"
    st.plotly_chart(figure, key=key, config=theme.FIGURE_CONFIG, alt=alt)
    links = ", ".join(
        f'<a href="{text.escape(context.address("browse", teacher=author))}">{text.line_html(author, 30)}</a>'
        for author in authors
    )
    st.html(f'<span class="mapd-note">Mean score, and the number of scores. The rationales by {links}</span>')


def _matrix_cell(scores_of: Scores, author: str, reviewer: str) -> MatrixCell:
    scores = scores_of.get((author, reviewer))
    own = "own" if author == reviewer else ""
    if scores is None:
        return MatrixCell(None, own or "–")
    missing = f"{scores.no_votes:,} no vote" if scores.no_votes else ""
    if scores.mean is None:
        return MatrixCell(None, missing)
    words = "<br>".join(filter(None, (own, f"{float(scores.mean):.2f}", f"n = {scores.votes:,}", missing)))
    return MatrixCell(float(scores.mean), words)


def draw_of(curated: Curated) -> None:
    """Draw it of an exam's curated set, beside a table of the same; which teachers are simulated is said."""
    scores = context.read(_load, curated)
    if not scores:
        draw(scores, curated.teachers, key="committee_matrix")
        return
    with st.container(key="mapd_two"):
        matrix_column, table_column = st.columns([45, 55], gap="large")
    with matrix_column:
        draw(scores, curated.teachers, key="committee_matrix")
        # Else the line above the page says so.
        if not curated.exam.simulated:
            describe_simulated({name for pair in scores for name in pair})
    with table_column:
        rows = [
            (
                text.one_line(author, 40),
                text.one_line(reviewer, 40),
                None if pair.mean is None else f"{float(pair.mean):.2f}",
                pair.votes,
                pair.no_votes or None,
            )
            for (author, reviewer), pair in scores.items()
        ]
        tables.draw_table(("author", "reviewer", "mean score", "scores", "no vote"), rows, words=2)


def describe_simulated(names: set[str]) -> None:
    """Say which of these teachers are simulated, where any is."""
    simulated = [row.name for row in context.read(teachers.list_teachers) if row.simulated and row.name in names]
    if simulated:
        st.caption(f"Simulated teachers: {', '.join(text.label(name, 30) for name in simulated)}.")


def _load(session: Session, curated: Curated) -> dict[tuple[str, str], PairScores]:
    # What is a mistake hangs on people's corrections, too; their judgements on texts change nothing here.
    mistakes = hash(tuple(mistake.attempt.id for mistake in curated.mistakes))
    return _count(curated.exam.id, str(context.engine().url), (*count_texts(session), mistakes), curated)


@st.cache_data(max_entries=8, show_spinner=False)
def _count(
    exam_id: int,  # noqa: ARG001 - the cache's key
    url: str,  # noqa: ARG001
    counts: tuple[int | None, ...],  # noqa: ARG001
    _curated: Curated,
) -> dict[tuple[str, str], PairScores]:
    return count_pairs(_curated)
