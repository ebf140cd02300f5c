"""A project with an exam of twelve mistakes on each database, and the routes over it."""

from pathlib import Path

import pytest
import sqlalchemy as sa

from mapd.people import owner
from mapd.review.queue_index import derivation
from mapd.store import db
from tests import samples
from tests.api.client import Client, Server
from tests.conftest import import_files

EXAM = 1


@pytest.fixture
def server(engine: sa.Engine, tmp_path: Path) -> Server:
    with db.writing(engine) as session:
        import_files(session, *samples.files(tmp_path))
    derivation.catch_up_all(engine)
    return Server(engine)


@pytest.fixture
def ann(server: Server) -> Client:
    return server.client(owner("ann"), EXAM)


@pytest.fixture
def bob(server: Server) -> Client:
    return server.client(owner("bob"), EXAM)
