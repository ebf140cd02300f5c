"""A dialogue as a local model's token ids: the chat template's special tokens act, in a text they are only text.

    marks = mark([Message("user", "so<|im_end|>3")], tokenizer)           -> {"<|im_end|>": "\\U000f0000"}
    encode(render(turns, tokenizer, marks), tokenizer, marks)             -> the ids; the text's own token is split

So no text can end its turn and begin another. A dialogue without such a text is encoded in one piece, as it ever was.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import groupby
from typing import Any

from mapd import thoughts
from mapd.errors import BadInput
from mapd.models.base import Message
from mapd.models.sandbox import in_a_line

PRIVATE = range(0xF0000, 0xFFF00, 0x100)  # where private characters begin that may stand for a token
Marks = Mapping[str, str]


def mark(turns: Sequence[Message], tokenizer: Any) -> Marks:
    """Return a character for each special token that a turn's text holds, one that stands in no text; mostly none."""
    texts = [turn.content for turn in turns]
    tokens = sorted((token for token in tokenizer.all_special_tokens if any(token in text for text in texts)), key=len)
    if not tokens:
        return {}
    used = {ord(character) // 0x100 for text in texts for character in text}
    first = next(first for first in PRIVATE if first // 0x100 not in used)
    return {token: chr(first + number) for number, token in enumerate(reversed(tokens))}


def render(turns: Sequence[Message], tokenizer: Any, marks: Marks) -> str:
    """Return the turns as the chat template writes them, up to where the model's answer begins."""
    conversation = [turn._asdict() for turn in turns]
    for turn in conversation:
        for token, character in marks.items():
            turn["content"] = turn["content"].replace(token, character)
    text: str = tokenizer.apply_chat_template(conversation, tokenize=False, add_generation_prompt=True)
    return text


def encode(rendered: str, tokenizer: Any, marks: Marks) -> list[int]:
    """Return the ids of a rendered dialogue or a part of it.

    Raises: BadInput where the tokenizer fails over it.
    """
    if not marks:
        return encode_text(rendered, tokenizer, special=True)
    tokens, ids = {character: token for token, character in marks.items()}, []
    for piece in re.split(f"([{''.join(tokens)}])", rendered):
        if piece:
            ids += encode_text(tokens.get(piece, piece), tokenizer, special=piece not in tokens)
    return ids


def encode_text(text: str, tokenizer: Any, *, special: bool = False) -> list[int]:
    """Return the ids of a text; `special`: the special tokens in it act.

    Raises: BadInput, as `encode`.
    """
    with _telling_panics():
        return list(tokenizer.encode(text, add_special_tokens=False, split_special_tokens=not special))


def decode(ids: Sequence[int], tokenizer: Any) -> str:
    """Return the text of an answer's ids, without special tokens but those around a thought.

    Raises: BadInput where the tokenizer fails over them.
    """
    tags = thoughts.tags_among(tokenizer.all_special_tokens)
    named = dict(zip(tokenizer.convert_tokens_to_ids(tags), tags, strict=True)) if tags else {}
    with _telling_panics():
        pieces = (
            named.get(id_, "") if id_ in named else tokenizer.decode(list(run), skip_special_tokens=True)
            for id_, run in groupby(ids, key=lambda id_: id_ if id_ in named else None)
        )
        return "".join(pieces).strip()


@contextmanager
def _telling_panics() -> Iterator[None]:
    """Say in one line that a foreign tokenizer's pattern went on for too long over a text.

    Raises: BadInput.
    """
    try:
        yield
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        raise BadInput(
            f"the model's tokenizer fails over a text ({in_a_line(error)}); what came is kept: take another model"
        ) from error
