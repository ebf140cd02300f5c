"""Count a curated set, as pages and commands tell it: texts by verdict, the funnel, teachers, what people did. Pure.

summary(curated).accepted      -> 826
funnel(curated, newest)[2]     -> Stage("accepted rationales", 826, 1161, "by policy paper at 3")
teachers(curated)[1]           -> gemini: 387 rationales, 221 accepted, mean 3.76; gives 4.65, +0.55 to the mean
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from typing import Any

from mapd.checks import State
from mapd.curation.curated import Curated
from mapd.curation.decided_texts import filter_votes
from mapd.domain import Act, Judged, Verdict
from mapd.judgements import pick_latest_of
from mapd.policies import leniency, mean


@dataclass(frozen=True, slots=True)
class Summary:
    """The counts of a curated set's rationales and mistakes."""

    rationales: int
    accepted: int
    rejected: int
    undecided: int
    overridden: int
    by_teacher: dict[str, int]
    mistakes: int
    mistakes_covered: int
    pairs: int
    accepted_wrong_answer: int
    rejected_right_answer: int
    answer_unreadable: int


def summary(curated: Curated) -> Summary:
    """Count the curated set."""
    rationales = list(curated.rationales)
    verdicts = Counter(x.verdict for x in rationales)
    by_answer = Counter((x.verdict, x.states.matches_gold) for x in rationales)
    authors = dict.fromkeys((n for n in curated.teachers if any(x.text.teacher == n for x in rationales)), 0)
    return Summary(
        rationales=len(rationales),
        accepted=verdicts[Verdict.ACCEPTED],
        rejected=verdicts[Verdict.REJECTED],
        undecided=verdicts[Verdict.UNDECIDED],
        overridden=sum(x.overridden for x in rationales),
        by_teacher=authors | Counter(x.text.teacher for x in rationales if x.verdict is Verdict.ACCEPTED),
        mistakes=len(curated.mistakes),
        mistakes_covered=sum(m.covered for m in curated.mistakes),
        pairs=sum(m.covered and m.feedback_stands for m in curated.mistakes),
        accepted_wrong_answer=by_answer[Verdict.ACCEPTED, State.FAILS],
        rejected_right_answer=by_answer[Verdict.REJECTED, State.HOLDS],
        answer_unreadable=sum(x.answer is None for x in rationales),
    )


def count_conflicts(curated: Curated) -> int:
    """Count what people differ on: texts, and mistakes whose question or attempt they differ on."""
    return sum(x.people.conflict for x in curated.texts) + sum(m.disputed for m in curated.mistakes)


@dataclass(frozen=True, slots=True)
class SnapshotSummary:
    """What is asked of the exam's newest snapshot; `policy` as its manifest has it."""

    sha256: str
    pairs: int
    made_at: datetime
    policy: Mapping[str, Any]
    taught: bool = False  # a student learned from it
    mistakes: frozenset[str] = frozenset()  # by their attempts' uids
    narrowed_to: tuple[str, ...] = ()  # teachers, tasks, families, or one kind of text; none: all


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of the funnel: `count` out of `of`."""

    name: str
    count: int
    of: int
    note: str = ""


def funnel(curated: Curated, newest: SnapshotSummary | None, snapshots: int = 0) -> list[Stage]:
    """Return the stages from the exam's mistakes to its snapshot, each count out of those it could be."""
    counts, mistakes = summary(curated), len(curated.mistakes)
    explained = sum(bool(m.rationales and m.feedback) for m in curated.mistakes)
    removed = len(curated.corrected) + len(curated.excluded)
    cut_off = sum(m.attempt.is_cut_off for m in curated.mistakes)
    notes = [f"{removed:,} taken out by people"] * bool(removed) + [f"{cut_off:,} of them cut off"] * bool(cut_off)
    # What a snapshot would hold now; what the newest one holds of it is frozen.
    taught = {m.attempt.uid for m in curated.mistakes if m.covered and m.feedback_stands}
    frozen = taught & newest.mistakes if newest else set()
    snapshot_note = (
        f"newest of {snapshots}: {newest.sha256[:8]}, {newest.pairs:,} pairs" if newest else "no snapshot yet"
    )
    policy = curated.policy
    return [
        Stage("mistakes", mistakes, mistakes + removed, ", ".join(notes)),
        Stage("with explanations", explained, mistakes, "a rationale and a feedback"),
        Stage("accepted rationales", counts.accepted, counts.rationales, f"policy {policy.name}, {policy.threshold:g}"),
        Stage("mistakes covered", counts.mistakes_covered, mistakes, "an accepted rationale"),
        Stage("training pairs", counts.pairs, mistakes, "and a feedback that stands"),
        Stage("frozen in a snapshot", len(frozen), counts.pairs, snapshot_note),
    ]


@dataclass(frozen=True, slots=True)
class TeacherFigures:
    """One teacher: what its rationales got, what it gave as a reviewer, and how far that lies from all votes' mean."""

    name: str
    simulated: bool
    rationales: int
    accepted: int
    wrong: int  # accepted, and ending in a wrong answer
    received_mean: Fraction | None
    votes: int
    no_votes: int
    given_mean: Fraction | None
    leniency: Fraction | None


def teachers(curated: Curated) -> list[TeacherFigures]:
    """Return every teacher that wrote or reviewed one of the exam's rationales, in the exam's order."""
    texts = list(curated.rationales)
    votes = [(v.reviewer, v.score) for x in texts for v in filter_votes(x.text.votes)]
    offsets = leniency(votes)
    figures = []
    for name in curated.teachers:
        written = [x for x in texts if x.text.teacher == name]
        accepted = [x for x in written if x.verdict is Verdict.ACCEPTED]
        scores = [score for reviewer, score in votes if reviewer == name]
        figures.append(
            TeacherFigures(
                name=name,
                simulated=any(x.text.simulated for x in written),
                rationales=len(written),
                accepted=len(accepted),
                wrong=sum(x.states.matches_gold is State.FAILS for x in accepted),
                received_mean=mean(v.score for x in written for v in filter_votes(x.text.votes)),
                votes=sum(score is not None for score in scores),
                no_votes=sum(score is None for score in scores),
                given_mean=mean(scores),
                leniency=offsets.get(name),
            )
        )
    return figures


@dataclass(frozen=True, slots=True)
class PeopleFigures:
    """What people did, undone judgements left out."""

    people: tuple[str, ...]
    judged: int  # texts that somebody decided on
    texts: int
    overridden: int
    conflicts: int
    not_mistakes: int
    excluded: int
    golds_corrected: int
    answers_corrected: int


def people(curated: Curated) -> PeopleFigures:
    """Count people's acts on the exam."""
    texts = curated.texts
    latest_of = group_by_target(curated)
    corrections = [target for target, latest in latest_of.items() if any(j.decision is Act.CORRECT for j in latest)]
    return PeopleFigures(
        people=tuple(sorted({j.person for latest in latest_of.values() for j in latest})),
        judged=sum(x.judged for x in texts),
        texts=len(texts),
        overridden=sum(x.overridden for x in texts),
        conflicts=count_conflicts(curated),
        not_mistakes=len(curated.corrected),
        excluded=len(curated.excluded),
        golds_corrected=sum(kind == "question" for kind, _ in corrections),
        answers_corrected=sum(kind != "question" for kind, _ in corrections),
    )


def group_by_target(curated: Curated) -> dict[tuple[str, int], list[Judged]]:
    """Return people's latest judgements of each target, (kind, id); a target without any is absent."""
    judged_of: dict[tuple[str, int], list[Judged]] = {}
    for row in curated.judgements:
        judged_of.setdefault((row.target, row.target_id), []).append(row.judged)
    latest_of = {target: pick_latest_of(target[0], judged) for target, judged in judged_of.items()}
    return {target: latest for target, latest in latest_of.items() if latest}
