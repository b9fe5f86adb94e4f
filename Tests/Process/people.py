"""The app of Tests/People as a process, and a client of it that keeps cookies."""

import http.client
import json
import urllib.parse
from pathlib import Path

import server as processes

PEOPLE = str(Path(processes.MIZU).with_name("MizuPeople"))
PASSWORD = "gurkensalat mit dill"


class People(processes.Server):
    def __init__(self, folder, database="sqlite:mizu.db", **settings):
        super().__init__(folder, database, env=settings, command=(PEOPLE,))


class Client:
    """One browser's worth of cookies. Names the server `localhost`, as passkeys ask for a name."""

    def __init__(self, server):
        self.address = (server.host, server.port)
        self.origin = f"http://localhost:{server.port}"
        self.cookies = {}

    def ask(self, method, path, body=None, **fields):
        """Returns status, fields and body of the answer."""
        headers = {"Host": f"localhost:{self.address[1]}", "Origin": self.origin}
        headers.update({name.replace("_", "-"): value for name, value in fields.items()})
        if self.cookies:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        connection = http.client.HTTPConnection(*self.address, timeout=60)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            for line in answer.headers.get_all("Set-Cookie") or []:
                name, _, value = line.split(";")[0].partition("=")
                self.cookies[name] = value
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    def form(self, path, **fields):
        return self.ask("POST", path, urllib.parse.urlencode(fields),
                        Content_Type="application/x-www-form-urlencoded")

    def json(self, path, body):
        status, _, answer = self.ask(
            "POST", path, json.dumps(body), Content_Type="application/json")
        return status, json.loads(answer)

    def sign_up(self, name):
        status, _, _ = self.form("/account/sign-up", name=name, email=f"{name}@example.org",
                                 password=PASSWORD)
        assert status == 303
        return self.me()

    def me(self, **fields):
        status, _, body = self.ask("GET", "/me", **fields)
        assert status == 200, (status, body)
        return body.decode()
