"""Deciding an exam by what is written down of its texts, beside reading each text again: in turns, in one run.

    python -m benchmarks.text_checks --feedback F.json --rationales R.json [--rounds 5]

The files are the authors'. Both give the same curated set. The last line is JSON: medians in seconds of processor time,
and how many times as fast it is.
"""

import argparse
import json
import statistics
import time
from dataclasses import replace
from pathlib import Path

from benchmarks.policies import load
from mapd import alignment, checks
from mapd.checks import CheckRecord
from mapd.curation.curated import curate
from mapd.domain import Material
from mapd.policies import PAPER
from mapd.review.queue_index.rows import list_new_records


def forget() -> None:
    """Empty the caches of what reads texts: a process that starts has nothing in them."""
    for cache in (checks._check_rationale, checks._check_feedback, alignment._align):
        cache.cache_clear()


def write_down(material: Material) -> dict[int, CheckRecord]:
    """Return what the queue index writes down of each text."""
    return list_new_records(curate(material, [], PAPER).mistakes)


def measure(material: Material, rounds: int) -> dict[str, float | int]:
    """Decide the exam both ways, in turns."""
    material = replace(material, checks={})
    ways = {"records": replace(material, checks=write_down(material)), "reading": material}
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(rounds):
        curated = []
        for way, basis in ways.items():
            forget()
            begin = time.process_time()
            curated.append(curate(basis, [], PAPER))
            seconds[way].append(time.process_time() - begin)
        assert curated[0] == curated[1], "both ways decide alike"
    medians = {way: statistics.median(times) for way, times in seconds.items()}
    figures = {way: round(median, 3) for way, median in medians.items()}
    return {"texts": len(material.texts), **figures, "times": round(medians["reading"] / medians["records"], 1)}


def main() -> None:
    """Read the files, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--feedback", type=Path, required=True)
    parser.add_argument("--rationales", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    material, _ = load(options.feedback, options.rationales)
    print(json.dumps(measure(material, options.rounds)))


if __name__ == "__main__":
    main()
