"""The prefix engine: what several sequences begin with is computed once, exactly.

A sequence is a shared prefix and a branch of its own. Branches attend to the prefix and to themselves, never to each
other, and their positions go on where the prefix ended, so every number is what the sequence alone would give.
"""
