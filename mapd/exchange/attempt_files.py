"""Read a file of answers that a model gave elsewhere, and match its rows to the questions of a set.

    {"question_id": "chal-1", "response": "76 - 25 = 51\\nAnswer: 51"}                         plain
    {"question_id": "chal-1", "sample": 0, "response": "…", "student": "smollm2", …}           as attempts.py writes it
    {"doc_id": 0, "doc": {"ID": "chal-1", "Body": …}, "resps": [["76 - 25 = 51"]], "filter": "strict-match", …}

The last is a line of lm-evaluation-harness's samples_….jsonl: its `doc` is the row of the question set, and is read as
question files are. A thought in a response is split off, as it is here. Several rows of one question are samples. A row
is matched by its id, else by its question's text; an id whose question has another text is refused, because other files
number their questions from 0, too.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any

from sqlmodel import Session, select

from mapd.answers.grading import Task
from mapd.characters import storable
from mapd.errors import BadInput, Undecided
from mapd.models.base import Finish
from mapd.questions import formats
from mapd.questions.drafts import Draft, Source, make_drafts
from mapd.questions.file_table import FileRecord, FileTable
from mapd.questions.imports import BadRow, refuse_rows, unreadable_rows
from mapd.questions.rows import QuestionRow, question_key
from mapd.questions.values import as_text, as_whole_number, is_blank, short, without_zeros
from mapd.store import tables as t

IDS = ("question_id", "id", "question_uid")  # under which a plain row names its question
NO_TEXTS = "no texts but the likelihoods of options; take the samples of a task that generates (generate_until)"
# Of one question.
MOST_SAMPLES = 10_000


@dataclass(frozen=True, slots=True)
class ImportedAnswer:
    """One response to one question of the set."""

    question: t.Question
    sample: int
    # Its thought, too, where one stands in it.
    text: str
    finish: str | None = None
    thought: str | None = None  # where the row has it apart


@dataclass(frozen=True, slots=True)
class AttemptsContent:
    """A file's answers, matched to a set's questions; nothing written yet."""

    answers: tuple[ImportedAnswer, ...]
    bad: tuple[BadRow, ...]
    student: str
    split: str
    files: tuple[tuple[str, str], ...] = ()  # each by its name with its sha256

    def refuse_bad(self) -> None:
        """Refuse a file with rows that can't be matched or read. Raises: BadRows."""
        refuse_rows(self.bad, are_others=bool(self.answers))


@dataclass(slots=True, eq=False)
class _Reply:
    """What a row says: which question it answers, and with which texts."""

    table: FileTable
    number: int
    original: Mapping[str, Any]
    name: str | None = None
    # What the question may be: context, text, options.
    question_keys: list[tuple[str, ...]] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    sample: int | None = None
    finish: str | None = None
    thought: str | None = None
    faults: list[tuple[str, str]] = field(default_factory=list)

    def as_bad(self) -> BadRow:
        """Return the row with what is wrong with it."""
        return BadRow(self.table.name, self.table.unit, self.number, tuple(self.faults), self.original)


def parse(
    session: Session, tables: Sequence[FileTable], questions: t.QuestionSet, *, split: str | None, student: str | None
) -> AttemptsContent:
    """Match files of answers to a set's questions. Raises: BadInput for no answers; Undecided for several splits."""
    index = QuestionIndex(session.exec(select(t.Question).where(t.Question.set_id == questions.id)).all())
    pairs: list[tuple[_Reply, t.Question]] = []
    bad: list[BadRow] = []
    for table in tables:
        replies = _read_replies(table)
        for reply in replies:
            match = None if reply.faults else index.find(reply.name, reply.question_keys)
            if isinstance(match, str):
                reply.faults.append(("question", match))
            question = match if isinstance(match, t.Question) else None
            if question is not None and split is not None and question.split != split:
                reply.faults.append(("question", f"is in split {question.split}, not {split}"))
            if question is not None and not reply.faults:
                pairs.append((reply, question))
        bad += (reply.as_bad() for reply in replies if reply.faults)
        bad += unreadable_rows(table)
    splits = Counter(question.split for _, question in pairs)
    if len(splits) > 1:
        counts = ", ".join(f"{name} ({n:,})" for name, n in sorted(splits.items()))
        raise Undecided(
            f"the answers are to questions of several splits: {counts}; an exam has one: say which with --split",
            "split",
            tuple(splits),
        )
    name = student or _student_of(tables)
    answers, repetitions = _number_samples(pairs)
    files = tuple((table.name, table.sha256) for table in tables if table.sha256 is not None)
    return AttemptsContent(tuple(answers), (*bad, *repetitions), name, next(iter(splits), split or ""), files)


def _read_replies(table: FileTable) -> list[_Reply]:
    names = dict.fromkeys(name for record in table.records for name in record.fields)
    if table.is_text or not names.keys() & {"response", "doc", "resps"}:
        is_named = bool(names) and not table.is_text
        fields = f", not {{{', '.join(short(name, 30) for name in [*names][:8])}}}" if is_named else ""
        raise BadInput(f'{table.name} holds no answers; a row is {{"question_id": "…", "response": "…"}}{fields}')
    docs = _read_docs(table)
    replies = []
    first_filters: dict[tuple[Any, ...], str] = {}
    for record in table.records:
        if not record.fields.keys() & {"doc", "resps"}:
            replies.append(_plain_reply(table, record))
            continue
        reply = _harness_reply(table, record, *docs.get(record.number, (None, [])))
        content, name = (reply.name, *reply.question_keys, *reply.texts), str(record.fields.get("filter"))
        # A harness writes a row for each of its filters: the same texts count once.
        if first_filters.setdefault(content, name) == name or reply.faults:
            replies.append(reply)
    return replies


def _read_docs(table: FileTable) -> dict[int, tuple[str | None, list[tuple[str, ...]]]]:
    """Return the questions that a harness wrote beside its answers, by row: the id, and what may have been asked."""
    # They are read as question files are; where no format knows them, each of their texts may be the question.
    rows = [row for row in table.records if isinstance(row.fields.get("doc"), dict)]
    records = tuple(FileRecord(row.number, row.fields["doc"]) for row in rows)
    if not records:
        return {}
    try:
        format_, shape = formats.recognise(table.name, [record.fields for record in records])
    except BadInput:
        return {n: (None, [text_key(v) for v in doc.values() if isinstance(v, str)]) for n, doc in records}
    source = Source(FileTable(table.name, table.unit, records), format_, shape, shape.mapping)
    return {draft.number: (draft.read_name("id"), _question_keys(draft)) for draft in make_drafts(source)}


def _question_keys(doc: Draft) -> list[tuple[str, ...]]:
    text, context = as_text(doc.values["question"]) or "", as_text(doc.values["context"])
    question = QuestionRow("", "", doc.task, text, "", context=context, options=doc.options.texts)
    return [question_key(question), text_key(text)]


def text_key(text: str) -> tuple[str, ...]:
    """Return a question's text without passage and options."""
    return question_key(QuestionRow("", "", Task.TEXT, text, ""))


def _harness_reply(table: FileTable, record: FileRecord, name: str | None, keys: list[tuple[str, ...]]) -> _Reply:
    reply = _Reply(table, record.number, record.fields, name, keys)
    if not isinstance(record.fields.get("doc"), dict):
        reply.faults.append(("doc", "missing; it tells which question was asked"))
        return reply
    responses = record.fields.get("resps", record.fields.get("filtered_resps"))
    if "resps" in record.fields and isinstance(responses, list) and len(responses) == 1:
        # One request, and its samples.
        responses = responses[0]
    if not isinstance(responses, list) or not all(isinstance(text, str) for text in responses) or not responses:
        reply.faults.append(("resps", f"{short(record.fields.get('resps'))}: {NO_TEXTS}"))
        return reply
    reply.texts = responses
    return reply


def _plain_reply(table: FileTable, record: FileRecord) -> _Reply:
    fields = record.fields
    reply = _Reply(table, record.number, fields)
    names = [as_text(fields[key]) for key in IDS if not is_blank(fields.get(key))]
    reply.name = without_zeros(names[0]) if names and names[0] is not None else None
    if isinstance(question := fields.get("question"), str):
        reply.question_keys = [text_key(question)]
    if reply.name is None and not reply.question_keys:
        reply.faults.append(("question_id", "missing; a row names its question"))
    text = as_text(fields.get("response"))
    if text is None:
        reply.faults.append(("response", "missing" if fields.get("response") is None else "no text"))
    else:
        reply.texts = [text]
    if not is_blank(sample := fields.get("sample")):
        reply.sample = as_whole_number(sample)
        if reply.sample is None or not 0 <= reply.sample < MOST_SAMPLES:
            reply.faults.append(("sample", f"{short(sample)} is no number of a sample, from 0"))
    finish, reply.thought = fields.get("finish"), as_text(fields.get("thought"))
    if finish is not None and finish not in [end.value for end in Finish if end is not Finish.FAILED]:
        reply.faults.append(("finish", f"{short(finish)} is no way to end: it is ok, cut_off, empty or refused"))
    elif finish is not None:
        reply.finish = finish
    return reply


class QuestionIndex:
    """Finds a question by its id, its uid, or its text. `whole`: what they are all of them of, as a message says it."""

    def __init__(self, questions: Sequence[t.Question], whole: str = "set") -> None:
        self.whole = whole
        self.by_name = {name: q for q in questions for name in (q.uid, q.source_id)}
        self.by_key: dict[tuple[str, ...], list[t.Question]] = defaultdict(list)
        for q in questions:
            question = QuestionRow("", "", Task(q.task), q.text, "", context=q.context, options=tuple(q.options))
            full_key = question_key(question)
            self.by_key[full_key].append(q)
            if full_key != text_key(q.text):
                self.by_key[text_key(q.text)].append(q)

    def find(self, name: str | None, keys: Sequence[tuple[str, ...]]) -> t.Question | str:
        """Return the question that has the name, or one of the keys of its text; where there is none, why."""
        by_text = next((self.by_key[key] for key in keys if key in self.by_key), [])
        by_name = self.by_name.get(name) if name is not None else None
        if by_name is not None and (not keys or any(q is by_name for q in by_text)):
            return by_name
        if len(by_text) == 1:
            return by_text[0]
        return self._why_not(name, keys, by_name, by_text)

    def _why_not(
        self,
        name: str | None,
        keys: Sequence[tuple[str, ...]],
        by_name: t.Question | None,
        by_text: Sequence[t.Question],
    ) -> str:
        text = keys[-1][1] if keys else ""
        if by_text:
            return f"{short(text)} is the text of {len(by_text)} questions of the {self.whole}; name it by its id"
        if by_name is not None:
            return f"{short(name)} is another question in the {self.whole}: {short(by_name.text)}"
        return f"{short(name or text)} is no question of the {self.whole}"


def _number_samples(pairs: Sequence[tuple[_Reply, t.Question]]) -> tuple[list[ImportedAnswer], list[BadRow]]:
    """Return the answers with their sample numbers: as a row says, else in the order of the rows."""
    answers, repetitions = [], []
    samples: dict[str, set[int]] = defaultdict(set)
    for reply, question in pairs:
        for text in reply.texts:
            sample = len(samples[question.uid]) if reply.sample is None else reply.sample
            if sample in samples[question.uid]:
                reply.faults.append(("sample", f"{sample} of this question stands in the file twice"))
                repetitions.append(reply.as_bad())
                continue
            samples[question.uid].add(sample)
            thought = reply.thought and storable(reply.thought)
            answers.append(ImportedAnswer(question, sample, storable(text), reply.finish, thought))
    answers.sort(key=lambda answer: (answer.question.position, answer.sample))
    return answers, repetitions


def _student_of(tables: Sequence[FileTable]) -> str:
    """Return who answered: as the rows say where they agree, else the file's name."""
    names = {str(record.fields.get("student") or "") for table in tables for record in table.records}
    if len(names) == 1 and (name := names.pop().strip()):
        return name
    return PurePath(tables[0].name.removesuffix(".gz")).stem or "imported"
