"""Chat templates in the shapes that today's models bring, and a tiny student with each.

save(Path("x"), KINDS["gemma"])      -> a folder that `mapd students add` reads
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.finetune import tiny


@dataclass(frozen=True)
class Kind:
    """A template, the tokens that it writes, and what is to be found of it."""

    template: str | dict[str, str]
    end: str  # of an answer
    tokens: tuple[str, ...] = ()  # beside tiny's
    eos: str = "<|im_end|>"  # the tokenizer's and the model's
    prompt_holds: str = ""

    @property
    def source(self) -> str:
        """The template that a dialogue without tools is written by."""
        return self.template if isinstance(self.template, str) else self.template["default"]


CHATML = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
ALTERNATING = (
    "{% for m in messages %}{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}"
)
GEMMA = (
    "{{ bos_token }}"
    "{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
    + ALTERNATING
    + "{% set role = 'model' if m['role'] == 'assistant' else m['role'] %}"
    "{{ '<start_of_turn>' + role + '\n' + m['content'] | trim + '<end_of_turn>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<start_of_turn>model\n' }}{% endif %}"
)
DROPPING = (  # a system turn is left out without a word
    "{% for m in messages %}{% if m['role'] == 'user' %}{{ '<|user|>' + m['content'] + '<|end|>' }}"
    "{% elif m['role'] == 'assistant' %}{{ '<|assistant|>' + m['content'] + '<|end|>' }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)
LLAMA_3 = (
    "{{ bos_token }}{% if not date_string is defined %}{% if strftime_now is defined %}"
    "{% set date_string = strftime_now('%d %b %Y') %}{% else %}{% set date_string = '26 Jul 2024' %}{% endif %}"
    "{% endif %}"
    "{% if messages[0]['role'] == 'system' %}{% set system = messages[0]['content'] | trim %}"
    "{% set messages = messages[1:] %}{% else %}{% set system = '' %}{% endif %}"
    "{{ '<|start_header_id|>system<|end_header_id|>\n\n' }}"
    "{% if tools is not none %}{{ 'Environment: ipython\n' }}{% endif %}"
    "{{ 'Today Date: ' + date_string + '\n\n' + system + '<|eot_id|>' }}"
    "{% for m in messages %}{{ '<|start_header_id|>' + m['role'] + '<|end_header_id|>\n\n' }}"
    "{{ m['content'] | trim + '<|eot_id|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}"
)
QWEN_2 = (  # ends a turn by a token that is not the base's own end
    "{% if messages[0]['role'] != 'system' %}"
    "{{ '<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n' }}{% endif %}" + CHATML
)
QWEN_3 = (
    "{% set ns = namespace(last=messages | length - 1) %}{% for m in messages %}{% if m['role'] == 'user' %}"
    "{% set ns.last = loop.index0 %}{% endif %}{% endfor %}"
    "{% for m in messages %}{% if m['role'] == 'assistant' %}"
    "{% set content = m['content'].split('</think>')[-1].lstrip('\n') %}"
    "{% if loop.index0 > ns.last %}{{ '<|im_start|>assistant\n<think>\n\n</think>\n\n' + content + '<|im_end|>\n' }}"
    "{% else %}{{ '<|im_start|>assistant\n' + content + '<|im_end|>\n' }}{% endif %}"
    "{% else %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>\n' }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}"
    "{% if enable_thinking is defined and enable_thinking is false %}{{ '<think>\n\n</think>\n\n' }}{% endif %}"
    "{% endif %}"
)
DEEPSEEK = (  # opens a thought, and keeps of earlier turns what stands behind one
    "{{ bos_token }}{% for m in messages %}{% if m['role'] == 'system' %}{{ m['content'] }}{% endif %}{% endfor %}"
    "{% for m in messages %}{% if m['role'] == 'user' %}{{ '<|user|>' + m['content'] }}"
    "{% elif m['role'] == 'assistant' %}"
    "{{ '<|assistant|>' + m['content'].split('</think>')[-1] + '<|end|>' }}{% endif %}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|><think>\n' }}{% endif %}"
)
MISTRAL = (  # the system text goes into the last user turn
    "{% if messages[0]['role'] == 'system' %}{% set system = messages[0]['content'] + '\n\n' %}"
    "{% set messages = messages[1:] %}{% else %}{% set system = '' %}{% endif %}{{ bos_token }}"
    + ALTERNATING
    + "{% if m['role'] == 'user' %}{{ '[INST] ' + (system if loop.last else '') + m['content'] + '[/INST]' }}"
    "{% else %}{{ ' ' + m['content'] + eos_token }}{% endif %}{% endfor %}"
)
PHI_3 = (
    "{% for m in messages %}{{ '<|' + m['role'] + '|>\n' + m['content'] + '<|end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>\n' }}{% else %}{{ eos_token }}{% endif %}"
)
PARTS = (  # a processor's
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' }}{% for part in m['content'] %}"
    "{% if part['type'] == 'image' %}{{ '<image>' }}{% elif part['type'] == 'text' %}{{ part['text'] }}{% endif %}"
    "{% endfor %}{{ '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
TOOLS = (
    "{% for tool in tools %}{{ tool | tojson }}{% endfor %}{% for d in documents %}{{ d.text }}{% endfor %}" + CHATML
)
COUNTING = "{{ messages | length }}" + CHATML  # the whole is another text with another turn
SPECIAL_THINK = DEEPSEEK.replace("<think>", "[THINK]").replace("</think>", "[/THINK]")

KINDS = {
    "chatml": Kind(CHATML, "<|im_end|>"),
    "gemma": Kind(GEMMA, "<end_of_turn>", ("<start_of_turn>", "<end_of_turn>"), prompt_holds="user\nYou solve"),
    "dropping": Kind(DROPPING, "<|end|>", ("<|user|>", "<|assistant|>", "<|end|>"), prompt_holds="<|user|>You solve"),
    "llama 3": Kind(
        LLAMA_3,
        "<|eot_id|>",
        ("<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"),
        prompt_holds="Today Date: 26 Jul 2024\n\nYou solve",
    ),
    "qwen 2": Kind(QWEN_2, "<|im_end|>", eos="<|endoftext|>"),
    "qwen 3": Kind(QWEN_3, "<|im_end|>", ("<think>", "</think>"), prompt_holds="assistant\n<think>\n\n</think>\n\n"),
    "deepseek": Kind(DEEPSEEK, "<|end|>", ("<|user|>", "<|assistant|>", "<|end|>"), prompt_holds="<think>\n"),
    "deepseek, special": Kind(SPECIAL_THINK, "<|end|>", ("<|end|>", "[THINK]", "[/THINK]"), prompt_holds="[THINK]\n"),
    "mistral": Kind(MISTRAL, "<|im_end|>", ("[INST]", "[/INST]"), prompt_holds="[INST] You solve"),
    "phi 3": Kind(PHI_3, "<|end|>", ("<|end|>", "<|user|>", "<|assistant|>", "<|system|>"), eos="<|endoftext|>"),
    "parts": Kind(PARTS, "<|im_end|>"),
    "tools": Kind(TOOLS, "<|im_end|>"),
    "counting": Kind(COUNTING, "<|im_end|>"),
    "several": Kind({"default": GEMMA, "tool_use": CHATML}, "<end_of_turn>", ("<start_of_turn>", "<end_of_turn>")),
    "none": Kind("", "<|im_end|>", prompt_holds="\n\nSolution:\n"),
}


def make_tokenizer(kind: Kind) -> Any:
    """The tokenizer of bytes, with the kind's tokens and template."""
    tokenizer = tiny.tokenizer()
    tokenizer.add_special_tokens({"extra_special_tokens": [t for t in kind.tokens if t not in ("<think>", "</think>")]})
    tokenizer.add_tokens([token for token in kind.tokens if token in ("<think>", "</think>")])  # as Qwen has them
    tokenizer.eos_token = kind.eos
    tokenizer.chat_template = kind.template or None
    return tokenizer


def save(folder: Path, kind: Kind, *, in_config: bool = False) -> Path:
    """Write a student with the template; `in_config`: as tokenizer_config.json used to hold it."""
    tokenizer, model = make_tokenizer(kind), tiny.model()
    model.resize_token_embeddings(len(tokenizer))
    model.config.eos_token_id = model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.save_pretrained(folder)
    options: dict[str, Any] = {"save_jinja_files": False} if in_config else {}
    tokenizer.save_pretrained(folder, **options)
    return folder
