"""What the combined queue is worth: accepted rationales with a wrong final answer among the first it shows.

    python benchmarks/smart.py --feedback F.json --rationales R.json [--labels FILE] [--json]

The files are the authors'. Wrong is what the labels say, a JSON list of {"id", "teacher", "final_answer_correct"}, else
what the gold check says (then the queue that sees the gold is measured by what it orders by). "Without gold" the queue
sees no gold answer: only scores, leniency, equations, work, length, and the authors' answers beside each other.
`random` is the expected number over all rationales; `spread` takes the most spread scores first, ties at random. Both
also over the accepted ones alone, which gives them the committee's verdict for nothing. The last line is JSON.
"""

import argparse
import json
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any

from mapd.checks import State
from mapd.curation import live_set
from mapd.curation.curated import Curated, DecidedText
from mapd.domain import Verdict
from mapd.exchange import authors
from mapd.people import owner
from mapd.policies import PAPER
from mapd.review.queues import QUEUES
from mapd.settings import Settings
from mapd.store import db, queries
from tests.review.filled import fill

FIRST = (50, 100, 150)


def load(feedback: Path, rationales: Path) -> Curated:
    """The authors' files under the paper's policy."""
    files = [authors.AuthorsFile(path.name, path.read_bytes()) for path in (feedback, rationales)]
    with tempfile.TemporaryDirectory() as home:
        engine = db.open_store(Settings(home=Path(home)))
        with db.writing(engine) as session:
            exam = queries.exam(session, authors.store(session, authors.parse(*files), by=owner("bench")).exam)
            curated = live_set.load_curated(session, exam.id, PAPER)
        engine.dispose()
    return curated


def without_gold(curated: Curated) -> Curated:
    """The same set as a project without gold answers has it."""

    def blind(x: DecidedText) -> DecidedText:
        return replace(x, states=replace(x.states, matches_gold=State.NOTHING))

    mistakes = [replace(m, rationales=tuple(map(blind, m.rationales))) for m in curated.mistakes]
    return replace(curated, mistakes=tuple(mistakes))


def shown(curated: Curated) -> list[int]:
    """The rationales, by id, in the order in which the combined queue shows them."""
    return [x.text.id for entry in fill(curated, QUEUES["smart"], "").entries for x in entry.texts]


def wrong_of(curated: Curated, labels: Path | None) -> set[int]:
    """The accepted rationales, by id, that end in a wrong answer."""
    accepted = [(m, x) for m in curated.mistakes for x in m.rationales if x.committee.verdict is Verdict.ACCEPTED]
    if labels is None:
        return {x.text.id for _, x in accepted if x.states.matches_gold is State.FAILS}
    rows = json.loads(labels.read_text(encoding="utf-8"))
    bad = {(str(row["id"]), row["teacher"]) for row in rows if row["final_answer_correct"] is False}
    return {x.text.id for m, x in accepted if (m.question.source_id, x.text.teacher) in bad}


def by_spread(texts: Sequence[DecidedText], wrong: set[int]) -> dict[int, float]:
    """How many the first so many of the most spread hold, ties at random."""
    found = dict.fromkeys(FIRST, 0.0)
    at = 0
    for _, group in groupby(sorted(texts, key=lambda x: -x.spread), key=lambda x: x.spread):
        tied = list(group)
        bad = sum(x.text.id in wrong for x in tied)
        for first in FIRST:
            found[first] += bad * min(max(first - at, 0), len(tied)) / len(tied)
        at += len(tied)
    return found


def measure(curated: Curated, wrong: set[int]) -> dict[str, dict[int, float]]:
    """By order, how many wrong ones the first 50, 100 and 150 hold."""
    everything = list(curated.rationales)
    accepted = [x for x in everything if x.committee.verdict is Verdict.ACCEPTED]

    def hits(order: Sequence[int]) -> dict[int, float]:
        return {first: sum(id in wrong for id in order[:first]) for first in FIRST}

    def chance(texts: Sequence[DecidedText]) -> dict[int, float]:
        return {first: len(wrong) * min(1.0, first / len(texts)) for first in FIRST}

    return {
        "combined queue, with gold": hits(shown(curated)),
        "combined queue, without gold": hits(shown(without_gold(curated))),
        "plain spread, of the accepted": by_spread(accepted, wrong),
        "plain spread, of all": by_spread(everything, wrong),
        "random, of the accepted": chance(accepted),
        "random, of all": chance(everything),
    }


def main() -> None:
    """Measure and print; the last line is JSON."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--feedback", type=Path, required=True)
    arguments.add_argument("--rationales", type=Path, required=True)
    arguments.add_argument("--labels", type=Path, help="JSON: a list of {id, teacher, final_answer_correct}")
    arguments.add_argument("--json", action="store_true", help="the last line alone")
    given = arguments.parse_args()
    curated = load(given.feedback, given.rationales)
    wrong = wrong_of(curated, given.labels)
    found = measure(curated, wrong)
    if not given.json:
        print(f"{len(wrong)} accepted rationales with a wrong final answer, by {given.labels or 'the gold check'}\n")
        print(f"| order | first {' | first '.join(map(str, FIRST))} |\n|---|{'---:|' * len(FIRST)}")
        for name, row in found.items():
            print(f"| {name} | {' | '.join(f'{row[first]:.4g}' for first in FIRST)} |")
    result: dict[str, Any] = {"wrong": len(wrong), "rationales": sum(1 for _ in curated.rationales)}
    print(json.dumps(result | {name: {str(k): round(v, 2) for k, v in row.items()} for name, row in found.items()}))


if __name__ == "__main__":
    main()
