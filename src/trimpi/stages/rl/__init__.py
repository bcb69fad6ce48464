"""Reinforcement learning with PolicyRollout (paper, Training, 3) on TRL's GRPOTrainer."""
