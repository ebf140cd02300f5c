"""The card of a student that goes out: what it was made of, how, and what it can, before and after.

    write(load_facts(session, student, settings, "org/tuned"))     -> "---\\nlibrary_name: peft\\n…---\\n\\n# …"

Its words stand in model_card.md.jinja, and are those of a data set's card (training/card.py) where both say the same.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path, PurePath
from typing import Any

from sqlmodel import Session, col, select

from mapd import prompts, results, students
from mapd.errors import BadInput
from mapd.exchange.adapters import PACKAGED_NAME
from mapd.exchange.training import card
from mapd.fingerprints import FINETUNE
from mapd.models.adapters import AdapterSettings
from mapd.results import Results
from mapd.store import finetunes, lookup, queries
from mapd.store import tables as t

TEMPLATE = Path(__file__).with_name("model_card.md.jinja")


def write(facts: Mapping[str, Any]) -> str:
    """Return the card."""
    return card.render(TEMPLATE, facts)


def load_facts(
    session: Session, student: t.Student, settings: AdapterSettings | None, repository: str
) -> dict[str, Any]:
    """Return what the template asks for. `settings`: of its adapter; None where full finetuning wrote all weights."""
    parent = None if student.parent_id is None else session.get(t.Student, student.parent_id)
    snapshot = queries.find_taught_snapshot(session, student)
    finetune = session.exec(select(t.Finetune).where(t.Finetune.student_id == student.id)).first()
    manifest = None if snapshot is None else snapshot.manifest
    teachers = dict(sorted(manifest["teachers"].items())) if manifest else {}
    comparisons = [] if parent is None else list(_compare(session, student, parent))
    return {
        "name": student.name,
        "round": student.round,
        "repository": repository,
        "parent": parent.name if parent else None,
        **_describe_base(session, student),
        "shots": student.shots,
        "origin": students.describe_origin(student),
        "settings": settings,
        "is_whole": False,
        "is_gguf": False,
        "hyperparameters": _list_hyperparameters(finetune),
        "training": finetunes.describe_training(session, student.name),
        "snapshot": student.snapshot_sha256,
        "manifest": manifest,
        "teachers": teachers,
        "simulated": [name for name, teacher in teachers.items() if teacher["simulated"]],
        "models": sorted({teacher["model"] for teacher in teachers.values() if teacher["model"]}),
        "comparisons": comparisons,
        "caveats": [results.list_caveats(comparison) for comparison in comparisons],
        "exam_prompt": prompts.EXAM.text,
        "forms": prompts.ANSWER_FORM,
    }


def _describe_base(session: Session, student: t.Student) -> dict[str, Any]:
    """Return how others find the base: its name on the hub, or that it has none there."""
    while student.base.startswith(f"{FINETUNE}:") and student.parent_id is not None:
        # All its weights are its own: what they were before is its parent's.
        student = session.get_one(t.Student, student.parent_id)
    kind, _, where = student.base.partition(":")
    # A folder's path is this machine's own, so only its name goes out.
    name = {"hub": where, "package": PACKAGED_NAME}.get(kind, PurePath(where).name)
    return {
        "base": name,
        "base_kind": kind,
        "base_revision": student.revision,
        "base_sha256": lookup.find_fingerprint(session, students.source_of(student)),
    }


def _list_hyperparameters(row: t.Finetune | None) -> dict[str, Any]:
    """Return what the finetune was made with; empty where the student was trained elsewhere."""
    return {} if row is None else {"alpha": row.alpha, "seed": row.seed, **row.hyperparameters}


def _compare(session: Session, student: t.Student, parent: t.Student) -> Iterator[Results]:
    """Yield the student's latest exam on each split of a set against its parent's, where both are finished."""
    # An exam from the authors' files has the grades of those files, by other rules than ours. The newest comes first.
    rows = session.exec(select(t.Exam).where(col(t.Exam.graded_by) != "import").order_by(col(t.Exam.id).desc())).all()
    latest: dict[tuple[int | None, int, str], t.Exam] = {}
    for row in rows:
        latest.setdefault((row.student_id, row.set_id, row.split), row)
    for (student_id, set_id, split), after in latest.items():
        before = latest.get((parent.id, set_id, split))
        if student_id != student.id or before is None:
            continue
        try:
            pair = [results.load(session, queries.identity(row)) for row in (before, after)]
            yield results.compare(*pair)
        # One of them isn't finished: the card says nothing of it.
        except BadInput:
            continue
