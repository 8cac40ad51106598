"""The sandbox's root: a read-only tree with the runtime and nothing else.

`Layout` says which folders of the host the runtime needs. `Root.build` makes the tree once, in a
mount namespace of its own that nothing but a descriptor keeps alive; every sandbox gets a copy of
that namespace, in which the host's mounts never were, and adds what is its own: /proc and the
writable folders.
"""

from __future__ import annotations

import contextlib
import os
import stat
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import NoReturn

from . import gpus, layers, syscalls
from .layers import LayerError

HOME = "/home/student"
WRITABLE = (HOME, "/tmp", "/dev/shm")
DEVICES = ("/dev/null", "/dev/zero", "/dev/random", "/dev/urandom")

# Folders that other software lives in as well: of these only the parts that Python names are shown.
_SHARED_PREFIXES = ("/", "/usr", "/usr/local")
# Where there are such: time zones, locales, and the targets of links among the libraries.
_DATA_FOLDERS = ("/usr/share/zoneinfo", "/usr/lib/locale", "/etc/alternatives")
_MOUNT_POINTS = ("/tmp", "/mnt", "/run", "/var")
_LINKS = {
    "/dev/fd": "/proc/self/fd",
    "/dev/stdin": "/proc/self/fd/0",
    "/dev/stdout": "/proc/self/fd/1",
    "/dev/stderr": "/proc/self/fd/2",
}
_ETC = {
    "/etc/passwd": "student:x:1000:1000:student:/home/student:/bin/false\n",
    "/etc/group": "student:x:1000:\n",
    "/etc/hosts": "127.0.0.1 localhost sandbox\n",
    "/etc/hostname": "sandbox\n",
    "/etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
}
_PROC_FLAGS = syscalls.MS_NOSUID | syscalls.MS_NODEV | syscalls.MS_NOEXEC
_BIND = syscalls.MOUNT_ATTR_RDONLY | syscalls.MOUNT_ATTR_NOSUID


@dataclass(frozen=True)
class Layout:
    """What of the host the sandbox sees, under the same names.

    `sources` are folders and files without symbolic links in their paths, none below another;
    `links` are the symbolic links that lead to them (path -> target). `devices` are device nodes
    beyond DEVICES: where the sandbox sees each -> where it lies here.
    """

    sources: tuple[str, ...]
    links: Mapping[str, str]
    devices: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of_runtime(cls) -> Layout:
        """What this interpreter needs, with the libraries that are loaded at this moment.

        Libraries of a GPU's driver are among them where this machine has some.
        """
        own = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
        return cls.of_paths(
            path
            for path in (*_python_paths(), *_library_paths(), *gpus.libraries(), *_DATA_FOLDERS)
            if os.path.exists(path) and not _is_below(os.path.realpath(path), own)
        )

    @classmethod
    def of_paths(cls, paths: Iterable[str]) -> Layout:
        """A layout that shows `paths`, which must exist.

        Raises LayerError where a folder that a sandbox has for itself would hide one of them.
        """
        named = [os.path.abspath(path) for path in paths]
        real = sorted({os.path.realpath(path) for path in named})
        sources = [path for path in real if not any(_is_below(path, up) for up in real)]
        for path in sources:
            if hidden := [
                own for own in (*WRITABLE, "/proc") if own == path or _is_below(own, path)
            ]:
                raise LayerError(
                    layers.ROOT,
                    f"the runtime lies in {path}, where a sandbox has its own {hidden[0]}",
                )
        links: dict[str, str] = {}
        for path in named:
            _follow(path, sources, links)
        return cls(tuple(sources), links)

    def with_devices(self, devices: Mapping[str, str]) -> Layout:
        """The same with these device nodes and no others."""
        return replace(self, devices=devices)


@dataclass(frozen=True)
class Root:
    """A built root: descriptors of its mount namespace and of the one that this process is in."""

    layout: Layout
    namespace: int
    host_namespace: int

    @classmethod
    def build(cls, layout: Layout) -> Root:
        """Build the tree; nothing of it can be seen on the host. Raises LayerError."""
        reader, writer = os.pipe()
        going, go = os.pipe()
        # Its own pid namespace ends with it: the /proc below each sandbox's own shows no process.
        try:
            pid = syscalls.fork(syscalls.CLONE_NEWNS | syscalls.CLONE_NEWPID)
        except OSError as error:
            raise LayerError(layers.MOUNT, str(error)) from error
        if pid == 0:
            os.close(go)
            _build_and_wait(layout, writer, going)
        os.close(writer)
        os.close(going)
        try:
            said = os.read(reader, 4096)
            if said != b"built":
                raise LayerError(layers.ROOT, said.decode() or "the process that builds it died")
            namespace = os.open(f"/proc/{pid}/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
        finally:
            os.close(go)
            os.close(reader)
            os.waitpid(pid, 0)
        host = os.open("/proc/self/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
        return cls(layout, namespace, host)

    def close(self) -> None:
        """Let go of the tree; it is gone once the last sandbox is."""
        os.close(self.namespace)
        os.close(self.host_namespace)


def mount_proc(layout: Layout) -> None:
    """In init: a /proc that shows this pid namespace; raises LayerError.

    It is read-only, but where there are GPUs: CUDA ends where it can't write its threads' names.
    """
    flags = _PROC_FLAGS | (0 if layout.devices else syscalls.MS_RDONLY)
    try:
        syscalls.mount("proc", "/proc", "proc", flags)
    except OSError as error:
        raise LayerError(
            layers.PROC, f"/proc cannot be mounted ({error}): is it masked?"
        ) from error


def mount_writable(layout: Layout, *, disk_bytes: int, shm_bytes: int, files: int) -> None:
    """In init: bounded memory-backed folders, of which none can hold a program or a device.

    The working directory and /tmp take `disk_bytes` each, every one of them `files` inodes. A
    part of the runtime that lies below one of them stays in sight. Raises LayerError.
    """
    flags = syscalls.MS_NOSUID | syscalls.MS_NODEV | syscalls.MS_NOEXEC
    for folder in WRITABLE:
        size = shm_bytes if folder == "/dev/shm" else disk_bytes
        mode = "0700" if folder == HOME else "1777"
        options = f"size={size},nr_inodes={files},mode={mode},uid={os.getuid()},gid={os.getgid()}"
        try:
            below = [path for path in layout.sources if _is_below(path, folder)]
            trees = {path: syscalls.open_tree(path) for path in below}
            syscalls.mount("tmpfs", folder, "tmpfs", flags, options)
            for path, tree in trees.items():
                _make_mount_point(path, os.fstat(tree).st_mode)
                syscalls.move_mount(tree, path)
                os.close(tree)
        except OSError as error:
            raise LayerError(layers.WORKDIR, f"{folder} cannot be mounted ({error})") from error


def _build_and_wait(layout: Layout, writer: int, going: int) -> NoReturn:
    try:
        _build(layout)
        os.write(writer, b"built")
        os.read(going, 1)  # until the namespace has been opened
    except OSError as error:
        os.write(writer, str(error).encode())
    finally:
        os._exit(0)


def _build(layout: Layout) -> None:
    """Make the tree the root of this mount namespace."""
    syscalls.mount("none", "/", "", syscalls.MS_REC | syscalls.MS_PRIVATE)
    os.umask(0o022)
    trees = {path: _tree(path, _BIND | syscalls.MOUNT_ATTR_NODEV) for path in layout.sources}
    nodes = {**dict(zip(DEVICES, DEVICES, strict=True)), **layout.devices}
    trees |= {at: _tree(path, _BIND | syscalls.MOUNT_ATTR_NOEXEC) for at, path in nodes.items()}
    loader_cache = _bytes_of("/etc/ld.so.cache")
    # Whatever this hides, the trees have been taken before.
    point = next(path for path in _MOUNT_POINTS if os.path.isdir(path))
    syscalls.mount("tmpfs", point, "tmpfs", syscalls.MS_NOSUID, "mode=0755,size=4m")
    os.chdir(point)
    for path in (*WRITABLE, "/proc", "/dev", "/etc"):
        os.makedirs("." + path, exist_ok=True)
    for path, tree in trees.items():
        _make_mount_point("." + path, os.fstat(tree).st_mode)
    for path, text in _ETC.items():
        _make_file("." + path, text.encode())
    if loader_cache:
        _make_file("./etc/ld.so.cache", loader_cache)
    for path, target in {**layout.links, **_LINKS}.items():
        os.makedirs("." + os.path.dirname(path), exist_ok=True)
        os.symlink(target, "." + path)
    for path, tree in trees.items():
        syscalls.move_mount(tree, "." + path)
        os.close(tree)
    # Below each sandbox's own: the kernel lets a namespace mount a /proc only where it sees one.
    # Where it does not let us, as in a container that masks /proc, `mount_proc` will say so.
    with contextlib.suppress(OSError):
        syscalls.mount("proc", "./proc", "proc", _PROC_FLAGS)
    syscalls.pivot_root(".", ".")
    syscalls.umount2(".", syscalls.MNT_DETACH)
    os.chdir("/")
    whole = os.open("/", os.O_PATH | os.O_CLOEXEC)
    attributes = _BIND | syscalls.MOUNT_ATTR_NODEV | syscalls.MOUNT_ATTR_NOEXEC
    syscalls.mount_setattr(whole, attributes, recursive=False)
    os.close(whole)


def _tree(path: str, attributes: int) -> int:
    """A detached copy of the mounts at and below `path`."""
    try:
        tree = syscalls.open_tree(path)
    except OSError as error:
        raise OSError(error.errno, error.strerror, path) from error
    syscalls.mount_setattr(tree, attributes)
    return tree


def _make_mount_point(path: str, mode: int) -> None:
    """What a folder, or a file, of this mode can be mounted on."""
    if stat.S_ISDIR(mode):
        os.makedirs(path, exist_ok=True)
    else:
        _make_file(path, b"")


def _bytes_of(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""


def _make_file(path: str, content: bytes) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(content)


def _python_paths() -> Iterable[str]:
    """The interpreter and its modules."""
    yield sys.executable
    for prefix in {sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix}:
        if os.path.realpath(prefix) not in _SHARED_PREFIXES:
            yield prefix
        else:
            # Not what else is on sys.path: with an editable install that is a checkout.
            yield from (path for path in sys.path if _is_below(os.path.realpath(path), prefix))


def _library_paths() -> Iterable[str]:
    """The folders of the libraries that are loaded, and the loader by the names it goes by."""
    yield from {os.path.dirname(name) for name in _LOADED_AT_IMPORT | _loaded_libraries()}
    for folder in ("/lib64", "/lib"):
        if os.path.isdir(folder):
            for name in os.listdir(folder):
                if name.startswith("ld-linux"):
                    yield f"{folder}/{name}"


def _loaded_libraries() -> frozenset[str]:
    """Shared objects that are mapped into this process, the loader among them."""
    found = set()
    with open("/proc/self/maps") as maps:
        for line in maps:
            fields = line.rstrip("\n").split(maxsplit=5)
            if len(fields) == 6 and ".so" in os.path.basename(fields[5]):
                found.add((fields[5], int(fields[4])))
    return frozenset(path for path, inode in found if _inode(path) == inode)


def _inode(path: str) -> int | None:
    try:
        return os.stat(path).st_ino
    except OSError:
        return None


# Taken before the zygote can have left the mount namespace that it was started in: afterwards the
# kernel gives what was mapped before by names that lead nowhere, or elsewhere.
_LOADED_AT_IMPORT = _loaded_libraries()


def _is_below(path: str, folder: str) -> bool:
    return path != folder and path.startswith(folder.rstrip("/") + "/")


def _follow(path: str, sources: list[str], links: dict[str, str]) -> None:
    """Note every symbolic link on the way along `path` that no source shows already."""
    at = "/"
    parts = [part for part in path.split("/") if part]
    while parts:
        at = os.path.join(at, parts.pop(0))
        if os.path.islink(at):
            target = os.readlink(at)
            if not any(_is_below(at, source) for source in sources):
                links[at] = target
            onward = os.path.normpath(os.path.join(os.path.dirname(at), target, *parts))
            at, parts = "/", [part for part in onward.split("/") if part]
