"""Internalize a policy document into a vision-language model."""

__version__ = "0.1.0"
