"""A student of each kind of chat template: exam, two steps of training, adapter, exam again, all with one prompt."""

import asyncio
import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from peft import PeftModel

from mapd import prompts
from mapd.answers.grading import Task
from mapd.errors import BadInput
from mapd.finetune.examples import examples
from mapd.finetune.hyperparameters import Hyperparameters
from mapd.finetune.train import train
from mapd.models import dialogue, loader, local, sandbox
from mapd.models.base import Finish, Message, Request, Sampling, stream
from mapd.models.sandbox import Template
from mapd.store.snapshots import FORMAT
from tests import chat_templates
from tests.chat_templates import KINDS

QUESTION = {"text": "How many pens?", "context": None, "options": [], "task": "numeric", "gold": "18"}
PAIR = {
    "question": QUESTION,
    "attempt": {"text": "Half is 9.\n</think>\n\nAnswer: 9"},
    "rationale": {"text": "9 + 9 = 18. Answer: 18"},
    "feedback": {"text": "You took half of them."},
}
ASKED = prompts.exam_messages("How many pens?", Task.NUMERIC)


def prompt_ids(tokenizer: Any) -> list[int]:
    return dialogue.encode(dialogue.render(ASKED, tokenizer, {}), tokenizer, {})


def examine(model: Any, tokenizer: Any) -> str:
    """Sit an exam of one question; the answer's text."""

    async def ask() -> str:
        requests = stream([Request("1", ASKED, Sampling(max_tokens=5))])
        completions = [c async for c in local.LocalModel("s", model, tokenizer).generate(requests)]
        assert completions[0].finish is not Finish.FAILED
        assert completions[0].tokens_in == len(prompt_ids(tokenizer))
        return completions[0].reply or completions[0].text

    return asyncio.run(ask())


@pytest.mark.parametrize("name", KINDS)
def test_exam_training_and_exam_again_have_one_prompt(name: str, tmp_path: Path) -> None:
    kind = KINDS[name]
    folder = chat_templates.save(tmp_path / "student", kind, in_config=name == "phi 3")
    model, tokenizer = loader.load(folder)
    exam = prompt_ids(tokenizer)
    assert kind.prompt_holds in tokenizer.decode(exam)
    assert tokenizer.convert_ids_to_tokens(dialogue.end_of_turn(tokenizer)) == kind.end
    before = examine(model, tokenizer)
    for alpha in (0.0, 0.5):
        made = examples({"format": FORMAT}, json.dumps(PAIR), tokenizer, alpha=alpha, max_length=2000)
        one = made.items[0]
        assert [*one.prompt, *one.lead] == exam
        taught = tokenizer.decode(one.rationale)
        thought = dialogue.template_form(tokenizer).closing
        assert taught == f"{thought}9 + 9 = 18. Answer: 18{kind.end}"
        hyperparameters = Hyperparameters(alpha=alpha, epochs=2, rank=2, batch=1)
        home = tmp_path / f"finetune {alpha}"
        adapter = train(loader.load(folder)[0], made.items, hyperparameters, home, lambda _: None)
        tuned, same_tokenizer = loader.load(folder, adapter)
        assert prompt_ids(same_tokenizer) == exam
        assert examine(tuned, same_tokenizer).startswith(dialogue.template_form(tokenizer).thought)
    if dialogue.template_form(tokenizer).thought:
        assert before.startswith(dialogue.template_form(tokenizer).thought), "that it is a thought can be seen"


def test_a_thought_is_closed_before_a_rationale_and_before_feedback(tmp_path: Path) -> None:
    tokenizer = loader.load(chat_templates.save(tmp_path / "s", KINDS["deepseek"]))[1]
    one = examples({"format": FORMAT}, json.dumps(PAIR), tokenizer, alpha=0.5, max_length=2000).items[0]
    rationale = tokenizer.decode([*one.prompt, *one.lead, *one.rationale])
    assert rationale.endswith("<|assistant|><think>\n\n</think>\n\n9 + 9 = 18. Answer: 18<|end|>")
    feedback = tokenizer.decode([*one.prompt, *one.correction, *one.feedback])
    assert "Half is 9" not in feedback, "the template drops a thought of earlier turns"
    assert feedback.endswith("<|assistant|><think>\n\n</think>\n\nYou took half of them.<|end|>")


def test_a_thought_that_is_a_special_token_can_be_seen_in_an_answer(tmp_path: Path) -> None:
    tokenizer = loader.load(chat_templates.save(tmp_path / "s", KINDS["deepseek, special"]))[1]
    ids = dialogue.encode_text("so 18\n[/THINK]\n\nAnswer: 18<|end|>", tokenizer, special=True)
    assert dialogue.decode(ids, tokenizer) == "so 18\n[/THINK]\n\nAnswer: 18"


def test_an_exam_ends_at_the_turns_end_and_at_the_tokenizers_own(tmp_path: Path) -> None:
    model, tokenizer = loader.load(chat_templates.save(tmp_path / "s", KINDS["qwen 2"]))
    assert tokenizer.eos_token == "<|endoftext|>"
    student = local.LocalModel("s", model, tokenizer)
    ends = tokenizer.convert_tokens_to_ids(["<|im_end|>", "<|endoftext|>"])
    assert student._ends == set(ends)


@pytest.mark.parametrize("fault", [NotImplementedError("no"), ValueError("Cannot merge LORA layers")])
def test_an_adapter_that_cannot_be_merged_decodes_as_it_was_trained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    folder = chat_templates.save(tmp_path / "s", KINDS["chatml"])
    model, tokenizer = loader.load(folder)
    made = examples({"format": FORMAT}, json.dumps(PAIR), tokenizer, alpha=0.5, max_length=2000)
    hyperparameters = Hyperparameters(epochs=20, rank=4, batch=1, learning_rate=0.05)
    adapter = train(model, made.items, hyperparameters, tmp_path / "finetune", lambda _: None)
    merged = examine(*loader.load(folder, adapter))

    def refuse(_: Any) -> None:
        raise fault

    monkeypatch.setattr(PeftModel, "merge_and_unload", refuse, raising=False)
    assert examine(*loader.load(folder, adapter)) == merged != examine(*loader.load(folder))


class _Later(datetime):
    @classmethod
    def now(cls, tz: Any = None) -> "_Later":
        return cls(2031, 5, 17, tzinfo=tz)


def test_a_template_learns_no_date(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process that renders begins with a moved clock: what the library would write differs."""
    from transformers.utils import chat_template_utils

    folder = chat_templates.save(tmp_path / "s", KINDS["llama 3"])
    tokenizer = loader.load(folder)[1]
    today = dialogue.render(ASKED, tokenizer, {})
    monkeypatch.setattr(chat_template_utils, "datetime", _Later)
    plain = chat_templates.make_tokenizer(KINDS["llama 3"])
    turns = [turn._asdict() for turn in ASKED]
    assert "17 May 2031" in plain.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
    moved = sandbox.Template(KINDS["llama 3"].source, tokenizer.special_tokens_map)
    monkeypatch.setenv("TZ", "Pacific/Kiritimati")  # and a day ahead
    assert moved.render(turns, add_generation_prompt=True) == today
    assert "Today Date: 26 Jul 2024" in today


def test_a_template_draws_the_same_each_time() -> None:
    template = Template("{{ range(10000) | random }}" + chat_templates.CHATML, {})
    turns = [turn._asdict() for turn in ASKED]
    assert len({template.render(turns, add_generation_prompt=True) for _ in range(3)}) == 1


REFUSED = {
    "{{ raise_exception('no roles here') }}": "no roles here",
    "{{ raise_exception('short ones') if messages | length > 1 }}{{ messages[0]['content'][:9] }}": "short ones",
    "{{ 'Hello.' }}": "it leaves out what the system says",
    "{{ messages | tojson }}{{ 1 / 0 }}": "division by zero",
}


@pytest.mark.parametrize("source", REFUSED)
def test_a_template_that_takes_no_question_is_one_line(source: str) -> None:
    with pytest.raises(BadInput, match=REFUSED[source]) as refused:
        dialogue.find_form(Template(source, {}).render)
    assert "\n" not in str(refused.value)


def test_a_system_text_is_never_said_twice_nor_lost() -> None:
    form = dialogue.TemplateForm(has_system=False, has_parts=True)
    asked = [Message("system", "S"), Message("user", "U"), Message("assistant", "A"), Message("user", "V")]
    arranged = form.arrange(asked)
    assert [turn["role"] for turn in arranged] == ["user", "assistant", "user"]
    assert [turn["content"][0]["text"] for turn in arranged] == ["S\n\nU", "A", "V"]
    assert form.arrange(asked[1:2]) == [{"role": "user", "content": [{"type": "text", "text": "U"}]}]
