"""An exam's texts as tasks for Label Studio, with the labelling configuration beside them.

    export(engine, "1", None, Path("tasks.json"), threshold=300, reasons=["false step"], by=owner("ann"))
    -> LabellingExport(path="tasks.json", config="tasks.xml", rows=72, …)

label_studio.py has the shapes; what people did there comes back by review/verdicts.py.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from mapd.domain import Order, RowFilter, RowKind
from mapd.errors import BadInput, BadUsage
from mapd.exchange import browse_rows, files, label_studio
from mapd.exchange.archive.outgoing import one_moment
from mapd.people import Person, Right, require
from mapd.store import audit_log, browse, db, queries

ENDING = ".json"
# What is annotated: a text by itself.
TEXTS = (RowKind.RATIONALES, RowKind.FEEDBACK)
BLOCK = 1_000


@dataclass(frozen=True, slots=True)
class LabellingExport:
    """What an export wrote. `config`: the file of the labelling configuration."""

    path: str
    config: str
    rows: int
    sha256: str


def check_path(path: Path) -> Path:
    """Return the file of the configuration that goes with the tasks. Raises: BadUsage for another ending."""
    if path.suffix.lower() != ENDING:
        raise BadUsage(f"Label Studio's tasks are a {ENDING} file, not {path.name}")
    return path.with_suffix(".xml")


def export(
    engine: sa.Engine,
    exam: str | int,
    row_filter: RowFilter | None,
    path: Path,
    *,
    threshold: int,
    reasons: Sequence[str],
    by: Person,
    order: Order = Order.QUESTION,
    with_committee: bool = False,
    announce: Callable[[int], None] = lambda _: None,
    progress: Callable[[int, int], None] = lambda *_: None,
) -> LabellingExport:
    """Write a task for each text that fits the filter; without one for each of the exam's texts.

    `reasons`: those of a rejection, in words. `with_committee`: the tasks show what the committee said, and who wrote.
    The exam's queue index has to be up to date.

    Raises: Forbidden; NotFound; BadUsage for another ending, or a filter that finds no texts; BadInput where the files
    can't be written.
    """
    person, config_path = require(by, Right.EXPORT), check_path(path)
    filters = [RowFilter(show=kind) for kind in TEXTS] if row_filter is None else [row_filter]
    if any(each.show not in TEXTS for each in filters):
        raise BadUsage(f"a task is one text: the filter shows {' or '.join(TEXTS)}, not {filters[0].show}")
    with one_moment(engine) as session:
        info = queries.exam(session, exam)
        expected = sum(browse.count_rows(session, info.id, each, threshold) for each in filters)
        announce(expected)
        rows = (
            row
            for each in filters
            for row in browse_rows.iterate_rows(session, info, each, threshold, order, lambda _: None)
        )
        tasks = (label_studio.make_task(row, info.uid, with_committee=with_committee) for row in rows)
        # Tasks are of no use without their configuration: where one can't be written, neither appears.
        with files.whole(path) as place, files.whole(config_path) as config_place:
            config = label_studio.make_config(reasons, with_committee=with_committee)
            config_place.write_text(config, encoding="utf-8")
            count = _write_tasks(place, tasks, lambda number: progress(number, expected))
            if count != expected:
                raise BadInput(f"{expected:,} texts were counted and {count:,} came: nothing was written; try again")
            sha256 = files.sha256_of(place)
    with db.writing(engine) as session:
        detail = {"format": label_studio.FORMAT, "rows": count, "file": path.name, "sha256": sha256}
        audit_log.audit(session, person, "export", f"exam {info.uid}", **detail)
    return LabellingExport(str(path), str(config_path), count, sha256)


def _write_tasks(place: Path, tasks: Iterable[dict[str, Any]], tell: Callable[[int], None]) -> int:
    """Write tasks as a list, a line each; return their number."""
    count = 0
    with place.open("w", encoding="utf-8", newline="\n") as file:
        file.write("[")
        # They are written one by one, so that an exam of any size needs little memory.
        for task in tasks:
            file.write((",\n" if count else "\n") + json.dumps(task, ensure_ascii=False))
            count += 1
            if count % BLOCK == 0:
                tell(count)
        file.write("\n]\n")
    tell(count)
    return count
