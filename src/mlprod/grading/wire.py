"""How a light kernel and its client talk: messages of Jupyter's protocol as JSON, each after its length, on one socket.

A frame is 4 bytes (the length of what follows, big-endian) and {"channel": "shell" or "iopub", …the message}. What is
binary in a message (a widget's buffers) is in base64. The kernel side is `wire_kernel`, the client side `wire_client`.
"""

from __future__ import annotations

import base64
import json
import struct
from typing import Any

FLAG = "--wire"
"""Among a kernel's arguments: it is to be a light kernel."""

LENGTH = struct.Struct(">I")

Message = dict[str, Any]


def path_of(info: dict[str, Any]) -> str:
    """The socket of the kernel with this connection information (transport "ipc"): where its shell would listen."""
    return f"{info['ip']}-{info['shell_port']}"


def frame(channel: str, message: Message, buffers: Any = None) -> bytes:
    """The bytes of a message. Its content is cleaned as Jupyter's own sessions do when it is not quite JSON."""
    from jupyter_client.session import json_clean, json_default, json_packer

    whole = {"channel": channel, **message}
    whole["buffers"] = [base64.b64encode(bytes(buffer)).decode() for buffer in buffers or ()]
    try:
        data = json_packer(whole)
    except UnicodeError:  # half of a character was printed: it travels as its escape
        data = json.dumps(json_clean(whole), default=json_default).encode()
    return LENGTH.pack(len(data)) + data


def message(data: bytes) -> tuple[str, Message]:
    """The channel and the message of a frame, without its length. Raises ValueError when it is neither."""
    try:
        whole = json.loads(data)
        channel = whole.pop("channel")
        whole["buffers"] = [memoryview(base64.b64decode(buffer)) for buffer in whole.get("buffers", ())]
        whole["msg_type"] = whole["header"]["msg_type"]
        whole["msg_id"] = whole["header"]["msg_id"]
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"not a message: {error}") from None
    return channel, whole
