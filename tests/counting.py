"""Counts an exam again from its rows, slowly and plainly, by nothing of the curation's own code.

    Count(session, exam_id=1, policy=PAPER).accepted      -> 24

Only the readers of texts (checks.py, grading.py) are shared: what an equation or an answer is has tests of its own.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session

from mapd.answers.grading import Task, answers_equal
from mapd.checks import check_feedback, check_rationale
from mapd.policies import Policy
from mapd.store import tables as t

Record = dict[str, Any]


def table(session: Session, name: str) -> list[Record]:
    """Every row of a table, in the order in which they came in."""
    rows = session.execute(sa.select(t.metadata.tables[name]).order_by(sa.text("id"))).mappings()
    return [dict(row) for row in rows]


@dataclass
class Word:
    """What people say of one target now."""

    decision: str | None
    value: str | None
    by: tuple[str, ...]
    conflict: bool
    settled: bool  # by an adjudicator


NOBODY = Word(None, None, (), conflict=False, settled=False)


@dataclass
class Judged:
    """A text as committee and people have it."""

    id: int
    uid: str
    kind: str
    teacher: str
    committee: str
    verdict: str
    matches: str
    answer: str | None
    word: Word
    scores: list[int]


class Count:
    """An exam under a policy, counted from the rows."""

    def __init__(self, session: Session, exam_id: int, policy: Policy) -> None:
        self.policy, self.exam_id = policy, exam_id
        self.exam = next(row for row in table(session, "exam") if row["id"] == exam_id)
        self.questions = {row["id"]: row for row in table(session, "question")}
        self.attempts = [row for row in table(session, "attempt") if row["exam_id"] == exam_id]
        self.teachers = {row["id"]: row["name"] for row in table(session, "teacher")}
        self.judgements = table(session, "judgement")
        asked, taken = {a["question_id"] for a in self.attempts}, {a["id"] for a in self.attempts}
        self.texts = [
            row
            for row in table(session, "explanation")
            if row["attempt_id"] in taken or (row["kind"] == "rationale" and row["question_id"] in asked)
        ]
        here = {row["id"] for row in self.texts}
        self.reviews = [row for row in table(session, "review") if row["explanation_id"] in here]

    # -- what people say ----------------------------------------------------------------------------------------------

    @cached_property
    def standing(self) -> list[Record]:
        """The judgements that nobody took back."""
        undone_by = {row["undoes_id"]: row["id"] for row in self.judgements if row["undoes_id"] is not None}

        def stands(row: Record) -> bool:
            undos, at = 0, row["id"]
            while at in undone_by:
                at, undos = undone_by[at], undos + 1
            return undos % 2 == 0

        return [row for row in self.judgements if row["undoes_id"] is None and stands(row)]

    def heard(self, column: str, target: int, about: Iterable[str], skip: Iterable[int] = ()) -> list[Record]:
        """By person and role the latest word of these decisions."""
        latest: dict[tuple[str, str], Record] = {}
        for row in self.standing:
            if row[column] == target and row["decision"] in about and row["id"] not in skip:
                latest.pop((row["role"], row["person"]), None)
                latest[row["role"], row["person"]] = row
        return [row for row in latest.values() if row["decision"] != "withdraw"]

    def word(self, column: str, target: int, about: Iterable[str], skip: Iterable[int] = ()) -> Word:
        """What they come to: the adjudicator's latest, else what all say, else a conflict."""
        rows = self.heard(column, target, about, skip)
        last = [row for row in rows if row["role"] == "adjudicator"][-1:]
        rows = last or rows
        if not rows:
            return NOBODY
        by = tuple(sorted({row["person"] for row in rows}))
        if len({(row["decision"], row["value"]) for row in rows}) > 1:
            return Word(None, None, by, conflict=True, settled=False)
        return Word(rows[-1]["decision"], rows[-1]["value"], by, conflict=False, settled=bool(last))

    # -- what is a mistake --------------------------------------------------------------------------------------------

    def gold(self, question: Record) -> str:
        word = self.word("question_id", question["id"], EVERYTHING)
        return str(word.value if word.decision == "correct" else question["gold"])

    def is_mistake(self, attempt: Record) -> bool:
        question = self.questions[attempt["question_id"]]
        word = self.word("attempt_id", attempt["id"], EVERYTHING)
        if word.decision == "reject":
            return False
        gold = self.gold(question)
        if word.decision != "correct" and gold == question["gold"]:
            return bool(attempt["outcome"] != "correct")
        answer = word.value if word.decision == "correct" else attempt["answer"]
        return answer is None or not answers_equal(answer, gold, Task(question["task"]), question["options"])

    def is_out(self, attempt: Record) -> bool:
        """Whether people took its question out."""
        return self.word("question_id", attempt["question_id"], EVERYTHING).decision == "reject"

    @cached_property
    def mistakes(self) -> list[Record]:
        return [a for a in self.attempts if self.is_mistake(a) and not self.is_out(a)]

    @property
    def recorded(self) -> int:
        return sum(a["outcome"] != "correct" for a in self.attempts)

    @property
    def excluded(self) -> int:
        return sum(self.is_mistake(a) and self.is_out(a) for a in self.attempts)

    @property
    def corrected(self) -> int:
        return sum(a["outcome"] != "correct" and not self.is_mistake(a) for a in self.attempts)

    # -- what is accepted ---------------------------------------------------------------------------------------------

    def votes(self, text: int) -> list[Record]:
        """The votes that count: with sight of the gold, if any of those is one."""
        rows = [row for row in self.reviews if row["explanation_id"] == text]
        saw = [row for row in rows if row["saw_gold"]]
        return (
            saw
            if any(row["score"] is not None for row in saw) or len(saw) == len(rows)
            else [row for row in rows if not row["saw_gold"]]
        )

    @cached_property
    def leniency(self) -> dict[int, Fraction]:
        given: dict[int, list[int]] = defaultdict(list)
        for text in self.texts:
            for vote in self.votes(text["id"]):
                if vote["score"] is not None:
                    given[vote["reviewer_id"]].append(vote["score"])
        scores = [score for own in given.values() for score in own]
        return {who: Fraction(sum(own), len(own)) - Fraction(sum(scores), len(scores)) for who, own in given.items()}

    def judged(self, text: Record) -> Judged:
        question = self.questions[text["question_id"]]
        gold, task, options = self.gold(question), Task(question["task"]), tuple(question["options"])
        words = [row["id"] for row in self.judgements if row["explanation_id"] == text["id"]]
        answer, matches, work, failures = None, "nothing", "nothing", []
        if text["kind"] == "rationale":
            checks = check_rationale(text["text"], gold, task, options)
            reading = self.word("explanation_id", text["id"], ("correct",))
            answer = reading.value if reading.decision == "correct" else checks.answer
            equations, work = checks.equations_true.value, checks.shows_work.value
            if gold.strip() and answer is not None:
                matches = "holds" if answers_equal(answer, gold, task, options) else "fails"
            failures += ["matches_gold"] if matches != "holds" else []
            failures += ["shows_work"] if work != "holds" else []
        else:
            stated = check_feedback(text["text"], gold, task, options)
            matches, equations = (stated.states_gold.value if gold.strip() else "nothing"), stated.equations_true.value
            failures += ["matches_gold"] if matches == "fails" else []
        failures += ["equations_true"] if equations == "fails" else []
        failed = bool(set(failures) & set(self.policy.checks))
        votes = [v for v in self.votes(text["id"]) if v["score"] is not None]
        fair = self.policy.leniency_adjusted
        scores = [v["score"] - (self.leniency.get(v["reviewer_id"], 0) if fair else 0) for v in votes]
        above = bool(scores) and Fraction(sum(scores)) / len(scores) > Fraction(str(self.policy.threshold))
        if text["repairs_id"] is not None:
            committee = "rejected" if failed else "accepted"
        elif text["kind"] == "rationale" and len(scores) < self.policy.min_votes:
            committee = "undecided"
        else:
            committee = (
                "accepted" if not failed and (above or (text["kind"] == "feedback" and not scores)) else "rejected"
            )
        word = self.word("explanation_id", text["id"], VERDICTS)
        born = words[:1] if text["repairs_id"] is not None else ()
        outranks = self.word("explanation_id", text["id"], VERDICTS, skip=born)
        said = {"accept": "accepted", "reject": "rejected"}.get(outranks.decision or "", committee)
        verdict = "undecided" if outranks.conflict else said
        who = self.teachers[text["author_id"]]
        kept = (text["id"], text["uid"], text["kind"], who, committee, verdict, matches, answer, word)
        return Judged(*kept, [v["score"] for v in votes])

    @cached_property
    def of(self) -> dict[int, list[Judged]]:
        """By mistake its texts; a repair whose act was taken back is none."""
        standing = {row["id"] for row in self.standing}
        first = {}
        for row in self.judgements:
            first.setdefault(row["explanation_id"], row["id"])
        there = [x for x in self.texts if x["repairs_id"] is None or first.get(x["id"]) in standing]
        judged = {x["id"]: self.judged(x) for x in there}
        return {
            m["id"]: [
                judged[x["id"]]
                for x in there
                if x["attempt_id"] == m["id"] or (x["attempt_id"] is None and x["question_id"] == m["question_id"])
            ]
            for m in self.mistakes
        }

    def each(self, kind: str | None = None) -> list[Judged]:
        """The texts of the mistakes, each once."""
        texts = {x.id: x for own in self.of.values() for x in own}
        return [x for x in texts.values() if kind in (None, x.kind)]

    # -- the figures --------------------------------------------------------------------------------------------------

    def verdicts(self, verdict: str, kind: str = "rationale") -> int:
        return sum(x.verdict == verdict for x in self.each(kind))

    @property
    def wrong(self) -> int:
        return sum(x.verdict == "accepted" and x.matches == "fails" for x in self.each("rationale"))

    @property
    def rejected_right(self) -> int:
        return sum(x.verdict == "rejected" and x.matches == "holds" for x in self.each("rationale"))

    def overridden(self, kind: str | None = "rationale") -> int:
        return sum(x.verdict != x.committee for x in self.each(kind))

    @property
    def conflicts(self) -> int:
        disputed = sum(
            self.word("attempt_id", m["id"], EVERYTHING).conflict
            or self.word("question_id", m["question_id"], EVERYTHING).conflict
            for m in self.mistakes
        )
        return disputed + sum(x.word.conflict for x in self.each())

    @property
    def covered(self) -> int:
        return sum(any(x.kind == "rationale" and x.verdict == "accepted" for x in own) for own in self.of.values())

    def pairs_of(self, mistake: int) -> int:
        """How many pairs "all accepted" makes of a mistake."""
        own = self.of[mistake]
        stands = any(x.kind == "feedback" and x.verdict == "accepted" for x in own)
        return stands * sum(x.kind == "rationale" and x.verdict == "accepted" for x in own)

    @property
    def pairs(self) -> int:
        return sum(bool(self.pairs_of(mistake)) for mistake in self.of)

    @property
    def all_pairs(self) -> int:
        return sum(map(self.pairs_of, self.of))

    @property
    def judged_by_enough(self) -> int:
        """Rationales that nobody else's judgement is wanted for."""
        return sum(x.word.settled or len(x.word.by) >= self.exam["judgements_wanted"] for x in self.each("rationale"))


EVERYTHING = ("accept", "reject", "correct", "withdraw")
VERDICTS = ("accept", "reject", "withdraw")
