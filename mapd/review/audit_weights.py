"""For how many rationales each one that people judged stands, where they were drawn at random in an audit. Pure.

    weights = weigh_judgements(curated)
    weights.by_text[51]      -> 5.9: 141 of 826 accepted ones were audited, and 51 is one of them
    weights.open_ids         -> the rejected ones that nobody judged, where nobody audited what is rejected

The queues that audit show what the policy in use accepts, what it rejects, or all: each kind is weighted by itself
(Horvitz and Thompson). Where an audit went in the order of lots, the texts up to the last audited question are the
sample, whoever judged them; what people judged elsewhere, as in a queue of doubtful ones, was chosen and has no weight.
Without any audit each judged text stands for itself alone.
"""

from collections.abc import Iterable

from mapd.curation.curated import Curated
from mapd.curation.precision_recall import PLAIN, SampleWeights
from mapd.domain import JudgementRow, Verdict
from mapd.review.remaining import draw_audit

# The audits that show texts with each verdict of the committee.
QUEUES_OF = {
    Verdict.ACCEPTED: ("audit", "audit-accepted"),
    Verdict.REJECTED: ("audit", "audit-rejected"),
    Verdict.UNDECIDED: ("audit",),
}


def is_audited(judgements: Iterable[JudgementRow]) -> bool:
    """Return whether anybody judged in a random audit: without that there is nothing to weigh."""
    queues = {queue for names in QUEUES_OF.values() for queue in names}
    return any(row.queue in queues for row in judgements)


def weigh_judgements(curated: Curated) -> SampleWeights:
    """Return the weights of what people judged. `curated`: the set under the policy in use, for audits go by it."""
    weights: dict[int, float] = {}
    open_ids: set[int] = set()
    is_audited = False
    for verdict, queues in QUEUES_OF.items():
        sampled, unaudited = draw_audit(curated, verdict, queues)
        texts = [x for x in curated.rationales if x.committee.verdict is verdict and x.text.repairs_id is None]
        judged = {x.text.id for x in texts if x.people.decision is not None}
        sample = {x.text.id for of_question in sampled.values() for x in of_question} & judged
        if not sample and len(judged) < len(texts):
            open_ids |= {x.text.id for x in texts} - judged
            continue
        is_audited |= bool(sample)
        # Where the sample isn't the lot's, it stands for what nobody judged elsewhere.
        elsewhere = set() if unaudited is not None and sample else judged - sample
        weights |= dict.fromkeys(elsewhere, 1.0)
        weights |= {id_: (len(texts) - len(elsewhere)) / len(sample) for id_ in sample}
    return SampleWeights(weights, frozenset(open_ids)) if is_audited else PLAIN
