"""The curated sets that a snapshot is drawn from: of one exam or several, under one policy, whole or narrowed.

    sets = load_sets(session, [exam, other_exam], narrowing=Narrowing(teachers=("gpt",), families=("algebra",)))
    [len(curated.mistakes) for curated in sets]     -> [41, 12]
    narrow(curated, ("gpt",))                       -> the set with gpt's texts alone

A set that is narrowed to tasks or families is put together of its questions' parts, so that nothing of it is decided
otherwise: reviewers' leniency is that over the whole exam.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from sqlmodel import Session

from mapd.curation import live_set, saved_policies
from mapd.curation.curated import Curated, Mistake, Narrowing
from mapd.curation.live_set import CuratedParts
from mapd.domain import ExamInfo
from mapd.errors import BadInput
from mapd.policies import Policy
from mapd.store import exam_material, judgement_log

WHOLE = Narrowing()


@dataclass(frozen=True, slots=True)
class NarrowingChoices:
    """What there is to narrow sets to, each in the order in which it was met."""

    tasks: tuple[str, ...]
    families: tuple[str, ...]


def load_sets(
    session: Session,
    exams: Sequence[ExamInfo],
    policy: str | None = None,
    threshold: float | None = None,
    narrowing: Narrowing = WHOLE,
) -> tuple[Curated, ...]:
    """Return the exams' curated sets as they are now, under one policy: the one that is named, or else their own.

    Raises: NotFound; BadInput where an exam is named twice, their own policies differ, or nothing is there to narrow.
    """
    check_exams(exams)
    if policy is None:
        rules = _find_shared_policy(session, exams, threshold)
    else:
        rules = _move(saved_policies.find_policy(session, policy), threshold)
    return narrow_sets([_load_parts(session, exam, rules) for exam in exams], narrowing)


def check_exams(exams: Sequence[ExamInfo]) -> None:
    """See that no exam is named twice. Raises: BadInput."""
    if repeated := [exam for place, exam in enumerate(exams) if exam.id in {before.id for before in exams[:place]}]:
        raise BadInput(f"exam {repeated[0].name} is named twice; name each exam once")


def _find_shared_policy(session: Session, exams: Sequence[ExamInfo], threshold: float | None) -> Policy:
    policies = [_move(saved_policies.exam_policy(session, exam), threshold) for exam in exams]
    for exam, policy in zip(exams, policies, strict=True):
        if policy != policies[0]:
            raise BadInput(
                f"the exams have different policies ({exams[0].name}: {policies[0].name} at "
                f"{policies[0].threshold:g}, {exam.name}: {policy.name} at {policy.threshold:g}): name one, with "
                "--policy and --threshold"
            )
    return policies[0]


def _move(policy: Policy, threshold: float | None) -> Policy:
    return policy if threshold is None else policy.at(threshold)


def _load_parts(session: Session, exam: ExamInfo, policy: Policy) -> CuratedParts:
    material, judgements = exam_material.material(session, exam.id), judgement_log.judgements(session, exam.id)
    return live_set.decide(material, judgements, policy, exam)


def narrow_sets(sets: Sequence[CuratedParts], narrowing: Narrowing) -> tuple[Curated, ...]:
    """Return the curated sets, narrowed.

    Raises: BadInput for a task or a family that no question of them has, and for a teacher that teaches in none.
    """
    choices = list_choices(sets)
    for kind, chosen, known in (
        ("task", narrowing.tasks, choices.tasks),
        ("family", narrowing.families, choices.families),
    ):
        if unknown := [name for name in chosen if name not in known]:
            raise BadInput(f"no question asked there is of {kind} {unknown[0]}; there is {_list_some(known)}")
    narrowed = tuple(_take_questions(parts, narrowing) for parts in sets)
    _check_teachers(narrowed, narrowing.teachers)
    return tuple(_take_teachers(curated, narrowing.teachers) for curated in narrowed)


def list_choices(sets: Iterable[CuratedParts]) -> NarrowingChoices:
    """Return the tasks and families of the questions that the exams asked."""
    # A family in which the student made no mistake is known: it gives an empty set, and no refusal.
    questions = [question for parts in sets for question in parts.material.questions.values()]
    families = dict.fromkeys(question.family for question in questions if question.family)
    return NarrowingChoices(tuple(dict.fromkeys(question.task.value for question in questions)), tuple(families))


def _list_some(names: Sequence[str], most: int = 10) -> str:
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return f"{', '.join(names[:most]) or 'none'}{more}"


def _take_questions(parts: CuratedParts, narrowing: Narrowing) -> Curated:
    """Return the part of the set on questions of these tasks and families."""
    if not narrowing.tasks and not narrowing.families:
        return parts.curated
    questions = parts.material.questions
    pieces = [
        (parts.judgements_of.get(question_id, ()), piece)
        for question_id, piece in parts.parts.items()
        if not narrowing.tasks or questions[question_id].task.value in narrowing.tasks
        if not narrowing.families or questions[question_id].family in narrowing.families
    ]
    return replace(
        parts.curated,
        mistakes=tuple(mistake for _, piece in pieces for mistake in piece.mistakes),
        corrected=tuple(attempt for _, piece in pieces for attempt in piece.corrected),
        excluded=tuple(attempt for _, piece in pieces for attempt in piece.excluded),
        judgements=tuple(row for rows, _ in pieces for row in rows),
        # The order of the words would change the snapshot's name; so would that of the teachers below.
        narrowing=Narrowing(tasks=tuple(sorted(narrowing.tasks)), families=tuple(sorted(narrowing.families))),
    )


def narrow(curated: Curated, teachers: Collection[str]) -> Curated:
    """Return the set with these teachers' texts alone, and people's repairs of them; without teachers the whole set.

    Everybody's reviews of them count: a text is as good as it was.

    Raises: BadInput for a teacher that teaches nothing in the exam.
    """
    _check_teachers([curated], teachers)
    return _take_teachers(curated, teachers)


def _check_teachers(sets: Sequence[Curated], teachers: Collection[str]) -> None:
    known = dict.fromkeys(name for curated in sets for name in curated.teachers)
    if unknown := sorted(set(teachers) - known.keys()):
        exams, names = ", ".join(curated.exam.name for curated in sets), ", ".join(known) or "nobody"
        raise BadInput(f"{unknown[0]} wrote and reviewed nothing that counts in {exams}; {names} did")


def _take_teachers(curated: Curated, teachers: Collection[str]) -> Curated:
    if not teachers:
        return curated

    def narrow_mistake(m: Mistake) -> Mistake:
        # A repair goes with the teacher whose text it is of.
        return m.change_texts(lambda texts: (x for x in texts if m.first_author(x.text) in teachers))

    narrowing = replace(curated.narrowing, teachers=tuple(sorted(teachers)))
    narrowed = replace(curated, mistakes=tuple(map(narrow_mistake, curated.mistakes)), narrowing=narrowing)
    # The manifest lists the set's judgements: those of texts that were left out are none of them.
    dropped = {x.text.uid for x in curated.texts} - {x.text.uid for x in narrowed.texts}
    return replace(narrowed, judgements=tuple(row for row in curated.judgements if row.target_uid not in dropped))
