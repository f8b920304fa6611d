"""One request for every kind of answer of every route."""

import json
import re
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from time import sleep
from urllib.request import urlopen
from uuid import uuid4

from wire import Exchange, Headers, Server

AUDIO = b"\x1aE\xdf\xa3 a memo, or what begins like one"
PASSWORD = "correct horse battery staple"
# More than fits into a pack: a file of its own.
LARGE = AUDIO + bytes(300_000)


class Walk:
    """Goes through all routes as a new user, and keeps every exchange."""

    def __init__(self, server: Server, data: Path, provider: str, mails: Path, operator: str) -> None:
        self.server = server
        self.data = data
        self.provider = provider
        self.mails = mails
        self.operator = operator
        self.exchanges: list[Exchange] = []
        self.token = ""

    def send(
        self,
        method: str,
        route: str,
        *,
        status: int,
        body: bytes | dict | None = None,
        headers: Headers = (),
        query: str = "",
        token: str | None = None,
        announced: int | None = None,
        **parts: str,
    ) -> Exchange:
        """Sends a request to a route with its parts filled in, and insists on the status of the answer."""
        sent = list(headers)
        if isinstance(body, dict):
            body = json.dumps(body).encode()
            sent.append(("Content-Type", "application/json"))
        token = self.token if token is None else token
        if token:
            sent.append(("Authorization", token))
        exchange = Exchange(route, method, route.format(**parts) + query, sent)
        self.exchanges.append(self.server.exchange(exchange, body, announced))
        if exchange.status != status:
            raise SystemExit(f"{method} {exchange.target}: {exchange.status}, not {status}: {exchange.body[:500]}")
        return exchange

    def read(self, route: str, *, status: int = 200, **more) -> Exchange:
        """Asks for something and for its head, which is to be the same."""
        self.send("HEAD", route, status=status, **more)
        return self.send("GET", route, status=status, **more)

    def everything(self) -> None:
        """Every route."""
        self.accounts()
        self.administration()
        self.recordings()
        self.audio()
        self.refused_uploads()
        self.direct()
        self.of_2018()
        self.documents()
        self.failures()

    def sign_in(self, user: str) -> str:
        account = {"email": f"{user}@example.com", "password": PASSWORD}
        grant = self.send("POST", "/v1/auth/login", status=200, body=account, token="")
        return "Bearer " + json.loads(grant.body)["access_token"]

    def accounts(self) -> None:
        account = {"email": "ann@example.com", "password": PASSWORD}
        sign_up = "/v1/auth/signup"
        self.send("POST", sign_up, status=201, body=account)
        self.send("POST", sign_up, status=409, body=account)
        self.send("POST", sign_up, status=400, body={"email": "ann"})
        self.send("POST", sign_up, status=415, body=b"ann", headers=[("Content-Type", "text/plain")])
        self.send("POST", sign_up, status=413, body={"email": "a" * 70_000})
        self.send("POST", "/v1/auth/login", status=401, body={**account, "password": "something else"})
        cookie, own = "/v1/auth/cookie", [("Sec-Fetch-Site", "same-origin")]
        self.send("POST", cookie, status=403, body=account)
        self.send("POST", cookie, status=200, body=account, headers=own)
        self.token = self.sign_in("ann")
        self.send("POST", "/v1/auth/logout", status=204, body=b"", token=self.sign_in("ann"))
        self.read("/v1/me")
        self.read("/v1/me/usage")
        password = "/v1/me/password"
        change = {"current_password": PASSWORD, "new_password": PASSWORD}
        self.send("PUT", password, status=400, body={**change, "new_password": "short"})
        wrong = {"current_password": "something else", "new_password": "another password"}
        self.send("PUT", password, status=403, body=wrong)
        self.send("PUT", password, status=204, body=change)
        self.identities()
        self.openid()
        self.sign_in("ann")
        sessions = json.loads(self.read("/v1/me/sessions").body)["items"]
        self.send("GET", "/v1/me/sessions", status=400, query="?limit=0")
        other = next(session["id"] for session in sessions if not session["current"])
        self.read("/v1/me/sessions/{id}", id=other)
        self.send("DELETE", "/v1/me/sessions/{id}", status=204, id=other)
        self.read("/v1/me/sessions/{id}", status=404, id=other)
        self.send("DELETE", "/v1/me/sessions/{id}", status=404, id=other)
        self.send("DELETE", "/v1/me/sessions", status=204)
        self.token = self.sign_in("ann")
        self.api_tokens()
        self.forgotten_password()
        self.web_login()
        self.send("DELETE", "/v1/me", status=202, token=self.sign_in("bob"))

    def web_login(self) -> None:
        start, callback = "/v1/auth/oidc/{provider}/start", "/v1/auth/oidc/{provider}/callback"
        self.send("GET", start, status=404, token="", provider="nobody")
        self.send("GET", start, status=400, token="", query="?return_to=//evil.example", provider="test")
        begun = self.send("GET", start, status=303, token="", provider="test")
        state = re.search(r"[?&]state=([^&]+)", begun.header("Location"))[1]
        cookie = [("Cookie", begun.header("Set-Cookie").split(";")[0])]
        self.send("GET", callback, status=403, token="", query=f"?state={state}", provider="test")
        refused = f"?error=access_denied&state={state}"
        self.send("GET", callback, status=303, token="", query=refused, headers=cookie, provider="test")

    def forgotten_password(self) -> None:
        request, reset = "/v1/auth/password-reset", "/v1/auth/password"
        account = {"email": "cy@example.com", "password": PASSWORD}
        self.send("POST", "/v1/auth/signup", status=201, body=account, token="")
        self.send("POST", request, status=400, body={"email": "cy"}, token="")
        self.send("POST", request, status=202, body={"email": account["email"]}, token="")
        chosen = {"email": account["email"], "new_password": "another password"}
        self.send("PUT", reset, status=403, body={**chosen, "code": "0000-0000-0000"}, token="")
        chosen["code"] = self.mailed_code(account["email"])
        self.send("PUT", reset, status=400, body={**chosen, "new_password": "short"}, token="")
        self.send("PUT", reset, status=204, body=chosen, token="")

    def mailed_code(self, email: str) -> str:
        for _ in range(100):
            mails = [json.loads(line) for line in self.mails.read_text().splitlines() if line.endswith("}")]
            texts = [mail["text"] for mail in mails if mail.get("to") == [email]]
            if texts:
                return re.search(r" ([0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4})\r", texts[-1])[1]
            sleep(0.1)
        raise SystemExit("no mail arrives")

    def api_tokens(self) -> None:
        all_of_them, one = "/v1/me/tokens", "/v1/me/tokens/{id}"
        wanted = {"name": "laptop", "scopes": ["read"]}
        made = json.loads(self.send("POST", all_of_them, status=201, body=wanted).body)
        self.send("POST", all_of_them, status=400, body={**wanted, "scopes": []})
        self.read(all_of_them)
        id = made["token"]["id"]
        self.read(one, id=id)
        bearer = "Bearer " + made["access_token"]
        self.send("GET", "/v1/recordings", status=200, token=bearer)
        self.send("POST", "/v1/recordings", status=403, body=AUDIO, token=bearer)
        self.send("DELETE", one, status=204, id=id)
        self.read(one, status=404, id=id)
        self.send("DELETE", one, status=404, id=id)

    def identities(self) -> None:
        all_of_them, one = "/v1/me/identities", "/v1/me/identities/{id}"
        other = {"email": "anna@example.com", "password": PASSWORD}
        linked = json.loads(self.send("POST", all_of_them, status=201, body=other).body)
        self.send("POST", all_of_them, status=400, body={**other, "email": "anna"})
        self.send("POST", all_of_them, status=403, body={**other, "password": "something else"})
        bob = {**other, "email": "bob@example.com"}
        self.send("POST", "/v1/auth/signup", status=201, body=bob)
        self.send("POST", all_of_them, status=409, body=bob)
        self.read(all_of_them)
        self.read(one, id=linked["id"])
        self.send("DELETE", one, status=204, id=linked["id"])
        self.read(one, status=404, id=linked["id"])
        self.send("DELETE", one, status=404, id=linked["id"])
        verification = "/v1/me/verifications/{id}"
        self.send("POST", verification, status=404, id=linked["id"])
        self.send("PUT", verification, status=404, body={"code": "0000-0000-0000"}, id=linked["id"])
        own = json.loads(self.read(all_of_them).body)["items"][0]["id"]
        self.send("PUT", verification, status=403, body={"code": "0000-0000-0000"}, id=own)
        self.send("PUT", verification, status=400, body={}, id=own)
        self.send("POST", verification, status=202, id=own)
        self.send("PUT", verification, status=200, body={"code": self.mailed_code("ann@example.com")}, id=own)
        last = json.loads(self.read(all_of_them).body)["items"][0]
        self.send("DELETE", one, status=409, id=last["id"])

    def openid(self) -> None:
        log_in, nonce, link = "/v1/auth/oidc/{provider}", "/v1/auth/oidc/{provider}/nonce", "/v1/me/identities/oidc/{provider}"
        for provider, status in [("test", 200), ("nobody", 404)]:
            self.send("POST", nonce, status=status, body=b"", token="", provider=provider)
        for route, user, status, token in [(log_in, "bob", 200, ""), (link, "ann", 201, None), (link, "bob", 409, None)]:
            body = self.id_token(user)
            if route == link:
                body["password"] = PASSWORD
            self.send("POST", route, status=status, body=body, token=token, provider="test")
            self.send("POST", route, status=403, body=body, token=token, provider="test")
            self.send("POST", route, status=400, body={}, token=token, provider="test")
            self.send("POST", route, status=404, body=body, token=token, provider="nobody")

        revocation, code = link + "/revocation", {"authorization_code": self.ask_provider("code", client_id="native", sub="ann")}
        self.send("POST", revocation, status=204, body=code, provider="native")
        self.send("POST", revocation, status=403, body=code, provider="native")
        self.send("POST", revocation, status=400, body={}, provider="native")
        self.send("POST", revocation, status=404, body=code, provider="nobody")

    def ask_provider(self, what: str, **asked: str) -> str:
        with urlopen(f"{self.provider}/test/{what}", data=json.dumps(asked).encode()) as answered:
            return answered.read().decode()

    def id_token(self, user: str) -> dict:
        """What the app of a user gets from the provider."""
        route = "/v1/auth/oidc/{provider}/nonce"
        nonce = json.loads(self.send("POST", route, status=200, body=b"", token="", provider="test").body)["nonce"]
        return {"id_token": self.ask_provider("token", client_id="app", sub=user, nonce=nonce), "nonce": nonce}

    def administration(self) -> None:
        own, self.token = self.token, self.operator
        users, one = "/v1/admin/users", "/v1/admin/users/{id}"
        dan = {"email": "dan@example.com", "password": PASSWORD}
        self.send("POST", users, status=403, body=dan, token=own)
        id = json.loads(self.send("POST", users, status=201, body=dan).body)["id"]
        self.send("POST", users, status=409, body=dan)
        self.send("POST", users, status=400, body={"email": "dan"})
        self.read(users, query="?email=dan@example.com")
        self.send("GET", users, status=400, query="?limit=0")
        identity = json.loads(self.read(one, id=id).body)["identities"][0]["id"]
        self.read(one, status=404, id=identity)
        self.send("PATCH", one, status=200, body={"disabled": False}, id=id)
        self.send("PATCH", one, status=400, body={}, id=id)
        self.send("PATCH", one, status=404, body={"disabled": False}, id=identity)
        restore = one + "/restore"
        self.send("POST", restore, status=200, body=b"", id=id)
        self.send("POST", restore, status=404, body=b"", id=identity)
        password, sessions = one + "/password", one + "/sessions"
        verification = one + "/verifications/{identity}"
        for user, done, shown in [(id, 204, 200), (identity, 404, 404)]:
            self.send("PUT", password, status=done, body={"new_password": PASSWORD}, id=user)
            self.send("PUT", verification, status=shown, body=b"", id=user, identity=identity)
            self.read(sessions, status=shown, id=user)
            self.send("DELETE", sessions, status=done, id=user)
        self.send("PUT", password, status=400, body={"new_password": "short"}, id=id)
        invitations, resets = "/v1/admin/invitations", "/v1/admin/password-resets"
        for route, email, status in [
            (invitations, "eve@example.com", 200),
            (invitations, dan["email"], 409),
            (invitations, "eve", 400),
            (resets, dan["email"], 200),
            (resets, "eve@example.com", 404),
            (resets, "eve", 400),
        ]:
            self.send("POST", route, status=status, body={"email": email})
        self.send("DELETE", one, status=202, id=id)
        self.send("DELETE", one, status=404, id=identity)
        self.token = own

    def recordings(self) -> None:
        one = "/v1/recordings/{id}"
        audio = [("Content-Type", "audio/webm")]
        self.send("POST", "/v1/recordings", status=201, body=AUDIO, headers=audio, query="?name=%ED%9A%8C.webm")
        head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.webm"\r\n\r\n'
        form = [("Content-Type", "multipart/form-data; boundary=x")]
        self.send("POST", "/v1/recordings", status=201, body=head + AUDIO + b"\r\n--x--\r\n", headers=form)
        self.read("/v1/recordings", query="?limit=1")
        self.send("GET", "/v1/recordings", status=400, query="?cursor=x")
        id = str(uuid4())
        tag = self.send("PUT", one, status=201, body=AUDIO, headers=audio, id=id).header("etag")
        self.send("PUT", one, status=200, body=AUDIO, headers=audio, id=id)
        self.send("PUT", one, status=409, body=b"something else", id=id)
        self.send("PUT", one, status=412, body=AUDIO, headers=[("If-None-Match", "*")], id=id)
        self.read(one, id=id)
        self.read(one, status=304, headers=[("If-None-Match", tag)], id=id)
        self.read(one, status=412, headers=[("If-Match", '"x"')], id=id)
        self.read(one, status=404, id=str(uuid4()))
        self.read(one, id=id, query="?include=link")
        self.send("POST", one + "/link", status=404, id=str(uuid4()))
        self.send("POST", one + "/link", status=400, id=id, query="?expires_in=1")
        self.read("/v1/play/{ticket}/{file}", status=403, ticket="x", file="audio.m4a")
        self.send("PATCH", one, status=200, body={"name": "memo.webm"}, id=id)
        self.send("PATCH", one, status=400, body={"name": ""}, id=id)
        self.send("PATCH", one, status=404, body={"name": "memo"}, id=str(uuid4()))
        self.send("PATCH", one, status=412, body={"name": "memo"}, headers=[("If-Match", tag)], id=id)
        self.send("DELETE", one, status=412, headers=[("If-Match", tag)], id=id)
        self.send("DELETE", one, status=204, id=id)
        self.send("DELETE", one, status=404, id=id)
        self.send("PUT", one, status=409, body=AUDIO, id=id)
        self.read("/v1/changes")
        self.send("GET", "/v1/changes", status=400, query="?cursor=x")

    def audio(self) -> None:
        for body, media_type in [(AUDIO, "audio/webm"), (LARGE, "audio/webm"), (b"", "audio/mp4")]:
            id = str(uuid4())
            kind, query = [("Content-Type", media_type)], "?name=a%2Fb%25.m4a"
            self.send("PUT", "/v1/recordings/{id}", status=201, body=body, headers=kind, query=query, id=id)
            self.play("/v1/recordings/{id}/audio", body, id)
            link = json.loads(self.send("POST", "/v1/recordings/{id}/link", status=200, id=id).body)
            _, _, _, ticket, file = link["path"].split("/")
            self.play("/v1/play/{ticket}/{file}", body, id, ticket=ticket, file=file)
        self.read("/v1/recordings/{id}/audio", status=404, id=str(uuid4()))

    def play(self, route: str, audio: bytes, id: str, **parts: str) -> None:
        parts = {"id": id, **parts}
        tag = self.read(route, **parts).header("etag")
        self.read(route, status=304, headers=[("If-None-Match", tag)], **parts)
        self.read(route, status=412, headers=[("If-Match", '"x"')], **parts)
        self.send("GET", route, status=416, headers=[("Range", "bytes=500000-")], **parts)
        if audio:
            for range in ["bytes=0-0", "bytes=1-", "bytes=-2", "bytes=0-1,3-4"]:
                self.send("GET", route, status=206, headers=[("Range", range), ("If-Range", tag)], **parts)
            self.send("GET", route, status=200, headers=[("Range", "bytes=0-0"), ("If-Range", '"x"')], **parts)

    def refused_uploads(self) -> None:
        for method, route in [("POST", "/v1/recordings"), ("PUT", "/v1/recordings/{id}")]:
            id = str(uuid4())
            digest = [("Repr-Digest", "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:")]
            self.send(method, route, status=400, body=AUDIO, headers=digest, id=id)
            self.send(method, route, status=411, id=id)
            self.send(method, route, status=413, body=b"", announced=1 << 40, id=id)
            self.send(method, route, status=415, body=b"%PDF-1.7 and no recording", id=id)
            self.send(method, route, status=408, body=b"", announced=10, id=id)
            self.send(method, route, status=507, body=bytes(900_000), id=id)

    def direct(self) -> None:
        plans, one = "/v1/direct", "/v1/direct/{id}"
        part, end = "/v1/direct/{id}/parts/{number}", "/v1/direct/{id}/complete"
        announcement = {"size": len(AUDIO), "sha256": sha256(AUDIO).hexdigest(), "media_type": "audio/webm"}
        plan = json.loads(self.send("POST", plans, status=201, body=announcement).body)
        id, query = plan["id"], "?" + plan["parts"][0]["path"].split("?")[1]
        self.send("POST", plans, status=200, body={**announcement, "id": id})
        self.send("POST", plans, status=409, body={**announcement, "id": id, "size": 1})
        self.send("POST", plans, status=400, body={})
        self.send("POST", plans, status=507, body={**announcement, "size": 960_000})
        self.read(plans)
        self.read(one, id=id)
        self.send("POST", end, status=409, body=b"", id=id)
        self.send("PUT", part, status=403, body=AUDIO, token="", id=id, number="1")
        self.send("PUT", part, status=204, body=AUDIO, query=query, token="", id=id, number="1")
        self.send("POST", end, status=201, body=b"", id=id)
        self.send("POST", end, status=200, body=b"", id=id)
        self.send("POST", plans, status=200, body={**announcement, "id": id})
        other = json.loads(self.send("POST", plans, status=201, body=announcement).body)["id"]
        self.send("DELETE", one, status=204, id=other)
        self.send("DELETE", one, status=404, id=other)
        self.read(one, status=404, id=other)
        self.send("POST", end, status=404, body=b"", id=other)

    def of_2018(self) -> None:
        list, one = "/record/list", "/record/{id}"
        query = "?social_id=4711&social_type=kakao"
        grant = json.loads(self.read("/login", query=query, token="").body)
        self.send("GET", "/login", status=400, token="")
        phone = f"{grant['user_id']} {grant['auth_key']}"
        self.read(list, token=phone)
        self.read(list, status=400, token="")
        self.read(list, status=401, token="somebody else")
        bytes_alone = [("Content-Type", "application/octet-stream")]
        for route in [one, "/upload/record/{id}"]:
            self.send("PUT", route, status=200, body=AUDIO, headers=bytes_alone, token=phone, id="a.m4a")
            self.send("PUT", route, status=415, body=AUDIO, token=phone, id="a.m4a")
            self.send("PUT", route, status=401, body=AUDIO, headers=bytes_alone, token="somebody else", id="a.m4a")
            self.send("PUT", route, status=507, body=bytes(1_000_000), headers=bytes_alone, token=phone, id="a.m4a")
        id = json.loads(self.read(list, token=phone).body)["records"][0]["id"]
        token, self.token = self.token, phone
        self.play(one, AUDIO, id)
        self.token = token
        self.send("DELETE", one, status=200, token=phone, id=id)
        self.send("DELETE", one, status=404, token=phone, id=id)
        self.read(one, status=404, token=phone, id=id)

    def documents(self) -> None:
        for route in ["/openapi.json", "/docs", "/delete-account", "/problems/{slug}"]:
            tag = self.read(route, slug="internal").header("etag")
            self.read(route, status=304, headers=[("If-None-Match", tag)], slug="internal")
            self.read(route, status=412, headers=[("If-Match", '"x"')], slug="internal")
        self.read("/problems/{slug}", status=404, slug="nothing")
        self.send("GET", "/docs/", status=308)
        for file in ["page.css", "page.js", "swagger-ui.css", "swagger-ui-bundle.js", "hello.m4a"]:
            self.read("/docs/{file}", file=file)
        self.read("/docs/{file}", status=404, file="nothing")
        self.send("GET", "/delete-account/", status=308)
        for file in ["page.css", "page.js"]:
            self.read("/delete-account/{file}", file=file)
        self.read("/delete-account/{file}", status=404, file="nothing")
        self.read("/")
        self.read("/", status=307, headers=[("Accept", "text/html")])
        self.read("/healthz")
        self.read("/readyz")

    def failures(self) -> None:
        for route, operations in json.loads(self.read("/openapi.json").body)["paths"].items():
            parts = {"id": str(uuid4()), "number": "1", "slug": "internal", "ticket": "x", "file": "audio.m4a"}
            parts |= {"provider": "test", "identity": str(uuid4())}
            self.send("TRACE", route, status=405, token="", **parts)
            for method, operation in operations.items():
                if operation.get("security", [{"token": []}]) == [{"token": []}]:
                    self.send(method.upper(), route, status=401, token="", **parts)
                    self.send(method.upper(), route, status=401, token="Bearer none", **parts)
        self.read("/nothing", status=404)
        self.too_many()
        self.without_audio()

    def too_many(self) -> None:
        """A client with one request under way, and another."""
        client = [("X-Forwarded-For", "203.0.113.7")]
        cursor = json.loads(self.send("GET", "/v1/changes", status=200).body)["cursor"]
        sent = [*client, ("Authorization", self.token)]
        waiting = Exchange("/v1/changes", "GET", f"/v1/changes?wait=25&cursor={cursor}", sent)
        ask = lambda method: self.server.exchange(Exchange("/healthz", method, "/healthz", client))
        for _ in range(100):
            with self.server.begin(waiting, None, None):
                answers = [ask("HEAD"), ask("GET")]
            if all(answer.status == 429 for answer in answers):
                self.exchanges += answers
                return
        raise SystemExit("a client may have any number of requests under way")

    def without_audio(self) -> None:
        """What is answered once audio is gone, and then the place where it was."""
        id = str(uuid4())
        before = set(files(self.data))
        self.send("PUT", "/v1/recordings/{id}", status=201, body=LARGE + b"!", id=id)
        for file in set(files(self.data)) - before:
            file.unlink()
        self.read("/v1/recordings/{id}/audio", status=500, id=id)
        (self.data / "blobs").rename(self.data / "elsewhere")
        # That it was there is remembered for a second.
        sleep(1)
        self.read("/readyz", status=503)
        self.send("PUT", "/v1/recordings/{id}", status=503, body=LARGE, id=str(uuid4()))
        (self.data / "elsewhere").rename(self.data / "blobs")


def files(folder: Path) -> Iterator[Path]:
    return (path for path in (folder / "blobs").rglob("*") if path.is_file())
