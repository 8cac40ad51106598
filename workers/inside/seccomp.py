"""The seccomp filter: which system calls student code may make, and what becomes of others.

The policy is the table below; the program is assembled once, when this module is imported. A call
that the table does not name (clone3, memfd_create, System V IPC, splice, ...) fails with ENOSYS,
as on a kernel that lacks it, so that libraries take the way they have for such kernels. What is
killed ends with SIGSYS: no coursework does it by accident. The filter is on top of namespaces and
dropped capabilities, not instead of them.
"""

from __future__ import annotations

import ctypes
import errno
import struct
from collections.abc import Mapping

from . import layers, syscalls
from .layers import LayerError
from .syscall_numbers import MACHINE, numbers_of

# Files and folders: what may be opened is decided by the root, the mounts and landlock.
_FILES = """
read write open close stat fstat lstat poll lseek pread64 pwrite64 readv writev preadv pwritev
preadv2 pwritev2 access faccessat faccessat2 openat openat2 creat newfstatat statx statfs fstatfs
fcntl flock fsync fdatasync sync_file_range truncate ftruncate fallocate fadvise64 readahead
getdents getdents64 getcwd chdir fchdir rename renameat renameat2 mkdir mkdirat rmdir link linkat
unlink unlinkat symlink symlinkat readlink readlinkat chmod fchmod fchmodat fchmodat2 chown fchown
lchown fchownat umask utime utimes utimensat futimesat mknod mknodat sendfile copy_file_range
dup dup2 dup3 pipe pipe2 close_range getxattr lgetxattr fgetxattr listxattr llistxattr flistxattr
sync syncfs
"""
# Waiting for descriptors, and timers that are descriptors.
_WAITING = """
select pselect6 ppoll epoll_create epoll_create1 epoll_ctl epoll_wait epoll_pwait epoll_pwait2
eventfd eventfd2 signalfd signalfd4 timerfd_create timerfd_settime timerfd_gettime
"""
# Memory; how much is for the limits.
_MEMORY = """
mmap mprotect munmap mremap msync mincore madvise brk mlock mlock2 munlock mlockall munlockall
membarrier pkey_mprotect pkey_alloc pkey_free get_mempolicy map_shadow_stack
"""
# Processes and threads of the sandbox's own: DataLoader workers, the runtime's Python as a
# subprocess. New namespaces are looked for in the arguments of clone.
_PROCESSES = """
fork vfork execve execveat exit exit_group wait4 waitid kill tkill tgkill rt_sigqueueinfo
rt_tgsigqueueinfo getpid getppid gettid getpgid getpgrp getsid setpgid setsid pidfd_open
pidfd_send_signal set_tid_address set_robust_list get_robust_list futex futex_waitv rseq
restart_syscall sched_yield sched_getaffinity sched_setaffinity sched_getparam sched_getscheduler
sched_getattr sched_get_priority_max sched_get_priority_min sched_rr_get_interval getpriority
setpriority ioprio_get getcpu arch_prctl
"""
# Signals, clocks, random numbers, and what a process asks about itself.
_SELF = """
rt_sigaction rt_sigprocmask rt_sigreturn rt_sigpending rt_sigtimedwait rt_sigsuspend sigaltstack
pause alarm getitimer setitimer nanosleep clock_nanosleep clock_gettime clock_getres gettimeofday
time times timer_create timer_settime timer_gettime timer_getoverrun timer_delete getrandom
getuid geteuid getgid getegid getresuid getresgid getgroups capget getrlimit setrlimit prlimit64
getrusage sysinfo uname
"""
# A process may tie its own hands further, as the fork that answers a probe does.
_TIGHTER = """
landlock_create_ruleset landlock_restrict_self
"""
# Sockets, of which `socket` and `socketpair` make local ones only.
_SOCKETS = """
connect accept accept4 bind listen sendto recvfrom sendmsg recvmsg sendmmsg recvmmsg
shutdown getsockname getpeername setsockopt getsockopt
"""


# Further for sandboxes with GPUs: CUDA's driver does not begin without it.
_CUDA = """
memfd_create
"""
# What an ordinary program tries and goes on without; each would change something that is not the
# student's to change: identities, priorities, clocks, the machine's name, extended attributes
# (kernel memory that no tmpfs limit counts), filters of its own.
_GREY = """
setuid setgid setreuid setregid setresuid setresgid setfsuid setfsgid setgroups capset
sched_setparam sched_setscheduler sched_setattr ioprio_set mbind set_mempolicy migrate_pages
move_pages set_mempolicy_home_node
clock_settime settimeofday adjtimex clock_adjtime sethostname setdomainname syslog vhangup
setxattr lsetxattr fsetxattr removexattr lremovexattr fremovexattr name_to_handle_at
fanotify_init fanotify_mark seccomp process_madvise process_mrelease
"""
# Into other processes.
_INTRUSION = """
ptrace process_vm_readv process_vm_writev kcmp pidfd_getfd
"""
# Out of the root and the namespaces.
_ESCAPE = """
mount umount2 pivot_root chroot open_tree open_tree_attr move_mount fsopen fsconfig fsmount
fspick mount_setattr unshare setns open_by_handle_at
"""
# Parts of the kernel that exploits start from, and that no coursework uses.
_KERNEL = """
bpf perf_event_open io_uring_setup io_uring_enter io_uring_register userfaultfd
add_key request_key keyctl modify_ldt
"""
# The machine itself.
_MACHINE = """
kexec_load kexec_file_load create_module init_module finit_module delete_module
reboot swapon swapoff iopl ioperm acct quotactl quotactl_fd
"""

ALLOWED = frozenset(
    (_FILES + _WAITING + _MEMORY + _PROCESSES + _SELF + _TIGHTER + _SOCKETS).split()
)
FOR_CUDA = frozenset(_CUDA.split())
REFUSED = frozenset(_GREY.split())
KILLED = frozenset((_INTRUSION + _ESCAPE + _KERNEL + _MACHINE).split())

# Decided by their arguments, in `_special`.
EXAMINED = frozenset({"clone", "socket", "socketpair", "ioctl", "prctl", "personality"})

_NEW_NAMESPACES = (
    syscalls.CLONE_NEWNS
    | syscalls.CLONE_NEWCGROUP
    | syscalls.CLONE_NEWUTS
    | syscalls.CLONE_NEWIPC
    | syscalls.CLONE_NEWUSER
    | syscalls.CLONE_NEWPID
    | syscalls.CLONE_NEWNET
)
_AF_UNIX = 1
_TERMINAL_INPUT = (0x5412, 0x541C)  # TIOCSTI, TIOCLINUX: typing into somebody else's terminal
# Of prctl what asks, and what concerns the process alone without loosening anything: PDEATHSIG,
# DUMPABLE, NAME, TIMERSLACK, CHILD_SUBREAPER, NO_NEW_PRIVS, THP_DISABLE, VMA (names of memory).
_PRCTL = (1, 2, 3, 4, 7, 15, 16, 21, 23, 27, 29, 30, 36, 37, 38, 39, 40, 41, 42, 52, 0x53564D41)
_ASK_PERSONALITY = 0xFFFFFFFF

# Classic BPF and seccomp, as the kernel's headers number them.
_LOAD, _JUMP, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x05, 0x15, 0x35, 0x45, 0x06
_NUMBER_AT, _ARCH_AT = 0, 4
_ALLOW = 0x7FFF0000
_KILL = 0x80000000
_FAIL = 0x00050000
_ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_X32_BIT = 0x40000000

_Code = list[tuple[int, int, int, int]]  # code, jump if true, jump if false, operand


def assemble(machine: str, *, for_cuda: bool = False) -> bytes:
    """The filter's program for "x86_64" or "aarch64"."""
    numbers = numbers_of(machine)
    named: dict[int, _Code] = {}
    for names, action in (
        (ALLOWED | FOR_CUDA if for_cuda else ALLOWED, _ALLOW),
        (REFUSED, _FAIL | errno.EPERM),
        (KILLED, _KILL),
    ):
        named |= {numbers[name]: _give(action) for name in names if name in numbers}
    named |= {numbers[name]: code for name, code in _special().items()}
    program: _Code = [
        (_LOAD, 0, 0, _ARCH_AT),
        (_EQUAL, 1, 0, _ARCHITECTURES[machine]),
        *_give(_KILL),
        (_LOAD, 0, 0, _NUMBER_AT),
    ]
    if machine == "x86_64":
        program += [(_AT_LEAST, 0, 1, _X32_BIT), *_give(_KILL)]
    program += _search(_runs(named))
    return b"".join(struct.pack("<HBBI", *instruction) for instruction in program)


def load(*, for_cuda: bool = False) -> None:
    """Filter this process and what it starts, for good; needs no_new_privs. Raises LayerError.

    With `for_cuda` what CUDA needs besides is let through.
    """
    program = _program(for_cuda=True) if for_cuda else _PROGRAM
    try:
        syscalls.seccomp_filter(program, len(program) // 8)
    except OSError as error:
        raise LayerError(layers.SECCOMP, str(error)) from error


def _give(action: int) -> _Code:
    return [(_RETURN, 0, 0, action)]


def _argument(index: int) -> tuple[int, int, int, int]:
    """Load the low half of an argument; of the calls here the kernel drops the other half."""
    return (_LOAD, 0, 0, 16 + 8 * index)


def _special() -> Mapping[str, _Code]:
    return {
        "clone": [
            _argument(0),
            (_ANY_BIT, 0, 1, _NEW_NAMESPACES),
            *_give(_KILL),
            *_give(_ALLOW),
        ],
        "socket": _one_of(0, (_AF_UNIX,), _ALLOW, _FAIL | errno.EACCES),
        # Its sockets are made, and modules loaded, before a family that has no pairs says so.
        "socketpair": _one_of(0, (_AF_UNIX,), _ALLOW, _FAIL | errno.EACCES),
        "ioctl": _one_of(1, _TERMINAL_INPUT, _FAIL | errno.EPERM, _ALLOW),
        "prctl": _one_of(0, _PRCTL, _ALLOW, _FAIL | errno.EPERM),
        "personality": _one_of(0, (_ASK_PERSONALITY,), _ALLOW, _FAIL | errno.EPERM),
    }


def _one_of(index: int, values: tuple[int, ...], then: int, otherwise: int) -> _Code:
    """`then` where the argument is one of `values`."""
    last = len(values) - 1
    tests = [(_EQUAL, last - at + 1, 0, value) for at, value in enumerate(values)]
    return [_argument(index), *tests, *_give(otherwise), *_give(then)]


def _runs(named: Mapping[int, _Code]) -> list[tuple[int, _Code]]:
    """(first number, code) of every run of numbers that share their code, in order."""
    unknown = _give(_FAIL | errno.ENOSYS)
    runs: list[tuple[int, _Code]] = []
    for number in range(max(named) + 2):
        code = named.get(number, unknown)
        if not runs or runs[-1][1] != code:
            runs.append((number, code))
    return runs


def _search(runs: list[tuple[int, _Code]]) -> _Code:
    """A binary search for the run of the loaded number: some eight comparisons for any call."""
    if len(runs) == 1:
        return runs[0][1]
    middle = len(runs) // 2
    low, high = _search(runs[:middle]), _search(runs[middle:])
    return [(_AT_LEAST, 0, 1, runs[middle][0]), (_JUMP, 0, 0, len(low)), *low, *high]


def _program(*, for_cuda: bool) -> ctypes.Array[ctypes.c_char]:
    assembled = assemble(MACHINE, for_cuda=for_cuda)
    return ctypes.create_string_buffer(assembled, len(assembled))


_PROGRAM = _program(for_cuda=False)
