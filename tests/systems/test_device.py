"""The next-word models, their services and the page's server, without a browser."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import subprocess
import sys
import time

import httpx
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mlprod import course
from mlprod.errors import CourseError
from mlprod.systems import device, device_evaluation, device_model, device_server, processes, services
from mlprod.systems.device_text import NUMBER, PUNCTUATION, normalise, sentence, split_text, tokens

FOLDER = course.root() / "datasets/next_word"


@pytest.fixture(scope="module")
def model() -> device_model.NextWord:
    return device_model.load("main")


# ---- text


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", []),
        ("El núcleo", ["el", "núcleo"]),
        ("nu\u0301cleo", ["núcleo"]),  # a combining accent is the same letter
        ("don’t apt-get", ["don't", "apt-get"]),
        ("¿Qué? Sí.", ["¿", "qué", "?", "sí", "."]),
        ("debian.org pesa 3.5", ["debian", "org", "pesa", NUMBER, NUMBER]),
        ("a_b\u00a0c²", ["a", "b", "c"]),
        ("-x- '", ["x"]),
    ],
)
def test_tokens(text, wanted):
    assert tokens(text) == wanted


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
@example("apt- GET.\u2028x")
@settings(max_examples=200, deadline=None)
def test_splitting_loses_nothing_and_the_prefix_is_no_token_yet(text):
    done, prefix = split_text(text)
    assert done + prefix == normalise(text)
    assert split_text(done + prefix) == (done, prefix)
    assert not prefix or prefix[0].isalpha()
    assert tokens(normalise(text)) == tokens(text)


def test_the_sentence_begins_after_the_last_end():
    assert sentence(tokens("It works. Does it? Yes,")) == ["yes", ","]
    assert sentence(tokens("It works.")) == []


# ---- models


@pytest.mark.parametrize("name", device_model.MODELS)
@pytest.mark.parametrize("text", ["", "The package man", "el paquete ", "qzxw", "x" * 300, "uno dos " * 40, "¿"])
def test_suggestions_are_words_that_begin_so_likeliest_first(name, text):
    known = device_model.load(name)
    found = known.suggest(text, "en", k=5)
    chances = [suggestion.probability for suggestion in found]
    assert len(found) <= 5 and chances == sorted(chances, reverse=True) and sum(chances) <= 1 + 1e-5
    prefix = split_text(text)[1]
    assert all(suggestion.word.lower().startswith(prefix) for suggestion in found)
    assert not any(suggestion.word in (NUMBER, *PUNCTUATION) for suggestion in found)
    assert found or prefix in ("qzxw", "x" * 300)


def test_the_context_is_the_sentence_with_its_language_and_no_longer_than_the_models_take(model):
    words = model.words
    assert [words[i] for i in model.encode("Nada. Para instalar el paq", "es")[0]] == ["<es>", "para", "instalar", "el"]
    long = model.encode("el " * 100, "en")
    assert long.shape == (1, 24) and words[long[0, 0]] == "<en>" and long.dtype == np.int64
    with pytest.raises(ValueError, match="'fr'"):
        model.encode("", "fr")


def test_probabilities_are_those_of_a_word(model):
    chances = model.probabilities(model.encode("to install the ", "en"))
    assert chances.sum() == pytest.approx(1, abs=1e-4) and not chances[: model.specials].any()


def test_no_such_model(reader):
    with pytest.raises(CourseError, match={"es": "elige main o small", "en": "choose main or small"}[reader]):
        device_model.load("huge")


def test_examples_are_held_out_reproducible_and_begun():
    first = device_model.examples("es", count=50, prefix=2)
    assert first == device_model.examples("es", count=50, prefix=2) != device_model.examples("es", count=50, seed=1)
    assert all(split_text(place.text)[1] == place.target[:2] and len(place.target) > 2 for place in first)
    train = set(device_model.paragraphs("es", "train"))
    assert not train & set(device_model.paragraphs("es", "test"))


@pytest.mark.parametrize("lang", ["es", "en"])
def test_the_models_know_more_than_counts_and_the_main_one_more_than_the_small_one(lang):
    places = device_model.examples(lang, count=1500, seed=9)
    top3 = {
        rival.name: device_evaluation.accuracy(rival, places, lang)
        for rival in (device_evaluation.Counts(lang, 1), device_model.load("small"), device_model.load("main"))
    }
    assert top3["unigram"] < top3["small"] < top3["main"], top3


def test_the_card_tells_the_truth_about_the_files():
    card = (FOLDER / "README.md").read_text()
    for name in ("corpus.parquet", "main.onnx", "small.onnx", "vocabulary.json"):
        digest = hashlib.sha256((FOLDER / name).read_bytes()).hexdigest()
        assert re.search(rf"`{re.escape(name)}`.*`{digest}`", card), f"{name}: the card has another checksum"
    metrics = json.loads((FOLDER / "metrics.json").read_text())
    for name, row in metrics.items():
        wanted = [f"{100 * value:.1f}" for value in row.values()]
        lang, model = name.split()
        assert re.search(rf"^\| {lang} \|.*`{model}`.*\| " + r" \| ".join(wanted), card, re.MULTILINE), name
    assert all(file.stat().st_size < 5e6 for file in FOLDER.iterdir())


# ---- placements


def test_the_cloud_answers_as_the_model_here(model):
    with processes.start(device.cloud_service) as cloud, services.http_client(cloud.address) as client:
        found, seconds = device.ask_cloud(client, "the package man", "en")
        assert found == model.suggest("the package man", "en") and 0 < seconds < 5
        ids = model.encode("the package ", "en")
        answer = client.post("/logits", json={"ids": ids[0].tolist()}).json()
        assert np.allclose(answer["logits"], model.logits(ids), atol=1e-4)
        assert client.get("/health").json() == {"model": "main", "bytes": model.size}
        for wrong in (b"{", b"[]", b"{}", b'{"text": "a", "lang": "fr"}', b'{"text": "a", "lang": "en", "k": "x"}'):
            assert client.post("/suggest", content=wrong).status_code in (400, 422)
        page = {"Origin": "http://127.0.0.1:1234"}
        allowed = client.post("/suggest", content=b'{"text":"a","lang":"en"}', headers=page).headers
        assert allowed["access-control-allow-origin"] == page["Origin"]
        foreign = client.post("/suggest", content=b'{"text":"a","lang":"en"}', headers={"Origin": "http://example.org"})
        assert "access-control-allow-origin" not in foreign.headers


def test_a_slower_processor_takes_its_factor_of_processor_time_and_says_the_same(model, monkeypatch):
    slow = device.LimitedModel("main", slowdown=50)
    ids = slow.encode("to install the ", "en")
    used, began = time.thread_time(), time.perf_counter()
    scores = [slow.logits(ids) for _ in range(5)]
    elapsed = time.perf_counter() - began
    assert np.array_equal(scores[0], model.logits(ids))
    assert elapsed > 5 * 50 * 2e-5, "no time was added"
    assert elapsed > time.thread_time() - used
    with pytest.raises(ValueError, match="faster"):
        device.LimitedModel("main", slowdown=0.5)


def test_the_limited_service_runs_on_one_core():
    with processes.start(device.limited_service, slowdown=3) as slow:
        import psutil

        assert len(psutil.Process(slow.pid).cpu_affinity()) == 1
        assert httpx.post(f"{slow.address}/suggest", content=b'{"text":"a","lang":"en"}', trust_env=False).json()


# ---- the page's server


@pytest.fixture(scope="module")
def server():
    with (
        processes.start(device_server.page_service, cloud="http://127.0.0.1:9") as process,
        services.http_client(process.address) as client,
    ):
        yield client


def test_the_page_s_files_have_the_types_that_browsers_insist_on(server):
    wanted = {
        "/": "text/html",
        "/device_page.js": "text/javascript",
        "/device_page.css": "text/css",
        "/model/vocabulary.json": "application/json",
        "/model/main.onnx": "application/octet-stream",
    }
    if device.runtime_ready():
        wanted |= {
            "/runtime/ort-wasm-simd-threaded.wasm": "application/wasm",
            "/runtime/ort.wasm.min.mjs": "text/javascript",
        }
    for path, kind in wanted.items():
        answer = server.get(path)
        assert answer.status_code == 200 and answer.headers["content-type"].startswith(kind), path
        assert "connect-src 'self' http://127.0.0.1:*;" in answer.headers["content-security-policy"]
    assert server.get("/config").json() == {"cloud": "http://127.0.0.1:9"}


@pytest.mark.parametrize(
    "path", ["/device.py", "/..%2f..%2fcli.py", "/model/corpus.parquet", "/model/..%2fREADME.md", "/runtime/x"]
)
def test_nothing_else_is_served(server, path):
    assert server.get(path).status_code == 404


def test_no_other_site_or_name_reaches_it(server):
    assert server.post("/typed", json={}, headers={"Origin": "http://example.org"}).status_code == 403
    assert server.get("/config", headers={"Host": "example.org"}).status_code == 400
    assert (
        server.post("/typed", json={"device": 1}, headers={"Origin": str(server.base_url).rstrip("/")}).status_code
        == 200
    )


def test_the_post_office(monkeypatch):
    monkeypatch.setattr(device_server, "POLL_SECONDS", 0.2)

    async def scene():
        office = device_server.PostOffice(None)
        assert await office.ask({"kind": "measure"}, 1) == {"absent": True}, "no page is open"
        assert await office.next_job("a", True) == {"kind": "none"}
        office.tell_all({"kind": "cloud", "address": "x"})
        assert (await office.next_job("a", True))["address"] == "x"

        async def page():
            job = await office.next_job("a", True)
            office.result(job["id"], {"value": job["kind"]})
            office.result(job["id"], {"value": "again"})
            office.result(999, {"value": "nobody asked"})

        answer, _ = await asyncio.gather(office.ask({"kind": "measure"}, 1), page())
        assert answer == {"value": "measure"}
        assert await office.ask({"kind": "measure"}, 0.1) == {"absent": True}, "the page was closed"
        assert office.open_pages() == [], "and is not asked a second time"

    asyncio.run(scene())


def test_a_job_goes_to_the_page_in_view():
    async def scene():
        office = device_server.PostOffice(None)
        pages = [asyncio.create_task(office.next_job(*page)) for page in (("seen", True), ("hidden", False))]
        await asyncio.sleep(0.01)
        assert office.open_pages() == ["hidden", "seen"]
        for page in pages:
            page.cancel()

    asyncio.run(scene())


def test_without_any_browser_there_is_a_note_and_no_number(reader, monkeypatch, capsys):
    monkeypatch.setattr(device.device_headless, "find", lambda: None)
    with device.open_page() as page:
        assert page.lang == reader and page.url.endswith(f"?lang={reader}")
        assert page.measure(count=1) is None
        assert page.typed() == []
        page.show()
    told = capsys.readouterr().out
    assert {"es": "Sin medida en el navegador", "en": "No measurement in the browser"}[reader] in told
    assert page.url in told


def test_without_the_runtime_s_files_there_is_a_note_too(reader, monkeypatch, capsys):
    monkeypatch.setattr(device.web_runtime, "is_complete", lambda *_: False)
    with device.open_page() as page:
        assert page.measure() is None
    assert "make lab" in capsys.readouterr().out


def test_a_language_that_the_page_does_not_speak():
    with pytest.raises(CourseError, match="'fr'"):
        device.open_page("fr")


def test_nothing_heavy_is_imported_for_the_interface():
    code = "import sys, mlprod.systems.device; print([m for m in sys.argv[1:] if m in sys.modules])"
    command = [sys.executable, "-c", code, "torch", "onnxruntime", "fastapi", "pandas"]
    assert subprocess.run(command, capture_output=True, text=True, timeout=60).stdout.strip() == "[]"
