"""Every page, of an empty project and of a full one, and every command once: on SQLite and on PostgreSQL alike."""

import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import typer
from sqlmodel import col, select
from streamlit.testing.v1 import AppTest

from mapd import cli, students
from mapd.cli import commands
from mapd.domain import OF_QUESTIONS, OF_TEXTS, Act
from mapd.exchange.training import FORMATS
from mapd.finetune import run as finetuning
from mapd.people import owner
from mapd.review import judging
from mapd.review.queue_index import derivation
from mapd.review.queues import QUEUES
from mapd.settings import Settings
from mapd.store import db, exam_material, queries
from mapd.store import tables as t
from tests import looped, samples
from tests.api.client import decision, undo
from tests.conftest import ReadyMade, import_files
from tests.exchange.test_adapters import write_adapter
from tests.finetune import tiny
from tests.pages.running import ROOT, errors, triage
from tests.pages.test_busy import locked
from tests.pages.test_odd_stores import PAGES

BROWSE = "pages/review/browse.py"


@pytest.fixture(scope="session")
def full(tmp_path_factory: pytest.TempPathFactory, ready_made: ReadyMade) -> Path:
    """A SQLite project that went once round the loop, and holds an exam of the authors' shape beside."""
    folder = tmp_path_factory.mktemp("full")
    engine = db.open_store(Settings(home=folder, database_url=None))
    looped.go_round(engine)
    with db.writing(engine) as session:
        import_files(session, *samples.files(folder))
    engine.dispose()
    return folder / "mapd.db"


@pytest.fixture
def project(engine: sa.Engine, home: Path, full: Path) -> sa.Engine:
    """The full project on either database."""
    copy(db.connect(f"sqlite:///{full}"), engine)
    derivation.catch_up_all(engine)
    return engine


def copy(source: sa.Engine, target: sa.Engine) -> None:
    """Copy every row; on PostgreSQL the sequences go on behind them."""
    with db.reading(source) as rows, db.writing(target) as session:
        for table in t.metadata.sorted_tables:
            if found := [dict(row) for row in rows.execute(sa.select(table)).mappings()]:
                session.execute(sa.insert(table), found)
            if target.dialect.name == "postgresql" and "id" in table.c:
                last = f"coalesce((SELECT max(id) FROM {table.name}), 0) + 1"
                move = f"SELECT setval(pg_get_serial_sequence('{table.name}', 'id'), {last}, false)"
                session.execute(sa.text(move))


# --- Pages ------------------------------------------------------------------------------------------------------------


def draws(app: AppTest, where: object) -> None:
    """A page is drawn without an error, or says in a line what it can't do yet."""
    assert not app.exception, (where, app.exception)
    assert [e for e in errors(app) if "nothing to freeze" not in e] == [], where


def opened(**params: str) -> AppTest:
    """The app, not run yet, at an address; somebody gave a name."""
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
    app.session_state["person"] = "me"
    for name, value in params.items():
        app.query_params[name] = value
    return app


def test_every_page_of_an_empty_project(engine: sa.Engine) -> None:
    app = opened()
    for path in PAGES:
        draws(app.switch_page(path).run(), path)


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)  # on SQLite: pages/test_busy, pages/test_odd_stores
def test_every_page_and_queue_of_a_full_project(project: sa.Engine) -> None:
    with db.reading(project) as session:
        exams = [info.uid for info in queries.exams(session)]
    for exam in exams:
        app = opened(exam=exam)
        for path in PAGES:
            draws(app.switch_page(path).run(), (path, exam))
    for queue in QUEUES:
        assert triage().window(queue=queue)["problems"] == [], queue


FILTERS: tuple[dict[str, str], ...] = (
    *({"order": order, "verdict": "accepted", "gold": "fails"} for order in OF_TEXTS),
    *({"show": "questions", "question_order": order, "q": "pens 3"} for order in OF_QUESTIONS),
    {"show": "mistakes", "people": "judged", "by": "ann", "q": '"pens at first"', "order": "most doubtful"},
    {"show": "feedback", "low": "1", "high": "5", "apart": "1", "task": "numeric"},
    {"equations": "fails", "work": "holds", "people": "overridden"},
)


def test_presses_and_filters(project: sa.Engine) -> None:
    client = triage()
    first, second = client.window()["cards"][:2]
    accepted = decision(first, "accept")
    undone = undo(accepted)
    answers = client.decide(accepted, undone, undo(undone), decision(second, "skip"))["answers"]
    assert [answer["status"] for answer in answers] == ["saved"] * 4
    assert client.post("lease", {"front": second["mistake"], "queue": second["queue"]})["held"]
    with db.reading(project) as session:
        rows = session.exec(select(t.Judgement.decision).order_by(col(t.Judgement.id))).all()
        assert rows[:1] == ["accept"]
        assert "withdraw" in rows
        assert session.exec(select(t.Lease)).first() is not None
    with db.writing(project) as session:
        text = session.exec(select(t.Explanation.id).where(t.Explanation.kind == "rationale")).first()
        judging.judge(session, judging.Target("rationale", text or 0), Act.ACCEPT, by=owner("ann"))
    for filters in FILTERS:
        draws(opened(**filters).switch_page(BROWSE).run(), filters)


# --- Commands ---------------------------------------------------------------------------------------------------------


def every_command(group: Any = None, before: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The words of each command there is."""
    group = group or typer.main.get_command(commands.app)
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from every_command(command, (*before, name))
        else:
            yield (*before, name)


READING = (  # in the order of the help; {…} is filled in from the project
    "project show",
    "rounds --exam {after}",
    "arms --exam {taught}",
    "round --exam {taught} --rounds 2 --estimate",
    "project history",
    "push org/rows --snapshot {snapshot} --dry-run",
    "questions list",
    "questions show demo --split train",
    "questions maps",
    "curate show --exam {taught} --items --drop-near 0.9 --balance teacher --without-leaks",
    "curate compare --exam {taught} --with strict --with-threshold 3.5",
    "curate remaining --exam {taught}",
    "curate agreement --exam {taught}",
    "snapshots list",
    "snapshots diff {snapshot} {snapshot}",
    "snapshots lineage {snapshot}",
    "snapshots leaks {snapshot}",
    "snapshots near {snapshot}",
    "snapshots card {snapshot} --as latex",
    "judge-all --exam {taught} --by ann --decision reject --reason wrong_answer --verdict accepted --gold fails",
    "judge-all --exam {taught} --by ann --decision accept --kind feedback --equations holds",
    "people show --exam {taught}",
    "people work --exam {taught} --person ann",
    "people share --exam {taught} --among 2",
    "guidelines show",
    "teachers list",
    "teachers test sound",
    "collect --exam {taught} --teachers sound,slips --estimate",
    "students list",
    "finetunes list",
    "finetunes show small-tuned",
    "exam list",
    "exam show {taught}",
    "results --before {before} --after {after} --questions",
    "read answer --task numeric --gold 18",
    "read score",
    "trash list",
    "jobs list",
    "jobs show {job}",
    "doctor",
    "openapi",
    "guidelines reasons",
)
WRITING = (
    "questions add more {folder}/more.jsonl --task numeric",
    "questions generate made --train 3 --dev 3",
    "import authors --feedback {feedback} --rationales {rationales}",
    "curate fit --exam {large} --name free --labels gold --no-gold-input",
    "curate snapshot --exam {large} --policy free --threshold 0.7",
    "export {fitted} --format datasets -o {folder}/fitted",
    "curate snapshot --exam {taught}",
    "curate snapshot --exam {taught} --drop-near 0.9 --balance task:5 --without-leaks",
    "judge rationale {rationale} --by ann --decision reject --reason unclear",
    "judge question {question} --by ann --decision correct --value 7",
    "history question {question}",
    "judge-all --exam {taught} --by ann --decision reject --reason no_work --verdict accepted --yes",
    "repair rationale {rationale} --by ann --file {folder}/repair.txt",
    "undo --exam {taught} --by ann",
    "redo --exam {taught} --by ann",
    "people want --exam {taught} --judgements 2",
    "exam mistakes {taught} --wrong-in 1",
    "people set-aside --exam {taught} --person ann --reason tried",
    "people count-again --exam {taught} --person ann",
    "guidelines set {folder}/how.md",
    "guidelines add-reason units",
    "guidelines remove-reason units",
    *(f"export {{snapshot}} --format {name} -o {{folder}}/out-{name}" for name in FORMATS),
    "export --exam {taught} --judgements -o {folder}/verdicts.csv",
    "export --exam {taught} --filter show=mistakes&verdict=rejected -o {folder}/rows.jsonl",
    "export --exam {taught} --format authors -o {folder}/theirs",
    "export --exam {taught} --format label-studio -o {folder}/tasks.json",
    "judge --file {folder}/verdicts.csv --exam {taught} --yes",
    "import explanations {folder}/texts.csv --exam {taught}",
    "teachers add careful --kind simulated --model sound",
    "teachers add served --kind openai --model m --base-url http://127.0.0.1:9/v1",
    "teachers set served --set max_tokens=64 --limit concurrency=2",
    "teachers disable careful",
    "teachers enable careful",
    "students add packaged",
    "students add tiny --path {tiny}",
    "students add served --served m --base-url http://127.0.0.1:9/v1 --limit concurrency=2",
    "students disable served",
    "students enable served",
    "students add theirs --adapter {adapter} --parent tiny --snapshot {snapshot}",
    "push org/theirs --student theirs --dry-run",
    "ask --question {question} --student small --student small-tuned",
    "exam run --student small --questions made --split train",
    "exam again {before} --max-tokens 999",
    "collect --exam {taught} --teachers sound,slips,careful --samples 2",
    "collect --exam {taught} --teachers sound --samples 3 --detach",
    "finetune --snapshot {snapshot} --student tiny --epochs 1 --rank 2 --max-length 2000",
    "finetunes compare small-tuned {finetuned}",
    "finetunes continue {finetuned} --epochs 1",
    "demo --questions 3 --held-out 3",
    "round --student smollm2 --pairs all --stop gain:1",
    "jobs cancel {queued}",
    "jobs resume {queued}",
    "archive export {folder}/project.zip",
    "archive show {folder}/project.zip",
    "archive import {folder}/project.zip",
    "exam export {taught} {folder}/answers.jsonl",
    "import attempts {folder}/answers.jsonl --questions demo --split train --student elsewhere",
    "project rename lab",
    "students rename small smaller",
    "students export theirs -o {folder}/student",
    "teachers rename careful more-careful",
    "questions rename made drawn",
    "exam rename {taught} taught",
    "jobs cancel {queued}",
    "exam delete taught --yes",
    "restore {trashed}",
    "questions delete drawn --yes",
    "trash forget {trashed}",
    "project delete --yes",
)
# They serve, need a compiler, ask a server, or stop what runs: tests of their own.
ELSEWHERE = {"app", "worker", "questions gym", "students test", "finetunes stop"}


def test_each_command_is_among_those_that_are_tried() -> None:
    tried = {line.split(" --")[0] for line in (*READING, *WRITING)}
    missing = {" ".join(c) for c in every_command()} - ELSEWHERE
    assert {c for c in missing if not any(line == c or line.startswith(f"{c} ") for line in tried)} == set()


class Scribe:
    """Runs commands as `mapd` does, in this process, with what is there filled in."""

    def __init__(self, engine: sa.Engine, folder: Path, patch: pytest.MonkeyPatch, capsys: Any) -> None:
        self.patch, self.capsys = patch, capsys
        feedback, rationales = samples.files(folder, start=100, count=36)
        (folder / "more.jsonl").write_text('{"question": "2 + 2?", "answer": "4"}\n')
        (folder / "repair.txt").write_text("Another text. So it is 7.")
        (folder / "how.md").write_text("# Accept\nwhat is right")
        self.words = {"folder": str(folder), "feedback": str(feedback), "rationales": str(rationales)}
        self.words["tiny"] = str(tiny.save(folder / "tiny"))
        self.words["adapter"] = str(write_adapter(folder / "tiny", folder / "adapter"))
        with db.writing(engine) as session:
            infos = {(info.split, info.student): info.uid for info in queries.exams(session)}
            taught = queries.exam(session, infos["train", "small"])
            text = exam_material.material(session, taught.id).texts[0]
            job = t.Job(kind="exam", parameters={"student": "small"}, person="ann", status="failed", error="no")
            session.add_all([job, t.Guidelines(text="# Accept", person="ann")])
            of_before = select(t.Attempt).join(t.Exam).where(t.Exam.uid == infos["dev", "small"])
            session.exec(of_before).first().finish = "cut_off"  # type: ignore[union-attr]
            session.flush()
            self.words |= {
                "taught": taught.uid,
                "before": infos["dev", "small"],
                "after": infos["dev", "small-tuned"],
                "rationale": text.uid,
                "question": exam_material.questions(session, taught.id)[text.question_id].uid,
                "snapshot": queries.snapshots(session)[0].sha256,
                "job": job.uid,
            }
        texts = f"question,teacher,kind,text,score_gpt\n{self.words['question']},me,rationale,So it is 7.,5\n"
        (folder / "texts.csv").write_text(texts)

    def run(self, line: str) -> Any:
        """One command with --json; what it told."""
        if line.startswith("demo"):  # whose student takes minutes
            self.patch.setattr(finetuning, "run", looped.finetune)
        words = [word.format(**self.words) for word in line.split()]
        self.patch.setattr(sys, "stdin", io.StringIO("Answer: 18"))
        self.patch.setattr(sys, "argv", ["mapd", *words, "--json"])
        with pytest.raises(SystemExit) as end:
            cli.main()
        out, err = self.capsys.readouterr()
        assert end.value.code == 0, (line, err)
        told = json.loads(out)
        if line.startswith("finetune "):
            self.words["finetuned"] = told["student"]
        if line.startswith("import authors"):
            self.words["large"] = told["exam"]
        if "--policy free" in line:
            self.words["fitted"] = told["snapshot"]
        if "--detach" in line:
            self.words["queued"] = told["job"]
        if "--yes" in line and told.get("file"):
            self.words["trashed"] = told["file"]
        return told


@pytest.fixture
def scribe(
    project: sa.Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Scribe:
    return Scribe(project, tmp_path, monkeypatch, capsys)


@pytest.mark.slow
@pytest.mark.timeout(900)  # a hundred commands, one after the other
def test_every_command(scribe: Scribe, engine: sa.Engine, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(students, "open_model", lambda _, student, *__: looped.Scripted(2 if student.adapter else 4))
    for line in READING:
        scribe.run(line)
    if engine.dialect.name == "sqlite":  # what is derived once is derived: no command takes the lock to read
        with locked(home):
            for line in READING:
                scribe.run(line)
    for line in WRITING:
        scribe.run(line)
    assert len(scribe.run("trash list")["trash"]) == 1
