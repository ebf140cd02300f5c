"""The curated set as it is now: a query over material, judgements and policy, never a copy.

load_curated(session, exam_id)               -> Curated(exam=…, policy=…, mistakes=(Mistake(…), …))
find_text(curated, "rationale", 51)          -> DecidedText(verdict=Verdict.ACCEPTED, …)
"""

from sqlmodel import Session

from mapd.curation import saved_policies
from mapd.curation.curated import Curated, DecidedText, curate
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
