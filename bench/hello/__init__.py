"""An app with one function and nothing behind it: what the host alone costs."""
