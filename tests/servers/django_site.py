"""What both Django applications share: settings, the user, and how they are served."""

from collections.abc import Callable
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIServer, make_server

import django
from django.conf import settings
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application

import options

given = options.read()


def configure(apps: list[str], **more: object) -> None:
    settings.configure(
        SECRET_KEY=options.SECRET,
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF="__main__",
        USE_TZ=True,
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "corsheaders", *apps],
        MIDDLEWARE=["corsheaders.middleware.CorsMiddleware"],
        # One database in memory for all of the server's threads.
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.sqlite3",
                "NAME": "file:site?mode=memory&cache=shared",
                "OPTIONS": {"uri": True, "timeout": 20},
            }
        },
        CORS_ALLOWED_ORIGINS=[given.allow_origin],
        CORS_PREFLIGHT_MAX_AGE=60,
        **more,
    )
    django.setup()


class Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


def serve(prepare: Callable[[], None] = lambda: None) -> None:
    from django.contrib.auth.models import User

    call_command("migrate", verbosity=0)
    User.objects.create_user(options.USERNAME, password=options.PASSWORD)
    prepare()
    with make_server(
        "127.0.0.1", given.port, get_wsgi_application(), server_class=Server
    ) as server:
        server.serve_forever()
