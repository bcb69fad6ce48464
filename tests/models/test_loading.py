"""What was saved is what is loaded, and nothing is loaded that cannot see images."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import AutoModelForImageTextToText, AutoProcessor, BatchFeature, LlamaConfig, PreTrainedModel

import trimpi.models.loading as loading
from tiny_models import FAMILIES, tiny_model, write_image
from trimpi.errors import ModelError
from trimpi.models import load_model, load_processor, resolve_model_path, save_model
from trimpi.rendering.renderer import Renderer, TrainingExample
from trimpi.types import Example


@pytest.fixture(params=FAMILIES)
def family(request: pytest.FixtureRequest) -> str:
    return request.param


def one_batch(processor: Any, folder: Path) -> BatchFeature:
    renderer = Renderer(processor)
    image = write_image(folder / "scene.png")
    example = Example(id="1", policy_name="P", prompt="Which?", images=(image,), answer="A")
    return renderer.encode_training(
        [TrainingExample(prompt=renderer.prompt(example), response="\\boxed{A}")], loss_on="text"
    )


@torch.no_grad()
def logits(model: PreTrainedModel, batch: BatchFeature) -> torch.Tensor:
    return model(**batch).logits


def test_a_saved_model_loads_with_the_same_logits(family: str, tmp_path: Path) -> None:
    model, processor = tiny_model(family)
    batch = one_batch(processor, tmp_path)
    save_model(model, processor, tmp_path / "model")
    loaded = load_model(tmp_path / "model", device="cpu")
    assert torch.equal(logits(loaded, batch), logits(model, batch))
    assert not loaded.training
    assert loaded.generation_config.eos_token_id == model.generation_config.eos_token_id
    names = [path.name for path in (tmp_path / "model").iterdir()]
    assert "model.safetensors" in names and not [name for name in names if name.endswith(".bin")]


def test_transformers_auto_classes_load_what_was_saved(family: str, tmp_path: Path) -> None:
    model, processor = tiny_model(family)
    save_model(model, processor, tmp_path / "model")
    batch = one_batch(AutoProcessor.from_pretrained(tmp_path / "model"), tmp_path)
    expected = one_batch(processor, tmp_path)
    assert set(batch) == set(expected)
    assert all(torch.equal(batch[key], expected[key]) for key in batch)
    loaded = AutoModelForImageTextToText.from_pretrained(tmp_path / "model")
    assert torch.equal(logits(loaded, batch), logits(model, expected))


def test_the_chain_save_load_save_keeps_every_weight(tmp_path: Path) -> None:
    model, processor = tiny_model("qwen2_5_vl")
    save_model(model, processor, tmp_path / "first")
    save_model(load_model(tmp_path / "first", device="cpu"), load_processor(tmp_path / "first"), tmp_path / "second")
    first, second = (load_file(tmp_path / name / "model.safetensors") for name in ("first", "second"))
    assert first.keys() == second.keys()
    assert all(torch.equal(first[key], second[key]) for key in first)


def test_lora_adapters_are_merged_into_plain_weights(family: str, tmp_path: Path) -> None:
    model, processor = tiny_model(family)
    batch = one_batch(processor, tmp_path)
    before = logits(model, batch)
    torch.manual_seed(0)
    adapted = get_peft_model(
        model, LoraConfig(r=4, target_modules=["q_proj", "v_proj"], init_lora_weights=False, lora_dropout=0.0)
    ).eval()
    expected = logits(adapted, batch)
    assert not torch.allclose(expected, before, atol=1e-3)
    save_model(adapted, processor, tmp_path / "model")
    loaded = load_model(tmp_path / "model", device="cpu")
    torch.testing.assert_close(logits(loaded, batch), expected, atol=1e-5, rtol=1e-4)
    assert not [key for key in load_file(tmp_path / "model" / "model.safetensors") if "lora" in key]
    assert not (tmp_path / "model" / "adapter_config.json").exists()


def test_left_padding_does_not_change_greedy_completions(family: str, tmp_path: Path) -> None:
    """Wrong M-RoPE positions or a wrong mask would; the tensors of a batch must go to the right prompts."""
    model, processor = tiny_model(family)
    renderer = Renderer(processor)
    images = [write_image(tmp_path / f"{color}.png", color=color) for color in ("red", "blue")]
    examples = [
        Example(id="1", policy_name="P", prompt="Which?", images=(images[0],), answer="A"),
        Example(id="2", policy_name="P", prompt="Which of the two is it then?", images=tuple(images), answer="A"),
    ]
    prompts = [renderer.prompt(example) for example in examples]

    def complete(batch: BatchFeature) -> list[list[int]]:
        written = model.generate(**batch, max_new_tokens=6, min_new_tokens=6, do_sample=False)
        return written[:, batch["input_ids"].shape[1] :].tolist()

    alone = [complete(renderer.encode_prompts([prompt]))[0] for prompt in prompts]
    assert complete(renderer.encode_prompts(prompts)) == alone


def test_a_model_without_its_tokenizer_is_told_what_is_missing(tmp_path: Path) -> None:
    save_model(*tiny_model("qwen2_5_vl"), tmp_path)
    for file in tmp_path.glob("tokenizer*"):
        file.unlink()
    with pytest.raises(ModelError, match=r"tokenizer.*tokenizer\.json"):
        load_processor(tmp_path)


def test_an_adapter_is_said_to_be_one_and_of_what(tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_text('{"base_model_name_or_path": "Qwen/Qwen2.5-VL-7B-Instruct"}')
    with pytest.raises(ModelError, match=r"PEFT adapter of Qwen/Qwen2\.5-VL-7B-Instruct.*merge it"):
        resolve_model_path(tmp_path)
    (tmp_path / "adapter_config.json").write_text("{}")
    with pytest.raises(ModelError, match="a model that it does not name"):
        resolve_model_path(tmp_path)


def test_weights_lost_on_the_way_are_an_error(tmp_path: Path) -> None:
    model, processor = tiny_model("qwen2_5_vl")
    save_model(model, processor, tmp_path / "model")
    file = tmp_path / "model" / "model.safetensors"
    weights = load_file(file)
    lost = next(key for key in weights if "layers.1.mlp" in key)
    save_file({key: tensor for key, tensor in weights.items() if key != lost}, file, metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"1 are missing or of another shape.*layers\.1\.mlp"):
        load_model(tmp_path / "model", device="cpu")


def test_weights_cut_short_and_pickled_ones_are_an_error(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    save_model(*tiny_model("qwen2_5_vl"), folder)
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:100])
    with pytest.raises(ModelError, match="cannot load the model"):
        load_model(folder)
    weights.unlink()
    torch.save({}, folder / "pytorch_model.bin")
    with pytest.raises(ModelError, match=r"no file named model\.safetensors"):
        load_model(folder)


def test_a_vision_model_without_its_processor_files_is_an_error(tmp_path: Path) -> None:
    model, processor = tiny_model("idefics3")
    model.save_pretrained(tmp_path)
    processor.tokenizer.save_pretrained(tmp_path)
    with pytest.raises(ModelError, match="cannot load the processor"):
        load_processor(tmp_path)


def test_a_model_that_cannot_see_is_an_error(tmp_path: Path) -> None:
    """transformers gives a bare tokenizer for it, which would drop every image in silence."""
    _, processor = tiny_model("qwen2_5_vl")
    LlamaConfig().save_pretrained(tmp_path)
    processor.tokenizer.save_pretrained(tmp_path)
    with pytest.raises(ModelError, match="without an image processor"):
        load_processor(tmp_path)


def test_a_checkpoint_that_names_the_stock_processor_loads(tmp_path: Path) -> None:
    """As checkpoints from the hub do; the stock class cannot be built without torchvision."""
    model, processor = tiny_model("qwen2_5_vl")
    save_model(model, processor, tmp_path)
    config = tmp_path / "processor_config.json"
    config.write_text(config.read_text().replace("{", '{"processor_class": "Qwen2_5_VLProcessor",', 1))
    loaded = load_processor(tmp_path)
    assert Renderer(loaded).visual_token_ids == Renderer(processor).visual_token_ids


def test_dtype_is_the_one_asked_for(tmp_path: Path) -> None:
    model, processor = tiny_model("qwen2_5_vl")
    save_model(model, processor, tmp_path)
    assert load_model(tmp_path, dtype="bfloat16", device="cpu").dtype == torch.bfloat16
    with pytest.raises(ModelError, match="unknown dtype 'int8'"):
        load_model(tmp_path, dtype="int8")


def test_nano_is_the_packaged_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "config.json").write_text("{}")
    monkeypatch.setattr(loading, "NANO_FOLDER", tmp_path)
    assert resolve_model_path("nano") == tmp_path


def test_hub_ids_pass_through() -> None:
    assert str(resolve_model_path("Qwen/Qwen2.5-VL-7B-Instruct")) == "Qwen/Qwen2.5-VL-7B-Instruct"


@pytest.mark.parametrize("path", ["/nowhere/model", "./missing", "nan0", "runs/a/b"])
def test_a_folder_that_does_not_exist_is_an_error(path: str) -> None:
    with pytest.raises(ModelError, match="no model at"):
        resolve_model_path(path)


def test_a_folder_without_a_model_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no config\.json"):
        load_model(tmp_path)


def test_a_folder_that_brings_code_of_its_own_is_an_error_and_asks_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, processor = tiny_model("qwen2_5_vl")
    save_model(model, processor, tmp_path)
    file = tmp_path / "config.json"
    own = {"model_type": "own", "auto_map": {"AutoConfig": "code.Config"}}
    file.write_text(json.dumps({**json.loads(file.read_text()), **own}))
    monkeypatch.setattr("builtins.input", lambda *_: pytest.fail("it asks on the terminal"))
    with pytest.raises(ModelError, match="contains custom code"):
        load_processor(tmp_path)
