"""What may differ between an archive's row and the project's, and what no two rows of a project may share."""

from collections.abc import Mapping
from dataclasses import dataclass

from mapd.store import tables as t

# What people set, what work moves on, and what was measured: the project's own value stands, it is no conflict.
MOVES: Mapping[str, frozenset[str]] = {
    "attempt": frozenset({"our_answer", "our_outcome"}),
    "call": frozenset({"try_number"}),
    "exam": frozenset(
        {"policy", "threshold_hundredths", "judgements_wanted", "practice", "check_every", "repeat_every"}
    ),
    "explanation": frozenset({"sample"}),
    "finetune": frozenset({"student_id"}),
    "finetune_step": frozenset({"loss_feedback", "loss_rationale", "tokens_per_s", "seconds"}),
    "job": frozenset(t.metadata.tables["job"].c.keys()) - {"uid", "kind", "person"},
    "judgement": frozenset({"counts"}),
    "question_set": frozenset({"source"}),
    "review": frozenset({"sample"}),
    "saved_mapping": frozenset({"text", "person"}),
    "saved_view": frozenset({"address", "person"}),
    "snapshot": frozenset({"person"}),
    "student": frozenset({"adapter", "adapter_sha256"}),
    "teacher": frozenset({"limits", "price"}),
}
# A name may have got a number here.
ALWAYS_MOVE = frozenset({"name", "created_at"})
# What no two rows of a project may share beside their uid.
UNIQUE: Mapping[str, tuple[str, ...]] = {
    "attempt": ("exam_id", "question_id", "sample"),
    "committee_member": ("exam_id", "teacher_id"),
    "exam": ("sha256",),
    "judgement": ("token",),
    "question": ("set_id", "source_id"),
    "question_set": ("sha256",),
    "snapshot": ("sha256",),
}


@dataclass(frozen=True, slots=True)
class Numbering:
    """Rows that a number tells apart: two texts of one author on one thing are two samples of it."""

    group: tuple[str, ...]
    number: str
    # The columns by which two of them are one row after all; none where they never are.
    same: tuple[str, ...]


NUMBERED: Mapping[str, Numbering] = {
    "call": Numbering(("key",), "try_number", ()),
    "explanation": Numbering(
        ("kind", "question_id", "attempt_id", "author_id", "prompt_sha256"), "sample", ("text", "repairs_id")
    ),
    "review": Numbering(("explanation_id", "reviewer_id", "prompt_sha256"), "sample", ("score", "raw_score", "text")),
}
