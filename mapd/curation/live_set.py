"""The curated set as it is now: a query over material, judgements and policy, never a copy.

After a judgement the question that it is about is decided again, the others stay as they are:

load_curated(session, exam_id)               -> Curated(exam=…, policy=…, mistakes=(Mistake(…), …))
parts = decide(material, judgements, policy, info)
parts = decide(material, judgements + [row], policy, info, parts)       # 3 rationales decided, not 3,000
parts.curated                                                           # what curate() gives
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sqlmodel import Session

from mapd.curation import saved_policies
from mapd.curation.curated import Curated, curate
from mapd.curation.decided_texts import CommitteeRules, DecidedText, measure_leniency
from mapd.domain import ExamInfo, JudgementRow, Material
from mapd.errors import NotFound
from mapd.policies import Policy
from mapd.store import exam_material, judgement_log


def load_curated(session: Session, exam_id: int, policy: Policy | None = None) -> Curated:
    """Return the exam's curated set as it is now, under its own policy unless another is given."""
    material = exam_material.material(session, exam_id)
    policy = policy or saved_policies.exam_policy(session, material.exam)
    return curate(material, judgement_log.judgements(session, exam_id), policy)


def find_text(curated: Curated, kind: str, text_id: int) -> DecidedText:
    """Return one explanation of the set. Raises: NotFound where it belongs to no mistake of it (any more)."""
    for mistake in curated.mistakes:
        for x in mistake.texts:
            if (x.text.kind, x.text.id) == (kind, text_id):
                return x
    raise NotFound(f"{kind} {text_id} belongs to no mistake of exam {curated.exam.name}")


# A question's judgements are those of the question itself and of its attempts and texts.
JudgementsByQuestion = Mapping[int, Sequence[JudgementRow]]


@dataclass(frozen=True, slots=True)
class CuratedParts:
    """A curated set, and what it was decided from, question by question."""

    curated: Curated
    material: Material
    rules: CommitteeRules
    material_of: Mapping[int, Material]
    question_of: Mapping[tuple[str, int], int]
    judgements_of: JudgementsByQuestion
    parts: Mapping[int, Curated]


def decide(
    material: Material,
    judgements: Sequence[JudgementRow],
    policy: Policy,
    exam: ExamInfo,
    previous: CuratedParts | None = None,
) -> CuratedParts:
    """Decide the questions whose judgements changed since `previous`; all of them under other rules."""
    if previous is None or not _is_same_basis(previous, material, policy, exam):
        previous = _decide_nothing(material, policy, exam)
    rows_of: dict[int, list[JudgementRow]] = defaultdict(list)
    for row in judgements:
        if (question := previous.question_of.get((row.target, row.target_id))) is not None:
            rows_of[question].append(row)
    parts = {}
    for question, piece in previous.material_of.items():
        rows = rows_of.get(question, [])
        # The same judgements give the same decisions: the question stays as it is.
        if question in previous.parts and rows == previous.judgements_of.get(question, []):
            parts[question] = previous.parts[question]
        else:
            parts[question] = curate(piece, rows, policy, exam, previous.rules)
    curated = Curated(
        exam,
        policy,
        material.teachers,
        tuple(m for part in parts.values() for m in part.mistakes),
        tuple(a for part in parts.values() for a in part.corrected),
        tuple(a for part in parts.values() for a in part.excluded),
        tuple(judgements),
        material.places,
    )
    return replace(previous, curated=curated, judgements_of=rows_of, parts=parts)


def _is_same_basis(parts: CuratedParts, material: Material, policy: Policy, exam: ExamInfo) -> bool:
    curated = parts.curated
    return parts.material is material and curated.policy == policy and curated.exam.wrong_in == exam.wrong_in


def _decide_nothing(material: Material, policy: Policy, exam: ExamInfo) -> CuratedParts:
    empty = Curated(exam, policy, material.teachers, (), (), (), ())
    rules = CommitteeRules(policy, measure_leniency(x.votes for x in material.texts))
    return CuratedParts(empty, material, rules, _split_by_question(material), _map_targets(material), {}, {})


def _split_by_question(material: Material) -> dict[int, Material]:
    attempts, texts = defaultdict(list), defaultdict(list)
    for attempt in material.attempts:
        attempts[attempt.question_id].append(attempt)
    for text in material.texts:
        texts[text.question_id].append(text)
    return {
        question: replace(
            material,
            questions={question: material.questions[question]},
            attempts=tuple(answers),
            texts=tuple(texts[question]),
        )
        for question, answers in attempts.items()
    }


def _map_targets(material: Material) -> dict[tuple[str, int], int]:
    question_of = {("question", question): question for question in material.questions}
    question_of |= {("attempt", attempt.id): attempt.question_id for attempt in material.attempts}
    return question_of | {(text.kind, text.id): text.question_id for text in material.texts}
