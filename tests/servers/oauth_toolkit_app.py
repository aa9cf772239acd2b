"""django-oauth-toolkit: RFC 6749 with the password grant and rotation, RFC 7009 for the logout.

It stands at its own paths and at those of the preset `oauth2`. `/protected-route` refuses as the
toolkit's decorator does (403), `/api/me` as its class for Django REST framework does (401).
"""

import django_site
import options

CLIENT_ID = "page"

django_site.configure(
    ["oauth2_provider", "rest_framework"],
    OAUTH2_PROVIDER={
        "ACCESS_TOKEN_EXPIRE_SECONDS": django_site.given.access_seconds,
        "ROTATE_REFRESH_TOKEN": True,
        "REFRESH_TOKEN_GRACE_PERIOD_SECONDS": 0,
    },
    REST_FRAMEWORK={
        "DEFAULT_AUTHENTICATION_CLASSES": [
            "oauth2_provider.contrib.rest_framework.OAuth2Authentication"
        ],
        "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    },
)

from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import include, path
from oauth2_provider.decorators import protected_resource
from oauth2_provider.models import AccessToken, Application, RefreshToken
from oauth2_provider.views import RevokeTokenView, TokenView
from rest_framework.decorators import api_view
from rest_framework.request import Request
from rest_framework.response import Response


@protected_resource()
def protected(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"user": request.resource_owner.username})


@api_view(["GET"])
def me(request: Request) -> Response:
    return Response({"user": request.user.username})


def store(_request: HttpRequest) -> JsonResponse:
    live = RefreshToken.objects.filter(revoked__isnull=True).count()
    return JsonResponse({"live": live, "ended": RefreshToken.objects.count() - live})


def end(_request: HttpRequest) -> HttpResponse:
    for token in RefreshToken.objects.filter(revoked__isnull=True):
        token.revoke()
    AccessToken.objects.all().delete()
    return HttpResponse(status=204)


def register() -> None:
    """Registers the page as a public client, as the site's owner does once."""
    Application.objects.create(
        client_id=CLIENT_ID,
        client_type=Application.CLIENT_PUBLIC,
        authorization_grant_type=Application.GRANT_PASSWORD,
        user=User.objects.get(username=options.USERNAME),
        name="The page",
    )


urlpatterns = [
    path("o/", include("oauth2_provider.urls", namespace="oauth2_provider")),
    path("token", TokenView.as_view()),
    path("revoke", RevokeTokenView.as_view()),
    path("protected-route", protected),
    path("api/me", me),
    path("_store", store),
    path("_store/end", end),
]

if __name__ == "__main__":
    django_site.serve(register)
