"""Thoughts from a model's edge to the rows: split off, kept, never graded, scored or reviewed; and replies cut off."""

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from sqlmodel import Session, select

from mapd import committee, exam, prompts, results, students
from mapd.committee.plan import ledger_key
from mapd.domain import Act
from mapd.errors import BadInput
from mapd.exchange import attempt_files
from mapd.exchange import attempts as elsewhere
from mapd.models import decoding, local
from mapd.models.base import Completion, Finish, Limits, Message, Request, Sampling, split_thought, stream
from mapd.models.openai import OpenAIModel
from mapd.people import owner
from mapd.questions import file_table, sets, tables
from mapd.questions.rows import QuestionRow
from mapd.review import judging
from mapd.store import db, queries
from mapd.store import tables as t
from tests.finetune import tiny
from tests.provider import Provider
from tests.test_committee import Scripted, answer, kind_of, make_exam

THINKING = "<think>Maybe [3]? The answer is 9. No.</think>\n"


# --- The edge ---------------------------------------------------------------------------------------------------------


def test_a_reply_that_ends_within_its_thought_has_no_text() -> None:
    cut = split_thought(Completion("k", "<think>Half is 9, so the answer is 9. Hmm, let me", Finish.CUT_OFF))
    assert (cut.text, cut.finish, cut.thought) == ("", Finish.CUT_OFF, "Half is 9, so the answer is 9. Hmm, let me")
    assert "cut off within its thought (11 words): raise max_tokens" in (cut.error or "")
    whole = split_thought(Completion("k", "", Finish.EMPTY, thought="9 + 9 = 18. Answer: 18", tokens_out=12))
    assert (whole.text, whole.finish) == ("", Finish.EMPTY)
    assert "it ended within its thought (7 words, 12 tokens) and gave no answer" in (whole.error or "")
    refused = split_thought(Completion("k", "", Finish.REFUSED, thought="Not this."))
    assert (refused.finish, refused.error) == (Finish.REFUSED, None)


def test_what_the_endpoint_gives_apart_and_what_stands_in_the_text_are_one_thought() -> None:
    both = split_thought(Completion("k", "<think>second</think>Answer: 18", Finish.OK, thought="first"))
    assert (both.text, both.thought, both.reply) == ("Answer: 18", "first\n\nsecond", "<think>second</think>Answer: 18")


@given(st.lists(st.sampled_from(["<think>", "</think>", "[THINK]", "analysis", "Answer: 18", "\n", "9"]), max_size=9))
def test_splitting_twice_is_splitting_once(pieces: list[str]) -> None:
    once = split_thought(Completion("k", "".join(pieces), Finish.OK))
    assert split_thought(once) == once


def test_a_served_models_thought_is_split_off_and_its_key_ends_there() -> None:
    said = "<think>The key is sk-planted-0123456789.</think>\nAnswer: 18"
    with Provider(lambda _: said) as server:
        model = OpenAIModel("m", base_url=server.url + "/v1", key="sk-planted-0123456789", limits=Limits())

        async def ask() -> list[Completion]:
            request = Request("k", (Message("user", "9 + 9?"),), Sampling(None, None, 64))
            return [c async for c in model.generate(stream([request]))]

        (completion,) = asyncio.run(ask())
    assert (completion.text, completion.thought) == ("Answer: 18", "The key is [key].")
    assert completion.reply == "<think>The key is [key].</think>\nAnswer: 18"


OPENS = tiny.TEMPLATE.replace("assistant\n' }}{% endif", "assistant\n<think>\n' }}{% endif")


class Dictated:
    """A tiny student that says what it is told to, token by token."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, template: str = tiny.TEMPLATE, more: tuple[str, ...] = ()
    ) -> None:
        tokenizer, model = tiny.tokenizer(), tiny.model()
        tokenizer.chat_template = template
        tokenizer.add_special_tokens({"additional_special_tokens": list(more)})
        model.resize_token_embeddings(len(tokenizer))
        self.tokenizer, self.monkeypatch = tokenizer, monkeypatch
        self.model = local.LocalModel("tiny", model, tokenizer)

    def say(self, text: str, *, ends: bool, most: int = 400) -> Completion:
        ids = self.tokenizer.encode(text, add_special_tokens=False) + [self.tokenizer.eos_token_id] * ends

        def choose(_: Any, rows: Any) -> Any:
            return local.torch.tensor([ids[len(row.answer)] for row in rows])

        self.monkeypatch.setattr(decoding, "choose_tokens", choose)
        most = min(most, len(ids)) if ends else len(ids)
        request = Request("k", (Message("user", "9 + 9?"),), Sampling(max_tokens=most))

        async def ask() -> list[Completion]:
            return [c async for c in self.model.generate(stream([request]))]

        (completion,) = asyncio.run(ask())
        return completion


def test_a_template_that_opened_the_thought_leaves_the_closing_tag_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    student = Dictated(monkeypatch, OPENS)
    whole = student.say("Half is 9.\n</think>\n\nAnswer: 18", ends=True)
    assert (whole.text, whole.thought, whole.finish) == ("Answer: 18", "Half is 9.", Finish.OK)
    cut = student.say("Half is 9, so the answer is 9. Hmm", ends=False)
    assert (cut.text, cut.thought, cut.finish) == ("", "Half is 9, so the answer is 9. Hmm", Finish.CUT_OFF)
    ended = student.say("Half is 9, so the answer is 9.", ends=True)
    assert (ended.text, ended.finish) == ("", Finish.EMPTY)
    plain = Dictated(monkeypatch).say("Half is 9, so the answer is 9.", ends=True)
    assert (plain.text, plain.thought) == ("Half is 9, so the answer is 9.", None)


def test_tags_that_are_special_tokens_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    student = Dictated(monkeypatch, more=("[THINK]", "[/THINK]", "<|pad_me|>"))
    said = student.say("[THINK]Half is 9.[/THINK]Answer: <|pad_me|>18", ends=True)
    assert (said.text, said.thought) == ("Answer: 18", "Half is 9.")


# --- The ledger -------------------------------------------------------------------------------------------------------


@pytest.fixture
def taught(engine: sa.Engine, tmp_path: Path) -> str:
    return make_exam(engine, tmp_path)


@pytest.fixture
def reading(engine: sa.Engine, taught: str) -> Iterator[Session]:
    with db.reading(engine) as session:
        yield session


def thinking(name: str, request: Request) -> Completion:
    said = answer(name, request)
    if name == "rowan":  # in its text
        return Completion(request.key, THINKING + said.text, Finish.OK, tokens_in=9, tokens_out=30)
    return Completion(request.key, said.text, Finish.OK, tokens_in=9, tokens_out=30, thought="Maybe [3]? No.")


Collect = Callable[..., dict[str, Scripted]]


@pytest.fixture
def collect(engine: sa.Engine, taught: str) -> Collect:
    def run(reply: Callable[[str, Request], Completion], **words: Any) -> dict[str, Scripted]:
        models = {name: Scripted(name, reply) for name in ("rowan", "brook", "ash")}
        given = {"exam": taught, "teachers": list(models), "by": owner("ann")} | words
        committee.collect(engine, models=models, **given)
        return models

    return run


def test_thoughts_are_kept_beside_the_texts_and_no_reviewer_sees_one(collect: Collect, reading: Session) -> None:
    models = collect(thinking)
    for row in (*reading.exec(select(t.Explanation)), *reading.exec(select(t.Review))):
        if row.prompt_sha256 in {p.sha256 for p in prompts.SHIPPED}:
            assert row.thought, row
            assert "Maybe" not in row.text
    reviews = [r for model in models.values() for r in model.asked if kind_of(r) == "review"]
    assert reviews
    assert not any("Maybe" in message.content for r in reviews for message in r.messages)
    scores = reading.exec(select(t.Review.score, t.Review.text).where(t.Review.prompt_sha256 == prompts.REVIEW.sha256))
    assert all(score == int(text[-2]) for score, text in scores)
    replies = reading.exec(select(t.Call.reply, t.Call.thought)).all()
    assert any(reply.startswith(THINKING) for reply, _ in replies), "word for word"
    assert all(thought and thought.startswith("Maybe [3]?") for _, thought in replies)


def test_what_the_ledger_has_gives_the_same_rows_again(collect: Collect, engine: sa.Engine, reading: Session) -> None:
    def rows() -> set[tuple[Any, ...]]:
        of_x = select(t.Explanation.question_id, t.Explanation.author_id, t.Explanation.text, t.Explanation.thought)
        of_r = select(t.Review.reviewer_id, t.Review.score, t.Review.text, t.Review.thought)
        reading.rollback()
        return {tuple(row) for query in (of_x, of_r) for row in reading.exec(query)}  # type: ignore[attr-defined]

    collect(thinking)
    before = rows()
    reading.rollback()
    with db.writing(engine) as session:
        ours = [p.sha256 for p in prompts.SHIPPED]
        session.execute(sa.delete(t.Review).where(sa.column("prompt_sha256").in_(ours)))
        session.execute(sa.delete(t.Explanation).where(sa.column("prompt_sha256").in_(ours)))
    models = collect(thinking)
    assert rows() == before
    assert not any(model.asked for model in models.values())


def test_a_review_that_was_cut_off_while_thinking_is_no_vote(collect: Collect, reading: Session) -> None:
    def leaning(name: str, request: Request) -> Completion:
        if kind_of(request) != "review":
            return answer(name, request)
        text = {
            "rowan": "<think>I lean to Score: 2, but let me",
            "brook": "<think>Fine.</think>Each step follows.\nScore: 4\nFurthermore",
            "ash": "Sound. [5]",
        }[name]
        return Completion(request.key, text, Finish.OK if name == "ash" else Finish.CUT_OFF)

    collect(leaning)
    query = select(t.Teacher.name, t.Review.score).join(t.Review, t.Review.reviewer_id == t.Teacher.id)  # type: ignore[arg-type]
    votes = set(reading.exec(query.where(t.Review.prompt_sha256 == prompts.REVIEW.sha256)).all())
    assert votes == {("brook", 4), ("ash", 5)}


def test_raising_the_limit_asks_only_what_was_cut_off(collect: Collect, engine: sa.Engine, reading: Session) -> None:
    """Under the same teacher, whose key in the ledger stays: whole replies are not asked for again."""

    def short(name: str, request: Request) -> Completion:
        said = answer(name, request)
        is_short = name == "brook" and kind_of(request) == "feedback" and request.sampling.max_tokens < 2000
        return Completion(request.key, said.text[:4], Finish.CUT_OFF) if is_short else said

    with db.writing(engine) as session:
        brook = session.exec(select(t.Teacher).where(t.Teacher.name == "brook")).one()
        brook.sampling = {"max_tokens": 512}
    collect(short)
    cut = reading.exec(select(t.Call.key).where(t.Call.outcome == "cut_off")).all()
    assert cut
    reading.rollback()
    with db.writing(engine) as session:
        brook = session.exec(select(t.Teacher).where(t.Teacher.name == "brook")).one()
        brook.sampling = {"max_tokens": 4096}
    models = collect(short)
    asked = [request.key for model in models.values() for request in model.asked]
    assert sorted(asked) == sorted(cut)
    written = (
        select(t.Explanation.text).join(t.Teacher).where(t.Teacher.name == "brook", t.Explanation.kind == "feedback")
    )
    assert all(len(text) > 4 for text in reading.exec(written))


# --- The exam ---------------------------------------------------------------------------------------------------------

QUESTIONS = {
    "whole": "Answer: 18",
    "thinks": "<think>Half is \\boxed{9}. No.</think>\nAnswer: 18",
    "only closed": "Half is 9, so the answer is 9. Wait.\n</think>\n\nAnswer: 18",
    "cut while thinking": "<think>Half is 9, so the answer is 9. Hmm, let me",
    "cut before": "Half is 9, so the answer is 9. Both halves",
    "cut behind": "9 + 9 = 18\nAnswer: 18\n\nQuestion: Tom has 3 pens. How",
}


class Student:
    """Says what the question's name is given above; what "cut" begins is cut off below 100 tokens."""

    name = "s"

    def __init__(self) -> None:
        self.asked: list[Request] = []

    async def generate(self, requests: Any) -> Any:
        async for request in requests:
            self.asked.append(request)
            name = request.messages[-1].content.split("\n")[0]
            is_cut = name.startswith("cut") and request.sampling.max_tokens < 100
            text = QUESTIONS[name] if is_cut or not name.startswith("cut") else f"{QUESTIONS[name]} end\nAnswer: 18"
            finish = Finish.CUT_OFF if is_cut else Finish.OK
            yield Completion(request.key, text, finish, tokens_in=20, tokens_out=len(text))


@pytest.fixture
def examined(engine: sa.Engine) -> sa.Engine:
    rows = [QuestionRow(name, "train", exam.Task.NUMERIC, name, "18") for name in QUESTIONS]
    with db.writing(engine) as session:
        sets.add(session, "halves", rows, source="ours", simulated=False, by=owner("ann"))
        students.add(session, "s", by=owner("ann"))
    return engine


def sit(engine: sa.Engine, max_tokens: int, **words: Any) -> tuple[exam.ExamResult, Student]:
    student = Student()
    given = {"student": "s", "question_set": "halves", "split": "train", "by": owner("ann")} | words
    return exam.run(engine, student, decoding=Sampling(max_tokens=max_tokens), **given), student


def attempts(engine: sa.Engine, uid: str) -> dict[str, t.Attempt]:
    with db.reading(engine) as session:
        query = select(t.Question.text, t.Attempt).join(t.Attempt, t.Attempt.question_id == t.Question.id)  # type: ignore[arg-type]
        return dict(session.exec(query.join(t.Exam).where(t.Exam.uid == uid)).all())


def test_a_thought_is_never_graded_and_a_response_that_was_cut_off_needs_its_answer_line(examined: sa.Engine) -> None:
    result, _ = sit(examined, 64)
    assert (result.n, result.correct, result.no_answer, result.cut_off) == (6, 4, 2, 3)
    rows = attempts(examined, result.exam)
    outcomes = {name: row.outcome for name, row in rows.items()}
    assert outcomes == dict.fromkeys(QUESTIONS, "correct") | {
        "cut while thinking": "no_answer",
        "cut before": "no_answer",
    }
    assert rows["thinks"].thought == "Half is \\boxed{9}. No."
    assert rows["thinks"].text == "Answer: 18"
    assert rows["cut while thinking"].text == ""
    assert rows["whole"].thought is None
    assert (rows["whole"].finish, rows["cut before"].finish) == ("ok", "cut_off")
    assert (rows["whole"].tokens_in, rows["whole"].tokens_out) == (20, 10)


def test_asking_again_with_more_tokens_takes_over_what_is_whole(examined: sa.Engine) -> None:
    first, _ = sit(examined, 64)
    second, student = sit(examined, 512, longer_than=first.exam)
    assert second.exam != first.exam, "the earlier one stays as it was"
    assert len(student.asked) == 3
    assert (second.n, second.cut_off) == (6, 0)
    rows = attempts(examined, second.exam)
    assert rows["thinks"].thought == "Half is \\boxed{9}. No."
    anew, _ = sit(examined, 512)
    assert anew.exam == second.exam
    again, student = sit(examined, 512, longer_than=first.exam)
    assert (again, student.asked) == (second, [])


def test_an_exam_that_was_asked_in_another_way_is_not_taken_over(examined: sa.Engine) -> None:
    first, _ = sit(examined, 64)
    with pytest.raises(BadInput, match="can't be asked again with 32 tokens: it took 64; take more"):
        sit(examined, 32, longer_than=first.exam)
    with pytest.raises(BadInput, match="and was asked in another way"):
        sit(examined, 512, longer_than=first.exam, seed=3)
    with db.reading(examined) as session:
        assert len(queries.exams(session)) == 1, "what was refused has made no exam"
        assert exam.require_cut_off(session, first.exam).uid == first.exam
    whole, _ = sit(examined, 512)
    with db.reading(examined) as session, pytest.raises(BadInput, match="was cut off: there is nothing to ask again"):
        exam.require_cut_off(session, whole.exam)


def test_an_answer_may_be_as_long_as_its_task_and_its_template_need(examined: sa.Engine) -> None:
    student = Student()
    exam.run(examined, student, student="s", question_set="halves", split="train", by=owner("ann"))
    assert {request.sampling.max_tokens for request in student.asked} == {256}
    thinks = Student()
    thinks.thinks = True  # type: ignore[attr-defined]
    exam.run(examined, thinks, student="s", question_set="halves", split="train", by=owner("ann"))
    assert {request.sampling.max_tokens for request in thinks.asked} == {4096}


def test_a_template_tells_whether_its_model_thinks(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Dictated(monkeypatch, OPENS).model.thinks
    assert not Dictated(monkeypatch).model.thinks


# --- Cut-off attempts and teachers ------------------------------------------------------------------------------------


def taught_by(engine: sa.Engine, uid: str, **words: Any) -> tuple[committee.CollectResult, list[Request]]:
    with db.writing(engine) as session:
        if session.exec(select(t.Teacher).where(t.Teacher.name == "rowan")).first() is None:
            session.add(t.Teacher(name="rowan", kind="local", model="rowan-1b"))
    model = Scripted("rowan")
    given = {"exam": uid, "teachers": ["rowan"], "models": {"rowan": model}, "by": owner("ann")} | words
    return committee.collect(engine, **given), model.asked


def test_what_was_cut_off_is_not_sent_to_teachers_unless_somebody_says_so(examined: sa.Engine) -> None:
    result, _ = sit(examined, 64)
    done, asked = taught_by(examined, result.exam)
    assert (done.cut_off_not_sent, done.feedback, asked) == (2, 0, [])
    with db.reading(examined) as session:
        estimate = committee.estimate(session, result.exam, ["rowan"])
        assert estimate.in_words.endswith("2 cut-off attempts are not sent: ask again with more tokens")
    done, asked = taught_by(examined, result.exam, cut_off=True)
    assert (done.cut_off_not_sent, done.feedback, len(asked)) == (0, 2, 4)
    assert not any("Hmm, let me" in message.content for request in asked for message in request.messages)


def test_a_cut_off_attempt_that_a_person_calls_a_mistake_is_sent(examined: sa.Engine) -> None:
    result, _ = sit(examined, 64)
    row = attempts(examined, result.exam)["cut before"]
    with db.writing(examined) as session:
        judging.judge(session, judging.Target("attempt", queries.identity(row)), Act.ACCEPT, by=owner("ann"))
    done, _ = taught_by(examined, result.exam)
    assert (done.cut_off_not_sent, done.feedback) == (1, 1)


# --- What comes in, goes out and is compared --------------------------------------------------------------------------


def test_answers_from_elsewhere_lose_their_thoughts_and_come_back_with_them(examined: sa.Engine) -> None:
    said = "".join(json.dumps({"question": name, "response": text}) + "\n" for name, text in QUESTIONS.items())
    with db.writing(examined) as session:
        questions = sets.get(session, "halves")
        parsed = attempt_files.parse(
            session,
            [tables.read(file_table.QuestionFile("a.jsonl", said.encode()))],
            questions,
            split=None,
            student="x",
        )
        imported = elsewhere.store(session, parsed, questions, by=owner("ann"))
    rows = attempts(examined, imported.exam)
    assert (rows["thinks"].text, rows["thinks"].thought) == ("Answer: 18", "Half is \\boxed{9}. No.")
    assert (rows["cut while thinking"].text, rows["cut while thinking"].finish) == ("", "cut_off")
    assert rows["cut while thinking"].outcome == "no_answer"
    assert rows["whole"].finish is None, "the file doesn't say"
    with db.reading(examined) as session:
        lines = list(elsewhere.lines(session, queries.exam(session, imported.exam)))
    again = "".join(json.dumps(line | {"student": "y"}) + "\n" for line in lines)
    with db.writing(examined) as session:
        questions = sets.get(session, "halves")
        parsed = attempt_files.parse(
            session,
            [tables.read(file_table.QuestionFile("b.jsonl", again.encode()))],
            questions,
            split=None,
            student="y",
        )
        back = elsewhere.store(session, parsed, questions, by=owner("ann"))
    for name, row in attempts(examined, back.exam).items():
        assert (row.text, row.thought, row.finish, row.outcome) == (
            rows[name].text,
            rows[name].thought,
            rows[name].finish,
            rows[name].outcome,
        )


def test_results_say_where_two_exams_were_not_asked_alike(examined: sa.Engine) -> None:
    first, _ = sit(examined, 64)
    second, _ = sit(examined, 512)
    with db.reading(examined) as session:
        told = results.compare(results.load(session, first.exam), results.load(session, second.exam))
        same = results.compare(results.load(session, first.exam), results.load(session, first.exam))
    assert told.asked_otherwise == {"max tokens": ("64", "512")}
    assert results.list_caveats(told)[0].startswith("The two exams were not asked alike (max tokens 64 and 512)")
    assert (told.overall.before.cut_off, told.overall.after.cut_off) == (3, 0)
    assert "50.0% of the answers were cut off before, 0.0% after" in results.list_caveats(told)[1]
    assert not same.asked_otherwise


def test_a_teacher_of_an_earlier_version_keeps_its_keys() -> None:
    """They held max_tokens; a raised limit changes none of them. A newer teacher's hold none."""
    teacher = {"kind": "openai", "model": "m", "base_url": None, "name": "old"}
    sampling = {"temperature": 0.7, "top_p": None, "max_tokens": 512, "seed": None}
    messages = [Message("user", "2 + 2?")]
    old = t.Teacher(**teacher, sampling=sampling, keyed_max_tokens=512)
    assert ledger_key(old, messages, 0) == "f1e89c452694f1dfc8bca12604bc7ed6afcbaa2610d19018ed5d1a139d510754"
    raised = t.Teacher(**teacher, sampling=sampling | {"max_tokens": 4096}, keyed_max_tokens=512)
    assert ledger_key(raised, messages, 0) == ledger_key(old, messages, 0)
    new = [t.Teacher(**teacher, sampling=sampling | {"max_tokens": n}) for n in (512, 4096)]
    assert len({ledger_key(row, messages, 0) for row in new}) == 1
