"""What the course changes in JupyterLab, kept in build/ so that the reader's own settings stay as they are."""

from __future__ import annotations

import json
from pathlib import Path

from mlprod.language import Language

LOCALES = {"es": "es_ES", "en": "default"}
NEWS = "@jupyterlab/apputils-extension:announcements"  # asks jupyter.org for news and PyPI for versions
# What a student does not see. nbgrader's Validate stays.
HIDDEN_PLUGINS = (
    "@jupyter/nbgrader:assignment-list",
    "@jupyter/nbgrader:course-list",
    "@jupyter/nbgrader:create-assignment",
    "@jupyter/nbgrader:formgrader",
    "@jupyter/nbgrader:menu",  # only leads to the four above
    "@jupyter-notebook/lab-extension",  # a button to a second interface
)
HIDDEN_SERVERS = (
    "nbgrader.server_extensions.assignment_list",
    "nbgrader.server_extensions.course_list",
    "nbgrader.server_extensions.formgrader",
    "notebook",
    "jupyter_lsp",  # looks for twenty language servers at each start
)
# Left out of a student's file list: answers, instructor's files, machinery. Links to them still open.
HIDDEN = ("solutions", "grading", "tests", "build", "*.egg-info", "__pycache__", "*.pyc", ".*", "*~")


def write(folder: Path, lang: Language, *, teach: bool) -> Path:
    """Write JupyterLab's application settings for this view below `folder` and return their directory.

    Application settings are defaults: what the reader has chosen in JupyterLab's own menus wins over them.
    """
    settings = folder / f"{'teach' if teach else 'lab'}-{lang}"
    settings.mkdir(parents=True, exist_ok=True)
    overrides = {
        "@jupyterlab/translation-extension:plugin": {"locale": LOCALES[lang]},
        "@jupyterlab/apputils-extension:notification": {"checkForUpdates": False, "fetchNews": "false"},
        # the first page, the guide and the data's cards are read, not written
        "@jupyterlab/docmanager-extension:plugin": {"defaultViewers": {"markdown": "Markdown Preview"}},
    }
    disabled = [NEWS] if teach else [NEWS, *HIDDEN_PLUGINS]
    (settings / "overrides.json").write_text(json.dumps(overrides, indent=2))
    (settings / "page_config.json").write_text(
        json.dumps({"disabledExtensions": dict.fromkeys(disabled, True)}, indent=2)
    )
    return settings


def install(prefix: Path) -> None:
    """Make a student's view the default of every JupyterLab of the environment at `prefix`.

    For Binder alone, which starts JupyterLab itself; `make lab` leaves the environment as it is.
    """
    etc = prefix / "etc/jupyter"
    server = {
        "ServerApp": {"jpserver_extensions": dict.fromkeys(HIDDEN_SERVERS, False)},
        "ContentsManager": {"hide_globs": list(HIDDEN)},
        "LabApp": {"extension_manager": "readonly"},
    }
    # read in the order of their names: after those of the packages
    for file, content in (
        (etc / "labconfig/page_config.json", {"disabledExtensions": dict.fromkeys((NEWS, *HIDDEN_PLUGINS), True)}),
        (etc / "jupyter_server_config.d/zz-mlprod.json", server),
    ):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(content, indent=2), encoding="utf-8")
