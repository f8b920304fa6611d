"""Requests and answers as they are on the wire, byte for byte: a client library would tidy them up."""

import socket
from dataclasses import dataclass, field
from time import time

# Longer than any answer takes.
PATIENCE_S = 30

Headers = list[tuple[str, str]]


@dataclass
class Exchange:
    """A request, and the answer to it."""

    route: str
    method: str
    target: str
    sent: Headers
    began: float = field(default_factory=time)
    version: bytes = b""
    status: int = 0
    phrase: bytes = b""
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytes = b""

    def header(self, name: str) -> str:
        """The value of a header; empty if there is none."""
        wanted = name.lower().encode()
        values = [value for key, value in self.headers if key.lower() == wanted]
        return values[0].decode() if values else ""


class Server:
    """Where the requests go."""

    def __init__(self, address: str) -> None:
        host, port = address.removeprefix("http://").split(":")
        self.address = (host, int(port))

    def exchange(self, exchange: Exchange, body: bytes | None = None, announced: int | None = None) -> Exchange:
        """Sends a request, and reads the answer up to its last byte."""
        with self.begin(exchange, body, announced) as connection:
            read(connection, exchange)
        return exchange

    def begin(self, exchange: Exchange, body: bytes | None, announced: int | None) -> socket.socket:
        """Sends a request, and leaves the answer to the caller."""
        connection = socket.create_connection(self.address, timeout=PATIENCE_S)
        lines = [("Host", "api.example"), ("User-Agent", "lint-answers"), *exchange.sent]
        if body is not None:
            lines.append(("Content-Length", str(len(body) if announced is None else announced)))
        head = "".join(f"{name}: {value}\r\n" for name, value in lines)
        connection.sendall(f"{exchange.method} {exchange.target} HTTP/1.1\r\n{head}\r\n".encode() + (body or b""))
        return connection


def read(connection: socket.socket, exchange: Exchange) -> None:
    """Reads the answer to a request."""
    with connection.makefile("rb") as stream:
        exchange.version, status, exchange.phrase = stream.readline().rstrip(b"\r\n").split(b" ", 2)
        exchange.status = int(status)
        while line := stream.readline().rstrip(b"\r\n"):
            name, value = line.split(b":", 1)
            exchange.headers.append((name, value.strip()))
        if exchange.method == "HEAD" or exchange.status in (204, 304):
            return
        if exchange.header("transfer-encoding") == "chunked":
            while size := int(stream.readline(), 16):
                exchange.body += stream.read(size)
                stream.readline()
        else:
            exchange.body = stream.read(int(exchange.header("content-length")))
