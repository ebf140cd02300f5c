"""The difference of two snapshots: each change is counted once, and says why as far as the two records know."""

from typing import Any

import pytest
from sqlmodel import Session

from mapd.curation import frozen_sets, live_set, snapshots
from mapd.curation.pairs import Texts
from mapd.curation.selection import narrow
from mapd.curation.snapshot_diff import UNKNOWN, FrozenSet, SnapshotDiff, diff_snapshots
from mapd.curation.trimming import Balance, Trimming
from mapd.domain import Act, ExamInfo, Verdict
from mapd.people import owner
from mapd.policies import PAPER, STRICT
from mapd.review import repairs
from mapd.review.judging import Target, judge
from mapd.store import tables as t

ANN = owner("ann")
SCORES = (("gemini", 5), ("mistral", 2))


def text(uid: str, *votes: tuple[str, int | None], teacher: str = "gpt", **more: Any) -> dict[str, Any]:
    scores = [score for _, score in votes if score is not None]
    committee = {
        "verdict": "accepted",
        "mean": sum(scores) / len(scores) if scores else None,
        "why": "mean",
        "votes": [{"reviewer": reviewer, "score": score} for reviewer, score in votes],
    }
    return {"uid": uid, "teacher": teacher, "text": uid, "committee": committee, "people": None, **more}


def pair(number: int, **changed: Any) -> dict[str, Any]:
    question = {"uid": f"q{number}", "source_id": f"s{number}", "text": f"{number}?", "gold": "1", "task": "numeric"}
    texts = {"rationale": text(f"r{number}", *SCORES), "feedback": text(f"f{number}", teacher="gemini"), "rejected": []}
    return {"mistake": f"m{number}", "question": question, "attempt": {"answer": "2"}} | texts | changed


def frozen(name: str, *pairs: dict[str, Any], **changed: Any) -> FrozenSet:
    policy = {"name": "paper", "threshold": 3.0, "min_votes": 1, "checks": [], "version": 1}
    exam = {"uid": "e1", "name": "pens", "questions": "pens", "split": "train"}
    manifest = {"exam": exam, "policy": policy, "draw": {"seed": 0, "pairs": "one a mistake"}, "teachers": {"gpt": {}}}
    return FrozenSet(name * 8, manifest | {"judgements": []} | changed, pairs, {x["mistake"]: "e1" for x in pairs})


def policy(**changed: Any) -> dict[str, Any]:
    return dict(frozen("a").manifest["policy"]) | changed


def judged(uid: str, decision: str = "reject", **more: Any) -> dict[str, Any]:
    row = {"target": "rationale", "uid": uid, "person": "bob", "role": "annotator", "decision": decision}
    return row | {"reason": "false_step", "value": None} | more


def why_dropped(**changed: Any) -> tuple[str, ...]:
    (change,) = diff_snapshots(frozen("a", pair(1)), frozen("b", **changed)).dropped
    return change.why


def test_each_mistake_is_counted_once() -> None:
    before = frozen("a", pair(1), pair(2), pair(3), pair(3, rationale=text("other", *SCORES)))
    after = frozen("b", pair(1), pair(3), pair(3, rationale=text("another", *SCORES)), pair(4))
    diff = diff_snapshots(before, after)
    assert [[x.mistake for x in part] for part in (diff.added, diff.dropped, diff.changed)] == [["m4"], ["m2"], ["m3"]]
    assert (diff.same, diff.settings) == (1, ())
    assert (diff.dropped[0].source_id, diff.dropped[0].question, diff.dropped[0].why) == ("s2", "2?", (UNKNOWN,))
    same = diff_snapshots(before, before)
    assert (same.added, same.dropped, same.changed, same.settings, same.same) == ((), (), (), (), 3)


NEAR = {"near_duplicates": [[["m1", "r1", "f1"], ["m2"], 0.96]]}
DRAW = {"seed": 0, "pairs": "one a mistake"}


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"policy": policy(threshold=4.0)}, "its mean 3.50 is not above 4"),
        ({"policy": policy(min_votes=3)}, "it has 2 valid votes, and 3 are needed"),
        ({"policy": policy(name="strict", checks=["matches_gold"])}, "bbbbbbbb has policy strict at 3"),
        ({"judgements": [judged("r1")]}, "bbbbbbbb counts: bob, reject of the rationale (false_step)"),
        (
            {"judgements": [judged("q1", target="question", reason=None)]},
            "bbbbbbbb counts: bob, reject of the question",
        ),
        ({"left_out": NEAR}, "bbbbbbbb has a pair that is near: 0.96"),
        ({"left_out": {"leaks": [["pens train s1", "equal", "sums dev 7"]]}}, "it leaks (equal: sums dev 7)"),
        (
            {"left_out": {"unbalanced": {"gpt": 40}}, "draw": DRAW | {"balance": {"by": "teacher", "most": 9}}},
            "40 of gpt are left out, to balance",
        ),
        (
            {"left_out": {"unbalanced": {"sound": 9}}, "draw": DRAW | {"balance": {"by": "teacher", "most": 9}}},
            "9 pairs are left out, to balance",
        ),
        ({"draw": DRAW | {"limit": 5}}, "bbbbbbbb was drawn with a limit of 5 pairs"),
        ({"draw": DRAW | {"texts": ["rationale"]}}, UNKNOWN),
        ({"narrowed_to": ["mistral"]}, "bbbbbbbb has only texts by mistral"),
        ({"tasks": ["text"]}, "bbbbbbbb has only tasks text"),
        (
            {"exam": {"uid": "e2", "name": "cups", "questions": "cups", "split": "train"}},
            "exam pens is not in bbbbbbbb",
        ),
    ],
)
def test_why_a_mistake_is_not_there(changed: dict[str, Any], words: str) -> None:
    assert why_dropped(**changed) == (words,)
    # The other way round the same record says why it was not there before.
    (change,) = diff_snapshots(frozen("b", **changed), frozen("a", pair(1))).added
    assert change.why == (words,)


def test_a_judgement_that_is_taken_back_is_a_reason_too() -> None:
    accepted = judged("r1", "accept", reason=None)
    (change,) = diff_snapshots(frozen("a", pair(1), judgements=[accepted]), frozen("b")).dropped
    assert change.why == ("bbbbbbbb doesn't count: bob, accept of the rationale",)


@pytest.mark.parametrize(
    ("changed", "manifest", "words"),
    [
        ({"question": pair(1)["question"] | {"gold": "9"}}, {}, "the gold answer 1 was corrected to 9"),
        ({"attempt": {"answer": None}}, {}, "the student's answer was corrected to none"),
        ({"rationale": text("r1", ("gemini", 4))}, {}, "the rationale's scores changed"),
        ({"rationale": text("x", *SCORES, repairs="r1")}, {}, "in place of gpt r1: a person repaired it"),
        (
            {"rationale": text("x", *SCORES)},
            {"judgements": [judged("r1")]},
            "bob, reject of the rationale (false_step)",
        ),
        ({"rationale": text("x", *SCORES)}, {"draw": DRAW | {"seed": 3}}, "another seed drew it"),
        ({"feedback": text("x")}, {}, "the draw has more or fewer feedbacks to choose from"),
        ({"rejected": [text("y")]}, {}, "the rejected rationales beside it changed"),
        (
            {"rationale": text("x", *SCORES), "rejected": [text("r1", ("gemini", 1))]},
            {},
            "in place of gpt r1: rejected, mean",
        ),
        (
            {"rationale": text("x", *SCORES), "rejected": [text("r1", people={"by": ["bob"], "reason": "no_work"})]},
            {},
            "in place of gpt r1: rejected by bob (no_work)",
        ),
    ],
)
def test_why_a_pair_is_another(changed: dict[str, Any], manifest: dict[str, Any], words: str) -> None:
    (change,) = diff_snapshots(frozen("a", pair(1)), frozen("b", pair(1, **changed), **manifest)).changed
    assert words in "; ".join(change.why)


def test_lines_of_before_hold_no_scores() -> None:
    old = pair(1)
    for kind in ("rationale", "feedback"):
        old[kind] = {name: old[kind][name] for name in ("uid", "teacher", "text")}
    del old["rejected"]
    (change,) = diff_snapshots(frozen("a", old), frozen("b", pair(1))).changed
    assert change.why == ("the rejected rationales beside it changed",)


# --- Of real snapshots ------------------------------------------------------------------------------------------------


def compare(session: Session, *shas: str) -> SnapshotDiff:
    return frozen_sets.compare(session, *shas)


def test_what_real_snapshots_differ_in(session: Session, exam: ExamInfo) -> None:
    curated = live_set.load_curated(session, exam.id)
    first = snapshots.freeze(session, curated, by=ANN).sha256
    mistake = curated.mistakes[0]
    for x in mistake.rationales:
        judge(session, Target("rationale", x.text.id), Act.REJECT, by=ANN, reason="false_step")
    broken = next(x for x in curated.mistakes[1].rationales if x.verdict is Verdict.ACCEPTED).text
    repairs.repair(session, Target("rationale", broken.id), f"{broken.text} Indeed.", by=ANN, token=t.new_uid())
    after = live_set.load_curated(session, exam.id)
    second = snapshots.freeze(session, after, by=ANN, everything=True).sha256
    diff = compare(session, first, second)
    (dropped,) = diff.dropped
    assert dropped.mistake == mistake.attempt.uid
    assert all("ann, reject of the rationale (false_step)" in reason for reason in dropped.why)
    assert {x.name for x in diff.settings} == {"pairs", "judgements", "teachers"} - (
        set() if "ann" in snapshots.freeze(session, after, by=ANN).manifest["teachers"] else {"teachers"}
    )
    assert all(change.why != (UNKNOWN,) for change in diff.changed)
    strict = snapshots.freeze(session, live_set.load_curated(session, exam.id, STRICT), by=ANN).sha256
    assert "policy" in {x.name for x in compare(session, first, strict).settings}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"trimming": Trimming(None, Balance("teacher", 1))}, "left out, to balance"),
        ({"limit": 3}, "was drawn with a limit of 3 pairs"),
    ],
)
def test_what_was_left_out_by_choice_is_the_reason(
    session: Session, exam: ExamInfo, options: dict[str, Any], words: str
) -> None:
    curated = live_set.load_curated(session, exam.id, PAPER)
    whole, part = (snapshots.freeze(session, curated, by=ANN, **chosen).sha256 for chosen in ({}, options))
    diff = compare(session, whole, part)
    assert len(diff.dropped) + diff.same == 12
    assert all(words in change.why[0] for change in diff.dropped)
    narrowed = snapshots.freeze(session, narrow(curated, ("gpt",)), by=ANN, texts=(Texts.RATIONALE,)).sha256
    assert {x.name for x in compare(session, whole, narrowed).settings} >= {"teachers alone", "texts"}
