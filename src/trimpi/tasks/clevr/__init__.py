"""ClevrPolicy: decision-tree policies over CLEVR scenes (paper, ClevrPolicy)."""
