"""The description of the API. `documented.py` compares it with every answer of every test."""

from typing import Any

import pytest

from .conftest import MakeWorld
from .support import World


def _operations(world: World) -> dict[str, Any]:
    paths = world.client.get("/openapi.json").json()["paths"]
    return {
        f"{method.upper()} {path}": operation
        for path, methods in paths.items()
        for method, operation in methods.items()
    }


def test_the_description_of_the_api_is_for_development(make_world: MakeWorld) -> None:
    assert make_world().client.get("/openapi.json").status_code == 200
    production = make_world(environment="production", argon2_memory_kib=20_000, argon2_time_cost=2)
    assert production.client.get("/openapi.json").status_code == 404


def test_every_operation_has_a_tag_and_the_answers_that_any_request_can_get(world: World) -> None:
    for name, operation in _operations(world).items():
        assert operation["tags"], name
        assert set(operation["responses"]) >= {"400", "405", "413", "500", "503"}, name
        assert "Retry-After" in operation["responses"]["503"]["headers"]


@pytest.mark.parametrize(
    ("operation", "statuses"),
    [
        ("POST /token", {"200", "401", "422"}),
        ("POST /refresh", {"200", "401", "409", "422"}),
        ("POST /logout", {"204", "422"}),
        ("POST /password", {"204", "401", "409", "422"}),
        ("DELETE /sessions/{sid}", {"204", "401", "404"}),
        ("GET /protected-route", {"200", "401"}),
    ],
)
def test_the_answers_of_an_operation_are_described(
    world: World, operation: str, statuses: set[str]
) -> None:
    assert set(_operations(world)[operation]["responses"]) >= statuses


def test_an_invalid_request_is_described_as_it_is_answered(world: World) -> None:
    described = world.client.get("/openapi.json").json()
    schema = described["paths"]["/token"]["post"]["responses"]["422"]["content"]
    name = schema["application/json"]["schema"]["$ref"].rsplit("/", 1)[1]
    answer = world.client.post("/token", data={}).json()
    fields = described["components"]["schemas"][name]["properties"]
    assert set(fields) == set(answer)
    # FastAPI's own description of a 422, with "input" and "ctx", is nowhere.
    assert "ValidationError" not in described["components"]["schemas"]
