"""How ``python -m app`` listens and runs the application."""
