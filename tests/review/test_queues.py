"""The queues: which mistakes, in which order, and what settles them."""

from dataclasses import replace

import pytest
from sqlmodel import Session

from mapd.checks import State
from mapd.curation import live_set, saved_policies
from mapd.curation.curated import Curated
from mapd.domain import Act, ExamInfo, Ruling, Verdict
from mapd.people import Person, owner
from mapd.review import judging
from mapd.review.judging import Circumstances, Target
from mapd.review.queues import QUEUES, doubt, draw_lot, find_closed_targets, find_entry
from tests.review.filled import FilledQueue, fill


@pytest.fixture
def curated(session: Session, exam: ExamInfo) -> Curated:
    return live_set.load_curated(session, exam.id)


def filled(session: Session, exam: ExamInfo, queue: str, person: str = "ann") -> FilledQueue:
    return fill(live_set.load_curated(session, exam.id), QUEUES[queue], person)


ANN = owner("ann")


def decide(session: Session, target: Target, act: Act = Act.ACCEPT, by: Person = ANN, **more: str) -> None:
    judging.judge(session, target, act, by=by, **more)


def test_everything_holds_every_mistake_once_the_most_doubtful_first(curated: Curated) -> None:
    line = fill(curated, QUEUES["everything"], "ann")
    assert sorted(e.mistake.attempt.id for e in line.entries) == sorted(m.attempt.id for m in curated.mistakes)
    most = [max(doubt(x) for x in e.texts) for e in line.entries]
    assert most == sorted(most, reverse=True)
    assert all(e.enter is max(e.texts, key=lambda x: doubt(x)) for e in line.entries)


def test_each_queue_is_about_the_texts_its_name_says(curated: Curated) -> None:
    def texts(name: str) -> list:
        return [x for e in fill(curated, QUEUES[name], "ann").entries for x in e.texts]

    wrong = texts("accepted-wrong")
    assert wrong
    assert all(x.committee.verdict is Verdict.ACCEPTED and x.states.matches_gold == "fails" for x in wrong)
    assert texts("rejected-right")
    assert all(x.committee.verdict is Verdict.REJECTED for x in texts("rejected-right"))
    assert texts("disagree")
    assert all(x.spread >= 2 for x in texts("disagree"))
    assert all(x.text.kind == "feedback" for x in texts("feedback-check"))
    assert texts("unreadable") == [x for x in curated.rationales if x.answer is None]


def test_a_decision_settles_an_entry_and_moves_nothing(session: Session, exam: ExamInfo) -> None:
    before = filled(session, exam, "accepted-wrong")
    entry = before.entries[0]
    for x in entry.texts:
        decide(session, Target("rationale", x.text.id), Act.REJECT, reason="wrong_answer")
    after = filled(session, exam, "accepted-wrong")
    assert [e.mistake.attempt.id for e in after.entries] == [e.mistake.attempt.id for e in before.entries]
    assert after.settled_count == before.settled_count + 1
    assert after.entries[0].is_settled


def test_a_queue_that_people_define_gets_shorter(session: Session, exam: ExamInfo) -> None:
    before = filled(session, exam, "unjudged")
    gone = before.entries[3].mistake
    decide(session, Target("rationale", gone.rationales[0].text.id))
    after = filled(session, exam, "unjudged")
    assert len(after.entries) == len(before.entries) - 1
    assert gone.attempt.id not in {e.mistake.attempt.id for e in after.entries}


def test_a_skip_settles_it_for_the_one_who_skipped_but_a_note_for_nobody(session: Session, exam: ExamInfo) -> None:
    x = filled(session, exam, "disagree").entries[0].texts[0]
    target = Target("rationale", x.text.id)
    decide(session, target, Act.SKIP, reason="note", note="look again")
    rows = live_set.load_curated(session, exam.id).judgements
    assert find_closed_targets(rows, "ann") == frozenset()
    decide(session, target, Act.SKIP, note="later")
    rows = live_set.load_curated(session, exam.id).judgements
    assert find_closed_targets(rows, "ann") == {("rationale", x.text.id)}
    assert find_closed_targets(rows, "bob") == frozenset()
    decide(session, target, Act.SKIP, reason="note", note="still")
    rows = live_set.load_curated(session, exam.id).judgements
    assert find_closed_targets(rows, "ann") == {("rationale", x.text.id)}, "a note doesn't take the skip back"


def test_whether_it_is_a_mistake_waits_for_a_word_on_that(curated: Curated) -> None:
    mistake, queue = curated.mistakes[0], QUEUES["not-a-mistake"]
    by_ann = Ruling(Act.ACCEPT, by=("ann",))
    judged = replace(mistake, rationales=tuple(replace(x, people=by_ann) for x in mistake.rationales))
    everything = replace(queue, about=QUEUES["everything"].about)
    waits = find_entry(everything, judged, 3.0, frozenset(), "ann", 1)
    assert waits is not None
    assert (waits.waiting, waits.is_settled) == ((), False), "its texts are right, but is it one?"
    said = find_entry(everything, judged, 3.0, frozenset({("attempt", mistake.attempt.id)}), "ann", 1)
    assert said is not None
    assert said.is_settled


def test_an_attempt_found_to_be_a_mistake_is_settled(session: Session, exam: ExamInfo) -> None:
    line = filled(session, exam, "not-a-mistake")
    assert all(e.mistake.may_be_correct for e in line.entries)
    attempt = filled(session, exam, "everything").entries[0].mistake.attempt
    decide(session, Target("attempt", attempt.id), Act.ACCEPT)
    assert ("attempt", attempt.id) in find_closed_targets(live_set.load_curated(session, exam.id).judgements, "bob")


def test_people_who_differ_are_a_queue(session: Session, exam: ExamInfo) -> None:
    x = filled(session, exam, "everything").entries[0].texts[0]
    decide(session, Target("rationale", x.text.id), Act.ACCEPT, by=owner("ann"))
    decide(session, Target("rationale", x.text.id), Act.REJECT, by=owner("bob"))
    assert [e.texts[0].text.id for e in filled(session, exam, "conflicts").entries] == [x.text.id]


def test_what_was_decided_before_the_committee_changed_waits_again(session: Session, exam: ExamInfo) -> None:
    x = filled(session, exam, "everything").entries[0].texts[0]
    then = "rejected" if x.committee.verdict is Verdict.ACCEPTED else "accepted"
    target = Target("rationale", x.text.id)
    judging.judge(session, target, Act.ACCEPT, by=owner("ann"), circumstances=Circumstances(committee=then))
    stale = filled(session, exam, "stale")
    assert [e.texts[0].text.id for e in stale.entries] == [x.text.id]
    assert not stale.entries[0].is_settled
    now = Circumstances(committee=x.committee.verdict.value)
    judging.judge(session, target, Act.ACCEPT, by=owner("ann"), circumstances=now)
    assert not filled(session, exam, "stale").entries


def test_a_text_that_shows_no_work_is_found(curated: Curated) -> None:
    found = {x.text.id for e in fill(curated, QUEUES["no-work"], "ann").entries for x in e.texts}
    assert found
    assert found == {
        x.text.id
        for x in curated.rationales
        if x.committee.verdict is Verdict.ACCEPTED and x.states.shows_work == "fails"
    }


def test_the_audit_is_drawn_anew_for_nobody_and_evenly(curated: Curated) -> None:
    line = fill(curated, QUEUES["audit"], "ann")
    assert len(line.entries) == 12
    assert line == fill(curated, QUEUES["audit"], "bob")
    drawn = [draw_lot(f"{n:032x}") for n in range(4_000)]
    assert abs(sum(drawn) / 4_000 - 500_000) < 25_000
    assert all(900 < sum(k * 250_000 <= one < (k + 1) * 250_000 for one in drawn) < 1_100 for k in range(4))


def test_authors_who_agree_against_the_gold_are_a_queue(session: Session, exam: ExamInfo) -> None:
    mistake = filled(session, exam, "everything").entries[0].mistake
    assert not filled(session, exam, "against-gold").entries
    for x in mistake.rationales[:2]:
        decide(session, Target("rationale", x.text.id), Act.CORRECT, value="77")
    (entry,) = filled(session, exam, "against-gold").entries
    assert {x.text.id for x in entry.texts} == {x.text.id for x in mistake.rationales[:2]}


def test_what_a_person_accepted_with_a_wrong_answer_is_a_queue_under_every_policy(
    session: Session, exam: ExamInfo
) -> None:
    for policy in ("paper", "strict"):
        saved_policies.set_policy(session, exam.id, policy, None, by=owner("ann"))
        assert not filled(session, exam, "person-accepted-wrong").entries
        wrong = next(
            x
            for x in live_set.load_curated(session, exam.id).rationales
            if x.states.matches_gold is State.FAILS and not x.judged
        )
        target = Target("rationale", wrong.text.id)
        decide(session, target, Act.ACCEPT, by=owner("ann"))
        under_gold = {e.mistake.attempt.id for e in filled(session, exam, "accepted-wrong").entries}
        (entry,) = filled(session, exam, "person-accepted-wrong", "bob").entries
        assert ([x.text.id for x in entry.waiting], entry.is_settled) == ([wrong.text.id], False)
        assert (entry.mistake.attempt.id in under_gold) is (policy == "paper")
        decide(session, target, Act.ACCEPT, by=owner("eve"), role="adjudicator")  # it was looked at, and it stays
    assert not filled(session, exam, "person-accepted-wrong").entries
