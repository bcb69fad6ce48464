"""The paper's own figures, to stand beside ours. They are other models', on other data.

Source: "Multimodal Policy Internalization for Conversational Agents", arXiv 2510.09474, ICLR 2026. Accuracies are in
percent, on GTAPolicy the overall score; referral is a mean from 0 to 10.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

SOURCE = "Multimodal Policy Internalization for Conversational Agents, arXiv 2510.09474, ICLR 2026"
BIG, SMALL, CLAUDE = "Qwen2.5-VL-7B", "Qwen2.5-VL-3B", "Claude-4-Sonnet"
IN_CONTEXT, DIRECT_SFT, COT_SFT, VM_CPT = "In-context", "Direct SFT", "CoT SFT", "VM-CPT + CoT SFT"
COT_GRPO, COT_DAPO = "CoT SFT + GRPO", "CoT SFT + DAPO"
NO_PORO, PORO_GRPO, PORO_DAPO = "TriMPI, GRPO, no PoRo", "TriMPI, PoRo-GRPO", "TriMPI, PoRo-DAPO"

PaperSuite = Literal["accuracy", "override", "referral", "in_context"]
Setting = tuple[str, int | None]
"""T, M or gta, and the layers of a decision tree (N)."""
T2, T4, T6, M4, M6, GTA = ("T", 2), ("T", 4), ("T", 6), ("M", 4), ("M", 6), ("gta", None)


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperFigure:
    """One number of the paper: of a method and a model, by one of its evaluations, in one setting."""

    suite: PaperSuite
    setting: Setting
    method: str
    model: str
    value: float


def _figures(
    suite: PaperSuite, model: str, settings: Sequence[Setting], rows: Mapping[str, Sequence[float | None]]
) -> list[PaperFigure]:
    return [
        PaperFigure(suite=suite, setting=setting, method=method, model=model, value=value)
        for method, values in rows.items()
        for setting, value in zip(settings, values, strict=True)
        if value is not None
    ]


PAPER_FIGURES: Sequence[PaperFigure] = (
    *_figures(
        "accuracy",
        BIG,
        (T6, M6, GTA),
        {
            IN_CONTEXT: (13.15, 5.65, 21.51),
            DIRECT_SFT: (15.15, 14.55, 40.75),
            COT_SFT: (17.80, 14.30, 54.50),
            VM_CPT: (22.75, 27.05, 65.47),
            COT_GRPO: (47.05, 64.50, None),
            COT_DAPO: (67.60, 74.40, 72.43),
            NO_PORO: (55.90, 80.80, 79.33),
            PORO_GRPO: (65.85, 84.70, 81.06),
            PORO_DAPO: (77.80, 85.00, 76.01),
        },
    ),
    *_figures(
        "accuracy",
        BIG,
        (T4, M4),
        {
            IN_CONTEXT: (32.20, 13.90),
            DIRECT_SFT: (25.65, 37.85),
            COT_SFT: (49.10, 55.35),
            COT_GRPO: (98.25, 87.10),
            COT_DAPO: (97.15, 88.75),
            PORO_GRPO: (99.15, 99.05),
            PORO_DAPO: (97.30, 99.40),
        },
    ),
    *_figures(
        "accuracy",
        SMALL,
        (T6, M6),
        {
            COT_SFT: (19.00, 9.25),
            COT_GRPO: (31.55, 22.40),
            PORO_GRPO: (46.65, 78.80),
            PORO_DAPO: (68.75, 82.35),
        },
    ),
    *_figures("accuracy", BIG, (T2,), {IN_CONTEXT: (72.00,)}),
    *_figures("accuracy", SMALL, (T2, T4, T6), {IN_CONTEXT: (36.60, 10.85, 4.80)}),
    *_figures("accuracy", CLAUDE, (T2, T4, T6), {IN_CONTEXT: (98.10, 96.70, 90.10)}),
    *_figures(
        "override",
        BIG,
        (T6, M6, GTA),
        {
            IN_CONTEXT: (13.15, 6.55, 19.43),
            COT_SFT: (16.40, 25.20, 38.71),
            COT_GRPO: (30.80, 34.00, 46.27),
            PORO_GRPO: (48.70, 82.70, 63.00),
            PORO_DAPO: (59.40, 85.15, 58.94),
        },
    ),
    *_figures(
        "referral",
        BIG,
        (T6, M6, GTA),
        {COT_SFT: (3.54, 3.44, 7.68), PORO_GRPO: (5.60, 8.72, 9.45), PORO_DAPO: (6.26, 8.35, 9.13)},
    ),
    *_figures("in_context", BIG, (T6, M6, GTA), {COT_SFT: (10.70, 15.80, 42.26), PORO_GRPO: (35.15, 69.90, 66.81)}),
)
"""All of the figures above in the order of its tables. The paper has none for other numbers of layers."""

METHODS = tuple(dict.fromkeys(figure.method for figure in PAPER_FIGURES))
