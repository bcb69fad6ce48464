"""What `trimpi export` writes of a run, and that it says what the trained model says."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import torch
import yaml
from peft import PeftModel
from typer.testing import CliRunner

from serving.finished_run import INSTRUCTION, RANK, STAGES, build_finished_run, model_with_other_head, train_everything
from trimpi.cli import app
from trimpi.errors import ModelError
from trimpi.models import load_model, load_processor
from trimpi.recipe import load_recipe
from trimpi.rendering.renderer import Renderer
from trimpi.serving.export import export_model
from trimpi.serving.hub import push_to_hub
from trimpi.serving.low_rank import factorised
from trimpi.serving.parity import compare, parity_prompts
from trimpi.serving.source import find_model


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_finished_run(tmp_path_factory.mktemp("run"))


def invoke(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["export", *arguments])
    return result.exit_code, result.output


def test_the_merged_weights_are_the_last_stages(run: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    code, printed = invoke(str(run), "--out", str(out))
    assert code == 0, printed
    assert "differ by at most 0 (allowed: 0.001)" in printed
    assert f"vllm serve {out} --served-model-name desk" in printed and f"transformers serve {out}" in printed
    ours, theirs = load_model(out).state_dict(), load_model(run / "stages" / STAGES[-1]).state_dict()
    assert all(torch.equal(weight, theirs[name]) for name, weight in ours.items())
    assert [path.name for path in tmp_path.iterdir()] == ["out"], "nothing is left beside it"
    assert find_model(str(out)).instruction == INSTRUCTION, "what it is asked with goes along"


def test_an_adapter_makes_the_trained_model_of_its_base(run: Path, tmp_path: Path) -> None:
    exported = export_model(find_model(str(run)), tmp_path / "out", adapter=True)
    config = json.loads((tmp_path / "out" / "adapter_config.json").read_text())
    assert config["r"] == 2 * RANK, "two stages one after the other"
    assert exported.adapter_of == config["base_model_name_or_path"] == str(run.parent / "base")
    adapted = PeftModel.from_pretrained(load_model(run.parent / "base"), tmp_path / "out")
    inputs = {"input_ids": torch.arange(40)[None]}
    trained = load_model(run / "stages" / STAGES[-1])
    with torch.no_grad():
        torch.testing.assert_close(adapted(**inputs).logits, trained(**inputs).logits, atol=1e-4, rtol=1e-4)
    assert not (tmp_path / "out" / "model.safetensors").exists()


def test_an_earlier_stage_can_be_exported(run: Path, tmp_path: Path) -> None:
    code, printed = invoke(str(run), "--out", str(tmp_path / "out"), "--stage", STAGES[0], "--adapter")
    assert code == 0, printed
    assert json.loads((tmp_path / "out" / "adapter_config.json").read_text())["r"] == RANK
    assert "vllm serve" in printed and "--enable-lora" in printed


def test_half_precision_is_checked_within_its_bound(run: Path, tmp_path: Path) -> None:
    exported = export_model(find_model(str(run)), tmp_path / "out", dtype="bfloat16")
    assert 0 < exported.parity.difference < exported.parity.bound
    assert json.loads((tmp_path / "out" / "config.json").read_text())["dtype"] == "bfloat16"
    code, printed = invoke(str(run), "--out", str(tmp_path / "b"), "--dtype", "bfloat16", "--tolerance", "0.000001")
    assert code == 2 and "is not the trained one" in printed and not (tmp_path / "b").exists()


def test_another_model_is_found_out(run: Path) -> None:
    folder = run / "stages" / STAGES[-1]
    renderer = Renderer(load_processor(folder))
    prompts = parity_prompts(renderer, run)
    assert len(prompts) == 4 and all(len(prompt.images) == 1 for prompt in prompts)
    with pytest.raises(ModelError, match="is not the trained one: log-probabilities differ by"):
        compare(load_model(folder), model_with_other_head(folder), (renderer, renderer), prompts)


def test_low_rank_differences_are_factorised_exactly() -> None:
    generator = torch.Generator().manual_seed(0)
    up, down = torch.randn(30, 3, generator=generator), torch.randn(3, 20, generator=generator)
    left, right = factorised(up @ down, 5)
    assert left.shape == (30, 5) and right.shape == (5, 20)
    torch.testing.assert_close(left @ right, up @ down, atol=1e-5, rtol=1e-5)


def test_what_cannot_be_exported_is_one_line(run: Path, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    refusals = {
        (str(run), "--out", str(tmp_path / "full")): "is there already",
        (str(run), "--out", str(tmp_path / "a"), "--stage", "03-rl"): "it has 01-vm_cpt, 02-cot_sft",
        (str(run.parent / "base"), "--out", str(tmp_path / "a"), "--stage", "01-vm_cpt"): "is not a run directory",
        (str(run.parent / "base"), "--out", str(tmp_path / "a"), "--adapter"): "give a run directory",
        (str(run), "--out", str(tmp_path / "a"), "--adapter", "--dtype", "bfloat16"): "leave it out with --adapter",
        (str(run), "--out", str(tmp_path / "a"), "--public"): "give --push-to-hub",
    }
    for arguments, words in refusals.items():
        code, printed = invoke(*arguments)
        assert code == 2 and words in printed and printed.count("\n") == 1, printed
    assert not (tmp_path / "a").exists()


def test_no_adapter_is_made_of_a_stage_that_trained_everything(tmp_path: Path) -> None:
    run = build_finished_run(tmp_path)
    train_everything(run)
    code, printed = invoke(str(run), "--out", str(tmp_path / "out"), "--adapter")
    assert code == 2 and "stage 02-cot_sft trained all weights" in printed


def test_the_card_says_policy_data_method_evaluations_and_limits(run: Path, tmp_path: Path) -> None:
    export_model(find_model(str(run)), tmp_path / "out")
    card = (tmp_path / "out" / "README.md").read_text()
    _, head, body = card.split("---\n", 2)
    assert yaml.safe_load(head) == {
        "library_name": "transformers",
        "pipeline_tag": "image-text-to-text",
        "tags": ["trimpi", "policy-internalization"],
    }
    manifest = json.loads((run / "manifest.json").read_text())
    from trimpi.policies import load_policy

    for policy in (load_policy(path) for path in (run / "data").glob("**/policy.md")):
        assert policy.content_hash in body and policy.name in body
    assert manifest["data"]["fingerprint"] in body
    assert "Method: VM-CPT" in body and "LoRA, rank 2" in body
    result = json.loads((run / "eval" / "02-cot_sft" / "accuracy.json").read_text())
    low, high = result["interval"]
    measured = f"| this model | 8 | 0 | {result['accuracy']:.1%} | {100 * low:.1f}–{100 * high:.1f} |"
    assert measured in body and body.count("| base | 8 | 0 |") == 2
    for words in ("Not measured. Training reads the policy's text", "(`override`)", "(`forgetting`)", INSTRUCTION):
        assert words in body
    assert "(`in_context`)" not in body, "that was measured"
    assert "differ from the trained model's by at most 0 (allowed: 0.001)" in body


def test_a_model_of_no_run_has_a_card_that_says_so(run: Path, tmp_path: Path) -> None:
    export_model(find_model(str(run.parent / "base")), tmp_path / "out")
    card = (tmp_path / "out" / "README.md").read_text()
    assert "belongs to no run" in card and "# base\n" in card


class FakeHub:
    """Keeps what it was asked for."""

    def __init__(self, error: Exception | None = None) -> None:
        self.asked: list[tuple[str, object]] = []
        self._error = error

    def create_repo(self, repo: str, *, private: bool, exist_ok: bool) -> None:
        if self._error is not None:
            raise self._error
        self.asked.append((repo, private))

    def upload_folder(self, *, repo_id: str, folder_path: Path, commit_message: str) -> str:
        self.asked.append((repo_id, folder_path))
        return f"https://hub/{repo_id}"


def test_the_hub_gets_the_folder_privately_unless_told_otherwise(tmp_path: Path) -> None:
    hub = FakeHub()
    assert push_to_hub(tmp_path, "me/desk", private=True, api=hub) == "https://hub/me/desk"  # type: ignore[arg-type]
    assert hub.asked == [("me/desk", True), ("me/desk", tmp_path)]


def test_a_hub_that_refuses_is_one_line(tmp_path: Path) -> None:
    from trimpi.errors import EndpointError

    with pytest.raises(EndpointError, match="no connection; log in with `hf auth login`"):
        push_to_hub(tmp_path, "me/desk", private=True, api=FakeHub(OSError("no connection")))  # type: ignore[arg-type]


def test_the_documented_run_of_an_adapter_is_lora_in_every_stage() -> None:
    """What serving.md says to run before `--adapter`."""
    root = Path(__file__).parents[2]
    (line,) = re.findall(r"^trimpi run (.*)\n.* --adapter$", (root / "docs" / "serving.md").read_text(), re.MULTILINE)
    recipe, _, _, *overrides = line.split()
    assert all(stage.lora is not None for stage in load_recipe(root / recipe, overrides).stages)
