"""A fitted policy on both databases: fitted, saved, versioned, applied; and what is refused."""

import json
import math
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from sqlmodel import Session, col, select

from mapd import names
from mapd.curation import live_set, saved_policies, snapshots
from mapd.curation.curated import Curated, curate
from mapd.curation.decided_texts import filter_votes
from mapd.curation.fitted_policies import FittedPolicy, find_differences, fit_policy, plan_fit
from mapd.curation.fitting import STRENGTH, LabelTable, make_table
from mapd.curation.inputs import Voices, list_inputs
from mapd.curation.labels import LabelFile, label_by_gold, list_candidates, match_file
from mapd.domain import Act, ExamInfo, Verdict
from mapd.errors import BadInput, BadRows, NotFound
from mapd.exchange import label_files
from mapd.people import owner
from mapd.policies import PAPER, Policy
from mapd.probability import GOLD, PEOPLE
from mapd.questions import sets
from mapd.questions.file_table import QuestionFile
from mapd.questions.rows import QuestionRow
from mapd.review.judging import Target, judge
from mapd.store import exam_material, judgement_log, queries
from mapd.store import tables as t
from mapd.store.snapshots import check_manifest
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


def fit_and_save(
    session: Session, name: str, exams: Sequence[ExamInfo], source: str | LabelFile, **options: Any
) -> FittedPolicy:
    """Fit a policy and save it, as `mapd curate fit` does."""
    fitted = fit_policy(plan_fit(session, name, exams, source, by=ANN, **options))
    return replace(fitted, policy=saved_policies.save_policy(session, fitted.policy, by=ANN))


def file_of(rows: Sequence[object], name: str = "labels.jsonl") -> label_files.LabelFile:
    return label_files.read(QuestionFile(name, "\n".join(map(json.dumps, rows)).encode()))


def test_it_is_the_regression_of_the_library(session: Session, large: ExamInfo) -> None:
    fit = fit_and_save(session, "free", [large], GOLD, uses_gold=False).fit
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
    policy = fit_and_save(session, "free", [large], GOLD, uses_gold=False, threshold=0.8).policy
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
    policy = fit_and_save(session, "free", [large], GOLD, uses_gold=False).policy
    texts = sorted(load(session, large, policy).rationales, key=lambda x: x.committee.probability or 0)
    judge(session, Target("rationale", texts[0].text.id), Act.ACCEPT, by=ANN)
    judge(session, Target("rationale", texts[-1].text.id), Act.REJECT, by=ANN, reason="unclear")
    for threshold in (0, 0.5, 1):
        verdicts = {x.text.id: x.verdict for x in load(session, large, policy.at(threshold)).rationales}
        assert (verdicts[texts[0].text.id], verdicts[texts[-1].text.id]) == ("accepted", "rejected")


def test_one_question_alone_is_decided_as_in_the_exam(session: Session, large: ExamInfo) -> None:
    policy = fit_and_save(session, "free", [large], GOLD).policy
    material, judged = exam_material.material(session, large.id), judgement_log.judgements(session, large.id)
    parts = live_set.decide(material, judged, policy, large)
    assert parts.curated.mistakes == curate(material, judged, policy).mistakes


def test_a_fit_again_is_the_next_version_and_the_old_one_stays(session: Session, large: ExamInfo) -> None:
    first = fit_and_save(session, "free", [large], GOLD, uses_gold=False).policy
    second = fit_and_save(session, "free", [large], GOLD, threshold=0.7).policy
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
    fit_and_save(session, "free", [large], GOLD)
    with pytest.raises(BadInput, match="policy mine is there, with a threshold on a mean, and this is on a prob"):
        fit_and_save(session, "mine", [large], GOLD)
    with pytest.raises(BadInput, match="policy free is there, with a threshold on a probability"):
        saved_policies.save_policy(session, Policy("free", 3.5), by=ANN)
    with pytest.raises(BadInput, match="a threshold lies between 0 and 1"):
        saved_policies.set_policy(session, large.id, "free", 3.0, by=ANN)


def test_what_can_not_be_saved_is_refused_before_the_fit(session: Session, large: ExamInfo) -> None:
    saved_policies.save_policy(session, Policy("mine", 3.5), by=ANN)
    for name, line in {"paper": "can't be named 'paper'", "": "can't be named", "mine": "is there, with a thr"}.items():
        with pytest.raises(BadInput, match=line):
            plan_fit(session, name, [large], GOLD, by=ANN)
    for threshold, line in {0.985: r"two digits, such as 0\.9., not as many as 0\.985", 3.0: "between 0 and 1"}.items():
        with pytest.raises(BadInput, match=line):
            plan_fit(session, "free", [large], GOLD, by=ANN, threshold=threshold)


@pytest.mark.parametrize("name", ["Bildschirm\u202f3\xa0.csv", "a\nb\x1b[2J\u202e.csv", "x" * 900])
def test_whatever_a_file_is_named_it_can_be_saved(session: Session, large: ExamInfo, name: str) -> None:
    rows = [
        {"uid": c.x.text.uid, "label": "right" if c.x.states.matches_gold == "holds" else "wrong"}
        for c in list_candidates([load(session, large)])
    ]
    file = replace(file_of(rows), name=name)
    assert fit_and_save(session, "free", [large], file).policy.version == 1


def test_a_question_of_a_test_split_teaches_no_policy(session: Session, large: ExamInfo) -> None:
    question = list_candidates([load(session, large)])[0].question
    row = QuestionRow("1", "test", question.task, f" {question.text} ", "7")
    sets.add(session, "held out", [row], source="", simulated=False, by=ANN)
    plan = plan_fit(session, "free", [large], GOLD, by=ANN)
    assert (len(plan.labels.is_right), plan.labels.left_out) == (105, {"its question stands in a test split": 3})


def test_a_teacher_that_is_renamed_is_the_same(session: Session, large: ExamInfo) -> None:
    policy = fit_and_save(session, "free", [large], GOLD).policy
    before = [x.committee.probability for x in load(session, large, policy).rationales]
    names.rename(session, "teacher", "gpt", "gpt-4o", by=ANN)
    policy = saved_policies.find_policy(session, "free")
    assert [x.committee.probability for x in load(session, large, policy).rationales] == before
    assert policy.fit is not None
    assert find_differences(policy.fit, exam_material.load_voices(session, large.id), has_gold=True) == []


# --- Labels -----------------------------------------------------------------------------------------------------------


def test_too_few_and_of_one_kind(session: Session, large: ExamInfo, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"too few labels to fit on: 0 right and 0 wrong of 0 .* 108: nobody judged it"):
        fit_and_save(session, "x", [large], PEOPLE)
    texts = list(load(session, large).rationales)
    for x in texts[:40]:
        judge(session, Target("rationale", x.text.id), Act.ACCEPT, by=ANN)
    with pytest.raises(BadInput, match=r"of one kind, .*: 40 right and 0 wrong .* at least 10 of each are needed"):
        fit_and_save(session, "x", [large], PEOPLE)
    for x in texts[40:49]:
        judge(session, Target("rationale", x.text.id), Act.REJECT, by=ANN, reason="unclear")
    with pytest.raises(BadInput, match=r"too few labels to fit on: 40 right and 9 wrong .*judge more of them"):
        fit_and_save(session, "x", [large], PEOPLE)
    assert saved_policies.saved_policies(session) == []
    judge(session, Target("rationale", texts[49].text.id), Act.REJECT, by=ANN, reason="unclear")
    judge(session, Target("rationale", texts[50].text.id), Act.REJECT, by=owner("bob"), reason="unclear")
    judge(session, Target("rationale", texts[50].text.id), Act.ACCEPT, by=ANN)
    fitted = fit_and_save(session, "x", [large], PEOPLE)
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
        fit_and_save(session, "x", [replace(large, split="test")], GOLD)


def test_a_file_names_texts_by_uid_or_by_question_and_author(session: Session, large: ExamInfo) -> None:
    rows: list[Row] = []
    for n, c in enumerate(list_candidates([load(session, large)])):
        right = bool(c.x.states.matches_gold == "holds")
        question = (c.question.source_id, int(c.question.source_id), c.question.text.upper())[n % 3]
        by = {"uid": c.x.text.uid} if n % 4 == 3 else {"question": question, "teacher": c.x.text.teacher.title()}
        rows.append(by | {"label": (("right", "wrong"), (True, False), ("yes", "no"))[n % 3][not right]})
    rows[5]["label"] = None
    # Upper case, as a database may write it.
    rows[7]["uid"] = rows[7]["uid"].upper()
    rows += [rows[0], {"uid": "0" * 32, "label": "right"}, {"question": "999", "teacher": "gpt", "label": "no"}]
    fitted = fit_and_save(session, "x", [large], file_of(rows[1:]), uses_gold=False)
    assert fitted.fit.record.n == 107
    assert fitted.fit.record.left_out == {"the file leaves it open": 1}
    assert fitted.labels.unmatched == (
        f"line 109: {'0' * 32} names no rationales",
        'line 110: "999" by "gpt" names no rationales',
    )
    assert "2 rows of the file are about no one text of the exam: line 109" in fitted.notes[-1]
    assert (fitted.fit.record.file, fitted.fit.record.labels) == ("labels.jsonl", "file")


def test_the_authors_shape_is_read() -> None:
    content = b'[{"id": 71, "teacher": "gpt", "final_answer_correct": false}, {"id": 2, "teacher": "gpt"}]'
    file = label_files.read(QuestionFile("l.json", content))
    assert [(row.questions, row.teacher, row.is_right) for row in file.rows] == [
        (("71",), "gpt", False),
        (("2",), "gpt", None),
    ]


def test_the_number_of_a_row_is_not_taken_for_a_questions(session: Session, large: ExamInfo) -> None:
    candidates = list_candidates([load(session, large)])
    (first, second), teacher = [c.question for c in candidates[:4:3]], candidates[0].x.text.teacher
    # As a spreadsheet has it: rows from 0, and the questions in another order.
    rows: list[Row] = [
        {"id": first.source_id, "question": second.text, "teacher": teacher, "label": "right"},
        {"id": second.source_id, "question": f"Not\n{'asked here? ' * 9}", "teacher": teacher, "label": "right"},
    ]
    labels = match_file(candidates, file_of(rows))
    expected = next(c for c in candidates if (c.question, c.x.text.teacher) == (second, teacher))
    assert labels.is_right == {expected.x.text.uid: True}
    assert labels.unmatched == (f'line 2: "Not\\n{"asked here? " * 4}asked… by "{teacher}" names no rationales',)


CSV_ROW = 'id,teacher,rationale,verdict,Label\n71,gpt,"7 + 1 = 8",accepted,'


@pytest.mark.parametrize(("cell", "expected"), [("1.0", True), ("0.0", False), (" TRUE ", True), ("", None)])
def test_a_label_as_tables_hold_it(cell: str, expected: bool | None) -> None:
    # The text of a rationale is no uid, and a verdict is no label.
    (row,) = label_files.read(QuestionFile("l.csv", f"{CSV_ROW}{cell}\n".encode())).rows
    assert (row.is_right, row.uid, row.questions, row.teacher) == (expected, "", ("71",), "gpt")


def test_columns_that_say_two_things_are_refused() -> None:
    uid = "c1" * 16
    (bad,) = file_of([{"uid": uid, "Label": "right", "label": "wrong"}]).bad
    assert bad.faults == (("label", 'two columns of this name say "right" and "wrong": take one out'),)
    with pytest.raises(BadInput, match=r'holds no labels; .*, not "uid", "verdict"'):
        file_of([{"uid": uid, "verdict": "accepted"}])


def test_a_row_that_can_not_be_read_is_named_and_nothing_is_fitted(session: Session, large: ExamInfo) -> None:
    uid = list_candidates([load(session, large)])[0].x.text.uid
    rows: list[Row] = [{"uid": uid, "label": "right"}, {"uid": uid, "label": "rihgt"}, {"label": "wrong"}]
    rows.append({"uid": "5.1E+30", "label": "wrong"})
    file = file_of(rows)
    unread = (
        r'line 2 label: "rihgt" is neither right nor wrong; .*line 3 uid: it names no.*line 4 uid: "5.1E\+30" is no'
    )
    with pytest.raises(BadRows, match=unread):
        fit_and_save(session, "x", [large], file)
    twice = file_of([{"uid": uid, "label": "right"}, {"uid": uid, "label": "wrong"}])
    with pytest.raises(BadInput, match="says two things of one rationale: line 1 and line 2 differ"):
        fit_and_save(session, "x", [large], twice)
    with pytest.raises(BadInput, match=r'holds no labels; a row is .*, not "uid", "colour"'):
        file_of([{"uid": "a", "colour": "red"}])


# --- Elsewhere --------------------------------------------------------------------------------------------------------


def test_on_another_exam_it_says_what_differs(session: Session, large: ExamInfo, tmp_path: Path) -> None:
    fit = fit_and_save(session, "free", [large], GOLD).fit
    other = queries.exam(session, import_files(session, *samples.files(tmp_path, count=4, start=50)).exam)
    voices = exam_material.load_voices(session, other.id)
    assert find_differences(fit, voices, has_gold=True) == []

    others = replace(voices, reviewers=("gemini", "claude"), authors=("gpt", "claude"))
    assert find_differences(fit, others, has_gold=False) == [
        "claude scored here and not where the policy was fitted: these scores aren't read",
        "gpt, mistral scored where the policy was fitted and not here: each score counts as missing",
        "claude wrote nothing where the policy was fitted: nothing is known of that author",
        "the policy reads the gold check, and no question here has a gold answer",
    ]
    assert find_differences(fit, replace(voices, saw_gold=False, saw_no_gold=True), has_gold=True) == [
        "reviewers had not seen the gold answer here, but where the policy was fitted they had"
    ]


def test_whose_votes_count(session: Session, large: ExamInfo) -> None:
    voices = exam_material.load_voices(session, large.id)
    curated = load(session, large)
    votes = [vote for x in curated.rationales for vote in filter_votes(x.text.votes) if vote.score is not None]
    assert set(voices.reviewers) == {vote.reviewer for vote in votes}
    assert set(voices.authors) == {x.text.teacher for x in curated.rationales}
    assert (voices.saw_gold, voices.saw_no_gold) == (True, False)
    # Beside a vote with sight of the gold one without counts for nothing; alone it counts.
    reviews = session.exec(select(t.Review).order_by(col(t.Review.explanation_id))).all()
    reviews[0].saw_gold = False
    session.flush()
    assert not exam_material.load_voices(session, large.id).saw_no_gold
    for review in reviews:
        review.saw_gold = False
    session.flush()
    voices = exam_material.load_voices(session, large.id)
    assert (voices.saw_gold, voices.saw_no_gold) == (False, True)


def test_a_snapshot_holds_what_decided(session: Session, large: ExamInfo) -> None:
    policy = fit_and_save(session, "free", [large], GOLD, uses_gold=False).policy
    row = snapshots.freeze(session, load(session, large, policy), by=ANN)
    frozen = row.manifest["policy"]
    assert policy.fit is not None
    assert frozen["fit"]["inputs"] == policy.fit.rule["inputs"]
    assert (frozen["fit"]["labels"], frozen["threshold"], frozen["version"]) == ("gold", 0.5, 1)
    assert 0.5 < json.loads(row.lines.splitlines()[0])["rationale"]["committee"]["p"] < 1
    plain = snapshots.freeze(session, load(session, large), by=ANN).manifest["policy"]
    assert "fit" not in plain
    check_manifest(row.manifest)
    for change in ({"labels": "stars"}, {"n": None}, {"inputs": [{"kind": "charm"}]}, {"intercept": 1e300}):
        with pytest.raises(ValueError, match=r"policy\.fit"):
            check_manifest(row.manifest | {"policy": frozen | {"fit": frozen["fit"] | change}})
    with pytest.raises(ValueError, match="its threshold lies between 0 and 1"):
        check_manifest(row.manifest | {"policy": frozen | {"threshold": 3.0}})


AUTHORS = sorted(samples.AUTHORS.glob("*_svamp_*_round0.json")) if samples.AUTHORS.is_dir() else []


@pytest.mark.skipif(not AUTHORS, reason="the authors' data isn't beside this checkout")
def test_on_the_authors_data_it_is_better_than_any_mean(session: Session) -> None:
    files = [path for kind in ("feedback", "rationale") for path in AUTHORS if kind in path.name]
    exam = queries.exam(session, import_files(session, *files).exam)
    fitted = fit_and_save(session, "free", [exam], GOLD, uses_gold=False)
    assert any((point.precision or 0) >= 0.97 and point.recall >= 0.95 for point in fitted.fit.record.at)
    curated = load(session, exam, fitted.policy.at(0.7))
    assert sum(x.verdict == "accepted" and x.states.matches_gold == "fails" for x in curated.rationales) <= 15
