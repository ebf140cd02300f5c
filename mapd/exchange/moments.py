"""Times as files and spreadsheets write them: a column of texts as moments. Pure.

    read_moments(["2026-01-01T10:00:00+00:00", "46023.5"])    -> [2026-01-01 10:00 UTC, 2026-01-01 12:00 UTC]
    read_moments(["3/4/2026 9:05"])                           -> ["3/4/2026 9:05 may be 3 April or 4 March; …"]

Where a spreadsheet dropped the zone it is UTC, which our own files are in. Whether a day or a month comes first is
decided over the whole column, never row by row.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from mapd.questions.values import short

_DATE = re.compile(
    r"(?P<first>\d{1,2})(?P<sign>[./-])(?P<second>\d{1,2})(?P=sign)(?P<year>\d{4}|\d{2})"
    r"(?:,?\s+(?P<hour>\d{1,2})[:.](?P<minute>\d{2})(?:[:.](?P<seconds>\d{2})(?:[.,]\d{1,9})?)?\s*(?P<half>[AaPp][Mm])?)?",
    re.ASCII,
)
# A spreadsheet's number of days, from 1982 to 2146.
_SERIAL = re.compile(r"[3-8]\d{4}(?:[.,]\d{1,15})?", re.ASCII)
# Spreadsheets count from 1900, and take 1900 for a leap year: so their day 0 is two days before that year.
_DAY_ZERO = datetime(1899, 12, 30, tzinfo=UTC)
# Nobody judged here before this day: an earlier time is a slip of whoever wrote it.
EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
CURE = "write times as 2026-04-03 10:00"


def read_moments(texts: Sequence[str | None]) -> list[datetime | str | None]:
    """Return each text's moment; a message where it can't be read, and None where there is no text."""
    dates = [date for text in texts if text and (date := _DATE.fullmatch(text))]
    day_first = _is_day_first(dates)
    return [None if not text else _read(text, day_first=day_first) for text in texts]


def _is_day_first(dates: Sequence[re.Match[str]]) -> bool | None:
    """Return whether the column's dates begin with the day; None where nothing tells."""
    # With dots nobody begins with the month; the halves of a day are written where it comes first.
    if any(int(date["first"]) > 12 or date["sign"] == "." for date in dates):
        return True
    if any(int(date["second"]) > 12 or date["half"] for date in dates):
        return False
    return None


def _read(text: str, *, day_first: bool | None) -> datetime | str:
    try:
        if _SERIAL.fullmatch(text):
            # A spreadsheet's numbers tell no less than a millisecond.
            return _DAY_ZERO + timedelta(milliseconds=round(float(text.replace(",", ".")) * 86_400_000))
        if (date := _DATE.fullmatch(text)) is not None:
            # 4/4/2026 is the same day in both readings.
            if day_first is None and date["first"] != date["second"]:
                return f"{short(text)} may begin with the day or with the month; {CURE}"
            return _of_parts(date, day_first=bool(day_first))
        moment = datetime.fromisoformat(text)
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return f"{short(text)} is no time; {CURE}"
    return moment if moment >= EARLIEST else f"{short(text)} is no time at which anybody judged here; {CURE}"


def _of_parts(date: re.Match[str], *, day_first: bool) -> datetime:
    day, month = (date["first"], date["second"]) if day_first else (date["second"], date["first"])
    year = int(date["year"])
    hour = int(date["hour"] or 0)
    if date["half"]:
        # 12 am is midnight, and 12 pm is noon.
        hour = hour % 12 + (12 if date["half"].lower() == "pm" else 0)
    # A year of two digits is of this century: nobody judged here in the last one.
    parts = (year if year > 99 else 2000 + year, int(month), int(day))
    return datetime(*parts, hour, int(date["minute"] or 0), int(date["seconds"] or 0), tzinfo=UTC)
