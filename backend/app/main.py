"""The application for a server of your choice: ``fastapi dev``, ``uvicorn app.main:app``.

``python -m app`` is the safest way, because it also sets the limits of connections. Importing this
module makes the process safe in the other ways too, in each worker: a narrow umask, and a log
without queries.
"""

import os
import sys

from .core.config import ConfigError
from .core.logs import configure_logging
from .factory import create_app

# Only the owner may read the database and the secret file.
os.umask(0o077)
configure_logging()
try:
    app = create_app()
except ConfigError as error:
    sys.exit(f"error: {error}")
