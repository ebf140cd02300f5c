"""The curated set of a few questions of an exam, read in so many statements however many they are.

    part = load(session, setting, {12, 17})       # Curated, under the exam's own policy
    setting.threshold                             -> 300, in hundredths

The reviewers' leniency is that of the whole exam as the queue index has it: derivation.catch_up comes first.
"""

from collections.abc import Collection
from dataclasses import dataclass
from fractions import Fraction

from sqlmodel import Session

from mapd.curation import saved_policies
from mapd.curation.curated import Curated, curate
from mapd.curation.decided_texts import CommitteeRules
from mapd.curation.order_fits import OrderFit
from mapd.domain import ExamInfo, JudgementRow, Material
from mapd.policies import Policy
from mapd.store import exam_material, judgement_log, queries
from mapd.store import tables as t


@dataclass(frozen=True, slots=True)
class Setting:
    """An exam with what its curated set rests on."""

    exam: ExamInfo
    policy: Policy
    leniency: dict[str, Fraction]
    order_fit: OrderFit

    @property
    def threshold(self) -> int:
        """Return the policy's threshold in hundredths."""
        return round(self.policy.threshold * 100)


def load_setting(session: Session, exam_id: int) -> Setting:
    """Return the exam's setting. Raises: NotFound."""
    exam = queries.exam(session, exam_id)
    index = session.get_one(t.StandingExam, exam_id)
    # Exact fractions are stored as text: a float could move a mean across the threshold.
    leniency = {name: Fraction(offset) for name, offset in index.leniency.items()}
    policy = saved_policies.exam_policy(session, exam)
    return Setting(exam, policy, leniency, saved_policies.find_order_fit(session, exam, policy))


def load(session: Session, setting: Setting, questions: Collection[int]) -> Curated:
    """Return what the curated set has of these questions."""
    return load_with_material(session, setting, questions)[1]


def load_with_material(session: Session, setting: Setting, questions: Collection[int]) -> tuple[Material, Curated]:
    """Return all that a card of these questions may show, thoughts too, and what the curated set has of them."""
    ids = sorted(set(questions))
    material = exam_material.material(session, setting.exam.id, ids, thoughts=True)
    return material, decide(setting, material, judgement_log.judgements(session, setting.exam.id, ids))


def decide(setting: Setting, material: Material, judgements: list[JudgementRow]) -> Curated:
    """Return the curated set of this material, with these judgements."""
    rules = CommitteeRules(setting.policy, setting.leniency)
    return curate(material, judgements, setting.policy, setting.exam, rules, setting.order_fit)
