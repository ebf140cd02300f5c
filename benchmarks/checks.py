"""How often the checks are wrong or silent, beside labels made by hand before their output was seen.

    python -m benchmarks.checks --feedback F.json --rationales R.json [--json]

Wrong: the check holds where the text fails, or the other way round, or says something where a person can't tell.
Silent: it says "nothing to check" where a person can tell. The labels hold ids alone; the texts are the authors'.
"""

import argparse
import csv
import json
from collections import Counter, defaultdict
from pathlib import Path

from mapd.answers.grading import Task
from mapd.checks import State, check_feedback, check_rationale
from mapd.exchange.authors import AuthorsFile, AuthorsRow, parse

LABELS = Path(__file__).parents[1] / "docs" / "checks-labels.csv"


def said(label: dict[str, str], row: AuthorsRow, task: Task) -> dict[str, State]:
    """What the checks say of the labelled text."""
    if label["kind"] == "feedback":
        found = check_feedback(row.feedback[label["teacher"]], row.gold, task, row.options)
        return {"feedback: states the gold": found.states_gold, "feedback: equations true": found.equations_true}
    checks = check_rationale(row.rationales[label["teacher"]][0], row.gold, task, row.options)
    return {
        "rationale: answer = gold": checks.matches_gold,
        "rationale: equations true": checks.equations_true,
        "rationale: shows work": checks.shows_work,
    }


def judged(check: State, label: State) -> str:
    """right, wrong or silent."""
    if check is label:
        return "right"
    return "silent" if check is State.NOTHING else "wrong"


def measure(
    rows: dict[str, AuthorsRow], labels: list[dict[str, str]], task: Task
) -> tuple[dict[str, Counter[str]], list[str]]:
    """Counts by check, and a line for each difference."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    differ = []
    for label in labels:
        mine = [State(label[key]) for key in ("gold", "equations", "work") if label[key]]
        for (name, check), own in zip(said(label, rows[label["source_id"]], task).items(), mine, strict=True):
            result = judged(check, own)
            counts[name][result] += 1
            if result != "right":
                where = f"{label['source_id']} {label['teacher']}"
                differ.append(f"{name}: {where}: check {check.value}, by hand {own.value}: {result}")
    return counts, differ


def main() -> None:
    """Measure and print: a table, or one line of JSON."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--feedback", type=Path, required=True)
    arguments.add_argument("--rationales", type=Path, required=True)
    arguments.add_argument("--labels", type=Path, default=LABELS)
    arguments.add_argument("--json", action="store_true")
    given = arguments.parse_args()
    parsed = parse(*(AuthorsFile(path.name, path.read_bytes()) for path in (given.feedback, given.rationales)))
    with given.labels.open(encoding="utf-8", newline="") as file:
        labels = list(csv.DictReader(file))
    counts, differ = measure({row.source_id: row for row in parsed.rows}, labels, parsed.task)
    table = {
        name: {"n": c.total(), **{key: c[key] for key in ("right", "wrong", "silent")}} for name, c in counts.items()
    }
    if given.json:
        print(json.dumps(table))
        return
    for name, line in table.items():
        print(f"{name:28} n {line['n']:3}  right {line['right']:3}  wrong {line['wrong']:2}  silent {line['silent']:2}")
    print(*differ, sep="\n")


if __name__ == "__main__":
    main()
