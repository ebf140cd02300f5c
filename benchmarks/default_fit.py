"""Fits what orders triage's queue in a project that fitted nothing, and writes mapd/curation/default_fit.json.

    python -m benchmarks.default_fit --feedback F.json --rationales R.json

The files are the authors' SVAMP data; none of their texts is written, only coefficients. Labels are the gold check's
verdicts. No teacher is told apart, so the fit holds for any committee. There are two: with the gold check as an input,
and without. The last line is JSON: n and the Brier score of each, cross-fitted by question.
"""

import argparse
import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.policies import load
from mapd.curation.curated import curate
from mapd.curation.fitting import FitSource, fit_labels
from mapd.curation.labels import label_by_gold, list_candidates
from mapd.curation.order_fits import OrderFit
from mapd.policies import PAPER
from mapd.probability import ALL_REVIEWERS, Fit, FitInput
from tests.fits import RECORD

FILE = Path(__file__).parents[1] / "mapd" / "curation" / "default_fit.json"
DATA = "Llama-2-7b-chat, SVAMP, round 0, of github.com/zhuochunli/Learn-from-Committee (MIT; arXiv 2410.03663)"
VOTES = ("score", "five", "low")


def leave_open(fit: Fit) -> Fit:
    """The same fit, to which a text that nobody scored is one of average scores: no such text is in the data."""
    of_votes = [x for x in fit.inputs if x.teacher == ALL_REVIEWERS and x.kind in VOTES]
    absent = FitInput("no_vote", ALL_REVIEWERS, sum(x.weight * x.centre / x.scale for x in of_votes), 0.0, 1.0)
    return replace(fit, inputs=tuple(absent if x.key == absent.key else x for x in fit.inputs))


def fit_default(feedback: Path, rationales: Path) -> dict[str, Fit]:
    """Both fits, by name."""
    material, _ = load(feedback, rationales)
    # Nothing is ordered here, and the default isn't there yet.
    nothing = OrderFit("nothing", Fit(0.0, (), RECORD))
    candidates = list_candidates([curate(material, [], PAPER, order_fit=nothing)])
    labels = label_by_gold(candidates)
    moment = datetime.now(UTC).isoformat(timespec="seconds")
    fits = {}
    for name, uses_gold in (("with_gold", True), ("without_gold", False)):
        fit = fit_labels(candidates, labels, FitSource((), {ALL_REVIEWERS: ALL_REVIEWERS}, uses_gold, moment))
        # The figures at each threshold are docs/policies.md's.
        fits[name] = leave_open(replace(fit, record=replace(fit.record, at=(), teachers={})))
    return fits


def describe(fits: Mapping[str, Fit], *files: Path) -> dict[str, Any]:
    """The file's content."""
    return {
        "data": DATA,
        "sha256": {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files},
        "written_by": "python -m benchmarks.default_fit",
    } | {name: fit.as_dict() for name, fit in fits.items()}


def main() -> None:
    """Fit, write, and print; the last line is JSON."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--feedback", type=Path, required=True)
    arguments.add_argument("--rationales", type=Path, required=True)
    options = arguments.parse_args()
    fits = fit_default(options.feedback, options.rationales)
    content = describe(fits, options.feedback, options.rationales)
    FILE.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", "utf-8")
    print(json.dumps({name: {"n": fit.record.n, "brier": fit.record.brier} for name, fit in fits.items()}))


if __name__ == "__main__":
    main()
