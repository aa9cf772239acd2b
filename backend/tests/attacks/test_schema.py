"""Requests made from the server's own OpenAPI description, valid ones and broken ones.

Each answer must be one that the description has for the operation, with the body that it describes
there. A crash is described too, but never right. The requests are the same at each run.
"""

import json
from typing import Any
from urllib.parse import quote

import httpx2
import pytest
from fastapi import FastAPI
from fastapi.responses import JSONResponse
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from app.factory import create_app
from app.web import errors

from ..cookies import OWN_PAGE, log_in, over_tls
from ..documented import Documented
from ..support import PASSWORD, World, bearer, make_settings
from .weakened import Attack, Outcome, Weakening, attacks

EXAMPLES = 100
DESCRIPTION = create_app(make_settings("sqlite:///unused")).openapi()
# Values of a live session, which no generator would guess.
LIVE = ("sid", "session_key", "refresh_token", "username", "password")
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
HEADER_TEXT = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=150)
JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=4,
)
TYPES = ("application/json", "application/x-www-form-urlencoded", "multipart/form-data", "x")


def _inlined(schema: Any) -> Any:
    """The schema with its references replaced by what they name."""
    if isinstance(schema, list):
        return [_inlined(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[1]
        return _inlined(DESCRIPTION["components"]["schemas"][name])
    return {name: _inlined(part) for name, part in schema.items()}


def _values(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Values that the schema of a field or of a parameter allows."""
    if "anyOf" in schema:
        return st.one_of([_values(one) for one in schema["anyOf"]])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if schema["type"] == "integer":
        return st.integers(schema["minimum"], schema["maximum"])
    if schema["type"] == "null":
        return st.none()
    assert schema["type"] == "string"
    return st.text(min_size=schema.get("minLength", 0), max_size=40)


def _bodies(operation: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Bodies that the description allows, that it nearly allows, and any others."""
    contents = operation.get("requestBody", {}).get("content", {})
    strategies: list[st.SearchStrategy[Any]] = [st.none(), st.binary(max_size=60), JUNK]
    for content in contents.values():
        schema = _inlined(content["schema"])
        fields = schema["properties"].items()
        names = st.sampled_from(list(schema["properties"]))
        # A name stands for its value, which is known when the request is sent.
        live = st.sampled_from([{"live": name} for name in LIVE])
        strategies += [
            st.fixed_dictionaries({}, optional={name: _values(part) for name, part in fields}),
            st.dictionaries(names, live | JUNK),
            st.fixed_dictionaries({name: st.just({"live": name}) for name in LIVE}),
        ]
    return st.one_of(strategies)


def _parameters(operation: dict[str, Any], place: str) -> st.SearchStrategy[dict[str, str]]:
    found = [given for given in operation.get("parameters", ()) if given["in"] == place]
    values = {
        given["name"]: _values(given["schema"]).map(str) | HEADER_TEXT
        if place == "query"
        else HEADER_TEXT
        for given in found
    }
    return st.fixed_dictionaries({}, optional=values)


@st.composite
def _requests(draw: st.DrawFn, operation: dict[str, Any]) -> dict[str, Any]:
    return {
        "body": draw(_bodies(operation)),
        "form": draw(st.booleans()),
        "type": draw(st.none() | st.sampled_from(TYPES)),
        "query": draw(_parameters(operation, "query")),
        "headers": draw(_parameters(operation, "header")),
        "authorization": draw(st.sampled_from(["live", "live", "none"]) | HEADER_TEXT),
        "own page": draw(st.booleans()),
        # A slash or a dot as a name leads to another path.
        "sid": draw(st.sampled_from(["live"]) | HEADER_TEXT.filter(str.isalnum)),
    }


class _Fuzzed:
    """One server under fuzz, with a session in each custody."""

    def __init__(self, world: World) -> None:
        self._world = over_tls(world)
        self._in_cookie = log_in(world)
        self._session = world.tokens()
        self._live = {
            "sid": self._in_cookie["sid"],
            "session_key": self._in_cookie["session_key"],
            "refresh_token": self._session["refresh_token"],
            "username": "demo",
            "password": PASSWORD,
        }

    def ask(self, method: str, path: str, given: dict[str, Any]) -> httpx2.Response:
        headers = dict(given["headers"])
        if given["type"] is not None:
            headers["Content-Type"] = given["type"]
        if given["own page"]:
            headers |= OWN_PAGE
        if given["authorization"] != "none":
            live = given["authorization"] == "live"
            headers |= bearer(self._session["access_token"] if live else given["authorization"])
        sid = self._session["sid"] if given["sid"] == "live" else given["sid"]
        url = httpx2.URL(f"https://testserver{path.partition('{')[0]}")
        if "{" in path:
            url = url.join(quote(sid, safe=""))
        body = self._filled(given["body"])
        if given["form"] and isinstance(body, dict) and given["type"] != "multipart/form-data":
            headers["Content-Type"] = TYPES[1]
            content = str(httpx2.QueryParams({name: str(body[name]) for name in body})).encode()
        elif isinstance(body, bytes):
            content = body
        else:
            headers.setdefault("Content-Type", TYPES[0])
            content = json.dumps(body).encode()
        return self._world.client.request(
            method, url, params=given["query"], headers=headers, content=content
        )

    def _filled(self, body: Any) -> Any:
        if not isinstance(body, dict):
            return body
        return {
            name: self._live[value["live"]]
            if isinstance(value, dict) and "live" in value
            else value
            for name, value in body.items()
        }


def _is_described(
    description: dict[str, Any], path: str, method: str, got: httpx2.Response
) -> bool:
    described = description["paths"][path][method]["responses"].get(str(got.status_code))
    if described is None or got.status_code == 500:
        return False
    content = described.get("content", {}).get("application/json")
    if content is None:
        return got.content == b""
    schema = content["schema"] | {"components": description["components"]}
    return Draft202012Validator(schema).is_valid(got.json())


def _fuzz(path: str, method: str) -> Attack:
    """Looks for an answer that the description does not have."""
    operation = DESCRIPTION["paths"][path][method]

    def attack(world: World) -> bool:
        fuzzed = _Fuzzed(world)
        description = world.app.openapi()
        surprises: list[str] = []

        @settings(
            max_examples=EXAMPLES,
            derandomize=True,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(_requests(operation))
        def run(request: dict[str, Any]) -> None:
            if surprises:
                return
            answer = fuzzed.ask(method.upper(), path, request)
            if not _is_described(description, path, method, answer):
                surprises.append(f"{answer.status_code} {answer.text} for {request}")

        run()
        guard = world.client.app
        assert isinstance(guard, Documented)
        guard.surprises.clear()
        print(surprises[:3])  # noqa: T201 - pytest shows it if the test fails
        return surprises != []

    return attack


openapi = FastAPI.openapi


def _a_poor_description(app: FastAPI) -> dict[str, Any]:
    """The description with no answers but 204, 429 and 503."""
    poor = json.loads(json.dumps(openapi(app)))
    for methods in poor["paths"].values():
        for operation in methods.values():
            kept = operation["responses"].keys() & {"204", "429", "503"}
            operation["responses"] = {status: operation["responses"][status] for status in kept}
    return dict(poor)


def _poor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FastAPI, "openapi", _a_poor_description)


def _another_shape(monkeypatch: pytest.MonkeyPatch) -> None:
    async def refused(*_: object) -> JSONResponse:
        return JSONResponse({"message": "no"}, 401)

    monkeypatch.setattr(errors, "_refused", refused)


def _a_crash(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(errors, "_refused", None)


OPERATIONS = [
    (path, method) for path, methods in DESCRIPTION["paths"].items() for method in methods
]


@attacks(
    {f"{method.upper()} {path}": (_fuzz(path, method), _poor) for path, method in OPERATIONS}
    | {
        "another shape": (_fuzz("/refresh", "post"), _another_shape),
        "a crash": (_fuzz("/sessions", "get"), _a_crash),
    }
)
def test_no_request_gets_an_answer_that_is_not_described(
    outcome: Outcome, attack: Attack, removed: tuple[Weakening, ...], succeeds: bool
) -> None:
    assert outcome(attack, removed) is succeeds
