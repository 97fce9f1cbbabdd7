"""Connecting to servers of all kinds, and what they answer."""

from __future__ import annotations

import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from socketserver import StreamRequestHandler
from threading import Thread

import pytest
from redis import Redis
from redis.exceptions import ResponseError

from fieldfare.errors import ServerUnavailable, UnsupportedServer, UnsupportedURL
from fieldfare.server import Server, connect, connector
from fieldfare.server.capabilities import UNKNOWN_VERSION
from fieldfare.server.embedded import find_programs, free_port
from fieldfare.server.refusal import CommandNotAllowed
from fieldfare.testing.fixtures import PrivateServer
from tcp_listener import listening


def test_commands_give_raw_replies(server: Server) -> None:
    assert server.command("SET", b"k\xff", "v") == b"OK"
    assert server.command("GET", b"k\xff") == b"v"


def test_an_error_reply_is_raised(server: Server) -> None:
    server.command("SET", "text", "words")
    with pytest.raises(ResponseError, match="not an integer"):
        server.command("INCR", "text")


def test_bulk_answers_in_order_and_returns_errors(server: Server) -> None:
    server.command("SET", "text", "words")
    first, second, third = server.bulk([("GET", "text"), ("INCR", "text"), ("STRLEN", "text")])
    assert first == b"words"
    assert isinstance(second, ResponseError)
    assert third == 5


def test_bulk_of_nothing_is_nothing(server: Server) -> None:
    assert server.bulk([]) == []
    assert list(server.bulk_stream([])) == []


def test_a_stream_sends_the_next_batch_before_it_gives_replies(server: Server) -> None:
    stream = server.bulk_stream([[("INCR", "n")], [("INCR", "n")], [("INCR", "n")]])
    assert next(stream) == [1]
    assert next(stream) == [2]
    # the third was sent before these replies were given, on a connection of its own: wait for it there
    assert list(stream) == [[3]]


def test_a_health_check_takes_no_reply_of_a_stream(redis_url: str) -> None:
    def batches() -> Iterator[list[tuple[str, str]]]:
        for number in range(3):
            yield [("ECHO", f"{number}"), ("ECHO", "same")]
            due = time.monotonic() + 1
            while time.monotonic() <= due:
                pass

    with connect(f"{redis_url}?health_check_interval=1&socket_timeout=5") as server:
        assert list(server.bulk_stream(batches())) == [[b"%d" % number, b"same"] for number in range(3)]


def test_a_stream_that_is_left_early_spoils_nothing(server: Server) -> None:
    stream = server.bulk_stream([("ECHO", f"{batch} {row}") for row in range(3)] for batch in range(5))
    assert next(stream) == [b"0 0", b"0 1", b"0 2"]
    stream.close()
    assert server.bulk([("ECHO", "mine")]) == [b"mine"]


@pytest.mark.parametrize("protocol", [2, 3])
def test_either_protocol_is_spoken(private_server: PrivateServer, protocol: int) -> None:
    with connect(f"{private_server().url}?protocol={protocol}") as server:
        server.command("HSET", "h", "f", "v")
        assert server.command("HGETALL", "h") == ([b"f", b"v"] if protocol == 2 else {b"f": b"v"})
        assert server.capabilities.search_version >= (2, 0, 0)


def test_what_the_server_can_do_is_known(private_server: PrivateServer) -> None:
    arguments = ["--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru"]
    with connect(private_server(arguments, json=False).url) as server:
        capabilities = server.capabilities
    assert capabilities.redis_version >= (7, 0, 0)
    assert (2, 0, 0) <= capabilities.search_version < (99, 0, 0)
    assert not capabilities.json
    assert not capabilities.cluster
    assert capabilities.max_memory == 100 * 1024 * 1024
    assert 0 < capabilities.used_memory < capabilities.max_memory
    assert capabilities.eviction_policy == "allkeys-lru"


def test_no_server_is_said_so() -> None:
    with pytest.raises(ServerUnavailable, match="Connection refused") as caught:
        connect(f"redis://joe:hunter2@127.0.0.1:{free_port()}")
    assert "joe:***@127.0.0.1" in str(caught.value)
    assert "hunter2" not in str(caught.value)
    assert caught.value.exit_code == 4


def test_no_sentinel_is_said_in_a_line() -> None:
    with pytest.raises(ServerUnavailable, match="No master found for 'main'") as caught:
        connect(f"redis+sentinel://:hunter2@127.0.0.1:{free_port()}/main")
    assert "hunter2" not in str(caught.value)
    assert "object at" not in str(caught.value)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(("scheme", "said"), [("redis", "(?i)time"), ("rediss", "does not answer a TLS handshake")])
def test_a_server_that_never_answers_is_said_so(scheme: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As where TLS is spoken to one that does not speak it; later replies may take far longer than the first one."""
    monkeypatch.setattr(connector, "CONNECT_SECONDS", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as mute, ThreadPoolExecutor(1) as pool:
        attempt = pool.submit(connect, f"{scheme}://127.0.0.1:{mute.getsockname()[1]}")
        with pytest.raises(ServerUnavailable, match=said):
            attempt.result(timeout=300)


def test_a_wrong_password_is_said_so(private_server: PrivateServer) -> None:
    url = private_server(password="s3cret").url  # noqa: S106 - of a server that lives for this test
    with connect(url) as server:
        assert server.command("PING") == b"PONG"
        assert server.url == url.replace("s3cret", "").replace(":@", "***@")
    for wrong in (url.replace("s3cret", "hunter2"), url.replace(":s3cret@", "")):
        with pytest.raises(ServerUnavailable, match=r"(?i)auth|password") as caught:
            connect(wrong)
        assert "hunter2" not in str(caught.value)


def test_a_server_without_search_is_unfit(private_server: PrivateServer) -> None:
    with pytest.raises(UnsupportedServer, match="without the search module") as caught:
        connect(private_server(search=False, json=False).url)
    assert caught.value.needs == "a server with Redis Search"


@pytest.mark.parametrize(
    "denied", [["-module"], ["-info"], ["-info", "-module", "-hello"]], ids=["module", "info", "all"]
)
def test_a_user_with_few_rights_will_do(private_server: PrivateServer, denied: list[str]) -> None:
    url = private_server().url
    with connect(url) as server:
        known = server.capabilities
        server.command("ACL", "SETUSER", "few", "on", ">pw", "~*", "+@all", *denied)
    with connect(url.replace("unix://", "unix://few:pw@")) as server:
        found = server.capabilities
        assert server.command("FT._LIST") == []
    assert found.json
    assert found.search_version in {known.search_version, UNKNOWN_VERSION}
    assert found.indexes("int8") or found.knows_search_version, "what is unknown is tried, not denied"
    if "-hello" not in denied:
        assert found.redis_version == known.redis_version


def test_a_user_without_rights_is_told_which_one_is_missing(private_server: PrivateServer) -> None:
    url = private_server().url
    with connect(url) as server:
        server.command("ACL", "SETUSER", "none", "on", ">pw", "~*", "-@all")
    with (
        connect(url.replace("unix://", "unix://none:pw@")) as server,
        pytest.raises(CommandNotAllowed, match=r"may not run FT\._LIST: the right \+ft\._list is missing"),
    ):
        server.command("FT._LIST")


def test_a_server_that_still_loads_is_said_so(private_server: PrivateServer, tmp_path: Path) -> None:
    first = private_server(directory=tmp_path)
    with connect(first.url) as server:
        server.bulk([("SET", f"k{number}", "v") for number in range(10_000)])
        server.command("SAVE")
    first.stop()
    slow = ["--key-load-delay", "1000", "--loading-process-events-interval-bytes", "1024"]
    loading = private_server(slow, directory=tmp_path, loaded=False)
    with pytest.raises(ServerUnavailable, match="still loading its data"):
        connect(loading.url)
    # quick again, so that it hears that it is to stop
    with Redis(unix_socket_path=str(loading.socket)) as client:
        client.config_set("key-load-delay", 0)


def test_a_single_server_is_no_cluster(server: Server, redis_url: str) -> None:
    if server.capabilities.cluster:
        pytest.skip("the tests' server is a cluster")
    with pytest.raises(UnsupportedServer, match="cluster mode off"):
        connect(redis_url, cluster=True)


def test_an_option_that_redis_py_does_not_know_is_said_so() -> None:
    with pytest.raises(UnsupportedURL, match="colour"):
        connect("redis://localhost?colour=red")


def test_tls(private_server: PrivateServer, tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost"),
            *("-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
    )
    embedded = private_server(tcp=True)
    with tls_front(embedded.port, certificate, key) as port:
        with connect(f"rediss://localhost:{port}?ssl_ca_certs={certificate}") as server:
            assert server.bulk([("SET", "k", "v"), ("GET", "k")]) == [b"OK", b"v"]
        with pytest.raises(ServerUnavailable, match=r"(?i)certificate"):
            connect(f"rediss://localhost:{port}")


def test_tls_to_a_port_without_it_is_told_and_not_waited_for(
    private_server: PrivateServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such a server waits for the end of what it takes for a command; we waited for minutes."""
    monkeypatch.setattr("fieldfare.server.connector.CONNECT_SECONDS", 0.2)
    embedded = private_server(tcp=True)
    with pytest.raises(ServerUnavailable, match=r"does not answer a TLS handshake; .* starts with redis://"):
        connect(f"rediss://127.0.0.1:{embedded.port}")


def test_sentinels_name_the_server(private_server: PrivateServer, sentinel: int) -> None:
    embedded = private_server(tcp=True)
    with Redis(port=sentinel) as client:
        client.execute_command("SENTINEL", "MONITOR", "main", "127.0.0.1", embedded.port, 1)
    with connect(f"redis+sentinel://127.0.0.1:{sentinel}/main") as server:
        server.command("SET", "k", "v")
        assert server.client.info("server")["tcp_port"] == embedded.port
    with pytest.raises(ServerUnavailable, match="other"):
        connect(f"redis+sentinel://127.0.0.1:{sentinel}/other")


@pytest.fixture
def sentinel(tmp_path: Path) -> Iterator[int]:
    """A sentinel that watches nothing yet; its port."""
    port = free_port()
    settings = tmp_path / "sentinel.conf"
    settings.write_text(f"port {port}\nbind 127.0.0.1\ndir {tmp_path}\n")
    command = [str(find_programs()[0]), str(settings), "--sentinel"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        while "Sentinel ID" not in process.stdout.readline():
            assert process.poll() is None
        yield port
        process.terminate()
        process.communicate()


@contextmanager
def tls_front(backend: int, certificate: Path, key: Path) -> Iterator[int]:
    """Speak TLS in front of a server that cannot; gives the port."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)

    class Front(StreamRequestHandler):
        def handle(self) -> None:
            with (
                suppress(OSError),
                socket.create_connection(("127.0.0.1", backend)) as plain,
                context.wrap_socket(self.request, server_side=True) as secure,
            ):
                answers = Thread(target=forward, args=(plain, secure))
                answers.start()
                forward(secure, plain)
                plain.shutdown(socket.SHUT_RDWR)
                answers.join()

    with listening(Front) as port:
        yield port


def forward(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
