"""Estimate the cost of the calls that an exam's committee still lacks, and plan a further start. Nothing is sent.

    estimate_calls(session, exam="5e…", teachers=["mini", "ash"])
    -> Estimate(teachers=(TeacherEstimate("mini", {"rationale": 387, "feedback": 387, "review": 387},
                          tokens_in=310_000, tokens_out=201_000, usd=0.17, usd_at_most=3.1, …), …), spent_usd=0.0)

    plan_retry(session, exam="5e…")     -> Retry(teachers=("mini", "ash"), samples=1, budget=2.0, failed=3, estimate=…)

`usd` is by the ledger's averages, `usd_at_most` by the longest replies.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import mean
from typing import NamedTuple

import sqlalchemy as sa
from sqlmodel import Session, col, func, select

from mapd.committee import ledger, plan, turns
from mapd.committee.claiming import count_bytes
from mapd.committee.plan import Plan
from mapd.committee.streams import SavedCalls
from mapd.policies import Policy
from mapd.store import queries
from mapd.store import tables as t
from mapd.store.ledger import unmended
from mapd.teacher_models import may_answer_otherwise, sampling_of
from mapd.teacher_prices import Price, cost_usd, format_dollars, price, price_in_words

KINDS = ("rationale", "feedback", "review")
# Mistakes whose prompts are measured, evenly drawn: a page makes an estimate at each step, so it must be quick.
SAMPLE = 40
BYTES_A_TOKEN = 4  # of usual text


class Tokens(NamedTuple):
    """Of one call, on average."""

    sent: float
    replied: float


@dataclass(frozen=True, slots=True)
class TeacherEstimate:
    """The calls that one teacher lacks. Tokens and cost are None where it is free, the cost where its price is unknown.

    `measured`: whether the tokens are averages of calls that the ledger has.
    """

    teacher: str
    calls: Mapping[str, int]  # by kind
    price: Price
    price_in_words: str
    measured: bool
    longest: int  # tokens of a reply
    tokens_in: int | None
    tokens_out: int | None
    usd: float | None
    usd_at_most: float | None


@dataclass(frozen=True, slots=True)
class Estimate:
    """All of them, and what the exam's calls have cost by now."""

    teachers: tuple[TeacherEstimate, ...]
    spent_usd: float
    not_sent: int = 0  # responses that were cut off
    adaptive: bool = False  # further reviews may turn out to be left out
    left_out: int = 0  # reviews that can't change a verdict, as far as the rationales are there

    @property
    def calls(self) -> int:
        """Return how many calls are missing."""
        return sum(sum(x.calls.values()) for x in self.teachers)

    @property
    def usd(self) -> float:
        """Return the likely cost, over the teachers whose price is known."""
        return sum(x.usd or 0.0 for x in self.teachers)

    @property
    def usd_at_most(self) -> float:
        """Return the most that it can cost, over the teachers whose price is known."""
        return sum(x.usd_at_most or 0.0 for x in self.teachers)

    @property
    def unknown(self) -> list[str]:
        """Return the teachers whose price nobody knows."""
        return [x.teacher for x in self.teachers if x.price is Price.UNKNOWN]

    @property
    def is_free(self) -> bool:
        """Return whether none of them costs anything."""
        return all(x.price is Price.FREE for x in self.teachers)

    @property
    def in_words(self) -> str:
        """Return all of it in one line."""
        kinds = sum((Counter(x.calls) for x in self.teachers), Counter[str]())
        by_kind = ", ".join(
            f"{kinds[kind]:,} {kind}{'' if kind == 'feedback' or kinds[kind] == 1 else 's'}" for kind in KINDS
        )
        free = " and ".join(sorted({x.price_in_words for x in self.teachers}))
        cost = free if self.is_free else f"about {format_dollars(self.usd)}, at most {format_dollars(self.usd_at_most)}"
        at_unknown_price = f", and {', '.join(self.unknown)} at an unknown price" if self.unknown else ""
        so_far = f"; {format_dollars(self.spent_usd)} spent on this exam so far" if self.spent_usd else ""
        unsent = f"; {not_sent_in_words(self.not_sent)}" if self.not_sent else ""
        fewer = f"; {SavedCalls(self.left_out, 0.0).in_words}" if self.left_out else ""
        fewer += "; fewer where no review can change a verdict" if self.adaptive and kinds["review"] else ""
        return f"{calls_in_words(self.calls)} missing ({by_kind}): {cost}{at_unknown_price}{so_far}{unsent}{fewer}"


def calls_in_words(count: int) -> str:
    """Return so many calls in words."""
    return f"{count:,} call" if count == 1 else f"{count:,} calls"


def not_sent_in_words(count: int) -> str:
    """Return that so many responses are kept back, and what may be done."""
    subject = "cut-off attempts are" if count != 1 else "cut-off attempt is"
    return f"{count:,} {subject} not sent: ask again with more tokens"


def estimate_calls(
    session: Session,
    exam: str | int,
    teachers: Sequence[str],
    samples: int = 1,
    *,
    cut_off: bool = False,
    adaptive: Policy | None = None,
) -> Estimate:
    """Return what the missing calls of a committee may cost; `adaptive` is that of `collect`.

    Raises: BadInput, NotFound, as `collect`.
    """
    info = queries.exam(session, exam)
    committee_plan = plan.make_plan(session, info, teachers, samples, cut_off=cut_off, adaptive_policy=adaptive)
    missing, left_out = _list_missing(session, committee_plan)
    rows = _estimate_all(session, committee_plan, missing)
    is_adaptive = committee_plan.policy is not None
    spent = ledger.spent(session, info.id)
    return Estimate(rows, spent, committee_plan.not_sent, is_adaptive, left_out.total())


def _list_missing(session: Session, committee_plan: Plan) -> tuple[list[Counter[str]], Counter[int]]:
    """Return the missing calls of each teacher by kind, and by teacher the reviews that are left out of them."""
    left_out = turns.count_left_out(session, committee_plan)
    missing = [committee_plan.missing(session, x) for x in committee_plan.teachers]
    for x, counts in zip(committee_plan.teachers, missing, strict=True):
        counts["review"] -= left_out[queries.identity(x)]
    return missing, left_out


def _estimate_all(
    session: Session, committee_plan: Plan, calls: Sequence[Mapping[str, int]]
) -> tuple[TeacherEstimate, ...]:
    """Estimate these calls, which are those of each of the plan's teachers."""
    sent, averages = _prompt_bytes(session, committee_plan), _averages(session, committee_plan)
    teachers = committee_plan.teachers
    peers = [[y for y in teachers if y is not x] for x in teachers]
    rows = zip(teachers, calls, peers, strict=True)
    return tuple(estimate_teacher(x, of_teacher, peers_, sent, averages) for x, of_teacher, peers_ in rows)


def estimate_saved(session: Session, committee_plan: Plan, left_out: Counter[int]) -> SavedCalls:
    """Return what these reviews would cost, by the prices and averages of an estimate."""
    calls = [Counter(review=left_out[queries.identity(x)]) for x in committee_plan.teachers]
    estimates = [x for x in _estimate_all(session, committee_plan, calls) if x.calls["review"]]
    is_known = all(x.price is not Price.UNKNOWN for x in estimates)
    return SavedCalls(left_out.total(), sum((x.usd or 0.0 for x in estimates), 0.0) if is_known else None)


def estimate_ahead(
    session: Session, exam: str | int, teachers: Sequence[str], samples: int = 1, *, cut_off: bool = False
) -> Estimate:
    """Return what a committee may cost of an exam that isn't sat yet, over the questions that this earlier one asked.

    Calls, tokens and `usd` are for as many mistakes as the earlier exam has; `usd_at_most` is for a mistake at each
    question. Rationales and reviews that are there already are not asked for again.

    Raises: BadInput, NotFound, as `collect`.
    """
    info = queries.exam(session, exam)
    usual = plan.make_plan(session, info, teachers, samples, cut_off=cut_off)
    largest = replace(usual, mistakes=plan.list_attempts(session, info.id))
    sent, averages = _prompt_bytes(session, largest), _averages(session, usual)
    rows = []
    for x in usual.teachers:
        peers = [y for y in usual.teachers if y is not x]
        about, most = usual.missing(session, x), largest.missing(session, x)
        # What is said of an answer is of that answer alone: of a new one all feedback is missing.
        about["feedback"], most["feedback"] = samples * len(usual.mistakes), samples * len(largest.mistakes)
        at_most = estimate_teacher(x, most, peers, sent, averages).usd_at_most
        rows.append(replace(estimate_teacher(x, about, peers, sent, averages), usd_at_most=at_most))
    return Estimate(tuple(rows), 0.0)


def count_missing(session: Session, committee_plan: Plan) -> int:
    """Return how many calls a plan still lacks; a review that can't change a verdict isn't one of them."""
    return sum(counts.total() for counts in _list_missing(session, committee_plan)[0])


def _prompt_bytes(session: Session, committee_plan: Plan) -> dict[str, float]:
    """Return the average length of the prompts of each kind; a review's is without its solution."""
    page = committee_plan.mistakes[:: max(1, len(committee_plan.mistakes) // SAMPLE)]
    messages_of_mistakes = committee_plan.load_messages(session, page).values()
    return {
        kind: mean(count_bytes(messages[kind]) for messages in messages_of_mistakes) if page else 0.0 for kind in KINDS
    }


def _averages(session: Session, committee_plan: Plan) -> dict[tuple[int | None, str], Tokens]:
    query = (
        sa.select(col(t.Call.teacher_id), col(t.Call.kind), func.avg(t.Call.tokens_in), func.avg(t.Call.tokens_out))
        .where(col(t.Call.teacher_id).in_([x.id for x in committee_plan.teachers]))
        .where(col(t.Call.tokens_in).is_not(None), col(t.Call.tokens_out).is_not(None))
        .group_by(col(t.Call.teacher_id), col(t.Call.kind))
    )
    return {(who, kind): Tokens(float(sent), float(replied)) for who, kind, sent, replied in session.execute(query)}


def estimate_teacher(
    teacher: t.Teacher,
    calls: Mapping[str, int],
    peers: Sequence[t.Teacher],
    prompt_bytes: Mapping[str, float],
    averages: Mapping[tuple[int | None, str], Tokens],
) -> TeacherEstimate:
    """Return what one teacher's missing calls may cost. It reviews its peers' rationales. Pure."""
    longest = sampling_of(teacher).max_tokens
    solutions = [averages.get((x.id, "rationale"), Tokens(0, sampling_of(x).max_tokens)).replied for x in peers]
    longest_solution = max((sampling_of(x).max_tokens for x in peers), default=0)
    tokens_in = tokens_out = usd = usd_at_most = 0.0
    for kind, count in calls.items():
        of_review = kind == "review"
        # Without an average in the ledger: a token per four bytes of prompt, and the longest reply.
        prompt = prompt_bytes[kind] / BYTES_A_TOKEN + (mean(solutions) if of_review and solutions else 0)
        sent, replied = averages.get((teacher.id, kind), Tokens(prompt, longest))
        # The worst case: a token for each byte, and each review that may be asked for twice is.
        worst = round(prompt_bytes[kind]) + (longest_solution if of_review else 0)
        sent_count = count * (2 if of_review and may_answer_otherwise(teacher) else 1)
        tokens_in, tokens_out = tokens_in + count * sent, tokens_out + count * replied
        usd += count * (cost_usd(teacher, round(sent), round(replied)) or 0.0)
        usd_at_most += sent_count * (cost_usd(teacher, worst, longest) or 0.0)
    price_source = price(teacher)
    costs = price_source not in (Price.FREE, Price.UNKNOWN)
    return TeacherEstimate(
        teacher=teacher.name,
        calls={kind: calls[kind] for kind in KINDS},
        price=price_source,
        price_in_words=price_in_words(teacher),
        measured=all((teacher.id, kind) in averages for kind, count in calls.items() if count),
        longest=longest,
        tokens_in=None if price_source is Price.FREE else round(tokens_in),
        tokens_out=None if price_source is Price.FREE else round(tokens_out),
        usd=usd if costs else None,
        usd_at_most=max(usd_at_most, usd) if costs else None,
    )


@dataclass(frozen=True, slots=True)
class CommitteeSettings:
    """Whom an exam's latest committee was, of those that can still be asked, and how they were asked."""

    teachers: tuple[str, ...]
    samples: int
    cut_off: bool
    concurrency: int | None
    budget: float | None
    adaptive: bool = False


def find_settings(session: Session, exam: str | int) -> CommitteeSettings | None:
    """Return how the exam's committee was asked the last time; None where none was asked here. Raises: NotFound."""
    acts = select(t.Audit).where(
        t.Audit.action == "collect", t.Audit.target == f"exam {queries.exam(session, exam).uid}"
    )
    act = session.exec(acts.order_by(col(t.Audit.id).desc())).first()
    if act is None:
        return None
    detail = act.detail
    names = select(t.Teacher.name).where(col(t.Teacher.name).in_(detail["teachers"]), ~col(t.Teacher.disabled))
    enabled = set(session.exec(names))
    return CommitteeSettings(
        teachers=tuple(name for name in detail["teachers"] if name in enabled),
        # An act of an earlier version says less.
        samples=detail.get("samples", 1),
        cut_off=detail.get("cut_off", False),
        concurrency=detail.get("concurrency"),
        budget=detail.get("budget"),
        adaptive=bool(detail.get("adaptive")),
    )


@dataclass(frozen=True, slots=True)
class Retry:
    """A further start. `failed`: calls that gave no text and stand so; `estimate`: of all that is missing."""

    teachers: tuple[str, ...]
    samples: int
    cut_off: bool
    concurrency: int | None
    budget: float | None
    failed: int
    estimate: Estimate
    adaptive: bool = False


def plan_retry(session: Session, exam: str | int, policy: Policy | None = None) -> Retry | None:
    """Return a further start of the exam's latest committee; None where none of its calls failed for good.

    `policy`: the exam's, by which an adaptive committee leaves reviews out.
    """
    settings = find_settings(session, exam)
    if settings is None:
        return None
    info, teachers = queries.exam(session, exam), settings.teachers
    # A rationale that failed has no reviews either: the estimate below counts these too.
    failed = unmended(session, info.id, teachers)
    if not failed:
        return None
    adaptive = policy if settings.adaptive else None
    cost = estimate_calls(session, info.id, teachers, settings.samples, cut_off=settings.cut_off, adaptive=adaptive)
    if not cost.calls:
        return None
    way = (settings.samples, settings.cut_off, settings.concurrency, settings.budget)
    return Retry(teachers, *way, failed, cost, settings.adaptive)
