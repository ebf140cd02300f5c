"""How many wrong rationales the kept set still holds, as an audit shows it, and how many more looks are worth it. Pure.

    audit = measure(curated)
    audit.sample                     -> AuditSample(questions=60, texts=141, wrong=19, passed_by=0, in_order=True)
    audit.by_audit                   -> WrongCount(count=84.2, low=55.1, high=117.0)
    plan(audit.risks, target=20, look_price=0.5, wrong_price=2)     -> LookPlan(to_target=31, worthwhile=57)

Kept is what is accepted; wrong is what people reject. A question's lot is drawn from uids, so it has to do with nothing
that makes a text wrong: all questions up to the last audited one are a random sample, whoever judged their texts and in
whichever queue. Where many of them were passed by, the judgements weren't given in that order: then the audited texts
stand, as if drawn at random, for those that nobody judged.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

from mapd.curation.curated import Curated
from mapd.curation.decided_texts import DecidedText
from mapd.domain import Act, Verdict
from mapd.judgements import drop_undone
from mapd.probability import PEOPLE, STEPS, Fit
from mapd.review.queues import AUDITS, draw_lot
from mapd.statistics import predict_count, predict_from_risks

# Fewer audited questions make an interval that says nothing.
FEWEST = 10
# A probability has four digits, and none is certain: half of the last digit.
LEAST_RISK = 0.5 / STEPS
# Of the texts up to the last audited one. With more passed by, the audit wasn't done in the order of lots.
MOST_PASSED_BY = 0.2


@dataclass(frozen=True, slots=True)
class WrongCount:
    """A number of wrong rationales, with its 95 % interval."""

    count: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class AuditSample:
    """The texts that stand for the others: accepted by the committee, and judged by people."""

    questions: int
    texts: int
    wrong: int
    # Of the questions that were drawn, the texts that nobody judged.
    passed_by: int
    in_order: bool


@dataclass(frozen=True, slots=True)
class AuditResult:
    """What is left in the kept set: `unseen` are the kept texts that nobody judged, where the wrong ones are.

    `risks`: of the unseen, how probable it is that each is wrong, the greatest first; all alike where no policy was
    fitted, and none before there is an estimate.
    """

    kept: int
    unseen: int
    sample: AuditSample
    by_audit: WrongCount | None
    by_probability: WrongCount | None
    risks: tuple[float, ...]
    lack: str = ""

    @property
    def best(self) -> WrongCount | None:
        """Return the estimate that the risks add up to."""
        return self.by_probability or self.by_audit


@dataclass(frozen=True, slots=True)
class LookPlan:
    """Numbers of further looks: until the target is met, and as long as one pays.

    None where no number was asked for.
    """

    to_target: int | None
    worthwhile: int | None


def measure(curated: Curated, probabilities: Mapping[int, float] | None = None) -> AuditResult:
    """Return what is left. `probabilities`: by text id, how probable a fitted policy finds it that a text is right."""
    kept = [x for x in curated.rationales if x.verdict is Verdict.ACCEPTED]
    unseen = [x for x in kept if not x.judged]
    sampled, unaudited = draw_audit(curated, Verdict.ACCEPTED, AUDITS)
    judged = [[x for x in texts if x.people.decision is not None] for texts in sampled.values()]
    clusters = [[_is_wrong(x) for x in texts] for texts in judged if texts]
    passed_by = sum(map(len, sampled.values())) - sum(map(len, clusters))
    sample = AuditSample(
        len(clusters), sum(map(len, clusters)), sum(map(sum, clusters)), passed_by, unaudited is not None
    )
    lack = _find_lack(sample)
    if lack or not unseen:
        exactly = None if lack else WrongCount(0, 0, 0)
        return AuditResult(len(kept), len(unseen), sample, exactly, None, (), lack)
    by_audit = _estimate(clusters, unseen, passed_by, unaudited)
    by_probability, risks = None, [by_audit.count / len(unseen)] * len(unseen)
    if probabilities is not None:
        by_probability, risks = _weigh(judged, unseen, probabilities)
    return AuditResult(len(kept), len(unseen), sample, by_audit, by_probability, tuple(sorted(risks, reverse=True)))


def draw_audit(
    curated: Curated, verdict: Verdict, queues: Sequence[str]
) -> tuple[dict[int, list[DecidedText]], list[DecidedText] | None]:
    """Return the texts with this verdict of the committee on questions that these queues drew, and all others.

    None for these others where the order isn't the lot's.
    """
    texts: dict[int, dict[int, DecidedText]] = defaultdict(dict)
    lots: dict[int, float] = {}
    for mistake in curated.mistakes:
        question, lot = mistake.question.id, draw_lot(mistake.attempt.uid)
        # The queue brings the highest lots first; a question comes with the first of its attempts.
        lots[question] = max(lots.get(question, lot), lot)
        texts[question] |= {x.text.id: x for x in mistake.rationales if x.committee.verdict is verdict}
    audited = _find_audited(curated, queues)
    audited_questions = {question for question, of_question in texts.items() if audited & of_question.keys()}
    last = min((lots[question] for question in audited_questions), default=float("inf"))
    up_to_last = {q: list(of_question.values()) for q, of_question in texts.items() if of_question and lots[q] >= last}
    waiting = sum(x.people.decision is None for of_question in up_to_last.values() for x in of_question)
    if waiting <= MOST_PASSED_BY * sum(map(len, up_to_last.values())):
        unaudited = [x for q, of_question in texts.items() if q not in up_to_last for x in of_question.values()]
        return up_to_last, unaudited
    of_audit = {q: [x for x in texts[q].values() if x.text.id in audited] for q in audited_questions}
    return of_audit, None


def _find_audited(curated: Curated, queues: Sequence[str]) -> set[int]:
    """Return the rationales that somebody decided in one of these audits."""
    in_force = {judged.id for judged in drop_undone(row.judged for row in curated.judgements)}
    return {
        row.target_id
        for row in curated.judgements
        if row.queue in queues
        and row.target == "rationale"
        and row.judged.id in in_force
        and row.judged.decision in (Act.ACCEPT, Act.REJECT)
    }


def _is_wrong(x: DecidedText) -> bool:
    return x.people.decision is Act.REJECT


def _find_lack(sample: AuditSample) -> str:
    if not sample.texts:
        return "nobody has judged an accepted rationale in a random audit yet"
    if sample.questions < FEWEST:
        return f"accepted rationales of {sample.questions} questions were audited, and of {FEWEST} they have to be"
    return ""


def _estimate(
    clusters: Sequence[Sequence[bool]],
    unseen: Sequence[DecidedText],
    passed_by: int,
    unaudited: Sequence[DecidedText] | None,
) -> WrongCount:
    counts = [(sum(wrong), len(wrong)) for wrong in clusters]
    if unaudited is None:
        return WrongCount(*predict_count(counts, len(unseen)))
    # Of the wrong ones among the others, those that people caught elsewhere are gone already.
    caught = sum(_is_wrong(x) for x in unaudited)
    ends = predict_count(counts, len(unaudited) + passed_by)
    return WrongCount(*(min(max(end - caught, 0.0), len(unseen)) for end in ends))


def _weigh(
    judged: Sequence[Sequence[DecidedText]], unseen: Sequence[DecidedText], probabilities: Mapping[int, float]
) -> tuple[WrongCount, list[float]]:
    """Return the estimate by the fitted risks, and the risks themselves, both corrected by what the audit showed."""
    # A text without a probability, such as one that a person wrote, has the mean risk.
    risks = {id_: min(max(1 - p, LEAST_RISK), 1 - LEAST_RISK) for id_, p in probabilities.items()}
    known = [risks[x.text.id] for x in unseen if x.text.id in risks]
    usual = sum(known) / len(known) if known else 0.5
    expected = [risks.get(x.text.id, usual) for x in unseen]
    clusters = [[(_is_wrong(x), risks.get(x.text.id, usual)) for x in texts] for texts in judged if texts]
    estimate = WrongCount(*(min(end, len(unseen)) for end in predict_from_risks(clusters, sum(expected))))
    factor = estimate.count / sum(expected)
    return estimate, [min(1.0, factor * chance) for chance in expected]


def list_probabilities(fitted: Curated) -> dict[int, float]:
    """Return how probable it is that each text is right, by id, of a set under a fitted policy."""
    committees = {x.text.id: x.committee.probability for x in fitted.rationales}
    return {text: float(probability) for text, probability in committees.items() if probability is not None}


def list_notes(audit: AuditResult, fit: Fit | None = None) -> list[str]:
    """Return what the numbers rest on, in words."""
    if audit.lack:
        return [audit.lack]
    sample = audit.sample
    notes = ["right is what people accept, and wrong what they reject, for whatever reason"]
    if sample.in_order:
        order = f"up to the last audited question all {sample.questions:,} were drawn by lot, wherever they were judged"
        waiting = f"; {sample.passed_by:,} of their texts wait, and count like those behind" if sample.passed_by else ""
        notes.append(order + waiting)
    else:
        notes.append(
            "many texts that come earlier by lot wait: it is taken that the audited ones were drawn at random of those "
            "that nobody judged elsewhere"
        )
    if audit.by_probability is None:
        notes.append("without a fitted policy each unseen text is taken to be as likely wrong as the next")
        return notes
    notes.append("the probabilities are taken to be right up to one factor, which the audit gives")
    if fit is not None and fit.record.labels == PEOPLE:
        notes.append("the policy was fitted on people's judgements: the same may be in the audit, and look too certain")
    return notes


def describe_plans(
    audit: AuditResult, *, target: float | None, look_price: float | None, wrong_price: float | None
) -> dict[str, int | None]:
    """Return both plans as one row, as estimated and at the interval's upper end; empty without an estimate."""
    if audit.best is None:
        return {}
    prices = {"look_price": look_price, "wrong_price": wrong_price}
    likely = plan(audit.risks, target=target, **prices)
    safe = plan(scale_risks(audit.risks, audit.best.high), target=target, **prices)
    return {
        "to_target": likely.to_target,
        "to_target_safe": safe.to_target,
        "worthwhile": likely.worthwhile,
        "worthwhile_safe": safe.worthwhile,
    }


def plan(
    risks: Sequence[float],
    *,
    target: float | None = None,
    look_price: float | None = None,
    wrong_price: float | None = None,
) -> LookPlan:
    """Return how many further looks are enough, and how many pay, beginning with the texts most likely wrong.

    A look finds a wrong text and takes it out. `target`: wrong ones that may stay; `look_price`, `wrong_price`: what a
    look costs, and what a wrong text in the set does, in the same money.
    """
    to_target = worthwhile = None
    if target is not None:
        to_target = next(looks for looks, left in enumerate(count_left(risks)) if left <= max(target, 0.0))
    if look_price is not None and wrong_price is not None:
        worthwhile = sum(risk * wrong_price > look_price for risk in risks)
    return LookPlan(to_target, worthwhile)


def count_left(risks: Sequence[float]) -> list[float]:
    """Return how many wrong ones are expected to be left after 0, 1, 2 … looks, in the order of `risks`."""
    # From the end, so that the last number is 0 exactly.
    return list(accumulate(reversed(risks), initial=0.0))[::-1]


def scale_risks(risks: Sequence[float], total: float) -> list[float]:
    """Return the risks as they are if `total` are wrong, such as the interval's upper end: for a plan that is safe."""
    scaled: list[float] = []
    # No risk is above 1: what one can't take, those behind it share.
    for place, remainder in enumerate(count_left(risks)[:-1]):
        share = risks[place] / remainder if remainder else 1 / (len(risks) - place)
        scaled.append(min(1.0, max(0.0, total) * share))
        total -= scaled[-1]
    return scaled
