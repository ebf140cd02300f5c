"""Training pairs whose question is similar, by its words, to one that a student was asked. Similar is not cause.

    index = load_index(session, "dev · smollm2-1")      # of the snapshot that its student was taught on
    index.find_nearest(["Tom has 3 red pens and 4 blue ones …"], 3)
    -> [[SimilarPair(0.83, {"mistake": "5f…", "question": {"text": "Ann has 6 red pens …", …}, …}), …]]

The similarity is the cosine of two questions' tf-idf: 1 for the same words, 0 where they share none.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlmodel import Session

from mapd import prompts, students
from mapd.store import queries
from mapd.store.snapshots import lines_of, read_line

# Words, and signs such as "+": a question may have nothing else.
WORDS = r"(?u)\w+|[^\w\s]"


@dataclass(frozen=True, slots=True)
class SimilarPair:
    """A line of a snapshot, and how similar its question is, from 0 to 1."""

    similarity: float
    pair: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class PairIndex:
    """The pairs of a snapshot, one a mistake, by the words of their questions."""

    sha256: str
    pairs: Sequence[Mapping[str, Any]]
    vectorizer: Any
    matrix: Any

    def find_nearest(self, questions: Sequence[str], most: int) -> list[list[SimilarPair]]:
        """Return for each question its most similar pairs, the most similar first; none that shares no word with it."""
        if not questions:
            return []
        # Rows have the length 1: their products are cosines.
        cosines = (self.vectorizer.transform(questions) @ self.matrix.T).toarray()
        # A stable order: of equals the first of the snapshot comes first.
        places = (-cosines).argsort(axis=1, kind="stable")[:, :most]
        return [
            [SimilarPair(float(row[place]), self.pairs[place]) for place in nearest if row[place] > 0]
            for row, nearest in zip(cosines, places, strict=True)
        ]


def load_index(session: Session, exam: str | int) -> PairIndex | None:
    """Return the index of the snapshot that an exam's student was taught on; None where the project has none.

    Raises: NotFound; BadInput where the snapshot is damaged.
    """
    sha256 = find_snapshot(session, exam)
    return None if sha256 is None else build_index(session, sha256)


def find_snapshot(session: Session, exam: str | int) -> str | None:
    """Return the sha256 of the snapshot that an exam's student was taught on, where it is here. Raises: NotFound."""
    student = students.get(session, queries.exam_row(session, queries.exam(session, exam).id).student_id)
    snapshot = queries.find_taught_snapshot(session, student)
    return None if snapshot is None else snapshot.sha256


def build_index(session: Session, sha256: str) -> PairIndex:
    """Return the index of a snapshot. Raises: NotFound; BadInput where it is damaged."""
    from sklearn.feature_extraction.text import TfidfVectorizer  # it takes a second to import

    pairs = {pair["mistake"]: pair for pair in map(read_line, lines_of(queries.snapshot(session, sha256).lines))}
    vectorizer = TfidfVectorizer(token_pattern=WORDS)
    matrix = vectorizer.fit_transform([write_question(pair["question"]) for pair in pairs.values()])
    return PairIndex(sha256, list(pairs.values()), vectorizer, matrix)


def write_question(question: Mapping[str, Any]) -> str:
    """Return a pair's question as a student reads it."""
    return prompts.question_block(question["text"], question["context"], question["options"])
