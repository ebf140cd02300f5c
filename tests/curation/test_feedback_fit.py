"""A policy with a fit for feedback: fitted on people's judgements or a file, saved, applied; else why it has none."""

import json
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import Session

from mapd import names
from mapd.curation import live_set, saved_policies, snapshots
from mapd.curation.curated import Curated, curate
from mapd.curation.decided_texts import CommitteeRules, DecidedText
from mapd.curation.fitted_policies import (
    NOT_WANTED,
    FeedbackPlan,
    FittedPolicy,
    describe_fit,
    find_all_differences,
    fit_policy,
    plan_fit,
)
from mapd.curation.labels import LabelFile, Labels, label_by_people, list_feedback
from mapd.domain import Act, ExamInfo, Verdict
from mapd.errors import BadInput, BadRows
from mapd.exchange import label_files
from mapd.exchange.training.data_card import load_facts, write_card, write_methods
from mapd.people import owner
from mapd.policies import PAPER, CheckStates, Policy
from mapd.probability import GOLD, PEOPLE
from mapd.questions.file_table import QuestionFile
from mapd.review.judging import Target, judge
from mapd.review.queue_index import derivation
from mapd.review.queue_index.rows import authors_of, compute_figures
from mapd.store import exam_material, queries
from mapd.store.snapshots import check_manifest
from tests import samples
from tests.conftest import import_files

ANN = owner("ann")
Row = dict[str, Any]


@pytest.fixture
def large(session: Session, tmp_path: Path) -> ExamInfo:
    """Thirty mistakes, with ten wrong rationales. Of each second mistral's feedback criticises what isn't there."""
    rows = [samples.row(number) for number in range(30)]
    for row in rows[::2]:
        row["mistral_feedback"] = 'The student wrote "the pens are all blue".'
    return queries.exam(session, import_files(session, *samples.write(tmp_path, rows)).exam)


def load(session: Session, exam: ExamInfo, policy: Policy = PAPER) -> Curated:
    return live_set.load_curated(session, exam.id, policy)


def list_texts(curated: Curated) -> list[DecidedText]:
    return [x for m in curated.mistakes for x in m.feedback]


def is_right(x: DecidedText) -> bool:
    return "blue" not in x.text.text


def file_of(rows: Sequence[Row]) -> LabelFile:
    return label_files.read(QuestionFile("labels.jsonl", "\n".join(map(json.dumps, rows)).encode()))


def label_rationales(curated: Curated) -> list[Row]:
    """Rows that say of each rationale what the gold check says."""
    return [{"uid": x.text.uid, "label": x.states.matches_gold == "holds"} for x in curated.rationales]


def label_feedback(curated: Curated) -> list[Row]:
    """Rows that name feedback by each way there is."""
    rows: list[Row] = []
    for n, c in enumerate(list_feedback([curated])):
        question = (c.question.source_id, c.question.text, c.question.uid)[n % 3]
        by_question = {"question": question, "teacher": c.x.text.teacher, "kind": "Feedback"}
        by_uid = ({"uid": c.x.text.uid, "kind": "?"}, {"feedback": c.x.text.uid})[n % 2]
        rows.append((by_uid if n % 4 > 1 else by_question) | {"label": is_right(c.x)})
    return rows


def fit_and_save(session: Session, exam: ExamInfo, source: str | LabelFile, **options: Any) -> FittedPolicy:
    fitted = fit_policy(plan_fit(session, "whole", [exam], source, by=ANN, **options))
    return replace(fitted, policy=saved_policies.save_policy(session, fitted.policy, by=ANN))


@pytest.fixture
def fitted(session: Session, large: ExamInfo) -> FittedPolicy:
    """A policy by a file that labels rationales and feedback."""
    curated = load(session, large)
    return fit_and_save(session, large, file_of(label_rationales(curated) + label_feedback(curated)), uses_gold=False)


def test_it_learns_from_a_file_which_feedback_is_right(session: Session, large: ExamInfo, fitted: FittedPolicy) -> None:
    assert fitted.fit.feedback is not None
    record = fitted.fit.feedback.record
    assert (record.labels, record.n, record.right, record.left_out) == ("file", 90, 75, {})
    assert (record.questions, record.file) == (30, "labels.jsonl")
    assert record.brier < 0.5 * record.brier_of_share
    assert (fitted.no_feedback, fitted.unmatched) == ("", ())
    # Nobody reviewed feedback: so no vote is an input, and none is missing.
    assert fitted.fit.feedback.reviewers == ()
    kinds = {x.kind for x in fitted.fit.feedback.inputs}
    assert kinds >= {"author", "step_absent", "log_length"}
    # The policy is to see no gold answer.
    assert not {"states_gold", "states_other"} & kinds
    assert "feedback has a fit of its own, on 90 labels" in describe_fit(fitted.fit)

    policy = saved_policies.find_policy(session, "whole")
    assert policy == fitted.policy
    for threshold in (0.0, 0.4, 0.5, 0.9, 1.0):
        for x in list_texts(load(session, large, policy.at(threshold))):
            p = x.committee.probability
            assert p is not None
            assert (x.verdict is Verdict.ACCEPTED) is (p > Fraction(str(threshold)))
            # What the index holds of it says the same at every threshold.
            assert (x.verdict is Verdict.ACCEPTED) is (x.final_cut > round(100 * threshold))
            assert x.committee.figure() == f"P {float(p):.2f}"
    decided = list_texts(load(session, large, policy))
    assert [x.verdict is Verdict.ACCEPTED for x in decided] == [is_right(x) for x in decided]
    assert decided[0].committee.why.endswith("is above 0.5")


def test_what_is_written_of_a_text_gives_the_same_probability(
    session: Session, large: ExamInfo, fitted: FittedPolicy
) -> None:
    derivation.derive(session, large.id)
    material = exam_material.material(session, large.id)
    assert len(material.checks) == len(material.texts)
    by_record, by_reading = (curate(each, [], fitted.policy) for each in (material, replace(material, checks={})))
    assert by_record == by_reading
    assert all(x.record for x in by_record.texts)


def test_a_repair_that_came_with_a_vote_is_decided_by_its_checks(session: Session, fitted: FittedPolicy) -> None:
    text = next(iter(load(session, queries.exams(session)[0]).rationales)).text
    assert [v.score for v in text.votes if v.score is not None]
    rules = CommitteeRules(fitted.policy, {})
    tally = rules.tally(replace(text, repairs_id=text.id), text.votes, CheckStates())
    assert (tally.committee.verdict, tally.committee.mean) == (Verdict.ACCEPTED, None)


def test_the_labs_figures_follow_and_people_have_the_last_word(
    session: Session, large: ExamInfo, fitted: FittedPolicy
) -> None:
    figures = compute_figures(load(session, large, fitted.policy), authors_of(session))
    for threshold in (0, 40, 90, 99):
        curated = load(session, large, fitted.policy.at(threshold / 100))
        assert figures.at("pairs", threshold) == sum(m.covered and m.feedback_stands for m in curated.mistakes)
    # Each step of the pairs is a step of the slider.
    steps = {at for at in range(1, 100) if figures.at("pairs", at) != figures.at("pairs", at - 1)}
    assert steps
    assert steps <= set(figures.cuts)

    texts = sorted(list_texts(load(session, large, fitted.policy)), key=lambda x: x.committee.probability or 0)
    judge(session, Target("feedback", texts[0].text.id), Act.ACCEPT, by=ANN)
    judge(session, Target("feedback", texts[-1].text.id), Act.REJECT, by=ANN, reason="unclear")
    for threshold in (0, 0.5, 1):
        verdicts = {x.text.id: x.verdict for x in list_texts(load(session, large, fitted.policy.at(threshold)))}
        assert (verdicts[texts[0].text.id], verdicts[texts[-1].text.id]) == ("accepted", "rejected")
    labels = label_by_people(list_feedback([load(session, large)]))
    assert labels.is_right == {texts[0].text.uid: True, texts[-1].text.uid: False}
    assert labels.left_out == {"nobody judged it": 88}


def test_why_it_has_none(session: Session, large: ExamInfo) -> None:
    fitted = fit_and_save(session, large, GOLD)
    assert fitted.fit.feedback is None
    assert fitted.no_feedback.endswith("the gold check says nothing of it; label by people or by a file")
    curated = load(session, large)
    plan = plan_fit(session, "whole", [large], file_of(label_rationales(curated) + label_feedback(curated)), by=ANN)
    assert isinstance(plan.feedback, FeedbackPlan)
    # As people may have judged it: the rationales' fit is made all the same.
    is_right = plan.feedback.labels.is_right
    few = [uid for uid, right in is_right.items() if not right][:9] + [uid for uid, right in is_right.items() if right]
    labels = Labels(PEOPLE, {uid: is_right[uid] for uid in few[:40]}, {"nobody judged it": 50})
    without = fit_policy(replace(plan, feedback=FeedbackPlan(plan.feedback.candidates, labels)))
    assert (without.fit.feedback, without.fit.record.n) == (None, 90)
    assert without.no_feedback.startswith(
        "feedback is decided as ever, by its checks, its scores and people: too few labels to fit on: 31 right and 9 "
        "wrong of 40 labelled feedbacks on "
    )
    assert "(without a label are 50: nobody judged it)" in without.no_feedback
    assert without.no_feedback.endswith("judge more of them, or label by a file")

    left_out = fit_policy(replace(plan, feedback=NOT_WANTED))
    assert left_out.no_feedback.endswith("its fit was left out")
    decided = [x.verdict for x in list_texts(load(session, large, left_out.policy))]
    assert decided == [x.verdict for x in list_texts(curated)]


def test_rows_of_feedback_are_told_from_those_of_rationales(session: Session, large: ExamInfo) -> None:
    curated = load(session, large)
    question = curated.mistakes[0].question
    rows = label_rationales(curated) + label_feedback(curated)[:66]
    rows.append({"question": question.text, "teacher": "nobody", "kind": "feedback", "label": "right"})
    plan = plan_fit(session, "whole", [large], file_of(rows), by=ANN)
    assert isinstance(plan.feedback, FeedbackPlan)
    assert (len(plan.labels.is_right), plan.labels.unmatched) == (90, ())
    assert (len(plan.feedback.labels.is_right), plan.feedback.labels.left_out) == (66, {"no label in the file": 24})
    (unmatched,) = plan.feedback.labels.unmatched
    assert unmatched.endswith('by "nobody" names no feedbacks')
    assert plan_fit(session, "whole", [large], file_of(rows), by=ANN, with_feedback=False).feedback == NOT_WANTED
    typo = {"question": question.text, "teacher": "gpt", "kind": "feedbak", "label": "right"}
    with pytest.raises(BadRows, match='kind: "feedbak" is neither rationale nor feedback'):
        plan_fit(session, "whole", [large], file_of([*rows, typo]), by=ANN)
    uid = curated.mistakes[0].feedback[0].text.uid
    twice = [{"uid": uid, "label": "right"}, {"uid": uid, "label": "wrong"}]
    with pytest.raises(BadInput, match="says two things of one feedback: line"):
        plan_fit(session, "whole", [large], file_of(twice), by=ANN)


def test_a_renamed_teacher_and_a_snapshot(session: Session, large: ExamInfo, fitted: FittedPolicy) -> None:
    before = [x.committee.probability for x in list_texts(load(session, large, fitted.policy))]
    row = snapshots.freeze(session, load(session, large, fitted.policy), by=ANN)
    frozen = row.manifest["policy"]["fit"]
    assert fitted.fit.feedback is not None
    assert frozen["feedback"]["inputs"] == fitted.fit.feedback.rule["inputs"]
    assert (frozen["feedback"]["labels"], frozen["feedback"]["n"]) == ("file", 90)
    assert json.loads(row.lines.splitlines()[0])["feedback"]["committee"]["p"] > 0.5
    assert "A feedback was accepted where a regression" in write_methods(load_facts(session, row.sha256))
    card = write_card(load_facts(session, row.sha256))
    assert "fitted on 90 feedbacks that a file of labels called right or wrong" in card
    check_manifest(row.manifest)
    for change in ({"labels": "stars"}, {"n": None}, {"inputs": [{"kind": "one_agrees"}]}):
        damaged = frozen | {"feedback": frozen["feedback"] | change}
        with pytest.raises(ValueError, match=r"policy\.fit\.feedback"):
            check_manifest(row.manifest | {"policy": row.manifest["policy"] | {"fit": damaged}})

    names.rename(session, "teacher", "mistral", "mistral (old)", by=ANN)
    policy = saved_policies.find_policy(session, "whole")
    assert [x.committee.probability for x in list_texts(load(session, large, policy))] == before
    assert policy.fit is not None
    voices = [exam_material.load_voices(session, large.id, kind) for kind in ("rationale", "feedback")]
    assert voices[1].authors == ("gpt", "gemini", "mistral (old)")
    assert find_all_differences(policy.fit, *voices, has_gold=True) == []
    stranger = replace(voices[1], authors=("claude",), reviewers=("gpt",))
    assert find_all_differences(policy.fit, voices[0], stranger, has_gold=True) == [
        "of feedback: gpt scored here and not where the policy was fitted: these scores aren't read",
        "of feedback: claude wrote nothing where the policy was fitted: nothing is known of that author",
    ]
