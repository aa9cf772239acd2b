"""The device's name, by which users recognise a session in their list."""

# The size of the table's column. A browser's User-Agent has about 150 characters.
MAX_DEVICE_CHARS = 255


def device_name(user_agent: str | None) -> str | None:
    """The User-Agent of a login, made safe to store and show; None if nothing remains.

    For display only: a client can send any text, so no decision may depend on it.
    """
    # Control characters could reach logs and terminals, and PostgreSQL stores no NUL.
    printable = "".join(filter(str.isprintable, user_agent or ""))
    return printable.strip()[:MAX_DEVICE_CHARS] or None
