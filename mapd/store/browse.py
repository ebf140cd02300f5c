"""The rows of browse, page by page, from the queue index: SQL that knows no rule.

    list_rows(session, exam_id, RowFilter(verdict="accepted"), 300)               -> the first 25 rationales
    list_rows(session, exam_id, row_filter, 300, PageStart(rows[-1].key))           -> the 25 behind them
    list_rows(session, exam_id, row_filter, 300, PageStart(rows[0].key, back=True)) -> the 25 before

A page is read from where the last one ended (its key), so it costs the same at any depth, as long as the filter fits
some rows in each stretch of the order.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlmodel import Session

from mapd.domain import CHECKS, LONGEST_SEARCH, Order, RowFilter, RowKind
from mapd.store.check_columns import find_column
from mapd.store.tables import NO_MEAN

PAGE = 25
# Hits of a search: fewer are sorted; of more the order is walked until the page is full.
FEW = 2_000
KINDS = {RowKind.MISTAKES: "rationale", RowKind.RATIONALES: "rationale", RowKind.FEEDBACK: "feedback"}
DOUBT = "CASE WHEN {row}.committee_cut > :at THEN {row}.place_accepted ELSE {row}.place_rejected END"
VERDICTS: Mapping[str, str] = {
    "accepted": "{row}.cut > :at",
    "rejected": "{row}.cut <= :at AND NOT {row}.undecided",
    "undecided": "{row}.undecided",
}
COMMITTEE: Mapping[str, str] = {  # what the committee says, whatever people decided
    "accepted": "{row}.committee_cut > :at",
    "rejected": "{row}.committee_cut <= :at AND NOT {row}.committee_undecided",
    "undecided": "{row}.committee_undecided",
}
PEOPLE_SQL: Mapping[str, str] = {
    "not judged": "{row}.people = ''",
    "judged": "{row}.people <> ''",
    "overridden": "(({row}.cut > :at) <> ({row}.committee_cut > :at) OR {row}.undecided <> {row}.committee_undecided)",
    "conflict": "{row}.people = 'conflict'",
}
# The parts of the questions. Mixed by a prime: a file that takes turns between two tasks would give each part but one.
PART_SQL = "abs(CAST({row}.position AS BIGINT) * 7919) % 10007 % :parts = :part"
# People called the question bad, or corrected its gold or an answer to it.
OVERRIDDEN = "{row}.people IN ('reject', 'correct')"
CHUNKS = re.compile('["“”„]([^"“”„]*)["“”„]|([^\\s"“”„]+)')  # of what is searched for: quoted, or a word
TOKEN = re.compile(r"[^\W_]+")
# Where words are, and the number in a hit's id.
WORDS_OF = {"explanation": 0, "question": 1, "attempt": 2}
_JOIN_CONDITIONS = (
    "s.question_id = x.question_id AND s.explanation_id = x.id",
    "s.question_id = x.id",
    "s.question_id = x.question_id AND (s.attempt_id = x.id OR s.kind = 'question' AND x.exam_id = s.exam_id)",
)


@dataclass(frozen=True, slots=True)
class BrowseRow:
    """One row: its key in the order asked for, and what it is of."""

    key: tuple[int, ...]
    question_id: int
    attempt_id: int
    explanation_id: int | None


@dataclass(frozen=True, slots=True)
class PageStart:
    """From this row's key on, or back from it."""

    key: tuple[int, ...]
    back: bool = False


@dataclass(frozen=True, slots=True)
class _Stream:
    """Rows of one kind that an index has in order: `lead` is a column, or the same number for all of them."""

    kind: str
    lead: str | int | None
    only: str = ""

    def key(self) -> list[str]:
        """Return the columns of a row's key, in SQL."""
        lead = [] if self.lead is None else [str(self.lead) if isinstance(self.lead, int) else f"s.{self.lead}"]
        return [*lead, "s.position", "s.attempt_id", "s.id"]


def key_length(order: Order) -> int:
    """Return the length of a row's key in this order."""
    return 3 if order is Order.QUESTION else 4


def _streams(row_filter: RowFilter, order: Order) -> list[_Stream]:
    if row_filter.show is RowKind.QUESTIONS:
        return [_Stream("question", {Order.WRONG: "place_accepted", Order.RIGHT: "place_rejected"}.get(order))]
    kinds = [KINDS[row_filter.show]]
    mistakes = ["mistake"] if row_filter.show is RowKind.MISTAKES and not row_filter.about_texts else []
    if order is Order.QUESTION:
        return [_Stream(kind, None) for kind in kinds + mistakes]
    if order is Order.LOWEST:
        return [_Stream(kind, "mean") for kind in kinds + mistakes]
    if order is Order.HIGHEST:
        with_votes = [_Stream(kind, "mean", f"s.mean < {NO_MEAN}") for kind in kinds]
        return with_votes + [_Stream(kind, 0, f"s.mean = {NO_MEAN}") for kind in kinds + mistakes]
    accepted = [_Stream(kind, "place_accepted", "s.committee_cut > :at") for kind in kinds]
    return accepted + [_Stream(kind, "place_rejected", "s.committee_cut <= :at") for kind in kinds + mistakes]


def list_rows(
    session: Session,
    exam_id: int,
    row_filter: RowFilter,
    threshold: int,
    start: PageStart | None = None,
    *,
    order: Order = Order.QUESTION,
    number: int = PAGE,
) -> list[BrowseRow]:
    """Return the rows that fit the filter, in order, from the beginning or from where a page starts."""
    back = start is not None and start.back
    descending = (order is Order.HIGHEST) is not back
    rows: list[BrowseRow] = []
    for stream in _streams(row_filter, order):
        query = _Query(session, exam_id, row_filter, threshold, order, stream)
        rows += query.rows(start, descending, number)
    rows.sort(key=lambda row: row.key, reverse=descending)
    return rows[:number][:: -1 if back else 1]


def count_rows(
    session: Session,
    exam_id: int,
    row_filter: RowFilter,
    threshold: int,
    *,
    order: Order = Order.QUESTION,
    before_key: Sequence[int] | None = None,
) -> int:
    """Count the rows that fit the filter; with `before_key` those that stand before that key."""
    if before_key is None:
        # This order has fewest streams, and a mistake in but one of them.
        order = Order.QUESTION
    streams = _streams(row_filter, order)
    start = None if before_key is None else PageStart(tuple(before_key), back=True)
    descending = order is not Order.HIGHEST
    return sum(_Query(session, exam_id, row_filter, threshold, order, s).count(start, descending) for s in streams)


def find_key(
    session: Session, exam_id: int, show: RowKind, threshold: int, order: Order, attempt_id: int, text_id: int | None
) -> tuple[int, ...] | None:
    """Return the key of one text's row in an order, whatever it is filtered by; None where there is no such row."""
    row_filter = RowFilter(show)
    for stream in _streams(row_filter, order):
        query = _Query(session, exam_id, row_filter, threshold, order, stream)
        if (key := query.key_of(attempt_id, text_id)) is not None:
            return key
    return None


def count_texts(session: Session, exam_id: int, row_filter: RowFilter, threshold: int) -> int:
    """Count the texts that fit the filter, each once: several attempts at one question share its rationales."""
    (stream,) = _streams(row_filter, Order.QUESTION)
    query = _Query(session, exam_id, row_filter, threshold, Order.QUESTION, stream)
    return query.count(None, descending=False, number="count(DISTINCT s.explanation_id)")


@dataclass(frozen=True, slots=True)
class ListedText:
    """A text that is wanted: what the committee says, whose word on it is in force, the latest judgement (0 = none)."""

    explanation_id: int
    committee: str
    judged_by: tuple[str, ...]
    latest: int


def list_texts(session: Session, exam_id: int, row_filter: RowFilter, threshold: int, number: int) -> list[ListedText]:
    """Return the first texts that fit the filter, each once (attempts may share a rationale)."""
    (stream,) = _streams(row_filter, Order.QUESTION)
    return _Query(session, exam_id, row_filter, threshold, Order.QUESTION, stream).texts(number)


class _Query:
    """One stream's rows that fit, as SQL."""

    def __init__(
        self, session: Session, exam_id: int, row_filter: RowFilter, threshold: int, order: Order, stream: _Stream
    ) -> None:
        self.session, self.row_filter, self.order, self.stream = session, row_filter, order, stream
        self.values: dict[str, object] = {"exam": exam_id, "kind": stream.kind, "at": threshold}
        self.begin, self.source, self.matches_row = _search_rows(session, row_filter.words, self.values)
        self.where = ["s.exam_id = :exam", "s.kind = :kind", *self._row_conditions("s")]
        # A mistake is one row: that of its text that stands first.
        is_one_of_many = row_filter.show is RowKind.MISTAKES and stream.kind != "mistake"
        self.lead_conditions = [self._lead_condition()] if is_one_of_many else []

    def rows(self, start: PageStart | None, descending: bool, number: int) -> list[BrowseRow]:
        """Return the first rows, from where the page starts."""
        key, way = self.stream.key(), "DESC" if descending else "ASC"
        where = self.where + self.lead_conditions + self._start_conditions(start, descending)
        query = (
            f"{self.begin}SELECT {', '.join(key)}, s.question_id, s.explanation_id FROM {self.source}"
            f" WHERE {' AND '.join(where)} ORDER BY {', '.join(f'{c} {way}' for c in key if c[0] == 's')} LIMIT :number"
        )
        result = self.session.execute(sa.text(query), self.values | {"number": number})
        return [BrowseRow(tuple(row[:-2]), row[-2], row[-4], row[-1]) for row in result]

    def key_of(self, attempt_id: int, text_id: int | None) -> tuple[int, ...] | None:
        """Return the key of one row, if it is of this stream."""
        text = "s.explanation_id = :text" if text_id is not None else "s.explanation_id IS NULL"
        where = [*self.where, *([self.stream.only] if self.stream.only else []), "s.attempt_id = :attempt", text]
        query = f"SELECT {', '.join(self.stream.key())} FROM {self.source} WHERE {' AND '.join(where)}"
        values = self.values | {"attempt": attempt_id, "text": text_id}
        row = self.session.execute(sa.text(query), values).first()
        return None if row is None else tuple(row)

    def count(self, start: PageStart | None, descending: bool, number: str = "") -> int:
        """Count the rows, from where the page starts; `number`: what else to count, in SQL."""
        number = number or ("count(DISTINCT s.attempt_id)" if self.lead_conditions and start is None else "count(*)")
        where = self.where + (self.lead_conditions if start else []) + self._start_conditions(start, descending)
        query = f"{self.begin}SELECT {number} FROM {self.source} WHERE {' AND '.join(where)}"
        return int(self.session.execute(sa.text(query), self.values).scalar_one())

    def texts(self, number: int) -> list[ListedText]:
        """Return the texts of the rows."""
        latest = "(SELECT max(j.id) FROM judgement j WHERE j.explanation_id = s.explanation_id AND j.counts)"
        query = (
            f"{self.begin}SELECT DISTINCT s.explanation_id, s.committee_undecided, s.committee_cut > :at,"
            f" s.judged_by, {latest} FROM {self.source} WHERE {' AND '.join(self.where)} ORDER BY 1 LIMIT :number"
        )
        result = self.session.execute(sa.text(query), self.values | {"number": number})
        return [
            ListedText(
                text,
                "undecided" if undecided else "accepted" if accepted else "rejected",
                tuple(judged_by.strip("\n").split("\n")) if judged_by else (),
                last or 0,
            )
            for text, undecided, accepted, judged_by, last in result
        ]

    def _start_conditions(self, start: PageStart | None, descending: bool) -> list[str]:
        """Return the conditions that a row is of the stream, and behind the start."""
        only = [self.stream.only] if self.stream.only else []
        if start is None:
            return only
        if descending and self.stream.lead == "mean":
            # The start is the nearer bound: of two SQLite may take the farther.
            only = []
        marks = [f":turn{n}" for n in range(len(start.key))]
        self.values |= {f"turn{n}": value for n, value in enumerate(start.key)}
        return [*only, f"({', '.join(self.stream.key())}) {'<' if descending else '>'} ({', '.join(marks)})"]

    def _lead_condition(self) -> str:
        """Return the condition that a row is the first of its mistake's rationales that fit."""
        rank = {Order.LOWEST: "{row}.mean", Order.HIGHEST: f"-({{row}}.mean % {NO_MEAN})"}.get(self.order, DOUBT)
        is_ahead = f"({rank.format(row='o')}, o.id) < ({rank.format(row='s')}, s.id)"
        # An attempt is of one exam: naming that too has SQLite take the index of its order, at seconds a page.
        is_same = "o.question_id = s.question_id AND o.attempt_id = s.attempt_id"
        conditions = [is_same, "o.kind = s.kind", *self._row_conditions("o"), self.matches_row("o"), is_ahead]
        return f"NOT EXISTS (SELECT 1 FROM standing o WHERE {' AND '.join(filter(None, conditions))})"

    def _row_conditions(self, row: str) -> list[str]:
        row_filter, conditions = self.row_filter, []
        for column, value in (("author_id", row_filter.author_id), ("reason", row_filter.reason)):
            if value is not None:
                conditions.append(f"{row}.{column} = :{column}")
                self.values[column] = value
        for check in CHECKS:
            if check in row_filter.checks:
                conditions.append(f"{find_column(check, row_filter.show, row)} = :{check}")
                self.values[check] = row_filter.checks[check]
        conditions += self._people_conditions(row)
        for column, pair, low in (("mean", row_filter.means, ">="), ("cut", row_filter.cuts, ">")):
            if pair is not None:
                conditions += [f"{row}.{column} {low} :{column}_low", f"{row}.{column} <= :{column}_high"]
                self.values |= {f"{column}_low": pair[0], f"{column}_high": pair[1]}
        if row_filter.spread:
            conditions.append(f"{row}.spread >= :spread")
            self.values["spread"] = row_filter.spread
        if row_filter.task is not None:
            conditions.append(f"(SELECT q.task FROM question q WHERE q.id = {row}.question_id) = :task")
            self.values["task"] = row_filter.task
        if row_filter.part is not None:
            conditions.append(PART_SQL.format(row=row))
            self.values |= {"part": row_filter.part.number - 1, "parts": row_filter.part.of}
        if row_filter.question is not None:
            of_set = "q.set_id = (SELECT e.set_id FROM exam e WHERE e.id = :exam)"
            ids = f"SELECT q.id FROM question q WHERE {of_set} AND q.source_id = :question"
            conditions.append(f"{row}.question_id IN ({ids})")
            self.values["question"] = row_filter.question
        return conditions

    def _people_conditions(self, row: str) -> list[str]:
        row_filter, conditions = self.row_filter, []
        has_judged = ""
        # Who has not judged a text yet may not learn by a filter what others said of it.
        if row_filter.blind_person is not None and row_filter.show is not RowKind.QUESTIONS:
            has_judged = self._judged_by(row, "blind_person", row_filter.blind_person)
        if row_filter.verdict is not None:
            verdict = VERDICTS[row_filter.verdict].format(row=row)
            committee = COMMITTEE[row_filter.verdict].format(row=row)
            conditions.append(f"CASE WHEN {has_judged} THEN {verdict} ELSE {committee} END" if has_judged else verdict)
        if row_filter.committee is not None:
            conditions.append(COMMITTEE[row_filter.committee].format(row=row))
        if row_filter.people is not None:
            of_question = row_filter.show is RowKind.QUESTIONS and row_filter.people == "overridden"
            conditions.append((OVERRIDDEN if of_question else PEOPLE_SQL[row_filter.people]).format(row=row))
        if row_filter.judged_by is not None:
            conditions.append(self._judged_by(row, "judged_by", row_filter.judged_by))
        return [*conditions, has_judged] if has_judged and row_filter.about_people else conditions

    def _judged_by(self, row: str, name: str, person: str) -> str:
        self.values[name] = f"\n{person}\n"
        return f"replace({row}.judged_by, :{name}, '') <> {row}.judged_by"


def _search_rows(session: Session, words: str, values: dict[str, object]) -> tuple[str, str, Callable[[str], str]]:
    """Return the words as a WITH clause, the rows to look at, and the condition that another row has them."""
    # A text has the words where it, its question or the student's response has them all; a question where it or any
    # response to it does.
    phrases = split_phrases(words)
    if not phrases:
        return "", "standing s", lambda _: ""
    if session.get_bind().dialect.name == "postgresql":
        values["words"] = " & ".join(
            f"({' <-> '.join(map(plain, phrase.tokens))}{':*' * phrase.begins})" for phrase in phrases
        )
        row, condition = "id", "text @@ to_tsquery('simple', :words)"
    else:
        values["words"] = " AND ".join(f'"{" ".join(phrase.tokens)}"{"*" * phrase.begins}' for phrase in phrases)
        row, condition = "rowid", "words MATCH :words"
    hits = f"SELECT {row} AS id FROM words WHERE {condition}"
    number = session.execute(sa.text(f"SELECT count(*) FROM ({hits} LIMIT {FEW}) hits"), values).scalar_one()

    def matches_row(name: str) -> str:
        parts = [f"{name}.{of}_id IN (SELECT id / 4 FROM hit WHERE id % 4 = {n})" for of, n in WORDS_OF.items()]
        answers = f"SELECT 1 FROM attempt x WHERE x.question_id = {name}.question_id AND x.exam_id = {name}.exam_id"
        answers += f" AND x.id IN (SELECT id / 4 FROM hit WHERE id % 4 = {WORDS_OF['attempt']})"
        return f"({' OR '.join(parts)} OR {name}.kind = 'question' AND EXISTS ({answers}))"

    # Many hits: walk the rows in order, and look each up among the hits.
    if number >= FEW:
        source = f"(SELECT * FROM standing s WHERE {matches_row('s')}) s"
        return f"WITH hit AS MATERIALIZED ({hits}) ", source, matches_row
    # Few hits: begin with them, and look up their rows.
    union = " UNION ".join(
        f"SELECT s.* FROM hit JOIN {of} x ON x.id = hit.id / 4 AND hit.id % 4 = {n} JOIN standing s ON {condition_}"
        for (of, n), condition_ in zip(WORDS_OF.items(), _JOIN_CONDITIONS, strict=True)
    )
    return f"WITH hit AS ({hits}) ", f"({union}) s", matches_row


@dataclass(frozen=True, slots=True)
class Phrase:
    """Words that stand one behind the other; the last may be only the beginning of one."""

    tokens: tuple[str, ...]
    begins: bool = False


def split_phrases(words: str) -> list[Phrase]:
    """Split a search into phrases: each word (`3.5` is two, side by side), and what stands in "quotes"."""
    # Page and command refuse a longer search before.
    chunks = CHUNKS.findall(words[:LONGEST_SEARCH])
    phrases = [(tuple(TOKEN.findall(quotation or chunk)), not quotation) for quotation, chunk in chunks]
    chunks_read = [(tokens, is_word) for tokens, is_word in phrases if tokens]
    # The last word may be the beginning of one, but not of a number: 5 is the number 5, not every 50.
    last = len(chunks_read) - 1
    return [
        Phrase(tokens, is_word and n == last and any(map(str.isalpha, tokens[-1])))
        for n, (tokens, is_word) in enumerate(chunks_read)
    ]


def plain(text: str) -> str:
    """Return the text without accents and capitals, each character in its place."""
    if text.isascii():
        return text.lower()
    return "".join(c.lower() if c.isascii() else unicodedata.normalize("NFD", c)[0].lower()[0] for c in text)
