"""A snapshot's data card, and the paragraph on it for a paper, written from the record.

    facts = load_facts(session, "3f2a")
    write_card(facts)       -> "# Data card of snapshot `3f2a9c1b7d20` … 365 training pairs on 365 mistakes of …"
    write_methods(facts)    -> "The student `Llama-2-7b` answered the train questions of `svamp`; 387 answers …"
    write_latex(facts)      -> the same, in LaTeX

The words stand in data_card.md.jinja and methods.jinja; of what was kept and of terms they are those of a `datasets`
folder's card. Names are foreign: they stand in code, in LaTeX escaped. People are counted, and not named.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from sqlmodel import Session

from mapd.characters import visible
from mapd.curation import saved_policies
from mapd.curation.fitted_policies import describe_fit
from mapd.curation.frozen_sets import check_leakage, list_near_pairs
from mapd.curation.leakage import PARAPHRASE, Leakage
from mapd.curation.near_duplicates import USUAL
from mapd.curation.snapshots import count_contents
from mapd.domain import Act
from mapd.errors import NotFound
from mapd.exchange.training import card
from mapd.exchange.training.snapshots import find_source
from mapd.probability import Fit
from mapd.store import judgement_log, queries

_FOLDER = Path(__file__).parent
# A teacher that wrote so large a part of the rationales is named as a limit.
LARGE_PART = 0.6
# What LaTeX would read as its own. A character that its usual fonts lack is named by its number.
_TEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "`": r"\textasciigrave{}",
    '"': r"\textquotedbl{}",
    **{character: f"\\{character}" for character in "{}$&#%_"},
}


def load_facts(session: Session, ref: str) -> dict[str, Any]:
    """Return what the card and the paragraph say of a snapshot. Raises: NotFound; BadInput where it is damaged."""
    row = queries.snapshot(session, ref)
    # Worked examples stand in no sentence of it: so exams that were shown different numbers of them are no matter.
    facts = card.list_facts(find_source(session, row.sha256, shots=0))
    contents = count_contents(row.lines, row.manifest)
    leakage, near = check_leakage(session, row.sha256), len(list_near_pairs(session, row.sha256, USUAL))
    fit, exams = _find_fit(session, row.manifest["policy"]), queries.exams_of_snapshot(session, queries.identity(row))
    authors = {
        **row.manifest["counts"]["pairs_by_teacher"],
        **row.manifest["counts"].get("feedback_by_teacher", {}),
    }
    details: dict[str, Any] = {
        "authors": sorted(facts["teachers"] or authors),
        "leakage": leakage,
        "paraphrase": PARAPHRASE,
        "near": near,
        "near_at": USUAL,
        "naming_people": "its lines (`people`, `teacher` of a text `by_person`) and its manifest",
        "wrong": contents.wrong if facts["rationales"] else None,
        "audits": _count_audits(session, [info.id for info in exams]),
        "fit": None if fit is None else fit.record,
        "fit_point": _find_point(fit, row.manifest["policy"]["threshold"]),
    }
    return facts | details | {"limits": _list_limits(facts | details, fit)}


def write_card(facts: Mapping[str, Any]) -> str:
    """Return the data card, in markdown."""
    return card.render(_FOLDER / "data_card.md.jinja", {**facts, "methods": write_methods(facts)})


def write_methods(facts: Mapping[str, Any]) -> str:
    """Return the paragraph, in markdown."""
    return _write_paragraph(facts, card.code, "%")


def write_latex(facts: Mapping[str, Any]) -> str:
    """Return the paragraph, in LaTeX."""
    return _write_paragraph(facts, _set_name, r"\%")


def _set_name(name: object) -> str:
    return rf"\texttt{{{escape_tex(str(name))}}}"


WRITERS: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "card": write_card,
    "methods": write_methods,
    "latex": write_latex,
}
ENDINGS = {"card": "card.md", "methods": "methods.md", "latex": "methods.tex"}


def _write_paragraph(facts: Mapping[str, Any], name: Callable[[object], str], percent: str) -> str:
    text = card.render(_FOLDER / "methods.jinja", {**facts, "percent": percent}, name)
    return f"{' '.join(text.split())}\n"


def escape_tex(text: str) -> str:
    """Return a foreign text as LaTeX sets it: no command, no group and no comment in it."""
    line = " ".join(visible(text).split())
    return "".join(_TEX.get(x, x if x < "ɐ" else f"[U+{ord(x):04X}]") for x in line)


def _find_fit(session: Session, policy: Mapping[str, Any]) -> Fit | None:
    """Return the policy's fit, where the project has this version of it still."""
    if "fit" not in policy:
        return None
    try:
        fit = saved_policies.find_version(session, policy["name"], policy.get("version", 1)).fit
    except NotFound:
        return None
    # Another project's policy of this name and version may be another.
    return fit if fit is not None and fit.freeze() == policy["fit"] else None


def _find_point(fit: Fit | None, threshold: float) -> Any:
    points = [] if fit is None else fit.record.at
    return next((point for point in points if round(100 * point.p) == round(100 * threshold)), None)


def _count_audits(session: Session, exam_ids: Sequence[int]) -> list[tuple[str, int, int]]:
    """Return by queue how many rationales people judged in a random audit, and how many of them they rejected."""
    rows = [row for exam_id in exam_ids for row in judgement_log.judgements(session, exam_id)]
    audited = [
        row
        for row in {row.uid: row for row in rows}.values()
        if (row.queue or "").startswith("audit") and row.target == "rationale" and row.counts
    ]
    decided = [row for row in audited if row.judged.decision in (Act.ACCEPT, Act.REJECT)]
    # The latest word of each person on each counts.
    latest = {(row.queue, row.target_uid, row.judged.person): row.judged.decision for row in decided}
    looked_at = Counter(str(queue) for queue, _, _ in latest)
    rejected = Counter(str(queue) for (queue, _, _), decision in latest.items() if decision is Act.REJECT)
    return [(queue, number, rejected[queue]) for queue, number in sorted(looked_at.items())]


def _list_limits(facts: Mapping[str, Any], fit: Fit | None) -> list[str]:
    """Return what the set can't show, in words, with its numbers."""
    counts, leakage = facts["counts"], facts["leakage"]
    limits = ["its questions are those that the student failed: measure it on others"]
    if facts["simulated"]:
        limits.append("its simulated teachers say nothing of real ones")
    if facts["wrong"]:
        limits.append(f"{facts['wrong']:,} of {counts['pairs']:,} pairs end in another answer than the reference")
    if facts["rationales"]:
        limits.append("a right final answer may be reached by false steps: no check sees that, people alone do")
    if not facts["judgements"]:
        limits.append("no person looked at it")
    limits += describe_fit(fit) if fit is not None else []
    limits += _list_large_parts(counts)
    limits += _describe_leakage(leakage)
    if facts["near"]:
        limits.append(f"{facts['near']:,} of its pairs say nearly what another one says")
    return limits


def _list_large_parts(counts: Mapping[str, Any]) -> list[str]:
    total = sum(counts["pairs_by_teacher"].values())
    return [
        f"{number:,} of its {total:,} rationales are by {name}"
        for name, number in counts["pairs_by_teacher"].items()
        if len(counts["pairs_by_teacher"]) > 1 and number > LARGE_PART * total
    ]


def _describe_leakage(leakage: Leakage) -> list[str]:
    if not leakage.dev and not leakage.test:
        return ["the project has no dev and no test questions: nothing could be held against them"]
    words = ["what dev and test hold in other words isn't seen: questions are compared by their words"]
    if leakage.leaks:
        words.append(f"{len(leakage.leaks):,} of its questions stand in dev or test, too: measure it on others")
    if leakage.templates:
        words.append(f"{len(leakage.templates):,} of its questions share a template with one of dev or test")
    return words
