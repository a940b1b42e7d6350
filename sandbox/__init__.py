"""A local stand-in for everything the product talks to. Never deployed, never imported by the product."""
