"""How well the step that a feedback criticises is found, beside labels made before the output was seen.

    python -m benchmarks.alignment --feedback F.json --rationales R.json [--sample 2] [--json]

Wrong: the check holds where the feedback fails, or the other way round, or says something where a reader can't tell.
Silent: it says "nothing to check" where a reader can tell. The labels hold ids and places; the texts are the authors'.
"""

import argparse
import csv
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mapd.alignment import Alignment, align
from mapd.checks import State
from mapd.exchange.authors import AuthorsFile, AuthorsRow, parse
from mapd.statistics import wilson

LABELS = Path(__file__).parents[1] / "docs" / "alignment-labels.csv"
CHECKS = ("step_exists", "at_first_false")
Label = dict[str, str]


def judge(check: State, label: State) -> str:
    """Return right, wrong or silent."""
    if check is label:
        return "right"
    return "silent" if check is State.NOTHING else "wrong"


def measure(labelled: list[tuple[Label, Alignment]]) -> dict[str, dict[str, Any]]:
    """Return the counts of each check, of its alarms, and of the places that are marked."""
    table = {check: _sum_up(judge(getattr(a, check), State(label[check])) for label, a in labelled) for check in CHECKS}
    told = [(label, a) for label, a in labelled if State(label["at_first_false"]) is not State.NOTHING]
    table["at_first_false, where a reader can tell"] = _sum_up(
        judge(a.at_first_false, State(label["at_first_false"])) for label, a in told
    )
    alarms = [label for label, a in labelled if a.step_exists is State.FAILS]
    table["alarms of step_exists"] = _sum_up(judge(State.FAILS, State(label["step_exists"])) for label in alarms)
    absent = [a for label, a in labelled if State(label["step_exists"]) is State.FAILS]
    table["what isn't there, by hand"] = _sum_up(judge(a.step_exists, State.FAILS) for a in absent)
    table["the place, where a step is labelled"] = _sum_up(
        _judge_place(_read_places(label), a) for label, a in labelled if label["steps"]
    )
    return table


def _sum_up(results: Iterator[str]) -> dict[str, Any]:
    counts = Counter(results)
    n = counts.total()
    row: dict[str, Any] = {"n": n, **{word: counts[word] for word in ("right", "wrong", "silent")}}
    return row | {"interval": [round(bound, 3) for bound in wilson(counts["right"], n)] if n else None}


def _read_places(label: Label) -> list[tuple[int, int]]:
    pairs = (place.split("-") for place in label["steps"].split())
    return [(int(start), int(end)) for start, end in pairs]


def _judge_place(places: list[tuple[int, int]], alignment: Alignment) -> str:
    if not alignment.steps:
        return "silent"
    hits = any(start < end_ and start_ < end for start, end in places for start_, end_ in alignment.steps)
    return "right" if hits else "wrong"


def list_differences(labelled: list[tuple[Label, Alignment]]) -> Iterator[str]:
    """Yield a line for each feedback on which check and label differ."""
    for label, alignment in labelled:
        where = f"{label['source_id']} {label['teacher']}"
        for check in CHECKS:
            state = getattr(alignment, check)
            if (result := judge(state, State(label[check]))) != "right":
                yield f"{check}: {where}: check {state.value}, by hand {label[check]}: {result}"
        if label["steps"] and (result := _judge_place(_read_places(label), alignment)) != "right":
            yield f"place: {where}: {result}"


def align_labelled(rows: dict[str, AuthorsRow], labels: list[Label]) -> list[tuple[Label, Alignment]]:
    """Return each label with what the code says of its feedback."""
    of_label = ((label, rows[label["source_id"]]) for label in labels)
    return [(label, align(row.response, row.feedback[label["teacher"]])) for label, row in of_label]


def main() -> None:
    """Measure and print: a table, or one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--feedback", type=Path, required=True)
    parser.add_argument("--rationales", type=Path, required=True)
    parser.add_argument("--labels", type=Path, default=LABELS)
    parser.add_argument("--sample", choices=("1", "2"), help="one of the two draws alone")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    paths = (arguments.feedback, arguments.rationales)
    content = parse(*(AuthorsFile(path.name, path.read_bytes()) for path in paths))
    with arguments.labels.open(encoding="utf-8", newline="") as file:
        labels = [label for label in csv.DictReader(file) if arguments.sample in (None, label["sample"])]
    labelled = align_labelled({row.source_id: row for row in content.rows}, labels)
    table = measure(labelled)
    if arguments.json:
        print(json.dumps(table))
        return
    for name, row in table.items():
        low, high = row["interval"] or (0.0, 1.0)
        counts = "  ".join(f"{word} {row[word]:2}" for word in ("right", "wrong", "silent"))
        print(f"{name:42} n {row['n']:2}  {counts}  right, 95 %: {low:.2f}-{high:.2f}")
    print(*list_differences(labelled), sep="\n")


if __name__ == "__main__":
    main()
