"""The sandbox of submissions: what a hostile notebook tries, contained, and honest ones graded as without it."""

import io
import json
import os
import shutil
import socket
import subprocess
import sys
import tarfile
import threading
import time
from pathlib import Path

import psutil
import pytest
from jupyter_client.manager import KernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError

from mlprod import course
from mlprod.authoring.notebooks import render
from mlprod.authoring.source import load
from mlprod.errors import CourseError
from mlprod.grading import configuration, containers, isolation, kernels, memory, sandbox, scoring

pytestmark = pytest.mark.skipif(bool(sandbox.problem()), reason=f"no sandbox here: {sandbox.problem()}")
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def walls():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DATABASE_URL", "postgresql://teacher:secret@127.0.0.1/grades")
        with kernels.forked_kernels(["numpy"], sandboxed=True) as name:
            yield name


@pytest.fixture
def attempt(walls, notebook_of, tmp_path):
    """Runs code as a submission; returns what it printed, as JSON when it is."""

    def run(*code, timeout=30, folder=tmp_path):
        notebook = notebook_of(*code)
        NotebookClient(
            notebook, kernel_name=walls, timeout=timeout, resources={"metadata": {"path": str(folder)}}
        ).execute()
        outputs = [o for cell in notebook.cells for o in cell.outputs]
        text = "".join(o.text for o in outputs if o.output_type == "stream" and o.name == "stdout").strip()
        try:
            return json.loads(text)
        except ValueError:
            return text

    return run


def test_what_a_submission_sees(attempt, tmp_path):
    (tmp_path / "90_toy.ipynb").write_text("{}")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "rows.csv").write_text("a,b")
    (tmp_path / "secret").symlink_to(ROOT / "solutions")
    seen = attempt(f"""
import json, os
from pathlib import Path
there = lambda *names: [name for name in names if Path({str(ROOT)!r}, name).exists()]
print(json.dumps({{
    "files": sorted(str(p) for p in Path("data").rglob("*")) + [name for name in os.listdir() if "toy" in name],
    "secret": Path("secret").exists(),
    "course": there("solutions", "exercises", "grading", "tests", "build", ".git", "datasets"),
    "lessons": os.listdir(Path({str(ROOT)!r}, "lessons")),
    "hidden": [place for place in ("/root/.bashrc", "/etc/shadow", "/srv", "/mnt", "/opt") if os.path.exists(place)],
    "variables": [name for name in os.environ if "URL" in name or "TOKEN" in name],
    "processes": [name for name in os.listdir("/proc") if name.isdigit()],
    "privileges": [line for line in open("/proc/self/status") if line.startswith("CapEff")][0].split()[1].strip("0"),
}}))""")
    assert seen["files"] == ["data/rows.csv"] and not seen["secret"]
    assert seen["course"] == ["datasets"] and seen["lessons"] == []
    assert seen["variables"] == [] and seen["processes"] == ["1"] and seen["privileges"] == ""
    assert seen["hidden"] == []


def test_nothing_but_its_own_folders_can_be_written(attempt):
    places = ["/x", "/etc/x", "/usr/x", "/run/x", "/home/x"]
    places += [str(ROOT / "datasets" / "x"), str(Path(sandbox.__file__).with_name("x.py"))]
    refused = attempt(f"""
import json
places = {places!r}
def refuses(place):
    try:
        open(place, "w").close()
    except OSError:
        return True
print(json.dumps([place for place in places if not refuses(place)]))
for place in ("/tmp/x", "/home/submission/x", "/dev/shm/x"):
    open(place, "w").close()
""")
    assert refused == []


def test_the_next_student_finds_no_trace(attempt):
    attempt("""
from pathlib import Path
startup = Path.home() / ".ipython/profile_default/startup"
startup.mkdir(parents=True, exist_ok=True)
for place in (Path.home() / "numpy.py", startup / "0.py", Path("/tmp/numpy.py"), Path("/dev/shm/x")):
    place.write_text("raise SystemExit('poisoned')")
""")
    found = attempt("""
import json, os, numpy
mine = [name for place in (".", "/tmp", "/dev/shm") for name in os.listdir(place) if name in ("numpy.py", "x")]
print(json.dumps([numpy.zeros(1).tolist(), mine]))
""")
    assert found == [[0.0], []]


def test_no_network_but_a_loopback_of_its_own(attempt):
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        reached = attempt(f"""
import json, socket, threading
def reach(address):
    try:
        socket.create_connection(address, timeout=1).close()
        return True
    except OSError:
        return False
own = socket.create_server(("127.0.0.1", 0))
print(json.dumps([reach({server.getsockname()!r}), reach(("192.0.2.1", 80)), reach(own.getsockname())]))
""")
    assert reached == [False, False, True], "192.0.2.1 is nobody's (RFC 5737)"


def test_memory_files_and_processes_have_limits(attempt):
    stopped = attempt(f"""
import json, threading
stopped = {{}}
try:
    bytearray({isolation.LIMITS["RLIMIT_DATA"] + 2**30})
except MemoryError:
    stopped["memory"] = True
try:
    with open("/tmp/big", "wb") as file:
        file.truncate({isolation.LIMITS["RLIMIT_FSIZE"] + 1})
except OSError:
    stopped["file"] = True
enough = threading.Event()
threads = 0
try:
    while threads < 2000:
        threading.Thread(target=enough.wait).start()
        threads += 1
except RuntimeError:  # they count as processes, and are quicker to make
    stopped["processes"] = threads < {isolation.LIMITS["RLIMIT_NPROC"]}
enough.set()
print(json.dumps(stopped))
""")
    assert stopped == {"memory": True, "file": True, "processes": True}


@pytest.mark.parametrize(
    "attack",
    [
        "import os; os._exit(0)",
        "import os, signal; os.kill(os.getpid(), signal.SIGABRT); os.abort()",
        "import os\nfor pid in (-1, 0):\n    try: os.kill(pid, 9)\n    except OSError: pass\nos._exit(1)",
        "import ctypes; ctypes.string_at(0)",
    ],
    ids=["exit", "abort", "kill everybody", "segfault"],
)
def test_a_kernel_that_dies_takes_nothing_with_it(attempt, attack):
    with pytest.raises(DeadKernelError):
        attempt(attack, "1")
    assert attempt("print(7)") == 7


def test_signals_to_what_it_thinks_are_its_parents(attempt):
    said = attempt("""
import os, signal
for pid in (0, 1, os.getppid()):
    for number in (signal.SIGSTOP, signal.SIGKILL):
        try:
            pid and os.kill(pid, number)
        except OSError:
            pass
print(7)
""")
    assert said == 7 and attempt("print(8)") == 8


def test_orphans_and_loops_end_with_their_kernel(walls, wait_until, tmp_path):
    manager = KernelManager(kernel_name=walls)
    manager.start_kernel(cwd=str(tmp_path))
    client = manager.blocking_client()
    client.start_channels()
    client.wait_for_ready(timeout=30)
    mark = f"sleep 8{time.time_ns() % 10**6}"
    orphan = f"import subprocess; subprocess.Popen('setsid {mark} & disown', shell=True, executable='/bin/bash').wait()"
    client.execute(orphan, reply=True, timeout=20)
    running = [p for p in psutil.process_iter(["cmdline"]) if " ".join(p.info["cmdline"] or []) == mark]
    assert running
    client.execute("while True:\n    try:\n        while True: pass\n    except BaseException: pass")
    manager.interrupt_kernel()
    client.stop_channels()
    manager.shutdown_kernel(now=True)
    wait_until(lambda: not any(p.is_running() and p.status() != psutil.STATUS_ZOMBIE for p in running))
    assert not manager.is_alive()


def test_an_interrupt_reaches_the_cell(walls, notebook_of, tmp_path):
    started = time.monotonic()
    client = NotebookClient(notebook_of("while True: pass"), kernel_name=walls, timeout=2, interrupt_on_timeout=True)
    with pytest.raises(CellExecutionError, match="KeyboardInterrupt"):
        client.execute(cwd=str(tmp_path))
    assert time.monotonic() - started < 20


def test_many_at_once_do_not_meet(walls, notebook_of, tmp_path):
    """Each has the port to itself that all of them want."""
    code = """
import socket, time
server = socket.create_server(("127.0.0.1", 5432))
open("/tmp/mine", "x").close()
time.sleep(0.5)
print("alone")
"""
    notebooks = [notebook_of(code) for _ in range(3)]

    def execute(notebook):
        NotebookClient(
            notebook, kernel_name=walls, timeout=30, resources={"metadata": {"path": str(tmp_path)}}
        ).execute()

    threads = [threading.Thread(target=execute, args=[notebook]) for notebook in notebooks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [notebook.cells[0].outputs[0].text.strip() for notebook in notebooks] == ["alone"] * 3


def test_the_user_has_a_name_and_a_home(attempt):
    """Without them Debian's Java 17 calls its home "?", and Spark does not start."""
    seen = attempt("""
import getpass, json, os, pwd
own = pwd.getpwuid(os.getuid())
print(json.dumps([getpass.getuser(), own.pw_dir, os.access("/etc/passwd", os.W_OK), os.getuid() == own.pw_uid]))""")
    assert seen == ["submission", "/home/submission", False, True]


def test_a_folder_that_holds_the_kernels_meeting_places(notebook_of, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (tmp_path / "rows.csv").write_text("a")
    notebook = notebook_of("import os; print(sorted(os.listdir()))")
    with kernels.forked_kernels([], sandboxed=True) as name:
        NotebookClient(
            notebook, kernel_name=name, timeout=30, resources={"metadata": {"path": str(tmp_path)}}
        ).execute()
    assert "'rows.csv'" in notebook.cells[0].outputs[0].text and "'kernels'" not in notebook.cells[0].outputs[0].text


def test_too_many_files_are_refused(attempt, tmp_path, monkeypatch):
    monkeypatch.setattr(sandbox, "FILES_LIMIT", 1000)
    (tmp_path / "big.bin").write_bytes(bytes(1001))
    with pytest.raises(ValueError, match="big|files beside the notebook"):
        attempt("print(1)")


def test_without_bubblewrap_nothing_is_run(monkeypatch):
    monkeypatch.setattr(sandbox.shutil, "which", lambda name: None)
    monkeypatch.setenv("LANG_COURSE", "en")
    with pytest.raises(CourseError, match="apt install bubblewrap"), kernels.forked_kernels([], sandboxed=True):
        pass


def test_a_bubblewrap_that_does_not_work_is_noticed(tmp_path, monkeypatch):
    fake = tmp_path / "bwrap"
    fake.write_text("#!/bin/sh\necho 'setting up uid map: Permission denied' >&2\nexit 1\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert subprocess.run(["bwrap"], capture_output=True).returncode == 1
    assert "Permission denied" in sandbox._try("bwrap", str(fake))


FAKE_ENGINE = """#!{python}
import os, sys
from pathlib import Path
from mlprod.grading import sandbox
words = sys.argv[1:]
with open({log!r}, "a") as log:
    print(*words, file=log)
if words[0] != "run":
    sys.exit()
at = words.index({image!r})
pairs = list(zip(words[:at], words[1:at]))
volumes = [pair[1].split(":") for pair in pairs if pair[0] == "--volume"]
arguments = [{bwrap!r}, "--unshare-pid", "--unshare-net", "--proc", "/proc", "--dev", "/dev", "--clearenv"]
for word in [pair[1] for pair in pairs if pair[0] == "--tmpfs"]:
    arguments += ["--perms", "1777" if "1777" in word else "0755", "--tmpfs", word.split(":")[0]]
arguments += sandbox._folder("/run") + sandbox._folder("/etc")
for link in Path("/").iterdir():
    if link.is_symlink():
        arguments += ["--symlink", os.readlink(link), str(link)]
arguments += sandbox._folders([Path(volume[0]) for volume in volumes])
for volume in volumes:
    arguments += ["--ro-bind" if volume[2:] == ["ro"] else "--bind", *volume[:2]]
for name, value in [pair[1].split("=", 1) for pair in pairs if pair[0] == "--env"]:
    arguments += ["--setenv", name, value]
for name in [pair[1] for pair in pairs if pair[0] == "--cap-add"]:
    arguments += ["--cap-add", "CAP_" + name]
os.execv({bwrap!r}, [*arguments, "--", *words[at + 1 :]])
"""


def engine(tmp_path, monkeypatch, name, text):
    """A PATH with nothing on it but a program `name`."""
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    program = bin_folder / name
    program.write_text(text)
    program.chmod(0o755)
    monkeypatch.setattr(sandbox.shutil, "which", lambda wanted: str(program) if wanted == name else None)


@pytest.mark.parametrize("name", ["docker", "podman"])
def test_an_engine_where_bubblewrap_is_missing(name, notebook_of, tmp_path, monkeypatch):
    """Where no engine is installed, this one is bubblewrap in disguise, and tells what it was asked for."""
    log, bwrap = tmp_path / "log", shutil.which("bwrap")
    fake = FAKE_ENGINE.format(python=sys.executable, log=str(log), image=containers.IMAGE, bwrap=bwrap)
    engine(tmp_path, monkeypatch, name, fake)
    assert sandbox.problem() is None
    notebook = notebook_of(f"import os; print(os.getpid(), os.path.exists({str(ROOT / 'solutions')!r}))")
    with kernels.forked_kernels([], sandboxed=True) as kernel:
        NotebookClient(
            notebook, kernel_name=kernel, timeout=30, resources={"metadata": {"path": str(tmp_path)}}
        ).execute()
    assert notebook.cells[0].outputs[0].text == "1 False\n"
    asked = log.read_text().splitlines()
    assert asked[0] == f"image inspect {containers.IMAGE}"
    run = asked[-1]
    for words in (
        "--network none",
        "--pull never",
        "--read-only",
        "--cap-drop ALL",
        "/usr:/usr:ro",
        f"{ROOT}/datasets:",
    ):
        assert words in run
    assert f"{ROOT}/solutions" not in run and f"{ROOT}/grading" not in run.replace(f"{ROOT}/grading/.work", "")
    assert ("unmask=ALL" in run) == (name == "podman")


@pytest.mark.skipif("MLPROD_ENGINE" not in os.environ, reason="MLPROD_ENGINE=/path/to/podman tries a real one")
def test_a_real_engine(notebook_of, tmp_path, monkeypatch):
    program = os.environ["MLPROD_ENGINE"]
    name = Path(program).stem
    monkeypatch.setattr(sandbox.shutil, "which", lambda wanted: program if wanted == name else None)
    assert sandbox.problem() is None
    notebook = notebook_of(f"""
import os, pathlib, socket
print(os.getpid(), os.getuid(), os.path.exists({str(ROOT / "solutions")!r}), os.path.exists({str(ROOT / "grading")!r}))
pathlib.Path("mine").write_text("x")
for path in ("/usr/x", "/etc/x", {str(ROOT / "datasets" / "x")!r}, {str(Path(sys.prefix) / "x")!r}):
    try: open(path, "w")
    except OSError: print("refused")
try: socket.create_connection(("1.1.1.1", 53), timeout=3)
except OSError: print("no network")
""")
    with kernels.forked_kernels([], sandboxed=True) as kernel:
        NotebookClient(
            notebook, kernel_name=kernel, timeout=60, resources={"metadata": {"path": str(tmp_path)}}
        ).execute()
    said = notebook.cells[0].outputs[0].text.split("\n")
    assert said[0].split()[0] == "1" and said[0].endswith(" False False") and (os.getuid() or said[0].split()[1] != "0")
    assert said[1:6] == ["refused"] * 4 + ["no network"]


def test_an_engine_that_does_not_work_is_no_sandbox(tmp_path, monkeypatch):
    monkeypatch.setenv("LANG_COURSE", "en")
    refusing = "#!/bin/sh\necho 'Cannot connect to the Docker daemon' >&2\nexit 1\n"
    engine(tmp_path, monkeypatch, "docker", refusing)
    assert "bubblewrap is missing" in sandbox.problem() and "docker does not work here: Cannot" in sandbox.problem()
    with pytest.raises(CourseError, match="Docker daemon"), kernels.forked_kernels([], sandboxed=True):
        pass


def test_the_empty_image_is_an_archive_of_folders_and_links():
    with tarfile.open(fileobj=io.BytesIO(containers._image())) as archive:
        members = archive.getmembers()
    assert all(member.isdir() or member.issym() for member in members)
    assert {"usr", "tmp", "home/submission", "var/tmp"} <= {member.name for member in members}


def test_the_graders_disk_cannot_be_filled_through_the_meeting_place(attempt, monkeypatch):
    refused = attempt("""
import os
places = ["/run/kernel", os.path.dirname(get_ipython().kernel.config.get("IPKernelApp", {}).get("connection_file", ""))]
places += [line.split()[4] for line in open("/proc/self/mountinfo") if "/mlprod-" in line]
for place in filter(None, places):
    try:
        file = open(os.path.join(place, "x"), "w")
    except OSError:
        continue
    if os.fstat(file.fileno()).st_dev != os.stat("/tmp").st_dev:  # its own, in memory
        print("written", place)
""")
    assert refused == ""


@pytest.mark.parametrize(
    "where",
    [
        "kept = [bytearray(b'x' * 2**20) for _ in range(400)]",
        "open('/tmp/big', 'wb').write(b'x' * 400 * 2**20)",
        "import os; number = os.memfd_create('big'); [os.write(number, b'x' * 2**20) for _ in range(400)]",
    ],
    ids=["process", "file", "nameless file"],
)
def test_memory_is_counted_wherever_it_is(attempt, monkeypatch, where):
    monkeypatch.setattr(sandbox, "MEMORY_LIMIT", 350 * 2**20)
    with pytest.raises(DeadKernelError):
        attempt(f"{where}\nimport time; time.sleep(20)")
    assert attempt("print(7)") == 7


def test_a_crowd_lets_others_go_first(attempt):
    before, after = attempt(f"""
import json, os, time
nice = os.getpriority(os.PRIO_PROCESS, 0)
if not all([os.fork() for _ in range(1)]):
    for _ in range({memory.CROWD + 6}):
        if os.fork() == 0:
            until = time.time() + 6
            while time.time() < until and os.getpriority(os.PRIO_PROCESS, 0) == nice:
                pass
            os._exit(0)
    os._exit(0)
for _ in range(120):
    time.sleep(0.05)
    if os.getpriority(os.PRIO_PROCESS, 0) > nice:
        break
print(json.dumps([nice, os.getpriority(os.PRIO_PROCESS, 0)]))
""")
    assert before < after == 19


def test_not_more_processes_than_anybody_needs(attempt):
    with pytest.raises(DeadKernelError):
        attempt(f"""
import os, time
for _ in range({memory.MOST_PROCESSES + 10}):
    if os.fork() == 0:
        time.sleep(20)
        os._exit(0)
time.sleep(20)
""")
    assert attempt("print(7)") == 7


def test_pages_that_processes_share_count_once(attempt, monkeypatch):
    monkeypatch.setattr(sandbox, "MEMORY_LIMIT", 350 * 2**20)
    said = attempt("""
import os, time
kept = b"x" * (100 * 2**20)
children = [os.fork() for _ in range(1)]
for _ in range(7):
    if 0 not in children:
        children.append(os.fork())
if 0 in children:
    time.sleep(1.5)
    os._exit(0)
for child in children:
    os.waitpid(child, 0)
print(len(children))
""")
    assert said == 8


@pytest.mark.parametrize("path", course.sources("solutions", ROOT), ids=lambda path: path.stem)
def test_every_solution_earns_full_marks_in_the_sandbox(path, tmp_path):
    source, config = load(path), configuration.load(ROOT)
    with kernels.forked_kernels(sandboxed=True) as name:
        graded = scoring.grade(render(source, "en"), "en", tmp_path, name, config, timeout=90)
    want = {test.grade_id: test.points for task in source.tasks.values() for test in task.tests}
    assert graded.problem is None
    assert {key: graded.scores[key] for key in want} == want, graded.messages
