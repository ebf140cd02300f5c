"""Every row that the queue index derives of a fixed example, under several policies, as tests/data/queue_index.tsv.

python -m tests.review.index_rows          writes the file anew, once RULES_VERSION is raised

paper   queued  accepted-wrong  0 400 True  -2625  0  attempt 0  question 0  rationale 0 mistral
"""

import sys
import tempfile
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, select

from mapd.checks import CHECKS_VERSION
from mapd.curation import saved_policies
from mapd.domain import Act
from mapd.people import owner
from mapd.policies import Policy
from mapd.review import assignment, judging, repairs
from mapd.review.judging import Circumstances, Target
from mapd.review.queue_index import derivation, index_writer
from mapd.settings import Settings
from mapd.store import db, queries
from mapd.store import tables as t
from tests import samples
from tests.conftest import import_files

FILE = Path(__file__).parents[1] / "data" / "queue_index.tsv"
ANN, BOB, EVE = map(owner, ("ann", "bob", "eve"))
MISTAKES = 7
FIGURES = ("accepted", "rationales")  # those of each author, whose id is in the band's name
# Each row of the index, with the bands and people that it refers to; no id of the index itself.
QUERIES = {
    "standing": "SELECT {standing} FROM standing WHERE exam_id = :exam",
    "band": "SELECT name, low, high, waits, number FROM band WHERE exam_id = :exam AND number <> 0",
    "queued": "SELECT b.name, b.low, b.high, b.waits, q.place, q.position, q.attempt_id, q.question_id,"
    " q.explanation_id FROM queued q JOIN band b ON b.id = q.band_id WHERE b.exam_id = :exam",
    "text_check": "SELECT id AS explanation_id, gold, checks FROM text_check WHERE :exam = :exam",
    "passed": "SELECT p.person, b.name, b.low, b.high, q.attempt_id, p.skipped FROM passed p"
    " JOIN queued q ON q.id = p.queued_id JOIN band b ON b.id = p.band_id WHERE b.exam_id = :exam",
}


def make_example(session: Session, folder: Path) -> int:
    """Write the example; return its exam's id."""
    exam_id = queries.exam(session, import_files(session, *samples.files(folder, MISTAKES)).exam).id
    attempts = {question.position: attempt for question, attempt in _asked(session, exam_id)}
    for question, attempt in _asked(session, exam_id):
        attempt.uid, question.uid = f"attempt {question.position}", f"question {question.position}"
    texts = {}
    for text, question, author in _texts(session):
        # By its uid a text is drawn by lot.
        text.uid = f"{text.kind} {question.position} {author.name}"
        texts[text.uid] = text
    attempts[5].our_outcome = "correct"
    texts["rationale 2 gemini"].text = "Nobody knows."
    texts["feedback 3 gpt"].text = "The student multiplied 13 by 40."
    reviews = session.exec(select(t.Review).order_by(t.Review.id)).all()
    for review in reviews[::11]:
        review.score, review.status = None, "no score found"
    session.add_all([*attempts.values(), *texts.values(), *reviews])
    _add_mistake_without_texts(session, exam_id)
    session.flush()
    _judge(session, attempts, texts)
    return exam_id


def _asked(session: Session, exam_id: int) -> list[tuple[t.Question, t.Attempt]]:
    query = select(t.Question, t.Attempt).join(t.Attempt, t.Attempt.question_id == t.Question.id)
    return list(session.exec(query.where(t.Attempt.exam_id == exam_id)).all())


def _texts(session: Session) -> list[tuple[t.Explanation, t.Question, t.Teacher]]:
    of_text = (t.Explanation.question_id == t.Question.id) & (t.Explanation.author_id == t.Teacher.id)
    return list(session.exec(select(t.Explanation, t.Question, t.Teacher).where(of_text)).all())


def _add_mistake_without_texts(session: Session, exam_id: int) -> None:
    set_id = session.get_one(t.Exam, exam_id).set_id
    question = t.Question(
        uid=f"question {MISTAKES}", set_id=set_id, source_id="last", position=MISTAKES, split="train", task="numeric",
        text="How many?", gold="7",
    )  # fmt: skip
    session.add(question)
    session.flush()
    session.add(
        t.Attempt(
            uid=f"attempt {MISTAKES}", exam_id=exam_id, question_id=question.id, text="9", answer="9",
            outcome="incorrect", our_answer="9", our_outcome="incorrect",
        )
    )  # fmt: skip


def _judge(session: Session, attempts: dict[int, t.Attempt], texts: dict[str, t.Explanation]) -> None:
    def judge(row: t.Explanation | t.Attempt, act: Act, by: Any, **more: Any) -> t.Judgement:
        target = Target(row.kind if isinstance(row, t.Explanation) else "attempt", queries.identity(row))
        return judging.judge(session, target, act, by=by, **more)

    accepted = Circumstances(committee="accepted")
    judge(texts["rationale 0 mistral"], Act.ACCEPT, ANN, circumstances=accepted)
    judge(texts["rationale 0 gemini"], Act.ACCEPT, ANN, circumstances=accepted)
    judge(texts["rationale 0 gemini"], Act.REJECT, BOB, reason="false_step")
    judge(texts["rationale 1 gpt"], Act.REJECT, BOB, reason="unclear", circumstances=accepted)
    judge(texts["rationale 1 gemini"], Act.SKIP, ANN)
    judge(texts["feedback 1 gpt"], Act.REJECT, ANN)
    judge(texts["feedback 2 gpt"], Act.ACCEPT, ANN)
    judge(texts["feedback 2 gpt"], Act.REJECT, EVE, role=judging.ADJUDICATOR)
    judge(texts["rationale 2 gpt"], Act.CORRECT, BOB, value="16")
    taken_back = judge(texts["rationale 3 gpt"], Act.REJECT, ANN)
    judging.undo(session, queries.identity(taken_back), by=ANN)
    broken = texts["rationale 3 mistral"]
    target = Target(broken.kind, queries.identity(broken))
    repairs.repair(session, target, "13 + 6 = 19. So there are 19 pens.", by=ANN, token="repair")
    judge(attempts[2], Act.CORRECT, ANN, value="8")
    judge(attempts[5], Act.ACCEPT, BOB)
    gold = Target("question", attempts[4].question_id)
    judging.judge(session, gold, Act.CORRECT, by=ANN, value="99")
    judging.judge(session, Target("question", attempts[6].question_id), Act.REJECT, by=ANN, reason="question_unclear")


def list_rows(session: Session, exam_id: int) -> list[str]:
    """Return the lines of all policies, each policy's in a stable order."""
    saved_policies.save_policy(session, Policy("fair", leniency_adjusted=True), by=ANN)
    lines = []
    for name, judgements_wanted in (("paper", 1), ("strict", 1), ("fair", 2)):
        saved_policies.set_policy(session, exam_id, name, None, by=ANN)
        assignment.set_judging(session, exam_id, judgements_wanted=judgements_wanted, by=ANN)
        derivation.derive(session, exam_id)
        lines += sorted(_of_policy(session, exam_id, name))
    return lines


def _of_policy(session: Session, exam_id: int, policy: str) -> list[str]:
    names = {
        "question_id": {question.id: question.uid for question, _ in _asked(session, exam_id)},
        "attempt_id": {attempt.id: attempt.uid for _, attempt in _asked(session, exam_id)},
        "explanation_id": {text.id: text.uid for text, _, _ in _texts(session)},
        "author_id": {author.id: author.name for _, _, author in _texts(session)},
    }
    standing = ", ".join(c.name for c in t.metadata.tables["standing"].c if c.name not in ("id", "exam_id"))
    figures = {
        f"figure:{f} by {id_}": f"figure:{f} by {name}" for id_, name in names["author_id"].items() for f in FIGURES
    }
    lines = []
    for table, query in QUERIES.items():
        rows = session.execute(sa.text(query.format(standing=standing)), {"exam": exam_id})
        for row in rows.mappings():
            values = [names.get(key, figures).get(value, value) for key, value in row.items()]
            # SQLite gives a truth as a number.
            lines.append("\t".join([policy, table, *(str(int(v) if isinstance(v, bool) else v) for v in values)]))
    return [line.replace("\n", "|") for line in lines]


def compare(rows: list[str], content: str) -> str | None:
    """Return one sentence that says what to do where the rows are not the file's; None where they are."""
    head, *known = content.splitlines()
    anew = f"`python -m tests.review.index_rows` writes {FILE.name} anew"
    if rows != known:
        first = next(
            (f"{row!r}, not {old!r}" for row, old in zip(rows, known, strict=False) if row != old), "more rows"
        )
        # Where a check says something else, verdicts go on resting on what it said until its own version is raised.
        checks, old_checks = ([row for row in each if "\ttext_check\t" in row] for each in (rows, known))
        if checks != old_checks and head.split(", ")[1:] == _head().split(", ")[1:]:
            return f"the checks say something else ({first}): raise CHECKS_VERSION in checks.py, then {anew}"
        if head == _head():
            return f"the rules derive other rows ({first}): raise RULES_VERSION in index_writer.py, then {anew}"
    return None if head == _head() else f"{FILE.name} is of {head!r}, the rules are of {_head()!r}: {anew}"


def _head() -> str:
    return f"RULES_VERSION {index_writer.RULES_VERSION}, CHECKS_VERSION {CHECKS_VERSION}"


def write() -> str | None:
    """Write the file; return why not, where the rows changed and the version did not."""
    with tempfile.TemporaryDirectory() as folder:
        engine = db.open_store(Settings(home=Path(folder), database_url=None))
        with db.writing(engine) as session:
            rows = list_rows(session, make_example(session, Path(folder)))
        engine.dispose()
    if FILE.exists() and (fault := compare(rows, FILE.read_text("utf-8"))) and "raise" in fault:
        return fault
    FILE.write_text("\n".join([_head(), *rows, ""]), "utf-8")
    return None


if __name__ == "__main__":
    sys.exit(write())
