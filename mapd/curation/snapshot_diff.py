"""What two snapshots differ in: pairs added, dropped and changed, each with why, as far as the two records say. Pure.

    diff_snapshots(FrozenSet("3f2a…", manifest, pairs), FrozenSet("9c1e…", manifest, pairs))
    -> SnapshotDiff(settings=(SettingChange("threshold", "3", "4"), …), added=(), changed=(…),
                    dropped=(PairChange("5f…", "chal-12", "There are 87 …", ("its mean 3.50 is not above 4",)), …),
                    same=340)

A pair is known by its mistake. The records hold no time: what came in between is known by what they say, and where
they say nothing, that is said.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mapd.store.snapshots import list_exams

UNKNOWN = "neither record says why: its texts, their scores or its gold answer changed in between"
_KINDS = ("rationale", "feedback")


@dataclass(frozen=True, slots=True)
class FrozenSet:
    """A snapshot as it was frozen. `exams`: by mistake the uid of its exam, where it is known."""

    sha256: str
    manifest: Mapping[str, Any]
    pairs: Sequence[Mapping[str, Any]]
    exams: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SettingChange:
    """How the second snapshot was made otherwise than the first."""

    name: str
    older: str
    newer: str


@dataclass(frozen=True, slots=True)
class PairChange:
    """A mistake that the second snapshot has otherwise than the first, and why."""

    mistake: str
    source_id: str
    question: str
    why: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SnapshotDiff:
    """What the second snapshot has otherwise than the first. `same`: mistakes that both teach alike."""

    settings: tuple[SettingChange, ...]
    added: tuple[PairChange, ...]
    dropped: tuple[PairChange, ...]
    changed: tuple[PairChange, ...]
    same: int


def diff_snapshots(older: FrozenSet, newer: FrozenSet) -> SnapshotDiff:
    """Return what the second has otherwise than the first."""
    old, new = _group(older.pairs), _group(newer.pairs)
    changed = [uid for uid in old if uid in new and old[uid] != new[uid]]
    return SnapshotDiff(
        tuple(_compare_settings(older.manifest, newer.manifest)),
        tuple(_describe(new[uid], _explain_absence(new[uid], newer, older)) for uid in new if uid not in old),
        tuple(_describe(old[uid], _explain_absence(old[uid], older, newer)) for uid in old if uid not in new),
        tuple(_describe(new[uid], _explain_change(old[uid], new[uid], older, newer)) for uid in changed),
        sum(uid in new for uid in old) - len(changed),
    )


def _group(pairs: Iterable[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    groups: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for pair in pairs:
        groups[pair["mistake"]].append(pair)
    return dict(groups)


def _describe(pairs: Sequence[Mapping[str, Any]], why: Iterable[str]) -> PairChange:
    question = pairs[0]["question"]
    source_id = str(question.get("source_id", ""))
    return PairChange(pairs[0]["mistake"], source_id, question["text"], tuple(dict.fromkeys(why)) or (UNKNOWN,))


# --- Settings ---------------------------------------------------------------------------------------------------------


def _compare_settings(older: Mapping[str, Any], newer: Mapping[str, Any]) -> Iterator[SettingChange]:
    old, new = _list_settings(older), _list_settings(newer)
    for name in old | new:
        if old.get(name) != new.get(name):
            yield SettingChange(name, old.get(name, "–"), new.get(name, "–"))
    # A judgement that is in both is no difference, so they are counted one by one.
    lost, gained = (len(_list_new_judgements(*pair)) for pair in ((newer, older), (older, newer)))
    if lost or gained:
        yield SettingChange("judgements", f"{lost:,} not in the other", f"{gained:,} not in the other")


def _list_settings(manifest: Mapping[str, Any]) -> dict[str, str]:
    policy, draw = manifest["policy"], manifest["draw"]
    balance = draw.get("balance")
    settings = {
        "exams": ", ".join(str(exam["name"]) for exam in list_exams(manifest)),
        "policy": f"{policy['name']}, version {policy.get('version', 1)}",
        "threshold": f"{policy['threshold']:g}",
        "valid votes": str(policy.get("min_votes", "")),
        "required checks": ", ".join(policy.get("checks", ())),
        "leniency corrected": "yes" if policy.get("leniency_adjusted") else "",
        "fitted on": f"{policy['fit']['labels']}, {policy['fit']['n']:,}" if "fit" in policy else "",
        "pairs": str(draw["pairs"]),
        "seed": str(draw["seed"]),
        "limit": str(draw.get("limit", "")),
        "texts": ", ".join(draw.get("texts", ())),
        "near-duplicates dropped at": str(draw.get("near_duplicates", "")),
        "balance": f"{balance['by']}, {balance['most']}" if balance else "",
        "teachers alone": ", ".join(manifest.get("narrowed_to", ())),
        "tasks alone": ", ".join(manifest.get("tasks", ())),
        "families alone": ", ".join(manifest.get("families", ())),
        "teachers": ", ".join(manifest["teachers"]),
    }
    return {name: value for name, value in settings.items() if value}


def _list_new_judgements(older: Mapping[str, Any], newer: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    old_keys = {_judgement_key(row) for row in older["judgements"]}
    return [row for row in newer["judgements"] if _judgement_key(row) not in old_keys]


def _judgement_key(row: Mapping[str, Any]) -> tuple[object, ...]:
    return tuple(row.get(name) for name in ("target", "uid", "person", "role", "decision", "reason", "value"))


# --- Why --------------------------------------------------------------------------------------------------------------


def _explain_absence(pairs: Sequence[Mapping[str, Any]], holder: FrozenSet, lacking: FrozenSet) -> list[str]:
    """Return why a mistake that one snapshot has isn't in the other: the first rule that says so."""
    for rule in (_by_exam, _by_list, _by_people, _by_narrowing, _by_policy, _by_draw):
        if reasons := rule(pairs, holder, lacking):
            return reasons
    return []


Pairs = Sequence[Mapping[str, Any]]


def _by_exam(pairs: Pairs, holder: FrozenSet, lacking: FrozenSet) -> list[str]:
    exam = holder.exams.get(pairs[0]["mistake"])
    exams = {str(info.get("uid", info["name"])) for info in list_exams(lacking.manifest)}
    if exam is None or exam in exams:
        return []
    names = {str(info.get("uid", "")): str(info["name"]) for info in list_exams(holder.manifest)}
    return [f"exam {names.get(exam, exam)} is not in {lacking.sha256[:8]}"]


def _by_list(pairs: Pairs, holder: FrozenSet, lacking: FrozenSet) -> list[str]:
    """Look it up in what the other record lists as left out."""
    left_out, uid = lacking.manifest.get("left_out", {}), pairs[0]["mistake"]
    near = [
        f"{lacking.sha256[:8]} has a pair that is near: {likeness:g}"
        for names, _, likeness in left_out.get("near_duplicates", ())
        if names[0] == uid
    ]
    source_id = pairs[0]["question"].get("source_id")
    names = {f"{exam['questions']} {exam['split']} {source_id}" for exam in list_exams(holder.manifest)}
    leaks = [f"it leaks ({kind}: {held_out})" for name, kind, held_out in left_out.get("leaks", ()) if name in names]
    return near or leaks


def _by_people(pairs: Pairs, holder: FrozenSet, lacking: FrozenSet) -> list[str]:
    uids = {uid for pair in pairs for uid in _list_uids(pair)}
    gained = [row for row in _list_new_judgements(holder.manifest, lacking.manifest) if row["uid"] in uids]
    lost = [row for row in _list_new_judgements(lacking.manifest, holder.manifest) if row["uid"] in uids]
    return [f"{lacking.sha256[:8]} counts: {_say(row)}" for row in gained] or [
        f"{lacking.sha256[:8]} doesn't count: {_say(row)}" for row in lost
    ]


def _list_uids(pair: Mapping[str, Any]) -> list[str]:
    texts = [pair[kind]["uid"] for kind in _KINDS if kind in pair]
    return [pair["mistake"], pair["question"].get("uid", ""), *texts]


def _say(row: Mapping[str, Any]) -> str:
    detail = f" to {row['value']}" if row.get("value") else f" ({row['reason']})" if row.get("reason") else ""
    return f"{row['person']}, {row['decision']} of the {row['target']}{detail}"


def _by_narrowing(pairs: Pairs, _: FrozenSet, lacking: FrozenSet) -> list[str]:
    manifest, question = lacking.manifest, pairs[0]["question"]
    values = {"tasks": question["task"], "families": question.get("family")}
    reasons = [
        f"{lacking.sha256[:8]} has only {name} {', '.join(manifest[name])}"
        for name, value in values.items()
        if manifest.get(name) and value not in manifest[name]
    ]
    teachers = manifest.get("narrowed_to", ())
    authors = {pair[kind]["teacher"] for pair in pairs for kind in _KINDS if kind in pair}
    if teachers and not authors <= set(teachers):
        reasons.append(f"{lacking.sha256[:8]} has only texts by {', '.join(teachers)}")
    kinds = manifest["draw"].get("texts", ["both"])
    if not any({"both": len(_kinds_of(p)) == 2}.get(k, k in _kinds_of(p)) for p in pairs for k in kinds):
        reasons.append(f"in {lacking.sha256[:8]} a pair has {' or '.join(kinds)}")
    return reasons


def _kinds_of(pair: Mapping[str, Any]) -> list[str]:
    return [kind for kind in _KINDS if kind in pair]


def _by_policy(pairs: Pairs, holder: FrozenSet, lacking: FrozenSet) -> list[str]:
    if (policy := lacking.manifest["policy"]) == holder.manifest["policy"]:
        return []
    committees = [pair["rationale"].get("committee") for pair in pairs if "rationale" in pair]
    reasons = [reason for committee in committees if committee and (reason := _hold_against(committee, policy))]
    return reasons or [f"{lacking.sha256[:8]} has policy {policy['name']} at {policy['threshold']:g}"]


def _hold_against(committee: Mapping[str, Any], policy: Mapping[str, Any]) -> str | None:
    """Return why these scores don't suffice under a policy on the mean; None where only it itself could tell."""
    if "fit" in policy or policy.get("leniency_adjusted"):
        return None
    valid = sum(vote["score"] is not None for vote in committee["votes"])
    if valid < policy.get("min_votes", 1):
        return f"it has {valid} valid vote{'' if valid == 1 else 's'}, and {policy['min_votes']} are needed"
    if committee["mean"] is not None and committee["mean"] <= policy["threshold"]:
        return f"its mean {committee['mean']:.2f} is not above {policy['threshold']:g}"
    return None


def _by_draw(pairs: Pairs, _: FrozenSet, lacking: FrozenSet) -> list[str]:
    draw, left_out = lacking.manifest["draw"], lacking.manifest.get("left_out", {})
    reasons = []
    if uneven := left_out.get("unbalanced"):
        by = draw["balance"]["by"]
        authors = {pair["rationale" if "rationale" in pair else "feedback"]["teacher"] for pair in pairs}
        groups = sorted(authors if by == "teacher" else {pairs[0]["question"]["task"]})
        reasons += [f"{uneven[group]:,} of {group} are left out, to balance" for group in groups if group in uneven]
        # With another seed another teacher's text may have been drawn for it, and left out.
        reasons = reasons or [f"{sum(uneven.values()):,} pairs are left out, to balance"]
    if "limit" in draw:
        reasons.append(f"{lacking.sha256[:8]} was drawn with a limit of {draw['limit']:,} pairs")
    return reasons


def _explain_change(old: Pairs, new: Pairs, older: FrozenSet, newer: FrozenSet) -> list[str]:
    """Return how the pairs of a mistake differ that both snapshots have."""
    first, second = old[0], new[0]
    reasons = []
    if (golds := (first["question"]["gold"], second["question"]["gold"]))[0] != golds[1]:
        reasons.append(f"the gold answer {golds[0]} was corrected to {golds[1]}")
    if first["attempt"].get("answer") != second["attempt"].get("answer"):
        reasons.append(f"the student's answer was corrected to {second['attempt'].get('answer') or 'none'}")
    if len(old) != len(new):
        reasons.append(f"it has {len(new)} pairs in place of {len(old)}")
    for kind in _KINDS:
        reasons += _explain_text(kind, old, new, older, newer)
    if not reasons and first.get("rejected") != second.get("rejected"):
        reasons.append("the rejected rationales beside it changed")
    return reasons


def _explain_text(kind: str, old: Pairs, new: Pairs, older: FrozenSet, newer: FrozenSet) -> list[str]:
    texts = [{pair[kind]["uid"]: pair[kind] for pair in pairs if kind in pair} for pairs in (old, new)]
    lost = [text for uid, text in texts[0].items() if uid not in texts[1]]
    gained = [text for uid, text in texts[1].items() if uid not in texts[0]]
    if not lost and not gained:
        pairs = [(text, texts[1][uid]) for uid, text in texts[0].items()]
        return [f"the {kind}'s {words}" for first, second in pairs for words in _compare_verdicts(first, second)]
    if not lost or not gained:
        return [f"it has {'more' if gained else 'less'} {kind}: {', '.join(_name(text) for text in gained or lost)}"]
    change = f"{kind} by {_name(gained[0])} in place of {_name(lost[0])}"
    return [f"{change}: {_explain_replacement(kind, lost[0], gained[0], new, older, newer)}"]


def _name(text: Mapping[str, Any]) -> str:
    return f"{text['teacher']} {text['uid'][:8]}"


def _compare_verdicts(first: Mapping[str, Any], second: Mapping[str, Any]) -> Iterator[str]:
    # Lines of format 1 hold no scores.
    if "committee" not in first or "committee" not in second:
        return
    old, new = first["committee"], second["committee"]
    if old.get("votes") != new.get("votes"):
        yield "scores changed"
    elif old != new:
        yield f"committee says {new.get('why', '')}"
    if first.get("people") != second.get("people"):
        yield "judgement by people changed"


def _explain_replacement(
    kind: str, lost: Mapping[str, Any], gained: Mapping[str, Any], new: Pairs, older: FrozenSet, newer: FrozenSet
) -> str:
    if gained.get("repairs") == lost["uid"]:
        return "a person repaired it"
    rejected = next((text for pair in new for text in pair.get("rejected", ()) if text["uid"] == lost["uid"]), None)
    if rejected is not None:
        people = rejected.get("people")
        if people:
            return f"rejected by {', '.join(people['by'])}{' (' + people['reason'] + ')' if people['reason'] else ''}"
        return f"rejected, {rejected['committee']['why']}"
    judged = [row for row in _list_new_judgements(older.manifest, newer.manifest) if row["uid"] == lost["uid"]]
    if judged:
        return "; ".join(map(_say, judged))
    teachers = newer.manifest.get("narrowed_to", ())
    if teachers and lost["teacher"] not in teachers:
        return f"only texts by {', '.join(teachers)}"
    if older.manifest["draw"]["seed"] != newer.manifest["draw"]["seed"]:
        return "another seed drew it"
    return f"the draw has more or fewer {kind}s to choose from"
