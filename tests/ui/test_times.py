"""Times are the reader's own: the zone that the browser tells, and none that it makes up."""

import ast
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import streamlit as st
from sqlmodel import Session

from mapd import jobs
from mapd.cli import shared
from mapd.people import owner
from mapd.ui.kit import times

ROOT = Path(__file__).parents[2]
SUMMER, WINTER = (datetime(2026, month, 1, 22, 30, 15, tzinfo=UTC) for month in (7, 1))


@pytest.mark.parametrize(
    ("zone", "at", "shown"),
    [
        ("Europe/Berlin", SUMMER, "2026-07-02 00:30"),
        ("Europe/Berlin", WINTER, "2026-01-01 23:30"),
        ("Asia/Kolkata", WINTER, "2026-01-02 04:00"),
        ("America/St_Johns", SUMMER, "2026-07-01 20:00"),
        ("UTC", SUMMER, "2026-07-01 22:30"),
        (None, SUMMER, "2026-07-01 22:30 UTC"),
        ("", SUMMER, "2026-07-01 22:30 UTC"),
        ("Mars/Olympus", SUMMER, "2026-07-01 22:30 UTC"),
        ("America", SUMMER, "2026-07-01 22:30 UTC"),
        ("../../etc/passwd", SUMMER, "2026-07-01 22:30 UTC"),
        ("/etc/passwd", SUMMER, "2026-07-01 22:30 UTC"),
        ("a\x00b", SUMMER, "2026-07-01 22:30 UTC"),
        ("<img>" * 99, SUMMER, "2026-07-01 22:30 UTC"),
    ],
)
def test_a_time_is_in_the_readers_zone(
    monkeypatch: pytest.MonkeyPatch, zone: str | None, at: datetime, shown: str
) -> None:
    monkeypatch.setattr(type(st.context), "timezone", zone)
    assert times.moment(at) == shown
    assert f">{shown}</time>" in times.cell(at)
    assert f'title="{at:%Y-%m-%d %H:%M:%S} UTC"' in times.cell(at)


def test_a_jobs_log_says_when_in_utc_and_is_read_back(session: Session) -> None:
    ref = jobs.AttemptRef(jobs.start(session, "exam", {}, by=owner("ann")).uid, 1)
    jobs.take(session, "w", calls=False)
    jobs.beat(session, ref, None, [f"{SUMMER.isoformat()} exam 1 of 2", "a line from before", "2026-07-01 no time"])
    lines = jobs.log_lines(jobs.get(session, ref.uid))
    assert lines == [(SUMMER, "exam 1 of 2"), (None, "a line from before"), (None, "2026-07-01 no time")]


def test_a_command_says_how_far_its_clock_is_from_utc() -> None:
    shown = datetime.strptime(shared.moment(SUMMER), "%Y-%m-%d %H:%M:%S%z")
    assert shown - SUMMER == timedelta(0)


def test_no_page_formats_a_time_by_itself() -> None:
    """Nor names a zone, as a column's head once did."""
    places = []
    for folder in ("mapd/ui", "mapd/cli", "pages"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                words = node.value if isinstance(node, ast.Constant) else None
                if isinstance(words, str) and ("%H:" in words or "(UTC)" in words):
                    places.append(path.relative_to(ROOT).as_posix())
    assert set(places) <= {"mapd/ui/kit/times.py", "mapd/cli/shared.py"}
