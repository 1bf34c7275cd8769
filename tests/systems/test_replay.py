"""The load generator over HTTP: every request answered once and on time, failures counted and never raised."""

import time

import pytest
from fastapi import FastAPI, HTTPException

from mlprod.systems import processes, replay, services


def echo(seconds, ready, stopping):
    app = FastAPI()
    freeze = []

    @app.post("/predict")
    async def predict(body: dict):
        if body.get("fail"):
            raise HTTPException(503, "no")
        if body.get("freeze") and not freeze:
            freeze.append(True)
            time.sleep(seconds)
        return {"n": body["n"]}

    services.serve_http(app, ready, stopping)


@pytest.fixture(scope="module")
def service():
    with processes.group() as group:
        yield group.start(echo, 0.3)


def test_every_request_has_its_own_answer(service):
    answers = replay.open_loop(service.address, [(n / 400, {"n": n}) for n in range(200)])
    assert [each.number for each in answers] == list(range(200))
    assert all(each.status == 200 and each.body == {"n": each.number} for each in answers)
    assert all(each.intended <= each.sent <= each.done for each in answers)
    gaps = [b.intended - a.intended for a, b in zip(answers, answers[1:], strict=False)]
    assert max(abs(gap - 1 / 400) for gap in gaps) < 1e-6


def test_statuses_are_counted(service):
    answers = replay.open_loop(service.address, [(0.0, {"n": n, "fail": n % 4 == 0}) for n in range(40)])
    assert replay.statuses(answers) == {200: 30, 503: 10}


def test_an_open_loop_does_not_wait_for_a_frozen_service(service):
    requests = [(n / 100, {"n": n, "freeze": n == 20}) for n in range(60)]
    answers = replay.open_loop(service.address, requests)
    assert sum(each.seconds > 0.05 for each in answers) > 10  # those that were due meanwhile suffer, too


def test_a_closed_loop_keeps_its_clients_busy(service):
    answers = replay.closed_loop(service.address, [{"n": 1}, {"n": 2}], concurrency=4, seconds=0.4)
    assert len(answers) > 20 and replay.statuses(answers).keys() == {200}
    assert {each.body["n"] for each in answers} == {1, 2}


def test_nobody_there():
    answers = replay.open_loop("http://127.0.0.1:9", [(0.0, {}), (0.01, {})], timeout=2)
    assert replay.statuses(answers) == {0: 2} and "Refused" in answers[0].body


def test_a_given_beginning(service):
    begin = time.monotonic() + 1.0
    answers = replay.open_loop(service.address, [(0.0, {"n": 0}), (0.1, {"n": 1})], begin=begin)
    assert [each.intended for each in answers] == [begin, begin + 0.1]
