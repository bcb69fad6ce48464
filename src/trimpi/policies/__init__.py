"""The policy document: what a model is to internalize."""

from trimpi.policies.policy import Policy, load_policy, save_policy

__all__ = ["Policy", "load_policy", "save_policy"]
