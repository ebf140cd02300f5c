"""Count calls that gave no text, by reason, each with its cure; and keep which teachers are asked no more.

    tally = Tally()
    tally.note("mini", Completion("3f…", "", Finish.FAILED, "HTTP 401: bad key", fault=FaultKind.KEY))
    tally.reasons      -> (FailureReason("mini", "HTTP 401: bad key", calls=1, cure="set its key …", stopped=True),)

A fault that every call would meet stops its teacher, and is an act in the audit: the committee page shows it until the
exam's committee is asked again.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from sqlmodel import Session, col, select

from mapd.errors import MapdError
from mapd.models.base import Completion, FaultKind, Finish
from mapd.store import audit_log
from mapd.store import tables as t

STOP = "stop teacher"  # the act in the audit
MORE_TOKENS = "`mapd teachers set {teacher} --set max_tokens=…`; the same again asks only these"
CURES: Mapping[FaultKind | Finish, str] = {
    FaultKind.KEY: "set its key anew, or name another (--key-env); see `mapd teachers list`",
    FaultKind.MODEL: "check its model's name and its base URL; `mapd teachers add` takes others, under another name",
    FaultKind.CREDIT: "pay for more at its provider; start the same again: it goes on",
    FaultKind.QUOTA: "wait until its quota begins anew, or have it raised; start the same again: it goes on",
    FaultKind.PARAMETER: "set what the server asks for: `mapd teachers set {teacher} --set max_tokens=…`; "
    "another setting is another teacher's, `mapd teachers add … --set`",
    FaultKind.CONNECTION: "see that its server is there, at that base URL; start the same again: it goes on",
    FaultKind.DOWN: "see the server's words, that it works, and that its base URL is an API's (…/v1); "
    "start the same again: it goes on",
    FaultKind.BUSY: "start the same again: these calls are asked again; fewer at once: `mapd teachers set "
    "{teacher} --limit concurrency=…`",
    FaultKind.TIMEOUT: "`mapd teachers set {teacher} --limit timeout_s=…`; start the same again: these calls "
    "are asked again",
    FaultKind.UNREADABLE: "see that its base URL is that of an API (…/v1); start the same again: these calls "
    "are asked again",
    FaultKind.OTHER: "see the server's words; start the same again: these calls are asked again",
    Finish.CUT_OFF: MORE_TOKENS,
    Finish.EMPTY: MORE_TOKENS,
    Finish.REFUSED: "start the same again: these calls are asked once more; another teacher may answer",
    Finish.UNKNOWN: "its server doesn't say that the text is whole, so it isn't used: see its settings; "
    "start the same again: these calls are asked again",
    Finish.FAILED: "start the same again: these calls are asked again",
}
# Numbers are cut out to compare reasons, but not the status of HTTP, which tells one reason from another.
_NUMBERS = re.compile(r"(?<!HTTP )(?<!error )(?<!\d)\d+(?:[.,]\d+)*")
_TRIES = re.compile(r"^(?:tried \d+ times|\d+ calls in a row failed), the last: ")


@dataclass(frozen=True, slots=True)
class FailureReason:
    """Why calls of a teacher gave no text, in its server's own words. `stopped`: it is asked no more in this run."""

    teacher: str
    reason: str
    calls: int
    cure: str
    stopped: bool = False


@dataclass
class Tally:
    """Counts calls that gave no text. Reasons that differ in their numbers alone are the same."""

    reasons_by_words: dict[tuple[str, str], FailureReason] = field(default_factory=dict)  # words without their numbers

    def note(self, teacher: str, completion: Completion) -> None:
        """Count one."""
        # A call that ended well and still gave no text: its text is blank.
        finish = Finish.EMPTY if completion.finish is Finish.OK else completion.finish
        words = _TRIES.sub("", completion.error or finish.replace("_", " "))
        kind, key = completion.fault or finish, (teacher, _NUMBERS.sub("#", words))
        reason = self.reasons_by_words.get(key, FailureReason(teacher, words, 0, cure(kind, teacher)))
        if isinstance(kind, FaultKind) and kind.lasting:
            reason = replace(reason, cure=cure(kind, teacher), stopped=True)
        self.reasons_by_words[key] = replace(reason, calls=reason.calls + 1)

    @property
    def reasons(self) -> tuple[FailureReason, ...]:
        """Return the reasons: those that stopped a teacher first, then the most frequent ones."""
        return tuple(sorted(self.reasons_by_words.values(), key=lambda row: (not row.stopped, -row.calls)))


def cure(kind: FaultKind | Finish, teacher: str) -> str:
    """Return what to do about a fault, or about an end without a text."""
    return CURES[kind].format(teacher=teacher)


def note_stop(session: Session, person: str, exam_uid: str, teacher: str, completion: Completion) -> None:
    """Write into the audit that a teacher is asked no more, and why."""
    how = cure(completion.fault or completion.finish, teacher)
    detail = {"teacher": teacher, "reason": completion.error, "cure": how}
    audit_log.audit(session, person, STOP, f"exam {exam_uid}", **detail)


def stops(session: Session, exam_uid: str) -> list[FailureReason]:
    """Return the teachers that were stopped since the exam's committee was last asked, each with its reason."""
    of_exam = select(t.Audit).where(t.Audit.target == f"exam {exam_uid}").order_by(col(t.Audit.id).desc())
    latest = session.exec(of_exam.where(t.Audit.action == "collect")).first()
    if latest is None:
        return []
    acts = session.exec(of_exam.where(t.Audit.action == STOP, col(t.Audit.id) > latest.id)).all()
    return [
        FailureReason(a.detail["teacher"], a.detail["reason"], 1, a.detail["cure"], stopped=True)
        for a in reversed(acts)
    ]


def describe_break(error: BaseException, teacher: str) -> MapdError:
    """Return in one line what ended a teacher's stream."""
    if isinstance(error, MapdError):
        return error
    fault = MapdError(
        f"teacher {teacher} broke off ({' '.join(f'{type(error).__name__}: {error}'.split())[:200]}); "
        "what came is kept: run it again"
    )
    fault.__cause__ = error
    return fault
