"""A stand-in for Sage Business Centre, for the connector's page and for the Sage Contact task pane.

The portal does for real what docs/portal.md asks of it: it verifies who is handed over, and it forwards
Microsoft's consent redirects. Start it with `portal_app(product, portal)`.
"""

from sandbox.portal.app import portal_app

__all__ = ["portal_app"]
