"""What is decided again after each judgement is the whole curated set."""

from sqlmodel import Session

from mapd.curation import live_set
from mapd.curation.curated import curate
from mapd.curation.live_set import decide
from mapd.domain import Act, ExamInfo
from mapd.people import owner
from mapd.policies import PAPER, STRICT
from mapd.review import judging
from mapd.review.judging import Target
from mapd.store import exam_material, judgement_log


def test_after_each_judgement_it_is_what_curate_gives(session: Session, exam: ExamInfo) -> None:
    material = exam_material.material(session, exam.id)
    mistakes = live_set.load_curated(session, exam.id).mistakes
    kept = decide(material, [], PAPER, exam)
    assert kept.curated == curate(material, [], PAPER)
    acts = [
        (Target("rationale", mistakes[0].rationales[0].text.id), Act.REJECT, None),
        (Target("feedback", mistakes[3].feedback[1].text.id), Act.REJECT, None),
        (Target("attempt", mistakes[5].attempt.id), Act.REJECT, None),
        (Target("question", mistakes[7].question.id), Act.CORRECT, "1"),
        (Target("question", mistakes[8].question.id), Act.REJECT, None),
    ]
    for target, act, value in acts:
        judging.judge(session, target, act, by=owner("ann"), value=value)
        said, before = judgement_log.judgements(session, exam.id), kept
        kept = decide(material, said, PAPER, exam, kept)
        assert kept.curated == curate(material, said, PAPER), target
        again = [question for question, part in kept.parts.items() if part is not before.parts[question]]
        assert len(again) == 1, "no other question was decided"
    judging.undo(session, said[0].judged.id, by=owner("ann"))
    said = judgement_log.judgements(session, exam.id)
    kept = decide(material, said, PAPER, exam, kept)
    assert kept.curated == curate(material, said, PAPER)
    assert decide(material, said, STRICT, exam, kept).curated == curate(material, said, STRICT)
    more = exam_material.material(session, exam.id)
    assert decide(more, said, PAPER, exam, kept).curated == curate(more, said, PAPER)
