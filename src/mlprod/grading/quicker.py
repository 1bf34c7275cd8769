"""In a worker's process, have nbgrader and nbformat do what they do, sooner: light kernels, what is reused made once.

Validating in Python what the schemas say took a tenth of the grader's own time. What a compiled schema does not accept
is looked at by the library's own code, whose errors are better: nothing is accepted or refused that was not before.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import fastjsonschema
from jsonschema.exceptions import best_match
from jsonschema.validators import validator_for
from nbconvert.exporters import NotebookExporter
from nbformat.json_compat import FastJsonSchemaValidator
from nbgrader.nbgraderformat import common
from nbgrader.preprocessors import execute
from traitlets import HasTraits
from traitlets.config import Config, Configurable

from mlprod.grading.feedback import FeedbackExporter
from mlprod.grading.quicker_gradebook import quicken_gradebooks
from mlprod.grading.wire_client import WireKernelManager

Validate = Callable[[Any], Any]


def quicken_nbgrader() -> None:
    """Do it, in this process and for good; a second time, for another configuration, what is kept is made anew."""
    forget_exporters()
    execute.AsyncKernelManager = WireKernelManager  # Execute passes on this class, whatever its configuration says
    common.jsonschema = SimpleNamespace(validate=_validate, ValidationError=common.ValidationError)
    common.BaseMetadataValidator.__init__ = _metadata_validator
    FastJsonSchemaValidator.iter_errors = _iter_errors
    Configurable.section_names = classmethod(_section_names)
    HasTraits.traits = _traits_of
    quicken_gradebooks()


@lru_cache
def _schema(version: int) -> dict[str, Any]:
    return json.loads(Path(common.root, f"v{version}.json").read_text())


def _metadata_validator(self: common.BaseMetadataValidator) -> None:
    """nbgrader reads the file of each version anew for each notebook and step."""
    self.schema = _schema(self.schema_version)


_of_metadata: dict[int, tuple[Validate, Any]] = {}  # by the identity of what `_schema` keeps


def _validate(instance: Any, schema: dict[str, Any]) -> None:
    """jsonschema.validate, which checks the schema too, at each cell."""
    if id(schema) not in _of_metadata:
        kind = validator_for(schema)
        kind.check_schema(schema)
        _of_metadata[id(schema)] = fastjsonschema.compile(schema), kind(schema)
    quick, thorough = _of_metadata[id(schema)]
    try:
        quick(instance)
    except fastjsonschema.JsonSchemaException:
        if error := best_match(thorough.iter_errors(instance)):
            raise error from None


_of_parts: dict[tuple[int, str], Validate] = {}  # of cells and outputs, which nbformat validates as it makes them
_stock = FastJsonSchemaValidator.iter_errors


def _iter_errors(self: FastJsonSchemaValidator, data: Any, schema: dict[str, Any] | None = None) -> Any:
    """nbformat compiles the schema of a notebook, and reads that of a part of it each time."""
    if schema is None or set(schema) != {"$ref"}:
        return _stock(self, data, schema)
    key = id(self), schema["$ref"]  # nbformat keeps one validator for each version
    if key not in _of_parts:
        _of_parts[key] = fastjsonschema.compile({**schema, "definitions": self._schema["definitions"]})
    try:
        _of_parts[key](data)
    except fastjsonschema.JsonSchemaException:
        return _stock(self, data, schema)
    return ()


_section_names = lru_cache(maxsize=512)(Configurable.section_names.__func__)
_stock_traits = HasTraits.traits
_configurable: dict[type, dict[str, Any]] = {}


def _traits_of(self: HasTraits, **metadata: Any) -> dict[str, Any]:
    """traitlets looks through all traits of a class for those that can be configured, for each object several times."""
    if metadata != {"config": True}:
        return _stock_traits(self, **metadata)
    kind = type(self)
    if kind not in _configurable:
        _configurable[kind] = _stock_traits(self, config=True)
    return dict(_configurable[kind])


def forget_exporters() -> None:
    """What is kept is of one configuration."""
    KeptNotebookExporter._only = KeptFeedbackExporter._only = None


class Kept:
    """An exporter that is made once in a process: nbgrader makes one, and all its preprocessors, for each submission.

    nbconvert's exporters and preprocessors are made for many notebooks; Execute, which holds a kernel, is made anew.
    """

    _only: Any = None

    def __new__(cls, *arguments: Any, **options: Any) -> Any:
        if cls._only is None:
            cls._only = super().__new__(cls, *arguments, **options)
        return cls._only

    def __init__(self, parent: Any, config: Config) -> None:
        if not hasattr(self, "_made"):
            self._made: dict[Any, Any] = {}
            super().__init__(parent=parent, config=config)
            self._own = tuple(self._preprocessors)
        self.parent = parent
        self._preprocessors = list(self._own)  # to which nbgrader adds its own each time

    def register_preprocessor(self, preprocessor: Any, enabled: bool = False) -> Any:
        known = isinstance(preprocessor, str | type)
        if not known or enabled or preprocessor not in self._made:
            super().register_preprocessor(preprocessor, enabled)
            if known and not enabled and not isinstance(self._preprocessors[-1], execute.Execute):
                self._made[preprocessor] = self._preprocessors[-1]
        else:
            self._preprocessors.append(self._made[preprocessor])


class KeptNotebookExporter(Kept, NotebookExporter):
    """For what is graded."""


class KeptFeedbackExporter(Kept, FeedbackExporter):
    """For the pages, with their templates."""
