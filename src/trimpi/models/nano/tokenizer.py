"""The nano model's tokenizer: byte-level BPE in which every common word, number and dotted section id is one token."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from pathlib import Path

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import AddedToken, PreTrainedTokenizerFast

from trimpi.tasks.clevr.tree import MAX_LAYERS

SPECIAL_TOKENS = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|image_pad|>",
    "<|video_pad|>",
)
FORMAT_TOKENS = ("<think>", "</think>", "\\boxed{")
"""One token each, but ordinary text: they are part of what a model says."""
WORD = r" ?\d(?:\.\d)+| ?\d{1,2}| ?\p{L}+| ?[^\s\p{L}\d]+|\s+"
VOCABULARY_SIZE = 1024
CHAT_TEMPLATE = Path(__file__).parent / "chat_template.jinja"


def train_tokenizer(texts: Iterable[str]) -> PreTrainedTokenizerFast:
    """Learn merges from the texts, then make sure of the dotted ids of six layers and the numbers below 100."""
    splitter = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(WORD), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    learner = Tokenizer(models.BPE())
    learner.pre_tokenizer = splitter
    words = [f" {word}" for word in [*_dotted_ids(), *map(str, range(100))]]
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY_SIZE - len(words) - len(SPECIAL_TOKENS) - len(FORMAT_TOKENS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    learner.train_from_iterator(texts, trainer)
    vocabulary, merges = _learned(learner)
    for word in words:
        vocabulary.setdefault(word.replace(" ", "Ġ"), len(vocabulary))
    # ignore_merges: a word that is in the vocabulary is one token, even where merges would never build it.
    backend = Tokenizer(models.BPE(vocab=vocabulary, merges=merges, ignore_merges=True))
    backend.pre_tokenizer = splitter
    backend.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        clean_up_tokenization_spaces=False,
        chat_template=CHAT_TEMPLATE.read_text(),
        model_max_length=8192,
    )
    tokenizer.add_special_tokens({"additional_special_tokens": list(SPECIAL_TOKENS)})
    tokenizer.add_tokens([AddedToken(token, normalized=False) for token in FORMAT_TOKENS])
    return tokenizer


def _dotted_ids() -> list[str]:
    """Section ids of trees of up to MAX_LAYERS layers, the root left out: "1.1", "1.2", "1.1.1", ..."""
    return [".".join(["1", *path]) for depth in range(1, MAX_LAYERS) for path in itertools.product("12", repeat=depth)]


def _learned(learner: Tokenizer) -> tuple[dict[str, int], list[tuple[str, str]]]:
    import json

    model = json.loads(learner.to_str())["model"]
    return dict(model["vocab"]), [tuple(merge) for merge in model["merges"]]
