"""What httplint has against an answer."""

from httplint import HttpRequestLinter, HttpResponseLinter
from httplint.note import levels
from wire import Exchange

# What is a warning to httplint and right all the same, by the note's name: of which answers, and why.
ALLOWED = {
    "STATUS_BAD_REQUEST": (
        lambda exchange: True,
        "it says no more than that the status is 400",
    ),
    "PARTIAL_WITHOUT_RANGE": (
        lambda exchange: exchange.header("content-type").startswith("multipart/byteranges"),
        "each of several parts has its range in itself (RFC 9110 section 15.3.7.2)",
    ),
    "DISPOSITION_FILENAME_PATH_CHAR": (
        lambda exchange: "%2F" in exchange.header("content-disposition"),
        "a name is kept letter for letter, and whoever saves a file takes slashes out of it (RFC 6266 section 4.3)",
    ),
}


def warnings(exchange: Exchange) -> list[str]:
    """Every warning about an answer that is not allowed, in a line each."""
    found = [note for note in flat(lint(exchange).notes) if note.level in (levels.WARN, levels.BAD)]
    return [f"{name(note)}: {note.summary}" for note in found if not is_allowed(name(note), exchange)]


def is_allowed(note: str, exchange: Exchange) -> bool:
    """Whether a note of this name is right and no reason to change the answer."""
    is_of, _ = ALLOWED.get(note, (lambda exchange: False, ""))
    return is_of(exchange)


def name(note) -> str:
    """What a note is called in httplint's source."""
    return type(note).__name__


def lint(exchange: Exchange) -> HttpResponseLinter:
    """The answer, read to its end."""
    request = HttpRequestLinter(start_time=exchange.began)
    request.process_request_topline(exchange.method.encode(), exchange.target.encode(), b"1.1")
    request.process_headers([(name.encode(), value.encode()) for name, value in exchange.sent])
    request.finish_content(True)
    answer = HttpResponseLinter(start_time=exchange.began)
    answer.request = request
    answer.is_head_response = exchange.method == "HEAD"
    version = exchange.version.removeprefix(b"HTTP/")
    answer.process_response_topline(version, str(exchange.status).encode(), exchange.phrase)
    answer.process_headers(exchange.headers)
    answer.feed_content(exchange.body)
    answer.finish_content(True)
    return answer


def flat(notes):
    """Notes, and those below them."""
    for note in notes:
        yield note
        yield from flat(note.subnotes)
