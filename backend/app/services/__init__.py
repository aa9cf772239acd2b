"""The rules: users, sessions, their ends. Nothing here knows HTTP."""
