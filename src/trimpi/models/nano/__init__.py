"""The embedded base model: Qwen2.5-VL's architecture at about 3M parameters, and how it is trained from nothing."""
