"""Turn the text of a .proto into Python modules that this kernel and its child processes can import."""

from __future__ import annotations

import importlib
import subprocess
import sys
from types import ModuleType

from mlprod.errors import CourseError
from mlprod.language import tr
from mlprod.systems.workspace import workspace


def compile_proto(text: str, name: str) -> tuple[ModuleType, ModuleType]:
    """Compile `text` as `name`.proto with grpc_tools.protoc; returns the modules (name_pb2, name_pb2_grpc).

    They are written to the workspace, whose folder joins sys.path, so child processes import them too.
    Raises CourseError when protoc refuses the text, and when `name` was compiled before from another text: protobuf
    keeps one definition of each message for the life of a process.
    """
    folder = workspace() / "proto"
    folder.mkdir(exist_ok=True)
    source = folder / f"{name}.proto"
    if not source.exists() or source.read_text() != text:
        if f"{name}_pb2" in sys.modules:
            raise CourseError(
                tr(
                    es=f"{name}.proto ya se compiló con otro texto en este kernel, y protobuf no lo olvida. "
                    "Reinicia el kernel, o cambia el nombre y el `package`.",
                    en=f"{name}.proto was compiled from another text in this kernel, and protobuf does not forget it. "
                    "Restart the kernel, or change the name and the `package`.",
                )
            )
        source.write_text(text)
        outputs = [f"--{kind}={folder}" for kind in ("python_out", "grpc_python_out")]
        command = [sys.executable, "-m", "grpc_tools.protoc", f"-I{folder}", *outputs, source.name]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=folder)
        if done.returncode:
            source.unlink()
            refused = tr(es=f"protoc no acepta {name}.proto:", en=f"protoc does not accept {name}.proto:")
            raise CourseError(f"{refused}\n{done.stderr.strip()}")
    if str(folder) not in sys.path:
        sys.path.append(str(folder))
    importlib.invalidate_caches()
    return importlib.import_module(f"{name}_pb2"), importlib.import_module(f"{name}_pb2_grpc")
