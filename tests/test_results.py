"""Before and after: the numbers by hand, and what can't be compared."""

import json
import random
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlmodel import Session, col, select

from mapd import cli, results, statistics
from mapd.answers.grading import Outcome
from mapd.domain import ExamInfo
from mapd.errors import BadInput
from mapd.results import Change, ExamAnswer, ExamAnswers, compare, list_caveats
from mapd.settings import Settings
from mapd.statistics import paired_bootstrap
from mapd.store import db
from mapd.store import tables as t

RIGHT, WRONG, NONE = Outcome.CORRECT, Outcome.INCORRECT, Outcome.NO_ANSWER


def info(name: str) -> ExamInfo:
    return ExamInfo(1, name, name, "s", "set", "dev", 0, "ours", simulated=True, policy="paper", threshold=None)


def sat(name: str, outcomes: list[Outcome], family: str = "legs") -> ExamAnswers:
    answered = {f"q{n}": ExamAnswer(f"q{n}", family, str(n % 2), outcome) for n, outcome in enumerate(outcomes)}
    return ExamAnswers(info(name), answered, len(outcomes))


def test_the_numbers_by_hand() -> None:
    told = compare(
        sat("a", [WRONG, NONE, RIGHT, WRONG, RIGHT, WRONG]), sat("b", [RIGHT, RIGHT, RIGHT, WRONG, WRONG, RIGHT])
    )
    assert (told.fixed, told.broken) == (3, 1)
    assert told.changes[Change.STILL_WRONG] == ("q3",)
    assert told.changes[Change.STILL_RIGHT] == ("q2",)
    assert told.overall.before.accuracy == pytest.approx(2 / 6)
    assert told.overall.mcnemar_p == pytest.approx(2 * (1 + 4) / 16)  # P(X <= 1) of 4 fair throws, two-sided
    assert told.overall.before.no_answer == 1
    assert told.overall.majority == 0.5
    assert told.by_family["legs"] == told.overall


def test_wilsons_interval_as_published() -> None:
    """Newcombe 1998, table I: 81 of 263 -> 0.2553 to 0.3662; 0 of 20 -> 0 to 0.1611."""
    assert statistics.wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=1e-4)
    assert statistics.wilson(0, 20) == pytest.approx((0, 0.1611), abs=1e-4)


@settings(max_examples=25)
@given(st.lists(st.tuples(st.sampled_from(Outcome), st.sampled_from(Outcome)), min_size=1, max_size=40))
def test_every_question_changes_in_one_way(pairs: list[tuple[Outcome, Outcome]]) -> None:
    told = compare(sat("a", [a for a, _ in pairs]), sat("b", [b for _, b in pairs]))
    assert sorted(uid for uids in told.changes.values() for uid in uids) == sorted(f"q{n}" for n in range(len(pairs)))
    gained = told.overall.after.correct - told.overall.before.correct
    assert gained == told.fixed - told.broken
    assert told.overall.before.low <= told.overall.before.accuracy <= told.overall.before.high
    assert 0 < told.overall.mcnemar_p <= 1
    swapped = compare(sat("b", [b for _, b in pairs]), sat("a", [a for a, _ in pairs]))
    assert swapped.overall.mcnemar_p == pytest.approx(told.overall.mcnemar_p)


def test_the_majority_is_that_of_each_family() -> None:
    """Two families whose commonest answers differ: 2 of 3 and 1 of 1."""
    legs = sat("a", [WRONG] * 3).answers
    both = dict(legs) | {"k": ExamAnswer("k", "kinship", "mother", WRONG)}
    told = compare(ExamAnswers(info("a"), both, 4), ExamAnswers(info("b"), both, 4))
    assert told.overall.majority == pytest.approx(3 / 4)
    assert told.by_family["kinship"].majority == 1


def test_what_can_t_be_compared() -> None:
    whole = sat("a", [WRONG, RIGHT])
    with pytest.raises(BadInput, match="b isn't finished: 1 of 2 questions"):
        compare(whole, ExamAnswers(info("b"), {"q0": whole.answers["q0"]}, 2))
    other = {"x": ExamAnswer("x", "legs", "1", RIGHT), "y": ExamAnswer("y", "legs", "1", RIGHT)}
    with pytest.raises(BadInput, match="different questions"):
        compare(whole, ExamAnswers(info("b"), other, 2))


def test_the_caveats_say_luck_and_form() -> None:
    lucky = " ".join(list_caveats(compare(sat("a", [NONE, WRONG]), sat("b", [RIGHT, WRONG]))))
    assert "50.0% of the answers could not be read before, 0.0% after" in lucky
    assert "may be luck" in lucky
    assert "simulated" in lucky
    assert "Of the 1 questions whose answer could be read both times, 0.0% were right before and 0.0% after" in lucky
    assert "These are dev questions" in lucky
    unread = compare(sat("a", [NONE]), sat("b", [RIGHT]))
    assert unread.readable is None
    sure = list_caveats(compare(sat("a", [WRONG] * 20), sat("b", [RIGHT] * 20)))
    assert not any("luck" in said for said in sure)


def test_the_change_has_a_paired_interval() -> None:
    comparison = compare(sat("a", [WRONG] * 60 + [RIGHT] * 40), sat("b", [RIGHT] * 30 + [WRONG] * 30 + [RIGHT] * 40))
    assert comparison.overall.difference is not None
    low, high = comparison.overall.difference
    assert 0.20 < low < 0.23
    assert 0.37 < high < 0.40
    # Unpaired, the same shares would leave more room: the questions that stayed as they were say nothing of change.
    assert high - low < (comparison.overall.after.high - comparison.overall.after.low) * 2**0.5
    assert compare(sat("a", [RIGHT, WRONG]), sat("b", [RIGHT, WRONG])).overall.difference is None


def test_the_paired_interval_is_that_of_drawing_questions() -> None:
    changes, draw = [1] * 12 + [-1] * 5 + [0] * 33, random.Random(1)
    means = sorted(sum(draw.choices(changes, k=50)) / 50 for _ in range(4000))
    low, high = paired_bootstrap(changes) or (0, 0)
    assert (low, high) == (pytest.approx(means[100], abs=0.021), pytest.approx(means[3899], abs=0.021))


def test_only_the_first_sample_counts_and_that_is_said(session: Session, exam: ExamInfo) -> None:
    attempt = session.exec(select(t.Attempt)).first()
    assert attempt is not None
    again = attempt.model_dump(exclude={"id", "uid", "sample", "outcome"})
    session.add(t.Attempt(**again, sample=2, outcome="correct"))
    session.flush()
    read = results.load(session, exam.uid)
    assert read.samples == 3
    assert RIGHT not in {a.outcome for a in read.answers.values()}
    ours = replace(read, exam=info("a"))
    assert "up to 3 times; only each first answer counts" in " ".join(list_caveats(compare(ours, ours)))


def test_an_exam_is_read_from_the_store(session: Session, exam: ExamInfo) -> None:
    read = results.load(session, exam.uid)
    assert (len(read.answers), read.question_count) == (12, 12)
    assert {a.outcome for a in read.answers.values()} == {WRONG, NONE}
    with pytest.raises(BadInput, match="is an import, which holds mistakes alone"):
        compare(read, read)
    first = session.get(t.Question, 1)
    assert first is not None
    session.add(
        t.Question(set_id=first.set_id, source_id="new", position=99, split="train", task="numeric", text="?", gold="1")
    )
    session.get_one(t.Exam, exam.id).graded_by = "ours"
    session.flush()
    with pytest.raises(BadInput, match="12 of 13"):
        compare(results.load(session, exam.uid), results.load(session, exam.uid))


def test_the_command(full_home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Two exams on the twelve questions: the second one's student gets the first three right."""
    with db.writing(db.open_store(Settings())) as session:
        first = session.exec(select(t.Exam)).one()
        first.graded_by = "ours"
        second = t.Exam(**first.model_dump(exclude={"id", "uid", "name", "sha256"}), name="second")
        session.add(second)
        session.flush()
        for number, attempt in enumerate(session.exec(select(t.Attempt).order_by(col(t.Attempt.id))).all()):
            made = t.Attempt(**attempt.model_dump(exclude={"id", "uid", "exam_id", "outcome"}), exam_id=second.id)
            made.outcome = "correct" if number < 3 else attempt.outcome
            session.add(made)

    def mapd(*words: object) -> str:
        monkeypatch.setattr(sys, "argv", ["mapd", "results", *map(str, words)])
        with pytest.raises(SystemExit) as end:
            cli.main()
        assert (end.value.code or 0) == 0
        return capsys.readouterr().out

    told = json.loads(mapd("--before", 1, "--after", "second", "--questions", "--json"))
    assert (told["before"]["n"], told["before"]["correct"], told["after"]["correct"]) == (12, 0, 3)
    assert {key: told[key] for key in ("fixed", "broken", "still_wrong", "still_right", "mcnemar_p")} == {
        **{"fixed": 3, "broken": 0, "still_wrong": 9, "still_right": 0, "mcnemar_p": 0.25}
    }
    assert {name: len(uids) for name, uids in told["questions"].items()} == {
        **{"fixed": 3, "broken": 0, "still_wrong": 9, "still_right": 0}
    }
    assert "fixed 3, newly broken 0, still wrong 9, still right 0" in mapd("--before", 1, "--after", "second")
