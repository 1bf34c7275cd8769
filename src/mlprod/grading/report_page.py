"""A class's report as files: a page, and the gradebooks' CSV."""

from __future__ import annotations

from pathlib import Path

from mlprod.grading import gradebook_csv
from mlprod.grading.class_report import Report
from mlprod.grading.report_tables import closing, opening, tables
from mlprod.grading.report_words import WORDS
from mlprod.language import Language

FOLDER = Path("grading", "reports")
TEMPLATE = "class_report.html.j2"


def write(root: Path, report: Report, lang: Language) -> Path:
    """Write grading/reports/ASSIGNMENT/{index.html, moodle.csv, canvas.csv, items.csv}; the path of the page."""
    folder = root / FOLDER / report.data.assignment
    folder.mkdir(parents=True, exist_ok=True)
    files = {
        "index.html": page(report, lang),
        "moodle.csv": gradebook_csv.moodle(report.data),
        "canvas.csv": gradebook_csv.canvas(report.data),
        "items.csv": gradebook_csv.items(report.data),
    }
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder / "index.html"


def page(report: Report, lang: Language) -> str:
    """The page: no script, nothing loaded from elsewhere, whatever students wrote as text."""
    from jinja2 import Environment, FileSystemLoader

    environment = Environment(loader=FileSystemLoader(Path(__file__).parent / "templates"), autoescape=True)
    return environment.get_template(TEMPLATE).render(
        lang=lang,
        words=WORDS[lang],
        assignment=report.data.assignment,
        opening=opening(report, lang),
        closing=closing(report, lang),
        tables=tables(report, lang),
    )
