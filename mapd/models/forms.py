"""The form in which a server takes a request, learned from its refusals. Pure.

    learn(refusal, {"model": "m", "max_tokens": 64, "temperature": 0.3, …}, {}, swaps=SWAPS)
    -> {"max_tokens": "max_completion_tokens"}      it is sent under the other name from now on
    -> {"temperature": None}                        it is left out
    -> {"system": "user"}                           the system text stands in front of the first user's turn

Only what a request can do without is left out, and only where the server says that it doesn't take it; a value that it
finds wrong is for a person to set.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from mapd.models.base import Message
from mapd.models.refusals import ServerRefusal, phrases

# By field: its other name, or None where it is left out; "system": "user"
RequestForm = Mapping[str, str | None]
SYSTEM = "system"
# A request is none without these: they are never left out.
NEEDED = ("model", "messages", "prompt", SYSTEM, "max_tokens", "max_completion_tokens")

_NOT_TAKEN = phrases(
    "unsupported",
    r"(?:not|n't|never) (?:be )?(?:currently )?(?:supported|permitted|allowed|accepted|recogni[sz]ed|enabled)",
    r"(?:not|n't) (?:support|accept|take|recogni[sz]e|allow)\b",
    r"extra (?:inputs|fields)|extra_forbidden",
    r"(?:unknown|unrecogni[sz]ed|unexpected|additional|invalid) (?:request )?"
    r"(?:name|field|param|argument|keyword|propert|key\b)",
    r"cannot find field|no such field",
    r"only the default|only (?:be )?(?:set to|accepts|takes)|only \S{1,20} is (?:allowed|supported)",
    r"deprecated|no longer (?:supported|available)",
    r"(?:cannot|can't) both|(?:cannot|may not|must not) be (?:set|used|specified)|must be unset",
    r"not a valid (?:param|field|argument)",
)
_OUT_OF_BOUNDS = phrases(
    r"too (?:large|big|high|small|low)|at (?:most|least)|(?:less|greater) than|between|\brange\b|maximum|minimum"
)
_ABSENT = phrases(  # that the field itself isn't taken, whatever is said of a value
    r"unsupported|not supported|extra (?:inputs|fields)|unknown|only the default|deprecated"
)
_EXTRA = phrases(r"extra (?:inputs|fields)|extra_forbidden|(?:unknown|unrecogni[sz]ed|unexpected) ")
_BOTH = phrases(r"(?:cannot|can't|can not) both|not .{0,20}\bboth\b|mutually exclusive|only one of")
_SYSTEM = phrases(
    r"(?:system|developer)[ _'\"`]*(?:role|message|prompt|instruction)",
    r"role[^.]{0,40}['\"`]?\bsystem\b",
    r"['\"`]system['\"`]",
)
_ROLES = phrases(
    r"roles must alternate|only (?:supports? )?['\"`]?user['\"`]? and ['\"`]?assistant",
    r"['\"`]system\W+ is not (?:one of|a valid|an? )|unexpected role\W+system",
    r"\brole\b.{0,60}(?:permitted|should be|must be)[^.]{0,20}\buser\b",
)
# Behind these words a server names another field than the refused one.
_SUGGESTION = phrases(r"did you mean|(?<=[.;,]) (?:please )?use\b")
_LENGTH = phrases(r"context[ _](?:length|window)|too long|too many tokens|maximum (?:prompt|input)|reduce the length")
_SETTING = phrases(r"\bparameters?\b|\bargument|\bfields?\b|\bproperty\b")


def learn(
    refusal: ServerRefusal, body: Mapping[str, Any], form: RequestForm, *, swaps: Mapping[str, str], has_system: bool
) -> dict[str, str | None]:
    """Return what a refusal teaches beyond the form that the body was sent in; empty where it teaches nothing.

    `swaps`: fields of this API that have another name. `has_system`: whether a system text was sent.
    """
    if refusal.status not in (400, 404, 422, 500, 501):
        return {}
    text = f"{refusal.words} {refusal.body}"
    if has_system and SYSTEM not in form and _refuses_system(text, refusal, body):
        return {SYSTEM: "user"}
    if refusal.status >= 500 or not _NOT_TAKEN.search(text):
        return {}
    fields = refused_fields(refusal, body)
    if not fields and "max_completion_tokens" in swaps and _EXTRA.search(text):
        # Of the two names the server knows the old one: the newer field is the extra one.
        fields = [name for name in body if name == "max_completion_tokens"]
    if _OUT_OF_BOUNDS.search(refusal.words) and not _ABSENT.search(refusal.words):
        return {}  # the value is wrong, not the field
    lessons: dict[str, str | None] = {}
    for name in fields:
        if name in swaps:
            lessons["max_tokens"] = swaps[name]
        elif name not in NEEDED:
            lessons[name] = None
    return {name: new_name for name, new_name in lessons.items() if form.get(name, "") != new_name}


def refused_fields(refusal: ServerRefusal, body: Mapping[str, Any]) -> list[str]:
    """Return the body's fields that a refusal is about. Of two that exclude each other it is the second."""
    if _BOTH.search(refusal.words):
        return _fields_named(refusal.words, [name for name in body if name not in NEEDED])[-1:]
    exact = [name for name in body if refusal.param and _plain(name) == _plain(refusal.param)]
    if exact:
        return exact
    fields = [name for name in body if name not in ("model", "messages", "prompt")]
    return _fields_named(_SUGGESTION.split(refusal.words)[0], fields)


def is_of_setting(refusal: ServerRefusal, body: Mapping[str, Any]) -> bool:
    """Return whether a refusal is about a setting, which every call has, and not about this prompt."""
    if refusal.status not in (400, 422) or _LENGTH.search(refusal.words):
        return False
    return bool(refused_fields(refusal, body) or _SETTING.search(refusal.words))


def adapt(body: Mapping[str, Any], form: RequestForm) -> dict[str, Any]:
    """Return the body in the form that its server takes."""
    adapted = {}
    for name, value in body.items():
        new_name = form.get(name, name) if name not in ("model", "messages", "prompt", SYSTEM) else name
        if new_name is not None:
            adapted[new_name] = value
    return adapted


def describe_shape(body: Mapping[str, Any]) -> frozenset[str]:
    """Return what tells one form of the same request from another: its fields and its roles."""
    return frozenset(body) | {f"role {message['role']}" for message in body.get("messages", ())}


def place_system(messages: Sequence[Message], form: RequestForm) -> tuple[Message, ...]:
    """Return the messages; where a system role isn't taken, its text stands in front of the first user's turn."""
    if form.get(SYSTEM) != "user":
        return tuple(messages)
    system = "\n\n".join(m.content for m in messages if m.role == SYSTEM)
    turns = [m for m in messages if m.role != SYSTEM]
    if not system or not turns:
        return tuple(messages)
    return (Message(turns[0].role, f"{system}\n\n{turns[0].content}"), *turns[1:])


def describe(form: RequestForm) -> list[str]:
    """Return the form in words, a line each: "temperature isn't taken by this model: left out"."""
    lines = []
    for name, new_name in sorted(form.items()):
        if name == SYSTEM:
            lines.append("a system role isn't taken by this model: its text stands in front of the question")
        elif new_name is None:
            lines.append(f"{name} isn't taken by this model: left out")
        elif new_name != name:
            lines.append(f"{name} is sent as {new_name}")
    return lines


def _refuses_system(text: str, refusal: ServerRefusal, body: Mapping[str, Any]) -> bool:
    if _ROLES.search(text):
        return True
    fields = refused_fields(refusal, body)
    if SYSTEM in fields:
        return bool(_NOT_TAKEN.search(text))
    return bool(_SYSTEM.search(text) and _NOT_TAKEN.search(text)) and not set(fields) - set(NEEDED)


def _fields_named(words: str, names: Sequence[str]) -> list[str]:
    """Return the names that the words hold as a word of their own, in the order of the words; `topP` is top_p."""
    tokens = [_plain(token) for token in re.findall(r"\w+", words)]
    return sorted((n for n in names if _plain(n) in tokens), key=lambda n: tokens.index(_plain(n)))


def _plain(name: str) -> str:
    return name.replace("_", "").lower()
