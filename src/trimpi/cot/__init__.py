"""Chains of thought to learn from: the task's own (gold), or the model's own with the policy in context (forward)."""
