"""A student of 40,000 numbers with a tokenizer of bytes, and examples for it: what tests of training run on."""

import random
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from mapd.finetune.examples import Example

TEMPLATE = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
SIZES: dict[str, Any] = {
    "vocab_size": 259,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 4096,
    "initializer_range": 0.3,  # lively enough that a wrong mask is seen
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}


def tokenizer() -> Any:
    """One token a byte."""
    vocabulary = {
        letter: place for place, letter in enumerate((*SPECIAL, *sorted(pre_tokenizers.ByteLevel.alphabet())))
    }
    made = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    fast = PreTrainedTokenizerFast(
        tokenizer_object=made, pad_token=SPECIAL[0], bos_token=SPECIAL[1], eos_token=SPECIAL[2]
    )
    fast.chat_template = TEMPLATE
    return fast


def model(seed: int = 0) -> Any:
    """A random Llama whose keys and values are shared by two heads each."""
    torch.manual_seed(seed)
    return LlamaForCausalLM(LlamaConfig(**SIZES)).eval()


def save(folder: Path) -> Path:
    """The student as a folder that `models.loader.load` reads."""
    model().save_pretrained(folder)
    tokenizer().save_pretrained(folder)
    return folder


def examples(count: int, seed: int = 0) -> list[Example]:
    """Examples of random tokens and different lengths."""
    draw = random.Random(seed)

    def tokens(low: int, high: int) -> tuple[int, ...]:
        return tuple(draw.randrange(3, 259) for _ in range(draw.randint(low, high)))

    return [Example(tokens(4, 20), tokens(2, 30), tokens(3, 25), tokens(2, 40)) for _ in range(count)]
