"""A project with an exam of twelve mistakes on each database, and the routes over it."""

from pathlib import Path

import pytest
import sqlalchemy as sa

from mapd.people import owner
from tests import samples
from tests.api.client import Client, Server
from tests.conftest import import_files, writing

EXAM = 1


@pytest.fixture
def server(engine: sa.Engine, tmp_path: Path) -> Server:
    with writing(engine) as session:
        import_files(session, *samples.files(tmp_path))
    return Server(engine)


@pytest.fixture
def ann(server: Server) -> Client:
    return server.client(owner("ann"), EXAM)


@pytest.fixture
def bob(server: Server) -> Client:
    return server.client(owner("bob"), EXAM)
