"""Faults of what the product talks to: a closed list, queued for the next calls or for one tenant's."""
