"""The rules for access tokens (RFC 8725, RFC 9068). Every attack gets the same 401."""

import base64
import hashlib
import hmac
import json
import secrets
from typing import Any

import jwt
import pytest
from pydantic import SecretStr

from .conftest import MakeWorld
from .forgery import claims_of, encode, encode_text, forge
from .support import SECRET, World, bearer


@pytest.fixture(params=["signing", "previous"])
def world(request: pytest.FixtureRequest, make_world: MakeWorld) -> World:
    """A server whose signing key, or whose previous key, is the key of the attacks below."""
    if request.param == "signing":
        made = make_world()
    else:
        new = SecretStr(secrets.token_urlsafe(32))
        made = make_world(secret=new, previous_secrets=(SecretStr(SECRET),))
    made.add_user("demo")
    return made


def test_a_token_says_who_when_for_whom_and_in_which_session(world: World) -> None:
    session = world.tokens()
    header = jwt.get_unverified_header(session["access_token"])
    assert header == {"alg": "HS256", "typ": "at+jwt"}
    claims = claims_of(session["access_token"])
    assert set(claims) == {"iss", "aud", "sub", "sid", "iat", "exp", "jti"}
    assert claims["sub"] == "demo"
    assert claims["sid"] == session["sid"]
    assert claims["exp"] - claims["iat"] == world.settings.access_token_seconds


def test_a_hand_made_copy_is_accepted_so_that_the_attacks_below_fail_for_their_own_reason(
    world: World,
) -> None:
    assert world.protected(forge(claims_of(world.tokens()["access_token"]))).status_code == 200


@pytest.mark.parametrize("claim", ["exp", "iat", "iss", "aud", "sub", "jti", "sid"])
def test_a_token_without_a_required_claim_is_refused(world: World, claim: str) -> None:
    claims = claims_of(world.tokens()["access_token"])
    del claims[claim]
    _assert_refused(world, forge(claims))


@pytest.mark.parametrize(
    ("claim", "value"),
    [
        ("iss", "http://evil.example"),
        ("aud", "another-api"),
        ("aud", ["yew-jwt-auth", "another-api"]),
        ("sub", "root"),
        ("sub", 1),
        ("sid", "unknown"),
        ("sid", ["x"]),
        ("sid", None),
        ("exp", 1),
        ("exp", "soon"),
        ("exp", float("inf")),
        ("iat", 99_999_999_999),
        ("iat", "1"),
        ("nbf", 99_999_999_999),
        ("jti", 7),
        ("iat", 10**400),
        ("iat", -(10**400)),
        ("iat", float("inf")),
        ("iat", 0.5),
        ("iat", True),
        ("exp", 10**400),
        ("nbf", 0),
        ("sub", "\ud800"),
        ("sid", "\udfff" * 22),
        ("jti", "\ud800"),
    ],
)
def test_a_token_with_a_wrong_claim_is_refused(world: World, claim: str, value: object) -> None:
    _assert_refused(world, forge(claims_of(world.tokens()["access_token"]) | {claim: value}))


@pytest.mark.parametrize(
    "extra",
    [
        {"typ": "JWT"},
        {"typ": "refresh+jwt"},
        {"typ": None},
        {"crit": ["exp"], "exp": 1},
        {"crit": ["b64"], "b64": False},
        {"jwk": {"kty": "oct", "k": "AAAA"}},
        {"jku": "https://evil.example/keys"},
        {"x5u": "https://evil.example/cert"},
        {"kid": "../../dev/null"},
    ],
)
def test_a_token_with_another_header_is_refused(world: World, extra: dict[str, Any]) -> None:
    claims = claims_of(world.tokens()["access_token"])
    header = {"alg": "HS256", "typ": "at+jwt"} | extra
    _assert_refused(world, forge(claims, header))


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", ""])
def test_a_token_without_a_signature_is_refused(world: World, algorithm: str) -> None:
    claims = claims_of(world.tokens()["access_token"])
    header = {"alg": algorithm, "typ": "at+jwt"}
    unsigned = f"{encode(header)}.{encode(claims)}."
    _assert_refused(world, unsigned)
    _assert_refused(world, forge(claims, header))


@pytest.mark.parametrize("algorithm", ["HS384", "HS512", "RS256", "ES256", "EdDSA"])
def test_another_algorithm_is_refused_even_with_the_right_key(world: World, algorithm: str) -> None:
    # An HS256 signature labelled RS256 is the algorithm confusion of RFC 8725 section 2.1.
    claims = claims_of(world.tokens()["access_token"])
    digest = {"HS384": hashlib.sha384, "HS512": hashlib.sha512}.get(algorithm, hashlib.sha256)
    _assert_refused(world, forge(claims, {"alg": algorithm, "typ": "at+jwt"}, digest=digest))


@pytest.mark.parametrize("key", [b"", b"secret", SECRET[:-1].encode()])
def test_a_token_signed_with_another_key_is_refused(world: World, key: bytes) -> None:
    _assert_refused(world, forge(claims_of(world.tokens()["access_token"]), key=key))


def test_a_changed_payload_is_refused(world: World) -> None:
    header, _, signature = world.tokens()["access_token"].split(".")
    claims = {"sub": "root"}
    _assert_refused(world, f"{header}.{encode(claims)}.{signature}")


@pytest.mark.parametrize("junk", ["x", "a.b", "a.b.c", "....", "A" * 9000, "null", "é"])
def test_junk_is_refused(world: World, junk: str) -> None:
    headers = {b"Authorization": b"Bearer " + junk.encode()}
    answer = world.client.get("/protected-route", headers=headers)
    assert answer.status_code == 401
    assert answer.json() == {"detail": "Could not validate credentials"}


def test_a_refresh_token_is_no_access_token(world: World) -> None:
    _assert_refused(world, world.tokens()["refresh_token"])


def test_an_expired_token_is_refused_after_the_leeway(make_world: MakeWorld) -> None:
    world = make_world(leeway_seconds=30)
    world.add_user("demo")
    claims = claims_of(world.tokens()["access_token"])
    now = world.clock.now
    assert world.protected(forge(claims | {"exp": now - 5})).status_code == 200
    _assert_refused(world, forge(claims | {"exp": now - 31}))


def test_a_token_that_lives_longer_than_any_setting_allows_is_refused(world: World) -> None:
    claims = claims_of(world.tokens()["access_token"])
    assert world.protected(forge(claims | {"exp": claims["iat"] + 86_400})).status_code == 200
    _assert_refused(world, forge(claims | {"exp": claims["iat"] + 86_401}))


def test_a_number_with_more_digits_than_python_reads_is_refused(world: World) -> None:
    claims = claims_of(world.tokens()["access_token"])
    digits = json.dumps(claims).replace(str(claims["iat"]), "9" * 5000)
    signed = f"{encode({'alg': 'HS256', 'typ': 'at+jwt'})}.{encode_text(digits)}"
    signature = hmac.new(SECRET.encode(), signed.encode(), hashlib.sha256).digest()
    _assert_refused(world, f"{signed}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}")


def test_one_clock_decides_about_access_tokens_too(world: World) -> None:
    session = world.tokens()
    world.clock.advance(world.settings.access_token_seconds + world.settings.leeway_seconds)
    _assert_refused(world, session["access_token"])


def test_a_token_of_one_user_does_not_open_the_session_of_another(world: World) -> None:
    world.add_user("other")
    claims = claims_of(world.tokens()["access_token"])
    _assert_refused(world, forge(claims | {"sub": "other"}))


@pytest.mark.parametrize(
    "headers", [{}, {"Authorization": "Basic ZGVtbzpkZW1v"}, {"Authorization": "Bearer"}]
)
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/protected-route"),
        ("GET", "/users/me"),
        ("POST", "/password"),
        ("GET", "/sessions"),
        ("DELETE", "/sessions"),
        ("DELETE", "/sessions/x"),
    ],
)
def test_no_credentials_get_a_challenge_without_an_error(
    world: World, method: str, path: str, headers: dict[str, str]
) -> None:
    answer = world.client.request(method, path, headers=headers)
    assert answer.status_code == 401
    assert answer.json() == {"detail": "Not authenticated"}
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.headers["cache-control"] == "no-store"


def _assert_refused(world: World, token: str) -> None:
    answer = world.client.get("/protected-route", headers=bearer(token))
    assert answer.status_code == 401, answer.text
    assert answer.json() == {"detail": "Could not validate credentials"}
    assert answer.headers["www-authenticate"] == 'Bearer error="invalid_token"'
    assert answer.headers["cache-control"] == "no-store"
