"""Times in the reader's own zone: the database stores UTC, the browser sends its zone.

moment(datetime(2026, 3, 1, 9, 30, tzinfo=UTC))      -> "2026-03-01 10:30" in Berlin; "2026-03-01 09:30 UTC" without one
cell(job.started_at)                                 -> the same in a table, with the UTC time in the tooltip
"""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import streamlit as st

from mapd.ui.kit.tables import Html

MINUTES, SECONDS, CLOCK = "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S", "%H:%M:%S"


def moment(time: datetime, form: str = MINUTES) -> str:
    """Return a time in the reader's zone, or in UTC with "UTC" after it."""
    zone = _zone()
    return f"{time.astimezone(zone or UTC):{form}}{'' if zone else ' UTC'}"


def cell(time: datetime, form: str = MINUTES) -> Html:
    """Return a time as HTML."""
    utc = time.astimezone(UTC)
    return Html(f'<time datetime="{utc.isoformat()}" title="{utc:{SECONDS}} UTC">{moment(time, form)}</time>')


def local(time: datetime) -> datetime:
    """Return a time as the reader's clock has it, without its zone: a picture's axis knows none."""
    return time.astimezone(_zone() or UTC).replace(tzinfo=None)


def zone_note() -> str:
    """Return what stands behind times in the reader's zone: nothing, or that they are in UTC."""
    return "" if _zone() else " (UTC)"


def _zone() -> ZoneInfo | None:
    name = st.context.timezone
    try:
        return ZoneInfo(name) if name else None
    # The browser may send anything: no such zone, no path, a folder of zones.
    except (KeyError, ValueError, OSError):
        return None
