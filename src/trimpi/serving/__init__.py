"""A model behind an OpenAI-compatible endpoint, in a folder to give away, and on a page beside the prompted one."""
