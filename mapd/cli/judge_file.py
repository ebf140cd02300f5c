"""`mapd judge --file …`: verdicts that were given elsewhere, previewed and then brought in, all or none."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sqlmodel import Session

from mapd import interrupts
from mapd.cli import shared
from mapd.errors import BadUsage
from mapd.exchange import verdict_files
from mapd.people import is_one_of
from mapd.questions.file_table import QuestionFile
from mapd.questions.sources import load_file
from mapd.questions.values import short
from mapd.review import verdict_matching, verdicts
from mapd.review.verdict_matching import VerdictPlan
from mapd.settings import Settings


def judge_file(
    file: Path, exam: str | None, people: Sequence[str], by: str | None, *, history: bool, yes: bool, as_json: bool
) -> None:
    """Show what the file would bring, and with a yes bring it in."""
    content, names = load_file(file), _read_people(people)
    with shared.reading() as session:
        plan = _match(session, content, names, exam, counting=not history)
    plan.refuse_bad()
    result: dict[str, Any] = describe(plan)
    if not plan.new and not plan.silent:
        shared.show(result, as_json, "all of it is here already")
        return
    if not yes:
        for line in preview_lines(plan):
            interrupts.say(line)
        judgements = _count(len(plan.new), "judgement", "judgements")
        shared.agree(f"bring in {judgements} of {_count(len(plan.people), 'person', 'people')}", yes=False)
    with shared.writing() as session, shared.counting("bringing in", "judgements", as_json) as tell:
        # Somebody may have judged since: what counts is what is there now.
        plan = _match(session, content, names, exam, counting=not history)
        outcome = verdicts.store(session, plan, by=shared.person_of(by), progress=tell)
    shared.show(result | asdict(outcome), as_json, "brought in")


def _match(
    session: Session, content: QuestionFile, names: dict[str, str], exam: str | None, *, counting: bool
) -> VerdictPlan:
    settings = Settings()
    return verdict_matching.match(
        session,
        # Rows take the faults that a match finds, so each match has rows of its own.
        verdict_files.read(content, names),
        exam=exam,
        counting=counting,
        is_known=lambda name: is_one_of(name, settings.owners, settings.annotators),
    )


def _read_people(texts: Sequence[str]) -> dict[str, str]:
    pairs = [_read_person(text) for text in texts]
    names = dict(pairs)
    if twice := next((name for name, local_name in pairs if names[name] != local_name), None):
        raise BadUsage(f"--person says twice who {twice} is; say it once")
    return names


def _read_person(text: str) -> tuple[str, str]:
    name, sign, local_name = text.rpartition("=")
    if not sign or not name.strip():
        raise BadUsage(f"--person is WHO=NAME, such as 10=ann@example.org, not {text}")
    with shared.usage():
        return name, local_name


def _count(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"


def describe(plan: VerdictPlan) -> dict[str, Any]:
    """Return what a file comes to, as a command prints it."""
    return {
        "file": plan.content.name,
        "format": plan.content.format,
        "exam": plan.exam.uid if plan.exam else None,
        "new": len(plan.new),
        "known": plan.known,
        "people": plan.people,
        "new_people": list(plan.new_people),
        "kinds": plan.kinds,
        "decisions": plan.decisions,
        "repairs": len(plan.repairs),
        "counted": plan.counted,
        "conflicts": plan.conflicts,
        "first_conflicts": plan.conflict_lines,
        "open_tasks": plan.content.open_tasks,
        "ignored": list(plan.content.ignored),
    }


def preview_lines(plan: VerdictPlan) -> list[str]:
    """Return what a file would bring, a line each."""

    def count(numbers: dict[str, int]) -> str:
        return ", ".join(f"{name} {number:,}" for name, number in numbers.items()) or "none"

    lines = [
        f"{len(plan.new):,} judgements are new: by {count(plan.people)}",
        f"they are on {count(plan.kinds)}, and say {count(plan.decisions)}",
        f"{plan.known:,} are here already",
        f"{plan.counted:,} count from now on"
        + ("" if plan.counting else ": the others stand in the history alone, for that was asked with --history"),
    ]
    if plan.new_people:
        lines.append(f"nobody of this name has judged here before: {', '.join(plan.new_people)}")
    if plan.conflicts:
        lines.append(f"{plan.conflicts:,} are at odds with what was said before: {'; '.join(plan.conflict_lines)}")
    if plan.content.open_tasks:
        lines.append(f"{plan.content.open_tasks:,} tasks are not done yet")
    if plan.content.ignored:
        lines.append(f"columns that are left alone: {', '.join(short(name) for name in plan.content.ignored[:12])}")
    return lines
