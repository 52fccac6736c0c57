"""Several machines: who they are, how they start together, and what they agree on."""
