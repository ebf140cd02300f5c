"""What the queue index holds of each text, and of each question: rows of the table `standing`.

{"kind": "rationale", "explanation_id": 51, "mean": 350, "cut": 350, "people": "reject", …}
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col

from mapd.alignment import read_steps
from mapd.checks import CheckRecord, State
from mapd.curation import threshold_sweep
from mapd.curation.curated import Curated, Mistake
from mapd.curation.decided_texts import DecidedText, hundredths
from mapd.curation.threshold_sweep import Figures
from mapd.domain import Act, Judged, JudgementRow, Material, Ruling, Verdict
from mapd.judgements import VERDICT, pick_latest, ruling
from mapd.review import queues
from mapd.review.queue_index.bands import BandKey, ClosedTargets
from mapd.store import tables as t

Values = dict[str, Any]


def authors_of(session: Session) -> dict[str, int]:
    """Return the id of each teacher by its name."""
    return dict(session.execute(sa.select(col(t.Teacher.name), col(t.Teacher.id))).all())


def find_skips(judgements: Sequence[JudgementRow]) -> dict[str, ClosedTargets]:
    """Return the targets that each person skipped."""
    people = {row.judged.person for row in judgements if row.judged.decision is Act.SKIP}
    return {who: skips for who in people if (skips := queues.find_closed_targets(judgements, who))}


def list_rows(
    mistakes_of_exam: Iterable[Mistake], judgements: Sequence[JudgementRow], authors: Mapping[str, int]
) -> Iterator[Values]:
    """Yield a row for each text, and one for each mistake that has no rationale."""
    judges_of = _name_judges(judgements)
    for mistake in mistakes_of_exam:
        question = mistake.question
        place = {"question_id": question.id, "attempt_id": mistake.attempt.id, "position": question.position}
        for x in mistake.texts:
            people = {"author_id": authors[x.text.teacher], "judged_by": judges_of[x.text.kind, x.text.id]}
            yield place | _describe_text(mistake, x) | people
        if not mistake.rationales:
            yield place | _EMPTY_ROW | {"kind": "mistake"}


def list_new_records(mistakes: Iterable[Mistake]) -> dict[int, CheckRecord]:
    """Return by text what the checks say of those that have no record beside the gold answer of now."""
    records = {}
    for mistake in mistakes:
        for x in mistake.texts:
            if x.record is None and x.text.kind == "feedback":
                steps = read_steps(mistake.attempt.text, x.text.text)
                records[x.text.id] = CheckRecord(mistake.gold, x.checks, *steps)
            elif x.record is None:
                records[x.text.id] = CheckRecord(mistake.gold, x.checks)
    return records


def list_question_rows(material: Material, part: Curated, judgements: Sequence[JudgementRow]) -> Iterator[Values]:
    """Yield a row for each question: how the student did, and people's judgements of it and of its answers."""
    judged_of, attempts_of, mistakes_of = defaultdict(list), defaultdict(list), defaultdict(list)
    for row in judgements:
        judged_of[row.target, row.target_id].append(row.judged)
    for attempt in material.attempts:
        attempts_of[attempt.question_id].append(attempt.id)
    for mistake in part.mistakes:
        mistakes_of[mistake.question.id].append(mistake)
    for question in material.questions.values():
        attempts, mistakes = attempts_of[question.id], mistakes_of[question.id]
        targets = [("question", question.id), *(("attempt", attempt) for attempt in attempts)]
        rulings = [ruling(judged_of[target]) for target in targets]
        ruling_names = {_name_ruling(people) for people in rulings}
        is_excluded = rulings[0].decision is Act.REJECT
        right = 0 if is_excluded else len(attempts) - len(mistakes)
        is_unreadable = is_excluded or (bool(mistakes) and mistakes[0].answer is None)
        yield _EMPTY_ROW | {
            "kind": "question",
            "question_id": question.id,
            "attempt_id": mistakes[0].attempt.id if mistakes else attempts[0],
            "position": question.position,
            "place_accepted": -round(1000 * len(mistakes) / len(attempts)),
            "place_rejected": -round(1000 * right / len(attempts)),
            "people": next((name for name in _STRONGEST_FIRST if name in ruling_names), ""),
            "reason": rulings[0].reason or "",
            "judged_by": _join_names(j for target in targets for j in pick_latest(judged_of[target])),
            "matches_gold": (State.NOTHING if is_unreadable else State.FAILS if mistakes else State.HOLDS).value,
        }


_STRONGEST_FIRST = ("conflict", Act.REJECT.value, Act.CORRECT.value, Act.ACCEPT.value)


def _name_judges(judgements: Sequence[JudgementRow]) -> Mapping[tuple[str, int], str]:
    targets = defaultdict(list)
    for row in judgements:
        targets[row.target, row.target_id].append(row.judged)
    names_of: defaultdict[tuple[str, int], str] = defaultdict(str)
    for target, judged in targets.items():
        names_of[target] = _join_names(pick_latest(judged, VERDICT))
    return names_of


def _join_names(judged: Iterable[Judged]) -> str:
    """Return who judged, each name between line breaks, so that SQL can look for a whole name."""
    names = sorted({j.person for j in judged})
    return "".join(f"\n{name}" for name in names) + "\n" * bool(names)


def _name_ruling(people: Ruling) -> str:
    return "conflict" if people.conflict else "" if people.decision is None else people.decision.value


# The row of what has no text: no score, no cut, nothing to check, and a place behind every text.
_EMPTY_ROW: Values = {
    **{"explanation_id": None, "author_id": None, "mean": t.NO_MEAN, "place_accepted": 1, "place_rejected": 1},
    **dict.fromkeys(("spread", "votes", "cut", "committee_cut"), 0),
    **dict.fromkeys(("undecided", "committee_undecided"), False),
    **dict.fromkeys(("people", "reason", "judged_by"), ""),
    **dict.fromkeys(("matches_gold", "equations_true", "shows_work"), State.NOTHING.value),
}


def _describe_text(mistake: Mistake, x: DecidedText) -> Values:
    mean = x.committee.mean
    # A feedback has no work to show: there stands whether the step that it criticises is in the answer.
    is_feedback = x.text.kind == "feedback"
    steps = read_steps(mistake.attempt.text, x.text.text, x.record) if is_feedback else None
    shows_work = x.states.shows_work if steps is None else steps.step_exists
    return {
        "explanation_id": x.text.id,
        "kind": x.text.kind,
        "mean": t.NO_MEAN if mean is None else hundredths(mean),
        "spread": x.spread,
        "votes": x.committee.valid_votes,
        "cut": x.final_cut,
        "committee_cut": x.committee_cut,
        "undecided": x.verdict is Verdict.UNDECIDED,
        "committee_undecided": x.committee.verdict is Verdict.UNDECIDED,
        "people": _name_ruling(x.people),
        "reason": x.people.reason or "",
        "matches_gold": x.states.matches_gold.value,
        "equations_true": x.states.equations_true.value,
        "shows_work": shows_work.value,
        "place_accepted": -round(1000 * queues.doubt(x.committee_at(Verdict.ACCEPTED))),
        "place_rejected": -round(1000 * queues.doubt(x.committee_at(Verdict.REJECTED))),
    }


def count_figures(rows: Iterable[Mapping[str, Any]]) -> Counter[BandKey]:
    """Return the threshold lab's figures as bands "figure:accepted", …"""
    counts = threshold_sweep.count_bands(rows).items()
    return Counter({(f"figure:{name}", low, high, False): number for (name, low, high), number in counts})


def compute_figures(curated_set: Curated, authors: Mapping[str, int]) -> Figures:
    """Return the threshold lab's figures under a policy that the index doesn't hold."""
    return Figures.of(threshold_sweep.count_bands(_list_counted(curated_set.mistakes, authors)))


def _list_counted(mistakes: Iterable[Mistake], authors: Mapping[str, int]) -> Iterator[Values]:
    """Yield of each row only what figures are counted by: all else takes longer than deciding."""
    for mistake in mistakes:
        for x in mistake.texts:
            yield {
                "attempt_id": mistake.attempt.id,
                "explanation_id": x.text.id,
                "author_id": authors[x.text.teacher],
                "kind": x.text.kind,
                "votes": x.committee.valid_votes,
                "cut": x.final_cut,
                "committee_cut": x.committee_cut,
                "undecided": x.verdict is Verdict.UNDECIDED,
                "committee_undecided": x.committee.verdict is Verdict.UNDECIDED,
                "matches_gold": x.states.matches_gold.value,
            }
        if not mistake.rationales:
            yield _EMPTY_ROW | {"attempt_id": mistake.attempt.id, "kind": "mistake"}
