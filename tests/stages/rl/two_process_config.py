"""Twelve completions a step, six to each of two processes: the middle one of three groups is cut between them."""

from __future__ import annotations

from stages.stage_runs import rl_config

CONFIG = rl_config(prompts_per_step=3, steps=2, checkpoint_every_steps=None)
