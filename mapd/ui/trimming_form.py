"""What of the drawn pairs is left out: the choices on the snapshots page, and what dev and test hold of the questions.

near=left out at 90 % · balance=at most … of each teacher · most=100 · leaks=true        all in the address
"""

from collections.abc import Mapping, Sequence

import streamlit as st

from mapd.curation.leakage import Leak, Leakage, describe_refusal
from mapd.curation.near_duplicates import USUAL
from mapd.curation.pairs import Pair, PairDraw
from mapd.curation.trimming import Balance, Trimming, list_near
from mapd.ui.kit import tables, text, url_state

STAY, AS_DRAWN = "stay", "as drawn"
NEAR: Mapping[str, float | None] = {STAY: None} | {f"left out at {x} %": x / 100 for x in (70, 80, 90, 95, 100)}
# Whether a number is asked for, and by what pairs are balanced.
BALANCES: Mapping[str, tuple[str, bool] | None] = {
    AS_DRAWN: None,
    "as many of each teacher": ("teacher", False),
    "as many of each task": ("task", False),
    "at most … of each teacher": ("teacher", True),
    "at most … of each task": ("task", True),
}
# Of more pairs near-duplicates are looked for only where somebody asks; lines of a list.
MOST_AT_ONCE, MOST_LINES = 5_000, 50


def choose_trimming() -> Trimming:
    """Draw the choice of what is left out; return it."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium", key="mapd_trim"):
        url_state.refuse_unknown("near", list(NEAR), STAY)
        near = st.selectbox(
            "Near-duplicates",
            list(NEAR),
            key="near",
            bind="query-params",
            width=190,
            help="Pairs with the same numbers in the question, and so many of the words in the same order, as one "
            "before them.",
        )
        url_state.refuse_unknown("balance", list(BALANCES), AS_DRAWN)
        words = st.selectbox("Balance", list(BALANCES), key="balance", bind="query-params", width=240)
        balance = _choose_balance(*choice) if (choice := BALANCES[words]) is not None else None
        leaks = st.toggle(
            "Leave out leaks",
            key="leaks",
            bind="query-params",
            help="Questions that a dev or test split of this project holds, too: equal, or nearly the same words with "
            "the same numbers and answer. Without this such a snapshot is refused.",
        )
    return Trimming(NEAR[near], balance, leaks)


def _choose_balance(group: str, is_limited: bool) -> Balance:
    """Draw the number of pairs, if one is asked for; return the balance."""
    if not is_limited:
        return Balance(group)
    return Balance(group, int(st.number_input("Pairs", 1, 10**9, 100, key="most", bind="query-params", width=125)))


def list_options(trimming: Trimming) -> list[str]:
    """Return the options of the command that leaves out the same."""
    options = [] if trimming.near is None else [f"--drop-near {trimming.near:g}"]
    if (balance := trimming.balance) is not None:
        options.append(f"--balance {balance.by}{'' if balance.most is None else f':{balance.most}'}")
    return options + (["--without-leaks"] if trimming.leaks else [])


def list_figures(pair_draw: PairDraw) -> list[tuple[tables.Cell, str]]:
    """Return what was left out, each number with its words."""
    figures: list[tuple[int, str]] = [
        (len(pair_draw.near), "left out: near-duplicates"),
        (sum(pair_draw.uneven.values()), "left out: to balance"),
        (len(pair_draw.leaking), "left out: dev or test holds them"),
    ]
    return [(number, words) for number, words in figures if number]


def draw_near(pair_draw: PairDraw, trimming: Trimming) -> None:
    """Draw the pairs that say nearly what another one says: those that are left out, or those that stay."""
    pairs = list(pair_draw.pairs)
    near: Sequence[tuple[Pair, Pair, float]] = pair_draw.near
    if trimming.near is None and len(pairs) <= MOST_AT_ONCE:
        near = list_near(pairs, USUAL)
    if not near:
        return
    words = f"in the set, at {USUAL:.0%}" if trimming.near is None else "left out"
    with st.expander(f"{len(near):,} near-duplicate{'' if len(near) == 1 else 's'} {words}"):
        header = ("like", "this pair", "says nearly what this one says")
        rows = [(f"{likeness:.0%}", _question(pair), _question(other)) for pair, other, likeness in near[:MOST_LINES]]
        tables.draw_table(header, rows, words=3)
        _draw_more(len(near))


def _question(pair: Pair) -> str:
    return text.one_line(f"{pair.mistake.question.source_id}: {pair.mistake.question.text}", 100)


def _draw_more(number: int) -> None:
    if number > MOST_LINES:
        st.caption(f"and {number - MOST_LINES:,} more")


def draw_leakage(leakage: Leakage, *, is_frozen: bool = False) -> None:
    """Draw what dev and test hold of the questions. What is like a test question is named alone: it is sealed."""
    if leakage.leaks:
        if not is_frozen:
            text.complain(describe_refusal(leakage.leaks, "by the switch above"))
        with st.expander(f"{len(leakage.leaks):,} questions stand in dev or test, too", expanded=is_frozen):
            _draw_leaks(leakage.leaks)
    if leakage.templates:
        number = f"{len(leakage.templates):,} of {leakage.taught:,} questions share a template"
        with st.expander(f"{number} with one of dev or test: reported, not refused"):
            _draw_leaks(leakage.templates)


def _draw_leaks(leaks: Sequence[Leak]) -> None:
    header = ("taught", "is", "of", "its words")
    rows = [
        (
            text.one_line(leak.taught.name, 60),
            leak.kind.value if leak.likeness == 1 else f"{leak.kind.value}, {leak.likeness:.0%}",
            text.one_line(leak.held_out.name, 60),
            "sealed" if leak.held_out.split == "test" else text.one_line(leak.taught.key[1], 100),
        )
        for leak in leaks[:MOST_LINES]
    ]
    tables.draw_table(header, rows, words=4)
    _draw_more(len(leaks))
