"""What the sandbox sees of the host: the runtime, read-only, and nothing else."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from workers.inside.layers import LayerError
from workers.inside.root import Layout

from ._inside import CHECKOUT, Ran

Inside = Callable[..., Ran]


def _ways_to_the_runtime(folder: str) -> set[str]:
    """Folders above a runtime that lies below `folder`, where a checkout may be."""
    below = (path for path in Layout.of_runtime().sources if path.startswith(folder))
    return {
        str(up) for path in below for up in Path(path).parents if f"{up}/".startswith(folder)
    } - {folder.rstrip("/")}


def test_nothing_is_there_but_the_runtime_and_what_is_the_sandboxs_own(inside: Inside) -> None:
    def look() -> dict[str, list[str]]:
        import os

        def names(path: str) -> list[str]:
            return sorted(os.listdir(path))

        return {path: names(path) for path in ("/", "/dev", "/etc", "/home", "/tmp", "/dev/shm")}

    seen = inside(look).result
    tops = {path.split("/")[1] for path in (*Layout.of_runtime().sources, "/lib", "/lib64")}
    assert set(seen["/"]) <= tops | {"dev", "etc", "home", "proc", "tmp"}
    standard = ["fd", "stderr", "stdin", "stdout"]
    assert seen["/dev"] == sorted(["null", "random", "shm", "urandom", "zero", *standard])
    assert set(seen["/etc"]) <= {
        *("group", "hostname", "hosts", "nsswitch.conf", "passwd"),
        *("alternatives", "ld.so.cache"),
    }
    assert seen["/home"] == ["student"]
    assert seen["/tmp"] == sorted({path.split("/")[2] for path in _ways_to_the_runtime("/tmp/")})
    assert seen["/dev/shm"] == []


def test_the_services_checkout_and_the_hosts_files_are_absent(inside: Inside) -> None:
    def look(paths: list[str]) -> list[str]:
        import os

        return [path for path in paths if os.path.lexists(path)]

    own = ("grader", "workers", "rubrics", "reference", "tests", ".git", "pyproject.toml")
    host = ("/etc/shadow", "/root/.bashrc", "/bin/sh", "/usr/bin/env", "/sys", "/run", "/var")
    paths = [*(str(CHECKOUT / name) for name in own), *host]
    assert inside(look, paths).result == []


def test_only_the_sandboxs_own_folders_can_be_written(inside: Inside) -> None:
    def write_everywhere() -> list[str]:
        import os

        written = []
        for folder, _, _ in os.walk("/", topdown=True):
            if folder.startswith("/proc/"):
                continue
            try:
                with open(f"{folder}/chainrule-test", "w"):
                    written.append(folder)
            except OSError:
                continue
        return sorted(written)

    own = {"/dev/shm", "/home/student", "/tmp"}
    assert set(inside(write_everywhere).result) == own | _ways_to_the_runtime("/tmp/")


@pytest.mark.parametrize("without", [[], ["landlock", "seccomp"]])
def test_every_mount_is_restricted(inside: Inside, without: list[str]) -> None:
    def look() -> list[list[str]]:
        with open("/proc/self/mountinfo") as mounts:
            return [line.split()[4:6] for line in mounts]

    seen = inside(look, without=without).result
    assert len(seen) > 8
    for point, options in seen:
        flags = set(options.split(","))
        assert "nosuid" in flags, point
        assert "nodev" in flags or point.startswith("/dev/"), point
        writable = {"/home/student", "/tmp", "/dev/shm"}
        if point in writable:
            assert "noexec" in flags, point
    # The lower /proc, of a pid namespace that has ended, is covered by the sandbox's own.
    assert [point for point, options in seen if "rw" in options.split(",")] == [
        "/proc",
        "/home/student",
        "/tmp",
        "/dev/shm",
    ]


def test_no_program_runs_from_where_one_can_write(inside: Inside) -> None:
    def run_copies() -> list[str]:
        import os
        import shutil
        import subprocess
        import sys

        ran = []
        for folder in ("/home/student", "/tmp", "/dev/shm"):
            for name, content in {"script": f"#!{sys.executable}\n", "own": None}.items():
                path = f"{folder}/{name}"
                if content is None:
                    shutil.copyfile(os.path.realpath(sys.executable), path)
                else:
                    with open(path, "w") as out:
                        out.write(content)
                os.chmod(path, 0o755)
                try:
                    subprocess.run([path, "-c", ""], check=True)
                    ran.append(path)
                except PermissionError:
                    os.unlink(path)
        return ran

    limits = {"disk_bytes": 64 << 20, "shm_bytes": 64 << 20}
    ran = inside(run_copies, limits=limits)
    assert (ran.result, ran.error) == ([], "")


def test_devices_work_and_no_others_can_be_made(inside: Inside) -> None:
    def use() -> dict[str, object]:
        import os
        import stat

        with open("/dev/null", "wb") as null:
            null.write(b"x")
        with open("/dev/zero", "rb") as zero, open("/dev/urandom", "rb") as random:
            read = [zero.read(3), len(random.read(3))]
        made = []
        for kind in (stat.S_IFCHR, stat.S_IFBLK):
            for without_folder in ("a", "/tmp/a", "/dev/a"):
                try:
                    os.mknod(without_folder, kind | 0o666, os.makedev(1, 1))
                    made.append(without_folder)
                except OSError:
                    continue
        os.mkfifo("fifo")
        reader, writer = os.pipe()
        os.write(writer, b"through fd")
        os.close(writer)
        with open(f"/dev/fd/{reader}", "rb") as again:
            through = again.read()
        return {"read": [read[0] == bytes(3), read[1]], "made": made, "through": through.decode()}

    assert inside(use).result == {"read": [True, 3], "made": [], "through": "through fd"}


def test_the_writable_folders_are_bounded_in_bytes_and_in_files(inside: Inside) -> None:
    def fill() -> dict[str, list[object]]:
        import errno
        import os

        found = {}
        for folder in ("/home/student", "/tmp", "/dev/shm"):
            written = 0
            try:
                with open(f"{folder}/big", "wb", buffering=0) as out:
                    while True:
                        written += out.write(bytes(65536))
            except OSError as error:
                full = errno.errorcode[error.errno]
            # Past the limit on one file, more files are of no help.
            try:
                with open(f"{folder}/more", "wb", buffering=0) as out:
                    while True:
                        written += out.write(bytes(65536))
            except OSError as error:
                full = errno.errorcode[error.errno]
            os.unlink(f"{folder}/big")
            os.unlink(f"{folder}/more")
            count = 0
            try:
                while True:
                    os.mkdir(f"{folder}/{count}")
                    count += 1
            except OSError as error:
                found[folder] = [written, full, count, errno.errorcode[error.errno]]
        return found

    limits = {"disk_bytes": 2 << 20, "shm_bytes": 1 << 20, "files": 50}
    found = inside(fill, limits=limits).result
    for folder, size in {"/home/student": 2 << 20, "/tmp": 2 << 20, "/dev/shm": 1 << 20}.items():
        written, full, count, inodes = found[folder]
        assert (full, inodes) == ("ENOSPC", "ENOSPC")
        assert written <= size
        assert 40 <= count < 50


def test_the_root_cannot_be_left_or_remounted_even_without_seccomp(inside: Inside) -> None:
    def try_it() -> list[str]:
        import os

        from workers.inside import syscalls as sc

        ways = {
            "chroot": lambda: os.chroot("/tmp"),
            "umount proc": lambda: sc.umount2("/proc", sc.MNT_DETACH),
            "umount home": lambda: sc.umount2("/home/student", sc.MNT_DETACH),
            "remount": lambda: sc.mount("none", "/", "", 32),
            "mount": lambda: sc.mount("tmpfs", "/tmp", "tmpfs", 0),
            "pivot": lambda: sc.pivot_root("/tmp", "/tmp"),
            "copy": lambda: sc.open_tree("/"),
            "setns": lambda: sc.setns(os.open("/proc/1/ns/mnt", os.O_RDONLY), 0),
        }
        done = []
        for name, way in ways.items():
            try:
                way()
                done.append(name)
            except OSError:
                continue
        return done

    assert inside(try_it, without=["seccomp"]).result == []


def test_a_runtime_below_a_writable_or_private_folder_is_seen(
    inside: Inside, as_nobody: bool, tmp_path: Path
) -> None:
    if as_nobody:
        pytest.skip("the folder is private to the one who runs the tests")

    def look(folder: str) -> list[object]:
        import os

        with open(f"{folder}/inner/file") as file:
            text = file.read()
        try:
            with open(f"{folder}/inner/file", "a"):
                return [text, "written"]
        except OSError as error:
            os.mkdir("/tmp/own")
            return [text, type(error).__name__]

    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "file").write_text("shown")
    tmp_path.chmod(0o700)
    assert str(tmp_path).startswith("/tmp/")
    ran = inside(look, str(tmp_path), show=[str(tmp_path / "inner")])
    assert (ran.result[0], ran.error) == ("shown", "")
    assert ran.result[1] in ("OSError", "PermissionError")


def test_the_runtimes_own_python_starts_inside(inside: Inside) -> None:
    def start() -> str:
        import subprocess
        import sys

        code = "import ssl, sqlite3, ctypes, site; print(site.getsitepackages()[0])"
        return subprocess.run(
            [sys.executable, "-c", code], capture_output=True, check=True, text=True
        ).stdout.strip()

    assert inside(start).result.startswith(sys.prefix)


def test_without_a_proc_of_its_own_it_sees_no_process_at_all(inside: Inside) -> None:
    def look() -> list[str]:
        import os

        return [name for name in os.listdir("/proc") if name.isdigit()]

    assert inside(look, without=["proc"]).result == []


def test_a_layout_names_real_folders_once_and_the_links_to_them(tmp_path: Path) -> None:
    real = tmp_path / "real"
    (real / "deep").mkdir(parents=True)
    (tmp_path / "link").symlink_to("real")
    (tmp_path / "second").symlink_to(tmp_path / "link")
    layout = Layout.of_paths([str(tmp_path / "second" / "deep"), str(real)])
    assert layout.sources == (str(real),)
    assert layout.links == {
        str(tmp_path / "link"): "real",
        str(tmp_path / "second"): str(tmp_path / "link"),
    }


def test_a_layout_that_would_show_what_a_sandbox_has_for_itself_is_refused() -> None:
    for path in ("/", "/tmp", "/proc", "/dev"):
        with pytest.raises(LayerError) as refused:
            Layout.of_paths([path])
        assert refused.value.layer == "root"


def test_the_layout_of_a_venv_in_a_checkout_shows_the_venv_alone() -> None:
    sources = Layout.of_runtime().sources
    assert any(Path(sys.prefix).resolve().is_relative_to(path) for path in sources)
    assert not any(CHECKOUT.is_relative_to(path) for path in sources)
    inner = [path for path in sources if Path(path).is_relative_to(CHECKOUT)]
    assert set(inner) <= {sys.prefix}
