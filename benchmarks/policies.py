"""What policies are worth: precision, recall, accepted and covered, of means and of fitted probabilities.

    python -m benchmarks.policies --feedback F.json --rationales R.json [--labels FILE] [--json]

The files are the authors'. Right is what the labels say (`mapd curate fit --help` says what such a file holds), else
what the gold check says; only labelled rationales count. Fitted policies are cross-fitted by question: no rationale is
decided by a fit that saw its question. "By the gold check" is fitted on the gold check's verdicts and measured against
the labels. *Halves*: fitted on the first half of the questions, measured on the other. *Judgements*: fitted on so many
labels drawn at random, 20 times, measured on the questions that weren't drawn; the mean, and how many draws were
refused because they held too few of one kind. *First looks*: of the wrong ones that paper accepts, how many the first
50, 100 and 150 of those it accepts hold, the least probable first. The last line is JSON.
"""

import argparse
import json
import random
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from mapd.curation.curated import Curated, curate
from mapd.curation.fitting import make_table
from mapd.curation.inputs import Voices, list_inputs
from mapd.curation.labels import LabelCandidate, Labels, label_by_gold, list_candidates, match_file
from mapd.domain import Material, Verdict
from mapd.errors import BadInput
from mapd.exchange import authors, label_files
from mapd.people import owner
from mapd.policies import PAPER, STRICT, Policy
from mapd.probability import Fit, FitPoint, is_above, list_points
from mapd.questions.sources import load_file
from mapd.settings import Settings
from mapd.store import db, exam_material, queries
from tests.fits import RECORD

MEANS = {"paper": PAPER, "strict": STRICT, "leniency": Policy("leniency", leniency_adjusted=True)}
SHOWN = (0.5, 0.6, 0.7, 0.8, 0.9)
DRAWS, SIZES = 20, (50, 100, 200)
FIRST = (50, 100, 150)
# Recalls at which the best precision is measured.
RECALLS = (0.90, 0.92, 0.94, 0.95)


def load(feedback: Path, rationales: Path) -> tuple[Material, dict[str, str]]:
    """The authors' files as an exam's material, and the teachers' uids."""
    files = [authors.AuthorsFile(path.name, path.read_bytes()) for path in (feedback, rationales)]
    with tempfile.TemporaryDirectory() as home:
        engine = db.open_store(Settings(home=Path(home), database_url=None))
        with db.writing(engine) as session:
            exam = queries.exam(session, authors.store(session, authors.parse(*files), by=owner("bench")).exam)
            material, teachers = exam_material.material(session, exam.id), queries.teacher_uids(session)
        engine.dispose()
    return material, teachers


def count(curated: Curated, is_right: Mapping[str, bool], accepts: Callable[[Any], bool]) -> dict[str, Any]:
    """Precision, recall and the rest, of what is accepted among the labelled."""
    texts = {x.text.uid: x for x in curated.rationales if x.text.uid in is_right}
    accepted = {uid for uid, x in texts.items() if accepts(x)}
    hits = sum(is_right[uid] for uid in accepted)
    return {
        "precision": hits / len(accepted) if accepted else None,
        "recall": hits / sum(is_right.values()),
        "accepted": len(accepted),
        "covered": sum(any(x.text.uid in accepted for x in m.rationales) for m in curated.mistakes),
    }


def measure(
    material: Material, teachers: Mapping[str, str], labels: Labels, by_gold: Labels, candidates: list[LabelCandidate]
) -> tuple[dict[str, dict[str, Any]], dict[str, dict[int, int]]]:
    """By policy its figures, of a fitted one by "name, p"; and by fitted policy what the first looks hold."""
    is_right = labels.is_right
    results, looks = {}, {}
    for name, policy in MEANS.items():
        curated = curate(material, [], policy)
        results[name] = count(curated, is_right, lambda x: x.committee.verdict is Verdict.ACCEPTED)
    curated = curate(material, [], PAPER)
    fits = {
        "fitted without gold": (labels, False),
        "fitted without gold, by the gold check": (by_gold, False),
        "fitted with gold": (labels, True),
    }
    for name, (source, uses_gold) in fits.items():
        probabilities = fill_in(candidates, source, teachers, is_right, uses_gold=uses_gold)
        accepted = [x.text.uid for x in curated.rationales if x.committee.verdict is Verdict.ACCEPTED]
        order = sorted((uid for uid in accepted if uid in is_right), key=probabilities.__getitem__)
        looks[name] = {first: sum(not is_right[uid] for uid in order[:first]) for first in (*FIRST, len(order))}
        for hundredth in range(100):
            row = count(curated, is_right, lambda x: is_above(probabilities.get(x.text.uid, 0), hundredth))  # noqa: B023
            results[f"{name}, {hundredth / 100:.2f}"] = row
    return results, looks


def fill_in(
    candidates: list[LabelCandidate],
    source: Labels,
    teachers: Mapping[str, str],
    wanted: Mapping[str, bool],
    *,
    uses_gold: bool,
) -> dict[str, float]:
    """Cross-fitted probabilities of all that are wanted; what the source doesn't label is decided by a whole fit less
    its question."""
    table = make_table(candidates, source, teachers, uses_gold=uses_gold)
    probabilities = {c.x.text.uid: p for c, p in zip(table.candidates, table.cross_fit(), strict=True)}
    absent = [c for c in candidates if c.x.text.uid in wanted and c.x.text.uid not in probabilities]
    # Ten parts, as in the cross-fit.
    groups = {group: n for n, group in enumerate(dict.fromkeys(c.group for c in absent))}
    for part in range(10):
        held = {group for group, n in groups.items() if n % 10 == part}
        rest = [c for c in candidates if c.group not in held]
        probabilities |= apply([c for c in absent if c.group in held], rest, source, teachers, uses_gold=uses_gold)
    return probabilities


def apply(
    texts: Sequence[LabelCandidate],
    training: Sequence[LabelCandidate],
    labels: Labels,
    teachers: Mapping[str, str],
    *,
    uses_gold: bool,
) -> dict[str, float]:
    """The probabilities of texts by a fit on others."""
    if not texts:
        return {}
    uids = {c.x.text.uid for c in training}
    of_training = replace(labels, is_right={uid: right for uid, right in labels.is_right.items() if uid in uids})
    fit = Fit(*make_table(training, of_training, teachers, uses_gold=uses_gold).fit(), RECORD)
    voices = Voices(fit.reviewers, fit.authors)
    return {c.x.text.uid: float(fit.probability(list_inputs(c.reading, c.readings, voices))) for c in texts}


def best(points: Sequence[FitPoint | Mapping[str, Any]]) -> dict[str, float | None]:
    """The best precision at each recall or more."""
    rows = [asdict(point) if isinstance(point, FitPoint) else point for point in points]
    return {
        f"{recall:.2f}": max((row["precision"] or 0 for row in rows if row["recall"] >= recall), default=None)
        for recall in RECALLS
    }


def points_of(texts: Sequence[LabelCandidate], probabilities: Mapping[str, float], labels: Labels) -> list[FitPoint]:
    """Precision and recall at each p, over these texts."""
    labelled = [c.x.text.uid for c in texts if c.x.text.uid in labels.is_right]
    return list(list_points([probabilities[uid] for uid in labelled], [labels.is_right[uid] for uid in labelled]))


def measure_halves(
    candidates: Sequence[LabelCandidate], labels: Labels, teachers: Mapping[str, str]
) -> dict[str, dict[str, float | None]]:
    """Fitted on the first half of the questions, measured on the other."""
    order = list(dict.fromkeys(c.group for c in sorted(candidates, key=lambda c: c.question.position)))
    first = set(order[: len(order) // 2])
    training, held = ([c for c in candidates if (c.group in first) is inside] for inside in (True, False))
    return {
        name: best(points_of(held, apply(held, training, labels, teachers, uses_gold=uses_gold), labels))
        for name, uses_gold in (("without gold", False), ("with gold", True))
    }


def measure_draws(
    candidates: Sequence[LabelCandidate], labels: Labels, teachers: Mapping[str, str], size: int
) -> dict[str, Any]:
    """Fitted without gold on so many labels drawn at random, measured on the other questions: means of the draws."""
    labelled = [c for c in candidates if c.x.text.uid in labels.is_right]
    rows, refusals = [], 0
    for seed in range(DRAWS):
        sample = random.Random(seed).sample(labelled, size)
        groups = {c.group for c in sample}
        held = [c for c in labelled if c.group not in groups]
        try:
            probabilities = apply(held, sample, labels, teachers, uses_gold=False)
        except BadInput:
            refusals += 1
            continue
        rows.append(best(points_of(held, probabilities, labels)))
    means = {recall: sum(row[recall] or 0 for row in rows) / len(rows) for recall in rows[0]} if rows else {}
    return {"refused": refusals, "draws": len(rows)} | means


def main() -> None:
    """Measure and print; the last line is JSON."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--feedback", type=Path, required=True)
    arguments.add_argument("--rationales", type=Path, required=True)
    arguments.add_argument("--labels", type=Path, help="which rationales are right: CSV, JSON Lines or JSON")
    arguments.add_argument("--json", action="store_true", help="the last line alone")
    options = arguments.parse_args()
    material, teachers = load(options.feedback, options.rationales)
    candidates = list_candidates([curate(material, [], PAPER)])
    by_gold = labels = label_by_gold(candidates)
    if options.labels:
        labels = match_file(candidates, label_files.read(load_file(options.labels)))
    policies, looks = measure(material, teachers, labels, by_gold, candidates)
    result: dict[str, Any] = {
        "labels": options.labels.name if options.labels else "the gold check",
        "n": len(labels.is_right),
        "right": sum(labels.is_right.values()),
        "left_out": dict(labels.left_out),
        "unmatched": list(labels.unmatched),
        "policies": policies,
        "first_looks": looks,
        "best_precision_at_recall": {
            name: best([row for key, row in policies.items() if key.rpartition(", ")[0] == name])
            for name in dict.fromkeys(key.rpartition(", ")[0] for key in policies if key not in MEANS)
        },
        "halves": measure_halves(candidates, labels, teachers),
        "judgements": {str(size): measure_draws(candidates, labels, teachers, size) for size in SIZES},
    }
    if not options.json:
        print_tables(result)
    print(json.dumps(result))


def print_tables(result: Mapping[str, Any]) -> None:
    """The figures as docs/policies.md has them."""
    print(f"{result['n']} labelled rationales, {result['right']} right, by {result['labels']}\n")
    print("| policy | P(right) > | precision | recall | accepted | covered |\n|---|---:|---:|---:|---:|---:|")
    shown = {f"{p:.2f}" for p in SHOWN}
    for key, row in result["policies"].items():
        name, _, p = key.rpartition(", ")
        if key in MEANS or p in shown:
            precision = "–" if row["precision"] is None else f"{row['precision']:.3f}"
            cells = (name or key, p if name else "", precision, f"{row['recall']:.3f}", row["accepted"], row["covered"])
            print(f"| {' | '.join(map(str, cells))} |")
    tables = {
        "cross-fitted": result["best_precision_at_recall"],
        "fitted on the first half of the questions, measured on the other": result["halves"],
        "fitted on so many judgements": result["judgements"],
    }
    for title, rows in tables.items():
        print(f"\nThe best precision at a recall of at least …, {title}:\n")
        print(f"| | {' | '.join(f'{recall:.2f}' for recall in RECALLS)} |\n|---|{'---:|' * len(RECALLS)}")
        for name, row in rows.items():
            cells = (row.get(f"{recall:.2f}") for recall in RECALLS)
            print(f"| {name} | {' | '.join('–' if cell is None else f'{cell:.3f}' for cell in cells)} |")
    print("\n| wrong ones that paper accepts, among the first … | 50 | 100 | 150 | all |\n|---|---:|---:|---:|---:|")
    for name, hits in result["first_looks"].items():
        print(f"| {name} | {' | '.join(map(str, hits.values()))} |")
    print()


if __name__ == "__main__":
    main()
