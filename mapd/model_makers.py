"""Who made a model, as far as its name tells: a reviewer may favour a model of its own maker. Pure.

find_maker("gpt-4o-mini")                           -> "OpenAI"
find_maker("mistralai/Mixtral-8x7B-Instruct-v0.1")  -> "Mistral"
find_maker("gemini")                                -> "Google": of an import the teacher's name is all there is
find_maker("sound")                                 -> None
"""

import re

# By how a word of the name begins. A server is no maker: one sells many makers' models.
MAKERS = {
    "gpt": "OpenAI",
    "chatgpt": "OpenAI",
    "claude": "Anthropic",
    "gemini": "Google",
    "gemma": "Google",
    "palm": "Google",
    "mistral": "Mistral",
    "mixtral": "Mistral",
    "ministral": "Mistral",
    "magistral": "Mistral",
    "codestral": "Mistral",
    "llama": "Meta",
    "qwen": "Alibaba",
    "qwq": "Alibaba",
    "deepseek": "DeepSeek",
    "phi": "Microsoft",
    "command": "Cohere",
    "aya": "Cohere",
    "grok": "xAI",
    "glm": "Zhipu",
    "chatglm": "Zhipu",
    "kimi": "Moonshot",
    "smollm": "Hugging Face",
    "zephyr": "Hugging Face",
    "olmo": "Ai2",
    "granite": "IBM",
    "nemotron": "NVIDIA",
    "nova": "Amazon",
}
# OpenAI's reasoning models have no other word.
O_SERIES = re.compile(r"o[1-9]")
WORD = re.compile(r"[a-z]+[0-9]*")


def find_maker(name: str) -> str | None:
    """Return who made the model of this name; None where the name doesn't tell."""
    for word in WORD.findall(name.lower()):
        if O_SERIES.fullmatch(word):
            return "OpenAI"
        if (maker := MAKERS.get(word.rstrip("0123456789"))) is not None:
            return maker
    return None
