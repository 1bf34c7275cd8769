"""The next-word model behind HTTP: as "the cloud" (FastAPI, ONNX Runtime), and in a process with a slower processor."""

# no `from __future__ import annotations`: FastAPI reads the annotations of the functions inside functions
import json
import os
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from mlprod.systems import device_model, services
from mlprod.systems.device_model import NextWord, Suggestion

if TYPE_CHECKING:
    import fastapi
    import httpx


class LimitedModel(NextWord):
    """A NextWord on an emulated slower processor: each inference takes `slowdown` times its own processor time.

    It computes on one thread, then waits for what is missing. So everything is slower by one factor, which no real
    device is: memory, caches and vector instructions do not shrink alike. Measure a device before you believe it.
    """

    def __init__(self, name: str = "main", slowdown: float = 8) -> None:
        if slowdown < 1:
            raise ValueError(f"slowdown: {slowdown} would be a faster processor than this one")
        super().__init__(name, threads=1)
        self.slowdown = slowdown

    def logits(self, ids: np.ndarray) -> np.ndarray:
        began, worked = time.perf_counter(), time.thread_time()
        scores = super().logits(ids)
        end = began + self.slowdown * (time.thread_time() - worked)
        if (left := end - time.perf_counter() - 2e-4) > 0:
            time.sleep(left)  # the system wakes a sleeper late by some 0.1 ms
        while time.perf_counter() < end:
            pass
        return scores


def application(model: NextWord) -> "fastapi.FastAPI":
    """POST /suggest {"lang", "text", "k"} and POST /logits {"ids"}, answered by `model`; GET /health.

    Bodies are JSON of any content type; every answer carries `seconds`, the inference alone.
    """
    from fastapi import FastAPI, HTTPException, Request

    app = FastAPI(openapi_url=None)
    one_at_a_time = threading.Lock()  # one processor

    def timed(function: Callable, *args: Any) -> tuple[Any, float]:
        with one_at_a_time:
            began = time.perf_counter()
            return function(*args), time.perf_counter() - began

    async def body(request: Request) -> dict:
        try:
            return json.loads(await request.body())
        except ValueError:
            raise HTTPException(400, "the body is no JSON") from None

    # Both are `async` on purpose: a model this small is done sooner than a thread would take it over.
    @app.post("/suggest")
    async def suggest(request: Request) -> dict:
        asked = await body(request)
        try:
            text, lang, k = str(asked["text"]), str(asked["lang"]), int(asked.get("k", 3))
            found, seconds = timed(model.suggest, text, lang, k)
        except (KeyError, TypeError, ValueError) as error:
            raise HTTPException(422, f"text, lang (es or en) and k are wanted: {error}") from None
        return {"suggestions": [vars(suggestion) for suggestion in found], "seconds": seconds}

    @app.post("/logits")
    async def logits(request: Request) -> dict:
        try:
            ids = np.array([(await body(request))["ids"]], dtype=np.int64)
            scores, seconds = timed(model.logits, ids)
        except (KeyError, TypeError, ValueError) as error:
            raise HTTPException(422, f"ids, a list of integers, is wanted: {error}") from None
        return {"logits": scores.tolist(), "seconds": seconds}

    @app.get("/health")
    def health() -> dict:
        return {"model": model.name, "bytes": model.size}

    allow_pages(app)
    return app


def allow_pages(app: "fastapi.FastAPI") -> None:
    """Let pages of this machine, whatever their port, ask `app` (CORS)."""
    from fastapi.middleware.cors import CORSMiddleware

    app.add_middleware(CORSMiddleware, allow_origin_regex=r"http://(127\.0\.0\.1|localhost):\d+", max_age=600)


def cloud_service(ready: Callable[[str], None], stopping: threading.Event, model: str = "main") -> None:
    """For `processes.start`: the model `model` as a cloud would serve it; its address is "http://127.0.0.1:PORT"."""
    services.serve_http(application(device_model.load(model)), ready, stopping)


def limited_service(
    ready: Callable[[str], None], stopping: threading.Event, model: str = "main", slowdown: float = 8
) -> None:
    """For `processes.start`: as `cloud_service`, on one core and with LimitedModel."""
    if hasattr(os, "sched_setaffinity"):  # Linux
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    services.serve_http(application(LimitedModel(model, slowdown)), ready, stopping)


def ask_cloud(client: "httpx.Client", text: str, lang: str, k: int = 3) -> tuple[list[Suggestion], float]:
    """The suggestions of a service of this module, and the seconds of its inference (what is left is transport).

    Raises httpx.HTTPError when there is no answer, or one that is an error.
    """
    answer = client.post("/suggest", content=json.dumps({"lang": lang, "text": text, "k": k})).raise_for_status().json()
    return [Suggestion(**suggestion) for suggestion in answer["suggestions"]], answer["seconds"]
