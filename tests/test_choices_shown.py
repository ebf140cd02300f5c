"""A choice's gold and answers are letters, and everybody who reads them reads the text too: models, people, files."""

import json
import re
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlmodel import Session, select

from mapd import prompts, students
from mapd.committee import plan
from mapd.curation import judging, snapshots
from mapd.exchange import attempts
from mapd.models.base import Message
from mapd.questions import files, imports
from mapd.questions.grading import Task
from mapd.questions.imports import Instructions
from mapd.questions.tables import File, read
from mapd.settings import Settings
from mapd.store import db, queries
from mapd.store import tables as t
from tests.pages.running import open_page, shown
from tests.questions import shapes

ROCKS = [
    {
        "question": f"Which is rock {n}?",
        "options": [f"oak {n}", f"granite {n}", f"moss {n}"],
        "answer": (1, 0, 2)[n % 3],
    }
    for n in range(3)
]
GOLDS = ("B. granite 0", "A. oak 1", "C. moss 2")
WRONG = ("A. oak 0", "B. granite 1", "B. granite 2")
RAW = re.compile(r'(?:gold|answer)"?:? ?"?[0-2]"?[\s<,}]')  # an index where a letter belongs


def fill(session: Session) -> queries.ExamInfo:
    """An exam of three wrong choices, each with a rationale that two reviewers accept and a feedback."""
    whole = imports.read([read(File("q.jsonl", shapes.jsonl(ROCKS)))], Instructions(split="train"))
    questions = files.add(session, "rocks", whole.rows, source="q.jsonl", simulated=False, by="ann")
    answers = [{"question_id": str(n), "response": f"Answer: {wrong[0]}"} for n, wrong in enumerate(WRONG)]
    table = read(File("a.jsonl", shapes.jsonl(answers)))
    parsed = attempts.parse(session, [table], questions, split=None, student="small")
    exam = attempts.store(session, parsed, questions, by="ann").exam
    teachers = [t.Teacher(name=name, kind="imported") for name in ("gpt", "gemini", "mistral")]
    session.add_all([*teachers, t.Prompt(sha256="0" * 64, kind="imported", text="")])
    session.flush()
    for attempt in session.exec(select(t.Attempt)).all():
        gold = GOLDS[int(attempt.question_id) - 1]
        rationale = t.Explanation(
            kind="rationale", question_id=attempt.question_id, text=f"A rock is hard.\nAnswer: {gold}"
        )
        feedback = t.Explanation(
            kind="feedback", question_id=attempt.question_id, attempt_id=attempt.id, text="No rock."
        )
        for text in (rationale, feedback):
            text.author_id, text.prompt_sha256 = teachers[0].id or 0, "0" * 64
            session.add(text)
        session.flush()
        for reviewer in teachers[1:]:
            review = t.Review(explanation_id=rationale.id or 0, reviewer_id=reviewer.id or 0, prompt_sha256="0" * 64)
            review.score, review.status, review.saw_gold = 5, "ok", True
            session.add(review)
    session.flush()
    return queries.exam(session, exam)


def test_teachers_and_reviewers_read_letter_and_text(session: Session) -> None:
    info = fill(session)
    made = plan.made(session, info, ["gpt", "gemini"], 1)
    for number, asked in enumerate(made.asked(session, made.mistakes).values()):
        for kind in ("feedback", "review"):
            text = asked[kind][-1].content
            assert f"\n{GOLDS[number]}\n" in text
            assert f"A. oak {number}\nB. granite {number}\nC. moss {number}\n" in text


def test_snapshots_and_training_hold_letter_and_text(session: Session) -> None:
    info = fill(session)
    curated = judging.curated_set(session, info.id)
    frozen = snapshots.freeze(session, curated, by="ann")
    pairs = [json.loads(line) for line in frozen.lines.splitlines()]
    assert [(pair["question"]["gold"], pair["attempt"]["answer"]) for pair in pairs] == list(
        zip(GOLDS, WRONG, strict=True)
    )
    assert not RAW.search(frozen.lines)
    dialogue = prompts.feedback_dialogue("?", Task.CHOICE, "Answer: A", pairs[0]["question"]["gold"], "No.")
    assert Message("user", "The right answer is B. granite 0. What went wrong?") in dialogue


def test_pages_show_letter_and_text(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine: sa.Engine = db.open_store(Settings())
    with db.writing(engine) as session:
        uid = fill(session).uid
    engine.dispose()
    monkeypatch.setattr(students, "is_here", lambda *_: False)
    for page, show, places in (
        ("review/triage", "", (r'mapd-answer">B. granite 0', r'mapd-answer">A. oak 0')),
        ("review/browse", "mistakes", (r'title="A. oak 0 [^"]*, gold B. granite 0"',)),
        ("review/browse", "rationales", (r'title="B. granite 0 [^"]*, gold B. granite 0"',)),
        ("review/browse", "questions", (r'c-gold"[^>]*>B. granite 0<', r'mapd-note">A. oak 0<')),
        ("loop/exam", "", (r'c-gold"[^>]*>B. granite 0<', r'mapd-note">A. oak 0<')),
        ("loop/overview", "", (r">[^<]*A. oak 0<", r">[^<]*B. granite 0<")),
    ):
        html = shown(open_page(f"pages/{page}.py", exam=uid, **({"show": show} if show else {})))
        assert all(re.search(place, html) for place in places), (page, show)


def test_an_exam_that_was_answered_elsewhere_shows_no_prompt_of_ours(home: Path) -> None:
    engine = db.open_store(Settings())
    with db.writing(engine) as session:
        uid = fill(session).uid
    engine.dispose()
    app = open_page("pages/loop/exam.py", exam=uid)
    assert "The prompt" not in [expander.label for expander in app.expander]
