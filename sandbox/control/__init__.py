"""The control page: what to expect of each demonstration customer, and buttons to change its tenant."""

from sandbox.control.app import control_app

__all__ = ["control_app"]
