"""A snapshot's line as an export reads it. Pure.

pair = read_pair(line)
pair.rationale.mean, pair.rationale.decided_by, pair.rationale.why    -> 4.5, (), "mean 4.50 is above 3"
pair.rejected[0].why                                                  -> "false_step"
"""

from pydantic import BaseModel, ConfigDict

from mapd.answers.grading import Task
from mapd.domain import Act, Verdict


class _Part(BaseModel):
    """Part of a line. Fields that aren't read may hold anything."""

    model_config = ConfigDict(frozen=True)


class FrozenVote(_Part):
    """One reviewer's score of a text; None is no vote."""

    reviewer: str
    score: int | None


class FrozenCommittee(_Part):
    """What votes and checks said of a text."""

    verdict: Verdict
    mean: float | None
    p: float | None = None  # P(right), of a fitted policy alone
    why: str
    votes: tuple[FrozenVote, ...]


class FrozenRuling(_Part):
    """What people decided of a text."""

    decision: Act
    reason: str | None
    by: tuple[str, ...]


class FrozenText(_Part):
    """An explanation as it was frozen, with what decided it."""

    uid: str
    teacher: str
    by_person: bool
    simulated: bool
    # A line has no field for what it lacks, here and in a pair.
    repairs: str | None = None
    text: str
    verdict: Verdict
    committee: FrozenCommittee
    people: FrozenRuling | None

    @property
    def mean(self) -> float | None:
        """Return the mean of the votes that count, whatever decided; None where nobody voted."""
        return self.committee.mean

    @property
    def decided_by(self) -> tuple[str, ...]:
        """Return the people whose word the verdict is; none where it is the committee's."""
        return self.people.by if self.people is not None and self._is_of_people else ()

    @property
    def why(self) -> str:
        """Return why it was decided so, in the committee's words, or people's reason."""
        if self.people is None or not self._is_of_people:
            return self.committee.why
        return self.people.reason or self.people.decision.value

    @property
    def _is_of_people(self) -> bool:
        # A required check stands above the word with which a person made a repair.
        verdicts = {Act.ACCEPT: Verdict.ACCEPTED, Act.REJECT: Verdict.REJECTED}
        return self.people is not None and verdicts.get(self.people.decision) is self.verdict


class FrozenQuestion(_Part):
    """A question as it was frozen; the gold answer is as people and models read it."""

    uid: str
    source_id: str
    task: Task
    text: str
    context: str | None
    options: tuple[str, ...]
    family: str | None
    gold: str


class FrozenAttempt(_Part):
    """The student's wrong response."""

    uid: str
    text: str
    answer: str | None


class FrozenPair(_Part):
    """A mistake with the rationale and the feedback that are taught, or one of them, and its rejected rationales."""

    mistake: str
    question: FrozenQuestion
    attempt: FrozenAttempt
    rationale: FrozenText | None = None
    feedback: FrozenText | None = None
    rejected: tuple[FrozenText, ...]


def read_pair(line: str) -> FrozenPair:
    """Return a line of pairs.jsonl, of format 2. Raises: pydantic.ValidationError, a ValueError."""
    return FrozenPair.model_validate_json(line)
