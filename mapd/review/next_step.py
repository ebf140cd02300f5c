"""The one thing to do next with an exam, most urgent first. Pure: the curated set and its newest snapshot in.

next_step(curated, None)
-> NextStep("wrong_answers", 78, "78 accepted rationales end in a wrong answer", "Look at them", "triage", …)
"""

from dataclasses import dataclass
from enum import StrEnum

from mapd.checks import State
from mapd.curation.curated import Curated
from mapd.curation.summary import SnapshotSummary, count_conflicts, group_by_target, summary
from mapd.domain import Act, Verdict
from mapd.review.queues import DEFAULT, QUEUES

CONFLICTS, WRONG_ANSWERS, NOT_MISTAKES = (QUEUES[n].name for n in ("conflicts", "accepted-wrong", "not-a-mistake"))


class Step(StrEnum):
    """What the next step is about, in the order in which it is looked for."""

    NO_MISTAKES = "no_mistakes"
    ALL_CUT_OFF = "all_cut_off"
    NO_RATIONALES = "no_rationales"
    CONFLICTS = "conflicts"
    WRONG_ANSWERS = "wrong_answers"
    NOTHING_JUDGED = "nothing_judged"
    NOT_MISTAKES = "not_mistakes"
    NO_PAIRS = "no_pairs"
    FREEZE = "freeze"
    FREEZE_AGAIN = "freeze_again"
    FROZEN = "frozen"
    TAUGHT = "taught"


@dataclass(frozen=True, slots=True)
class NextStep:
    """A finding, what to do about it, and where: the page's address word and triage's queue."""

    step: Step
    count: int
    finding: str
    act: str
    page: str
    queue: str | None = None


def next_step(curated: Curated, newest: SnapshotSummary | None) -> NextStep:
    """Return what to do next: first what people differ on or the data says is wrong, then the freezing of it."""
    counts, problem = summary(curated), _find_problem(curated)
    if problem is not None:
        return problem
    if not counts.pairs:
        finding = "No mistake has both an accepted rationale and a feedback that stands"
        return NextStep(Step.NO_PAIRS, 0, finding, "Move the threshold", "threshold")
    pairs = _count(counts.pairs, "training pair")
    if newest is None:
        return NextStep(Step.FREEZE, counts.pairs, f"{pairs} and no snapshot yet", "Freeze them", "snapshots")
    if changes := list_changes(curated, newest):
        return NextStep(Step.FREEZE_AGAIN, len(changes), " and ".join(changes), "Freeze again", "snapshots")
    state = f"The curated set is frozen as it stands, with {_count(newest.pairs, 'pair')}"
    if newest.taught:
        return NextStep(Step.TAUGHT, newest.pairs, f"{state}, and taught", "See before and after", "results")
    return NextStep(Step.FROZEN, newest.pairs, state, "Teach a student with it", "finetune")


def _find_problem(curated: Curated) -> NextStep | None:
    if not curated.mistakes:
        return NextStep(Step.NO_MISTAKES, 0, "This exam has no mistakes left to curate", "Import another exam", "data")
    rationales = list(curated.rationales)
    if not rationales:
        number, mistakes = len(curated.mistakes), _count(len(curated.mistakes), "mistake")
        if all(mistake.attempt.is_cut_off for mistake in curated.mistakes):  # which teachers aren't asked about
            finding = f"{mistakes}, each in an answer that was cut off"
            return NextStep(Step.ALL_CUT_OFF, number, finding, "Ask again with more tokens", "exam")
        return NextStep(Step.NO_RATIONALES, number, f"{mistakes} and no rationale yet", "Ask teachers", "committee")
    if disagreements := count_conflicts(curated):
        finding = f"People differ on {_count(disagreements, 'decision')}"
        return NextStep(Step.CONFLICTS, disagreements, finding, "Settle them", "triage", CONFLICTS)
    # A judged text is left out: a person has looked at it, whatever they decided.
    accepted = (x for x in rationales if x.verdict is Verdict.ACCEPTED and not x.judged)
    if wrong := sum(x.states.matches_gold is State.FAILS for x in accepted):
        ends = "ends" if wrong == 1 else "end"
        finding = f"{_count(wrong, 'accepted rationale')} {ends} in a wrong answer, not judged yet"
        return NextStep(Step.WRONG_ANSWERS, wrong, finding, "Look at them", "triage", WRONG_ANSWERS)
    if not any(x.judged for m in curated.mistakes for x in m.texts):
        act = "Begin with the most doubtful"
        return NextStep(Step.NOTHING_JUDGED, 0, "Nobody has judged a text yet", act, "triage", DEFAULT)
    if doubtful := _count_doubtful(curated):
        finding = f"{_count(doubtful, 'mistake')} may be none: we read the answer as right"
        return NextStep(Step.NOT_MISTAKES, doubtful, finding, "Look at them", "triage", NOT_MISTAKES)
    return None


def _count_doubtful(curated: Curated) -> int:
    latest_of = group_by_target(curated)
    return sum(
        m.may_be_correct and ("attempt", m.attempt.id) not in latest_of and not any(x.judged for x in m.texts)
        for m in curated.mistakes
    )


def list_changes(curated: Curated, newest: SnapshotSummary) -> list[str]:
    """Return what was done since the snapshot was made, in words; empty where nothing was."""
    # A skip changes no pair.
    new = sum(j.created_at > newest.made_at and j.judged.decision is not Act.SKIP for j in curated.judgements)
    policy = curated.policy
    now = {"name": policy.name, "version": policy.version, "threshold": policy.threshold}
    changes = [f"{_count(new, 'judgement')} since the last snapshot"] if new else []
    if any(newest.policy.get(key) != value for key, value in now.items()):
        changes.append(f"the policy is now {policy.name} at {policy.threshold:g}")
    if newest.narrowed_to:
        changes.append(f"the last snapshot is of {', '.join(newest.narrowed_to)} alone")
    return changes


def _count(number: int, word: str) -> str:
    return f"{number:,} {word if number == 1 else word + 's'}"
