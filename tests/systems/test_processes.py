"""Real processes: values travel both ways, failures show the reader's code, and none outlives its owner."""

import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass

import psutil
import pytest

from mlprod.errors import CourseError
from mlprod.systems import process as one_process
from mlprod.systems import processes
from mlprod.systems.workspace import workspace

FACTOR = 3


@dataclass
class Ride:
    zone: int


def test_arguments_globals_and_results_travel():
    def work(ride, extra=0):
        return Ride(ride.zone * FACTOR + extra), os.getpid()

    process = processes.start(work, Ride(2), extra=1)
    ride, pid = process.result()
    assert ride == Ride(7) and type(ride) is Ride
    assert pid == process.pid != os.getpid()
    assert process.wait() == 0 and not process.alive


def test_start_is_quick_and_a_child_imports_no_heavy_module():
    def modules(ready):
        ready()
        return {name.partition(".")[0] for name in sys.modules}

    times = []
    for _ in range(5):
        begin = time.perf_counter()
        process = processes.start(modules)
        times.append(time.perf_counter() - begin)
        loaded = process.result()
        process.wait()
    assert min(times) < 1  # 0.05 s on an idle machine
    assert not loaded & {"numpy", "pandas", "matplotlib", "torch", "IPython"}


def test_ready_gives_an_address_and_stopping_ends_the_function():
    def service(ready, stopping):
        ready({"port": 42})
        stopping.wait(20)
        return "cleaned"

    process = processes.start(service)
    assert process.alive and process.address == {"port": 42}
    process.stop()
    assert process.result() == "cleaned" and process.wait() == 0


def test_sigterm_ends_a_function_without_stopping_on_the_spot():
    process = processes.start(time.sleep, 60)
    begin = time.monotonic()
    process.stop()
    assert time.monotonic() - begin < 3
    assert process.wait() == -signal.SIGTERM


def test_stop_kills_what_does_not_listen():
    def deaf(ready, stopping):
        ready()
        time.sleep(60)

    process = processes.start(deaf)
    process.stop(timeout=0.2)
    assert process.wait() == -signal.SIGKILL


def test_a_failure_shows_the_readers_lines_only(reader):
    def divide(x):
        return 1 / x

    def work():
        divide(0)

    process = processes.start(work, name="price")
    with pytest.raises(processes.ChildFailed) as failure:
        process.result()
    text = str(failure.value)
    assert ("ha fallado" if reader == "es" else "failed") in text and "price" in text
    assert "return 1 / x" in text and "ZeroDivisionError" in text
    assert "child.py" not in text
    with pytest.raises(processes.ChildFailed):
        process.result()  # as often as one asks
    assert process.wait() == 1


def test_the_cause_of_a_failure_is_shown():
    def work():
        try:
            {}["zone"]
        except KeyError as error:
            raise RuntimeError("no price") from error

    with pytest.raises(processes.ChildFailed, match=r"(?s)KeyError: 'zone'.*direct cause.*RuntimeError: no price"):
        processes.start(work).result()


def test_an_exception_that_does_not_pickle_is_still_told():
    def work():
        class Odd(Exception):
            def __reduce__(self):
                raise TypeError("no")

        raise Odd("peculiar")

    with pytest.raises(processes.ChildFailed, match="peculiar"):
        processes.start(work).result()


def test_a_result_that_does_not_travel_is_a_failure():
    with pytest.raises(processes.ChildFailed, match="pickle"):
        processes.start(lambda: threading.Lock()).result()


@pytest.mark.parametrize("how", ["raise", "exit", "kill", "return"])
def test_dying_before_ready_fails_at_once(how):
    def service(ready):
        if how == "raise":
            raise ValueError("bad port")
        if how == "exit":
            os._exit(3)
        if how == "kill":
            os.kill(os.getpid(), signal.SIGKILL)

    wanted = {"raise": "bad port", "exit": "3", "kill": "SIGKILL", "return": r"ready\(\)"}[how]
    begin = time.monotonic()
    with pytest.raises(processes.ChildFailed, match=wanted):
        processes.start(service, ready_timeout=20)
    assert time.monotonic() - begin < 5


def test_who_never_gets_ready_is_stopped():
    pids = workspace() / "pids"

    def slow(ready):
        print("waiting for the database")
        pids.write_text(str(os.getpid()))
        time.sleep(60)

    with pytest.raises(processes.ChildFailed, match=r"(?s)ready_timeout.*waiting for the database"):
        processes.start(slow, ready_timeout=0.5)
    assert not psutil.pid_exists(int(pids.read_text()))


def test_a_result_takes_its_time_but_not_for_ever():
    with processes.start(time.sleep, 60) as process:
        with pytest.raises(TimeoutError) as late:
            process.result(timeout=0.1)
        assert isinstance(late.value, CourseError) and process.alive
        with pytest.raises(processes.StillRunning):
            process.wait(timeout=0.1)


def test_kill_gives_no_chance_and_is_reported():
    process = processes.start(time.sleep, 60, name="driver")
    process.kill()
    assert not process.alive and process.wait() == -signal.SIGKILL
    with pytest.raises(processes.ChildFailed, match="SIGKILL"):
        process.result()
    process.kill()  # again: nothing happens
    process.stop()


def test_output_is_captured_and_bounded():
    def talk(lines):
        for i in range(lines):
            print(f"line {i}")
        print("to stderr", file=sys.stderr)

    few = processes.start(talk, 3)
    few.wait()
    assert few.output.split("\n") == ["line 0", "line 1", "line 2", "to stderr", ""]
    many = processes.start(talk, 100_000)
    many.wait()
    assert len(many.output) <= one_process.OUTPUT_BYTES + 65536
    assert "line 99999" in many.output


def test_what_was_printed_is_there_with_the_result():
    def work():
        print("done")
        return 1

    for _ in range(5):
        process = processes.start(work)
        process.result()
        assert process.output == "done\n"


def test_what_cannot_travel_is_named(reader):
    cerrojo = threading.Lock()

    def work():
        with cerrojo:
            pass

    with pytest.raises(CourseError, match="cerrojo"):
        processes.start(work)


def test_classes_of_c_extensions_travel_by_reference():
    from confluent_kafka import Consumer, KafkaException, Producer

    def names():
        assert Producer({"bootstrap.servers": "127.0.0.1:1", "log_level": 0})
        return Consumer, KafkaException

    assert processes.start(names).result() == (Consumer, KafkaException)


def test_a_group_stops_all_when_its_body_raises():
    def service(ready, stopping):
        ready()
        stopping.wait(60)

    with pytest.raises(KeyError, match="body"), processes.group() as group:
        members = [group.start(service) for _ in range(3)]
        raise KeyError("body")
    assert [p.alive for p in members] == [False] * 3
    assert [p.wait() for p in members] == [0] * 3


def test_a_crash_that_nobody_looked_at_does_not_pass_for_silence():
    def crash():
        raise ValueError("out of rides")

    with pytest.raises(processes.ChildFailed, match="out of rides"), processes.group() as group:
        group.start(crash).wait()

    with pytest.raises(KeyError) as error, processes.group() as group:
        group.start(crash).wait()
        raise KeyError("no answer")
    assert "out of rides" in "".join(error.value.__notes__)

    with processes.group() as group:
        with pytest.raises(processes.ChildFailed):
            group.start(crash).result()  # looked at: the group says nothing more
        group.start(time.sleep, 60).kill()  # killed on purpose: not a crash


def test_what_a_child_started_ends_with_it():
    def parent_of_another(ready):
        ready(subprocess.Popen(["sleep", "60"]).pid)
        time.sleep(60)

    process = processes.start(parent_of_another)
    grandchild = psutil.Process(process.address)
    assert grandchild.is_running()
    process.kill()
    deadline = time.monotonic() + 3
    while _runs(grandchild) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not _runs(grandchild)


def _runs(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE  # a zombie only waits for init to collect it
    except psutil.NoSuchProcess:
        return False


def test_a_child_can_start_processes_in_the_same_workspace():
    def outer():
        from mlprod.systems.workspace import workspace as inner_workspace

        return processes.start(lambda: str(inner_workspace())).result(), str(inner_workspace())

    assert processes.start(outer).result() == (str(workspace()), str(workspace()))
    assert workspace().is_dir()  # it was borrowed, and is still there


def test_a_fork_owns_nothing_of_its_parent():
    with processes.start(time.sleep, 60) as process:
        folder = workspace()
        child = os.fork()
        if child == 0:  # no assert here: it must not return into pytest
            ours = workspace()
            other = processes.start(pow, 2, 5)
            value = other.result(), other.wait()
            fine = ours != folder and value == (32, 0) and not one_process.running
            from mlprod.systems import workspace as module

            module.close()
            os._exit(0 if fine and not ours.exists() else 1)
        assert os.waitpid(child, 0)[1] == 0
        assert process.alive and folder.is_dir()


def test_plain_pickle_finds_the_notebooks_classes_in_a_child(tmp_path):
    script = tmp_path / "lesson.py"
    script.write_text(
        "import pickle\n"
        "from mlprod.systems import processes\n"
        "class Event: pass\n"
        "def work(): return type(pickle.loads(pickle.dumps(Event()))).__name__\n"
        "print(processes.start(work).result())\n"
    )
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=30)
    assert done.stdout == "Event\n", done.stderr
