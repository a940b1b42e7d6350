"""Builds what is deployed: one zip, the run-time set pruned and compiled."""

from deployment.package import Built, PackageError, build

__all__ = ["Built", "PackageError", "build"]
