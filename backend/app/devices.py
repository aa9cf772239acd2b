"""What a session is recognised by in the list of one's sessions."""

# What the table holds; browsers send some 150.
MAX_DEVICE_CHARS = 255


def device_name(user_agent: str | None) -> str | None:
    """The User-Agent of a login, fit to be stored and shown; None if nothing is left of it.

    For the user's eyes only: whoever logs in can send anything, so nothing may depend on it.
    """
    # Control characters would reach logs and terminals, and PostgreSQL stores no NUL.
    printable = "".join(filter(str.isprintable, user_agent or ""))
    return printable.strip()[:MAX_DEVICE_CHARS] or None
