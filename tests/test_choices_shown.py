"""A choice's gold and answers are letters, and everybody who reads them reads the text too: models, people, files."""

import json
import re
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlmodel import Session, col, select

from mapd import prompts, students
from mapd.answers.grading import Task
from mapd.committee import plan
from mapd.curation import live_set, snapshots
from mapd.domain import Act
from mapd.models.base import Message
from mapd.people import owner
from mapd.questions.options import read_shown, show_answer
from mapd.review import judging
from mapd.review.judging import Target
from mapd.settings import Settings
from mapd.store import db
from mapd.store import tables as t
from tests.choices import GOLDS, WRONG, fill
from tests.conftest import writing
from tests.pages.running import open_page, shown, triage

RAW = re.compile(r'(?:gold|answer)"?:? ?"?[0-2]"?[\s<,}]')  # an index where a letter belongs


def test_teachers_and_reviewers_read_letter_and_text(session: Session) -> None:
    info = fill(session)
    made = plan.make_plan(session, info, ["flint", "chalk"], 1)
    for number, asked in enumerate(made.load_messages(session, made.mistakes).values()):
        for kind in ("feedback", "review"):
            text = asked[kind][-1].content
            assert f"\n{GOLDS[number]}\n" in text
            assert f"A. oak {number}\nB. granite {number}\nC. moss {number}\n" in text


def test_snapshots_and_training_hold_letter_and_text(session: Session) -> None:
    info = fill(session)
    curated = live_set.load_curated(session, info.id)
    frozen = snapshots.freeze(session, curated, by=owner("ann"))
    pairs = [json.loads(line) for line in frozen.lines.splitlines()]
    assert [(pair["question"]["gold"], pair["attempt"]["answer"]) for pair in pairs] == list(
        zip(GOLDS, WRONG, strict=True)
    )
    assert not RAW.search(frozen.lines)
    dialogue = prompts.feedback_dialogue("?", Task.CHOICE, "Answer: A", pairs[0]["question"]["gold"], "No.")
    assert Message("user", "The right answer is B. granite 0. What went wrong?") in dialogue


def test_pages_show_letter_and_text(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine: sa.Engine = db.open_store(Settings())
    with writing(engine) as session:
        uid = fill(session).uid
    engine.dispose()
    monkeypatch.setattr(students, "is_here", lambda *_: False)
    for page, show, places in (
        ("review/browse", "mistakes", (r'title="A. oak 0 [^"]*, gold B. granite 0"',)),
        ("review/browse", "rationales", (r'title="B. granite 0 [^"]*, gold B. granite 0"',)),
        ("review/browse", "questions", (r'c-gold"[^>]*>B. granite 0<', r'mapd-note">A. oak 0<')),
        ("loop/exam", "", (r'c-gold"[^>]*>B. granite 0<', r'mapd-note">A. oak 0<')),
        ("loop/overview", "", (r">[^<]*A. oak 0<", r">[^<]*B. granite 0<")),
    ):
        html = shown(open_page(f"pages/{page}.py", exam=uid, **({"show": show} if show else {})))
        assert all(re.search(place, html) for place in places), (page, show)
    card = triage(exam=uid).window()["cards"][0]
    assert (card["question"]["gold"], card["attempt"]["answer"]) == ("B. granite 0", "A. oak 0")


def test_a_corrected_choice_is_kept_as_a_letter_and_shown_with_its_text(home: Path) -> None:
    with writing(db.open_store(Settings())) as session:
        exam = fill(session)
        mistakes = live_set.load_curated(session, exam.id).mistakes
        question = Target("question", mistakes[0].question.id)
        for kind, row, value in (
            ("rationale", mistakes[1].rationales[0].text.id, "granite 1"),
            ("attempt", mistakes[2].attempt.id, "D. both A and B"),
            ("question", question.id, "(c)"),
        ):
            judging.judge(session, Target(kind, row), Act.CORRECT, by=owner("ann"), value=value)
        judging.judge(session, question, Act.CORRECT, by=owner("bob"), value="A")
        assert session.exec(select(t.Judgement.value).order_by(col(t.Judgement.id))).all() == list("BDCA")
        attempts = {m.question.source_id: m.attempt.uid for m in mistakes}
    for number, words in (("1", "B. granite 1"), ("2", "D. both A and B"), ("0", "C. moss 0")):
        client = triage(exam=exam.uid)
        (card, *_) = client.window(mistake=attempts[number])["cards"]
        past = client.get("history", card=card["id"], mistake=card["mistake"], text=card["enter"])
        assert words in [word["value"] for word in past["words"]], number
    rows = shown(open_page("pages/review/browse.py", exam=exam.uid, show="questions", people="judged"))
    assert "D. both A and B by ann" in rows


@pytest.mark.parametrize("options", [("oak", "both A and B"), ("B. oak", "A"), ("oak", "oak"), ()])
def test_what_is_shown_is_read_back(options: tuple[str, ...]) -> None:
    for answer in ["A", "B", "?"][: len(options) or 3]:
        assert read_shown(show_answer(answer, Task.CHOICE, options), Task.CHOICE, options) == answer


def test_an_exam_that_was_answered_elsewhere_shows_no_prompt_of_ours(home: Path) -> None:
    engine = db.open_store(Settings())
    with writing(engine) as session:
        uid = fill(session).uid
    engine.dispose()
    app = open_page("pages/loop/exam.py", exam=uid)
    assert "The prompt" not in [expander.label for expander in app.expander]
