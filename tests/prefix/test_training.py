"""Log-probabilities and gradients with shared prefixes are those without, over families and shapes of batches."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from transformers import PreTrainedModel
from trl.trainer.utils import add_fused_lm_head

import tiny_models
from trimpi.policies import Policy
from trimpi.prefix import training
from trimpi.prefix.training import share_in_training
from trimpi.rendering.renderer import Renderer, TrainingExample
from trimpi.types import Example, ImagePart

IMAGES = ("red", "blue", "green")


@dataclass(frozen=True)
class Group:
    """One request with several responses. Images are numbers of IMAGES."""

    responses: tuple[str, ...]
    images: tuple[int, ...] = ()
    text: str = "Which one?"
    policy: bool = False


@dataclass(frozen=True)
class Case:
    groups: list[Group]
    learn_all: bool = False
    padding: str = "right"
    checkpointing: bool = False


WORDS = st.text("ab c", max_size=12)
GROUPS = st.builds(
    Group,
    responses=st.lists(WORDS, min_size=1, max_size=16).map(tuple),
    images=st.lists(st.integers(0, 2), max_size=3).map(tuple),
    text=st.text("ab", min_size=1, max_size=12),
    policy=st.booleans(),
)
CASES = st.builds(
    Case,
    groups=st.lists(GROUPS, min_size=1, max_size=3).filter(lambda groups: sum(len(g.responses) for g in groups) <= 18),
    learn_all=st.booleans(),
    padding=st.sampled_from(["left", "right"]),
    checkpointing=st.booleans(),
)


@dataclass(repr=False)
class Pair:
    """A model of a family that computes every row by itself, and a copy that shares; grouped queries in both."""

    plain: PreTrainedModel
    sharing: PreTrainedModel
    renderer: Renderer
    folder: Path
    passes: list[int] = field(default_factory=list)

    def batch(self, case: Case) -> dict[str, torch.Tensor]:
        """What a trainer's collator gives: inputs and labels."""
        files = [
            tiny_models.write_image(self.folder / f"{color}.png", color=color, size=(16 + 16 * number, 32))
            for number, color in enumerate(IMAGES)
        ]
        policy = Policy(name="P", sections=("# P\nLook at", ImagePart(path=files[0]), "closely."))
        rows = []
        for number, group in enumerate(case.groups):
            example = Example(
                id=str(number),
                policy_name="P",
                prompt=group.text,
                images=tuple(files[image] for image in group.images),
                answer="",
            )
            prompt = self.renderer.prompt(example, policy if group.policy else None)
            rows += [TrainingExample(prompt=prompt, response=response) for response in group.responses]
        encoded = dict(self.renderer.encode_training(rows, loss_on="text" if case.learn_all else "response"))
        return encoded if case.padding == "right" else padded_left(encoded)


def padded_left(batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Without labels for first tokens: in a plain forward pass padding would predict them."""
    batch["labels"][:, 0] = -100
    shape, padding = batch["input_ids"].shape, (batch["attention_mask"] == 0).sum(dim=1).tolist()
    return {
        name: torch.stack([row.roll(count) for row, count in zip(tensor, padding, strict=True)])
        if tensor.shape == shape
        else tensor
        for name, tensor in batch.items()
    }


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Pair]]:
    """Every batch is packed, however little that saves."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "LEAST_SAVED", -10.0)
        yield {family: make_pair(family, tmp_path_factory.mktemp(family)) for family in tiny_models.FAMILIES}


def make_pair(family: str, folder: Path) -> Pair:
    model, processor = tiny_models.tiny_model(family)
    config = copy.deepcopy(model.config)
    config.get_text_config().num_key_value_heads = 1
    torch.manual_seed(0)
    plain = type(model)(config)
    sharing = copy.deepcopy(plain)
    for made in (plain, sharing):
        add_fused_lm_head(made, outputs=("log_probs", "entropy", "is_top1"))
    pair = Pair(plain, sharing, Renderer(processor, instruction="Answer it."), folder)
    unpacked = sharing.forward
    share_in_training(sharing)
    assert sharing.forward is not unpacked
    pair.sharing.get_decoder().register_forward_hook(
        lambda module, args, inputs, output: pair.passes.append(len(output.last_hidden_state)), with_kwargs=True
    )
    return pair


def learn(model: PreTrainedModel, batch: dict[str, torch.Tensor], *, checkpointing: bool) -> tuple[Any, dict]:
    """The fused head's output, and the gradients of a loss that weighs every token differently."""
    model.train()
    if checkpointing:
        model.gradient_checkpointing_enable({"use_reentrant": False})
    else:
        model.gradient_checkpointing_disable()
    model.zero_grad()
    output = model(**batch, fused_lm_head=True)
    weights = torch.linspace(0.5, 1.5, output.log_probs.numel()).view_as(output.log_probs)
    (output.log_probs * weights).sum().backward()
    return output, {name: weight.grad for name, weight in model.named_parameters() if weight.grad is not None}


def assert_the_same(pair: Pair, case: Case) -> None:
    batch = pair.batch(case)
    plain, expected = learn(pair.plain, batch, checkpointing=False)
    pair.passes.clear()
    sharing, found = learn(pair.sharing, batch, checkpointing=case.checkpointing)
    assert pair.passes == [1], "one packed row"
    torch.testing.assert_close(sharing.log_probs, plain.log_probs, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(sharing.entropy, plain.entropy, atol=1e-5, rtol=1e-5)
    assert torch.equal(sharing.label_mask, plain.label_mask)
    assert torch.equal(sharing.is_top1, plain.is_top1)
    # Some gradients are zero in theory, those of key biases among them: what is left of them is rounding.
    largest = max(float(gradient.abs().max()) for gradient in expected.values())
    for name, gradient in expected.items():
        torch.testing.assert_close(
            found[name], gradient, atol=1e-5 * largest, rtol=1e-4, msg=lambda m, n=name: f"{n}: {m}"
        )


@pytest.mark.parametrize("family", tiny_models.FAMILIES)
@settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate],
)
@given(case=CASES)
def test_a_packed_batch_gives_the_numbers_of_the_plain_one(family: str, pairs: dict[str, Pair], case: Case) -> None:
    assert_the_same(pairs[family], case)


@pytest.mark.parametrize("family", tiny_models.FAMILIES)
@pytest.mark.parametrize("padding", ["left", "right"])
def test_groups_of_one_and_sixteen_with_images_in_policy_and_requests(
    family: str, padding: str, pairs: dict[str, Pair]
) -> None:
    many = tuple("ab"[: number % 3] * number for number in range(16))
    groups = [
        Group(responses=many, images=(0, 1, 1), policy=True),
        Group(responses=("alone",), images=(2,), policy=True, text="And this?"),
        Group(responses=("x", "y")),
    ]
    assert_the_same(pairs[family], Case(groups, learn_all=padding == "left", padding=padding, checkpointing=True))


def images_encoded(pair: Pair, groups: Sequence[Group]) -> int:
    """Visual tokens that a forward pass of these groups computes, of four to a 32 x 32 image."""
    counted: list[int] = []
    tower = next(module for name, module in pair.sharing.named_modules() if name.endswith(("visual", "vision_model")))
    hook = tower.register_forward_hook(
        lambda module, args, inputs, output: counted.append(patches(args, inputs)), with_kwargs=True
    )
    with torch.no_grad():
        pair.sharing(**pair.batch(Case(list(groups))), fused_lm_head=True)
    hook.remove()
    return sum(counted)


def patches(args: tuple[Any, ...], inputs: dict[str, Any]) -> int:
    pixels = args[0] if args else inputs.get("hidden_states", inputs.get("pixel_values"))
    return len(pixels)


@pytest.mark.parametrize(("family", "red", "blue", "green"), [("qwen2_5_vl", 8, 16, 24), ("idefics3", 1, 1, 1)])
def test_every_image_is_encoded_once(family: str, red: int, blue: int, green: int, pairs: dict[str, Pair]) -> None:
    """In patches of 8 x 8 pixels, or in images; the policy's image is red."""
    pair, answers = pairs[family], ("a", "bb", "ccc", "dddd")
    completions = [Group(responses=answers, images=(1,)), Group(responses=answers, images=(2,), text="Or this?")]
    assert images_encoded(pair, completions) == blue + green
    requests = [Group(responses=("a",), images=(image,), policy=True) for image in (1, 2)]
    assert images_encoded(pair, requests) == red + blue + green
    same = [
        *requests,
        Group(responses=("a", "b"), images=(1,), text="Without."),
        Group(responses=("c",), images=(0, 2)),
    ]
    assert images_encoded(pair, same) == red + blue + green, "in clusters of their own, but known"


@pytest.mark.parametrize("change", [{"token_type_ids": True}, {"attention_mask": None}])
def test_inputs_that_are_not_understood_take_the_plain_way(change: dict[str, Any], pairs: dict[str, Pair]) -> None:
    pair = pairs["idefics3"]
    batch = pair.batch(Case([Group(responses=("a", "b"))]))
    for name, value in change.items():
        batch[name] = torch.zeros_like(batch["input_ids"]) if value else None
    pair.passes.clear()
    with torch.no_grad():
        pair.sharing(**batch, fused_lm_head=True)
    assert pair.passes == [2]


def test_rows_with_little_in_common_are_not_packed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "LEAST_SAVED", 0.1)
    mask = torch.ones(2, 100)
    clusters = training.share_prefixes([[1] * 20 + [2] * 80, [1] * 20 + [3] * 80], shortest=16)
    assert training.is_worthwhile(clusters, mask) is False
    assert training.is_worthwhile(clusters, torch.cat([mask, torch.zeros(2, 100)], dim=1)) is True
    clusters = training.share_prefixes([[1] * 50 + [2] * 50, [1] * 50 + [3] * 50], shortest=16)
    assert training.is_worthwhile(clusters, mask) is True
