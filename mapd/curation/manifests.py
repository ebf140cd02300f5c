"""What a snapshot holds: its lines and its manifest, from the pairs that were drawn. Pure.

    write_lines(pairs)                   -> '{"attempt": {…}, "feedback": {…}, "mistake": "5f…", …}\n…'
    make_manifest(sets, pair_draw, settings, teachers, sha256)
        -> {"format": 2, "exam": {"name": "svamp · …", …}, "policy": {…}, "counts": {"pairs": 365, …}, …}

No times and no local ids are in it, and nothing hangs on the order in which things were made or named.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from mapd.curation.curated import Curated, Mistake
from mapd.curation.decided_texts import DecidedText, filter_votes
from mapd.curation.leakage import GuardedDraw
from mapd.curation.pairs import DrawSettings, Pair, PairDraw, sort_texts
from mapd.curation.summary import summary
from mapd.domain import JudgementRow, Verdict
from mapd.judgements import pick_latest_of
from mapd.policies import Policy
from mapd.store.snapshots import FORMAT

# What a manifest has of the summary, under the same names.
COUNTED = ("mistakes", "rationales", *Verdict, "overridden", "accepted_wrong_answer")


def write_lines(pairs: Iterable[Pair]) -> str:
    """Return the pairs as JSON Lines: the same pairs have one spelling."""
    return "".join(_canonical(line(*pair)) + "\n" for pair in pairs)


def line(mistake: Mistake, rationale: DecidedText | None, feedback: DecidedText | None) -> dict[str, Any]:
    """Return one training pair as structured fields, never as a rendered prompt."""
    texts = {"rationale": rationale, "feedback": feedback}
    # Without an accepted rationale they are no preference.
    rejected = [] if rationale is None else sort_texts(mistake.rationales, Verdict.REJECTED)
    q, a = mistake.question, mistake.attempt
    question = {"uid": q.uid, "source_id": q.source_id, "task": q.task.value, "text": q.text, "context": q.context}
    return {
        "mistake": a.uid,
        "question": question | {"options": list(q.options), "family": q.family, "gold": mistake.shown_gold},
        "attempt": {"uid": a.uid, "text": a.text, "answer": mistake.show(mistake.answer)},
        **{kind: _text(x, mistake) for kind, x in texts.items() if x is not None},
        "rejected": [_text(x, mistake) for x in rejected],
    }


def _text(x: DecidedText, mistake: Mistake) -> dict[str, Any]:
    origin: dict[str, Any] = {
        "uid": x.text.uid,
        "teacher": x.text.teacher,
        "by_person": x.text.teacher_kind == "person",
    }
    broken = mistake.original(x.text)
    # A line without repairs has no such field: so its snapshot keeps the name that it always had.
    if broken is not None:
        origin["repairs"] = broken.uid
    return origin | {"simulated": x.text.simulated, "text": x.text.text} | _decision(x)


def _decision(x: DecidedText) -> dict[str, Any]:
    """Return what decided a text: its verdict, the committee's with the votes that count, and what people decided."""
    committee, people = x.committee, x.people
    # By name: the order of the rows is each project's own.
    votes = sorted((vote.reviewer, vote.score or 0, vote.score) for vote in filter_votes(x.text.votes))
    return {
        "verdict": x.verdict.value,
        "committee": {
            "verdict": committee.verdict.value,
            # The mean is an exact fraction, which JSON doesn't have.
            "mean": None if committee.mean is None else float(committee.mean),
            **({} if committee.probability is None else {"p": float(committee.probability)}),
            "why": committee.why,
            "votes": [{"reviewer": reviewer, "score": score} for reviewer, _, score in votes],
        },
        "people": None
        if people.decision is None
        else {
            "decision": people.decision.value,
            "reason": people.reason,
            "by": list(people.by),
            "adjudicated": people.adjudicated,
        },
    }


def make_manifest(
    sets: Sequence[Curated],
    guarded: GuardedDraw,
    settings: DrawSettings,
    teachers: Mapping[str, Mapping[str, Any]],
    lines_sha256: str,
) -> dict[str, Any]:
    """Return where the lines come from, as JSON. `sets`: in the order of `sort_sets`; `teachers`: the project's."""
    policy, narrowing, pair_draw = sets[0].policy, sets[0].narrowing, guarded.pair_draw
    pairs = pair_draw.pairs
    texts = [x for curated in sets for m in curated.mistakes for x in m.texts]
    voices = {x.text.teacher for x in texts} | {vote.reviewer for x in texts for vote in x.text.votes}
    counts = [_count_set(curated) for curated in sets]
    narrowed = {"narrowed_to": narrowing.teachers, "tasks": narrowing.tasks, "families": narrowing.families}
    return {
        "format": FORMAT,
        **_describe_exams(sets, counts),
        # A set has no order, and the sha256 of this is the snapshot's name; so all below is sorted, too.
        "policy": _describe_policy(policy),
        "draw": settings.as_dict(),
        "teachers": {name: teachers[name] for name in sorted(voices & teachers.keys())},
        "prompts": sorted({x.text.prompt_sha256 for x in texts}),
        "judgements": _judgements(sets),
        "counts": {
            **{name: sum(of_set[name] for of_set in counts) for name in counts[0]},
            **_count_pairs(pairs),
            **({} if settings.is_usual else _count_alone(pairs)),
            **_count_left_out(pair_draw, is_plain=len(sets) == 1 and settings.is_usual),
        },
        "lines_sha256": lines_sha256,
        **_list_left_out(guarded),
        **{name: list(chosen) for name, chosen in narrowed.items() if chosen},
    }


def _describe_policy(policy: Policy) -> dict[str, Any]:
    """Return the policy; of a fitted one what it decides by, and what of."""
    rule = {name: value for name, value in asdict(replace(policy, fit=None)).items() if name != "fit"}
    rule |= {"checks": sorted(policy.checks)}
    # A policy on means has no such field: so its snapshot keeps the name that it always had.
    if policy.fit is None:
        return rule
    return rule | {"fit": policy.fit.freeze()}


def _describe_exams(sets: Sequence[Curated], counts: Sequence[Mapping[str, int]]) -> dict[str, Any]:
    """Return the exam, or the exams with their counts."""
    exams = [
        {
            "uid": exam.uid,
            "name": exam.name,
            "student": exam.student,
            "questions": exam.question_set,
            "split": exam.split,
            "round": exam.round,
        }
        for exam in (curated.exam for curated in sets)
    ]
    if len(exams) == 1:
        return {"exam": exams[0]}
    return {"exams": [exam | {"counts": dict(of_set)} for exam, of_set in zip(exams, counts, strict=True)]}


def _count_set(curated: Curated) -> dict[str, int]:
    """Count what the pairs were drawn from."""
    counts = summary(curated)
    return {
        **{name: getattr(counts, name) for name in COUNTED},
        "not_mistakes": len(curated.corrected),
        "questions_excluded": len(curated.excluded),
        "covered": counts.mistakes_covered,
        "not_covered": counts.mistakes - counts.mistakes_covered,
        "covered_but_no_feedback_stands": counts.mistakes_covered - counts.pairs,
    }


def _count_pairs(pairs: Sequence[Pair]) -> dict[str, Any]:
    return {
        "pairs": len(pairs),
        # A mistake may have several pairs: one for each accepted rationale.
        "mistakes_in_pairs": len({pair.mistake.attempt.uid for pair in pairs}),
        "preferences": len(_list_preferences(pairs)),
        "pairs_by_teacher": _count_authors(pair.rationale for pair in pairs),
    } | _count_repairs(pairs)


def _count_authors(texts: Iterable[DecidedText | None]) -> dict[str, int]:
    return dict(sorted(Counter(x.text.teacher for x in texts if x is not None).items()))


def _list_preferences(pairs: Sequence[Pair]) -> set[tuple[str, str]]:
    """Return the accepted rationales with each rejected one of their question, by uid."""
    # Attempts at one question share its rationales: the same two are one preference.
    return {
        (rationale.text.uid, x.text.uid)
        for mistake, rationale, _ in pairs
        if rationale is not None
        for x in mistake.rationales
        if x.verdict is Verdict.REJECTED
    }


# A manifest has no field for what it has none of: so a snapshot keeps the name that it always had.


def _count_repairs(pairs: Sequence[Pair]) -> dict[str, int]:
    """Count the pairs with a text that a person repaired."""
    texts = [[x for x in pair[1:] if x is not None] for pair in pairs]
    count = sum(any(x.text.repairs_id is not None for x in of_pair) for of_pair in texts)
    return {"pairs_with_repairs": count} if count else {}


def _count_alone(pairs: Sequence[Pair]) -> dict[str, Any]:
    """Count the pairs with one text alone, and who wrote the feedback."""
    return {
        "pairs_without_feedback": sum(pair.feedback is None for pair in pairs),
        "pairs_without_rationale": sum(pair.rationale is None for pair in pairs),
        "feedback_by_teacher": _count_authors(pair.feedback for pair in pairs),
    }


def _count_left_out(pair_draw: PairDraw, *, is_plain: bool) -> dict[str, int]:
    counts = {} if is_plain else {"repeated_pairs": pair_draw.repeated}
    numbers = {
        "in_test_splits": pair_draw.sealed,
        "leaking_pairs": len(pair_draw.leaking),
        "near_duplicates": len(pair_draw.near),
        "unbalanced_pairs": sum(pair_draw.uneven.values()),
    }
    return counts | {name: number for name, number in numbers.items() if number}


def _list_left_out(guarded: GuardedDraw) -> dict[str, Any]:
    """List what of the drawn pairs was left out: which, and beside what. Nothing where none was."""
    pair_draw = guarded.pair_draw
    near = [[_name_pair(pair), _name_pair(other), likeness] for pair, other, likeness in pair_draw.near]
    leaks = [[leak.taught.name, leak.kind.value, leak.held_out.name] for leak in guarded.left_out]
    left_out = {"leaks": sorted(leaks), "near_duplicates": near, "unbalanced": dict(pair_draw.uneven)}
    left_out = {name: part for name, part in left_out.items() if part}
    return {"left_out": left_out} if left_out else {}


def _name_pair(pair: Pair) -> list[str]:
    """Return the uids of a pair's mistake and texts."""
    return [pair.mistake.attempt.uid, *(x.text.uid for x in pair.written)]


def _judgements(sets: Sequence[Curated]) -> list[dict[str, Any]]:
    # Their order doesn't depend on when they were made, so that the same set has the same sha256.
    by_target: dict[str, list[JudgementRow]] = {}
    # Exams over the same questions share what was said of these.
    for row in {row.uid: row for curated in sets for row in curated.judgements}.values():
        by_target.setdefault(row.target_uid, []).append(row)
    # An undone repair is no text of the set any more.
    for undone in (x for curated in sets for m in curated.mistakes for x in m.undone_repairs):
        by_target.pop(undone.uid, None)
    effective = []
    for uid, rows in by_target.items():
        for j in pick_latest_of(rows[0].target, [row.judged for row in rows]):
            who: dict[str, Any] = {"target": rows[0].target, "uid": uid, "person": j.person, "role": j.role}
            effective.append(who | {"decision": j.decision.value, "reason": j.reason, "value": j.value})
    return sorted(effective, key=_canonical)


def _canonical(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
