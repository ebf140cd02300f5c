"""The paper authors' own files, which `mapd import authors` reads: a folder with their three.

    mistakes.json      [{"id": 0, "question": "There are 87 oranges …", "gold_answer": "145", …}, …]
    feedback.json      the same, with "gpt_feedback", "gemini_feedback", …
    rationales.json    the same, with "gpt_rationale": ["To find out …", 5, 5], …, "correct_rationale": [the accepted]

The scores of a teacher's text are the other teachers', in the order of their columns; 0 is no vote, here as in the
authors' code. A snapshot's files hold its pairs and the rejected rationales; an exam's hold all of it (`write_exam`).
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from itertools import groupby
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from mapd.answers.choice import LETTERS
from mapd.answers.grading import Task
from mapd.characters import as_json
from mapd.curation import live_set
from mapd.curation.curated import Curated, Mistake
from mapd.domain import Text, Verdict
from mapd.errors import BadInput
from mapd.exchange import files
from mapd.exchange.authors import AUTHORS_ORDER, NO_ANSWER, AuthorsRow
from mapd.exchange.row_files import RowsExport
from mapd.exchange.training.format import TrainingFormat, TrainingSource
from mapd.exchange.training.pairs import FrozenPair, FrozenText
from mapd.people import Person, Right, require
from mapd.questions.options import read_shown
from mapd.questions.values import as_whole_number
from mapd.store import audit_log, db, queries

MISTAKES, FEEDBACK, RATIONALES = FILES = ("mistakes.json", "feedback.json", "rationales.json")
ACCEPTED = "correct_rationale"
NO_VOTE = 0
NOTE = "the authors' files have one rationale a teacher, and no place for scores of feedback or what people decided"


def write(path: Path, source: TrainingSource) -> int:
    """Write the snapshot; return the number of mistakes."""
    teachers = _order_teachers(sorted(source.manifest["teachers"]))
    groups = (list(group) for _, group in groupby(source.pairs, key=lambda pair: pair.mistake))
    return write_files(path, map(_read_pairs, groups), teachers)


def write_exam(path: Path, curated: Curated) -> int:
    """Write the mistakes of an exam with all that teachers wrote and what is accepted now; return their number."""
    return write_files(path, map(_read_mistake, curated.mistakes), _order_teachers(curated.teachers))


def export_exam(engine: sa.Engine, exam: str, path: Path, *, by: Person) -> RowsExport:
    """Write an exam, which is in memory meanwhile, to a new folder.

    Raises: Forbidden; NotFound; BadInput where it can't be written.
    """
    person = require(by, Right.EXPORT)
    with db.reading(engine) as session:
        info = queries.exam(session, exam)
        curated = live_set.load_curated(session, info.id)
    with files.whole(path) as place:
        rows = write_exam(place, curated)
        sha256 = files.sha256_of(place)
    with db.writing(engine) as session:
        detail = {"format": AUTHORS.name, "rows": rows, "file": path.name, "sha256": sha256}
        audit_log.audit(session, person, "export", f"exam {info.uid}", **detail)
    return RowsExport(str(path), rows, sha256)


def write_files(path: Path, rows: Iterable[AuthorsRow], teachers: Sequence[str]) -> int:
    """Write the three files into a new folder; return the number of rows. Raises: BadInput for a name."""
    # Its texts would stand where the accepted ones do.
    if "correct" in teachers:
        raise BadInput("the authors' files can't have a teacher named correct; rename it with `mapd teachers rename`")
    path.mkdir()
    count, numbers = 0, Counter[str]()
    with ExitStack() as stack:
        add = {name: stack.enter_context(_json_list(path / name)) for name in FILES}
        for row in rows:
            numbers[row.source_id] += 1
            base = _base(row, numbers[row.source_id])
            add[MISTAKES](base)
            add[FEEDBACK](base | {f"{name}_feedback": row.feedback.get(name) for name in teachers})
            add[RATIONALES](base | _rationales(row, teachers) | {ACCEPTED: list(row.accepted or ())})
            count += 1
    return count


@contextmanager
def _json_list(path: Path) -> Iterator[Callable[[Mapping[str, Any]], None]]:
    """Yield the function that adds an object to the list in a new file."""
    # Rows of a snapshot come one by one: json.dump would need the whole list in memory.
    opening, separator = "[\n", ",\n"
    before_next = opening
    with path.open("w", encoding="utf-8", newline="\n") as file:

        def add(row: Mapping[str, Any]) -> None:
            nonlocal before_next
            file.write(before_next + as_json(row))
            before_next = separator

        yield add
        file.write("[]\n" if before_next is opening else "\n]\n")


def _order_teachers(names: Sequence[str]) -> list[str]:
    """Return the teachers in the order of their columns: the authors' three as in their files, then the others."""
    return [name for name in AUTHORS_ORDER if name in names] + [name for name in names if name not in AUTHORS_ORDER]


def _base(row: AuthorsRow, occurrence: int) -> dict[str, Any]:
    """Return what each of the files says of a mistake. `occurrence`: 1 for the first with its number, and so on."""
    # Of several exams, or several answers to a question, two may have one number; a file has each once.
    source_id = row.source_id if occurrence == 1 else f"{row.source_id} ({occurrence})"
    # A number such as 007 stays a text, or it would lose its zeros.
    number = as_whole_number(source_id)
    base: dict[str, Any] = {
        # The authors number their rows.
        "id": number if str(number) == source_id else source_id,
        "question": row.question,
        "gold_answer": row.gold,
        "student_wrong_pred": row.response,
        # Their files write it in capitals.
        "student_wrong_final_answer": NO_ANSWER.upper() if row.answer is None else row.answer,
    }
    base |= {"context": row.context} if row.context else {}
    return base | ({"options": list(row.options)} if row.options else {})


def _rationales(row: AuthorsRow, teachers: Sequence[str]) -> dict[str, Any]:
    """Return each teacher's rationale as [text, score by the first other teacher, …]; null where there is none."""
    columns: dict[str, Any] = {}
    for teacher in teachers:
        text, votes = row.rationales.get(teacher, (None, ()))
        scores = dict(votes)
        others = (name for name in teachers if name != teacher)
        columns[f"{teacher}_rationale"] = text and [text, *(scores.get(name, NO_VOTE) for name in others)]
    return columns


# --- Of a snapshot ----------------------------------------------------------------------------------------------------


def _read_pairs(pairs: Sequence[FrozenPair]) -> AuthorsRow:
    """Return a mistake's pairs as one row."""
    first, question = pairs[0], pairs[0].question
    accepted = {pair.rationale.uid: pair.rationale for pair in pairs if pair.rationale is not None}
    feedback = [pair.feedback for pair in pairs if pair.feedback is not None]
    texts = [*accepted.values(), *first.rejected]
    gold = read_shown(question.gold, question.task, question.options)
    answer = first.attempt.answer
    return AuthorsRow(
        source_id=question.source_id,
        question=question.text,
        context=question.context,
        options=question.options,
        gold=_as_index(gold, question.task),
        # A snapshot's lines hold no note, so GSM8K's worked solutions aren't in these files.
        gold_note=None,
        response=first.attempt.text,
        answer=None if answer is None else read_shown(answer, question.task, question.options),
        # Of several texts by one teacher the first stands: the files have room for one.
        feedback={text.teacher: text.text for text in reversed(feedback)},
        rationales={text.teacher: (text.text, tuple(_votes(text))) for text in reversed(texts)},
        accepted=tuple(text.text for text in accepted.values()),
    )


def _votes(text: FrozenText) -> Iterator[tuple[str, int]]:
    return ((vote.reviewer, NO_VOTE if vote.score is None else vote.score) for vote in text.committee.votes)


# --- Of an exam -------------------------------------------------------------------------------------------------------


def _read_mistake(mistake: Mistake) -> AuthorsRow:
    question = mistake.question
    return AuthorsRow(
        source_id=question.source_id,
        question=question.text,
        context=question.context,
        options=question.options,
        gold=_with_note(_as_index(mistake.gold, question.task), question.gold_note, question.task),
        gold_note=None,
        response=mistake.attempt.text,
        answer=mistake.answer,
        feedback={x.text.teacher: x.text.text for x in reversed(mistake.feedback)},
        rationales={x.text.teacher: (x.text.text, tuple(_raw_votes(x.text))) for x in reversed(mistake.rationales)},
        accepted=tuple(x.text.text for x in mistake.rationales if x.verdict is Verdict.ACCEPTED),
    )


def _raw_votes(text: Text) -> Iterator[tuple[str, int]]:
    """Yield each reviewer's score as the authors' files have it: also one that is no vote, such as 83."""
    for vote in text.votes:
        number = None if vote.raw is None else as_whole_number(vote.raw)
        yield vote.reviewer, vote.score or number or NO_VOTE


def _as_index(gold: str, task: Task) -> str:
    """Return a choice's gold answer as its index, which LogiQA has."""
    return str(LETTERS.index(gold)) if task is Task.CHOICE and gold in LETTERS else gold


def _with_note(gold: str, note: str | None, task: Task) -> str:
    """Return a gold answer with what came with it, as GSM8K and StrategyQA have it."""
    if note is None:
        return gold
    return f"{gold}.\t{note}" if task is Task.BOOLEAN else f"{note}#### {gold}"


AUTHORS = TrainingFormat(
    "authors",
    "the paper authors' JSON files: a folder",
    "",
    write,
    count=lambda manifest: int(manifest["counts"]["mistakes_in_pairs"]),
    note=NOTE,
)
