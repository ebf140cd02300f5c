"""A policy is fitted from the threshold page: by a job, whose result the lab shows."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from mapd import jobs
from mapd.curation import live_set, saved_policies
from mapd.errors import MapdError, Stopped
from mapd.jobs import JobProgress, kinds
from mapd.jobs.work import WorkContext
from mapd.people import owner
from mapd.settings import Settings
from mapd.store import db, queries
from mapd.store import tables as t
from tests import samples
from tests.conftest import import_files, writing
from tests.pages.running import errors, open_page, shown
from tests.pages.test_working import captions, newest

ANN = owner("ann")


@pytest.fixture
def large_home(home: Path, tmp_path: Path) -> Path:
    """A project with thirty-six mistakes, of whose rationales twelve end in a wrong answer."""
    with writing(db.open_store(Settings())) as session:
        import_files(session, *samples.files(tmp_path, count=36))
    return home


def lab(**params: str) -> AppTest:
    return open_page("pages/curate/threshold.py", **params)


def start(app: AppTest, name: str, labels: str = "gold") -> AppTest:
    app.text_input(key="fit_name").set_value(name)
    app.selectbox(key="fit_labels").set_value(labels).run()
    app.button(key="start_fit").click().run()
    assert not app.exception
    assert newest().status == "queued", errors(app)
    return app


def work(home: Path) -> list[JobProgress]:
    """Do the job that waits, as its process does; return how far it said it was."""
    engine, progress = db.open_store(Settings()), list[JobProgress]()
    with db.writing(engine) as session:
        ref = jobs.take(session, "w", calls=True)
        assert ref is not None
        task = kinds.read_job(jobs.get(session, ref.uid))
    try:
        end = {"status": "done", "outcome": task.run(WorkContext(engine, home, ANN, progress.append))}
    except MapdError as error:
        end = {"status": "failed", "error": str(error)}
    with db.writing(engine) as session:
        jobs.end(session, ref, **end)
    return progress


def test_what_is_fitted_is_chosen_in_the_lab_and_a_press_makes_it_the_exams(large_home: Path) -> None:
    app = lab()
    assert "Give it a name" in captions(app)
    app.toggle(key="fit_gold").set_value(False)
    app = start(app, "fair")
    assert "Fit of policy fair on the gold check" in shown(app)
    progress = work(large_home)
    assert (progress[-1].completed, progress[-1].total) == (108, 108)
    app.run()
    assert not app.exception
    assert app.selectbox(key="policy").value == "fair"
    with db.reading(db.open_store(Settings())) as session:
        policy = saved_policies.find_policy(session, "fair")
    assert policy.fit is not None
    record = policy.fit.record
    assert (record.n, record.uses_gold) == (108, False)
    html = shown(app)
    for figure in (f"{record.brier:.3f}", f"{record.brier_of_share:.3f}", "108"):
        assert f">{figure}</td>" in html
    assert f">{record.at[70].precision:.3f}</td><td" in html
    assert len(app.get("plotly_chart")) == 2
    assert "It was fitted on the gold check" in captions(app)
    assert "Feedback has no fit of its own" in captions(app)
    assert "feedback is decided as ever" in html, "the job's card says why"
    app.button(key="use_policy").click().run()
    assert "<b>Saved, in use</b> fair" in shown(app)
    # A deep link shows the same, and the job's card leads there.
    assert f">{record.brier:.3f}</td>" in shown(lab(policy="fair"))
    links = [link.proto for link in open_page("pages/loop/jobs.py", job=newest().uid).get("page_link")]
    assert ["policy=fair" in link.query_string for link in links if link.label == "The policy"] == [True]


def test_too_few_labels_are_refused_in_one_line_with_the_reason(full_home: Path) -> None:
    app = start(lab(), "fair", "people")
    work(full_home)
    app.run()
    assert not app.exception
    assert "too few labels to fit on: 0 right and 0 wrong of 0 labelled rationales" in errors(app)[-1]
    assert "judge more of them" in errors(app)[-1]
    with db.reading(db.open_store(Settings())) as session:
        assert not saved_policies.saved_policies(session)


def test_a_file_of_labels_is_read_before_the_press_and_by_the_job(large_home: Path) -> None:
    with db.reading(db.open_store(Settings())) as session:
        texts = live_set.load_curated(session, 1).rationales
    rows = [{"uid": x.text.uid, "label": "wrong" if number % 3 else "right"} for number, x in enumerate(texts)]
    content = "\n".join(map(json.dumps, rows)).encode()
    app = lab()
    app.text_input(key="fit_name").set_value("by hand")
    app.selectbox(key="fit_labels").set_value("file").run()
    bad = content + b'\n{"uid": "no", "label": "right"}'
    app.file_uploader(key="fit_file").set_value(("labels.jsonl", bad, "application/jsonl")).run()
    assert "109" in errors(app)[0]
    assert not [button for button in app.button if button.key == "start_fit"]
    app.file_uploader(key="fit_file").set_value(("labels.jsonl", content, "application/jsonl")).run()
    assert "<dd>36</dd><dt>right</dt>" in shown(app)
    assert not (large_home / "labels").exists(), "nothing is kept before the press"
    app.button(key="start_fit").click().run()
    work(large_home)
    with db.reading(db.open_store(Settings())) as session:
        fit = saved_policies.find_policy(session, "by hand").fit
    assert fit is not None
    assert (fit.record.labels, fit.record.file, fit.record.n, fit.record.right) == ("file", "labels.jsonl", 108, 36)
    (path,) = (large_home / "labels").iterdir()
    assert path.name == fit.record.file_sha256
    start(app, "again", "file")
    path.unlink()
    work(large_home)
    assert "labels.jsonl isn't under" in (newest().error or "")


def test_a_job_that_is_run_again_saves_nothing_twice_and_one_that_is_stopped_saves_nothing(large_home: Path) -> None:
    engine = db.open_store(Settings())
    with db.reading(engine) as session:
        uid = queries.exam(session, 1).uid
    task = kinds.FitWork(exam=uid, name="fair", labels="gold", uses_gold=False)
    with pytest.raises(Stopped):
        task.run(WorkContext(engine, large_home, ANN, stopping=lambda: True))
    with db.reading(engine) as session:
        assert not saved_policies.saved_policies(session)
    results = [task.run(WorkContext(engine, large_home, ANN)) for _ in range(2)]
    assert [result["version"] for result in results] == [1, 1]
    other = task.model_copy(update={"uses_gold": True}).run(WorkContext(engine, large_home, ANN))
    assert other["version"] == 2


# Outcomes as no job of ours has them.
ODD: tuple[tuple[str, dict[str, object]], ...] = (
    ("fit", {}),
    ("fit", {"notes": 7, "no_feedback": ["<b>"]}),
    ("refit", {"why": "x"}),
    ("exam", {"stopped": 7}),
    ("collect", {"saved": 3}),
    ("arms", {"exam": "x"}),
    ("demo", {"before": None}),
    ("finetune", {}),
    ("index", {"why": ["x"]}),
    ("round", {"stopped": None}),
)


def test_what_an_archives_job_says_of_itself_breaks_no_page(large_home: Path) -> None:
    uids = []
    with writing(db.open_store(Settings())) as session:
        exam, ended_at = queries.exam(session, 1).uid, datetime(2190, 1, 1, tzinfo=UTC)
        for kind, outcome in ODD:
            row = t.Job(kind=kind, parameters={"exam": exam}, person="eve", status="done", outcome=outcome)
            row.origin, row.ended_at = "elsewhere", ended_at
            session.add(row)
            uids.append(row.uid)
    assert not lab().exception
    for uid in uids:
        app = open_page("pages/loop/jobs.py", job=uid)
        assert not app.exception
        assert "came with an archive" in shown(app)


def test_without_an_exam_or_a_rationale_there_is_no_form(home: Path) -> None:
    app = lab()
    assert "No exam yet" in " ".join(m.value for m in app.markdown)
    assert not [field for field in app.text_input if field.key == "fit_name"]


def test_the_switch_of_feedback_stays_as_it_was_left(large_home: Path) -> None:
    app = lab()
    labels = app.selectbox(key="fit_labels")
    labels.set_value("people").run()
    assert app.toggle(key="fit_feedback").value
    app.toggle(key="fit_feedback").set_value(False).run()
    app.selectbox(key="fit_labels").set_value("gold").run()
    assert not [toggle for toggle in app.toggle if toggle.key == "fit_feedback"]
    app.selectbox(key="fit_labels").set_value("people").run()
    assert app.toggle(key="fit_feedback").value is False
    assert not app.warning
    assert not app.exception
