"""Who may look, at what, and that nobody else's page can look for them."""

import re

from router.auth.keys import KeyStore
from router.dashboard.pages.all import PAGES
from router.dashboard.session import COOKIE, LASTS_S, Sessions
from tests.router.gateway import chat, gateway

WHOLE_FLEET = [page.path for page in PAGES if page.for_all]


async def get(running, path, **headers):
    reply = await running.client.get(running.url + path, headers=headers, allow_redirects=False)
    return reply, await reply.text()


async def post(running, path, fields, cookies=None):
    header = {"cookie": "; ".join(f"{n}={v}" for n, v in (cookies or {}).items())}
    return await running.client.post(running.url + path, data=fields, headers=header, allow_redirects=False)


async def sign_in(running, secret, target="/dashboard/explore?by=tier"):
    """The reply to the login form, filled in as a browser does."""
    form, text = await get(running, "/dashboard/login")
    csrf = re.search(r'name="csrf" value="(\w+)"', text)[1]
    fields = {"csrf": csrf, "key": secret, "next": target}
    return await post(running, "/dashboard/login", fields, {"tiergate_login": form.cookies["tiergate_login"].value})


async def test_without_keys_this_machine_reads(tmp_path):
    """`auth: none` shows the pages with a banner; nothing can be changed."""
    async with gateway(tmp_path) as running:
        reply, text = await get(running, "/dashboard/overview")
        assert reply.status == 200
        assert "Open without a key" in text
        assert (await post(running, "/dashboard/logout", {})).status == 403


async def test_another_site_cannot_read_it(tmp_path):
    """Neither by a name that it made lead here nor from a page of its own."""
    rebound = ("rebound.example", "localhost.rebound.example:8080", "127.0.0.1.rebound.example")
    made = [({"host": host}, 421) for host in rebound]
    made.append(({"sec-fetch-site": "cross-site", "sec-fetch-mode": "cors"}, 403))
    async with gateway(tmp_path) as running:
        for path in ("/dashboard/overview", "/admin/api/overview/spend", "/dashboard/live"):
            for headers, status in made:
                assert (await get(running, path, **headers))[0].status == status, (path, headers)
        reload_ = {"headers": {"origin": "https://evil.example", "sec-fetch-site": "cross-site"}}
        assert (await running.client.post(running.url + "/admin/reload", **reload_)).status == 403
        assert (await running.client.post(running.url + "/admin/reload")).status == 200


async def test_a_session_is_bound_to_its_key(visited):
    """It begins with a read or admin key, is HttpOnly and SameSite=Strict, and ends with the key's revocation."""
    async with visited() as (running, secrets):
        refused = await sign_in(running, secrets["use"])
        assert (refused.status, COOKIE in refused.cookies) == (401, False)
        reply = await sign_in(running, secrets["everyone"])
        assert (reply.status, reply.headers["location"]) == (303, "/dashboard/explore?by=tier")
        cookie = reply.cookies[COOKIE]
        assert cookie["httponly"]
        assert cookie["samesite"] == "strict"
        assert int(cookie["max-age"]) <= LASTS_S
        inside = {"cookie": f"{COOKIE}={cookie.value}"}
        page, text = await get(running, "/dashboard/overview", **inside)
        assert page.status == 200
        assert "Open without a key" not in text
        store: KeyStore = running.services.keys
        assert store.revoke(secrets["everyone"].split("-")[1])
        again, _ = await get(running, "/dashboard/overview", **inside)
        assert (again.status, again.headers["location"][:16]) == (303, "/dashboard/login")


async def test_forms_need_their_own_token(visited):
    """Signing in and out without this session's token is refused; with it the session ends in the browser."""
    async with visited() as (running, secrets):
        assert (await post(running, "/dashboard/login", {"key": secrets["admin"], "csrf": "0" * 64})).status == 403
        session = (await sign_in(running, secrets["admin"])).cookies[COOKIE].value
        _, text = await get(running, "/dashboard/overview", cookie=f"{COOKIE}={session}")
        token = re.search(r'name="csrf" value="(\w+)"', text)[1]
        wrong = await post(running, "/dashboard/logout", {"csrf": "0" * 64}, {COOKIE: session})
        assert wrong.status == 403
        right = await post(running, "/dashboard/logout", {"csrf": token}, {COOKIE: session})
        assert (right.status, right.cookies[COOKIE].value) == (303, "")


async def test_signing_in_leads_only_here(visited):
    """No address of another site is gone to after the login."""
    async with visited() as (running, secrets):
        for target in ("https://evil.example/", "//evil.example", "/dashboard//evil.example", "/dashboard/\\evil"):
            reply = await sign_in(running, secrets["admin"], target)
            assert reply.headers["location"] == "/dashboard/overview"


async def test_a_team_sees_its_own_figures_only(visited):
    """A read key of a team finds no other team's name in any figure, cannot ask for it, and not for the fleet's."""
    async with visited() as (running, secrets):
        ours = {"authorization": f"Bearer {secrets['ours']}"}
        everyone = {"authorization": f"Bearer {secrets['everyone']}"}
        listed = (await running.get("/admin/api/", everyone)).json
        seen_by_all = ""
        for page, datasets in listed.items():
            for address in datasets.values():
                seen_by_all += (await running.get(address, everyone)).body.decode()
                reply = await running.get(address, ours)
                assert reply.status == (403 if page in WHOLE_FLEET else 404 if page == "request" else 200), address
                assert "theirs-secretly" not in reply.body.decode()
        assert "theirs-secretly" in seen_by_all
        assert (await running.get("/admin/api/overview/teams?team=theirs-secretly", ours)).status == 403
        rows = (await running.get("/admin/api/requests/list", everyone)).json["rows"]
        theirs = next(row["request_id"] for row in rows if row["team"] == "theirs-secretly")
        assert (await running.get(f"/admin/api/request/attempts?id={theirs}", everyone)).status == 200
        assert (await running.get(f"/admin/api/request/attempts?id={theirs}", ours)).status == 404
        _, text = await get(running, "/dashboard/overview", **ours)
        assert "/dashboard/gpus" not in text


async def test_no_key_no_figures(visited):
    """Pages lead to the login, the API answers 401, a key for requests 403."""
    async with visited() as (running, secrets):
        assert (await get(running, "/dashboard/overview"))[0].status == 303
        assert (await get(running, "/admin/api/overview/spend"))[0].status == 401
        assert (await get(running, "/admin/api/", authorization=f"Bearer {secrets['use']}"))[0].status == 403
        assert (await get(running, "/dashboard/live"))[0].status in (303, 401)


def test_a_cookie_cannot_be_made_or_kept(tmp_path):
    """A changed cookie, one of another gateway and one past its hours are worth nothing."""
    now = [1000.0]
    store = KeyStore.open(tmp_path / "ledger.db")
    key, _ = store.create(team="ops", role="admin")
    sessions = Sessions(store, b"secret", lambda: now[0])
    cookie = sessions.begin(key)
    found = sessions.key_of(cookie)
    assert found is not None
    assert found.id == key.id
    changed = cookie.replace(str(1000 + LASTS_S), str(9_999_999_999))
    others = Sessions(store, b"another", lambda: now[0]).begin(key)
    for wrong in ("", "...", "a.b.c.d", cookie[:-1], changed, others, "\N{SNOWMAN}." * 3):
        assert sessions.key_of(wrong) is None
    now[0] += LASTS_S
    assert sessions.key_of(cookie) is None
    store.close()


async def test_the_chat_path_knows_nothing_of_it(tmp_path):
    """A chat request through a gateway whose dashboard is open is answered by the hot path alone."""
    async with gateway(tmp_path) as running:
        reply = await running.post(chat(model="short"))
        assert reply.status == 200
        assert "content-security-policy" not in reply.headers
