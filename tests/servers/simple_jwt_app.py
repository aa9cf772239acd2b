"""Simple JWT for Django REST framework, with rotation and the blacklist of spent refresh tokens."""

from datetime import timedelta

import django_site

django_site.configure(
    ["rest_framework", "rest_framework_simplejwt.token_blacklist"],
    REST_FRAMEWORK={
        "DEFAULT_AUTHENTICATION_CLASSES": [
            "rest_framework_simplejwt.authentication.JWTAuthentication"
        ],
        "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    },
    SIMPLE_JWT={
        "ACCESS_TOKEN_LIFETIME": timedelta(seconds=django_site.given.access_seconds),
        "ROTATE_REFRESH_TOKENS": True,
        "BLACKLIST_AFTER_ROTATION": True,
    },
)

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from rest_framework.decorators import api_view
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken
from rest_framework_simplejwt.views import TokenBlacklistView, TokenObtainPairView, TokenRefreshView


@api_view(["GET"])
def protected(request: Request) -> Response:
    return Response({"user": request.user.username})


def store(_request: HttpRequest) -> JsonResponse:
    ended = BlacklistedToken.objects.count()
    return JsonResponse({"live": OutstandingToken.objects.count() - ended, "ended": ended})


def end(_request: HttpRequest) -> HttpResponse:
    for token in OutstandingToken.objects.all():
        BlacklistedToken.objects.get_or_create(token=token)
    return HttpResponse(status=204)


urlpatterns = [
    path("api/token/", TokenObtainPairView.as_view()),
    path("api/token/refresh/", TokenRefreshView.as_view()),
    path("api/token/blacklist/", TokenBlacklistView.as_view()),
    path("protected-route", protected),
    path("_store", store),
    path("_store/end", end),
]

if __name__ == "__main__":
    django_site.serve()
