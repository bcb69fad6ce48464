"""The policy document: what a model is to internalize."""

from trimpi.policies.policy import Policy, join_texts, load_policy, save_policy

__all__ = ["Policy", "join_texts", "load_policy", "save_policy"]
