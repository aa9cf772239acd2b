"""The application for the workers of ``python -m app``, which has prepared the database before.

A worker that needed the database to start would fail while the database restarts, and uvicorn
stops all workers when one fails to start.
"""

import os

from ..core.logs import configure_logging
from ..factory import create_app

# Only the owner may read the database and the secret file.
os.umask(0o077)
configure_logging()
app = create_app(prepared=True)
