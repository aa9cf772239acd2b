"""django-oauth-toolkit: RFC 6749 with the password grant and rotation, RFC 7009 for the logout."""

import django_site
import options

CLIENT_ID = "page"

django_site.configure(
    ["oauth2_provider"],
    OAUTH2_PROVIDER={
        "ACCESS_TOKEN_EXPIRE_SECONDS": django_site.given.access_seconds,
        "ROTATE_REFRESH_TOKEN": True,
        "REFRESH_TOKEN_GRACE_PERIOD_SECONDS": 0,
    },
)

from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import include, path
from oauth2_provider.decorators import protected_resource
from oauth2_provider.models import AccessToken, Application, RefreshToken


@protected_resource()
def protected(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"user": request.resource_owner.username})


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
    path("protected-route", protected),
    path("_store", store),
    path("_store/end", end),
]

if __name__ == "__main__":
    django_site.serve(register)
