"""What travels, what a line of an archive may hold (types and bounds by column), and what may differ from a project's.

    row(table, b'{"uid": "9c…", "exam_id": "5e…", "outcome": "incorrect", …}')
        -> {"uid": "9c…", "exam_id": "5e…", "outcome": "incorrect", "created_at": datetime(…), "sample": 0, …}

What a column may hold follows from tables.py; what is narrower than its type stands here. Pure: no database.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Annotated, Any, get_args

import pydantic
import sqlalchemy as sa
from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field

from mapd import prompts, served_students, teachers
from mapd.characters import find_unstorable, is_line
from mapd.errors import BadInput
from mapd.finetune.hyperparameters import Hyperparameters
from mapd.people import person_name
from mapd.policies import HIGHEST_MEAN, Check, Policy
from mapd.probability import read_fit
from mapd.store import snapshots
from mapd.store import tables as t

# Of a value that is a tree.
DEEPEST = 12
# PostgreSQL's integer.
LARGEST = 2**31 - 1
# Characters; an exam's name is made of its set's and its student's.
LONGEST_NAME = 500
# Characters of a question's own id: PostgreSQL indexes no key much longer.
LONGEST_ID = 200
# A line's columns.
Record = dict[str, Any]


def travelling_tables() -> list[sa.Table]:
    """Return the tables that travel, each behind those it refers to."""
    return [table for table in t.metadata.sorted_tables if "uid" in table.c or "id" not in table.c]


@cache
def carried_columns(table: sa.Table) -> list[sa.Column[Any]]:
    """Return the columns that a line has: all but the local id, and what belongs to one project alone."""
    return [column for column in table.c if column.name != "id" and not stays(column)]


def stays(column: sa.Column[Any]) -> bool:
    """Return whether the column belongs to one project alone."""
    return bool(column.info.get("stays"))


def referred_table(column: sa.Column[Any]) -> str | None:
    """Return the table whose id the column holds. A key that is no local id, such as a sha256, travels as it is."""
    return next((key.column.table.name for key in column.foreign_keys if key.column.name == "id"), None)


# --- Types ------------------------------------------------------------------------------------------------------------


def _check_storable(text: str) -> str:
    if (bad := find_unstorable(text)) is not None:
        raise ValueError(f"{bad} can't be stored in a text")
    return text


def _check_printable(text: str) -> str:
    if not is_line(text):
        raise ValueError("it is one line, of signs that can be printed")
    return text


def _check_name(text: str) -> str:
    if not text.strip():
        raise ValueError("a name has at least one sign")
    return _check_printable(text)


def _check_person(name: str) -> str:
    if person_name(name) != name:
        raise ValueError("a person's name is one line in lower case")
    return name


def _read_moment(text: object) -> datetime:
    moment = datetime.fromisoformat(text) if isinstance(text, str) else None
    if moment is None or moment.tzinfo is None or not 2000 <= moment.year <= 2200:
        raise ValueError("a time is written as 2026-01-01T10:00:00+00:00")
    return moment.astimezone(UTC)


def _check_finite(number: float) -> float:
    if not math.isfinite(number):
        raise ValueError("a number has an end")
    return number


def _check_tree(value: Any, depth: int = 0) -> Any:
    """See that a value is plain: no text that can't be stored, no number without end, not too deep."""
    if depth > DEEPEST:
        raise ValueError(f"it is nested more than {DEEPEST} deep")
    if isinstance(value, str):
        _check_storable(value)
    elif isinstance(value, float):
        _check_finite(value)
    elif isinstance(value, dict):
        for key, inner in value.items():
            _check_tree(key, depth + 1)
            _check_tree(inner, depth + 1)
    elif isinstance(value, list):
        for inner in value:
            _check_tree(inner, depth + 1)
    return value


Text = Annotated[str, AfterValidator(_check_storable)]
Line = Annotated[str, Field(max_length=LONGEST_NAME), AfterValidator(_check_storable), AfterValidator(_check_printable)]
Name = Annotated[str, Field(max_length=LONGEST_NAME), AfterValidator(_check_storable), AfterValidator(_check_name)]
Person = Annotated[str, AfterValidator(_check_person)]
Uid = Annotated[str, Field(pattern=r"^[A-Za-z0-9._:-]{1,64}$")]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Moment = Annotated[datetime, BeforeValidator(_read_moment)]
Number = Annotated[float, AfterValidator(_check_finite)]
Amount = Annotated[float, AfterValidator(_check_finite), Field(ge=0)]
Count = Annotated[int, Field(ge=0, le=LARGEST)]
Whole = Annotated[int, Field(ge=-LARGEST, le=LARGEST)]
Threshold = Annotated[int, Field(ge=0, le=round(100 * HIGHEST_MEAN))]
Share = Annotated[float, Field(ge=0, le=1)]
Tree = Annotated[dict[str, Any], AfterValidator(_check_tree)]
Plain = Text | bool | Whole | Number | None
Adapter = Annotated[str, Field(pattern=r"^(?:[A-Za-z0-9_-][A-Za-z0-9._-]*/){0,6}[A-Za-z0-9_-][A-Za-z0-9._-]*$")]

KINDS: Mapping[Any, Any] = {str: Text, int: Count, float: Amount, bool: bool, datetime: Moment, dict[str, Any]: Tree}
# By column, or by table and column. An archive is foreign: a database takes a list where a page counts on a word, or a
# number that no other database holds.
NARROWER: Mapping[str, Any] = {
    "uid": Uid,
    "name": Name,
    "person": Person,
    "prompt.sha256": Sha256,
    "snapshot.sha256": Sha256,
    "student.adapter": Adapter,
    "student.adapter_sha256": Sha256,
    "question.options": list[Text],
    "question.source_id": Annotated[str, Field(max_length=LONGEST_ID), AfterValidator(_check_storable)],
    "question_set.sha256": Line,
    "exam.sha256": Line,
    "policy.threshold_hundredths": Threshold,
    "policy.min_votes": Annotated[int, Field(ge=1, le=1000)],
    "policy.checks": list[Annotated[str, Field(pattern=f"^(?:{'|'.join(Check)})$")]],
    "exam.threshold_hundredths": Threshold,
    "exam.judgements_wanted": Annotated[int, Field(ge=1, le=1000)],
    "exam.wrong_in": Annotated[int, Field(ge=1, le=1000)],
    "exam.decoding": dict[Name, Plain],
    "exam.seed": Whole,
    "teacher.sampling": dict[Name, Plain],
    "teacher.limits": dict[Name, Plain],
    "teacher.price": dict[Name, Plain],
    "teacher.model": Line,
    "student.base": Line,
    "student.template": Name,
    "student.limits": dict[Name, Plain],
    "student.tokenizer": Line,
    "student.shots": Annotated[int, Field(ge=0, le=prompts.MOST_SHOTS)],
    "student.revision": Annotated[str, Field(pattern=r"^[\w.-]{1,80}$")],
    "finetune.seed": Whole,
    "finetune.hyperparameters": dict[Name, Plain],
    "finetune.continues": Uid,
    "finetune_answer.finish": Name,
    "snapshot.manifest": Annotated[Tree, AfterValidator(snapshots.check_manifest)],
    "saved_view.address": dict[Name, Plain | list[Text]],
    "judgement.sampling_chance": Share,
    "judgement.marks": Annotated[
        list[Annotated[list[Count], Field(min_length=2, max_length=2)]], Field(max_length=100)
    ],
    "judgement.queue": Name,
    "judgement.token": Annotated[str, Field(pattern=r"^[\w/.:-]{1,200}$")],
    "call.key": Annotated[str, Field(pattern=r"^[\w/.:-]{1,128}$")],
    "job.kind": Name,
    "call.kind": Name,
    "call.outcome": Name,
}


# --- Rows -------------------------------------------------------------------------------------------------------------


def row(table: sa.Table, line: bytes) -> Record:
    """Return a line's columns, as pages and rules can count on them. Raises: ValueError, its text one line."""
    try:
        record = json.loads(line, parse_constant=_refuse_constant)
        if not isinstance(record, dict):
            raise ValueError("it is no row")
        fields = _model(table.name).model_validate(record)
        values = {column.name: getattr(fields, column.name) for column in carried_columns(table)}
        if table.name == "teacher":
            _check_teacher(values)
        elif table.name == "student":
            served_students.check_row(values["base"], values["base_url"], values["limits"])
        elif table.name == "finetune":
            _check_hyperparameters(values)
        elif table.name == "policy" and values["fit"]:
            # It can be applied; its threshold is a probability's, and it has no leniency.
            threshold = values["threshold_hundredths"] / 100
            Policy("fitted", threshold, leniency_adjusted=values["leniency_adjusted"], fit=read_fit(values["fit"]))
    except pydantic.ValidationError as error:
        detail = error.errors()[0]
        raise ValueError(f"{'.'.join(map(str, detail['loc']))[:80]}: {detail['msg']}") from error
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    except BadInput as error:
        raise ValueError(str(error)) from error
    return values


def _refuse_constant(word: str) -> None:
    raise ValueError(f"{word} is no number")


@cache
def _model(table: str) -> type[pydantic.BaseModel]:
    """Return the type of a table's lines: what its class in tables.py says, narrowed."""
    row_class = next(cls for cls in t.Table.__subclasses__() for cls in _list_tables(cls) if cls.__tablename__ == table)
    fields: dict[str, Any] = {}
    for column in t.metadata.tables[table].c:
        if column.name == "id":
            continue
        if stays(column):
            fields[column.name] = (Any, None)  # what another project has there is left out
            continue
        field = row_class.model_fields[column.name]
        kind = Uid if referred_table(column) else _kind(table, column.name, field.annotation)
        optional = kind | None if column.nullable else kind
        is_needed = column.name in ("uid", "created_at", "token") or (field.is_required() and not column.nullable)
        fields[column.name] = (optional, ... if is_needed else field.get_default(call_default_factory=True))
    return pydantic.create_model(f"{table}_line", __config__=ConfigDict(strict=True, extra="forbid"), **fields)


def _list_tables(cls: type[t.Table]) -> list[type[t.Table]]:
    tables = [cls] if hasattr(cls, "__table__") else []
    return tables + [inner for sub in cls.__subclasses__() for inner in _list_tables(sub)]


def _kind(table: str, column: str, annotation: Any) -> Any:
    narrower = NARROWER.get(f"{table}.{column}", NARROWER.get(column))
    if narrower is not None:
        return narrower
    of_union = annotation if annotation in KINDS else next(kind for kind in get_args(annotation) if kind in KINDS)
    return KINDS[of_union]


def _check_hyperparameters(values: Record) -> None:
    try:
        Hyperparameters(alpha=values["alpha"], seed=values["seed"], **values["hyperparameters"])
    except TypeError as error:
        raise ValueError(f"hyperparameters: {error}") from error


def _check_teacher(values: Record) -> None:
    """See that a teacher who can be asked has settings that it could have been added with."""
    if values["kind"] in teachers.KINDS:
        settings = {name: values[name] for name in ("name", "kind", "model", "base_url", "limits", "price")}
        sampling = {name: value for name, value in values["sampling"].items() if value is not None}
        teachers.check_row(**settings, sampling=sampling, key_env=None)
        if values["simulated"] != (values["kind"] == "simulated"):
            raise ValueError("simulated: it is no word of the kind's")
    elif values["kind"] in ("imported", "person") and (values["base_url"] or values["limits"] or values["price"]):
        raise ValueError(f"a teacher of kind {values['kind']} has no server, no limits and no price")


# --- What may differ between an archive's row and the project's, and what no two rows of a project may share ---------

# What people set, what work moves on, and what was measured: the project's own value stands, it is no conflict.
MOVES: Mapping[str, frozenset[str]] = {
    "attempt": frozenset({"our_answer", "our_outcome"}),
    "call": frozenset({"try_number"}),
    "exam": frozenset(
        {"policy", "threshold_hundredths", "judgements_wanted", "practice", "check_every", "repeat_every", "wrong_in"}
    ),
    "explanation": frozenset({"sample"}),
    "finetune": frozenset({"student_id", "planned_steps", "taught_pairs", "validation_pairs"}),
    "finetune_answer": frozenset({"text", "thought", "finish", "answer", "outcome"}),
    "finetune_step": frozenset(t.metadata.tables["finetune_step"].c.keys()) - {"finetune_id", "step"},
    "job": frozenset(t.metadata.tables["job"].c.keys()) - {"uid", "kind", "person"},
    "judgement": frozenset({"counts"}),
    "question_set": frozenset({"source"}),
    "review": frozenset({"sample"}),
    "saved_mapping": frozenset({"text", "person"}),
    "saved_view": frozenset({"address", "person"}),
    "snapshot": frozenset({"person"}),
    "student": frozenset({"adapter", "adapter_sha256", "limits"}),
    "teacher": frozenset({"limits", "price"}),
}
# A name may have got a number here.
ALWAYS_MOVE = frozenset({"name", "created_at"})
# What no two rows of a project may share beside their uid.
UNIQUE: Mapping[str, tuple[str, ...]] = {
    "attempt": ("exam_id", "question_id", "sample"),
    "committee_member": ("exam_id", "teacher_id"),
    "exam": ("sha256",),
    "finetune_answer": ("finetune_id", "question_id", "step"),
    "judgement": ("token",),
    "question": ("set_id", "source_id"),
    "question_set": ("sha256",),
    "snapshot": ("sha256",),
    "snapshot_exam": ("snapshot_id", "exam_id"),
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
