"""How likely the committee's verdict on a rationale is wrong: the order of the combined queue. Pure.

    estimate_error(mistake, x)     -> 0.93: it is accepted, and is right with a probability of 0.07
    explain_error(mistake, x)      -> "Accepted at 3.50, P(right) 0.07: its answer is not the gold; …"

The probability is a fit's (`mapd/curation/order_fits.py` says which); each input's share in it is the reason. An
accepted text is wrongly decided with 1 - p, a rejected one with p. The one preference that nobody fitted is
MISSED_WEIGHT. benchmarks/smart.py measures the order on the authors' SVAMP data.
"""

from dataclasses import dataclass

from mapd.checks import State
from mapd.curation.curated import Mistake
from mapd.curation.decided_texts import DecidedText
from mapd.curation.fit_reasons import list_reasons
from mapd.curation.inputs import Voices, agree, list_inputs
from mapd.curation.order_fits import OrderFit
from mapd.domain import Verdict
from mapd.probability import Fit, InputKey

# What a rationale that is rejected wrongly counts beside one that is accepted wrongly: that one teaches an error, this
# one is only missed, and the mistake has other rationales.
MISSED_WEIGHT = 0.25
# A share in the log-odds that moves a probability by less than 3 hundredths is no reason, and a line has room for few.
LEAST_SHARE, MOST_REASONS = 0.1, 5


@dataclass(frozen=True, slots=True)
class _Estimate:
    """How probable it is that a rationale is right, by which fit, and from what."""

    p: float
    fit: Fit
    values: dict[InputKey, float]


def weigh_doubt(p: float, verdict: Verdict) -> float:
    """Return how much a verdict is to be doubted; of an undecided text, the verdict that would be worse."""
    against_accepted, against_rejected = 1 - p, MISSED_WEIGHT * p
    if verdict is Verdict.UNDECIDED:
        return max(against_accepted, against_rejected)
    return against_accepted if verdict is Verdict.ACCEPTED else against_rejected


def estimate_error(mistake: Mistake, x: DecidedText) -> float:
    """Return how probable it is that the committee's verdict is wrong; a missed rationale counts less than an error."""
    estimate = _estimate(mistake, x, mistake.order_fit)
    return 0.0 if estimate is None else weigh_doubt(estimate.p, x.committee.verdict)


def estimate_base_error(mistake: Mistake, x: DecidedText) -> float:
    """Return the same by what decides which rationales are doubtful at all."""
    if (base := mistake.order_fit.base) is None:
        return x.ask(estimate_error, mistake)
    estimate = _estimate(mistake, x, base)
    return 0.0 if estimate is None else weigh_doubt(estimate.p, x.committee.verdict)


def explain_error(mistake: Mistake, x: DecidedText) -> str:
    """Say why the text has its rank: what speaks against its verdict, the weightiest first."""
    verdict, figure = x.committee.verdict, x.committee.figure()
    head = f"{verdict.value.capitalize()} {f'at {figure}' if figure else 'without a vote'}"
    estimate = _estimate(mistake, x, mistake.order_fit)
    if estimate is None:
        return f"{head}: a person's repair, of which no fit knows anything"
    # What speaks against a rejected text's verdict speaks for the text.
    sign = 1 if verdict is Verdict.REJECTED else -1
    shares = [
        (sign * reason.share, reason.words) for reason in list_reasons(estimate.fit, estimate.values, x.text.teacher)
    ]
    doubts = [words for share, words in sorted(shares, reverse=True) if share >= LEAST_SHARE][:MOST_REASONS]
    # Where the fitted policy that decides orders, too, its probability stands there already.
    is_known = figure and x.committee.probability is not None and float(x.committee.probability) == estimate.p
    p = "" if is_known else f", P(right) {estimate.p:.2f}"
    return f"{head}{p}: {'; '.join(doubts) or 'nothing that is known contradicts it'}"


def _estimate(mistake: Mistake, x: DecidedText, order_fit: OrderFit) -> _Estimate | None:
    reading = mistake.readings.find(x.text.id)
    # A repair is a person's text: it has no votes to tell by.
    if reading is None:
        return None
    fit = order_fit.choose(reading)
    values = list_inputs(reading, mistake.readings, Voices(fit.reviewers, fit.authors))
    return _Estimate(float(fit.probability(values)), fit, values)


def agrees(mistake: Mistake, first: DecidedText, second: DecidedText) -> bool:
    """Return whether two rationales end in the same answer."""
    return agree(mistake.question, first.answer, second.answer)


def find_against_gold(mistake: Mistake) -> tuple[DecidedText, ...]:
    """Return the largest group of rationales by two or more authors who agree on an answer that isn't the gold."""
    wrong = [x for x in mistake.rationales if x.states.matches_gold is State.FAILS and x.answer is not None]
    if len({x.text.teacher for x in wrong}) < 2:
        return ()
    groups = [[peer for peer in wrong if agrees(mistake, x, peer)] for x in wrong]
    largest = max(groups, key=lambda group: len({x.text.teacher for x in group}))
    return tuple(largest) if len({x.text.teacher for x in largest}) > 1 else ()
