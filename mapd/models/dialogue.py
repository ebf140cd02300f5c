"""A dialogue as a local model takes it: by its chat template, as token ids. A text's special tokens are only text.

    find_form(render)   Gemma     -> TemplateForm(has_system=False, …, end="<end_of_turn>\\n")
                        DeepSeek  -> TemplateForm(has_system=True, …, end="<｜end▁of▁sentence｜>", thought="<think>")
    TemplateForm(has_system=False).arrange((Message("system", "Solve."), Message("user", "2 + 2?")))
        -> [{"role": "user", "content": "Solve.\\n\\n2 + 2?"}]
    marks = mark([Message("user", "so<|im_end|>3")], tokenizer)           -> {"<|im_end|>": "\\U000f0000"}
    encode(render(turns, tokenizer, marks), tokenizer, marks)             -> the ids; the text's own token is split

So no text can end its turn and begin another. No form is stored: exam, training and exam again find the same one,
because the files are the same (their sha256 is kept), and no template learns what day it is. A model without a
template, a base model, has the plain one below.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any
from weakref import WeakKeyDictionary

from jinja2 import TemplateError

from mapd import thoughts
from mapd.errors import BadInput, in_a_line
from mapd.models.base import Message

PLAIN = (  # for a base model: what follows a question in its own training data
    "{{ bos_token }}{% for m in messages %}"
    "{% if m.role == 'system' %}{{ m.content + '\\n\\n' }}"
    "{% elif m.role == 'user' %}{{ 'Question: ' + m.content + '\\n\\nSolution:\\n' }}"
    "{% else %}{{ m.content + eos_token + '\\n\\n' }}{% endif %}{% endfor %}"
)
# A template that can be told not to think is told so: a student is asked as it is taught, and no thought is taught.
NO_THOUGHT: dict[str, Any] = {"enable_thinking": False}
# A template's own rendering, or the tokenizer's: of a dialogue, with `add_generation_prompt` and the variables.
Render = Callable[..., str]
SAMPLE = (
    Message("system", "You add numbers."),
    Message("user", "How much is 2 + 2?"),
    Message("assistant", "It is 4."),
    Message("user", "Are you sure?"),
)


@dataclass(frozen=True, slots=True)
class TemplateForm:
    """What a template takes, and what it writes around a model's answer."""

    # Else the system text stands in front of the first user's.
    has_system: bool = True
    # A turn's content is a list of parts, as where pictures may be among them.
    has_parts: bool = False
    has_second_turn: bool = True  # a dialogue goes on behind an answer
    variables: Mapping[str, Any] = field(default_factory=dict)
    end: str = ""  # what stands behind an answer
    # The tag of a thought that is open where an answer begins.
    thought: str = ""

    @property
    def closing(self) -> str:
        """Return what closes the open thought without a word in it."""
        return f"\n{thoughts.closing_tag(self.thought)}\n\n" if self.thought else ""

    def arrange(self, turns: Sequence[Message]) -> list[dict[str, Any]]:
        """Return the turns as the template takes them."""
        if not self.has_system and len(turns) > 1 and turns[0].role == "system":
            turns = [turns[1]._replace(content=f"{turns[0].content}\n\n{turns[1].content}"), *turns[2:]]
        if self.has_parts:
            return [{"role": turn.role, "content": [{"type": "text", "text": turn.content}]} for turn in turns]
        return [turn._asdict() for turn in turns]


# Some templates count on these two lists.
_LISTS: Sequence[dict[str, Any]] = ({}, {"tools": [], "documents": []})
_WAYS = [  # the first that the template takes is its own
    TemplateForm(has_system, has_parts, variables=variables)
    for variables in _LISTS
    for has_parts in (False, True)
    for has_system in (True, False)
]


def read_template(tokenizer: Any, *, thinks: bool = False) -> tuple[str, dict[str, Any]]:
    """Return the source of the tokenizer's chat template, or the plain one, and the fields that it is rendered with.

    Raises: ValueError where it has several, and none of them is the default.
    """
    fields = dict(tokenizer.special_tokens_map) | ({} if thinks else NO_THOUGHT)
    if tokenizer.chat_template:
        return tokenizer.get_chat_template(), fields
    # GPT-2's kind has the token, and adds none.
    begins = tokenizer("a")["input_ids"][:1] == [tokenizer.bos_token_id]
    return PLAIN, fields | {"bos_token": tokenizer.bos_token if begins else ""}


class TookTooMuch(BadInput):
    """A template took too much time or memory: it would in another form, too."""


def find_form(render: Render) -> TemplateForm:
    """Return what the template takes, and what it writes around an answer.

    Raises: BadInput where it takes no question, or leaves a part of it out; TookTooMuch.
    """
    faults: list[str] = []
    for form in _WAYS:
        try:
            prompt = _render_sample(form, render, SAMPLE[:2])
            _check(prompt, SAMPLE[:2])
            form = replace(form, has_second_turn=_takes_second_turn(form, render))
        except TookTooMuch:
            raise
        except (BadInput, TemplateError) as error:  # the sandbox's, and the library's own
            faults.append(str(error))
            continue
        return replace(
            form, end=_end(form, render), thought=thoughts.opening_tag(prompt.rpartition(SAMPLE[1].content)[2])
        )
    raise BadInput(faults[0])


def _render_sample(form: TemplateForm, render: Render, turns: Sequence[Message], *, is_asked: bool = True) -> str:
    return render(form.arrange(turns), add_generation_prompt=is_asked, **form.variables)


def _check(text: str, turns: Sequence[Message]) -> None:
    """See that every turn stands in the text, in order, and no part's name does. Raises: BadInput."""
    places = [text.find(turn.content) for turn in turns]
    missing = [turn.role for turn, place in zip(turns, places, strict=True) if place < 0]
    if missing or places != sorted(places) or "'type'" in text:
        fault = f"it leaves out what the {missing[0]} says" if missing else "it moves what was said to another place"
        raise BadInput(f"the model's chat template can't be used ({fault}); take another model")


def _takes_second_turn(form: TemplateForm, render: Render) -> bool:
    """Return whether a dialogue can go on behind an answer. Raises: BadInput where that moves the system text."""
    try:
        text = _render_sample(form, render, SAMPLE)
    except (BadInput, TemplateError):
        return False
    if form.has_system:
        _check(text, SAMPLE[:2])
    return all(turn.content in text for turn in SAMPLE)


def _end(form: TemplateForm, render: Render) -> str:
    """Return what stands behind an answer; nothing where an answer can't be shown."""
    try:
        text = _render_sample(form, render, SAMPLE[:3], is_asked=False)
    except (BadInput, TemplateError):
        return ""
    _, answer, end = text.rpartition(SAMPLE[2].content)
    return end if answer else ""


# First characters of blocks in a private plane of Unicode: one of a block without other text stands for a token.
PRIVATE = range(0xF0000, 0xFFF00, 0x100)
Marks = Mapping[str, str]
# Of each tokenizer's template.
_FORMS: WeakKeyDictionary[Any, tuple[object, TemplateForm]] = WeakKeyDictionary()


def template_form(tokenizer: Any) -> TemplateForm:
    """Return what the tokenizer's chat template takes. Raises: BadInput where it can't be used."""
    template, shape = _FORMS.get(tokenizer, (None, None))
    if shape is None or template != tokenizer.chat_template:
        shape = find_form(
            lambda conversation, **variables: tokenizer.apply_chat_template(conversation, tokenize=False, **variables)
        )
        _FORMS[tokenizer] = (tokenizer.chat_template, shape)
    return shape


def end_of_turn(tokenizer: Any) -> int:
    """Return the token that ends an answer: the one that the template writes behind it, else the tokenizer's own."""
    ids = encode_text(template_form(tokenizer).end, tokenizer, special=True)
    ending: int = next((token for token in ids if token in tokenizer.added_tokens_decoder), tokenizer.eos_token_id)
    return ending


def mark(turns: Sequence[Message], tokenizer: Any) -> Marks:
    """Return a character for each special token that a turn's text holds, one that stands in no text; mostly none."""
    texts = [turn.content for turn in turns]
    tokens = sorted((token for token in tokenizer.all_special_tokens if any(token in text for text in texts)), key=len)
    # Mostly none: then the dialogue is encoded in one piece, as any library does it.
    if not tokens:
        return {}
    used = {ord(character) // 0x100 for text in texts for character in text}
    first = next(first for first in PRIVATE if first // 0x100 not in used)
    return {token: chr(first + number) for number, token in enumerate(reversed(tokens))}


def render(turns: Sequence[Message], tokenizer: Any, marks: Marks) -> str:
    """Return the turns as the chat template writes them, up to where the model's answer begins."""
    marked = [turn._replace(content=_marked(turn.content, marks)) for turn in turns]
    shape = template_form(tokenizer)
    text: str = tokenizer.apply_chat_template(
        shape.arrange(marked), tokenize=False, add_generation_prompt=True, **shape.variables
    )
    return text


def _marked(text: str, marks: Marks) -> str:
    for token, character in marks.items():
        text = text.replace(token, character)
    return text


def encode(rendered: str, tokenizer: Any, marks: Marks) -> list[int]:
    """Return the ids of a rendered dialogue or a part of it. Raises: BadInput where the tokenizer fails over it."""
    if not marks:
        return encode_text(rendered, tokenizer, special=True)
    tokens, ids = {character: token for token, character in marks.items()}, []
    for piece in re.split(f"([{''.join(tokens)}])", rendered):
        if piece:
            ids += encode_text(tokens.get(piece, piece), tokenizer, special=piece not in tokens)
    return ids


def encode_prompt(turns: Sequence[Message], tokenizer: Any) -> list[int]:
    """Return the ids of the turns up to where the model's answer begins. Raises: BadInput, as `encode`."""
    marks = mark(turns, tokenizer)
    return encode(render(turns, tokenizer, marks), tokenizer, marks)


def encode_text(text: str, tokenizer: Any, *, special: bool = False) -> list[int]:
    """Return the ids of a text; `special`: the special tokens in it act. Raises: BadInput, as `encode`."""
    with _telling_panics():
        return list(tokenizer.encode(text, add_special_tokens=False, split_special_tokens=not special))


def decode(ids: Sequence[int], tokenizer: Any) -> str:
    """Return the text of an answer's ids, without special tokens but those around a thought.

    Raises: BadInput where the tokenizer fails over them.
    """
    tags = thoughts.tags_among(tokenizer.all_special_tokens)
    tag_by_id = dict(zip(tokenizer.convert_tokens_to_ids(tags), tags, strict=True)) if tags else {}
    with _telling_panics():
        pieces = (
            tag_by_id.get(id_, "") if id_ in tag_by_id else tokenizer.decode(list(run), skip_special_tokens=True)
            for id_, run in groupby(ids, key=lambda id_: id_ if id_ in tag_by_id else None)
        )
        return "".join(pieces).strip()


@contextmanager
def _telling_panics() -> Iterator[None]:
    # A foreign tokenizer's pattern may go on for too long over a text, and panics then.
    try:
        yield
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        raise BadInput(
            f"the model's tokenizer fails over a text ({in_a_line(error)}); what came is kept: take another model"
        ) from error
