"""What a server's refusal means: its own words in one line, the kind of fault that it is, the wait it asks for. Pure.

    refusal = read_refusal(429, {}, '{"error": {"message": "Insufficient credits", "code": 402}}')
    refusal.words, refusal.fault      -> "Insufficient credits", FaultKind.CREDIT
    read_asked_wait({"retry-after-ms": "250"}, "")                                                  -> 0.25
    read_asked_wait({"x-ratelimit-reset-requests": "1m30s"}, "")                                    -> 90.0
    read_asked_wait({"anthropic-ratelimit-tokens-reset": "2026-11-29T09:00:30Z"}, "")               -> until then
    read_asked_wait({}, '{"error": {"message": "… Please retry in 38.6s."}}')                       -> 38.6

Servers write an error as {"error": {"message": …}}, as {"error": "…"}, {"detail": [{"loc": …, "msg": …}]}, as a list of
these, within one another, within the reply of another server, as a page of HTML, or within HTTP 200.
"""

import html
import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import Any

from mapd.models.base import FaultKind
from mapd.models.replies import load

AGAIN = (408, 409, 425, 429)  # and 5xx
LONGEST_PAGE = 120  # characters of what isn't JSON
WORDS = ("message", "msg", "detail", "error_message", "error_msg", "status_msg", "title", "description", "errors")
INNER = ("error", "base_resp")  # where an error's object stands
# Parts of the request that an error sends back: their words say nothing of the fault.
ECHOES = ("input", "flagged_input", "messages", "prompt")
# A server that asks for a longer wait has a quota of a day or so.
QUOTA_WAIT_S = 3600.0
# Words of a gateway that say nothing themselves: what stands behind them counts.
EMPTY_PHRASES = ("provider returned error", "upstream error", "error", "bad request")
# The status that an error stands for which has a name for a number.
_NAMES_BY_STATUS = {
    429: "rate_limit_exceeded rate_limit_error resource_exhausted",
    529: "overloaded_error",
    503: "unavailable",
    500: "internal api_error server_error",
    504: "deadline_exceeded timeout_error",
    402: "insufficient_quota billing_error",
    401: "authentication_error invalid_api_key unauthenticated",
    403: "permission_error permission_denied",
    404: "not_found_error not_found model_not_found",
    400: "invalid_request_error invalid_argument badrequesterror",
}
STATUSES = {name: status for status, names in _NAMES_BY_STATUS.items() for name in names.split()}


def phrases(*patterns: str) -> re.Pattern[str]:
    """Return the pattern that finds any of these, in capitals or not."""
    return re.compile("|".join(patterns), re.IGNORECASE)


_CREDIT = phrases(
    r"insufficient[ _-]?(?:quota|credit|balance|fund)",
    r"credit balance is too low",
    r"(?:out of|more|any) credit",
    r"no credits? (?:left|remain)",
    r"credit limit",
    r"not enough (?:credit|balance|fund)",
    r"payment required",
    r"balance (?:is )?(?:too low|insufficient|exhausted)",
    r"billing[ _](?:hard[ _]limit|not[ _]active)",
    r"spend(?:ing)? limit",
    r"exhausted .{0,30}credit|free tier .{0,40}exhausted",
    r"budget has been exceeded|exceeded_current_quota_error",
    r"account\b.{0,60} suspended|overdue balance|arrear",
    "余额不足|欠费",
)
_DAY = phrases(
    r"per[ _-]?(?:day|week|month)",
    r"\b(?:daily|weekly|monthly)\b",
    r"\b(?:rpd|tpd)\b",  # OpenAI's RPD: requests per day
    "regain access",
)
_KEY = phrases(
    r"(?:invalid|incorrect|missing|expired|no|wrong)[ _]?(?:x-)?api[ _-]?key",
    r"api[ _-]?key[ _](?:is )?(?:not valid|invalid|expired|missing)",
    r"authentication[ _](?:fail|error)|login fail",
    "unauthori[sz]ed",
    r"organization has been disabled",
)
_MODEL = phrases(
    r"model[ _](?:not[ _](?:found|exist|supported)|does[ _]not[ _]exist)",
    r"model\b.{0,120}?(?:does(?: not|n't) exist|not found|is not available|is not supported(?! with))",
    r"(?:unknown|invalid|no such)[ _]model|not a valid model",
    r"no endpoints found|deployment.{0,60}does not exist",
    r"model\b.{0,120}? (?:decommissioned|retired|sunset)|non-serverless model|choose (?:a )?different model",
    r"access to (?:the )?model|LLM provider not provided|模型不存在",
)
_MODEL_CODE = phrases(r"model_not_\w+|model_decommissioned|unknown_model|invalid_model")
_CONTENT = phrases(
    r"content[ _](?:filter|policy|management policy)|inappropriate content|敏感内容",
    "flagged",
    "moderation",
    "safety (?:system|settings)",
    "responsibleai",
)


@dataclass(frozen=True)
class ServerRefusal:
    """An error that a server answered with: its status, its words, and its body, without echoes of the request."""

    status: int  # 0 where an error within HTTP 200 has none
    words: str
    # Its kinds in short: "model_not_found invalid_request_error"
    code: str
    param: str | None  # the field that it names as the wrong one
    body: str
    wait_s: float | None
    in_reply: bool = False  # within HTTP 200

    @cached_property
    def fault(self) -> FaultKind:
        """Return what kind of failure it is."""
        if self.status == 402 or _CREDIT.search(self.body):
            return FaultKind.CREDIT
        if self.status in (400, 403, 429) and _DAY.search(self.body):
            return FaultKind.QUOTA
        if self.status == 429 and (self.wait_s or 0) > QUOTA_WAIT_S:
            return FaultKind.QUOTA
        if self.status in AGAIN or self.status >= 500:
            return FaultKind.BUSY
        if self.status in (0, 400, 422):
            return self._fault_by_words
        if self.status in (401, 403, 407):
            return FaultKind.MODEL if self.status == 403 and self._is_of_model else FaultKind.KEY
        if 300 <= self.status < 400 or self.status in (404, 405, 410):
            return FaultKind.MODEL
        return FaultKind.OTHER

    @property
    def _fault_by_words(self) -> FaultKind:
        if _KEY.search(self.body):
            return FaultKind.KEY
        if self._is_of_model:
            return FaultKind.MODEL
        return FaultKind.OTHER if self.status else FaultKind.BUSY  # an error without a number may pass

    @property
    def _is_of_model(self) -> bool:
        return bool(_MODEL.search(self.words) or _MODEL_CODE.search(self.code))

    @property
    def is_filtered(self) -> bool:
        """Return whether a filter of contents refused this prompt alone."""
        return self.status in (400, 403, 422) and bool(_CONTENT.search(self.body))

    @property
    def in_words(self) -> str:
        """Return the status and the server's own words: "HTTP 429: Too Many Requests"."""
        number = f"error {self.status}" if self.status else "an error"
        status = f"HTTP 200 with {number}" if self.in_reply else f"HTTP {self.status}"
        return f"{status}: {self.words}" if self.words else status


def read_refusal(status: int, headers: Mapping[str, str], body: str, reason: str = "") -> ServerRefusal:
    """Return a reply with another status than 200 as what it says. `reason`: the status in words."""
    content = load(body)
    words = "; ".join(dict.fromkeys(_words(content))) if content is not None else _page(body)
    words = words or ("" if content is None else body) or reason
    cleaned = body if content is None else json.dumps(_without_echoes(content), ensure_ascii=False)
    return ServerRefusal(status, words, _code(content), _param(content), cleaned, read_asked_wait(headers, cleaned))


def read_error(content: Any, headers: Mapping[str, str]) -> ServerRefusal | None:
    """Return the error within a reply of HTTP 200, with its code as the status; None where there is none."""
    error = _error_in(content)
    if error is None:
        return None
    words = "; ".join(dict.fromkeys(_words({"error": error}))) or json.dumps(error)
    # Only the error: the rest of the reply is a model's words.
    cleaned = json.dumps(_without_echoes(error), ensure_ascii=False)
    return ServerRefusal(
        _status(error), words, _code(error), _param(error), cleaned, read_asked_wait(headers, cleaned), in_reply=True
    )


def _error_in(content: Any) -> Any:
    """Return the error that a reply holds: at its top, or in its first choice."""
    if isinstance(content, list) and content:
        content = content[0]
    if not isinstance(content, Mapping):
        return None
    choices = content.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    for holder in (content, first):
        if isinstance(holder, Mapping) and holder.get("error"):
            return holder["error"]
    no_reply = not choices and "content" not in content
    has_words = any(isinstance(content.get(name), str | Mapping) for name in (*WORDS, *INNER))
    return content if no_reply and has_words else None


def _status(error: Any) -> int:
    """Return the status that an error's code, or its name, stands for."""
    for value in (values := _codes(error)):
        number = int(value) if isinstance(value, str) and value.isdigit() else value
        if isinstance(number, int) and not isinstance(number, bool) and 300 <= number <= 599:
            return number
    statuses = (STATUSES.get(value.lower()) for value in values if isinstance(value, str))
    return next((status for status in statuses if status is not None), 0)


def _codes(error: Any) -> list[Any]:
    """Return what an error has for a code, a status, or a type; its own before those of the object around it."""
    first = error[0] if isinstance(error, list) and error else error
    places = [first, *(first[name] for name in INNER if isinstance(first, Mapping) and name in first)]
    names = ("code", "status", "status_code", "type")
    return [place.get(name) for place in places if isinstance(place, Mapping) for name in names]


def _code(error: Any) -> str:
    return " ".join(value for value in _codes(error) if isinstance(value, str))


def _without_echoes(content: Any, depth: int = 0) -> Any:
    if depth > 20:
        return None
    if isinstance(content, list):
        return [_without_echoes(part, depth + 1) for part in content]
    if isinstance(content, Mapping):
        return {key: _without_echoes(part, depth + 1) for key, part in content.items() if key not in ECHOES}
    return content


def _words(content: Any, depth: int = 0) -> Iterator[str]:
    """Yield an error's own words, the inmost ones: those of the server behind a gateway go before the gateway's."""
    if depth > 8:
        return
    if isinstance(content, str):
        inner = load(content) if content.lstrip()[:1] in ("{", "[") else None
        inmost = list(_words(inner, depth + 1)) if isinstance(inner, Mapping | list) else []
        yield from inmost or ([_page(content)] if content.strip() else [])
    elif isinstance(content, list):
        for part in content:
            yield from _words(part, depth + 1)
    elif isinstance(content, Mapping):
        yield from _words_of(content, depth)


def _words_of(error: Mapping[str, Any], depth: int) -> Iterator[str]:
    for name in INNER:
        if error.get(name):
            yield from _words(error[name], depth + 1)
            return
    own_words = next((list(_words(error[name], depth + 1)) for name in WORDS if error.get(name)), [])
    metadata = error.get("metadata")
    raw = list(_words(metadata.get("raw"), depth + 1)) if isinstance(metadata, Mapping) else []
    place = error.get("loc")
    if place and own_words and isinstance(place, list | tuple):
        yield f"{'.'.join(map(str, place))}: {own_words[0]}"
    elif raw:
        yield from raw if not own_words or own_words[0].strip(" .").lower() in EMPTY_PHRASES else [*own_words, *raw]
    else:
        yield from own_words


def _page(text: str) -> str:
    """Return what a page of HTML, or another text, says in one short line."""
    if "<" in text and re.search(r"<(?:!doctype|html|head|body|h\d|p|div|title|center)\b", text, re.IGNORECASE):
        title = re.search(r"<title[^>]*>(.*?)</title>", text, re.IGNORECASE | re.DOTALL)
        page = re.sub(r"<(script|style)\b.*?</\1>", " ", text, flags=re.I | re.S)
        text = title[1] if title and title[1].strip() else page
        text = html.unescape(re.sub(r"<[^>]*>", " ", text))[: LONGEST_PAGE * 4]
        return " ".join(text.split())[:LONGEST_PAGE]
    return " ".join(text.split())


def _param(content: Any) -> str | None:
    if isinstance(content, list):
        return next((name for part in content if (name := _param(part))), None)
    if not isinstance(content, Mapping):
        return None
    param = content.get("param")
    if isinstance(param, str) and param:
        return param
    return next((name for key in (*INNER, "detail", "message") if (name := _param(content.get(key)))), None)


UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
UNIT_WORDS = {"milliseconds": "ms", "seconds": "s", "secs": "s", "sec": "s", "minutes": "m", "mins": "m", "hours": "h"}
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
    """Return the seconds that a reply asks to wait; None where it doesn't, or where that can't be read.

    What a server says of this very request goes before what it says of its limits.
    """
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
        unit = word if word in UNITS else UNIT_WORDS.get(word, UNIT_WORDS.get(word + "s", "s"))
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
