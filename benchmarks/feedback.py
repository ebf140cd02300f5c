"""What a policy's fit for feedback is worth: precision and recall, beside what stands without one.

    python -m benchmarks.feedback --feedback F.json --rationales R.json [--json]

The files are the authors'. Right is what docs/feedback-labels.csv says: what the feedback finds wrong in the answer is
wrong there, and nothing that it says itself is false. The fit is cross-fitted by question, with and without the checks
of the gold answer. *As ever*: no fit, so a feedback stands unless a check that the policy requires speaks against it.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.policies import load
from mapd.curation.curated import curate
from mapd.curation.fitting import FitSource, fit_feedback
from mapd.curation.labels import FeedbackCandidate, list_feedback, match_file
from mapd.domain import Material, Verdict
from mapd.exchange import label_files
from mapd.policies import PAPER, STRICT, Policy
from mapd.questions.sources import load_file
from mapd.statistics import wilson

LABELS = Path(__file__).parents[1] / "docs" / "feedback-labels.csv"
SHOWN = (0.3, 0.4, 0.5, 0.6, 0.7)


def count(accepted: Sequence[bool], is_right: Sequence[bool]) -> dict[str, Any]:
    """Precision with Wilson's interval, recall and number."""
    hits, number = sum(a and r for a, r in zip(accepted, is_right, strict=True)), sum(accepted)
    return {
        "precision": hits / number if number else None,
        "interval": [round(bound, 3) for bound in wilson(hits, number)] if number else None,
        "recall": hits / sum(is_right),
        "accepted": number,
    }


def stand_without_fit(material: Material, policy: Policy, labelled: Sequence[FeedbackCandidate]) -> list[bool]:
    """Whether each stands under a policy that has no fit for feedback."""
    texts = {x.text.uid: x for m in curate(material, [], policy).mistakes for x in m.feedback}
    return [texts[c.x.text.uid].committee.verdict is Verdict.ACCEPTED for c in labelled]


def main() -> None:
    """Print the table, and as the last line JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--feedback", type=Path, required=True)
    parser.add_argument("--rationales", type=Path, required=True)
    parser.add_argument("--json", action="store_true", help="the last line alone")
    options = parser.parse_args()
    material, teachers = load(options.feedback, options.rationales)
    candidates = list_feedback([curate(material, [], PAPER)])
    labels = match_file(candidates, label_files.read(load_file(LABELS)), "feedbacks")
    labelled = [c for c in candidates if c.x.text.uid in labels.is_right]
    is_right = [labels.is_right[c.x.text.uid] for c in labelled]
    results = {f"as ever, {p.name}": count(stand_without_fit(material, p, labelled), is_right) for p in (PAPER, STRICT)}
    for name, uses_gold in {"fitted with gold": True, "fitted without gold": False}.items():
        record = fit_feedback(candidates, labels, FitSource((), teachers, uses_gold, "now")).record
        results[name] = {"n": record.n, "right": record.right, "questions": record.questions}
        results[name] |= {"brier": record.brier, "brier_of_share": record.brier_of_share}
        for point in record.at:
            if point.p in SHOWN:
                hits = round((point.precision or 0) * point.accepted)
                interval = [round(bound, 3) for bound in wilson(hits, point.accepted)] if point.accepted else None
                row = {"precision": point.precision, "interval": interval, "recall": point.recall}
                results[f"{name}, {point.p:.1f}"] = row | {"accepted": point.accepted}
    if not options.json:
        for name, row in results.items():
            figures = (
                f"{key} {value:.3f}" if isinstance(value, float) else f"{key} {value}" for key, value in row.items()
            )
            print(f"{name:26}", ", ".join(figures))
    print(json.dumps(results | {"unmatched": list(labels.unmatched)}))


if __name__ == "__main__":
    main()
