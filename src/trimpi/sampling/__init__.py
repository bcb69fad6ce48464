"""Prompts in, completions out: by the model in this process, by vLLM, or by a script (for tests)."""
