"""A student as a folder to take away, with its card. `mapd students export tuned --as merged -o DIR`

    write(engine, "tuned", Path("out"), "merged", by=ann, home=home)
    -> StudentFolder("out", "merged", ("README.md", "config.json", "model.safetensors", …), "3f…")

`adapter`: what was trained, to be laid over its base. `merged`: one model that transformers and vLLM load, with a
Modelfile for Ollama. `gguf`: one file for llama.cpp and Ollama, written by llama.cpp's own converter.

No path of this machine goes along: an adapter's config names its base as others can find it.
"""

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

import sqlalchemy as sa

from mapd import students
from mapd.errors import BadInput
from mapd.exchange import files, model_card
from mapd.exchange.adapters import PACKAGED_NAME
from mapd.exchange.archive.outgoing import find_masks, mask, one_moment
from mapd.models import adapters, weights
from mapd.people import Person, Right, require
from mapd.store import audit_log, db
from mapd.store import tables as t

CARD = "README.md"
FORMS = ("adapter", "merged", "gguf")
PRECISIONS = ("auto", "fp32", "bf16")
CONVERTER = "convert_hf_to_gguf.py"
GGUF = "model.gguf"
# Seconds: a converter that doesn't end is no converter.
PATIENCE_S = 4 * 3600
MODELFILE = """# ollama create NAME -f Modelfile
# It was examined greedily; Ollama takes the chat template from the model.
FROM {source}
PARAMETER temperature 0
"""


@dataclass(frozen=True, slots=True)
class StudentFolder:
    """What was written. `sha256`: over a list of the files."""

    path: str
    form: str
    files: tuple[str, ...]
    bytes: int
    sha256: str


def write(
    engine: sa.Engine,
    ref: str,
    path: Path,
    form: str,
    *,
    precision: str = "auto",
    converter: Path | None = None,
    by: Person,
    home: Path,
) -> StudentFolder:
    """Write a student to a new folder, whole or not at all.

    `precision`: of a whole model's numbers, as `models.loader.load` has it. `converter`: llama.cpp's, for GGUF; by
    default the one that the shell finds.

    Raises: Forbidden; NotFound; BadInput where the student isn't here, the folder is there, or it can't be written.
    """
    person = require(by, Right.EXPORT)
    check(form, precision)
    program = find_converter(converter) if form == "gguf" else None
    with one_moment(engine) as session:
        uid = students.get(session, ref).uid
    with files.whole(path) as place:
        if form == "adapter":
            write_adapter(engine, ref, path.name, place, home)
        elif program is None:
            write_model(engine, ref, path.name, place, home, precision=precision)
        else:
            _write_gguf(engine, ref, path.name, place, home, precision=precision, converter=program)
        sha256 = files.sha256_of(place)
    written = sorted(file for file in path.rglob("*") if file.is_file())
    with db.writing(engine) as session:
        detail = {"format": form, "file": path.name, "sha256": sha256}
        audit_log.audit(session, person, "export", f"student {uid}", **detail)
    names = tuple(file.relative_to(path).as_posix() for file in written)
    return StudentFolder(str(path), form, names, sum(file.stat().st_size for file in written), sha256)


def check(form: str, precision: str) -> None:
    """See that there is such a form, and such a precision. Raises: BadInput."""
    if form not in FORMS:
        raise BadInput(f"a student goes out as one of {', '.join(FORMS)}, not {form[:40]!r}")
    if precision not in PRECISIONS:
        raise BadInput(f"a model's numbers are one of {', '.join(PRECISIONS)}, not {precision[:40]!r}")


def write_adapter(engine: sa.Engine, ref: str, repository: str, place: Path, home: Path) -> None:
    """Write the student's adapter with its card to `place`.

    Raises: NotFound; BadInput where the student has no adapter, or it isn't here, or not as it was.
    """
    with one_moment(engine) as session:
        student = students.get(session, ref)
        folder = students.find_adapter(student, home)
        settings = adapters.read_settings(folder, is_ours=True)
        facts = model_card.load_facts(session, student, settings, repository)
        masks = find_masks(session, home)
    place.mkdir()
    # Files are named one by one: anything else in the folder stays here.
    shutil.copyfile(folder / adapters.WEIGHTS, place / adapters.WEIGHTS)
    config = json.loads((folder / adapters.CONFIG).read_text(encoding="utf-8"))
    config["base_model_name_or_path"], config["revision"] = _published_base(student)
    (place / adapters.CONFIG).write_text(json.dumps(mask(config, masks), indent=2) + "\n", encoding="utf-8")
    _write_card(place, facts, masks)


def write_model(
    engine: sa.Engine,
    ref: str,
    repository: str,
    place: Path,
    home: Path,
    *,
    precision: str = "auto",
    is_gguf: bool = False,
) -> None:
    """Write the student as one model with its card to `place`: its adapter, if it has one, is merged into its base.

    `is_gguf`: the card is to go beside a GGUF.

    Raises: NotFound; BadInput where its weights aren't here, or not as they were.
    """
    with one_moment(engine) as session:
        student = students.get(session, ref)
    base, adapter = students.locate(engine, student, home)
    settings = None if adapter is None else adapters.read_settings(adapter, is_ours=True)
    with one_moment(engine) as session:
        facts = model_card.load_facts(session, student, settings, repository)
        masks = find_masks(session, home)
    from mapd.models.loader import load  # torch takes seconds to import

    model, _ = load(base, adapter, precision=precision)
    merged_model: Any = model if adapter is None else model.merge_and_unload()
    place.mkdir()
    merged_model.config.name_or_path = ""
    merged_model.save_pretrained(place)
    weights.copy_small_files(base, place)
    (place / "Modelfile").write_text(MODELFILE.format(source="."), encoding="utf-8")
    _write_card(place, facts | {"is_whole": True, "is_gguf": is_gguf}, masks)


def find_converter(path: Path | None = None) -> Path:
    """Return llama.cpp's converter. Raises: BadInput where there is none."""
    place = path or next((Path(program) for program in [shutil.which(CONVERTER)] if program), None)
    if place is None or not place.is_file():
        where = f"there is no file {path}" if path else f"the shell finds no {CONVERTER}"
        raise BadInput(
            f"GGUF is written by llama.cpp's converter, and {where}: clone llama.cpp and name its {CONVERTER} "
            "(--converter FILE), or take --as merged"
        )
    return place


def _write_gguf(
    engine: sa.Engine, ref: str, repository: str, place: Path, home: Path, *, precision: str, converter: Path
) -> None:
    with tempfile.TemporaryDirectory(dir=place.parent) as temporary:
        model = Path(temporary) / "model"
        write_model(engine, ref, repository, model, home, precision=precision, is_gguf=True)
        place.mkdir()
        # The same Python as ours: it has torch and transformers, which the converter needs.
        command = [sys.executable, str(converter), str(model), "--outfile", str(place / GGUF), "--outtype", "auto"]
        try:
            process = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise BadInput(f"the converter {converter} can't be run ({error}); take --as merged") from error
        if process.returncode or not (place / GGUF).is_file():
            lines = process.stderr.strip().splitlines() or ["it wrote nothing"]
            raise BadInput(
                f"the converter {converter} failed: {lines[-1][:300]}; install what it needs into this Python, or take "
                "--as merged"
            )
        shutil.copyfile(model / CARD, place / CARD)
    (place / "Modelfile").write_text(MODELFILE.format(source=f"./{GGUF}"), encoding="utf-8")


def _write_card(place: Path, facts: Mapping[str, Any], masks: Mapping[str, str]) -> None:
    (place / CARD).write_text(str(mask(model_card.write(facts), masks)), encoding="utf-8")


def _published_base(student: t.Student) -> tuple[str, str | None]:
    """Return the base's name as others know it, and its commit; of a folder its name alone."""
    kind, _, where = student.base.partition(":")
    if kind == "hub":
        return where, student.revision
    return (PACKAGED_NAME if kind == "package" else PurePath(where).name), None
