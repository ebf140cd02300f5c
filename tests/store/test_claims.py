"""Claims: one run at a time, until it lets go, dies, or is heard of no more."""

import subprocess
import sys
import threading
import time
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlmodel import col, select

from mapd.store import claims, db
from mapd.store import tables as t


def claim(run: claims.ClaimHolder, *keys: str, usd: float = 0.0, exam_id: int | None = None) -> set[str]:
    with db.writing(run.engine) as session:
        claims.lock(session)
        free = claims.filter_free(session, run, keys)
        claims.write_claims(session, run, dict.fromkeys(free, usd), exam_id)
        return free


def move(engine: sa.Engine, run: claims.ClaimHolder, seconds: float) -> None:
    """Let the run's claims end so many seconds from now."""
    with db.writing(engine) as session:
        until = db.clock(session) + timedelta(seconds=seconds)
        session.execute(sa.update(t.Claim).where(col(t.Claim.run) == run.name).values(until=until))


@pytest.fixture
def alert(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that begins takes over what has expired at once."""
    monkeypatch.setattr(claims, "RENEW_S", 0)


@pytest.fixture
def one(engine: sa.Engine) -> claims.ClaimHolder:
    """A run that renews nothing."""
    return claims.ClaimHolder(engine)


@pytest.fixture
def other(engine: sa.Engine) -> claims.ClaimHolder:
    return claims.ClaimHolder(engine)


def test_a_key_is_one_runs_until_that_lets_go(one: claims.ClaimHolder, other: claims.ClaimHolder) -> None:
    assert claim(one, "a", "b") == {"a", "b"}
    assert claim(one, "b", "c") == {"b", "c"}, "its own it has"
    assert claim(other, "a", "b", "c", "d") == {"d"}
    with db.writing(one.engine) as session:
        claims.release(session, one, ["a", "d"])
    assert claim(other, "a", "b") == {"a"}


@pytest.mark.usefixtures("alert")
@pytest.mark.parametrize(("seconds", "free"), [(20, False), (-1, True), (7200, True)])
def test_a_claim_that_expired_or_was_made_before_the_clock_was_set_back_is_free(
    one: claims.ClaimHolder, other: claims.ClaimHolder, seconds: float, free: bool
) -> None:
    claim(one, "a")
    move(one.engine, one, seconds)
    assert bool(claim(other, "a")) is free


def test_where_the_database_was_away_everybody_gets_the_time_to_renew(
    one: claims.ClaimHolder, other: claims.ClaimHolder
) -> None:
    claim(one, "a")
    move(one.engine, one, -1)
    assert claim(other, "a") == set()
    other.alert_since -= 2 * claims.RENEW_S
    assert claim(other, "a") == {"a"}


def test_a_run_renews_what_it_has_and_lets_go_at_its_end(engine: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "RENEW_S", 0.05)
    with claims.ClaimHolder(engine) as run:
        claim(run, "a")
        move(engine, run, -1)
        end = time.monotonic() + 30
        while _until(engine) < claims.LEASE_S / 2:
            assert time.monotonic() < end
            time.sleep(0.02)
    with db.reading(engine) as session:
        assert session.exec(select(t.Claim)).all() == []


def _until(engine: sa.Engine) -> float:
    with db.reading(engine) as session:
        return (session.exec(select(t.Claim.until)).one() - db.clock(session)).total_seconds()


def test_a_process_that_was_killed_here_has_no_claims(engine: sa.Engine, home: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from mapd.store import claims, db; from mapd.settings import Settings\n"
    )
    code += "run = claims.ClaimHolder(db.open_store(Settings()), Path(sys.argv[1])).__enter__()\n"
    code += "print(run.name, flush=True); sys.stdin.read()"
    process = subprocess.Popen(
        [sys.executable, "-c", code, home], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    first = claims.ClaimHolder(engine)
    first.name = process.stdout.readline().strip()
    claim(first, "a")
    with claims.ClaimHolder(engine, home) as run, claims.ClaimHolder(engine, home / "another") as elsewhere:
        assert claim(run, "a") == set()
        process.kill()
        process.wait()
        assert claim(elsewhere, "a") == set(), "another machine can't know"
        assert claim(run, "a") == {"a"}


def test_files_of_runs_that_died_long_ago_go(engine: sa.Engine, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = home / "runs"
    folder.mkdir()
    (folder / "old.lock").touch()
    with claims.ClaimHolder(engine, home) as run:
        assert {file.name for file in folder.iterdir()} == {"old.lock", f"{run.name}.lock"}
    monkeypatch.setattr(claims, "STALE_FILE_S", -1)
    with claims.ClaimHolder(engine, home) as run:
        assert {file.name for file in folder.iterdir()} == {f"{run.name}.lock"}
    assert list(folder.iterdir()) == []


def test_what_is_put_by_is_that_of_every_run(one: claims.ClaimHolder, other: claims.ClaimHolder) -> None:
    claim(one, "a", "b", usd=0.25, exam_id=1)
    claim(other, "c", usd=1, exam_id=1)
    claim(other, "d", usd=8, exam_id=2)
    with db.reading(one.engine) as session:
        assert claims.sum_in_flight(session, 1) == 1.5
        assert claims.sum_in_flight(session, 1, excluded_keys=["b"]) == 1.25
        assert claims.sum_in_flight(session, 3) == 0
    move(one.engine, one, -1)
    with db.reading(one.engine) as session:
        assert claims.sum_in_flight(session, 1) == 1


@pytest.fixture
def racing(engine: sa.Engine) -> list[claims.ClaimHolder]:
    return [claims.ClaimHolder(engine) for _ in range(4)]


def test_of_many_at_once_one_gets_each_key(racing: list[claims.ClaimHolder]) -> None:
    keys, won, start = [str(n) for n in range(40)], list[set[str]](), threading.Barrier(len(racing))

    def race(run: claims.ClaimHolder, own: list[str]) -> None:
        start.wait()
        won.extend(claim(run, *own[n : n + 8]) for n in range(0, 40, 8))

    orders = (keys, keys[::-1], keys[20:] + keys[:20], keys[::-1])
    threads = [threading.Thread(target=race, args=pair) for pair in zip(racing, orders, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(key for part in won for key in part) == sorted(keys)
