"""Chains of thought to learn from: the task's own (gold), or written by a model (forward, reverse). Torch-free."""
