"""Opens the course in JupyterLab: on 127.0.0.1, in the reader's language, as a student or as an instructor sees it."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from mlprod import course
from mlprod.errors import CourseError
from mlprod.lab import landing, notebooks, ports, settings
from mlprod.language import LANGUAGES, language, tr

DEFAULT_PORT = 8888
PAGE_SECONDS = 5
ANY_ADDRESS = "MLPROD_LAB_ADDRESS"  # set by docker/Dockerfile alone: a container's loopback is not the reader's


def has_display() -> bool:
    """Whether a browser opened from here would be seen."""
    if os.environ.get("BROWSER", "").lower() in ("no", "none", "0", "false"):
        return False
    if sys.platform != "linux" or "WSL_DISTRO_NAME" in os.environ:
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")) and "SSH_CONNECTION" not in os.environ


def first_page(root: Path, *, teach: bool) -> str:
    """URL path of what opens first: the instructor's guide, or the page with the units in the reader's language.

    Without a query: Jupyter appends the token with a question mark of its own. (Pages are shown, not edited, because
    settings.py says so.)
    """
    if teach and (root / "grading/README.md").is_file():
        return "/lab/tree/grading/README.md"
    page = landing.page(language())
    if not (root / page).is_file():  # a bundle in the other language
        page = next((landing.page(lang) for lang in LANGUAGES if (root / landing.page(lang)).is_file()), None)
    return f"/lab/tree/{quote(page.as_posix())}" if page else "/lab"


def choose_port(wanted: int | None, address: str) -> int:
    """The port to listen on: `wanted` or an error saying who has it; else 8888 or the next free one, and says so."""
    if wanted is not None:
        lowest = 1 if os.geteuid() == 0 else 1024
        if not lowest <= wanted <= 65535:
            raise CourseError(
                tr(
                    es=f"El puerto {wanted} no se puede usar: elige uno de {lowest} a 65535.",
                    en=f"Port {wanted} cannot be used: choose one from {lowest} to 65535.",
                )
            )
        if not ports.is_free(wanted, address):
            who = ports.owner(wanted)
            raise CourseError(
                tr(
                    es=f"El puerto {wanted} está ocupado por {who}. Ciérralo, elige otro (PORT={wanted + 1}) "
                    "o no digas ninguno y tomaré uno libre.",
                    en=f"Port {wanted} is taken by {who}. Close it, choose another (PORT={wanted + 1}) "
                    "or name none and a free one will be taken.",
                )
            )
        return wanted
    free = next((port for port in range(DEFAULT_PORT, DEFAULT_PORT + 100) if ports.is_free(port, address)), None)
    if free is None:
        raise CourseError(tr(es="No hay puertos libres de 8888 a 8987.", en="No port is free from 8888 to 8987."))
    if free != DEFAULT_PORT:
        who = ports.owner(DEFAULT_PORT)
        print(
            tr(
                es=f"El puerto {DEFAULT_PORT} está ocupado por {who}: uso el {free}.",
                en=f"Port {DEFAULT_PORT} is taken by {who}: using {free}.",
            )
        )
    return free


def flags(root: Path, *, port: int, address: str, browser: bool, teach: bool) -> list[str]:
    """JupyterLab's command line. Flags win over whatever the reader's own Jupyter configuration says."""
    folder = root / "build/lab"
    options = {
        "ServerApp.ip": address,
        "ServerApp.port": port,
        "ServerApp.port_retries": 0,
        "ServerApp.root_dir": root,
        "ServerApp.open_browser": browser,
        "ServerApp.allow_root": os.geteuid() == 0,  # containers
        "LabApp.default_url": first_page(root, teach=teach),
        "LabApp.app_settings_dir": settings.write(folder, language(), teach=teach),
        "LabApp.workspaces_dir": folder / "workspaces",
        "LabApp.extension_manager": "readonly",  # the other one asks PyPI
        "LabApp.check_for_updates_class": "jupyterlab.NeverCheckForUpdate",
    }
    line = [f"--{name}={value}" for name, value in options.items()]
    if not teach:
        line += [f"--ServerApp.jpserver_extensions={name}=False" for name in settings.HIDDEN_SERVERS]
        line += [f"--ContentsManager.hide_globs={pattern}" for pattern in settings.HIDDEN]
    return line


def environment(root: Path) -> None:
    """What the server and its kernels inherit."""
    os.environ["LANG_COURSE"] = language()
    os.environ["MLPROD_ROOT"] = str(root)
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.prefix, "bin")), os.environ.get("PATH", os.defpath)])
    # not hidden, so that a browser installed as a snap may read the page that carries the token
    os.environ["JUPYTER_RUNTIME_DIR"] = str(root / "build/lab/runtime")


@contextlib.contextmanager
def _errors_to(log: Path) -> Iterator[None]:
    """Jupyter's log and its kernels' noise go to a file; the terminal keeps what concerns the reader."""
    log.parent.mkdir(parents=True, exist_ok=True)
    sys.stderr.flush()
    terminal = os.dup(2)
    with log.open("w") as file:
        os.dup2(file.fileno(), 2)
    try:
        yield
    finally:
        sys.stderr.flush()
        os.dup2(terminal, 2)
        os.close(terminal)


def serve(*, port: int | None = None, browser: bool | None = None, teach: bool = False) -> None:
    """Open JupyterLab and return when it is closed (Ctrl-C). Raises CourseError when it cannot start."""
    root = course.root()
    try:
        notebooks.make_missing(root)
    except CourseError as error:  # an author at work: the other notebooks still open
        print(error)
    landing.write(root)
    address = os.environ.get(ANY_ADDRESS, "127.0.0.1")
    browser = has_display() if browser is None else browser
    options = flags(root, port=choose_port(port, address), address=address, browser=browser, teach=teach)
    environment(root)
    # jsonschema's checker of the format "iri" builds a grammar at import, 1.5 s; nothing here has that format
    sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
    if teach:
        os.chdir(root / "grading")  # nbgrader reads nbgrader_config.py from the current folder
    log = root / "build/logs/lab.log"
    with _errors_to(log):
        try:
            from jupyterlab.labapp import LabApp

            server = LabApp.initialize_server(argv=options)
            # as for SIGTERM: kernels closed, files removed, and no question asked in English
            signal.signal(signal.SIGINT, signal.getsignal(signal.SIGTERM))
            server.io_loop.add_callback(_welcome, server.display_url, log, browser)  # once it listens
            server.io_loop.add_callback(_keep_page, root)
            server.start()
            print(tr(es="Curso cerrado.", en="Course closed."))
        except (SystemExit, Exception) as error:
            if isinstance(error, SystemExit) and not error.code:
                return
            tail = "".join(f"  | {line}\n" for line in log.read_text(errors="replace").splitlines()[-12:])
            message = tr(es="JupyterLab no ha arrancado. Su registro:", en="JupyterLab did not start. Its log:")
            raise CourseError(f"{tail}{message} {log}") from error


def _keep_page(root: Path) -> None:
    """Write the first page again, while the course is open, when what it says has changed."""
    from tornado.ioloop import PeriodicCallback

    PeriodicCallback(lambda: landing.write(root), PAGE_SECONDS * 1000).start()


def _welcome(urls: str, log: Path, browser: bool) -> None:
    url = next((word for word in urls.split() if "127.0.0.1" in word), urls.strip())
    how = (
        tr(
            es="El curso se abre en tu navegador. Si no, copia esta dirección:",
            en="The course opens in your browser. If not, copy this address:",
        )
        if browser
        else tr(es="Abre esta dirección en tu navegador:", en="Open this address in your browser:")
    )
    stop = tr(es=f"Para cerrar: Ctrl-C aquí. Registro: {log}", en=f"To close: Ctrl-C here. Log: {log}")
    print(f"\n{how}\n\n    {url}\n\n{stop}\n", flush=True)
