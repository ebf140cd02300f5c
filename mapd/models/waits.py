"""Read how long a server asks to wait, in whatever form it says so. Pure.

    read_asked_wait({"retry-after-ms": "250"}, "")                           -> 0.25
    read_asked_wait({"x-ratelimit-reset-requests": "1m30s"}, "")             -> 90.0
    read_asked_wait({"anthropic-ratelimit-tokens-reset": "2026-11-29T09:00:30Z"}, "")   -> the seconds until then
    read_asked_wait({}, '{"error": {"message": "… Please retry in 38.6s."}}')           -> 38.6
    read_asked_wait({}, '{"error": {"metadata": {"headers": {"X-RateLimit-Reset": "1795942842"}}}}')  -> until then

What a server says of this very request goes before what it says of its limits.
"""

import math
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
WORDS = {"milliseconds": "ms", "seconds": "s", "secs": "s", "sec": "s", "minutes": "m", "mins": "m", "hours": "h"}
_NAME = r"(?:milliseconds?|ms|seconds?|secs?|s|minutes?|mins?|m|hours?|h|d)"
_PART = re.compile(rf"(\d+(?:\.\d+)?)\s*({_NAME})(?![a-z])", re.IGNORECASE)
_PARTS = rf"\d+(?:\.\d+)?\s*{_NAME}(?![a-z])"
_DURATION = re.compile(rf"(?:{_PARTS}\s*)+", re.IGNORECASE)
_IN_WORDS = re.compile(
    r"(?:retry|try again|retry again|available|wait|resets?)(?: your request)?(?: (?:in|after|for|about|at least))*\s+"
    rf"((?:{_PARTS}\s*)+)",
    re.IGNORECASE,
)
_FIELD = re.compile(  # of JSON, which may stand within a text of JSON
    r"""retry[_-]?(?:delay|after)[_-]?(ms|seconds)?\\*["']\s*:\s*\\*["']?(\d+(?:\.\d+)?)(ms|s)?\\*["']?\s*[,}]""",
    re.IGNORECASE,
)
_HEADER = re.compile(r"""["']x-ratelimit-reset[\w-]*["']\s*:\s*["']?([^"',}]+)""", re.IGNORECASE)  # that a gateway got
_DRAFT = re.compile(r"\b(?:reset|t)=(\d+)")  # of the header RateLimit: "default";r=0;t=30
# A number from there on is a moment in seconds, or milliseconds; a smaller one a duration.
EPOCH_S, EPOCH_MS = 1e9, 1e12


def read_asked_wait(headers: Mapping[str, str], body: str, now: datetime | None = None) -> float | None:
    """Return the seconds that a reply asks to wait; None where it doesn't, or where that can't be read."""
    at = now or datetime.now(UTC)
    for wait in (*_own_waits(headers, at), _wait_in(body, at), _reset(headers, at)):
        if wait is not None:
            return max(wait, 0.0)
    return None


def _own_waits(headers: Mapping[str, str], now: datetime) -> Iterator[float | None]:
    """Yield what the headers say of this very request."""
    for name in ("retry-after-ms", "x-ms-retry-after-ms"):
        yield _number(headers.get(name, ""), 0.001)
    for name in ("retry-after", "x-retry-after"):
        yield read_wait(headers.get(name, ""), now)


def read_wait(value: str, now: datetime) -> float | None:
    """Return the seconds of a number, a duration, or the moment that the value names."""
    value = value.strip()
    seconds = _number(value)
    if seconds is not None and seconds >= EPOCH_S:
        return seconds / (1000 if seconds >= EPOCH_MS else 1) - now.timestamp()
    if seconds is not None:
        return seconds
    if _DURATION.fullmatch(value):
        return _seconds(value)
    return _until(value, now)


def _number(value: str, unit: float = 1.0) -> float | None:
    try:
        number = float(value)
    except ValueError:
        return None
    return number * unit if math.isfinite(number) else None


def _seconds(duration: str) -> float:
    """Return the seconds of "1m30s"."""
    total = 0.0
    for count, name in _PART.findall(duration):
        word = name.lower()
        unit = word if word in UNITS else WORDS.get(word, WORDS.get(word + "s", "s"))
        total += float(count) * UNITS[unit]
    return total


def _until(value: str, now: datetime) -> float | None:
    """Return the seconds until a date of RFC 3339, or of RFC 9110."""
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            date = read(value)
        except (ValueError, OverflowError):
            continue
        return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() - now.timestamp()
    return None


def _wait_in(body: str, now: datetime) -> float | None:
    """Return the wait that an error's own words hold, or the headers within them."""
    if field := _FIELD.search(body):
        unit = (field[1] or field[3] or "s").lower()
        return float(field[2]) * UNITS["ms" if unit == "ms" else "s"]
    if words := _IN_WORDS.search(body):
        return _seconds(words[1])
    header = _HEADER.search(body)
    return None if header is None else read_wait(header[1], now)


def _reset(headers: Mapping[str, str], now: datetime) -> float | None:
    # Where no header says what remains, each limit may be the one that is used up.
    resets = {name: value for name, value in headers.items() if re.search(r"rate-?limit.*reset", name)}
    remaining = {name: headers.get(name.replace("reset", "remaining")) for name in resets}
    used_up = {name for name, value in remaining.items() if value is not None and _number(value) == 0}
    waits = (read_wait(value, now) for name, value in resets.items() if not used_up or name in used_up)
    draft = _DRAFT.search(headers.get("ratelimit", ""))
    seconds = [wait for wait in (*waits, draft and float(draft[1])) if wait is not None]
    return max(seconds, default=None)
