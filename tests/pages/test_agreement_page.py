"""The agreement page: the same numbers as the command and as a curated set in memory; with nothing it says so."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlmodel import Session

from mapd.curation import agreement_report, live_set
from mapd.curation.agreement import Moment
from mapd.curation.agreement_report import as_row, load_report, measure
from mapd.curation.reviewer_stats import Share
from mapd.curation.score_table import tabulate_curated
from mapd.curation.text_verdicts import list_verdicts
from mapd.domain import Act, ExamInfo
from mapd.review import annotators
from mapd.review.queue_index import derivation
from mapd.settings import Settings
from mapd.store import db
from mapd.store import tables as t
from tests.commands import Mapd
from tests.conftest import writing
from tests.pages.running import errors, open_page, shown

PAGE = "pages/curate/agreement.py"
BOB = "bob <img src=x>"
START = datetime(2026, 11, 30, tzinfo=UTC)


def judge_all(session: Session, exam: int) -> None:
    """Ann and a hostile bob on all rationales before the reveal, and eve after it; ann then changes her mind once."""
    texts = [x.text.id for x in live_set.load_curated(session, exam).rationales]
    rows = [(who, n, n % part > 0) for n in range(len(texts)) for who, part in (("ann", 3), (BOB, 4), ("eve", 5))]
    for number, (who, n, accepts) in enumerate([*rows, ("ann", 0, True)]):
        row = t.Judgement(target="rationale", explanation_id=texts[n], person=who, committee="accepted")
        row.decision, row.revealed = Act.ACCEPT if accepts else Act.REJECT, who == "eve" or number == len(rows)
        row.created_at = START + timedelta(seconds=number)
        session.add(row)


def test_it_is_measured_from_the_index_as_from_the_texts(session: Session, exam: ExamInfo) -> None:
    judge_all(session, exam.id)
    session.commit()
    derivation.catch_up(session.get_bind(), exam.id)  # type: ignore[arg-type]
    report = load_report(session, exam.id)
    curated = live_set.load_curated(session, exam.id)
    verdicts = list_verdicts(curated.judgements)
    assert as_row(report) == as_row(measure(tabulate_curated(curated), verdicts, {}, curated.policy))
    (pair,) = report.between_people[Moment.BEFORE]
    assert pair.raters == ("ann", BOB)
    assert annotators.measure_agreement(curated) == [pair], "the people page has the same"
    assert report.between_people[Moment.AFTER] == []
    assert [x.agree.of for x in report.with_committee[Moment.AFTER]] == [36]
    ann = next(sway for sway in report.sways if sway.person == "ann")
    assert ann.moved_to.count + ann.moved_away.count == 1
    assert report.matrix.keys() == {(a, r) for a in curated.teachers for r in curated.teachers if a != r}


def test_page_and_command_say_the_same(full_home: Path, mapd: Mapd) -> None:
    assert "record=ann" not in shown(open_page(PAGE)), "what comes in is measured anew"
    with writing(db.open_store(Settings())) as session:
        judge_all(session, 1)
    derivation.catch_up(db.open_store(Settings()), 1)
    told = mapd("curate", "agreement", "--exam", 1, "--json").json
    assert (told["policy"], told["threshold"], told["simulated"]) == ("paper", 3, False)
    app = open_page(PAGE)
    page = shown(app)
    assert errors(app) == []
    (pair,) = told["between_people"]["before the reveal"]
    kappa = pair["kappa"]
    assert f"{kappa['value']:.2f}".replace("-", "−") in page
    assert f"[{kappa['low']:.2f}, {kappa['high']:.2f}]".replace("-", "−") in page
    assert all(f"/browse?exam={told['exam']}&amp;teacher={name}" in page for name in ("gpt", "gemini", "mistral"))
    assert "record=ann" in page
    assert "apart=1" in page
    assert "<img" not in page
    lines = mapd("curate", "agreement", "--exam", 1).out
    assert f"weighted kappa {kappa['value']:.2f} [{kappa['low']:.2f}, {kappa['high']:.2f}]" in lines
    assert "gemini of gpt: mean" in lines


def test_without_people_it_shows_reviewers_and_leads_to_triage(full_home: Path) -> None:
    app = open_page(PAGE)
    page = shown(app)
    assert [x.value for x in app.subheader] == ["Reviewers", "People"]
    assert "too few: 12 of 30" in page, "two reviewers share twelve texts"
    assert any("nothing to measure: nobody reviewed an own text" in x.value for x in app.caption)
    assert any("Nobody has judged a text of this exam" in x.value for x in app.caption)
    figure: Any = app.get("plotly_chart")[0].proto
    assert figure.spec.count('"text":"own"') == 3


def test_an_empty_project_says_what_comes_first(home: Path) -> None:
    assert "No exam yet" in " ".join(m.value for m in open_page(PAGE).markdown)


def test_the_committee_page_leads_there(full_home: Path) -> None:
    app = open_page("pages/loop/committee.py")
    assert any("what each reviewer let pass" in link.proto.label for link in app.get("page_link"))


def test_an_own_review_stands_on_the_diagonal(session: Session, exam: ExamInfo) -> None:
    table = tabulate_curated(live_set.load_curated(session, exam.id))
    own = table.authors[table.texts[0]]
    table.reviewers[0] = own
    name = table.teachers[own]
    report = agreement_report.measure(table, {}, {}, live_set.load_curated(session, exam.id).policy)
    assert report.matrix[name, name].votes == 1
    assert next(r for r in report.reviewers if r.name == name).fives.why == "too few: 25 of 30"
    assert report.between_people[Moment.BEFORE] == []
    assert report.between_reviewers[0].agree != Share(0, 0)
