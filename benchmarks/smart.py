"""What the combined queue is worth: accepted rationales with a wrong final answer among the first it shows.

    python -m benchmarks.smart --feedback F.json --rationales R.json [--labels FILE] [--json]

The files are the authors'. Wrong is what the labels say, a JSON list of {"id", "teacher", "final_answer_correct"}, else
what the gold check says (then the queue that sees the gold is measured by what it orders by). Fits are fitted on the
gold check's verdicts, as the shipped default is, and cross-fitted: questions are split into ten parts, and each part
is ordered by a fit on the nine others. "Default" tells no teacher apart, "fitted" does. "Without gold" no gold answer
is an input: only scores, equations, work, length, and the authors' answers beside each other.
`random` is the expected number over all rationales; `spread` takes the most spread scores first, ties at random. Both
also over the accepted ones alone, which gives them the committee's verdict for nothing. The last line is JSON.
"""

import argparse
import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any

from benchmarks.default_fit import leave_open
from mapd.checks import State
from mapd.curation import live_set
from mapd.curation.curated import Curated
from mapd.curation.decided_texts import DecidedText
from mapd.curation.fitting import make_table
from mapd.curation.labels import LabelCandidate, label_by_gold, list_candidates
from mapd.curation.order_fits import OrderFit
from mapd.domain import Verdict
from mapd.exchange import authors
from mapd.people import owner
from mapd.policies import PAPER
from mapd.probability import ALL_REVIEWERS, Fit
from mapd.questions.rows import question_key
from mapd.review.queues import QUEUES
from mapd.settings import Settings
from mapd.store import db, queries
from tests.fits import RECORD
from tests.review.filled import fill, order_by

FIRST = (50, 100, 150)
PARTS = 10


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


def cross_order(curated: Curated, make: Callable[[Sequence[LabelCandidate]], OrderFit]) -> Curated:
    """The same set, each question ordered by a fit that saw nothing of it. `make`: fits on these rationales."""
    candidates = list_candidates([curated])
    part_of = {group: n % PARTS for n, group in enumerate(dict.fromkeys(c.group for c in candidates))}
    fits = [make([c for c in candidates if part_of[c.group] != part]) for part in range(PARTS)]
    # A mistake without a rationale has nothing to order.
    mistakes = [order_by(m, fits[part_of.get(question_key(m.question), 0)]) for m in curated.mistakes]
    return replace(curated, mistakes=tuple(mistakes))


def fit_on(candidates: Sequence[LabelCandidate], teachers: Sequence[str], *, uses_gold: bool) -> Fit:
    """A fit on the gold check's verdicts about these rationales."""
    fit = Fit(*make_table(candidates, label_by_gold(candidates), teachers, uses_gold=uses_gold).fit(), RECORD)
    return leave_open(fit) if tuple(teachers) == (ALL_REVIEWERS,) else fit


def list_orders(teachers: Sequence[str]) -> dict[str, Callable[[Sequence[LabelCandidate]], OrderFit]]:
    """How the queue can be ordered, by name."""
    nobody = (ALL_REVIEWERS,)
    return {
        "default, with gold": lambda c: OrderFit(
            "", fit_on(c, nobody, uses_gold=True), fit_on(c, nobody, uses_gold=False)
        ),
        "default, without gold": lambda c: OrderFit("", fit_on(c, nobody, uses_gold=False)),
        "fitted, with gold": lambda c: OrderFit("", fit_on(c, teachers, uses_gold=True)),
        "fitted, without gold": lambda c: OrderFit("", fit_on(c, teachers, uses_gold=False)),
    }


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
        **{name: hits(shown(cross_order(curated, make))) for name, make in list_orders(curated.teachers).items()},
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
