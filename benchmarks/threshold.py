"""How long the server works when the threshold lab's slider moves, at 300,000 rationales, for each kind of policy.

    python -m benchmarks.threshold [--mistakes 100000] [--rounds 200] [--json]

Decided are the 1,000 mistakes of review.py's generated store, with three rationales each; they are taken again and
again under ids of their own. *Change* is what a move of the slider costs: the look whether anything came in since, the
page's counts, the chart's lines at every threshold, both policies beside each other with precision, recall and
intervals (the other one is paper), what the change adds and drops, and which texts the first page of these shows.
Drawing by Streamlit and reading that page's texts isn't in it. *SQL* is the naive way: one query over all rows, with
each one's cut at hand, counts accepted, wrong and covered alone. *Anew* is the other: everything decided again, here of
1,000 mistakes. *Measuring* comes once, for all thresholds. CPU is this process's own time: on a busy machine it tells
more. The last line is JSON.
"""

import argparse
import json
import os
import random
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa

from benchmarks import review
from mapd.curation.curated import Curated, curate
from mapd.curation.cut_columns import CutColumns, list_changes, tabulate_cuts
from mapd.curation.policy_sets import PolicySet, compare, measure_set
from mapd.curation.summary import summary
from mapd.curation.threshold_sweep import Figures, count_bands, sweep
from mapd.policies import PAPER, Policy
from mapd.review.queue_index.rows import authors_of, list_rows
from mapd.store import browse, db, exam_material, judgement_log
from mapd.ui.kit import charts
from mapd.ui.threshold import lab_figures
from tests.fits import make_policy

POLICIES = {
    "mean": PAPER,
    "leniency": Policy("leniency", leniency_adjusted=True),
    "fitted": make_policy(review.TEACHERS),
}
COUNTS = ("accepted", "wrong", "rejected right", "undecided", "overridden", "covered", "pairs")
SQL = "SELECT count(*), sum(gold = 0), count(DISTINCT attempt) FROM lab_cut WHERE cut > :at"


def time_act(act: Callable[[], object]) -> tuple[float, float]:
    """Milliseconds of an act: on the clock, and of this process."""
    started, cpu = time.perf_counter(), time.process_time()
    act()
    return 1000 * (time.perf_counter() - started), 1000 * (time.process_time() - cpu)


def repeat(columns: CutColumns, copies: int) -> CutColumns:
    """The columns so often, each time under ids of their own."""
    numbers = np.arange(copies).repeat(len(columns.text_ids))
    repeated = {field.name: np.tile(getattr(columns, field.name), copies) for field in fields(columns)}
    for name in ("text_ids", "question_ids", "attempt_ids"):
        repeated[name] = repeated[name] + numbers * 10 * review.BASE
    return CutColumns(**repeated)


def make_set(curated: Curated, authors: dict[str, int], copies: int) -> PolicySet:
    """What the lab knows of so many copies of a curated set."""
    bands = Counter({band: copies * n for band, n in count_bands(list_rows(curated.mistakes, (), authors)).items()})
    return measure_set(Figures.of(bands), repeat(tabulate_cuts(curated), copies))


def move(engine: sa.Engine, paper: PolicySet, policy_set: PolicySet, policy: Policy) -> object:
    """What a move of the slider to the policy's threshold costs the server."""
    with db.reading(engine) as session:
        lab_figures.read_edition(session, review.EXAM)
    low, step = (0.0, 0.01) if policy.fit else (1.0, 0.05)
    at, figures = round(100 * policy.threshold), policy_set.figures
    counts = [figures.at(name, at) for name in COUNTS]
    xs = charts.thresholds([cut / 100 for cut in figures.cuts], low, policy.highest, (policy.threshold,), step)
    comparison = compare(paper, PAPER, policy_set, policy)
    changes = list_changes(paper.columns, 300, policy_set.columns, at)
    page = policy_set.columns.question_ids[changes.places[: browse.PAGE]].tolist()
    return counts, sweep(figures, xs), comparison, page


def list_moves(policy: Policy, rounds: int) -> Iterator[Policy]:
    """The policy at thresholds drawn anew."""
    draw, low = random.Random(7), 0 if policy.fit else 100
    for _ in range(rounds):
        yield policy.at(draw.randrange(low, round(100 * policy.highest)) / 100)


def time_sql(engine: sa.Engine, columns: CutColumns, at: int) -> float:
    """Milliseconds of the naive query."""
    rows = zip(columns.attempt_ids.tolist(), columns.gold.tolist(), columns.cuts.tolist(), strict=True)
    with engine.connect() as connection:
        connection.execute(sa.text("CREATE TEMP TABLE lab_cut (attempt INTEGER, gold INTEGER, cut INTEGER)"))
        values = [{"a": attempt, "g": gold, "c": cut} for attempt, gold, cut in rows]
        connection.execute(sa.text("INSERT INTO lab_cut VALUES (:a, :g, :c)"), values)
        times = [time_act(lambda: connection.execute(sa.text(SQL), {"at": at}).all())[0] for _ in range(5)]
        connection.execute(sa.text("DROP TABLE lab_cut"))
    return statistics.median(times)


def measure(engine: sa.Engine, copies: int, rounds: int) -> dict[str, dict[str, Any]]:
    """By kind of policy, its times."""
    with db.reading(engine) as session:
        material, judgements = exam_material.material(session, review.EXAM), judgement_log.judgements(session, 1)
        authors = authors_of(session)
    results: dict[str, dict[str, Any]] = {}
    paper = make_set(curate(material, judgements, PAPER), authors, copies)
    for kind, policy in POLICIES.items():
        curated = curate(material, judgements, policy)
        anew, _ = time_act(lambda: summary(curate(material, judgements, policy)))  # noqa: B023
        policy_set = make_set(curated, authors, copies)
        measuring, _ = time_act(partial(measure_set, policy_set.figures, policy_set.columns))
        times = [time_act(partial(move, engine, paper, policy_set, at)) for at in list_moves(policy, rounds)]
        clock, cpu = (sorted(column) for column in zip(*times, strict=True))
        sql = time_sql(engine, policy_set.columns, 70 if policy.fit else 350)
        results[kind] = {
            "rationales": len(policy_set.columns.text_ids),
            "p50_ms": round(statistics.median(clock), 2),
            "p95_ms": round(clock[int(0.95 * rounds)], 2),
            "cpu_p50_ms": round(statistics.median(cpu), 2),
            "sql_ms": round(sql, 1),
            "sql_ratio": round(sql / statistics.median(clock), 1),
            "anew_1000_ms": round(anew),
            "measuring_ms": round(measuring),
        }
    return results


def main() -> None:
    """Measure and print; the last line is JSON."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--mistakes", type=int, default=100_000, help="of three rationales each")
    arguments.add_argument("--rounds", type=int, default=200, help="moves of the slider, for each kind")
    arguments.add_argument("--json", action="store_true", help="the last line alone")
    chosen = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        engine = review.generate(Path(folder), review.BASE)
        results = measure(engine, max(1, chosen.mistakes // review.BASE), chosen.rounds)
        engine.dispose()
    if not chosen.json:
        names = list(next(iter(results.values())))
        print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
        print(f"| policy | {' | '.join(names)} |\n|---|{'---:|' * len(names)}")
        for kind, row in results.items():
            print(f"| {kind} | {' | '.join(f'{value:,}' for value in row.values())} |")
    print(json.dumps(results))


if __name__ == "__main__":
    main()
