"""What a snapshot's row holds, and the check that all who read it go through: the lines and the manifest are those that
its name stands for.

    check(row)                           raises where they aren't: nothing is shown, written out or trained on
    lines_of(row.lines)[0]               -> '{"mistake": "5f…", "question": {"text": "There are 87 oranges …", …}, …}'

The sha256 of manifest.json is the snapshot's name; the manifest includes the sha256 of pairs.jsonl.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from mapd.answers.grading import Task
from mapd.errors import BadInput
from mapd.policies import HIGHEST_MEAN, HIGHEST_PROBABILITY
from mapd.probability import FrozenFit
from mapd.store import tables as t

# Lines of format 1 hold no votes, no verdicts and no rejected rationales. A student that was taught on one still names
# it, so it is read as ever; what exports need of a line is missing there.
FORMAT, READABLE = 2, (1, 2)


class _Shape(BaseModel):
    """Part of a snapshot's JSON. What it holds beside what is read of it may be anything."""

    model_config = ConfigDict(strict=True, extra="allow")


class _Policy(_Shape):
    name: str
    threshold: float
    fit: FrozenFit | None = None

    @model_validator(mode="after")
    def check_threshold(self) -> Self:
        """See that the threshold is a mean's, or where the policy is fitted a probability's."""
        highest = HIGHEST_MEAN if self.fit is None else HIGHEST_PROBABILITY
        if not 0 <= self.threshold <= highest:
            raise ValueError(f"its threshold lies between 0 and {highest:g}")
        return self


class _Draw(_Shape):
    seed: int
    pairs: str
    texts: list[Annotated[str, Field(pattern="^(?:both|rationale|feedback)$")]] = []


class _Exam(_Shape):
    name: str
    student: str
    questions: str
    split: str
    round: int


class _ExamOfSeveral(_Exam):
    uid: str
    counts: dict[str, int]


class _Counts(_Shape):
    covered: int
    accepted_wrong_answer: int
    pairs: int
    pairs_without_feedback: int = 0
    pairs_without_rationale: int = 0


class _Manifest(_Shape):
    format: int
    exam: _Exam | None = None
    exams: Annotated[list[_ExamOfSeveral], Field(min_length=2)] | None = None
    policy: _Policy
    draw: _Draw
    counts: _Counts
    judgements: list[dict[str, Any]]
    teachers: dict[str, dict[str, Any]]
    lines_sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    narrowed_to: list[str] = []
    tasks: list[str] = []
    families: list[str] = []

    @model_validator(mode="after")
    def check_exams(self) -> Self:
        """See that it is of one exam, or of several."""
        if (self.exam is None) == (self.exams is None):
            raise ValueError("it names its exam, or its exams")
        return self


class _Question(_Shape):
    text: str
    context: str | None
    options: list[str]
    gold: str
    task: Annotated[str, Field(pattern=f"^(?:{'|'.join(Task)})$")]


class _Attempt(_Shape):
    text: str


class _ExplanationText(_Shape):
    uid: str
    teacher: str
    text: str
    simulated: bool


# Stands for the text that a line lacks; in the line itself nothing does.
_NO_TEXT = _ExplanationText(uid="", teacher="", text="", simulated=False)


class _PairLine(_Shape):
    mistake: str
    question: _Question
    attempt: _Attempt
    rationale: _ExplanationText = _NO_TEXT
    feedback: _ExplanationText = _NO_TEXT

    @property
    def missing(self) -> set[str]:
        """Return which of its two texts it lacks."""
        return {"rationale", "feedback"} - self.model_fields_set


def manifest_text(manifest: dict[str, Any]) -> str:
    """Return the manifest's file, byte for byte: its sha256 is the snapshot's name (`sha256sum manifest.json`)."""
    return json.dumps(manifest, ensure_ascii=False, sort_keys=True, indent=1) + "\n"


def lines_of(text: str) -> list[str]:
    """Return the lines of pairs.jsonl."""
    # Not splitlines(), which would split inside texts too, at U+2028 or U+0085.
    return [line for line in text.split("\n") if line]


def read_line(line: str) -> dict[str, Any]:
    """Return a line of pairs.jsonl as it was made."""
    pair: dict[str, Any] = json.loads(line)
    return pair


def sha256(text: str) -> str:
    """Return the sha256 of a text's UTF-8."""
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def check_manifest(manifest: dict[str, Any]) -> dict[str, Any]:
    """Return the manifest, if it has all that is read of one. Raises: pydantic.ValidationError, a ValueError."""
    _Manifest.model_validate(manifest)
    return manifest


def is_named(snapshot: t.Snapshot) -> bool:
    """Return whether the manifest is the one that the snapshot's name stands for. Its lines are not looked at."""
    return sha256(manifest_text(snapshot.manifest)) == snapshot.sha256


def check(snapshot: t.Snapshot) -> None:
    """See that lines and manifest are those that the snapshot's name stands for. Raises: BadInput."""
    if (reason := fault(snapshot)) is not None:
        raise damaged(snapshot.sha256, reason)


def damaged(sha256: str, reason: str) -> BadInput:
    """Return the refusal of a snapshot that can't be read, with the cure."""
    return BadInput(
        f"snapshot {sha256[:12]} can't be read: {reason}; freeze the set again, or restore the database from a copy"
    )


def fault(snapshot: t.Snapshot) -> str | None:
    """Return what keeps the snapshot from being what its name stands for; None where nothing does."""
    if not is_named(snapshot):
        return "its manifest is not the one that its name is the sha256 of"
    if (version := snapshot.manifest.get("format")) not in READABLE:
        return f"it is of format {version}, this mapd reads {' and '.join(map(str, READABLE))}"
    try:
        manifest = _Manifest.model_validate(snapshot.manifest)
        if sha256(snapshot.lines) != manifest.lines_sha256:
            return "its lines are not those that its manifest names"
        lines = lines_of(snapshot.lines)
        missing = [_PairLine.model_validate_json(line).missing for line in lines]
    except ValidationError as error:
        detail = error.errors()[0]
        return f"{'.'.join(map(str, detail['loc']))[:80]}: {detail['msg']}"
    if not len(lines) == snapshot.pairs == manifest.counts.pairs:
        return f"it holds {len(lines)} pairs, not {snapshot.pairs}"
    return _find_gap(missing, manifest.counts)


def _find_gap(missing: Sequence[set[str]], counts: _Counts) -> str | None:
    """Return what is wrong with the pairs that lack a text."""
    if any(len(of_pair) > 1 for of_pair in missing):
        return "one of its pairs has neither a rationale nor a feedback"
    number = Counter(kind for of_pair in missing for kind in of_pair)
    if (number["feedback"], number["rationale"]) != (counts.pairs_without_feedback, counts.pairs_without_rationale):
        return "it doesn't say how many of its pairs have one text alone"
    return None


def list_exams(manifest: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the exams that a snapshot is of, as its manifest has them."""
    exams: list[dict[str, Any]] = manifest["exams"] if "exams" in manifest else [manifest["exam"]]
    return exams


def list_narrowing(manifest: Mapping[str, Any]) -> list[str]:
    """Return what a snapshot was narrowed to: teachers, tasks, families; nothing where it wasn't."""
    return [name for part in ("narrowed_to", "tasks", "families") for name in manifest.get(part, ())]


def list_kinds_alone(manifest: Mapping[str, Any]) -> list[str]:
    """Return the kinds of text that a snapshot was to hold; nothing where a pair may have both."""
    kinds = list(manifest["draw"].get("texts", ()))
    return [] if "both" in kinds else kinds


def count_kind(manifest: Mapping[str, Any], kind: str) -> int:
    """Return in how many pairs of a snapshot there is a text of a kind: "rationale" or "feedback"."""
    return int(manifest["counts"]["pairs"]) - int(manifest["counts"].get(f"pairs_without_{kind}", 0))


def count_taught(manifest: Mapping[str, Any], alpha: float) -> int:
    """Return how many pairs of a snapshot teach something: a text that has weight at this alpha."""
    if alpha in (0, 1):
        return count_kind(manifest, "feedback" if alpha == 1 else "rationale")
    return int(manifest["counts"]["pairs"])
