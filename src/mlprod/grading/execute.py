"""nbgrader's Execute for notebooks that anybody may have written: bounded, and fair when something in them breaks.

nbgrader gives up a whole submission whose kernel dies, cannot be interrupted, or floods it with output. Here the cell
that did it fails, and the rest of the notebook is executed without it.
"""

from __future__ import annotations

import ast
import asyncio
import signal
import time
from typing import Any

from jupyter_client.utils import ensure_async
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from nbgrader.preprocessors import Execute
from traitlets import Integer

from mlprod.grading import incidents, syntax
from mlprod.grading.student_view import is_test, language_of

PER_MESSAGE = 200  # bytes that each output costs besides its content


class ContainedExecute(Execute):
    """Execute within limits for the submission as a whole; what went wrong is noted among its incidents."""

    submission_timeout = Integer(300, help="Seconds for all the cells of a notebook together").tag(config=True)
    max_cell_output = Integer(2**20, help="Bytes of outputs that are kept of a cell").tag(config=True)
    max_output = Integer(8 * 2**20, help="Bytes of outputs that are kept of a notebook").tag(config=True)
    max_flood = Integer(32 * 2**20, help="Bytes of outputs after which the kernel is ended").tag(config=True)
    max_message = Integer(16 * 2**20, help="Bytes of one message; a kernel that sends more is not heard").tag(
        config=True
    )
    restarts = Integer(3, help="How often to execute the notebook again without a cell that broke it").tag(config=True)

    def preprocess(self, nb: NotebookNode, resources: Any = None, km: Any = None) -> tuple[NotebookNode, Any]:
        """Execute `nb` in place. Raises what nbclient raises only when no kernel starts at all."""
        self._deadline = time.monotonic() + self.submission_timeout
        self._broken: dict[int, str] = {}
        for _ in range(self.restarts + 1):
            self._index, self._why = -1, ""
            self._written = {"all": 0, "cell": 0, "flood": 0}
            self.shutdown_kernel = "graceful"
            try:
                return super().preprocess(nb, resources, km)
            except (DeadKernelError, CellTimeoutError) as error:
                if self._index < 0:
                    raise
                self._broken[self._index] = self._what(error)
                incidents.note(nb, self._what(error), incidents.place(nb.cells[self._index], self._index))
                km = self.km = self.kc = None
        self._give_up(nb, self._index)
        return nb, self.resources

    def preprocess_cell(self, cell: NotebookNode, resources: Any, index: int) -> tuple[NotebookNode, Any]:
        if cell.cell_type != "code" or not cell.source.strip():
            return cell, resources
        what = self._broken.get(index, "")
        if not what and time.monotonic() >= self._deadline:
            what = "time"
            incidents.note(self.nb, what, incidents.place(cell, index))
        source = cell.source
        if what:
            cell.outputs = [incidents.stopped(what, language_of(self.nb))]
            if what == "time" or not is_test(cell):
                return cell, resources
            cell.source = definitions(source)  # later tests may need them
        self._index = index
        self._written["cell"] = 0
        outputs = cell.outputs
        try:
            cell, resources = super().preprocess_cell(cell, resources, index)
        except BaseException:
            self.shutdown_kernel = "immediate"  # it is not going to end when it is asked to
            raise
        finally:
            cell.source = source
        if what:
            cell.outputs = outputs
        return cell, resources

    def on_cell_executed(self, **kwargs: Any) -> None:
        super().on_cell_executed(**kwargs)
        if kwargs["execute_reply"]["content"].get("ename") == "CellTimeoutError":
            incidents.note(self.nb, "too_long", incidents.place(kwargs["cell"], kwargs["cell_index"]))

    def process_message(self, msg: dict[str, Any], cell: NotebookNode, cell_index: int) -> NotebookNode | None:
        if msg["msg_type"] in ("status", "execute_input", "clear_output"):
            return super().process_message(msg, cell, cell_index)
        size = PER_MESSAGE + _size(msg["content"]) + sum(map(len, msg.get("buffers", ())))
        self._written["flood"] += size
        if self._written["flood"] > self.max_flood and not self._why:
            self._why = "output"
            self._killing = asyncio.ensure_future(ensure_async(self.km.signal_kernel(signal.SIGKILL)))
        if self._written["cell"] + size > self.max_cell_output or self._written["all"] + size > self.max_output:
            incidents.note(self.nb, "output", incidents.place(cell, cell_index))
            left = min(self.max_cell_output - self._written["cell"], self.max_output - self._written["all"])
            if msg["msg_type"] != "stream" or left <= PER_MESSAGE:
                return None
            cut = incidents.cut(language_of(self.nb))
            msg["content"]["text"] = f"{msg['content']['text'][: left - PER_MESSAGE]}\n{cut}\n"
            size = left
        self._written["cell"] += size
        self._written["all"] += size
        return super().process_message(msg, cell, cell_index)

    def start_new_kernel(self, **kwargs: Any) -> None:
        import zmq

        self.km.context.setsockopt(zmq.MAXMSGSIZE, self.max_message)  # of the sockets that it will make
        super().start_new_kernel(**kwargs)
        self._provisioner = self.km.provisioner

    def _get_timeout(self, cell: NotebookNode | None) -> int | None:
        left = max(1, round(self._deadline - time.monotonic()))
        return min(super()._get_timeout(cell) or left, left)

    def _what(self, error: Exception) -> str:
        """The incident that ended the kernel."""
        if self._why:
            return self._why
        why = getattr(self._provisioner, "why", "")
        if why in incidents.TEXTS:
            return why
        return "died" if isinstance(error, DeadKernelError) else "hung"

    def _give_up(self, nb: NotebookNode, index: int) -> None:
        """After the last restart: what comes from the cell that broke it on is not executed."""
        for later, cell in enumerate(nb.cells[index:], index):
            if cell.cell_type == "code":
                cell.outputs = [incidents.stopped(self._broken.get(later, self._broken[index]), language_of(nb))]


def definitions(source: str) -> str:
    """What a test cell imports and defines, without anything that could call a student's code."""
    kept = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef)
    try:
        body = [
            node
            for node in syntax.parse(source).body
            if isinstance(node, kept)
            or isinstance(node, ast.Assign)
            and not any(isinstance(part, ast.Call) for part in ast.walk(node))
        ]
    except SyntaxError:
        return "pass"
    return "\n".join(map(ast.unparse, body)) or "pass"


def _size(value: Any) -> int:
    if isinstance(value, str):
        return len(value)
    if isinstance(value, dict):
        return sum(map(_size, value.values()))
    if isinstance(value, list | tuple):
        return sum(map(_size, value))
    return 8
