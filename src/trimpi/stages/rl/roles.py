"""Who a rollout row is: which request, which member of its group, with or without the policy. Pure, torch-free."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from trimpi.sampling.sampler import row_seed


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One completion to sample: `example` indexes the training examples, `seed` fixes its randomness."""

    example: int
    policy_aware: bool
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupPlan:
    """How the completions of a step are laid out: group after group, each with its policy-free members first."""

    group_size: int
    policy_aware_per_group: int
    prompts_per_step: int
    order: Sequence[int]
    """The example of every group, step after step."""
    seed: int

    def rows(self, *, step: int, process: int, count: int) -> list[Row]:
        """The `count` rows of a process in step 0, 1, ...; a row depends on its place in the step, not its process."""
        return [self._row(step, process * count + row) for row in range(count)]

    def _row(self, step: int, place: int) -> Row:
        group, member = divmod(place, self.group_size)
        return Row(
            example=self.order[step * self.prompts_per_step + group],
            policy_aware=member >= self.group_size - self.policy_aware_per_group,
            seed=row_seed(self.seed, step, group, member),
        )
