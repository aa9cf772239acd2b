"""Fails a test in which the server gives an answer that its OpenAPI description does not have."""

from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.types import Message, Receive, Scope, Send


class Documented:
    """Wraps an application and remembers the undocumented answers of its endpoints."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app
        self.surprises: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def watch(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._check(scope, message["status"])
            await send(message)

        await self._app(scope, receive, watch)

    def _check(self, scope: Scope, status: int) -> None:
        route = scope.get("route")
        if not isinstance(route, APIRoute):
            return
        methods = self._app.openapi()["paths"][route.path]
        # A method that the path has not belongs to none of its operations; all of them name it.
        described = [methods[scope["method"].lower()]] if status != 405 else methods.values()
        if any(str(status) not in operation["responses"] for operation in described):
            self.surprises.append(f"{scope['method']} {route.path} {status}")
