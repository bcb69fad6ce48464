"""Tasks: policies with examples, gold answers and a scorer."""
