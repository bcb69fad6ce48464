"""Pure functions from what was written to a number."""
