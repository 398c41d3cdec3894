"""Who may ask: hosts, origins, the access token; and what a browser is told about every answer."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from ipaddress import ip_address
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from underpainting.page.asks import BODY

LOOPBACK = ("127.0.0.1", "localhost", "::1")
TOO_LARGE = f"the body is above {BODY // 1_000_000} MB"
COOKIE = "underpainting"
NEAR = ("same-origin", "none")

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "connect-src 'self'; font-src 'self'; worker-src 'self'; frame-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors {framers}"
)
REPORT_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:; "
    "font-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'; sandbox allow-scripts"
)
"""Of the report, one file with its script inside: it runs apart from the page, and may ask nothing."""

SPACES = "https://huggingface.co"  # which shows a public page within its own


@dataclass(frozen=True)
class Access:
    """Who may ask. host: that is listened on. token: None where none is needed. public: anyone may ask."""

    host: str
    token: str | None = None
    public: bool = False

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can ask."""
        return self.host == "localhost" or (_is_address(self.host) and ip_address(self.host).is_loopback)

    def knows(self, host: str) -> bool:
        """Whether a name or address in the header `Host` is one that is served.

        A name that an attacker's server made up and let lead here is none (DNS rebinding). Where all
        addresses are listened on, any address is; names are not, but for a public page, whose names its proxy
        gives.
        """
        if self.public or host in (*LOOPBACK, self.host):
            return True
        return not self.is_loopback and _is_address(host)


def new_access(host: str, *, public: bool = False) -> Access:
    """Access for a host: with a new token where other machines can reach it and it is not public."""
    access = Access(host, None, public)
    return access if access.is_loopback or public else Access(host, secrets.token_urlsafe(24))


class Guard:
    """Lets requests through that may ask; others get one line."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        """access: who may ask."""
        self._app, self._access = app, access
        framers = f"'self' {SPACES}" if access.public else "'self'"
        self._headers = {
            "Content-Security-Policy": POLICY.format(framers=framers),
            "Cross-Origin-Opener-Policy": "same-origin",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or let it through."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
                kind = "no-store" if scope["path"].startswith("/api/") else "no-cache"
                headers.setdefault("Cache-Control", kind)
            await send(message)

        await (self._answer(scope) or self._app)(scope, limited(receive), sending)

    def _answer(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        if len(headers.getlist("host")) != 1 or not self._access.knows(_name(headers["host"])):
            return refused(421, "the address is none that is served here: open the link that was printed")
        if (line := _foreign(scope, headers)) is not None:
            return refused(403, line)
        return self._without_token(scope, headers) or _unread(scope, headers)

    def _without_token(self, scope: Scope, headers: Mapping[str, str]) -> Response | None:
        token = self._access.token
        if token is None:
            return None
        kind, _, bearer = headers.get("authorization", "").partition(" ")
        given = bearer.strip() if kind.lower() == "bearer" else _cookie(headers.get("cookie", ""))
        if given is not None and _same(given, token):
            return None
        asked = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
        if scope["path"] == "/" and scope["method"] == "GET" and _same(asked, token):
            answer = RedirectResponse("/", 303)
            answer.set_cookie(COOKIE, token, httponly=True, samesite="lax")
            return answer
        return refused(401, "an access token is needed: open the link that was printed")


def limited(receive: Receive) -> Receive:
    """What a request sends, as far as `BODY` bytes; more raises an exception of status 413."""
    left = BODY

    async def receiving() -> Message:
        nonlocal left
        message = await receive()
        left -= len(message.get("body", b""))
        if left < 0:
            raise HTTPException(413, TOO_LARGE)
        return message

    return receiving


def _unread(scope: Scope, headers: Mapping[str, str]) -> Response | None:
    """The answer to a body that is not to be read at all."""
    if scope["method"] != "POST":
        return None
    length = headers.get("content-length", "0")
    if length.isdecimal() and int(length) > BODY:
        return refused(413, TOO_LARGE)
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    return None if kind == "application/json" else refused(415, "the body is not JSON: say application/json")


def refused(status: int, line: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """An answer of one line."""
    return JSONResponse({"error": line}, status, dict(headers or {}))


def _foreign(scope: Scope, headers: Mapping[str, str]) -> str | None:
    """Why a request comes from another site's page; None where it does not."""
    origin = headers.get("origin")
    if origin is not None and urlsplit(origin).netloc.lower() != headers["host"].lower():
        return "the request comes from another site's page"
    opened = scope["path"] == "/" and scope["method"] in ("GET", "HEAD")
    if headers.get("sec-fetch-site", "none") not in NEAR and not opened:
        return "the request comes from another site's page"
    return None


def _same(given: str, token: str) -> bool:
    return secrets.compare_digest(given.encode(), token.encode())


def _cookie(header: str) -> str | None:
    try:
        cookie = SimpleCookie(header).get(COOKIE)
    except CookieError:
        return None
    return None if cookie is None else cookie.value


def _name(host: str) -> str:
    """The name or address of a header `Host`, without its port; empty where it is none."""
    try:
        return (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        return ""


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
