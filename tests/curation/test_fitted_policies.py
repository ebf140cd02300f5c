"""A fitted policy on both databases: fitted, saved, versioned, applied; and what is refused."""

import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from sqlmodel import Session

from mapd import names
from mapd.curation import live_set, saved_policies, snapshots
from mapd.curation.curated import Curated, DecidedText, curate
from mapd.curation.fitted_policies import GOLD, PEOPLE, find_differences, fit_policy
from mapd.curation.fitting import STRENGTH, LabelTable, make_table
from mapd.curation.inputs import Voices, list_inputs
from mapd.curation.labels import label_by_gold, list_candidates
from mapd.domain import Act, ExamInfo, Verdict, Vote
from mapd.errors import BadInput, BadRows, NotFound
from mapd.exchange import label_files
from mapd.people import owner
from mapd.policies import PAPER, Policy
from mapd.questions.file_table import QuestionFile
from mapd.review.judging import Target, judge
from mapd.store import exam_material, judgement_log, queries
from tests import samples
from tests.conftest import import_files

ANN = owner("ann")
Row = dict[str, Any]


@pytest.fixture
def large(session: Session, tmp_path: Path) -> ExamInfo:
    """Thirty-six mistakes, with twelve rationales that end in a wrong answer."""
    return queries.exam(session, import_files(session, *samples.files(tmp_path, count=36)).exam)


def load(session: Session, exam: ExamInfo, policy: Policy = PAPER) -> Curated:
    return live_set.load_curated(session, exam.id, policy)


def file_of(rows: Sequence[object], name: str = "labels.jsonl") -> label_files.LabelFile:
    return label_files.read(QuestionFile(name, "\n".join(map(json.dumps, rows)).encode()))


def test_it_is_the_regression_of_the_library(session: Session, large: ExamInfo) -> None:
    fit = fit_policy(session, "free", [large], GOLD, by=ANN, uses_gold=False).fit
    candidates, voices = list_candidates([load(session, large)]), Voices(fit.reviewers, fit.authors)
    values = [list_inputs(c.reading, c.readings, voices) for c in candidates]
    table = np.array([[row.get(x.key, 0.0) for x in fit.inputs] for row in values])
    scaled = StandardScaler().fit_transform(table)
    right = [c.x.states.matches_gold == "holds" for c in candidates]
    expected = LogisticRegression(C=STRENGTH, max_iter=1_000).fit(scaled, right).predict_proba(scaled)[:, 1]
    applied = [float(fit.probability(row)) for row in values]
    assert np.allclose(applied, expected, atol=0.00006)
    assert (fit.record.n, fit.record.right) == (108, 96)
    assert (fit.record.questions, fit.record.votes_with_gold) == (36, 216)
    assert fit.record.brier < fit.record.brier_of_share
    assert not [x for x in fit.inputs if x.kind.startswith("gold")]


def test_an_input_that_is_the_same_everywhere_counts_nothing() -> None:
    # Of this length, so often, numpy's deviation isn't 0 but its last bit: a length that differs would decide alone.
    is_right = [n % 2 == 0 for n in range(20)]
    values = np.array([[math.log1p(37), float(right)] for right in is_right])
    assert values.std(axis=0)[0] > 0
    keys = (("log_length", ""), ("readable", ""))
    length, readable = LabelTable((), is_right, range(20), Voices((), ()), keys, values).fit()[1]
    assert (length.weight, length.scale) == (0, 1)
    assert readable.weight > 0.5


def test_the_set_under_it_is_decided_by_the_probability(session: Session, large: ExamInfo) -> None:
    policy = fit_policy(session, "free", [large], GOLD, by=ANN, uses_gold=False, threshold=0.8).policy
    curated = load(session, large, policy)
    probabilities = [x.committee.probability or 0 for x in curated.rationales]
    assert 0 < min(probabilities) < Fraction(1, 2) < max(probabilities) < 1
    for threshold in (0.0, 0.37, 0.8, 0.93, 1.0):
        at = load(session, large, policy.at(threshold))
        accepted = [x.verdict is Verdict.ACCEPTED for x in at.rationales]
        assert accepted == [p > Fraction(str(threshold)) for p in probabilities]
        # What the index holds of it: a cut in hundredths that says the same at every threshold.
        assert accepted == [x.final_cut > round(threshold * 100) for x in at.rationales]
    feedback = [x.verdict for m in curated.mistakes for x in m.feedback]
    assert feedback == [x.verdict for m in load(session, large).mistakes for x in m.feedback]


def test_people_have_the_last_word(session: Session, large: ExamInfo) -> None:
    policy = fit_policy(session, "free", [large], GOLD, by=ANN, uses_gold=False).policy
    texts = sorted(load(session, large, policy).rationales, key=lambda x: x.committee.probability or 0)
    judge(session, Target("rationale", texts[0].text.id), Act.ACCEPT, by=ANN)
    judge(session, Target("rationale", texts[-1].text.id), Act.REJECT, by=ANN, reason="unclear")
    for threshold in (0, 0.5, 1):
        verdicts = {x.text.id: x.verdict for x in load(session, large, policy.at(threshold)).rationales}
        assert (verdicts[texts[0].text.id], verdicts[texts[-1].text.id]) == ("accepted", "rejected")


def test_one_question_alone_is_decided_as_in_the_exam(session: Session, large: ExamInfo) -> None:
    policy = fit_policy(session, "free", [large], GOLD, by=ANN).policy
    material, judged = exam_material.material(session, large.id), judgement_log.judgements(session, large.id)
    parts = live_set.decide(material, judged, policy, large)
    assert parts.curated.mistakes == curate(material, judged, policy).mistakes


def test_a_fit_again_is_the_next_version_and_the_old_one_stays(session: Session, large: ExamInfo) -> None:
    first = fit_policy(session, "free", [large], GOLD, by=ANN, uses_gold=False).policy
    second = fit_policy(session, "free", [large], GOLD, by=ANN, threshold=0.7).policy
    assert (first.version, second.version) == (1, 2)
    assert saved_policies.find_policy(session, "free") == second
    assert saved_policies.find_version(session, "free", 1) == first
    assert [p.version for p in saved_policies.saved_policies(session) if p.name == "free"] == [2]
    with pytest.raises(NotFound, match="policy free has no version 3"):
        saved_policies.find_version(session, "free", 3)
    saved_policies.set_policy(session, large.id, "free", 0.9, by=ANN)
    assert saved_policies.exam_policy(session, queries.exam(session, large.id)) == second.at(0.9)


def test_a_name_is_of_one_kind(session: Session, large: ExamInfo) -> None:
    saved_policies.save_policy(session, Policy("mine", 3.5), by=ANN)
    fitted = fit_policy(session, "free", [large], GOLD, by=ANN).policy
    with pytest.raises(BadInput, match="policy mine is there, with a threshold on a mean, and this is on a prob"):
        fit_policy(session, "mine", [large], GOLD, by=ANN)
    with pytest.raises(BadInput, match="policy free is there, with a threshold on a probability"):
        saved_policies.save_policy(session, Policy("free", 3.5), by=ANN)
    with pytest.raises(BadInput, match=r"two digits, not as 0\.985"):
        saved_policies.save_policy(session, fitted.at(0.985), by=ANN)
    with pytest.raises(BadInput, match="a threshold lies between 0 and 1"):
        saved_policies.set_policy(session, large.id, "free", 3.0, by=ANN)


def test_a_teacher_that_is_renamed_is_the_same(session: Session, large: ExamInfo) -> None:
    policy = fit_policy(session, "free", [large], GOLD, by=ANN).policy
    before = [x.committee.probability for x in load(session, large, policy).rationales]
    names.rename(session, "teacher", "gpt", "gpt-4o", by=ANN)
    policy = saved_policies.find_policy(session, "free")
    assert [x.committee.probability for x in load(session, large, policy).rationales] == before
    assert policy.fit is not None
    assert find_differences(policy.fit, load(session, large, policy)) == []


# --- Labels -----------------------------------------------------------------------------------------------------------


def test_too_few_and_of_one_kind(session: Session, large: ExamInfo, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"too few labels to fit on: 0 right and 0 wrong of 0 .* 108: nobody judged it"):
        fit_policy(session, "x", [large], PEOPLE, by=ANN)
    texts = list(load(session, large).rationales)
    for x in texts[:40]:
        judge(session, Target("rationale", x.text.id), Act.ACCEPT, by=ANN)
    with pytest.raises(BadInput, match=r"of one kind, .*: 40 right and 0 wrong .* at least 10 of each are needed"):
        fit_policy(session, "x", [large], PEOPLE, by=ANN)
    for x in texts[40:49]:
        judge(session, Target("rationale", x.text.id), Act.REJECT, by=ANN, reason="unclear")
    with pytest.raises(BadInput, match=r"too few labels to fit on: 40 right and 9 wrong .*judge more of them"):
        fit_policy(session, "x", [large], PEOPLE, by=ANN)
    assert saved_policies.saved_policies(session) == []
    judge(session, Target("rationale", texts[49].text.id), Act.REJECT, by=ANN, reason="unclear")
    judge(session, Target("rationale", texts[50].text.id), Act.REJECT, by=owner("bob"), reason="unclear")
    judge(session, Target("rationale", texts[50].text.id), Act.ACCEPT, by=ANN)
    fitted = fit_policy(session, "x", [large], PEOPLE, by=ANN)
    assert (fitted.fit.record.n, fitted.fit.record.right) == (50, 40)
    assert fitted.fit.record.left_out == {"nobody judged it": 57, "people disagree on it": 1}


def test_nothing_is_fitted_on_what_nobody_scored(session: Session, large: ExamInfo) -> None:
    candidates = [
        replace(c, x=replace(c.x, committee=replace(c.x.committee, valid_votes=0)))
        for c in list_candidates([load(session, large)])
    ]
    with pytest.raises(BadInput, match=r"has a valid vote \(96 right and 12 wrong .* have the committee rev"):
        make_table(candidates, label_by_gold(candidates), (), uses_gold=True)


def test_no_policy_is_fitted_on_test_questions(session: Session, large: ExamInfo) -> None:
    with pytest.raises(BadInput, match="asked test questions, and no choice is made on these"):
        fit_policy(session, "x", [replace(large, split="test")], GOLD, by=ANN)


def test_a_file_names_texts_by_uid_or_by_question_and_author(session: Session, large: ExamInfo) -> None:
    rows: list[Row] = []
    for n, c in enumerate(list_candidates([load(session, large)])):
        right = bool(c.x.states.matches_gold == "holds")
        question = (c.question.source_id, int(c.question.source_id), c.question.text.upper())[n % 3]
        by = {"uid": c.x.text.uid} if n % 4 == 3 else {"question": question, "teacher": c.x.text.teacher.title()}
        rows.append(by | {"label": (("right", "wrong"), (True, False), ("yes", "no"))[n % 3][not right]})
    rows[5]["label"] = None
    rows += [rows[0], {"uid": "0" * 32, "label": "right"}, {"question": "999", "teacher": "gpt", "label": "no"}]
    fitted = fit_policy(session, "x", [large], file_of(rows[1:]), by=ANN, uses_gold=False)
    assert fitted.fit.record.n == 107
    assert fitted.fit.record.left_out == {"the file leaves it open": 1}
    assert fitted.labels.unmatched == (
        f"line 109: {'0' * 32} names no rationales",
        "line 110: 999 by gpt names no rationales",
    )
    assert "2 rows of the file are about no one rationale of the exam: line 109" in fitted.notes[-1]
    assert (fitted.fit.record.file, fitted.fit.record.labels) == ("labels.jsonl", "file")


def test_the_authors_shape_is_read() -> None:
    content = b'[{"id": 71, "teacher": "gpt", "final_answer_correct": false}, {"id": 2, "teacher": "gpt"}]'
    file = label_files.read(QuestionFile("l.json", content))
    assert [(row.question, row.teacher, row.is_right) for row in file.rows] == [
        ("71", "gpt", False),
        ("2", "gpt", None),
    ]


def test_a_row_that_can_not_be_read_is_named_and_nothing_is_fitted(session: Session, large: ExamInfo) -> None:
    file = file_of([{"uid": "a", "label": "right"}, {"uid": "b", "label": "rihgt"}, {"label": "wrong"}])
    with pytest.raises(BadRows, match=r'line 2 label: "rihgt" is neither right nor wrong; .*line 3 uid: it names no'):
        fit_policy(session, "x", [large], file, by=ANN)
    uid = list_candidates([load(session, large)])[0].x.text.uid
    twice = file_of([{"uid": uid, "label": "right"}, {"uid": uid, "label": "wrong"}])
    with pytest.raises(BadInput, match="says two things of one rationale: line 1 and line 2 differ"):
        fit_policy(session, "x", [large], twice, by=ANN)
    with pytest.raises(BadInput, match=r'holds no labels; a row is .*, not "colour", "uid"'):
        file_of([{"uid": "a", "colour": "red"}])


# --- Elsewhere --------------------------------------------------------------------------------------------------------


def test_on_another_exam_it_says_what_differs(session: Session, large: ExamInfo, tmp_path: Path) -> None:
    fit = fit_policy(session, "free", [large], GOLD, by=ANN).fit
    other = queries.exam(session, import_files(session, *samples.files(tmp_path, count=4, start=50)).exam)
    curated = load(session, other, saved_policies.find_policy(session, "free"))
    assert find_differences(fit, curated) == []

    notes = find_differences(fit, revote(curated, lambda v: replace(v, reviewer=v.reviewer.replace("gpt", "claude"))))
    assert notes[0] == "claude scored here and not where the policy was fitted: these scores aren't read"
    assert notes[1] == "gpt scored where the policy was fitted and not here: each score counts as missing"
    assert find_differences(fit, revote(curated, lambda v: replace(v, saw_gold=False))) == [
        "reviewers had not seen the gold answer here, but where the policy was fitted they had"
    ]


def revote(curated: Curated, change: Callable[[Vote], Vote]) -> Curated:
    """The set with other votes."""

    def change_texts(texts: tuple[DecidedText, ...]) -> Iterator[DecidedText]:
        return (replace(x, text=replace(x.text, votes=tuple(map(change, x.text.votes)))) for x in texts)

    return replace(curated, mistakes=tuple(m.change_texts(change_texts) for m in curated.mistakes))


def test_a_snapshot_holds_what_decided(session: Session, large: ExamInfo) -> None:
    policy = fit_policy(session, "free", [large], GOLD, by=ANN, uses_gold=False).policy
    row = snapshots.freeze(session, load(session, large, policy), by=ANN)
    frozen = row.manifest["policy"]
    assert policy.fit is not None
    assert frozen["fit"]["inputs"] == policy.fit.rule["inputs"]
    assert (frozen["fit"]["labels"], frozen["threshold"], frozen["version"]) == ("gold", 0.5, 1)
    assert 0.5 < json.loads(row.lines.splitlines()[0])["rationale"]["committee"]["p"] < 1
    plain = snapshots.freeze(session, load(session, large), by=ANN).manifest["policy"]
    assert "fit" not in plain


AUTHORS = sorted(samples.AUTHORS.glob("*_svamp_*_round0.json")) if samples.AUTHORS.is_dir() else []


@pytest.mark.skipif(not AUTHORS, reason="the authors' data isn't beside this checkout")
def test_on_the_authors_data_it_is_better_than_any_mean(session: Session) -> None:
    files = [path for kind in ("feedback", "rationale") for path in AUTHORS if kind in path.name]
    exam = queries.exam(session, import_files(session, *files).exam)
    fitted = fit_policy(session, "free", [exam], GOLD, by=ANN, uses_gold=False)
    assert any((point.precision or 0) >= 0.97 and point.recall >= 0.95 for point in fitted.fit.record.at)
    curated = load(session, exam, fitted.policy.at(0.7))
    assert sum(x.verdict == "accepted" and x.states.matches_gold == "fails" for x in curated.rationales) <= 15
