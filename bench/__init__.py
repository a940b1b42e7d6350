"""Measures what docs/performance.md says."""
