"""Policy + Example -> chat turns -> token ids, pixels and masks. The only code that builds prompts or tokenises."""
