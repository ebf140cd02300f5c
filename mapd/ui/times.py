"""Times as the reader's own clock has them: the database keeps UTC, the browser says its zone.

moment(datetime(2026, 3, 1, 9, 30, tzinfo=UTC))      -> "2026-03-01 10:30" in Berlin; "2026-03-01 09:30 UTC" where
                                                        no zone is told
cell(job.started_at)                                 -> the same in a table, with the UTC time on hovering
"""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import streamlit as st

from mapd.ui.figures import Html

MINUTES, SECONDS, CLOCK = "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S", "%H:%M:%S"  # how exact a time is shown


def moment(at: datetime, form: str = MINUTES) -> str:
    """Return a time in the reader's zone; with "UTC" behind it where the browser tells none that is known."""
    zone = _zone()
    return f"{at.astimezone(zone or UTC):{form}}{'' if zone else ' UTC'}"


def cell(at: datetime, form: str = MINUTES) -> Html:
    """Return a time as HTML."""
    utc = at.astimezone(UTC)
    return Html(f'<time datetime="{utc.isoformat()}" title="{utc:{SECONDS}} UTC">{moment(at, form)}</time>')


def _zone() -> ZoneInfo | None:
    name = st.context.timezone
    try:
        return ZoneInfo(name) if name else None
    except (KeyError, ValueError, OSError):  # the browser may say anything: no such zone, no path, a folder of zones
        return None
