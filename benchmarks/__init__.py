"""What the policy costs and what the prefix engine saves, measured on this machine: `python -m benchmarks --help`."""
