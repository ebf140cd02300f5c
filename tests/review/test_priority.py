"""How likely a verdict is wrong by a fit, the reasons in words, and which fit it is."""

from dataclasses import replace

import pytest
from sqlmodel import Session

from mapd.curation import live_set, saved_policies
from mapd.curation.curated import Curated, Mistake
from mapd.curation.decided_texts import DecidedText
from mapd.curation.fit_reasons import list_reasons
from mapd.curation.order_fits import OrderFit, load_default
from mapd.domain import ExamInfo, Verdict
from mapd.people import owner
from mapd.policies import PAPER
from mapd.probability import Fit, FitInput
from mapd.review import judging, repairs
from mapd.review.priority import MISSED_WEIGHT, estimate_error, explain_error
from mapd.review.queue_index import derivation
from mapd.review.queue_index.derivation import IndexState
from mapd.review.queues import LEAST_ERROR, QUEUES
from mapd.store import queries
from tests.fits import RECORD, make_fit, make_policy
from tests.review.filled import fill, order_by
from tests.samples import TEACHERS

ANN = owner("ann")


@pytest.fixture
def curated(session: Session, exam: ExamInfo) -> Curated:
    return live_set.load_curated(session, exam.id)


def certain(share: float) -> OrderFit:
    """A fit to which every text is as probably right."""
    return OrderFit("made", Fit(share, (), RECORD))


def accepted(curated: Curated) -> tuple[Mistake, DecidedText]:
    return next((m, x) for m in curated.mistakes for x in m.rationales if x.committee.verdict is Verdict.ACCEPTED)


@pytest.mark.parametrize(
    ("verdict", "log_odds", "expected"),
    [
        (Verdict.ACCEPTED, 3.0, 0.0474),
        (Verdict.ACCEPTED, -3.0, 0.9526),
        (Verdict.REJECTED, 3.0, MISSED_WEIGHT * 0.9526),
        (Verdict.REJECTED, -3.0, MISSED_WEIGHT * 0.0474),
        # The verdict that would be worse.
        (Verdict.UNDECIDED, 3.0, MISSED_WEIGHT * 0.9526),
        (Verdict.UNDECIDED, -3.0, 0.9526),
    ],
)
def test_a_verdict_is_doubted_by_the_probability(
    curated: Curated, verdict: Verdict, log_odds: float, expected: float
) -> None:
    mistake, x = accepted(curated)
    decided = replace(x, committee=replace(x.committee, verdict=verdict))
    assert estimate_error(order_by(mistake, certain(log_odds)), decided) == pytest.approx(expected)


def test_the_queue_holds_what_is_as_probably_wrong_as_it_says(curated: Curated) -> None:
    def count(log_odds: float) -> int:
        mistakes = tuple(order_by(m, certain(log_odds)) for m in curated.mistakes)
        entries = fill(replace(curated, mistakes=mistakes), QUEUES["smart"], "ann").entries
        return sum(x.committee.verdict is Verdict.ACCEPTED for entry in entries for x in entry.texts)

    assert LEAST_ERROR == 0.2
    number = sum(x.committee.verdict is Verdict.ACCEPTED for x in curated.rationales)
    assert (count(1.3), count(1.5)) == (number, 0), "P(right) 0.79 and 0.82"


def test_what_ends_in_a_wrong_answer_comes_first_with_gold_and_without(curated: Curated) -> None:
    """The default fit knows none of these teachers: the other authors' answers tell, and a false equation."""
    wrong = {x.text.id for m in curated.mistakes for x in m.rationales if x.states.matches_gold == "fails"}
    default = load_default()
    assert default.without_gold is not None
    for order_fit in (default, OrderFit("without gold", default.without_gold)):
        mistakes = tuple(order_by(m, order_fit) for m in curated.mistakes)
        queue = fill(replace(curated, mistakes=mistakes), QUEUES["smart"], "ann")
        assert {entry.texts[0].text.id for entry in queue.entries[: len(wrong)]} == wrong


def test_the_reasons_are_in_words_the_weightiest_first(curated: Curated) -> None:
    mistake, x = next((m, x) for m in curated.mistakes for x in m.rationales if x.states.matches_gold == "fails")
    words = explain_error(mistake, x)
    assert words.startswith(f"Accepted at {float(x.committee.mean or 0):.2f}, P(right) 0.")
    _, reasons = words.split(": ", 1)
    assert reasons.startswith("its answer is not the gold; ")
    assert "the other authors agree on another answer" in reasons
    right = next(y for y in mistake.rationales if y.states.matches_gold == "holds")
    assert "its answer is" not in explain_error(mistake, right), "what speaks for a verdict is no doubt"
    rejected = replace(right, committee=replace(right.committee, verdict=Verdict.REJECTED))
    assert ": its answer is the gold; " in explain_error(mistake, rejected)


def test_without_a_gold_answer_nothing_is_told_of_it(curated: Curated) -> None:
    default = load_default()
    assert default.without_gold is not None
    for m in curated.mistakes:
        mistake = order_by(m, OrderFit("without gold", default.without_gold))
        assert not [x for x in m.rationales if "gold" in explain_error(mistake, x)]


def test_each_share_is_the_fits_and_what_belongs_together_is_one_reason() -> None:
    inputs = (
        FitInput("score", "gpt", 1.0, 1.0, 2.0),
        FitInput("low", "gpt", -0.5, 0.0, 1.0),
        FitInput("score", "rowan", 3.0, 1.0, 1.0),
        FitInput("gold_fails", "", -2.0, 0.25, 0.5),
        FitInput("gold_holds", "", 1.0, 0.5, 0.5),
        FitInput("log_length", "", -0.1, 5.0, 1.0),
    )
    fit = Fit(0.0, inputs, RECORD)
    values = {("score", "gpt"): -1.0, ("low", "gpt"): 1.0, ("gold_fails", ""): 1.0, ("log_length", ""): 5.303305}
    reasons = {reason.words: reason.share for reason in list_reasons(fit, values, "rowan")}
    assert reasons == {
        "gpt gave it 2": pytest.approx(-1.5),
        # Who can't score an own text has no score of it.
        "rowan wrote it": pytest.approx(-3.0),
        "its answer is not the gold": pytest.approx(-4.0),
        "it has as many as 200 characters": pytest.approx(-0.03, abs=0.001),
    }
    assert fit.intercept + sum(reasons.values()) == pytest.approx(sum(fit.shares(values).values()))


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({("no_vote", "gpt"): 1.0}, "gpt gave it no score"),
        ({}, "gpt gave it 3"),
        ({("no_vote", ""): 1.0}, "nobody scored it"),
        ({("score", ""): 0.5}, "its mean score is 3.5"),
        ({("others_against", ""): 1.0, ("others_agree", ""): 1.0}, "the other authors agree on another answer"),
        ({("one_agrees", ""): 1.0, ("peers_for", ""): 2.0}, "another author comes to the same answer, scored 5"),
        ({}, "no other author comes to its answer"),
        ({("equation_false", ""): 1.0}, "an equation in it is false"),
        ({("readable", ""): 0.0}, "its answer can’t be read"),
        ({}, "it shows no work"),
        ({("peers_against", ""): -1.0}, "another answer is scored 2"),
        ({("log_length", ""): 0.6931472}, "it has only 1 character"),
    ],
)
def test_each_input_has_words(values: dict[tuple[str, str], float], words: str) -> None:
    kinds = ("one_agrees", "equation_false", "gold_holds", "readable", "shows_work", "peers_against", "log_length")
    inputs = (*(FitInput(kind, "", 1.0, 5.0, 1.0) for kind in kinds), FitInput("author", "rowan", 1.0, 0.0, 1.0))
    scores = (FitInput("score", "gpt", 1.0, 0.0, 1.0), FitInput("score", "", 1.0, 0.0, 1.0))
    fit = Fit(0.0, (*inputs, *scores), RECORD)
    assert words in {reason.words for reason in list_reasons(fit, values, "rowan")}


def test_to_the_default_a_text_that_nobody_scored_is_one_of_average_scores() -> None:
    default = load_default()
    for fit in (default.fit, default.without_gold):
        assert fit is not None
        assert (fit.reviewers, fit.authors) == (("",), ())
        average = {x.key: x.centre for x in fit.inputs if x.kind in ("score", "five", "low")}
        assert fit.probability({("no_vote", ""): 1.0}) == fit.probability(average)


def test_a_repair_is_in_no_order(session: Session, exam: ExamInfo) -> None:
    _, x = accepted(live_set.load_curated(session, exam.id))
    repairs.repair(session, judging.Target("rationale", x.text.id), "3 + 4 = 8. Answer: 8", by=ANN, token="r")
    repaired = live_set.load_curated(session, exam.id)
    mistake, repair = next((m, y) for m in repaired.mistakes for y in m.rationales if y.text.repairs_id is not None)
    assert estimate_error(mistake, repair) == 0
    assert explain_error(mistake, repair).endswith(": a person's repair, of which no fit knows anything")


# -- which fit --------------------------------------------------------------------------------------------------------


def find(session: Session, exam: ExamInfo) -> str:
    exam = queries.exam(session, exam.id)
    return saved_policies.find_order_fit(session, exam, saved_policies.exam_policy(session, exam)).name


def save(session: Session, name: str, **record: object) -> None:
    fit = make_fit(TEACHERS, record=replace(RECORD, **record))  # type: ignore[arg-type]
    saved_policies.save_policy(session, replace(make_policy(TEACHERS, name), fit=fit), by=ANN)


def test_without_a_fit_it_is_the_default(session: Session, exam: ExamInfo) -> None:
    save(session, "strange", exams=("another",), teachers={"gpt": "nobody of this exam"})
    assert find(session, exam) == "default fit on the authors’ SVAMP data"


def test_the_fit_of_the_exams_policy_comes_first(session: Session, exam: ExamInfo) -> None:
    save(session, "fair")
    saved_policies.set_policy(session, exam.id, "fair", None, by=ANN)
    save(session, "newer", exams=(exam.uid,))
    assert find(session, exam) == "policy fair, version 1"
    curated = live_set.load_curated(session, exam.id)
    assert curated.mistakes[0].order_fit.fit == make_fit(TEACHERS)
    mistake, x = accepted(curated)
    # The probability that decided stands there once.
    assert explain_error(mistake, x).startswith(f"Accepted at P {float(x.committee.probability or 0):.2f}: ")


def test_else_the_newest_that_was_fitted_on_the_exam_or_its_committee(session: Session, exam: ExamInfo) -> None:
    save(session, "of the exam", exams=(exam.uid,))
    assert find(session, exam) == "policy of the exam, version 1, fitted on this exam"
    save(session, "of the committee", teachers=queries.teacher_uids(session))
    assert find(session, exam) == "policy of the committee, version 1, fitted on this committee"
    first, *_ = queries.teacher_uids(session).items()
    save(session, "of one teacher", teachers=dict([first]))
    assert find(session, exam) == "policy of the committee, version 1, fitted on this committee"
    save(session, "of the exam", exams=(exam.uid,))
    assert find(session, exam) == "policy of the exam, version 2, fitted on this exam"


def test_a_new_fit_derives_the_index_anew(session: Session, exam: ExamInfo) -> None:
    def is_missing() -> bool:
        return derivation.find_state(session, exam.id) is IndexState.MISSING

    derivation.derive(session, exam.id)
    save(session, "of another exam", exams=("another",))
    assert not is_missing()
    save(session, "of the exam", exams=(exam.uid,))
    assert is_missing()
    derivation.derive(session, exam.id)
    assert not is_missing()


def test_a_policy_without_a_fit_is_ordered_by_the_default(curated: Curated) -> None:
    assert (curated.policy, curated.mistakes[0].order_fit) == (PAPER, load_default())
