"""Freezing the curated set: lines (JSONL) and a manifest, named by the manifest's sha256.

The manifest holds the sha256 of the lines, so its name stands for both files.

One line, from the authors' SVAMP file (shortened):

    {"mistake": "5f…", "question": {"uid": "a0…", "text": "There are 87 oranges …", "gold": "145", …},
     "attempt": {"text": "Answer: …", "answer": "0.92"}, "rationale": {"uid": "c1…", "teacher": "gpt", "text": "…",
     "verdict": "accepted", "committee": {"verdict": "accepted", "mean": 5.0, "why": "mean 5.00 is above 3",
     "votes": [{"reviewer": "gemini", "score": 5}, …]}, "people": null},
     "feedback": {"uid": "77…", "teacher": "mistral", "text": "It seems …", …}, "rejected": [{"uid": "0b…", …}, …]}

`rejected` has the question's rejected rationales, for preferences. Votes and verdicts are frozen with the texts: both
change afterwards, and an export of a snapshot gives the same rows on any day.

count_contents(row.lines, row.manifest) counts them: 365 pairs of 365 mistakes, 44 of them with a wrong answer.

A set that was narrowed to some teachers says so in its manifest, as `"narrowed_to": ["gemini", "gpt"]`.
A text that a person repaired carries `"by_person": true` and, as `"repairs"`, the uid of what it stands in for. No
times and no local ids are in it, so the same input gives the same name on every machine.
"""

import json
import os
import random
import tempfile
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sqlmodel import Session, col, select

from mapd.answers.grading import Task
from mapd.checks import State
from mapd.curation.curated import Curated, DecidedText, Mistake, filter_votes, read_own_answer
from mapd.curation.summary import summary
from mapd.domain import Act, Judged, JudgementRow, Ruling, Verdict
from mapd.errors import BadInput
from mapd.judgements import READING, pick_latest_of, ruling
from mapd.people import Person, Right, require
from mapd.questions.options import read_shown
from mapd.store import audit_log, queries
from mapd.store import tables as t
from mapd.store.snapshots import FORMAT, check, fault, lines_of, manifest_text, read_line, sha256

# What a manifest has of the summary, under the same names.
COUNTED = ("mistakes", "rationales", *Verdict, "overridden", "accepted_wrong_answer")
# A mistake, the rationale and the feedback drawn for it.
Pair = tuple[Mistake, DecidedText, DecidedText]


def freeze(
    session: Session, curated: Curated, *, by: Person, seed: int = 0, everything: bool = False, limit: int | None = None
) -> t.Snapshot:
    """Make the snapshot of the curated set; the same input returns the one that is there, mended where it is damaged.

    Per covered mistake one accepted rationale and one feedback that stands, drawn with `seed`; with `everything` one
    pair for each accepted rationale. `limit`: so many of the pairs, drawn too, to compare curated sets at one size.

    Raises: Forbidden; BadInput where no pair can be made, or fewer than `limit`.
    """
    person = require(by, Right.FREEZE)
    pairs = draw(curated, seed=seed, everything=everything, limit=limit)
    if not pairs:
        raise BadInput(
            f"an empty snapshot is refused: exam {curated.exam.name} has no mistake with an accepted rationale and a "
            f"standing feedback under policy {curated.policy.name} at {curated.policy.threshold:g}; lower the threshold"
        )
    lines = "".join(_canonical(line(*pair)) + "\n" for pair in pairs)
    draw_settings = {"seed": seed, "pairs": "every accepted rationale" if everything else "one a mistake"}
    draw_settings |= {} if limit is None else {"limit": limit}
    manifest = _manifest(curated, pairs, lines, draw_settings, queries.describe_teachers(session))
    name = sha256(manifest_text(manifest))
    row, act = _find_stored(session, name), "freeze"
    content: dict[str, Any] = {"sha256": name, "pairs": len(pairs), "lines": lines, "manifest": manifest}
    if row is None:
        moment = queries.moment(session)
        row = t.Snapshot(created_at=moment, uid=name[:32], exam_id=curated.exam.id, person=person, **content)
    # The same input gives the same name, so this snapshot is there already.
    elif fault(row) is None:
        return row
    else:
        # What is stored doesn't fit its name: it is written anew.
        act = "freeze again"
        row.sqlmodel_update(content)
    session.add(row)
    audit_log.audit(session, person, act, f"snapshot {name}", pairs=len(pairs))
    session.flush()
    return row


def _find_stored(session: Session, name: str) -> t.Snapshot | None:
    # Its uid still begins with the name where somebody changed the name.
    query = select(t.Snapshot).where((col(t.Snapshot.sha256) == name) | (col(t.Snapshot.uid) == name[:32]))
    return next((row for row in session.exec(query) if row.sha256 == name or fault(row) is not None), None)


@dataclass(frozen=True, slots=True)
class SnapshotContents:
    """What a snapshot's own lines hold: how many pairs, of which mistakes, and how many end in a wrong answer."""

    pairs: int
    mistakes: frozenset[str]  # the attempts' uids
    wrong: int


def count_contents(lines: str, manifest: Mapping[str, Any]) -> SnapshotContents:
    """Count a snapshot's pairs from its lines. What people read of a rationale's answer is in the manifest.

    Raises: BadInput where they are not what a snapshot holds.
    """
    try:
        readings = _group_readings(manifest["judgements"])
        pairs = [read_line(line) for line in lines_of(lines)]
        wrong = sum(_ends_wrong(pair, ruling(readings[pair["rationale"]["uid"]], READING)) for pair in pairs)
        return SnapshotContents(len(pairs), frozenset(pair["mistake"] for pair in pairs), wrong)
    except (ValueError, LookupError, TypeError) as error:
        raise BadInput(f"a snapshot of this exam is damaged ({error}): import its project again") from error


def _group_readings(judgements: Sequence[Mapping[str, Any]]) -> Mapping[str, list[Judged]]:
    readings: dict[str, list[Judged]] = defaultdict(list)
    for number, row in enumerate(judgements):
        if row["target"] == "rationale" and row["decision"] == Act.CORRECT:
            judged = Judged(number, row["person"], Act.CORRECT, row["reason"], row["value"], row["role"])
            readings[row["uid"]].append(judged)
    return readings


def _ends_wrong(pair: Mapping[str, Any], reading: Ruling) -> bool:
    question, task, options = pair["question"], Task(pair["question"]["task"]), tuple(pair["question"]["options"])
    gold = read_shown(question["gold"], task, options)
    _, matches_gold = read_own_answer(pair["rationale"]["text"], gold, task, options, reading)
    return matches_gold is State.FAILS


def count_wrong(pairs: Sequence[Pair]) -> int:
    """Count the pairs whose rationale ends in a wrong answer."""
    return sum(rationale.states.matches_gold is State.FAILS for _, rationale, _ in pairs)


def draw(curated: Curated, *, seed: int = 0, everything: bool = False, limit: int | None = None) -> list[Pair]:
    """Return the pairs that `freeze` would write, in the order of the mistakes."""
    pairs = [pair for m in curated.mistakes for pair in _draw_pairs(m, seed, everything)]
    if limit is None:
        return pairs
    if not 0 < limit <= len(pairs):
        raise BadInput(f"a snapshot of {limit} pairs can't be drawn: the curated set gives {len(pairs)}")
    # A draw of its own, so that the limit changes none of the pairs.
    return [pairs[place] for place in sorted(random.Random(f"{seed} limit").sample(range(len(pairs)), limit))]


def write(snapshot: t.Snapshot, home: Path) -> Path:
    """Put the snapshot's two files under `home`/snapshots/SHA and return that folder. What is there is left as it is.

    Raises: BadInput where the folder can't be written, or holds other content under this name, or the snapshot is
    damaged.
    """
    check(snapshot)
    folder = home / "snapshots" / snapshot.sha256
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in {"pairs.jsonl": snapshot.lines, "manifest.json": manifest_text(snapshot.manifest)}.items():
            _write_once(folder / name, text)
    except OSError as error:
        raise BadInput(f"the snapshot can't be written to {folder} ({error.strerror}); free or unlock it") from error
    return folder


def _write_once(path: Path, text: str) -> None:
    if path.exists():
        if path.read_text(encoding="utf-8") != text:
            raise BadInput(f"{path} was changed by hand: a snapshot never changes; move the file away")
        return
    handle, temporary = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
        file.write(text)
    # The file appears whole or not at all.
    Path(temporary).replace(path)


def _draw_pairs(mistake: Mistake, seed: int, everything: bool) -> list[Pair]:
    # Each mistake has its own draw, so one more mistake moves no other's. The draw hangs on texts, not on uids, which
    # are random: the same run in another project draws the same pairs.
    accepted = _sort(mistake.rationales, Verdict.ACCEPTED)
    feedback = _sort(mistake.feedback, Verdict.ACCEPTED)
    if not accepted or not feedback:
        return []
    generator = random.Random(f"{seed} {mistake.question.text} {mistake.attempt.sample}")
    generator.shuffle(feedback)
    rationales = accepted if everything else [generator.choice(accepted)]
    return [(mistake, x, feedback[i % len(feedback)]) for i, x in enumerate(rationales)]


def _sort(texts: tuple[DecidedText, ...], verdict: Verdict) -> list[DecidedText]:
    """Return the texts of a verdict, in an order that is the same in every project."""
    return sorted((x for x in texts if x.verdict is verdict), key=lambda x: (x.text.teacher, x.text.text, x.text.uid))


def line(mistake: Mistake, rationale: DecidedText, feedback: DecidedText) -> dict[str, Any]:
    """Return one training pair as structured fields, never as a rendered prompt."""
    q, a = mistake.question, mistake.attempt
    question = {"uid": q.uid, "source_id": q.source_id, "task": q.task.value, "text": q.text, "context": q.context}
    return {
        "mistake": a.uid,
        "question": question | {"options": list(q.options), "family": q.family, "gold": mistake.shown_gold},
        "attempt": {"uid": a.uid, "text": a.text, "answer": mistake.show(mistake.answer)},
        "rationale": _text(rationale, mistake),
        "feedback": _text(feedback, mistake),
        "rejected": [_text(x, mistake) for x in _sort(mistake.rationales, Verdict.REJECTED)],
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
            "mean": None if committee.mean is None else float(committee.mean),
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


def _manifest(
    curated: Curated,
    pairs: list[Pair],
    lines: str,
    draw_settings: dict[str, Any],
    teachers: Mapping[str, Mapping[str, Any]],
) -> dict[str, Any]:
    exam, policy, counts = curated.exam, curated.policy, summary(curated)
    texts = [x for m in curated.mistakes for x in m.texts]
    voices = {x.text.teacher for x in texts} | {vote.reviewer for x in texts for vote in x.text.votes}
    return {
        "format": FORMAT,
        "exam": {
            "uid": exam.uid,
            "name": exam.name,
            "student": exam.student,
            "questions": exam.question_set,
            "split": exam.split,
            "round": exam.round,
        },
        "policy": asdict(policy) | {"checks": sorted(policy.checks)},
        "draw": draw_settings,
        "teachers": {name: teachers[name] for name in sorted(voices & teachers.keys())},
        "prompts": sorted({x.text.prompt_sha256 for x in texts}),
        "judgements": _judgements(curated),
        "counts": {
            **{name: getattr(counts, name) for name in COUNTED},
            "not_mistakes": len(curated.corrected),
            "questions_excluded": len(curated.excluded),
            "covered": counts.mistakes_covered,
            "not_covered": counts.mistakes - counts.mistakes_covered,
            "covered_but_no_feedback_stands": counts.mistakes_covered - counts.pairs,
            "pairs": len(pairs),
            "mistakes_in_pairs": len({mistake.attempt.uid for mistake, _, _ in pairs}),
            "preferences": len(_list_preferences(pairs)),
            "pairs_by_teacher": dict(sorted(Counter(r.text.teacher for _, r, _ in pairs).items())),
        }
        | _repairs(pairs),
        "lines_sha256": sha256(lines),
    } | ({"narrowed_to": list(curated.narrowed_to)} if curated.narrowed_to else {})


def _list_preferences(pairs: list[Pair]) -> set[tuple[str, str]]:
    """Return the accepted rationales with each rejected one of their question, by uid."""
    # Attempts at one question share its rationales: the same two are one preference.
    return {
        (rationale.text.uid, x.text.uid)
        for mistake, rationale, _ in pairs
        for x in mistake.rationales
        if x.verdict is Verdict.REJECTED
    }


def _repairs(pairs: list[Pair]) -> dict[str, int]:
    """Count the pairs with a text that a person repaired; without one the manifest has no such field."""
    count = sum(x.text.repairs_id is not None or y.text.repairs_id is not None for _, x, y in pairs)
    return {"pairs_with_repairs": count} if count else {}


def _judgements(curated: Curated) -> list[dict[str, Any]]:
    # Their order doesn't depend on when they were made, so that the same set has the same sha256.
    by_target: dict[str, list[JudgementRow]] = {}
    for row in curated.judgements:
        by_target.setdefault(row.target_uid, []).append(row)
    # An undone repair is no text of the set any more.
    for undone in (x for m in curated.mistakes for x in m.undone_repairs):
        by_target.pop(undone.uid, None)
    effective = []
    for uid, rows in by_target.items():
        for j in pick_latest_of(rows[0].target, [row.judged for row in rows]):
            who: dict[str, Any] = {"target": rows[0].target, "uid": uid, "person": j.person, "role": j.role}
            effective.append(who | {"decision": j.decision.value, "reason": j.reason, "value": j.value})
    return sorted(effective, key=_canonical)


def _canonical(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
