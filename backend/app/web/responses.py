"""What OpenAPI says about the answers that are no success."""

from typing import Any

from ..schemas import ErrorAnswer, InvalidAnswer, SessionOverAnswer

Responses = dict[int | str, dict[str, Any]]

_RETRY_AFTER = {
    "Retry-After": {
        "description": "Seconds after which the same request may succeed.",
        "schema": {"type": "integer", "minimum": 1},
    }
}
_CHALLENGE = {"WWW-Authenticate": {"description": "RFC 6750.", "schema": {"type": "string"}}}

_ALL: Responses = {
    400: {"model": ErrorAnswer, "description": "The request makes no sense here."},
    401: {
        "model": ErrorAnswer | SessionOverAnswer,
        "description": "The credentials are missing or not accepted.",
        "headers": _CHALLENGE,
    },
    403: {"model": ErrorAnswer, "description": "The request is not from the own page."},
    404: {"model": ErrorAnswer, "description": "There is no such thing."},
    405: {"model": ErrorAnswer, "description": "The path has no such method."},
    409: {"model": ErrorAnswer, "description": "Something else was faster; nothing was done."},
    413: {"model": ErrorAnswer, "description": "The body is too large."},
    422: {"model": InvalidAnswer, "description": "The request has another shape."},
    429: {
        "model": ErrorAnswer,
        "description": "Too many attempts.",
        "headers": _RETRY_AFTER,
    },
    500: {"model": ErrorAnswer, "description": "The server has an error of its own."},
    503: {
        "model": ErrorAnswer,
        "description": "The server is busy; nothing was done.",
        "headers": _RETRY_AFTER,
    },
}
# What the server may answer to any request.
_ALWAYS = (400, 405, 413, 500, 503)


def answers(*statuses: int) -> Responses:
    """The documentation of these statuses and of those that every endpoint may answer."""
    return {status: _ALL[status] for status in sorted({*statuses, *_ALWAYS})}
