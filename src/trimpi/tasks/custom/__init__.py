"""A user's own policy: a folder with a policy document, training and test rows (docs/own-policy.md)."""
