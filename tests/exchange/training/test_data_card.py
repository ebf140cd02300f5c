"""The data card and the methods paragraph: their numbers are the record's, a foreign name does nothing in either."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from sqlmodel import Session, select

from mapd.curation import live_set, snapshots
from mapd.curation.fitted_policies import fit_policy, plan_fit
from mapd.curation.saved_policies import save_policy
from mapd.curation.trimming import Balance, Trimming
from mapd.domain import Act, ExamInfo, Verdict
from mapd.errors import BadInput
from mapd.exchange.training import data_card
from mapd.people import owner
from mapd.review.judging import Circumstances, Target, judge
from mapd.store import queries
from mapd.store import tables as t
from tests import samples
from tests.conftest import import_files
from tests.curation.test_snapshots import as_format_1

ANN = owner("ann@x.org")
AUDIT = Circumstances(queue="audit")
HOSTILE = r"a_b & 50% #1 ~^ \input{/etc/passwd} $x$ {y} | <b>*z*</b> `q` [u](javascript:x) 中"


def freeze(session: Session, exam: ExamInfo, **options: Any) -> t.Snapshot:
    return snapshots.freeze(session, live_set.load_curated(session, exam.id), by=ANN, **options)


def test_the_numbers_are_those_of_the_record(session: Session, exam: ExamInfo) -> None:
    accepted = [x for x in live_set.load_curated(session, exam.id).rationales if x.verdict is Verdict.ACCEPTED]
    for x, decision in zip(accepted, (Act.REJECT, Act.ACCEPT, Act.ACCEPT), strict=False):
        reason = "false_step" if decision is Act.REJECT else None
        judge(session, Target("rationale", x.text.id), decision, by=ANN, reason=reason, circumstances=AUDIT)
    row = freeze(session, exam, everything=True, trimming=Trimming(0.9, Balance("teacher", 3)))
    facts = data_card.load_facts(session, row.sha256[:12])
    counts, card, methods = row.manifest["counts"], data_card.write_card(facts), data_card.write_methods(facts)
    for words in (
        f"{counts['pairs']} training pairs on {counts['mistakes_in_pairs']} mistakes",
        f"| pairs left out, for another one says nearly the same | {counts['near_duplicates']} |",
        f"| pairs left out, for their task or teacher has enough | {counts['unbalanced_pairs']} |",
        "At most 3 pairs of each teacher are here",
        "3 judgements by 1 person count",
        "| `audit` | 3 | 1 |",
        "held against the project's 0 dev and 0 test questions",
        "- the project has no dev and no test questions",
        "## Terms to check before",
        methods.strip(),
    ):
        assert words in card, words
    for words in (
        f"{counts['accepted']} were accepted; drawn were {row.pairs} training pairs",
        "3 judgements by 1 person stand above that; 1 text was decided against the committee.",
        f"{counts['near_duplicates']} near-duplicate",
        f"(at most 3 of each), which left out {counts['unbalanced_pairs']}.",
        f"{snapshots.count_contents(row.lines, row.manifest).wrong} of the pairs end",
        row.sha256,
    ):
        assert words in methods, words
    assert "ann@x.org" not in card + methods, "people are counted, not named"
    assert "\n" not in methods.rstrip("\n")


def test_a_fitted_policy_comes_with_its_figures(session: Session, tmp_path: Path) -> None:
    # Twelve of 108 rationales end in a wrong answer.
    exam = queries.exam(session, import_files(session, *samples.files(tmp_path, count=36)).exam)
    fitted = fit_policy(plan_fit(session, "fair", [exam], "gold", by=ANN, uses_gold=False, threshold=0.5))
    fitted = replace(fitted, policy=save_policy(session, fitted.policy, by=ANN))
    curated = live_set.load_curated(session, exam.id, fitted.policy)
    row = snapshots.freeze(session, curated, by=ANN)
    facts = data_card.load_facts(session, row.sha256)
    record = fitted.fit.record
    (point,) = [x for x in record.at if round(100 * x.p) == 50]
    methods, card = data_card.write_methods(facts), data_card.write_card(facts)
    assert f"Brier score {record.brier:.3f}, precision {point.precision:.3f}, recall {point.recall:.3f}" in methods
    assert f"precision {point.precision:.3f}, recall {point.recall:.3f}" in card
    assert "fitted on the gold check" in card
    # Where the project hasn't this version any more, the record's own words are left.
    session.delete(session.exec(select(t.SavedPolicy)).one())
    session.flush()
    again = data_card.write_methods(data_card.load_facts(session, row.sha256))
    assert "Brier" not in again
    assert f"fitted on {record.n} rationales labelled by the gold check" in again


def test_what_dev_and_test_hold_is_said(session: Session, exam: ExamInfo) -> None:
    row = freeze(session, exam)
    mistake = live_set.load_curated(session, exam.id).mistakes[0]
    others = t.QuestionSet(name="others", source="x", sha256="f" * 64)
    session.add(others)
    session.flush()
    texts = {
        "dev": mistake.question.text.upper(),
        "test": "Zoe has 999 pens and gets 5 more. How many pens has she now?",
    }
    for number, (split, text) in enumerate(texts.items()):
        values = {"source_id": split, "position": number, "split": split, "task": "numeric", "text": text, "gold": "1"}
        session.add(t.Question(set_id=others.id, **values))
    session.flush()
    facts = data_card.load_facts(session, row.sha256)
    card, methods = data_card.write_card(facts), data_card.write_methods(facts)
    assert "| equal, but for spaces, capitals and punctuation | 1 | 0 |" in card
    assert "- 1 of its questions stand in dev or test, too: measure it on others" in card
    assert "held against 1 dev and 1 test questions: 1 of 12 is equal" in methods
    assert "999" not in card + methods


def test_a_foreign_name_does_nothing(session: Session, exam: ExamInfo) -> None:
    for row in (
        *session.exec(select(t.Teacher)),
        *session.exec(select(t.Student)),
        *session.exec(select(t.QuestionSet)),
    ):
        row.name = f"{row.name} {HOSTILE}"
        session.add(row)
    session.flush()
    facts = data_card.load_facts(session, freeze(session, exam).sha256)
    html = MarkdownIt().enable("table").render(data_card.write_card(facts))
    assert not re.search(r"<(?:b|em)>|href=", html.replace("arxiv", ""))
    latex = data_card.write_latex(facts)
    assert r"\textbackslash{}input\{/etc/passwd\}" in latex
    assert r"50\% \#1" in latex
    assert latex.isascii()


@given(st.text())
def test_latex_has_no_foreign_command(text: str) -> None:
    escaped = data_card.escape_tex(text)
    rest = re.sub(r"\\(?:text[a-z]+\{\}|[{}$&#%_])", "", escaped)
    assert not re.search(r"[\\{}$&#%_~^<>|`\"\n]", rest)


def test_one_of_before_is_refused_with_the_cure(session: Session, exam: ExamInfo) -> None:
    row = freeze(session, exam)
    as_format_1(row)
    session.add(row)
    session.flush()
    with pytest.raises(BadInput, match="freeze the set again"):
        data_card.load_facts(session, row.sha256)
