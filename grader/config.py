"""The environment's settings: read here and nowhere else.

For grading on the command line:

CHAINRULE_RUBRICS          the folder that holds rubrics/ and reference/; by default the current
                           folder where it has rubrics/, otherwise the checkout; a new bundle is
                           begun in the current folder
CHAINRULE_ACCEPT_MISSING   layers of the sandbox, by name and separated by commas, without which
                           grading may go on
CHAINRULE_DEBUG            1: show the traceback of an unexpected failure

For handing in from a terminal, where `chainrule login` has not been told:

CHAINRULE_SERVER           the address of the service
CHAINRULE_TOKEN            a token for it, with the scopes read and submit
XDG_CONFIG_HOME            the folder for people's settings; by default ~/.config

For the service; every process of it reads the same ones:

CHAINRULE_DATA             the folder for everything that is kept; by default ./data
CHAINRULE_DATABASE         sqlite:///FILE or postgresql+psycopg://...; by default a file in DATA
CHAINRULE_REDIS            redis://... or unix://SOCKET; by default a socket that `serve` listens
                           on, in DATA (below /tmp where that path is too long for a socket)
CHAINRULE_BLOBS            a folder, or s3://BUCKET/PREFIX; by default DATA/blobs
CHAINRULE_S3_ENDPOINT      the address of an S3 that is not Amazon's
CHAINRULE_LISTEN           HOST:PORT of the web processes; by default 127.0.0.1:8000
CHAINRULE_URL              the address that people use; by default that of LISTEN
CHAINRULE_PROXIES          addresses or networks of proxies, with commas, that are believed for whom
                           they ask; by default 127.0.0.1,::1
CHAINRULE_QUEUES           what a worker takes: cpu, gpu, or both with a comma; by default cpu
CHAINRULE_SLOTS            attempts that a worker judges at a time; by default one for each CPU
CHAINRULE_GPUS             the devices that a worker may hand out: 0,1,...; by default none
CHAINRULE_NODE             a worker's name, one for each; by default that of the host
CHAINRULE_LEASE_S          seconds after which a silent worker has lost its attempt; by default 60
CHAINRULE_UPLOAD_BYTES     the largest request that is read; by default 32 MiB
CHAINRULE_PRIVATE_ADDRESSES  1: webhooks, Canvas and LMSs that register themselves may be at
                           addresses within private networks, and without TLS; by default they are
                           refused
CHAINRULE_LOG              json or text; by default text on a terminal and json elsewhere
"""

from __future__ import annotations

import hashlib
import ipaddress
import os
import re
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

from grader.errors import BadInput
from grader.safetext import one_line

_CHECKOUT = Path(__file__).parent.parent
_LAYER = re.compile(r"[a-z0-9][a-z0-9-]*")
_LONGEST_SOCKET = 107  # bytes of a unix socket's path
_FLAGS = {"": False, "0": False, "1": True}


@dataclass(frozen=True, kw_only=True)
class Config:
    """What the environment says, validated."""

    root: Path  # holds rubrics/ and reference/
    accept_missing: frozenset[str] = frozenset()
    debug: bool = False


def load_config(environment: Mapping[str, str] = os.environ) -> Config:
    """The settings; raise BadInput naming the variable that is wrong."""
    return Config(
        root=_root(environment.get("CHAINRULE_RUBRICS", "")),
        accept_missing=_layers(environment.get("CHAINRULE_ACCEPT_MISSING", "")),
        debug=debug(environment),
    )


@dataclass(frozen=True, kw_only=True)
class ClientSettings:
    """What the environment says for a terminal: which service, and where its own files are."""

    server: str | None
    token: str | None
    folder: Path


def load_client_settings(environment: Mapping[str, str] = os.environ) -> ClientSettings:
    """The settings of who hands in from a terminal."""
    read = _Reader(environment)
    given = environment.get("XDG_CONFIG_HOME", "")
    # A relative one is none, by the rule that the variable comes from.
    base = Path(given) if given.startswith("/") else Path.home() / ".config"
    return ClientSettings(
        server=read.text("SERVER", "") or None,
        token=read.text("TOKEN", "") or None,
        folder=base / "chainrule",
    )


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How one installation of the service is set up, validated."""

    data: Path
    database: str
    redis: str
    blobs: str
    s3_endpoint: str | None = None
    host: str = "127.0.0.1"
    port: int = 8000
    url: str = "http://127.0.0.1:8000"
    proxies: tuple[str, ...] = ("127.0.0.1/32", "::1/128")
    queues: tuple[str, ...] = ("cpu",)
    slots: int = 1
    gpus: tuple[int, ...] = ()
    node: str = "node"
    lease_s: float = 60.0
    upload_bytes: int = 32 << 20
    private_addresses: bool = False
    log: str = "json"
    accept_missing: frozenset[str] = field(default_factory=frozenset)

    @property
    def lease(self) -> timedelta:
        """How long a worker may be silent: then it has lost whatever it held."""
        return timedelta(seconds=self.lease_s)

    @property
    def own_socket(self) -> Path | None:
        """The socket of the Redis that `serve` starts; None where Redis is another one."""
        own = _own_socket(self.data)
        return own if self.redis == f"unix://{own}" else None


def load_settings(environment: Mapping[str, str] = os.environ) -> Settings:
    """The service's settings; raise BadInput naming the variable that is wrong."""
    read = _Reader(environment)
    data = Path(read.text("DATA", "data")).expanduser().absolute()
    host, port = read.address("LISTEN", "127.0.0.1:8000")
    queues, gpus = read.words("QUEUES", "cpu", ("cpu", "gpu")), read.numbers("GPUS")
    if "gpu" in queues and not gpus:
        raise BadInput("CHAINRULE_QUEUES has gpu, but CHAINRULE_GPUS names no device")
    return Settings(
        data=data,
        database=read.url(
            "DATABASE", f"sqlite:///{data}/chainrule.db", ("sqlite", "postgresql+psycopg")
        ),
        redis=read.url("REDIS", f"unix://{_own_socket(data)}", ("redis", "rediss", "unix")),
        blobs=read.place("BLOBS", data / "blobs"),
        s3_endpoint=read.text("S3_ENDPOINT", "") or None,
        host=host,
        port=port,
        url=read.url("URL", f"http://{host}:{port}", ("http", "https")).rstrip("/"),
        proxies=read.networks("PROXIES", "127.0.0.1,::1"),
        queues=queues,
        slots=read.number("SLOTS", len(os.sched_getaffinity(0)), 1, 256),
        gpus=gpus,
        node=read.text("NODE", socket.gethostname()),
        lease_s=float(read.number("LEASE_S", 60, 1, 3600)),
        upload_bytes=read.number("UPLOAD_BYTES", 32 << 20, 1 << 10, 1 << 30),
        private_addresses=read.flag("PRIVATE_ADDRESSES"),
        log=read.words("LOG", "text" if sys.stderr.isatty() else "json", ("json", "text"))[0],
        accept_missing=_layers(environment.get("CHAINRULE_ACCEPT_MISSING", "")),
    )


class _Reader:
    """Variables by their names without the prefix; each error names the whole variable."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment

    def text(self, name: str, default: str) -> str:
        return self._environment.get(f"CHAINRULE_{name}", "").strip() or default

    def flag(self, name: str) -> bool:
        value = self.text(name, "0")
        if value not in _FLAGS:
            raise BadInput(f"CHAINRULE_{name} is 0 or 1")
        return _FLAGS[value]

    def url(self, name: str, default: str, schemes: tuple[str, ...]) -> str:
        value = self.text(name, default)
        if urlsplit(value).scheme not in schemes:
            # Not the value: it may hold a password.
            raise BadInput(f"CHAINRULE_{name} begins with {' or '.join(schemes)} and ://")
        return value

    def place(self, name: str, default: Path) -> str:
        value = self.text(name, str(default))
        return value if value.startswith("s3://") else str(Path(value).expanduser().absolute())

    def number(self, name: str, default: int, least: int, most: int) -> int:
        value = self.text(name, str(default))
        if not value.isdecimal() or not least <= int(value) <= most:
            raise BadInput(
                f"CHAINRULE_{name} is a whole number from {least} to {most}, "
                f"not {one_line(repr(value), 40)}"
            )
        return int(value)

    def numbers(self, name: str) -> tuple[int, ...]:
        parts = [part.strip() for part in self.text(name, "").split(",") if part.strip()]
        numbers = tuple(int(part) for part in parts if part.isdecimal())
        if len(set(numbers)) < len(parts):
            raise BadInput(f"CHAINRULE_{name} is a list of numbers with commas, each once: 0,1")
        return numbers

    def words(self, name: str, default: str, known: tuple[str, ...]) -> tuple[str, ...]:
        parts = tuple(part.strip() for part in self.text(name, default).split(",") if part.strip())
        if not parts or not set(parts) <= set(known):
            raise BadInput(f"CHAINRULE_{name} is of {', '.join(known)}")
        return parts

    def networks(self, name: str, default: str) -> tuple[str, ...]:
        parts = [part.strip() for part in self.text(name, default).split(",") if part.strip()]
        try:
            found = [ipaddress.ip_network(part) for part in parts]
        except ValueError:
            found = []
        # Not everybody: whom anybody may speak for is nobody that can be counted.
        if not found or any(one.prefixlen == 0 for one in found):
            raise BadInput(
                f"CHAINRULE_{name} is a list of addresses and networks with commas: "
                "127.0.0.1,10.1.2.0/28"
            )
        return tuple(str(one) for one in found)

    def address(self, name: str, default: str) -> tuple[str, int]:
        host, colon, port = self.text(name, default).rpartition(":")
        if not colon or not host or not port.isdecimal() or int(port) > 65535:
            raise BadInput(f"CHAINRULE_{name} is HOST:PORT, as 127.0.0.1:8000")
        return host, int(port)


def debug(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether tracebacks are wanted: asked when everything else may have failed."""
    value = environment.get("CHAINRULE_DEBUG", "").strip()
    if value not in _FLAGS:
        raise BadInput(f"CHAINRULE_DEBUG is 0 or 1, not {one_line(repr(value), 40)}")
    return _FLAGS[value]


def new_bundles(environment: Mapping[str, str] = os.environ) -> Path:
    """The folder in which a new bundle is begun: never the checkout unless one stands in it."""
    named = environment.get("CHAINRULE_RUBRICS", "")
    return _root(named) if named else Path.cwd()


def _root(value: str) -> Path:
    if not value:
        here = Path.cwd()
        return here if (here / "rubrics").is_dir() else _CHECKOUT
    root = Path(value).expanduser()
    if not (root / "rubrics").is_dir():
        raise BadInput(
            f"CHAINRULE_RUBRICS names {one_line(value)}, in which there is no folder rubrics"
        )
    return root.resolve()


def _own_socket(data: Path) -> Path:
    """Where the Redis of this data folder listens: elsewhere where the path is too long."""
    socket_path = data / "redis.sock"
    if len(os.fsencode(socket_path)) <= _LONGEST_SOCKET:
        return socket_path
    digest = hashlib.sha256(os.fsencode(data)).hexdigest()[:16]
    return Path(f"/tmp/chainrule-{os.getuid()}-{digest}/redis.sock")


def _layers(value: str) -> frozenset[str]:
    layers = frozenset(part.strip() for part in value.split(",") if part.strip())
    for layer in sorted(layers):
        if not _LAYER.fullmatch(layer):
            raise BadInput(
                f"CHAINRULE_ACCEPT_MISSING lists {one_line(repr(layer), 40)}, which is no layer"
            )
    return layers
