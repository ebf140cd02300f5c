"""What adaptive collection saves: reviews asked and left out, replayed on scores that are there.

    python -m benchmarks.adaptive --feedback F.json --rationales R.json [--json]

The files are the authors'. Under each policy a rationale's reviewers are asked in the files' order, and in the other
one; the score that a reviewer gave is the answer. *Checks alone*: rationales that nobody was asked about. *Other
verdicts*: rationales whose verdict isn't the one that all reviews give; *for want of a vote*: those of them of which a
review that was left out holds no score, so that too few votes leave them undecided. The last line is JSON.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.policies import load
from mapd.adaptive import find_settled
from mapd.curation.curated import curate
from mapd.curation.decided_texts import DecidedText, filter_votes
from mapd.domain import Vote
from mapd.policies import PAPER, STRICT, Policy, decide_rationale


@dataclass
class Replay:
    """One policy, one order of the reviewers."""

    policy: str
    order: str
    reviews: int = 0
    asked: int = 0
    saved: int = 0
    checks_alone: int = 0
    other_verdicts: int = 0
    for_want_of_a_vote: int = 0


def ask(x: DecidedText, votes: Sequence[Vote], policy: Policy) -> tuple[int, str]:
    """How many of the reviewers are asked, one after the other, and the verdict then."""
    for number in range(len(votes)):
        settled = find_settled(policy, votes[:number], len(votes) - number, x.states)
        if settled is not None:
            return number, settled.verdict
    return len(votes), decide_rationale([v.score for v in votes], policy, x.states).verdict


def replay(texts: Sequence[DecidedText], policy: Policy, order: str) -> Replay:
    """Ask for the reviews of all rationales."""
    result = Replay(policy.name, order)
    for x in texts:
        votes = filter_votes(x.text.votes)
        # The import doesn't know whether the gold answer was seen: here each reviewer is asked as a committee is.
        votes = [Vote(v.reviewer, v.score) for v in (votes if order == "the files'" else reversed(votes))]
        asked, verdict = ask(x, votes, policy)
        result.reviews += len(votes)
        result.asked += asked
        result.saved += len(votes) - asked
        result.checks_alone += asked == 0
        differs = verdict != x.committee.verdict
        result.other_verdicts += differs
        result.for_want_of_a_vote += differs and any(v.score is None for v in votes[asked:])
    return result


def main() -> None:
    """Measure and print; the last line is JSON."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--feedback", type=Path, required=True)
    arguments.add_argument("--rationales", type=Path, required=True)
    arguments.add_argument("--json", action="store_true", help="the last line alone")
    options = arguments.parse_args()
    material, _ = load(options.feedback, options.rationales)
    rows = []
    for policy in (PAPER, STRICT):
        texts = list(curate(material, [], policy).rationales)
        rows += [replay(texts, policy, order) for order in ("the files'", "the other")]
    if not options.json:
        print("| policy | order | reviews | asked | left out | checks alone | other verdicts | for want of a vote |")
        print("|---|---|---:|---:|---:|---:|---:|---:|")
        for row in rows:
            counts = f"{row.asked:,} | {row.saved:,} ({row.saved / row.reviews:.1%}) | {row.checks_alone}"
            verdicts = f"{row.other_verdicts} | {row.for_want_of_a_vote}"
            print(f"| {row.policy} | {row.order} | {row.reviews:,} | {counts} | {verdicts} |")
        print()
    print(json.dumps([asdict(row) for row in rows]))


if __name__ == "__main__":
    main()
