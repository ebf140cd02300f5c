"""What is known to be right and wrong of rationales, and of feedback, for a policy to be fitted on. Pure.

    label_by_gold(candidates)       -> Labels(is_right={"c1…": True, …}, left_out={"its answer can't be read": 95})
    match_file(candidates, file)    -> Labels(…, left_out={"no label in the file": 5}, unmatched=("line 7: …",))

Each candidate is a teacher's rationale of a mistake, once, with the others of its question; or a teacher's feedback,
of which people and files alone say whether it is right. Nothing is left out in silence: what has no label is counted by
why, and what a file says of no text here is named.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from mapd.checks import State
from mapd.curation.curated import Curated
from mapd.curation.decided_texts import DecidedText, filter_votes
from mapd.curation.feedback_inputs import FeedbackReading, list_feedback_inputs, read_feedback
from mapd.curation.inputs import QuestionReadings, RationaleReading, Voices, list_inputs
from mapd.domain import Act, Item
from mapd.probability import FILE, GOLD, PEOPLE, InputKey
from mapd.questions.imports import BadRow
from mapd.questions.rows import question_key
from mapd.questions.values import short, without_zeros

# Of the rows of a file that are about nothing here, so many are named.
NAMED = 5
SEALED = "its question stands in a test split"
KINDS = RATIONALE, FEEDBACK = ("rationale", "feedback")


@dataclass(frozen=True, slots=True)
class LabelCandidate:
    """A rationale that can be labelled, and the readings of all rationales of its question by teachers."""

    x: DecidedText
    question: Item
    reading: RationaleReading
    readings: QuestionReadings

    @property
    def group(self) -> tuple[str, ...]:
        """Return what its question is known by: the same words in another set are the same question."""
        return question_key(self.question)

    def list_inputs(self, voices: Voices) -> dict[InputKey, float]:
        """Return the inputs of the rationale that aren't 0."""
        return list_inputs(self.reading, self.readings, voices)


@dataclass(frozen=True, slots=True)
class FeedbackCandidate:
    """A feedback that can be labelled."""

    x: DecidedText
    question: Item
    reading: FeedbackReading

    @property
    def group(self) -> tuple[str, ...]:
        """Return what its question is known by."""
        return question_key(self.question)

    def list_inputs(self, voices: Voices) -> dict[InputKey, float]:
        """Return the inputs of the feedback that aren't 0."""
        return list_feedback_inputs(self.reading, voices)


Candidate = LabelCandidate | FeedbackCandidate


@dataclass(frozen=True, slots=True)
class LabelRow:
    """A row of a file of labels. It names a text by its uid, or by its question and its author.

    `questions`: all that the row calls its question by, the surest first.
    """

    place: str
    is_right: bool | None  # None: the row leaves it open
    uid: str = ""
    questions: tuple[str, ...] = ()
    teacher: str = ""
    kind: str = RATIONALE  # of a text that it names by its question; a uid is of one kind


@dataclass(frozen=True, slots=True)
class LabelFile:
    """A file of labels; `bad`: the rows that can't be read."""

    name: str
    sha256: str
    rows: tuple[LabelRow, ...]
    bad: tuple[BadRow, ...] = ()


@dataclass(frozen=True, slots=True)
class Labels:
    """Which texts are right, by uid; how many have no label, by why; rows that are about no text here."""

    kind: str
    is_right: Mapping[str, bool]
    left_out: Mapping[str, int]
    unmatched: tuple[str, ...] = ()
    file: LabelFile | None = None
    contradictions: tuple[str, ...] = field(default=())


def list_candidates(sets: Iterable[Curated]) -> list[LabelCandidate]:
    """Return the teachers' rationales of the sets' mistakes, each once."""
    candidates: dict[str, LabelCandidate] = {}
    for curated in sets:
        for mistake in curated.mistakes:
            for x in mistake.rationales:
                if (reading := mistake.readings.find(x.text.id)) is not None:
                    candidates.setdefault(x.text.uid, LabelCandidate(x, mistake.question, reading, mistake.readings))
    return list(candidates.values())


def list_feedback(sets: Iterable[Curated]) -> list[FeedbackCandidate]:
    """Return the teachers' feedback on the sets' mistakes, each once."""
    candidates: dict[str, FeedbackCandidate] = {}
    for curated in sets:
        for mistake in curated.mistakes:
            for x in mistake.feedback:
                if x.text.repairs_id is None:
                    votes, question = filter_votes(x.text.votes), mistake.question
                    reading = read_feedback(x.text, votes, mistake.attempt.text, mistake.gold, question, x.record)
                    candidates.setdefault(x.text.uid, FeedbackCandidate(x, question, reading))
    return list(candidates.values())


def label_by_gold(candidates: Sequence[LabelCandidate]) -> Labels:
    """Label by the gold check: right is a final answer that is the gold one, whatever led to it."""
    states = {c.x.text.uid: c.x.states.matches_gold for c in candidates}
    reasons = Counter(
        "there is no gold answer" if c.x.answer is not None else "its answer can't be read"
        for c in candidates
        if c.x.states.matches_gold is State.NOTHING
    )
    is_right = {uid: state is State.HOLDS for uid, state in states.items() if state is not State.NOTHING}
    return Labels(GOLD, is_right, reasons)


def label_by_people(candidates: Sequence[Candidate]) -> Labels:
    """Label by what people decided and agree on; right is what they accept."""
    is_right: dict[str, bool] = {}
    reasons: Counter[str] = Counter()
    for c in candidates:
        people = c.x.people
        if people.conflict:
            reasons["people disagree on it"] += 1
        elif people.decision in (Act.ACCEPT, Act.REJECT):
            is_right[c.x.text.uid] = people.decision is Act.ACCEPT
        else:
            reasons["nobody judged it"] += 1
    return Labels(PEOPLE, is_right, reasons)


def split_file(file: LabelFile, feedback: Iterable[FeedbackCandidate]) -> tuple[LabelFile, LabelFile]:
    """Return the file with its rows about rationales alone, and with those about feedback."""
    uids = {c.x.text.uid for c in feedback}
    rows: dict[bool, list[LabelRow]] = {False: [], True: []}
    for row in file.rows:
        rows[row.uid in uids if row.uid else row.kind == FEEDBACK].append(row)
    return replace(file, rows=tuple(rows[False])), replace(file, rows=tuple(rows[True]))


def match_file(candidates: Sequence[Candidate], file: LabelFile, nouns: str = "rationales") -> Labels:
    """Find the text of each row. What two rows say of one text otherwise is a contradiction."""
    index = _index(candidates)
    is_right: dict[str, bool] = {}
    open_uids: set[str] = set()
    places: dict[str, str] = {}
    unmatched: list[str] = []
    contradictions: list[str] = []
    for row in file.rows:
        uids = _find_uids(row, index)
        if len(uids) != 1:
            what = row.uid or f"{short(row.questions[0], 60)} by {short(row.teacher)}"
            unmatched.append(f"{row.place}: {what} names {'no' if not uids else len(uids)} {nouns}")
            continue
        (uid,) = uids
        if row.is_right is None:
            open_uids.add(uid)
        elif is_right.setdefault(uid, row.is_right) is not row.is_right:
            contradictions.append(f"{places[uid]} and {row.place} differ")
        else:
            places.setdefault(uid, row.place)
    open_count = len(open_uids - is_right.keys())
    reasons = {
        "the file leaves it open": open_count,
        "no label in the file": len(candidates) - len(is_right) - open_count,
    }
    left_out = {reason: number for reason, number in reasons.items() if number}
    return Labels(FILE, is_right, left_out, tuple(unmatched), file, tuple(contradictions))


def leave_out_sealed(labels: Labels, candidates: Iterable[Candidate], sealed: Collection[tuple[str, ...]]) -> Labels:
    """Return the labels without those on questions that students are tested on, whatever set else they are in."""
    uids = {c.x.text.uid for c in candidates if c.group in sealed} & labels.is_right.keys()
    if not uids:
        return labels
    is_right = {uid: right for uid, right in labels.is_right.items() if uid not in uids}
    return replace(labels, is_right=is_right, left_out={**labels.left_out, SEALED: len(uids)})


def _index(candidates: Sequence[Candidate]) -> Mapping[tuple[str, str], set[str]]:
    """Return the texts by each way to name them."""
    index: dict[tuple[str, str], set[str]] = defaultdict(set)
    for c in candidates:
        index[c.x.text.uid, ""].add(c.x.text.uid)
        for name in (c.question.source_id, c.question.uid, c.question.text):
            index[_plain(name), _plain(c.x.text.teacher)].add(c.x.text.uid)
    return index


def _find_uids(row: LabelRow, index: Mapping[tuple[str, str], set[str]]) -> set[str]:
    if row.uid:
        return index.get((row.uid, ""), set())
    surest, *others = (index.get((_plain(name), _plain(row.teacher)), set()) for name in row.questions)
    # An id may be a row's number in some other file: beside a text it only tells apart what that names.
    for uids in others:
        surest = surest & uids or surest
    return surest


def _plain(name: str) -> str:
    return " ".join(without_zeros(name).split()).casefold()
