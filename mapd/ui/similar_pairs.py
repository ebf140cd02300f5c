"""The nearest training pairs of a question on the results page, in its fold: similar by words, which is not cause."""

import html
from collections.abc import Sequence
from dataclasses import replace

import streamlit as st

from mapd import prompts, similar_pairs
from mapd.similar_pairs import PairIndex, SimilarPair
from mapd.ui.kit import context, tables, text, url_state
from mapd.ui.kit.attempts import AttemptRow

NEAREST = 3
LONGEST_TEXT = 4000  # characters
CAPTION = (
    f"Each open question shows the {NEAREST} pairs that the student after was taught on whose questions are the most "
    "similar by their words (tf-idf, cosine). Similar is not cause: what was learned from which pair isn't measured."
)


def add_nearest(rows: Sequence[AttemptRow], exam: str) -> Sequence[AttemptRow]:
    """Draw the choice to see the training pairs nearest to each question; return the rows, with them where chosen.

    `exam`: of the student that was taught. Where it was taught on no snapshot of the project there is no choice.
    """
    sha256 = context.read(similar_pairs.find_snapshot, exam)
    if sha256 is None:
        return rows
    url_state.settle("nearest_of", exam, nearest=False)
    url_state.refuse("nearest", lambda value: value.lower() in {"true", "false"}, "true or false", False)
    if not st.toggle("Nearest training pairs", key="nearest", bind="query-params", help=CAPTION):
        return rows
    st.caption(CAPTION)
    index = _load_index(sha256, str(context.engine().url))
    blocks = [prompts.question_block(row.question.text, row.question.context, row.question.options) for row in rows]
    nearest = index.find_nearest(blocks, NEAREST)
    return [replace(row, below_html=_describe(pairs, sha256)) for row, pairs in zip(rows, nearest, strict=True)]


@st.cache_resource(max_entries=4, show_spinner="Reading the snapshot …")
def _load_index(sha256: str, url: str) -> PairIndex:  # noqa: ARG001 - of the cache's key
    return context.read(similar_pairs.build_index, sha256)


def _describe(pairs: Sequence[SimilarPair], sha256: str) -> str:
    """Return the pairs as HTML, a fold each."""
    if not pairs:
        return '<div class="mapd-note">No training pair shares a word with this question.</div>'
    link = context.address("snapshots", snapshot=sha256)
    folds = "".join(map(_fold, pairs))
    title = "nearest training pairs: similar, not cause"
    return tables.titled_block(
        title, f'{folds}<div class="mapd-step"><a href="{html.escape(link)}">snapshot {sha256[:12]}</a></div>'
    )


def _fold(near: SimilarPair) -> str:
    pair = near.pair
    question = pair["question"]
    block = text.foreign_html(similar_pairs.write_question(question), max_chars=LONGEST_TEXT)
    parts = [("question", f"{block}gold {text.gold_html(question['gold'], 60)}")]
    for kind in ("rationale", "feedback"):
        if kind in pair:
            title = f"{kind} · {text.one_line(str(pair[kind]['teacher']), 40)}"
            parts.append((title, text.foreign_html(pair[kind]["text"], max_chars=LONGEST_TEXT)))
    cells = "".join(tables.titled_block(title, body) for title, body in parts)
    return (
        f'<details class="mapd-pair"><summary><span class="mapd-note">{near.similarity:.2f}</span>'
        f'{text.foreign_line_html(question["text"], 160)}</summary><div class="mapd-pair-cells">{cells}</div></details>'
    )
