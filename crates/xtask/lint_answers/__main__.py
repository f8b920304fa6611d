"""Asks a server for every kind of answer it has, and shows what httplint has against them.

Arguments: the server's address, the folder of its data, which the server cannot be used with afterwards, where the
OpenID provider is that it knows as `test`, the file its mail server writes what it is sent to, and an operator's token.
"""

import json
import sys
from pathlib import Path

from notes import ALLOWED, warnings
from walk import Walk
from wire import Exchange, Server


def main(address: str, data: str, provider: str, mails: str, operator: str) -> int:
    walk = Walk(Server(address), Path(data), provider, Path(mails), "Bearer " + operator)
    walk.everything()
    found = missing(walk.exchanges)
    for exchange in walk.exchanges:
        for warning in warnings(exchange):
            found.append(f"{exchange.method} {exchange.route} {exchange.status}: {warning}")
    for line in dict.fromkeys(found):
        print(line)
    print(f"{len(walk.exchanges)} answers, {len(found)} warnings")
    for name, (_, reason) in ALLOWED.items():
        print(f"passed over: {name}, for {reason}")
    return 1 if found else 0


def missing(exchanges: list[Exchange]) -> list[str]:
    """The answers that the server describes and nobody has asked for: all that are no failure, of every route."""
    paths = json.loads(next(it.body for it in exchanges if it.route == "/openapi.json" and it.body))["paths"]
    seen = {(it.method, it.route, it.status) for it in exchanges}
    wanted = []
    for route, operations in paths.items():
        for method, operation in operations.items():
            statuses = [int(status) for status in operation["responses"] if status < "400"]
            wanted += [(method.upper(), route, status) for status in statuses if (method, status) != ("head", 206)]
            if method == "get" and 200 in statuses:
                wanted.append(("HEAD", route, 200))
    # Where the disk has the audio, it is nowhere else.
    wanted = [it for it in wanted if it[2] != 307]
    return [" ".join(map(str, answer)) + ": nobody has asked for it" for answer in wanted if answer not in seen]


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
