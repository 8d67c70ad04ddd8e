"""A 4-layer Llama of 3.7 million random weights with a tokenizer of its own, as Hugging Face files.

Runs in the environment that `setup_vllm.sh` makes: `python toy_model.py DIRECTORY`.
"""

import sys
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

CONTEXT = 512
TEXT = [
    "The quick brown fox jumps over the lazy dog.",
    "A router sends each request to the cheapest tier that answers well.",
    "One two three four five six seven eight nine ten.",
    "user assistant system message question answer hello world",
]
CHAT_TEMPLATE = (
    "{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


def tokenizer() -> PreTrainedTokenizerFast:
    trained = Tokenizer(models.BPE())
    trained.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trained.decoder = decoders.ByteLevel()
    special = ["<|end|>", "<|system|>", "<|user|>", "<|assistant|>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trained.train_from_iterator(
        TEXT * 20, trainers.BpeTrainer(vocab_size=1024, special_tokens=special, initial_alphabet=alphabet)
    )
    made = PreTrainedTokenizerFast(tokenizer_object=trained, eos_token="<|end|>", pad_token="<|end|>")
    made.chat_template = CHAT_TEMPLATE
    return made


def model(vocabulary: int) -> LlamaForCausalLM:
    torch.manual_seed(7)
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=vocabulary,
            hidden_size=256,
            intermediate_size=768,
            num_hidden_layers=4,
            num_attention_heads=4,
            num_key_value_heads=4,
            max_position_embeddings=CONTEXT,
            eos_token_id=0,
            bos_token_id=None,
            pad_token_id=0,
        )
    )


def main(directory: Path) -> None:
    words = tokenizer()
    weights = model(len(words))
    weights.save_pretrained(directory)
    words.save_pretrained(directory)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
