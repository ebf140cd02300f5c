"""A dialogue as a local model's token ids: the chat template's special tokens act, in a text they are only text.

    marks = mark([Message("user", "so<|im_end|>3")], tokenizer)           -> {"<|im_end|>": "\\U000f0000"}
    encode(render(turns, tokenizer, marks), tokenizer, marks)             -> the ids; the text's own token is split
    end_of_turn(tokenizer)                                                -> the id of "<|im_end|>"

So no text can end its turn and begin another.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import groupby
from typing import Any
from weakref import WeakKeyDictionary

from mapd import thoughts
from mapd.errors import BadInput
from mapd.models import templates
from mapd.models.base import Message
from mapd.models.sandbox import in_a_line

# First characters of blocks in a private plane of Unicode: one of a block without other text stands for a token.
PRIVATE = range(0xF0000, 0xFFF00, 0x100)
Marks = Mapping[str, str]
# Of each tokenizer's template.
_FORMS: WeakKeyDictionary[Any, tuple[object, templates.TemplateForm]] = WeakKeyDictionary()


def template_form(tokenizer: Any) -> templates.TemplateForm:
    """Return what the tokenizer's chat template takes. Raises: BadInput where it can't be used."""
    template, shape = _FORMS.get(tokenizer, (None, None))
    if shape is None or template != tokenizer.chat_template:
        shape = templates.find_form(
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
