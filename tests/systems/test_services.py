"""Services in child processes: they answer without the Nagle delay, end gracefully, and their stubs travel."""

import statistics
import sys
import threading
import time

import pytest

from mlprod.errors import CourseError
from mlprod.systems import processes, services

PROTO = """
syntax = "proto3";
package test_services;
message Ask { int32 zone = 1; }
message Price { double euros = 1; }
service Pricing { rpc Quote(Ask) returns (Price); }
"""


def rest(ready, stopping=None, pause=0.0):
    import asyncio

    from fastapi import FastAPI

    app = FastAPI()

    @app.get("/price/{zone}")
    async def price(zone: int) -> dict:
        await asyncio.sleep(pause)
        return {"euros": zone * 1.5}

    services.serve_http(app, ready, stopping)
    return "closed"


def rest_on_sigterm(ready):
    return rest(ready)


def rest_until_stopping(ready, stopping, pause=0.0):
    return rest(ready, stopping, pause)


def test_rest_answers_at_once():
    with processes.start(rest_until_stopping) as service, services.http_client(service.address) as client:
        assert client.get("/price/2").json() == {"euros": 3.0}
        times = []
        for _ in range(50):
            begin = time.perf_counter()
            client.get("/price/2")
            times.append(time.perf_counter() - begin)
        # with Nagle's algorithm and delayed acknowledgements it would be 40 ms, whatever the machine
        assert statistics.median(times) < 0.02
        assert service.output == ""


@pytest.mark.parametrize("service", [rest_until_stopping, rest_on_sigterm])
def test_rest_ends_gracefully(service):
    process = processes.start(service)
    with services.http_client(process.address) as client:
        client.get("/price/2")  # a connection that stays open
        process.stop()
    assert process.result() == "closed" and process.wait() == 0


def test_a_request_in_flight_is_answered_before_the_end():
    process = processes.start(rest_until_stopping, pause=0.5)
    with services.http_client(process.address) as client:
        answers = []
        request = threading.Thread(target=lambda: answers.append(client.get("/price/4").json()))
        request.start()
        time.sleep(0.2)
        process.stop()
        request.join(5)
    assert answers == [{"euros": 6.0}]


def test_the_client_ignores_proxies(monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    with processes.start(rest_until_stopping) as service, services.http_client(service.address) as client:
        assert client.get("/price/2").status_code == 200


def test_grpc_with_stubs_made_from_text(monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    pb2, pb2_grpc = services.compile_proto(PROTO, "test_pricing")
    assert services.compile_proto(PROTO, "test_pricing") == (pb2, pb2_grpc)  # a cell that runs again

    def pricing(ready, stopping):
        from concurrent.futures import ThreadPoolExecutor

        import grpc

        class Pricing(pb2_grpc.PricingServicer):
            def Quote(self, request, context):
                return pb2.Price(euros=request.zone * 1.5)

        server = grpc.server(ThreadPoolExecutor(2))
        pb2_grpc.add_PricingServicer_to_server(Pricing(), server)
        services.serve_grpc(server, ready, stopping)
        return "closed"

    with processes.start(pricing) as service, services.grpc_channel(service.address) as channel:
        assert pb2_grpc.PricingStub(channel).Quote(pb2.Ask(zone=2), timeout=5).euros == 3.0
        service.stop()
        assert service.result() == "closed"


def test_protoc_says_what_it_does_not_accept(reader):
    with pytest.raises(CourseError, match=r"(?s)broken\.proto.*Expected"):
        services.compile_proto("syntax nonsense", "broken")
    services.compile_proto(PROTO.replace("test_services", "again"), "again")
    with pytest.raises(CourseError, match="kernel"):
        services.compile_proto(PROTO.replace("test_services", "again") + "// edited", "again")
    assert "broken_pb2" not in sys.modules
