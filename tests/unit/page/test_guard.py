"""Only this machine may ask, or who has the token; no page of another site may, by whatever name."""

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from underpainting.page.asks import BODY
from underpainting.page.guard import Guard, new_access


def client(host: str = "127.0.0.1", *, public: bool = False) -> TestClient:
    async def answer(request: Request) -> PlainTextResponse:
        await request.body()
        return PlainTextResponse("here")

    routes = [Route(path, answer, methods=["GET", "POST"]) for path in ("/", "/api/about")]
    app = Starlette(routes=routes)
    app.add_middleware(Guard, access=new_access(host, public=public))
    return TestClient(app, base_url="http://127.0.0.1:7860", follow_redirects=False)


def token_of(asking: TestClient) -> str:
    access = asking.app.user_middleware[0].kwargs["access"]  # type: ignore[attr-defined]
    return str(access.token)


@pytest.mark.parametrize("host", ["127.0.0.1:7860", "localhost:7860", "[::1]:7860", "LOCALHOST"])
def test_this_machine_may_ask(host: str) -> None:
    assert client().get("/api/about", headers={"Host": host}).text == "here"


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:7860",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "10.0.0.5",
        "",
        "][",
    ],
)
def test_a_name_that_leads_here_is_refused(host: str) -> None:
    for path in ("/", "/api/about"):
        refused = client().get(path, headers={"Host": host})
        assert refused.status_code == 421 and set(refused.json()) == {"error"}


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "http://localhost:9999"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:7860.evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_another_sites_page_is_refused(headers: dict[str, str]) -> None:
    for method in ("GET", "POST"):
        assert client().request(method, "/api/about", headers=headers, json={}).status_code == 403


def test_the_page_itself_and_links_to_it_are_let_through() -> None:
    own = {"Origin": "http://127.0.0.1:7860", "Sec-Fetch-Site": "same-origin"}
    assert client().post("/api/about", headers=own, json={}).text == "here"
    assert client().get("/", headers={"Sec-Fetch-Site": "cross-site"}).text == "here"


def test_bodies_are_json_and_bounded_whether_their_length_is_told_or_not() -> None:
    said = {"Content-Type": "application/json"}
    assert client().post("/api/about", content=b"{}", headers=said).text == "here"
    assert client().post("/api/about", content=b"{}").status_code == 415
    assert client().post("/api/about", content=b"x" * (BODY + 1), headers=said).status_code == 413
    parts = (b"x" * 100_000 for _ in range(BODY // 100_000 + 1))
    assert client().post("/api/about", content=parts, headers=said).status_code == 413


def test_from_elsewhere_a_token_is_needed_and_the_link_gives_it() -> None:
    asking = client("0.0.0.0")
    token = token_of(asking)
    assert len(token) >= 32
    assert asking.get("/api/about").status_code == 401
    assert asking.get("/?token=wrong").status_code == 401
    assert asking.get(f"/api/about?token={token}").status_code == 401  # addresses are kept and passed on
    bearer = {"Authorization": f"Bearer {token}"}
    assert asking.get("/api/about", headers=bearer).text == "here"
    assert asking.get("/api/about", headers={"Authorization": b"Bearer \xe9"}).status_code == 401
    entered = asking.get(f"/?token={token}")
    assert (entered.status_code, entered.headers["location"]) == (303, "/")
    cookie = entered.headers["set-cookie"].lower()
    assert "httponly" in cookie and "samesite=lax" in cookie
    assert asking.get("/api/about").text == "here"  # by the cookie


def test_from_elsewhere_addresses_are_known_and_names_are_not() -> None:
    asking = client("0.0.0.0")
    bearer = {"Authorization": f"Bearer {token_of(asking)}"}
    assert asking.get("/api/about", headers=bearer | {"Host": "192.168.1.7:7860"}).text == "here"
    assert asking.get("/api/about", headers=bearer | {"Host": "evil.example"}).status_code == 421


def test_tokens_are_new_each_time_and_public_pages_have_none() -> None:
    assert new_access("0.0.0.0").token != new_access("0.0.0.0").token
    asking = client("0.0.0.0", public=True)
    assert asking.get("/api/about", headers={"Host": "someone-page.hf.space"}).text == "here"
    other = {"Host": "someone-page.hf.space", "Origin": "https://evil.example"}
    assert asking.post("/api/about", headers=other, json={}).status_code == 403


def test_every_answer_tells_the_browser_to_load_nothing_from_elsewhere() -> None:
    for answer in (client().get("/"), client().get("/", headers={"Host": "evil.example"})):
        policy = dict(
            part.strip().split(" ", 1) for part in answer.headers["content-security-policy"].split(";")
        )
        assert policy["default-src"] == "'none'" and policy["script-src"] == "'self'"
        assert all(
            source in ("'none'", "'self'", "data:", "blob:")
            for of in policy.values()
            for source in of.split()
        )
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
