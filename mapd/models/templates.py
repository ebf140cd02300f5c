"""Find how a model's chat template takes a dialogue, by rendering a few.

    find_form(render)   Gemma     -> TemplateForm(has_system=False, …, end="<end_of_turn>\\n")
                        DeepSeek  -> TemplateForm(has_system=True, …, end="<｜end▁of▁sentence｜>", thought="<think>")
    TemplateForm(has_system=False).arrange((Message("system", "Solve."), Message("user", "2 + 2?")))
        -> [{"role": "user", "content": "Solve.\\n\\n2 + 2?"}]

Nothing of it is stored: exam, training and exam again find the same form, because the files are the same (their sha256
is kept), and no template learns what day it is. A model without a template, a base model, has the plain one below.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from jinja2 import TemplateError

from mapd import thoughts
from mapd.errors import BadInput
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


def find_form(render: Render) -> TemplateForm:
    """Return what the template takes, and what it writes around an answer.

    Raises: BadInput where it takes no question, or leaves a part of it out.
    """
    faults: list[str] = []
    for form in _WAYS:
        try:
            prompt = _render(form, render, SAMPLE[:2])
            _check(prompt, SAMPLE[:2])
            form = replace(form, has_second_turn=_takes_second_turn(form, render))
        except (BadInput, TemplateError) as error:  # the sandbox's, and the library's own
            faults.append(str(error))
            continue
        return replace(
            form, end=_end(form, render), thought=thoughts.opening_tag(prompt.rpartition(SAMPLE[1].content)[2])
        )
    raise BadInput(faults[0])


def _render(form: TemplateForm, render: Render, turns: Sequence[Message], *, is_asked: bool = True) -> str:
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
        text = _render(form, render, SAMPLE)
    except (BadInput, TemplateError):
        return False
    if form.has_system:
        _check(text, SAMPLE[:2])
    return all(turn.content in text for turn in SAMPLE)


def _end(form: TemplateForm, render: Render) -> str:
    """Return what stands behind an answer; nothing where an answer can't be shown."""
    try:
        text = _render(form, render, SAMPLE[:3], is_asked=False)
    except (BadInput, TemplateError):
        return ""
    _, answer, end = text.rpartition(SAMPLE[2].content)
    return end if answer else ""
