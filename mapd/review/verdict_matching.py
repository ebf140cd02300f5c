"""What a file of verdicts comes to in a project: which judgements are new, which are there, which are at odds.

    match(session, content, exam="1")     -> VerdictPlan(new=[NewVerdict(…), …], known=12, conflicts=1, …)

A judgement that came out of a project has its uid, and is the same one wherever it comes in. Any other is
known by its content. Nothing is written.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from sqlmodel import Session, col, select

from mapd.answers.grading import Task
from mapd.domain import DECISIVE, Act, ExamInfo, Judged
from mapd.errors import BadInput, NotFound
from mapd.exchange.verdict_files import VerdictFile, VerdictRow
from mapd.judgements import pick_latest_of
from mapd.questions.golds import read_correction
from mapd.questions.imports import BadRow, refuse_rows
from mapd.questions.values import short
from mapd.review import judging
from mapd.review.verdict_targets import VerdictTarget, blocks, check_rows, find_root, load_targets
from mapd.store import audit_log, judgement_log, queries
from mapd.store import tables as t

# Conflicts that a preview names.
NAMED = 5
# A spreadsheet shows times without their seconds.
SAME_TIME = timedelta(minutes=1)
Key = tuple[str, int]
# Person, decision, value, and where that is said.
Word = tuple[str, Act, str | None, str]


@dataclass(slots=True)
class NewVerdict:
    """A row that comes in, and the uid under which it does. `undoes`: a judgement's uid."""

    row: VerdictRow
    target: VerdictTarget
    uid: str
    value: str | None
    counts: bool


@dataclass(slots=True)
class VerdictPlan:
    """What a file comes to in a project. `silent`: ids of judgements that are there, and are to count from now on."""

    content: VerdictFile
    exam: ExamInfo | None
    counting: bool
    new: list[NewVerdict] = field(default_factory=list)
    known: int = 0
    silent: list[int] = field(default_factory=list)
    # One verdict on each repair that comes in with them.
    repairs: list[NewVerdict] = field(default_factory=list)
    bad: list[BadRow] = field(default_factory=list)
    conflicts: int = 0
    # The first of them, in words.
    conflict_lines: list[str] = field(default_factory=list)
    new_people: tuple[str, ...] = ()

    @property
    def people(self) -> dict[str, int]:
        """Return how many verdicts of each person come in."""
        return dict(Counter(verdict.row.person for verdict in self.new))

    @property
    def kinds(self) -> dict[str, int]:
        """Return how many verdicts come in on each kind of target."""
        return dict(Counter(verdict.target.kind for verdict in self.new))

    @property
    def decisions(self) -> dict[str, int]:
        """Return how many verdicts of each decision come in; an undo counts as a decision."""
        words = ("undo" if verdict.row.undoes else verdict.row.decision.value for verdict in self.new)
        return dict(Counter(words))

    @property
    def counted(self) -> int:
        """Return how many judgements count from now on."""
        return sum(verdict.counts for verdict in self.new) + len(self.silent)

    def refuse_bad(self) -> None:
        """Refuse a file with rows that can't come in. Raises: BadRows."""
        refuse_rows(self.bad, are_others=False)


def match(
    session: Session,
    content: VerdictFile,
    *,
    exam: str | int | None = None,
    counting: bool = True,
    is_known: Callable[[str], bool] = lambda _: True,
) -> VerdictPlan:
    """Find what each row is about, and what is there already. Nothing is written.

    `exam`: the rows are of this one alone. `counting`: whether they count. `is_known`: whether somebody who never
    judged here may have.

    Raises: NotFound for an unknown exam.
    """
    info = None if exam is None else queries.exam(session, exam)
    targets = load_targets(session, content.rows)
    plan = VerdictPlan(content, info, counting)
    judges = set(session.exec(select(t.Judgement.person).distinct()))
    check_rows(session, content.rows, targets, info, lambda person: person in judges or is_known(person))
    good = [row for row in content.rows if not row.faults]
    _Matching(session, plan, targets).take(good)
    plan.bad = [row.as_bad() for row in content.rows if row.faults] + list(content.unreadable)
    plan.new_people = tuple(person for person in plan.people if person not in judges)
    if info is None and plan.new:
        plan.exam = _find_exam(session, find_root(plan.new[0].target, targets))
    plan.repairs = list({v.target.uid: v for v in reversed(plan.new) if v.target.repairs is not None}.values())
    return plan


def _find_exam(session: Session, target: VerdictTarget) -> ExamInfo | None:
    try:
        row = session.get_one(judging.TABLES[target.kind], target.id)
        return queries.exam(session, queries.exam_of(session, row))  # type: ignore[arg-type]
    except NotFound:
        return None


class _Matching:
    """Tells the rows that are there from those that are new."""

    def __init__(self, session: Session, plan: VerdictPlan, targets: dict[str, VerdictTarget]) -> None:
        self.session, self.plan, self.targets = session, plan, targets
        self.tasks: dict[int, tuple[Task, list[str]]] = {}
        # What is there, by uid, by target, and by target, person and content.
        self.present: dict[str, t.Judgement] = {}
        self.by_target: dict[Key, list[t.Judgement]] = defaultdict(list)
        self.by_content: dict[tuple[Any, ...], list[t.Judgement]] = defaultdict(list)
        self.uid_by_id: dict[int, str] = {}
        # What each person says of a text, or of its reading: in the file, and in the project.
        self.words_of: dict[tuple[str, bool], dict[str, Word]] = defaultdict(dict)
        self.standing_words: dict[tuple[str, bool], list[Word]] = {}
        self.uid_by_target = {(target.kind, target.id): target.uid for target in targets.values()}

    def take(self, rows: Sequence[VerdictRow]) -> None:
        """Sort the rows into the plan."""
        self._load(rows)
        places: Counter[tuple[Any, ...]] = Counter()
        row_by_uid: dict[str, VerdictRow] = {}
        for row in rows:
            target = self.targets[row.uid]
            value = self._read_value(row, target)
            content = (
                *(row.person, target.kind, target.uid, row.role, row.decision.value, row.reason),
                *(value, row.note and row.note.strip(), str(row.at), row.undoes, row.marks),
            )
            # Equal rows are several judgements: their number tells them apart. The same file gives the same uids again.
            uid = row.judgement or uuid5(NAMESPACE_URL, f"verdict {content} {places[content]}").hex
            places[content] += 1
            if row.faults:
                continue
            if uid in row_by_uid:
                row.faults.append(
                    ("judgement", f"{uid[:12]} stands in {row_by_uid[uid].place} too; take one of them out")
                )
            elif (judgement := self._find(row, target, value, uid)) is not None:
                self._note_known(row, target, judgement)
            else:
                self.plan.new.append(NewVerdict(row, target, uid, value, row.counts and self.plan.counting))
            row_by_uid[uid] = row
        self._check_undos(row_by_uid)
        self._drop_set_aside()
        undone = {verdict.row.undoes for verdict in self.plan.new}
        for verdict in self.plan.new:
            if verdict.uid not in undone:
                self._note_conflict(verdict)

    def _load(self, rows: Sequence[VerdictRow]) -> None:
        """Load the judgements that the rows name, and all on what they are about."""
        targets = {(row_target.kind, row_target.id) for row_target in (self.targets[row.uid] for row in rows)}
        for kind, column in judgement_log.TARGET_COLUMN.items():
            for block in blocks(sorted(id_ for target_kind, id_ in targets if target_kind == kind)):
                self._keep(select(t.Judgement).where(col(column).in_(block)))
        named_uids = {uid for row in rows for uid in (row.judgement, row.undoes) if uid} - self.present.keys()
        for block in blocks(sorted(named_uids)):
            self._keep(select(t.Judgement).where(col(t.Judgement.uid).in_(block)))
        question_ids = {self.targets[row.uid].question_id for row in rows if row.value}
        for block in blocks(sorted(question_ids)):
            query = select(t.Question).where(col(t.Question.id).in_(block))
            self.tasks |= {q.id or 0: (Task(q.task), q.options) for q in self.session.exec(query)}

    def _keep(self, query: Any) -> None:
        for row in self.session.exec(query.order_by(col(t.Judgement.created_at), col(t.Judgement.id))):
            key = _key_of(row)
            self.present[row.uid] = row
            self.uid_by_id[row.id or 0] = row.uid
            self.by_target[key].append(row)
            content = (*key, row.person, row.role, row.decision, row.reason, row.value, row.note, row.undoes_id)
            self.by_content[content].append(row)

    def _read_value(self, row: VerdictRow, target: VerdictTarget) -> str | None:
        if not row.value or row.decision is not Act.CORRECT:
            return None
        try:
            return read_correction(row.value, *self.tasks[target.question_id])
        except BadInput as error:
            row.faults.append(("value", str(error).removesuffix("; nothing was saved")))
            return None

    def _find(self, row: VerdictRow, target: VerdictTarget, value: str | None, uid: str) -> t.Judgement | None:
        """Return the judgement that the row is, where it is there."""
        # A row that names its judgement is that one or a new one, whatever else says the same.
        if (judgement := self.present.get(uid)) is not None or row.judgement is not None:
            return judgement
        note = (row.note or "").strip() or None
        undone = self.present.get(row.undoes or "")
        content = (target.kind, target.id, row.person, row.role, row.decision.value, row.reason, value, note)
        candidates = self.by_content[(*content, undone.id if undone else None)]
        for place, candidate in enumerate(candidates):
            if row.at is None or abs(candidate.created_at - row.at) < SAME_TIME:
                # Each is one row of the file.
                return candidates.pop(place)
        return None

    def _note_known(self, row: VerdictRow, target: VerdictTarget, judgement: t.Judgement) -> None:
        pairs = {
            "person": (row.person, judgement.person),
            "uid": ((target.kind, target.id), _key_of(judgement)),
            "decision": (row.decision.value, judgement.decision),
            "reason": (row.reason if row.undoes is None else judgement.reason, judgement.reason),
            "role": (row.role, judgement.role),
            "undoes": (row.undoes, self.uid_by_id.get(judgement.undoes_id or 0)),
        }
        for name, (of_file, of_project) in pairs.items():
            if of_file != of_project:
                cure = "leave out the columns judgement and undoes, and it comes in as a verdict of its own"
                fault = f"the project has judgement {judgement.uid[:12]} otherwise ({of_project}); {cure}"
                row.faults.append((name, fault if name != "uid" else fault.replace(f" ({of_project})", "")))
                return
        self.plan.known += 1
        # A judgement that was made here and doesn't count was set aside here: a file doesn't change that.
        is_silent = not judgement.counts and judgement.origin is not None
        if self.plan.counting and row.counts and is_silent and judgement.id is not None:
            self.plan.silent.append(judgement.id)

    def _check_undos(self, row_by_uid: dict[str, VerdictRow]) -> None:
        """Refuse an undo of nothing, or of another's; one of what is undone already counts for nothing."""
        ids = [judgement.id for judgement in self.present.values()]
        undone: set[str] = set()
        for block in blocks([id_ for id_ in ids if id_ is not None]):
            undo = t.Judgement
            query = select(undo.undoes_id).where(col(undo.counts), col(undo.undoes_id).in_(block))
            undone |= {self.uid_by_id[id_] for id_ in self.session.exec(query) if id_ is not None}
        for verdict in self.plan.new:
            row, uid = verdict.row, verdict.row.undoes
            if uid is None:
                continue
            undone_row, judgement = row_by_uid.get(uid), self.present.get(uid)
            if undone_row is None and judgement is None:
                cure = "add the row of that judgement, or leave both out"
                row.faults.append(("undoes", f"unknown: neither file nor project has judgement {uid[:12]}; {cure}"))
                continue
            if undone_row is not None:
                person, about = undone_row.person, undone_row.uid
            else:
                assert judgement is not None
                person, about = judgement.person, self.uid_by_target.get(_key_of(judgement), "")
            if (person, about) != (row.person, row.uid):
                row.faults.append(
                    ("undoes", f"judgement {uid[:12]} is {short(person)}'s of another text, or not theirs")
                )
            elif uid == verdict.uid:
                row.faults.append(("undoes", "a judgement can't take itself back"))
            if uid in undone:
                verdict.counts = False
            elif verdict.counts:
                undone.add(uid)
        self.plan.silent = [id_ for id_ in self.plan.silent if self._may_count(id_, undone)]
        self._refuse_circles()

    def _may_count(self, id_: int, undone: set[str]) -> bool:
        """Return whether a judgement may count from now on: an undo of what is undone may not. Notes the undo."""
        undoes_id = self.present[self.uid_by_id[id_]].undoes_id
        if undoes_id is None:
            return True
        uid = self.uid_by_id[undoes_id]
        is_first = uid not in undone
        undone.add(uid)
        return is_first

    def _refuse_circles(self) -> None:
        undoes = {verdict.uid: verdict.row.undoes for verdict in self.plan.new if verdict.row.undoes}
        for verdict in self.plan.new:
            # An undo of an undo is a redo, and so on: the chain ends at a judgement.
            uid, length = verdict.row.undoes, 0
            while uid in undoes and length <= len(undoes) and uid != verdict.uid:
                uid, length = undoes[uid], length + 1
            if uid == verdict.uid or length > len(undoes):
                verdict.row.faults.append(("undoes", "these judgements take each other back in a circle"))

    def _drop_set_aside(self) -> None:
        """Leave out what somebody set aside since: the same file doesn't undo that."""
        if not self.plan.silent:
            return
        acts = select(t.Audit).where(t.Audit.action == audit_log.SET_ASIDE)
        uids_set_aside = {uid for act in self.session.exec(acts) for uid in act.detail["judgements"]}
        self.plan.silent = [id_ for id_ in self.plan.silent if self.uid_by_id[id_] not in uids_set_aside]

    def _note_conflict(self, verdict: NewVerdict) -> None:
        """Count a verdict that is at odds with what people say of the text here, or in the file."""
        row, target = verdict.row, verdict.target
        if row.decision not in DECISIVE or not verdict.counts:
            return
        is_reading = row.decision is Act.CORRECT
        of_file = self.words_of[target.uid, is_reading]
        # Who says something else later in the file changes their mind.
        words = [
            *self._load_words(target, is_reading),
            *(word for word in of_file.values() if word[0] != row.person),
        ]
        opposite_word = next((word for word in words if word[1:3] != (row.decision, verdict.value)), None)
        of_file[row.person] = (row.person, row.decision, verdict.value, f"in {row.place}")
        if opposite_word is None:
            return
        self.plan.conflicts += 1
        if len(self.plan.conflict_lines) < NAMED:
            person, decision, _, where = opposite_word
            sentence = f"{row.person} says {row.decision} of {target.kind} {target.uid[:12]}"
            self.plan.conflict_lines.append(f"{row.place}: {sentence}, and {person} said {decision} {where}")

    def _load_words(self, target: VerdictTarget, is_reading: bool) -> list[Word]:
        """Return what people say of the target in the project, or of its reading."""
        place = (target.uid, is_reading)
        if place not in self.standing_words:
            judged = [_as_judged(j) for j in self.by_target.get((target.kind, target.id), ()) if j.counts]
            about = {Act.CORRECT} if is_reading else {Act.ACCEPT, Act.REJECT}
            latest = [j for j in pick_latest_of(target.kind, judged) if j.decision in about]
            self.standing_words[place] = [(j.person, j.decision, j.value, "here") for j in latest]
        return self.standing_words[place]


def _key_of(row: t.Judgement) -> Key:
    return row.target, row.explanation_id or row.attempt_id or row.question_id or 0


def _as_judged(row: t.Judgement) -> Judged:
    act = Act(row.decision)
    return Judged(queries.identity(row), row.person, act, row.reason, row.value, row.role, row.undoes_id)
