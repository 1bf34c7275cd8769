"""The sandbox of submissions, seen from outside: the command that makes it, who runs in it, and whether it works here.

The kernel parent runs in one sandbox without network, where nothing of the course but its code and data can be seen;
each kernel that it forks then leaves it for a sandbox of its own (`isolation`).
"""

from __future__ import annotations

import itertools
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from mlprod.grading import containers
from mlprod.language import tr

KEPT = ("LANG", "LC_ALL", "LC_CTYPE", "TZ", "LANG_COURSE", "PYTHONHASHSEED", "PYTHONWARNINGS", "OMP_NUM_THREADS")
"""Variables of the grader's environment that a submission sees; the rest (addresses, passwords) it does not."""
FILES_LIMIT = 64 * 2**20  # bytes of the files that were handed in beside the notebook
MEMORY_LIMIT = 4 * 2**30  # bytes of a submission: all its processes, and its files in memory
FIRST_UID, LAST_UID = 61184, 65519  # what systemd.exec(5) sets apart for users that exist only while a service runs
_SYSTEM = ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
# what programs look up there: libraries, names, time, the Java that Debian puts under /usr, fonts of Matplotlib
_ETC = (
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "passwd",
    "group",
    "hosts",
    "nsswitch.conf",
    "localtime",
    "timezone",
)
_ETC += ("alternatives", "fonts", "java*", "mime.types", "os-release")
_CAPABILITIES = ("SYS_ADMIN", "SETUID", "SETGID", "NET_ADMIN", "CHOWN", "KILL", "SYS_RESOURCE", "SYS_NICE")
_uids = itertools.count(os.getpid())


def problem() -> str | None:
    """Why there is no sandbox on this machine, in the reader's language; None when one works (each is tried once)."""
    missing = tr(
        es="falta bubblewrap (Debian, Ubuntu: sudo apt install bubblewrap)",
        en="bubblewrap is missing (Debian, Ubuntu: sudo apt install bubblewrap)",
    )
    if sys.platform != "linux":
        return missing
    found = _found()
    reasons = [_try(*engine) for engine in found]
    if None in reasons:
        return None
    return "; ".join([*([] if any(name == "bwrap" for name, _ in found) else [missing]), *map(str, reasons)])


def _found() -> list[tuple[str, str]]:
    """The programs that may make a sandbox, the best first, by name and path."""
    programs = ((name, shutil.which(name)) for name in ("bwrap", *containers.ENGINES))
    return [(name, program) for name, program in programs if program is not None]


@lru_cache(maxsize=8)
def _try(name: str, program: str) -> str | None:
    probe = "from mlprod.grading import isolation; isolation.try_out()"
    try:
        if name != "bwrap":
            containers.prepare(program)
        walls = _command(name, program, None, None)
        done = subprocess.run([*walls, sys.executable, "-c", probe], capture_output=True, text=True, timeout=60)
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode(errors="replace")
    except (OSError, subprocess.TimeoutExpired) as error:
        said = str(error)
    else:
        if done.returncode == 0:
            return None
        said = done.stderr.strip() or f"exit {done.returncode}"
    name = "bubblewrap" if name == "bwrap" else name
    said = said.strip().splitlines()[-1]
    return tr(es=f"{name} no funciona aquí: {said}", en=f"{name} does not work here: {said}")


def command(runtime: Path | None, course: Path | None) -> list[str]:
    """What to put before a command so that it runs in the sandbox.

    It sees the system's programs, this Python and mlprod read-only, of `course` its datasets, and `runtime`, where
    kernels and their clients meet. It has no network but a loopback of its own. bubblewrap makes it where that works,
    else docker or podman; ask `problem` first.
    """
    engine = next((engine for engine in _found() if _try(*engine) is None), ("bwrap", "bwrap"))
    return _command(*engine, runtime, course)


def _command(name: str, program: str, runtime: Path | None, course: Path | None) -> list[str]:
    seen = [path for pattern in _ETC for path in Path("/etc").glob(pattern)]
    seen += [Path(sys.base_prefix), Path(sys.prefix), Path(__file__).resolve().parents[2]]
    if course is not None:
        seen.append(course / "datasets")
    seen = list(dict.fromkeys(path for path in seen if not path.is_relative_to("/usr")))
    variables = {name: os.environ[name] for name in KEPT if name in os.environ}
    variables |= {"PATH": f"{os.path.dirname(sys.executable)}:/usr/local/bin:/usr/bin:/bin"}
    variables |= {"HOME": "/home/submission", "PYTHONDONTWRITEBYTECODE": "1"}
    if course is not None:
        variables["MLPROD_ROOT"] = str(course)
    # an empty folder, by which `course.root()` knows the place
    empty = [course / "lessons"] if course else []
    written = [runtime] if runtime else []
    if name == "bwrap":
        return _bubblewrap(program, seen, written, empty, variables)
    system = [Path("/usr"), *(Path(folder) for folder in _SYSTEM if not Path(folder).is_symlink())]
    seen = [path for path in (*system, *seen) if path.exists()]
    return containers.command(
        name, program, seen, written, [*empty, Path("/home/submission")], variables, _CAPABILITIES
    )


def _bubblewrap(
    program: str, seen: list[Path], written: list[Path], empty: list[Path], variables: dict[str, str]
) -> list[str]:
    arguments = [program, "--die-with-parent", "--new-session", "--clearenv"]
    arguments += ["--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"]
    if os.getuid() == 0:  # keeps what it takes to fork off sandboxes with users of their own
        arguments += [word for name in _CAPABILITIES for word in ("--cap-add", f"CAP_{name}")]
    else:
        arguments += ["--unshare-user"]
        if not os.stat(program).st_mode & stat.S_ISUID:  # which refuses; then each kernel makes its own namespaces
            arguments += ["--cap-add", "CAP_SYS_ADMIN", "--cap-add", "CAP_NET_ADMIN"]
    arguments += ["--proc", "/proc", "--dev", "/dev", "--perms", "1777", "--tmpfs", "/tmp"]
    for folder in ("/home", "/home/submission", "/run", "/etc"):
        arguments += _folder(folder)
    arguments += ["--symlink", "/tmp", "/var/tmp", "--ro-bind", "/usr", "/usr"]
    for folder in map(Path, _SYSTEM):
        if folder.is_symlink():
            arguments += ["--symlink", os.readlink(folder), str(folder)]
        elif folder.is_dir():
            arguments += ["--ro-bind", str(folder), str(folder)]
    arguments += _folders([*seen, *empty, *written])
    for folder in map(str, empty):  # mounts: those below /tmp are put back when a fork gets a /tmp of its own
        arguments += ["--perms", "0755", "--tmpfs", folder, "--remount-ro", folder]
    arguments += [word for path in seen for word in ("--ro-bind", str(path), str(path))]
    arguments += [word for path in written for word in ("--bind", str(path), str(path))]
    return arguments + [word for pair in variables.items() for word in ("--setenv", *pair)]


def _folder(path: Path | str) -> list[str]:
    """A folder that everybody may pass through: those that bubblewrap makes by itself are root's alone."""
    return ["--perms", "0755", "--dir", str(path)]


def _folders(paths: Iterable[Path]) -> list[str]:
    """The folders above `paths`."""
    above = {folder for path in paths for folder in list(path.parents)[:-1] if not folder.is_relative_to("/usr")}
    return [word for folder in sorted(above - {Path("/tmp"), Path("/etc")}) for word in _folder(folder)]


def prepare(folder: Path, connection_file: Path, handed_in: Path) -> dict[str, int]:
    """Make a kernel's meeting place ready for the user it will run as; returns what its request says of it.

    Copies what was handed in beside the notebook, regular files alone, into `folder`/files. Raises ValueError when
    they are too large.
    """
    uid = FIRST_UID + next(_uids) % (LAST_UID - FIRST_UID + 1) if os.getuid() == 0 else os.getuid()
    files = folder / "files"
    files.mkdir(mode=0o755)
    total = 0
    for source, folders, names in os.walk(handed_in):
        folders[:] = [name for name in folders if Path(source, name) != folder.parent]  # where this very copy lies
        for name in names:
            path = Path(source, name)
            if path.is_symlink() or not path.is_file() or path.suffix == ".ipynb" or name == "timestamp.txt":
                continue
            total += path.stat().st_size
            if total > FILES_LIMIT:
                raise ValueError(f"{handed_in}: more than {FILES_LIMIT >> 20} MiB of files beside the notebook")
            target = files / path.relative_to(handed_in)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
    folder.chmod(0o755)
    if os.getuid() == 0:
        for path in (folder, connection_file):
            os.chown(path, uid, uid)
    return {"uid": uid, "gid": uid if os.getuid() == 0 else os.getgid(), "memory": MEMORY_LIMIT}
