"""The rules for every answer: CORS, headers, error bodies, limits, the access log."""

import logging

import pytest
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from app.core.database import Database
from app.services.rotation import Rotations
from app.web.middleware import MAX_BODY_BYTES

from .conftest import MakeWorld
from .support import ORIGIN, PASSWORD, World

CANARY = "canary-4f1d"


def _preflight(world: World, method: str, headers: str, origin: str = ORIGIN) -> dict[str, str]:
    answer = world.client.options(
        "/refresh",
        headers={
            "Origin": origin,
            "Access-Control-Request-Method": method,
            "Access-Control-Request-Headers": headers,
        },
    )
    return {"status": str(answer.status_code), **answer.headers}


@pytest.mark.parametrize("origin", [ORIGIN, "http://127.0.0.1:8080"])
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_a_preflight_from_the_page_is_granted_and_remembered(
    world: World, method: str, origin: str
) -> None:
    answer = _preflight(world, method, "authorization,content-type", origin)
    assert answer["status"] == "200"
    assert answer["access-control-allow-origin"] == origin
    assert int(answer["access-control-max-age"]) >= 600
    assert "access-control-allow-credentials" not in answer


def test_a_preflight_may_ask_for_the_idempotency_key_only_if_it_is_understood(
    make_world: MakeWorld,
) -> None:
    assert _preflight(make_world(), "POST", "content-type,idempotency-key")["status"] == "200"
    strict = make_world(rotation="strict")
    assert _preflight(strict, "POST", "content-type,idempotency-key")["status"] == "400"


@pytest.mark.parametrize(
    ("method", "headers", "origin"),
    [
        ("PUT", "authorization", ORIGIN),
        ("POST", "x-unknown", ORIGIN),
        ("POST", "authorization", "http://evil.example"),
        ("POST", "authorization", "null"),
        ("POST", "authorization", "http://localhost:8081"),
    ],
)
def test_any_other_preflight_is_refused(
    world: World, method: str, headers: str, origin: str
) -> None:
    assert _preflight(world, method, headers, origin)["status"] == "400"


def test_answers_are_readable_by_configured_origins_only(world: World) -> None:
    readable = world.client.get("/health", headers={"Origin": ORIGIN})
    assert readable.headers["access-control-allow-origin"] == ORIGIN
    exposed = readable.headers["access-control-expose-headers"]
    assert exposed == "WWW-Authenticate, Retry-After, DPoP-Nonce, Date"
    hidden = world.client.get("/health", headers={"Origin": "http://evil.example"})
    assert "access-control-allow-origin" not in hidden.headers


def test_every_kind_of_answer_is_uncacheable_json_that_is_not_sniffed(world: World) -> None:
    form = {"username": "demo", "password": PASSWORD}
    answers = [
        world.client.get("/health"),
        world.client.get("/protected-route"),
        world.client.post("/token", data=form),
        world.client.post("/token", data=form | {"password": "wrong"}),
        world.client.post("/token", data={}),
        world.client.post("/refresh", json={"refresh_token": "unknown"}),
        world.client.get("/nowhere"),
        world.client.get("/token"),
    ]
    assert [a.status_code for a in answers] == [200, 401, 200, 401, 422, 401, 404, 405]
    for answer in answers:
        assert answer.headers["content-type"] == "application/json"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_preflights_and_crashes_have_the_headers_of_every_answer(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Rotations, "rotate", lambda *_: 1 / 0)
    granted = {"Origin": ORIGIN, "Access-Control-Request-Method": "POST"}
    answers = [
        world.client.options("/refresh", headers=granted),
        world.client.options("/refresh", headers=granted | {"Origin": "http://evil.example"}),
        world.refresh("x"),
        world.client.get("/openapi.json"),
    ]
    assert [answer.status_code for answer in answers] == [200, 400, 500, 200]
    for answer in answers:
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
        assert answer.headers["cross-origin-opener-policy"] == "same-origin"
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert "strict-transport-security" not in answer.headers


def test_production_asks_browsers_for_tls_only(make_world: MakeWorld) -> None:
    world = make_world(environment="production", argon2_memory_kib=20_000, argon2_time_cost=2)
    answer = world.client.get("/health")
    assert answer.headers["strict-transport-security"] == "max-age=31536000"


def test_an_unknown_method_is_a_dash_in_the_log(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "app.access"):
        assert world.client.request(CANARY, "/health").status_code == 405
    assert CANARY not in caplog.text
    assert "- /health 405" in caplog.text


@pytest.mark.parametrize("path", ["/token/", "/refresh/", "/protected-route/"])
def test_a_wrong_trailing_slash_is_not_redirected(world: World, path: str) -> None:
    answer = world.client.post(path, data={"username": "demo"}, follow_redirects=False)
    assert answer.status_code == 404
    assert "location" not in answer.headers


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/refresh", f'{{"refresh_token": {{"a": "{CANARY}"}}}}'),
        ("/refresh", f'{{"refresh": "{CANARY}"}}'),
        ("/refresh", f'{{"refresh_token": "{CANARY}"'),
        ("/refresh", f'["{CANARY}"]'),
        ("/logout", f'"{CANARY}"'),
        ("/logout", f"{CANARY}"),
    ],
)
def test_a_422_repeats_nothing_of_what_was_sent(world: World, path: str, body: str) -> None:
    answer = world.client.post(path, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422
    assert CANARY not in answer.text
    for item in answer.json()["detail"]:
        assert set(item) == {"type", "loc", "msg"}


def test_a_422_of_the_login_repeats_no_password(world: World) -> None:
    answer = world.client.post("/token", data={"password": CANARY})
    assert answer.status_code == 422
    assert CANARY not in answer.text
    assert answer.json()["detail"] == [
        {"type": "missing", "loc": ["body", "username"], "msg": "Field required"}
    ]


def test_a_crash_is_json_that_the_page_may_read_and_tells_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def crash(*_: object) -> None:
        raise RuntimeError("a secret inside")

    monkeypatch.setattr(Rotations, "rotate", crash)
    answer = world.client.post(
        "/refresh", json={"refresh_token": CANARY}, headers={"Origin": ORIGIN}
    )
    assert answer.status_code == 500
    assert answer.json() == {"detail": "Internal server error"}
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    assert answer.headers["cache-control"] == "no-store"
    # The log tells the operator the cause, without the token.
    assert "a secret inside" in caplog.text
    assert CANARY not in caplog.text


def test_a_locked_database_is_a_503_and_spends_nothing(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = make_world()
    if world.database.engine.dialect.name != "sqlite":
        # PostgreSQL has no lock on the whole database: lock the table that a refresh writes.
        lock = "LOCK TABLE refresh_tokens IN ACCESS EXCLUSIVE MODE"
    else:
        lock = "SELECT 1"
    world.add_user("demo")
    token = world.tokens()["refresh_token"]
    impatient = Database(world.settings.url, lock_wait=0.05)
    monkeypatch.setattr(world.services.rotations, "_database", impatient)
    with world.database.write() as other:
        other.connection().exec_driver_sql(lock)
        answer = world.client.post(
            "/refresh", json={"refresh_token": token}, headers={"Origin": ORIGIN}
        )
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) >= 1
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    assert world.refresh(token).status_code == 200
    impatient.close()


def test_a_reader_does_not_wait_for_a_writer(world: World) -> None:
    session = world.tokens()
    with world.database.write():
        assert world.protected(session["access_token"]).status_code == 200


def test_an_exhausted_pool_is_a_503(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def exhausted(*_: object) -> None:
        raise PoolTimeoutError

    monkeypatch.setattr(Rotations, "rotate", exhausted)
    assert world.refresh("x").status_code == 503


def test_another_database_error_is_a_500(world: World) -> None:
    with world.database.write() as db:
        db.connection().exec_driver_sql("ALTER TABLE refresh_tokens RENAME TO elsewhere")
    answer = world.refresh("A" * 43)
    assert answer.status_code == 500
    assert "elsewhere" not in answer.text
    assert "refresh_tokens" not in answer.text


@pytest.mark.parametrize("chunked", [False, True])
def test_an_oversized_body_is_refused(world: World, chunked: bool) -> None:
    body = b'{"refresh_token": "' + b"x" * MAX_BODY_BYTES + b'"}'
    answer = world.client.post(
        "/refresh",
        content=iter([body[:1000], body[1000:]]) if chunked else body,
        headers={"Content-Type": "application/json"},
    )
    assert answer.status_code == 413


def test_health_is_ok(world: World) -> None:
    assert world.client.get("/health").json() == {"status": "ok"}


def test_the_logs_hold_no_token_password_or_query(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG, "app"):
        first = world.tokens()
        second = world.rotated(first["refresh_token"])
        world.client.get(f"/protected-route?access_token={CANARY}")
        world.client.get(f"/protected-route/{CANARY}")
        world.login(password=CANARY)
        world.end_session(second["access_token"], CANARY)
        world.change_password(second["access_token"], CANARY, current=CANARY)
        world.refresh(first["refresh_token"])
        world.logout(second["refresh_token"])
    assert "POST /token 200" in caplog.text
    assert "GET /protected-route 401" in caplog.text
    assert "DELETE /sessions/{sid} 404" in caplog.text
    assert "GET (no route) 404" in caplog.text
    for secret in (CANARY, PASSWORD, *_secrets(first), *_secrets(second)):
        assert secret not in caplog.text


def _secrets(session: dict[str, str]) -> tuple[str, str]:
    return session["access_token"], session["refresh_token"]
