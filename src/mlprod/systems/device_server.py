"""The small server behind the page of unit 05: its files, and a post office between a notebook's cell and the page.

A cell posts a job to /kernel/ask and gets the page's answer. The page fetches jobs at /job (an answer may take seconds
to come: long polling), and posts results to /result.
"""

# no `from __future__ import annotations`: FastAPI reads the annotations of the functions inside functions
import asyncio
import itertools
import json
import threading
import time
from collections.abc import Callable
from pathlib import Path

from mlprod.lab import web_runtime
from mlprod.systems import device_model, services

HERE = Path(__file__).parent
PAGE = ("device_page.html", "device_page.css", "device_page.js", "device_model.js")
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",  # some systems' tables do not know it, and a browser refuses to guess
    ".wasm": "application/wasm",
    ".json": "application/json",
    ".onnx": "application/octet-stream",
}
POLL_SECONDS = 10
NEVER_ELSEWHERE = "; ".join(  # the browser itself refuses any other machine, whatever the page's code says
    [
        "default-src 'self'",
        "script-src 'self' 'wasm-unsafe-eval'",
        "connect-src 'self' http://127.0.0.1:*",
        "img-src 'self' data:",
    ]
)
HEADERS = {
    "Content-Security-Policy": NEVER_ELSEWHERE,
    "Cross-Origin-Opener-Policy": "same-origin",  # the page alone in its process: a finer clock for it
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "cross-origin",  # a notebook of another port may frame it
    "Cache-Control": "no-store",
}


class PostOffice:
    """The pages that are open, the jobs that wait for them and the cells that wait for results."""

    def __init__(self, cloud: str | None) -> None:
        self.cloud = cloud
        self._jobs: dict[str, asyncio.Queue] = {}
        self._waiting: dict[str, tuple[float, bool]] = {}  # page -> since when it waits for a job, and whether visible
        self._results: dict[int, asyncio.Future] = {}
        self._numbers = itertools.count(1)

    async def next_job(self, page: str, visible: bool) -> dict:
        """The next job of `page`; {"kind": "none"} after POLL_SECONDS."""
        queue = self._jobs.setdefault(page, asyncio.Queue())
        self._waiting[page] = (time.monotonic(), visible)
        try:
            return await asyncio.wait_for(queue.get(), POLL_SECONDS)
        except TimeoutError:
            return {"kind": "none"}
        finally:
            if page in self._waiting:
                self._waiting[page] = (time.monotonic(), visible)

    def open_pages(self) -> list[str]:
        """Those that have asked for a job a moment ago, the one that the reader sees last."""
        recent = time.monotonic() - POLL_SECONDS - 2
        self._waiting = {page: seen for page, seen in self._waiting.items() if seen[0] > recent}
        self._jobs = {page: queue for page, queue in self._jobs.items() if page in self._waiting}
        return sorted(self._waiting, key=lambda page: (self._waiting[page][1], self._waiting[page][0]))

    def tell_all(self, job: dict) -> None:
        """A job whose result nobody waits for, to every open page."""
        for page in self.open_pages():
            self._jobs[page].put_nowait({**job, "id": 0})

    async def ask(self, job: dict, timeout: float) -> dict:
        """The result of `job` in an open page: {"value"} or {"error"}; {"absent": True} when none answers in time."""
        pages = self.open_pages()
        if not pages:
            return {"absent": True}
        number = next(self._numbers)
        self._results[number] = asyncio.get_running_loop().create_future()
        try:
            self._jobs[pages[-1]].put_nowait({**job, "id": number})
            return await asyncio.wait_for(self._results[number], timeout)
        except TimeoutError:
            self._waiting.pop(pages[-1], None)  # closed without a word, or asleep in a hidden tab
            return {"absent": True}
        finally:
            del self._results[number]

    def result(self, number: int, result: dict) -> None:
        if (waiting := self._results.get(number)) and not waiting.done():
            waiting.set_result(result)


def page_service(ready: Callable[[str], None], stopping: threading.Event, cloud: str | None = None) -> None:
    """For `processes.start`: serves the page on 127.0.0.1 until it is stopped."""
    from fastapi import FastAPI, HTTPException, Request
    from fastapi.responses import FileResponse, JSONResponse
    from starlette.middleware.trustedhost import TrustedHostMiddleware

    app, office, typed = FastAPI(openapi_url=None), PostOffice(cloud), []
    runtime, models = web_runtime.folder(), device_model.folder()
    folders = {"runtime": (runtime, web_runtime.pins()["files"]), "model": (models, models_files())}

    def send(file: Path) -> FileResponse:
        if not file.is_file():
            raise HTTPException(404, f"{file.name} is not here")
        return FileResponse(file, media_type=TYPES[file.suffix], headers=HEADERS)

    @app.middleware("http")
    async def only_us(request: Request, call_next: Callable):
        origin = request.headers.get("origin")
        if origin and origin != f"http://{request.headers.get('host')}":  # another site, open in the same browser
            return JSONResponse({"error": "another origin"}, 403)
        return await call_next(request)

    app.add_middleware(TrustedHostMiddleware, allowed_hosts=[services.HOST])  # nor a name that leads here

    @app.get("/")
    def page() -> FileResponse:
        return send(HERE / PAGE[0])

    @app.get("/config")
    def config() -> dict:
        return {"cloud": office.cloud}

    @app.get("/{name}")
    def page_file(name: str) -> FileResponse:
        if name not in PAGE:
            raise HTTPException(404)
        return send(HERE / name)

    @app.get("/runtime/{name}")
    @app.get("/model/{name}")
    def data_file(request: Request, name: str) -> FileResponse:
        folder, names = folders[request.url.path.split("/")[1]]
        if name not in names:
            raise HTTPException(404)
        return send(folder / name)

    @app.post("/job")
    async def job(client: str, visible: bool = True) -> dict:
        return await office.next_job(client[:64], visible)

    @app.post("/result")
    async def result(request: Request, id: int) -> dict:
        office.result(id, json.loads(await request.body()))
        return {}

    @app.post("/typed")
    async def type_(request: Request) -> dict:
        times = json.loads(await request.body())
        typed.append([times.get("device"), times.get("cloud")])
        del typed[:-10_000]
        return {}

    @app.get("/kernel/typed")
    def what_was_typed() -> list:
        return typed

    @app.get("/kernel/pages")
    def pages() -> int:
        return len(office.open_pages())

    @app.post("/kernel/cloud")
    async def set_cloud(request: Request) -> dict:
        office.cloud = json.loads(await request.body())["address"]
        office.tell_all({"kind": "cloud", "address": office.cloud})
        return {}

    @app.post("/kernel/ask")
    async def ask(request: Request, timeout: float) -> dict:
        return await office.ask(json.loads(await request.body()), timeout)

    services.serve_http(app, ready, stopping)


def models_files() -> tuple[str, ...]:
    """The names of the files of `datasets/next_word` that a page may fetch."""
    return ("vocabulary.json", *(f"{name}.onnx" for name in device_model.MODELS))
