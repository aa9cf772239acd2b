"""Access tokens that the server did not mint, or minted for something else (RFC 8725, RFC 9068)."""

import base64
import hashlib
from collections.abc import Callable
from typing import Any

import jwt

from app.core import security
from app.core.security import AccessTokens
from app.services.sessions import Sessions, SignedIn

from ..forgery import HEADER, claims_of, encode, forge
from ..support import SECRET, World
from .weakened import Attack, Outcome, Weakening, attacks, replace

decode = jwt.decode_complete
ATTACKERS_KEY = b"a key of the attacker, 32 bytes!"


def _decoding(**changes: Any) -> Weakening:
    """Decode with other arguments than the server's own."""

    def weaker(token: str, key: bytes, **arguments: Any) -> Any:
        options = arguments["options"] | changes.get("options", {})
        return decode(token, key, **(arguments | changes | {"options": options}))

    return lambda monkeypatch: monkeypatch.setattr(jwt, "decode_complete", weaker)


def _believing(choose: Callable[[dict[str, Any]], dict[str, Any]]) -> Weakening:
    """Let the token's header choose how it is checked."""

    def weaker(token: str, key: bytes, **arguments: Any) -> Any:
        chosen = choose(jwt.get_unverified_header(token))
        options = arguments["options"] | chosen.pop("options", {})
        return decode(token, **({"key": key} | arguments | chosen | {"options": options}))

    return lambda monkeypatch: monkeypatch.setattr(jwt, "decode_complete", weaker)


def _own_algorithm(header: dict[str, Any]) -> dict[str, Any]:
    if header["alg"] == "none":
        return {"options": {"verify_signature": False}}
    # HMAC itself fills a short key with zeros. PyJWT asks for 64 bytes for HS512.
    return {"algorithms": [header["alg"]], "key": SECRET.encode().ljust(64, b"\0")}


def _own_key(header: dict[str, Any]) -> dict[str, Any]:
    jwk = header.get("jwk")
    return {"key": base64.urlsafe_b64decode(jwk["k"] + "=")} if jwk else {}


ANY_HEADER = replace(security, "_is_our_header", lambda _: True)
ANY_TIME = replace(AccessTokens, "_is_now", lambda *_: True)
ANY_ISSUER = _decoding(issuer=None)
ANY_AUDIENCE = _decoding(audience=None, options={"strict_aud": False, "verify_aud": False})
ONE_OF_ITS_AUDIENCES = _decoding(options={"strict_aud": False})
UNSIGNED = _decoding(options={"verify_signature": False})
NO_LOOK_AT_THE_SESSION = replace(
    Sessions, "signed_in", lambda _, claims: SignedIn(claims.subject, claims.sid, 0, 0)
)


def _opens(world: World, token: str) -> bool:
    return world.protected(token).status_code == 200


def _own_claims(world: World) -> dict[str, Any]:
    return claims_of(world.tokens()["access_token"])


def _signed_with(**changes: Any) -> Attack:
    """A token with other claims, from a program that shares the key."""
    return lambda world: _opens(world, forge(_own_claims(world) | changes))


def _headed(header: dict[str, Any], **options: Any) -> Attack:
    """A token with another header."""
    return lambda world: _opens(world, forge(_own_claims(world), HEADER | header, **options))


def _without_a_signature(world: World) -> bool:
    header = encode(HEADER | {"alg": "none"})
    return _opens(world, f"{header}.{encode(_own_claims(world))}.")


def _with_a_changed_payload(world: World) -> bool:
    header, _, signature = world.tokens()["access_token"].split(".")
    world.add_user("victim")
    victims = claims_of(world.tokens("victim")["access_token"])
    return _opens(world, f"{header}.{encode(victims)}.{signature}")


def _for_another_user(world: World) -> bool:
    world.add_user("victim")
    return _opens(world, forge(_own_claims(world) | {"sub": "victim"}))


def _later(world: World) -> bool:
    token = world.tokens()["access_token"]
    world.clock.advance(world.settings.access_token_seconds + world.settings.leeway_seconds)
    return _opens(world, token)


def _before_its_time(world: World) -> bool:
    hour = 3600
    claims = _own_claims(world)
    return _opens(world, forge(claims | {"iat": claims["iat"] + hour, "exp": claims["exp"] + hour}))


def _for_years(world: World) -> bool:
    claims = _own_claims(world)
    return _opens(world, forge(claims | {"exp": claims["exp"] + 10 * 365 * 86_400}))


def _after_the_logout(world: World) -> bool:
    session = world.tokens()
    world.logout(session["refresh_token"])
    return _opens(world, session["access_token"])


def _of_a_disabled_user(world: World) -> bool:
    token = world.tokens()["access_token"]
    world.services.accounts.disable("demo")
    return _opens(world, token)


JWK = {"jwk": {"kty": "oct", "k": base64.urlsafe_b64encode(ATTACKERS_KEY).rstrip(b"=").decode()}}


@attacks(
    {
        "no signature": (_without_a_signature, _believing(_own_algorithm), ANY_HEADER),
        "another algorithm": (
            _headed({"alg": "HS512"}, digest=hashlib.sha512),
            _believing(_own_algorithm),
            ANY_HEADER,
        ),
        "its own key in the header": (
            _headed(JWK, key=ATTACKERS_KEY),
            _believing(_own_key),
            ANY_HEADER,
        ),
        "the key of somebody else": (_headed({}, key=ATTACKERS_KEY), UNSIGNED),
        "a changed payload": (_with_a_changed_payload, UNSIGNED),
        "another kind of JWT": (_headed({"typ": "JWT"}), ANY_HEADER),
        "a refresh JWT": (_headed({"typ": "refresh+jwt"}), ANY_HEADER),
        "a key by address": (_headed({"jku": "https://evil.example/keys"}), ANY_HEADER),
        "another issuer": (_signed_with(iss="https://evil.example"), ANY_ISSUER),
        "another audience": (_signed_with(aud="another-api"), ANY_AUDIENCE),
        "one audience of several": (
            _signed_with(aud=["yew-jwt-auth", "another-api"]),
            ONE_OF_ITS_AUDIENCES,
        ),
        "another user": (_for_another_user, NO_LOOK_AT_THE_SESSION),
        "expired": (_later, ANY_TIME),
        "issued in the future": (_before_its_time, ANY_TIME),
        "valid for years": (_for_years, replace(security, "LONGEST_LIFETIME_SECONDS", 10**12)),
        "after the logout": (_after_the_logout, NO_LOOK_AT_THE_SESSION),
        "of a disabled user": (_of_a_disabled_user, NO_LOOK_AT_THE_SESSION),
    }
)
def test_a_token_that_is_not_the_servers_own_opens_nothing(
    outcome: Outcome, attack: Attack, removed: tuple[Weakening, ...], succeeds: bool
) -> None:
    assert outcome(attack, removed) is succeeds
