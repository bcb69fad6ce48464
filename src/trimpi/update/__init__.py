"""A policy's next version: what it changes, the training that takes it in, and the versions there have been."""
