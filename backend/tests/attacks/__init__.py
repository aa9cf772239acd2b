"""Attacks on the server. Each also runs against a weakened server, where it must succeed."""
