"""How a stage names a model that it reads besides the one it trains."""

from __future__ import annotations

CURRENT = "current"
"""The model being trained, as it is at that moment."""
BEST = "best"
"""The one being trained or the recipe's, whichever follows the policy in its prompt better when the stage begins."""
INPUT = "input"
"""What the stage starts from, frozen."""
BASE = "base"
"""The recipe's model. What an earlier stage left goes by the stage's type."""
