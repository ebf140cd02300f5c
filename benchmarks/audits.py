"""Whether the intervals of "what is left" hold: simulated audits of the authors' rationales, or of a made population.

    python -m benchmarks.audits --feedback F.json --rationales R.json [--labels FILE] [--audits 500]
    python -m benchmarks.audits [--audits 500]

An audit draws questions at random; its texts are judged as the labels say (else as the gold check does); the interval
of the wrong ones among the rest is right or not. *Probabilities*: those of a policy fitted without gold on the gold
check, cross-fitted. Without files: questions with three texts each, whose risks are drawn by question. Coverage is the
share of the audits whose interval held; width is the mean of high - low. The last line is JSON.
"""

import argparse
import json
import random
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from benchmarks.policies import fill_in, load
from mapd.curation.curated import curate
from mapd.curation.labels import label_by_gold, list_candidates, match_file
from mapd.domain import Verdict
from mapd.exchange import label_files
from mapd.policies import PAPER
from mapd.questions.sources import load_file
from mapd.statistics import predict_count, predict_from_risks

SIZES = (20, 60, 150)
# Whether it is wrong, and how probable that was.
Units = Sequence[tuple[bool, float]]


def read_population(feedback: Path, rationales: Path, labels_file: Path | None) -> list[Units]:
    """Return the labelled rationales that paper accepts, by question."""
    material, teachers = load(feedback, rationales)
    candidates = list_candidates([curate(material, [], PAPER)])
    by_gold = labels = label_by_gold(candidates)
    if labels_file is not None:
        labels = match_file(candidates, label_files.read(load_file(labels_file)))
    accepted = {c.x.text.uid for c in candidates if c.x.verdict is Verdict.ACCEPTED} & labels.is_right.keys()
    probabilities = fill_in(candidates, by_gold, teachers, accepted, uses_gold=False)
    questions: dict[tuple[str, ...], list[tuple[bool, float]]] = defaultdict(list)
    for c in candidates:
        if (uid := c.x.text.uid) in accepted:
            questions[c.group].append((not labels.is_right[uid], 1 - probabilities[uid]))
    return list(questions.values())


def make_population(rng: random.Random, questions: int = 400) -> list[Units]:
    """Return questions with three texts each; what makes one of them wrong makes the others wrong, too."""
    population = []
    for _ in range(questions):
        hardness = rng.betavariate(0.4, 2.4)
        risks = [rng.betavariate(20 * hardness + 0.1, 20 * (1 - hardness) + 0.1) for _ in range(3)]
        population.append([(rng.random() < risk, risk) for risk in risks])
    return population


def simulate(population: list[Units], size: int, audits: int, rng: random.Random) -> dict[str, dict[str, float]]:
    """Return coverage and width of both estimates, over audits of `size` questions."""
    held: dict[str, list[bool]] = defaultdict(list)
    widths: dict[str, list[float]] = defaultdict(list)
    for _ in range(audits):
        rng.shuffle(population)
        sample, rest = population[:size], population[size:]
        truth = sum(wrong for units in rest for wrong, _ in units)
        counts = [(sum(wrong for wrong, _ in units), len(units)) for units in sample]
        ends = {
            "audit": predict_count(counts, sum(map(len, rest))),
            "probabilities": predict_from_risks(sample, sum(risk for units in rest for _, risk in units)),
        }
        for name, (_, low, high) in ends.items():
            held[name].append(low <= truth <= high)
            widths[name].append(high - low)
    return {name: {"coverage": sum(held[name]) / audits, "width": sum(widths[name]) / audits} for name in held}


def main() -> None:
    """Simulate and print; the last line is JSON."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--feedback", type=Path)
    arguments.add_argument("--rationales", type=Path)
    arguments.add_argument("--labels", type=Path, help="which rationales are right: CSV, JSON Lines or JSON")
    arguments.add_argument("--audits", type=int, default=500)
    arguments.add_argument("--seed", type=int, default=0)
    options = arguments.parse_args()
    rng = random.Random(options.seed)
    if options.feedback and options.rationales:
        population = read_population(options.feedback, options.rationales, options.labels)
    else:
        population = make_population(rng)
    units = [unit for of_question in population for unit in of_question]
    print(f"{len(units)} accepted rationales of {len(population)} questions, {sum(w for w, _ in units)} wrong\n")
    print("| questions audited | estimate | coverage | mean width |\n|---:|---|---:|---:|")
    results = {size: simulate(population, size, options.audits, rng) for size in SIZES if size < len(population)}
    for size, row in results.items():
        for name, numbers in row.items():
            print(f"| {size} | {name} | {numbers['coverage']:.3f} | {numbers['width']:.1f} |")
    print(json.dumps({"questions": len(population), "audits": options.audits, "results": results}))


if __name__ == "__main__":
    main()
