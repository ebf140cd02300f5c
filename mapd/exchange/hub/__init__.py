"""A snapshot or a student onto the Hugging Face hub. `mapd push ORG/NAME --snapshot SHA | --student NAME`

    push(engine, "org/rows", snapshot="3f2a", by=ann, home=home, dry_run=True)     -> Push(files=(…), …), nothing sent
    push(engine, "org/tuned", student="mine", by=ann, home=home)                   -> Push(commit="9c…", …)

`parcels.py` makes the folder that is sent, `model_card.py` a student's card, `sending.py` speaks with the hub.
"""

import re
import tempfile
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import sqlalchemy as sa

from mapd.errors import BadInput
from mapd.exchange import files
from mapd.exchange.hub import parcels, sending
from mapd.exchange.hub.parcels import ParcelFile
from mapd.models import weights
from mapd.people import Person, Right, require
from mapd.store import audit_log, db

MAIN = "main"
# Git takes these signs, but no two dots in a row: `push` refuses them, too.
BRANCH = re.compile(r"[A-Za-z0-9][\w./-]{0,99}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Push:
    """What was sent, or would be. `sha256`: of a list of the files. `commit`: None in a dry run.

    `changed`: the files that the hub lacked or had otherwise. `note`: what to mind.
    """

    repository: str
    kind: str
    private: bool
    revision: str
    files: tuple[ParcelFile, ...]
    bytes: int
    sha256: str
    card: str
    commit: str | None = None
    url: str | None = None
    changed: tuple[str, ...] = ()
    note: str = ""


def push(
    engine: sa.Engine,
    repository: str,
    *,
    snapshot: str | None = None,
    student: str | None = None,
    private: bool = True,
    revision: str = MAIN,
    dry_run: bool = False,
    by: Person,
    home: Path,
) -> Push:
    """Send a snapshot as a `datasets` folder, or a student's adapter, each with its card; a dry run only says so.

    The token is huggingface_hub's own: HF_TOKEN, or what its login keeps. We read it there, and write it nowhere.

    Raises: Forbidden; NotFound; BadInput where the name can't be, there is no token, the hub refuses, is away, or has
    another content under this name.
    """
    person = require(by, Right.EXPORT)
    if not weights.is_hub_name(repository):
        raise BadInput(f"a repository on the hub is named ORG/NAME, not {repository[:120]!r}")
    if not BRANCH.fullmatch(revision) or ".." in revision:
        raise BadInput(f"a branch is named by letters, digits and . _ - /, not {revision[:120]!r}")
    if (snapshot is None) == (student is None):
        raise BadInput("what is sent is one of a snapshot and a student")
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(temporary) / "sent"
        if snapshot is not None:
            parcel = parcels.pack_snapshot(engine, snapshot, repository, place, home)
        else:
            parcel = parcels.pack_student(engine, student or "", repository, place, home)
        result = Push(
            repository,
            parcel.kind,
            private,
            revision,
            parcel.files,
            sum(file.bytes for file in parcel.files),
            files.sha256_of(place),
            (place / parcels.CARD).read_text(encoding="utf-8"),
        )
        if dry_run:
            return result
        delivery = sending.send(parcel, repository, private=private, revision=revision)
    detail = {"format": parcel.format, "file": repository, "sha256": result.sha256, "rows": parcel.rows}
    detail |= {"revision": revision, "commit": delivery.commit, "private": delivery.private}
    with db.writing(engine) as session:
        audit_log.audit(session, person, "push", parcel.subject, **detail)
    return replace(result, **asdict(delivery))
