"""What may be set of a teacher: how its model draws its tokens, its limits, its price, its headers. Pure.

check_sampling("openai", "m", {"temperature": 0.7, "reasoning_effort": "low"})
-> {"temperature": 0.7, "top_p": None, "max_tokens": 2048, "seed": None, "reasoning_effort": "low"}
read_pairs("--set", ['chat_template_kwargs={"enable_thinking": false}'])
-> {"chat_template_kwargs": {"enable_thinking": False}}
"""

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from mapd import keys
from mapd.errors import BadInput
from mapd.models.base import CONNECTION_HEADERS, Sampling
from mapd.models.simulated import SimulatedTeacher

KEY_VARIABLES = {"openai": "OPENAI_API_KEY", "anthropic": "ANTHROPIC_API_KEY"}  # of those behind an API
# Tokens of a reply by default: a model that thinks first spends them on its thought, too.
LONGEST_REPLY = 2048
Bounds = Mapping[str, tuple[tuple[type, ...], float, float]]  # by setting: what its value may be
SAMPLING: Bounds = {
    "temperature": ((int, float), 0, 2),
    "top_p": ((int, float), 0, 1),
    "max_tokens": ((int,), 1, 100_000),
    "seed": ((int,), 0, 2**31 - 1),
}
LIMITS: Bounds = {
    "concurrency": ((int,), 1, 1024),
    "per_minute": ((int, float), 0.1, 1_000_000),
    "timeout_s": ((int, float), 0.1, 3600),
}
PRICE: Bounds = {"usd_in": ((int, float), 0, 100_000), "usd_out": ((int, float), 0, 100_000)}
BODY_FIELD = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}", re.ASCII)
RESERVED_FIELDS = {  # fields of a request's body that nobody sets, and why
    **dict.fromkeys(("model", "messages", "system", "prompt", "input"), "what is asked is set by the teacher's row"),
    **dict.fromkeys(("stream", "stream_options"), "a reply is read in one piece"),
    **dict.fromkeys(("n", "best_of"), "one text is read of a reply: take --samples"),
    **dict.fromkeys(
        ("tools", "tool_choice", "functions", "function_call", "parallel_tool_calls"), "a teacher calls no tools"
    ),
    **dict.fromkeys(
        ("max_completion_tokens", "max_output_tokens"), "set max_tokens: it is sent as the server calls it"
    ),
}
SECRET = re.compile(
    r"(?:^|_)(?:api_?key|keys?|secret|password|authorization|(?:access|auth|bearer)_token|token)$", re.I
)
LONGEST_FIELD = 4000  # characters of a field's JSON
HEADER = re.compile(r"[a-z0-9!#$%&'*+.^_`|~-]{1,64}", re.ASCII)
WORDS_OF_PYTHON = {"True": "true", "False": "false", "None": "null"}


def check_sampling(kind: str, model: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return all that can be set, so that another default in a later version changes no teacher.

    Raises: BadInput where a setting can't be used.
    """
    if kind == "simulated":
        profile = asdict(SimulatedTeacher.of(model=model, settings=settings).profile)
        # The kind of flaw is the profile's own, and can't be set.
        return {name: value for name, value in profile.items() if name != "flaw"}
    # Anthropic takes no seed.
    known_bounds = {name: bounds for name, bounds in SAMPLING.items() if (kind, name) != ("anthropic", "seed")}
    who = f"a teacher of kind {kind}"
    # What isn't set is the provider's to choose, but for max_tokens, which bounds the bill.
    if kind in KEY_VARIABLES:
        further = {name: value for name, value in settings.items() if name not in SAMPLING}
        checked = check_numbers(who, "setting", {k: v for k, v in settings.items() if k in SAMPLING}, known_bounds)
        unset = Sampling(temperature=None, top_p=None, max_tokens=LONGEST_REPLY)
        return asdict(replace(unset, **checked)) | _check_fields(who, further)
    return asdict(Sampling(**check_numbers(who, "setting", settings, known_bounds)))


def _check_fields(who: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return further fields of a request's body, if they may be set. Raises: BadInput."""
    for name, value in fields.items():
        if not BODY_FIELD.fullmatch(name):
            raise BadInput(f"{who}: a setting is a field of the request, letters, digits and _, not {name[:80]!r}")
        if name in RESERVED_FIELDS:
            raise BadInput(f"{who}: {name} can't be set; {RESERVED_FIELDS[name]}")
        if secret := next((key for key in (name, *_names_in(value)) if SECRET.search(key)), None):
            raise BadInput(
                f"{who}: {secret} may hold a key, and a setting is stored and shown; what was given is not kept: take "
                "--key-env, or --header NAME=VARIABLE"
            )
        if len(json.dumps(value)) > LONGEST_FIELD or not _is_finite(value):
            raise BadInput(f"{who}: {name} is JSON of up to {LONGEST_FIELD:,} characters, without NaN and Infinity")
    return dict(fields)


def _names_in(value: Any) -> Iterator[str]:
    for part in value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ():
        yield from _names_in(part)
    if isinstance(value, Mapping):
        yield from map(str, value)


def _is_finite(value: Any) -> bool:
    if isinstance(value, Mapping):
        return all(map(_is_finite, value.values()))
    if isinstance(value, list):
        return all(map(_is_finite, value))
    return not isinstance(value, float) or math.isfinite(value)


def check_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers in small letters, each with its variable. Raises: BadInput where a name can't be used."""
    checked_headers = {}
    for name, variable in headers.items():
        small = name.strip().lower()
        if not HEADER.fullmatch(small) or small in CONNECTION_HEADERS:
            raise BadInput(f"a header has a name such as x-team, none of the connection's own, not {name[:64]!r}")
        checked_headers[small] = keys.check_name(variable)
    return checked_headers


def check_numbers(who: str, noun: str, settings: Mapping[str, Any], known_bounds: Bounds) -> dict[str, Any]:
    """Return the settings, each of them known and within its bounds. Raises: BadInput."""
    for key, value in settings.items():
        if key not in known_bounds:
            raise BadInput(f"{who} has no {noun} {key!r}: it is one of {', '.join(known_bounds)}")
        kinds, low, high = known_bounds[key]
        if type(value) not in kinds or not low <= value <= high:
            number = "number" if float in kinds else "whole number"
            raise BadInput(f"{who}: {key} must be a {number} from {low:,} to {high:,}, not {value!r}")
    return dict(settings)


def read_pairs(option: str, texts: Sequence[str]) -> dict[str, Any]:
    """Return each KEY=VALUE; a value is JSON, else a word. Raises: BadInput for what is neither."""
    pairs: dict[str, Any] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals:
            raise BadInput(f"{option} takes KEY=VALUE, not {text}")
        if value in WORDS_OF_PYTHON:
            raise BadInput(f"{option} {key} takes JSON: {WORDS_OF_PYTHON[value]}, not {value}")
        try:
            pairs[key.strip()] = json.loads(value)
        except (ValueError, RecursionError):
            if value[:1] in ("{", "[", '"'):
                raise BadInput(f"{option} {key} takes JSON in straight double quotes, not {value[:80]}") from None
            pairs[key.strip()] = value  # a word
    return pairs


def read_names(option: str, texts: Sequence[str]) -> dict[str, str]:
    """Return each HEADER=NAME. What isn't written so isn't shown: it may hold the value itself."""
    pairs = {}
    for text in texts:
        header, equals, variable = text.partition("=")
        if not equals:
            raise BadInput(f"{option} takes HEADER=NAME, with the NAME of the variable that holds its value")
        pairs[header.strip()] = keys.check_name(variable.strip())
    return pairs
