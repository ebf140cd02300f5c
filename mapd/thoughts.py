"""Split what a thinking model wrote before its answer off its text. Pure, no I/O.

    split("<think>Half is 9. No, both.</think>\\nAnswer: 18")  -> ("Half is 9. No, both.", "Answer: 18", False)
    split("Half is 9. No, both.\\n</think>\\nAnswer: 18")       -> the same: the chat template wrote the opening tag
    split("<think>Half is 9. Hmm, let me")                    -> ("Half is 9. Hmm, let me", "", True)

A thought stands between two tags (`<think>`, `<thinking>`, `<seed:think>`, `[THINK]`, `◁think▷`,
`<|begin_of_thought|>` …), or in a channel that isn't the final one (`<|channel|>analysis<|message|>`). Only the closing
tag: all before it is thought. Only the opening one: all behind it is, and the text ended there. Tags in quotation marks
("`<think>` opens it") are words. A text without a thought comes back as it is.
"""

import re
from collections.abc import Iterable
from typing import NamedTuple


class SplitText(NamedTuple):
    """A text in two: `thought` is empty where there is none; `is_open`: nothing followed its last thought."""

    thought: str
    text: str
    is_open: bool


_NAMES = (
    r"(?:[a-z]{1,20}[:_]){0,2}(?:think|thinking|thoughts?|reasoning|reasoning_content|chain_of_thought|cot|monologue"
    r"|scratch_?pad|antthinking)"
)
_QUOTE = "`\"'“”‘’"
_OPENING = (
    rf"(?P<opens><{_NAMES}(?:\s[^<>\n]{{0,100}})?>|\[THINK\]|◁think▷|<details\stype=\"reasoning\"[^<>\n]{{0,200}}>"
    r"|<\|(?:begin_of_thought|start_thinking|thinking)\|>|<\|channel>thought\b|<unused94>(?:thought\b)?)"
)
_CLOSING = (
    rf"</{_NAMES}\s?>|\[/THINK\]|◁/think▷|<\|(?:end_of_thought|end_thinking|/thinking)\|>|<channel\|>|<unused95>"
    r"|\[BEGIN\sFINAL\sRESPONSE\]"
)
_TAG = re.compile(f"{_OPENING}|{_CLOSING}", re.IGNORECASE)
_ENDS_OPEN = re.compile(rf"(?:{_OPENING}|<\|channel\|>\s{{0,9}}analysis\s{{0,9}}<\|message\|>)\Z", re.IGNORECASE)
_CHANNEL_TOKEN = re.compile(r"<\|(?:channel|message|start|end|return|call)\|>", re.IGNORECASE)
_TAG_OR_DETAILS = re.compile(f"{_OPENING}|{_CLOSING}|</details>", re.IGNORECASE)
_DETAILS = re.compile(r"<details\stype=\"reasoning\"", re.IGNORECASE)
# The tags around the answer, which say nothing once the thought is gone.
_WRAPPED = re.compile(
    r"\A\s*(?:<\|begin_of_solution\|>|<\|start_response\|>|<response>|<output>)"
    r"|(?:<\|end_of_solution\|>|<\|end_response\|>|\[END\sFINAL\sRESPONSE\]|</response>|</output>)\s*\Z",
    re.IGNORECASE,
)
# gpt-oss: <|channel|>analysis<|message|>…<|end|><|start|>assistant<|channel|>final<|message|>…<|return|>
_CHANNEL = re.compile(r"<\|channel\|>\s{0,9}(?P<name>\w{1,20})[^\n]{0,200}?<\|message\|>", re.IGNORECASE)
_CHANNEL_END = re.compile(r"<\|(?:end|return|call|start)\|>(?:\s{0,9}assistant\b)?", re.IGNORECASE)
# The same where the server dropped the special tokens, Granite's two headings, and what Ollama prints.
_HEADED = re.compile(
    r"\s*(?:analysis(.*?)assistant\s?final(.*)"
    r"|Here(?: is|'s) my thought process:(.*?)Here(?: is|'s) my response:(.*)"
    r"|Thinking\.\.\.\n(.*?)\n\.\.\.done thinking\.\n(.*))",
    re.DOTALL,
)
_GLUED = re.compile(r"\s*analysis(?=[A-Z])")


def split(text: str) -> SplitText:
    """Return a text's thought and the rest of it."""
    if _CHANNEL.search(text):
        return _split_channels(text)
    if match := _HEADED.match(text):
        thought, answer = (group for group in match.groups() if group is not None)
        return _parts([thought], [answer], is_open=False)
    if start := _GLUED.match(text):
        return _parts([text[start.end() :]], [], is_open=True)
    return _split_tags(text)


def opening_tag(prompt: str) -> str:
    """Return the tag with which a prompt ends, where it has opened the thought that the model goes on with; else ""."""
    match = _ENDS_OPEN.search(prompt[-400:].rstrip())
    return match[0] if match else ""


def closing_tag(tag: str) -> str:
    """Return the tag that closes the thought that another one opens: "<think>" -> "</think>"."""
    return _CLOSINGS.get(tag.lower(), f"{tag[0]}/{tag[1:]}")


_CLOSINGS = {
    "<|begin_of_thought|>": "<|end_of_thought|>",
    "<|start_thinking|>": "<|END_THINKING|>",
    "<|thinking|>": "<|/thinking|>",
    "<|channel>thought": "<channel|>",
    "<unused94>thought": "<unused95>",
    "<unused94>": "<unused95>",
    "<|channel|>analysis<|message|>": "<|end|><|start|>assistant<|channel|>final<|message|>",
}


def knows_thoughts(template: str) -> bool:
    """Return whether a chat template knows thoughts: its model may write one before each answer."""
    return _TAG.search(template) is not None or _CHANNEL.search(template) is not None


def tags_among(tokens: Iterable[str]) -> list[str]:
    """Return those of a tokenizer's special tokens by which a thought is known."""
    tokens = list(tokens)
    has_channels = any(token.lower() == "<|channel|>" for token in tokens)
    return [
        token
        for token in tokens
        if _TAG.fullmatch(token) or _WRAPPED.fullmatch(token) or (has_channels and _CHANNEL_TOKEN.fullmatch(token))
    ]


def _split_channels(text: str) -> SplitText:
    """Keep the final channel. What stands before it was opened by the prompt, if no other channel has a name."""
    thoughts: list[str] = []
    finals: list[str] = []
    headers = list(_CHANNEL.finditer(text))
    starts_in_final = headers[0]["name"].lower() == "final"
    (thoughts if starts_in_final else finals).append(_CHANNEL_END.sub("", text[: headers[0].start()]))
    for header, following in zip(headers, [*headers[1:], None], strict=True):
        content = _CHANNEL_END.sub("", text[header.end() : following.start() if following else len(text)])
        (finals if header["name"].lower() == "final" else thoughts).append(content)
    return _parts(thoughts, finals, is_open=headers[-1]["name"].lower() != "final")


class _Tag(NamedTuple):
    """Where a tag stands, and whether it opens a thought."""

    start: int
    end: int
    opens: bool


def _split_tags(text: str) -> SplitText:
    """Read the tags in order. Where more are opened than closed, the last closing one ends the thought."""
    tags = _tags(text)
    if not tags:
        return SplitText("", text, is_open=False)
    last_closing = next((tag for tag in reversed(tags) if not tag.opens), None)
    thoughts: list[str] = []
    rests: list[str] = []
    depth = at = 0
    for tag in tags:
        if tag.opens:
            if depth == 0:
                rests.append(text[at : tag.start])
                at = tag.end
            depth += 1
            continue
        # Nothing opened it: the chat template did, in the prompt, so all before it was thought.
        if depth == 0:
            # A second closing tag at the very end, behind an answer, closes nothing.
            if thoughts and not text[tag.end :].strip():
                rests.append(text[at : tag.start])
                at = tag.end
                continue
            thoughts += rests
            rests = []
        # Thoughts may quote an opening tag that is never closed: the last closing tag ends them all.
        depth = 0 if tag is last_closing else max(0, depth - 1)
        if depth == 0:
            thoughts.append(text[at : tag.start])
            at = tag.end
    # Still open: the text ended within the thought.
    (thoughts if depth else rests).append(text[at:])
    return _parts(thoughts, rests, is_open=depth > 0)


def _tags(text: str) -> list[_Tag]:
    """Return the tags of a text, in order, but for those in quotation marks."""
    if not any(sign in text for sign in "<[◁"):
        return []
    pattern = _TAG_OR_DETAILS if _DETAILS.search(text) else _TAG
    return [
        _Tag(match.start(), match.end(), match["opens"] is not None)
        for match in pattern.finditer(text)
        if not _is_quoted(text, match)
    ]


def _is_quoted(text: str, match: re.Match[str]) -> bool:
    left_sign, right_sign = text[max(0, match.start() - 1) : match.start()], text[match.end() : match.end() + 1]
    return left_sign != "" and right_sign != "" and left_sign in _QUOTE and right_sign in _QUOTE


def _parts(thoughts: list[str], rests: list[str], *, is_open: bool) -> SplitText:
    thought = "\n\n".join(stripped for piece in thoughts if (stripped := piece.strip()))
    answer = _WRAPPED.sub("", "".join(rests)).strip()
    return SplitText(thought, answer, is_open or bool(thought and not answer))
