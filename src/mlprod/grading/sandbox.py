"""The sandbox of submissions, seen from outside: the bubblewrap command, who runs in it, and whether it works here.

The kernel parent runs in one sandbox without network, where nothing of the course but its code and data can be seen;
each kernel that it forks then leaves it for a sandbox of its own (`isolation`).
"""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

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
_CAPABILITIES = ("SYS_ADMIN", "SETUID", "SETGID", "NET_ADMIN", "CHOWN", "KILL", "SYS_RESOURCE")
_uids = itertools.count(os.getpid())


def problem() -> str | None:
    """Why there is no sandbox on this machine, in the reader's language; None when it works (tried once)."""
    return _try(shutil.which("bwrap"))


@lru_cache(maxsize=2)
def _try(bwrap: str | None) -> str | None:
    if sys.platform != "linux" or bwrap is None:
        return tr(
            es="falta bubblewrap (Debian, Ubuntu: sudo apt install bubblewrap)",
            en="bubblewrap is missing (Debian, Ubuntu: sudo apt install bubblewrap)",
        )
    probe = "from mlprod.grading import isolation; isolation.try_out()"
    try:
        done = subprocess.run(
            [*command(None, None), sys.executable, "-c", probe], capture_output=True, text=True, timeout=60
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"bubblewrap: {error}"
    if done.returncode == 0:
        return None
    said = (done.stderr.strip() or f"exit {done.returncode}").splitlines()[-1]
    return tr(es=f"bubblewrap no funciona aquí: {said}", en=f"bubblewrap does not work here: {said}")


def command(runtime: Path | None, course: Path | None) -> list[str]:
    """What to put before a command so that it runs in the sandbox.

    It sees the system's programs, this Python and mlprod read-only, of `course` its datasets, and `runtime`, where
    kernels and their clients meet. It has no network but a loopback of its own.
    """
    root = os.getuid() == 0
    arguments = ["bwrap", "--die-with-parent", "--new-session", "--clearenv"]
    arguments += ["--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"]
    if root:  # keeps what it takes to fork off sandboxes with users of their own
        arguments += [word for name in _CAPABILITIES for word in ("--cap-add", f"CAP_{name}")]
    else:
        arguments += ["--unshare-user"]
    arguments += ["--proc", "/proc", "--dev", "/dev", "--perms", "1777", "--tmpfs", "/tmp"]
    for folder in ("/home", "/home/submission", "/run", "/etc"):
        arguments += _folder(folder)
    arguments += ["--symlink", "/tmp", "/var/tmp", "--ro-bind", "/usr", "/usr"]
    for folder in map(Path, _SYSTEM):
        if folder.is_symlink():
            arguments += ["--symlink", os.readlink(folder), str(folder)]
        elif folder.is_dir():
            arguments += ["--ro-bind", str(folder), str(folder)]
    seen = [path for pattern in _ETC for path in Path("/etc").glob(pattern)]
    seen += [Path(sys.base_prefix), Path(sys.prefix), Path(__file__).resolve().parents[2]]
    if course is not None:
        seen.append(course / "datasets")
    seen = list(dict.fromkeys(path for path in seen if not path.is_relative_to("/usr")))
    arguments += _folders([*seen, *([course / "lessons"] if course else []), *([runtime] if runtime else [])])
    if course is not None:  # an empty folder, by which `course.root()` knows the place
        arguments += _folder(course / "lessons")
    for path in seen:
        arguments += ["--ro-bind", str(path), str(path)]
    if runtime is not None:
        arguments += ["--bind", str(runtime), str(runtime)]
    bin_folder = os.path.dirname(sys.executable)
    variables = {name: os.environ[name] for name in KEPT if name in os.environ}
    variables |= {"PATH": f"{bin_folder}:/usr/local/bin:/usr/bin:/bin", "HOME": "/home/submission"}
    variables |= {"PYTHONDONTWRITEBYTECODE": "1"}
    if course is not None:
        variables["MLPROD_ROOT"] = str(course)
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
