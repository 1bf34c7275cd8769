"""Pickle what travels between a notebook and its processes: cloudpickle, and two things that it cannot do."""

from __future__ import annotations

import importlib
import io
import sys
from types import ModuleType
from typing import Any

import cloudpickle


def dumps(value: Any) -> bytes:
    """Pickle `value`; functions and classes of a notebook travel by value. `pickle.loads` reads it back."""
    with io.BytesIO() as file:
        _Pickler(file).dump(value)
        return file.getvalue()


class _Pickler(cloudpickle.Pickler):
    def reducer_override(self, value: Any) -> Any:
        if isinstance(value, type) and (module := _actual_module(value)):
            return getattr, (module, value.__qualname__)
        if isinstance(value, ModuleType) and type(value) is not ModuleType and sys.modules.get(value.__name__) is value:
            return importlib.import_module, (value.__name__,)  # kombu, say, whose module is of a class of its own
        return super().reducer_override(value)


def _actual_module(cls: type) -> ModuleType | None:
    """Where `cls` is, if not where it says: confluent_kafka's Producer claims to live in a module called `cimpl`."""
    claimed = cls.__module__
    if not isinstance(claimed, str) or claimed in sys.modules:
        return None
    candidates = [module for name, module in list(sys.modules.items()) if name.endswith(f".{claimed}")]
    return next((module for module in candidates if getattr(module, cls.__qualname__, None) is cls), None)
