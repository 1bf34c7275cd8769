"""The example of CONTRIBUTING.md is a source that reads, builds and passes the linter."""

import re
from pathlib import Path

from mlprod.authoring.build import build
from mlprod.authoring.lint import check
from mlprod.authoring.source import load

PAGE = Path(__file__).resolve().parents[2] / "CONTRIBUTING.md"


def test_the_example_is_true(tiny):
    example = re.search(r"```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)[1]
    path = tiny.root / "solutions" / "05_queues.py"
    path.write_text(example, encoding="utf-8")
    lesson = tiny.lesson.read_text(encoding="utf-8").replace('unit: "03"', 'unit: "05"').replace("(3.1)", "(5.1)")
    (tiny.root / "lessons" / path.name).write_text(lesson, encoding="utf-8")
    with (tiny.root / "lessons" / "syllabus.yml").open("a", encoding="utf-8") as syllabus:
        syllabus.write('- {id: 10, unit: "05", es: a, en: b}\n')
    build(tiny.root)
    assert [str(finding) for finding in check(tiny.root)] == []
    source = load(path)
    exec_answers(source)


def exec_answers(source):
    """Each answer earns what the page says that it earns."""
    from zlib import crc32

    from mlprod import checks, tr

    task = source.tasks["partition_for"]
    for cell, score in [
        (task.answer, 3),
        *((wrong, wrong.score) for wrong in task.wrongs),
        *((r, 3) for r in task.rights),
    ]:
        earned = 0
        for test in task.tests:
            names = {"crc32": crc32, "checks": checks, "tr": tr}
            exec(cell.source, names)
            try:
                exec(test.source, names)
                earned += test.points
            except AssertionError:
                pass
        assert earned == score, cell
