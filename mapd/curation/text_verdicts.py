"""Each person's verdict on a text, as it counts: the first that stands, given before the reveal or after it. Pure.

    list_verdicts(rows)["ann"][0]     -> TextVerdict(text=("rationale", 51), accepts=True, first=True, revised=False, …)

A text counts once for a person: they gave later verdicts after they had seen the committee's. What they made of it then
is `revised`. Verdicts on practice texts stand apart, and an adjudicator's are no annotator's.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from mapd.domain import Act, JudgementRow
from mapd.judgements import ANNOTATOR, VERDICT, drop_undone, pick_latest

# The queue under which explained texts are judged (review/practice.py).
PRACTICE = "practice"
TextKey = tuple[str, int]  # kind, id


@dataclass(frozen=True, slots=True)
class TextVerdict:
    """A person's first standing verdict on a text."""

    text: TextKey
    accepts: bool
    reason: str | None
    seconds: float | None
    at: datetime
    first: bool  # judged before anything was revealed
    # The person's latest verdict that stands, given after the reveal; none where they left it at the first.
    revised: bool | None = None
    committee: str | None = None  # the committee's verdict at that moment, where it is known


def group_by_text(rows: Sequence[JudgementRow]) -> dict[TextKey, list[JudgementRow]]:
    """Return the judgements of each text, oldest first."""
    rows_of: dict[TextKey, list[JudgementRow]] = defaultdict(list)
    for row in rows:
        if row.target in ("rationale", "feedback"):
            rows_of[row.target, row.target_id].append(row)
    return rows_of


def list_verdicts(rows: Sequence[JudgementRow], *, practice: bool = False) -> dict[str, list[TextVerdict]]:
    """Return each person's standing verdicts, oldest first; those on practice texts apart. `rows`: oldest first."""
    verdicts_of: dict[str, list[TextVerdict]] = defaultdict(list)
    for text, of_text in group_by_text(rows).items():
        for person, verdicts in _list_standing(of_text, practice=practice):
            # The rows come oldest first, so the first verdict that stands is the one that counts.
            first, revealed = verdicts[0], [row for row in verdicts[1:] if row.revealed]
            verdicts_of[person].append(
                TextVerdict(
                    text,
                    first.judged.decision is Act.ACCEPT,
                    first.judged.reason,
                    first.seconds,
                    first.created_at,
                    first=not first.revealed,
                    revised=revealed[-1].judged.decision is Act.ACCEPT if revealed else None,
                    committee=first.committee,
                )
            )
    return {person: sorted(words, key=lambda w: w.at) for person, words in verdicts_of.items()}


def _list_standing(of_text: Sequence[JudgementRow], *, practice: bool) -> Iterator[tuple[str, list[JudgementRow]]]:
    """Yield each annotator who has a say on the text, with their verdicts that stand."""
    judged = [row.judged for row in of_text]
    annotators = {j.person for j in pick_latest(judged, VERDICT) if j.role == ANNOTATOR}
    ids_in_force = {j.id for j in drop_undone(judged)}
    verdicts: dict[str, list[JudgementRow]] = defaultdict(list)
    for row in of_text:
        is_verdict = row.judged.decision in (Act.ACCEPT, Act.REJECT) and row.judged.role == ANNOTATOR
        counts = (row.queue == PRACTICE) is practice and row.judged.id in ids_in_force
        if is_verdict and counts and row.judged.person in annotators:
            verdicts[row.judged.person].append(row)
    yield from verdicts.items()
