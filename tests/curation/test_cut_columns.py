"""The columns say of every threshold what deciding anew says."""

import pytest
from sqlmodel import Session

from mapd.curation import live_set
from mapd.curation.curated import curate
from mapd.curation.cut_columns import RIGHT, UNKNOWN, VERDICTS, WRONG, list_changes, tabulate_cuts
from mapd.domain import Act, ExamInfo, Verdict
from mapd.people import owner
from mapd.policies import PAPER, STRICT, Policy
from mapd.review.judging import Target, judge
from mapd.store import exam_material, judgement_log
from tests.curation.test_threshold_sweep import FITTED, THRESHOLDS


def test_they_decide_every_text_as_the_policy_does(session: Session, exam: ExamInfo) -> None:
    texts = live_set.load_curated(session, exam.id).mistakes[0].rationales
    acts = ((0, Act.REJECT, "ann"), (1, Act.ACCEPT, "ann"), (2, Act.ACCEPT, "ann"), (2, Act.REJECT, "b"))
    for n, act, who in acts:
        judge(session, Target("rationale", texts[n].text.id), act, by=owner(who))
    material, judged = exam_material.material(session, exam.id), judgement_log.judgements(session, exam.id)
    sets = {}
    for policy in (PAPER, STRICT, Policy("fair", leniency_adjusted=True), FITTED):
        columns = tabulate_cuts(curate(material, judged, policy))
        for threshold in THRESHOLDS:
            at = round(threshold / 5, 2) if policy.fit else threshold
            decided = list(curate(material, judged, policy.at(at)).rationales)
            assert columns.text_ids.tolist() == [x.text.id for x in decided]
            verdicts = [VERDICTS[verdict] for verdict in columns.decide(round(100 * at)).tolist()]
            assert verdicts == [x.verdict for x in decided], (policy.name, at)
            sets[policy.name, at] = columns, decided
    # People's word, and that they differ on the third one.
    assert columns.people.tolist()[:3] == [WRONG, RIGHT, UNKNOWN]
    (first, before), (second, after) = sets["paper", 3], sets["fitted", 0.7]
    changes = list_changes(first, 300, second, 70)
    pairs = [(x, y) for x, y in zip(before, after, strict=True) if x.verdict is not y.verdict]
    assert [before[place] for place in changes.places] == [x for x, _ in pairs]
    assert len(changes.added) == sum(y.verdict is Verdict.ACCEPTED for _, y in pairs)
    assert len(changes.dropped) == sum(x.verdict is Verdict.ACCEPTED for x, _ in pairs)
    assert changes.places.size


def test_of_nothing_they_are_empty(session: Session, exam: ExamInfo) -> None:
    material = exam_material.material(session, exam.id, ())
    columns = tabulate_cuts(curate(material, (), PAPER))
    assert not list_changes(columns, 300, columns, 500).places.size


@pytest.mark.parametrize("threshold", [0, 300])
def test_a_policy_changes_nothing_against_itself(session: Session, exam: ExamInfo, threshold: int) -> None:
    columns = tabulate_cuts(live_set.load_curated(session, exam.id))
    assert not list_changes(columns, threshold, columns, threshold).places.size
