"""The sandbox where bubblewrap is missing: the same view of the system, made by docker or podman on Linux.

The image is empty but for folders and links: programs and libraries are the system's own, bound read-only, as with
bubblewrap. Nothing is downloaded. Whether it works on a machine is tried there before anything is graded (`sandbox`).
"""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

ENGINES = ("docker", "podman")
IMAGE = "localhost/mlprod-sandbox:1"
FOLDERS = ("dev", "etc", "home", "home/submission", "proc", "run", "sys", "tmp", "usr", "var")


def command(
    engine: str,
    program: str,
    seen: Iterable[Path],
    written: Iterable[Path],
    folders: Iterable[Path],
    variables: Mapping[str, str],
    capabilities: Sequence[str],
) -> list[str]:
    """What to put before a command so that the `engine` ("docker", "podman") whose program is `program` contains it.

    It sees `seen` read-only, `written` too, empty `folders`, and `variables`; as root it keeps `capabilities`.
    """
    arguments = [program, "run", "--rm", "--interactive", "--pull", "never", "--network", "none", "--read-only"]
    arguments += ["--user", f"{os.getuid()}:{os.getgid()}", "--cap-drop", "ALL"]
    # each submission makes namespaces of its own inside, which the engines' default filters forbid
    unmasked = "systempaths=unconfined" if engine == "docker" else "unmask=ALL"
    for option in ("seccomp=unconfined", "apparmor=unconfined", "label=disable", unmasked):
        arguments += ["--security-opt", option]
    if os.getuid() == 0:
        arguments += [word for name in capabilities for word in ("--cap-add", name)]
    elif engine == "podman":
        arguments += ["--userns", "keep-id"]
    for folder in ("/tmp", "/home", *map(str, folders)):
        arguments += ["--tmpfs", f"{folder}:mode=1777" if folder == "/tmp" else f"{folder}:mode=0755"]
    for path in seen:
        arguments += ["--volume", f"{path}:{path}:ro"]
    for path in written:
        arguments += ["--volume", f"{path}:{path}"]
    arguments += [word for pair in variables.items() for word in ("--env", "=".join(pair))]
    return [*arguments, "--workdir", "/", IMAGE]


def prepare(program: str) -> None:
    """Make the empty image, if it is not there. Raises OSError or subprocess.SubprocessError when that fails."""
    there = subprocess.run([program, "image", "inspect", IMAGE], capture_output=True, timeout=60)
    if there.returncode != 0:
        subprocess.run([program, "import", "-", IMAGE], input=_image(), capture_output=True, timeout=60, check=True)


def _image() -> bytes:
    """An archive of folders, and of the links that this system has in place of /bin and the like."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name in FOLDERS:
            folder = tarfile.TarInfo(name)
            folder.type, folder.mode = tarfile.DIRTYPE, 0o1777 if name == "tmp" else 0o755
            archive.addfile(folder)
        links = {path.name: os.readlink(path) for path in Path("/").iterdir() if path.is_symlink()}
        for name, target in {**links, "var/tmp": "/tmp"}.items():
            if target.startswith(("usr", "/usr", "/tmp")):
                link = tarfile.TarInfo(name)
                link.type, link.linkname = tarfile.SYMTYPE, target
                archive.addfile(link)
    return buffer.getvalue()
