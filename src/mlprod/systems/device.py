"""Where a model can run in unit 05: behind HTTP as a cloud, in the browser as an edge device, on a slower processor.

with device.open_page(lang=LANG, cloud=cloud.address) as page:
    page.show()                          # the reader types; the browser predicts
    measured = page.measure(count=200)   # asks that page, else a browser without a window, else None
"""

from __future__ import annotations

import base64
import html
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mlprod.display import Shown
from mlprod.errors import CourseError
from mlprod.lab import web_runtime
from mlprod.language import LANGUAGES, language, tr
from mlprod.systems import device_headless, device_model, device_server, processes, services
from mlprod.systems.device_services import LimitedModel, allow_pages, ask_cloud, cloud_service, limited_service

__all__ = [
    "Keystroke",
    "LimitedModel",
    "Measurement",
    "Page",
    "allow_pages",
    "ask_cloud",
    "cloud_service",
    "limited_service",
    "open_page",
    "runtime_ready",
]

OPEN_PAGE, HEADLESS = "open page", "headless"
FIRST_WAIT_SECONDS = 4
"""How long `measure` waits for a page that was just shown to say that it is there."""


@dataclass(frozen=True)
class Keystroke:
    """Seconds from a letter typed in the page to suggestions on the screen; None: no answer, or nobody to ask."""

    device: float | None
    cloud: float | None


@dataclass(frozen=True)
class Measurement:
    """What a browser measured, in seconds."""

    device: list[float]
    """Each suggestion on the device: tokenise, infer, rank."""
    mean: float
    """The same, timed as a whole: a browser's clock may have steps of 0.1 ms."""
    cloud: list[float | None]
    """Each suggestion asked for over HTTP; None where no answer came within 2 s. Empty when not asked for."""
    texts: list[str]
    logits: np.ndarray = field(repr=False)
    """float32, a row for each text."""
    suggestions: list[list[str]] = field(repr=False)
    load_seconds: float = 0.0
    """From asking for runtime and model to the first prediction."""
    bytes: int = 0
    """What the page had to fetch to be able to predict."""
    where: str = OPEN_PAGE
    """"open page" or "headless"."""
    browser: str = ""


def runtime_ready() -> bool:
    """Whether the set-up has fetched what runs a model in a browser."""
    return web_runtime.is_complete(web_runtime.folder(), web_runtime.pins())


def open_page(lang: str | None = None, cloud: str | None = None) -> Page:
    """Start the page's server, a process that ends with the kernel; `cloud` is the address of a /suggest service."""
    lang = lang or language()
    if lang not in LANGUAGES:
        raise CourseError(tr(es=f"lang: {lang!r} no es es ni en", en=f"lang: {lang!r} is neither es nor en"))
    return Page(lang, processes.start(device_server.page_service, cloud=cloud, name="device_page"))


class Page:
    """The page that predicts in the browser, and its server. Made by `open_page`."""

    def __init__(self, lang: str, process: processes.Process) -> None:
        self.lang, self._process = lang, process
        self._client = services.http_client(process.address, timeout=30)
        self._shown = False

    def __enter__(self) -> Page:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop the server. A page that is open goes on predicting: it has all it needs."""
        self._client.close()
        self._process.stop()

    @property
    def url(self) -> str:
        return f"{self._process.address}/?lang={self.lang}"

    def show(self, height: int = 480) -> None:
        """Show the page here, `height` pixels high, with a link to open it in a tab of its own."""
        self._shown = True
        title = tr(es="Predicción de palabras en el navegador", en="Word prediction in the browser")
        # one's own tab also serves whoever reads JupyterLab from another machine: through a tunnel of this port
        link = tr(es="Abrir en otra pestaña", en="Open in a tab of its own")
        address = html.escape(self.url, quote=True)
        Shown(
            f'<iframe src="{address}" title="{title}" width="100%" height="{height}" '
            'style="border:0;border-radius:8px;max-width:60rem"></iframe>'
            f'<p style="margin:.2em 0"><a href="{address}" target="_blank" rel="noopener">{link}</a></p>',
            f"{title}: {self.url}",
        ).show()

    def set_cloud(self, address: str | None) -> None:
        """Make every open page ask the cloud at `address` from now on (None: no cloud)."""
        self._client.post("/kernel/cloud", json={"address": address}).raise_for_status()

    def typed(self) -> list[Keystroke]:
        """Latencies of what has been typed in the page; the text itself never leaves it except for the cloud."""
        as_seconds = [
            [None if ms is None else ms / 1000 for ms in pair] for pair in self._client.get("/kernel/typed").json()
        ]
        return [Keystroke(*pair) for pair in as_seconds]

    def measure(
        self, count: int = 100, *, cloud: bool = False, texts: list[str] | None = None, timeout: float = 60
    ) -> Measurement | None:
        """Have a browser suggest `count` times over `texts` (default: eight held-out places), on the device and,
        with `cloud`, `count` times more through the cloud's address.

        The browser is the page open in the reader's, else one without a window if this machine has Chromium. Without
        either, or without the runtime's files, prints a note and returns None: a lesson goes on.
        """
        texts = texts or [example.text for example in device_model.examples(self.lang, count=8, seed=3)]
        if not runtime_ready():
            print(
                tr(
                    es="Sin medida en el navegador: faltan sus ficheros. Con red, `make lab` los trae.",
                    en="No measurement in the browser: its files are missing. With a network, `make lab` fetches them.",
                )
            )
            return None
        job = {"kind": "measure", "texts": texts, "count": count, "lang": self.lang, "cloud": cloud}
        if self._shown:
            self._wait_for_page(FIRST_WAIT_SECONDS)
        answer, where = self._ask(job, timeout), OPEN_PAGE
        if "absent" in answer and (browser := device_headless.find()):
            where = HEADLESS
            with device_headless.visiting(browser, self.url):
                if self._wait_for_page(20):
                    answer = self._ask(job, timeout)
        if "absent" in answer:
            print(
                tr(
                    es="Sin medida en el navegador: no hay ninguna página abierta que conteste, ni Chromium en esta "
                    "máquina. Ejecuta la celda que muestra la página, déjala a la vista y repite esta.",
                    en="No measurement in the browser: no open page answers and this machine has no Chromium. Run the "
                    "cell that shows the page, leave it in view and repeat this one.",
                )
            )
            return None
        if "error" in answer:
            raise CourseError(
                tr(
                    es=f"El navegador no ha podido medir: {answer['error']}",
                    en=f"The browser could not measure: {answer['error']}",
                )
            )
        return _measurement(answer["value"], texts, where)

    def _ask(self, job: dict[str, Any], timeout: float) -> dict[str, Any]:
        return self._client.post("/kernel/ask", params={"timeout": timeout}, json=job, timeout=timeout + 5).json()

    def _wait_for_page(self, seconds: float) -> bool:
        import time

        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self._client.get("/kernel/pages").json():
                return True
            time.sleep(0.1)
        return False


def _measurement(value: dict[str, Any], texts: list[str], where: str) -> Measurement:
    logits = np.array([np.frombuffer(base64.b64decode(row), dtype="<f4") for row in value["logits"]])
    kept = ("device", "mean", "cloud", "suggestions", "load_seconds", "bytes", "browser")
    return Measurement(**{name: value[name] for name in kept}, texts=texts, logits=logits, where=where)
