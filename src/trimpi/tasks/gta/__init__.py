"""GTAPolicy: the next tool call, with the version that the user's profile demands (paper, GTAPolicy)."""
