"""Trains the word-order checkers of unit 06 on the text of next_word: vocabulary.json, *.npz and metrics.json.

    python datasets/word_order/make.py              # all of it: some six minutes of one idle core
    python datasets/word_order/make.py teacher      # one stage: teacher, taught, half, alone
    python datasets/word_order/make.py --check      # trains nothing: are the files there as good as metrics.json says?

Seeded; on another machine the weights come out a little different, and the metrics close.
"""

import argparse
import json
import sys
from hashlib import sha256
from itertools import cycle, islice
from time import process_time

import numpy as np
import torch

from mlprod.systems import word_order, word_order_model
from mlprod.systems.word_order import FOLDER, Vocabulary
from mlprod.systems.word_order_model import Checker

TEACHER = {"width": 128, "layers": 4}
SMALL = {"width": 64, "layers": 1}
TEACHER_EPOCHS, HALF_EPOCHS, SMALL_EPOCHS = 8, 2, 4
PASSES = 3  # over the text, with other swaps each, that the teacher labels for its students
SEEDS = 5
ALPHA = 0.7
STAGES = ("teacher", "taught", "half", "alone")
STORED = {"teacher": "teacher", "half": "half/taught", "small": "small/taught"}  # file: its first run in metrics.json


def right(model: Checker, vocabulary: Vocabulary) -> np.ndarray:
    """Which sentences of the test the model is right about, (2n,) bool."""
    texts, labels = word_order.pairs()
    return (word_order_model.predict(model, texts, vocabulary) > 0) == labels


def trained(model, data, started, **how):
    """Train and say how it goes; (model, CPU seconds)."""
    begin = process_time()

    def progress(epoch, epochs):
        print(f"  {epoch}/{epochs} {process_time() - started:.0f} s", flush=True)

    word_order_model.train(model, data, progress=progress, **how)
    word_order_model.calibrate(model, Vocabulary.load())
    return model, process_time() - begin


def half_of(teacher: Checker) -> Checker:
    """A student of the same width and half the layers, which starts from every other layer of the teacher."""
    student = Checker(**{**teacher.settings, "layers": teacher.settings["layers"] // 2})
    weights = {key: value for key, value in teacher.state_dict().items() if not key.startswith("layers.")}
    for key, value in teacher.state_dict().items():
        if key.startswith("layers."):
            _, number, rest = key.split(".", 2)
            if int(number) % 2 == 0:
                weights[f"layers.{int(number) // 2}.{rest}"] = value
    student.load_state_dict(weights)
    return student


def main(stages: list[str]) -> None:
    torch.set_num_threads(1)
    started = process_time()
    target = FOLDER / "metrics.json"
    texts = word_order.sentences("train")
    vocabulary = Vocabulary.of(texts)
    (FOLDER / "vocabulary.json").write_text(json.dumps(vocabulary.words, ensure_ascii=False))
    mine = {}

    def note(**found):
        """Add to metrics.json, where another stage may write at the same time."""
        mine.update(found)
        metrics = json.loads(target.read_text()) if target.exists() else {}
        target.write_text(json.dumps({**metrics, **mine}, indent=1))

    def keep(name, model, seconds, path=None):
        hits = right(model, vocabulary)
        runs = [*mine.get(name, []), {"right": int(hits.sum()), "of": len(hits), "cpu_seconds": round(seconds)}]
        note(**{name: runs})
        print(name, hits.mean(), round(seconds), "s", flush=True)
        if path:
            word_order_model.save(model, path)

    def students(arm, data, alpha):
        for seed in range(SEEDS):
            student = word_order_model.new(texts, vocabulary, **SMALL, seed=seed)
            how = {"epochs": SMALL_EPOCHS, "alpha": alpha, "seed": seed, "rate": 3e-3}
            run = trained(student, cycle(data), started, **how)
            keep(f"small/{arm}", *run, "small" if (arm, seed) == ("taught", 0) else None)

    if "teacher" in stages:
        teacher = word_order_model.new(texts, vocabulary, **TEACHER)
        data = word_order_model.passes(texts, vocabulary)
        run = trained(teacher, data, started, epochs=TEACHER_EPOCHS, rate=2e-3)
        keep("teacher", *run, "teacher")
    plain = list(islice(word_order_model.passes(texts, vocabulary, seed=1), PASSES))
    if {"taught", "half"} & set(stages):
        teacher = word_order_model.load("teacher")
        begin = process_time()
        taught = [word_order_model.teach(teacher, batches) for batches in plain]
        note(labelling_cpu_seconds=round(process_time() - begin))
    if "taught" in stages:
        students("taught", taught, ALPHA)
    if "half" in stages:
        student = half_of(teacher)
        run = trained(student, cycle(taught), started, epochs=HALF_EPOCHS, alpha=ALPHA, rate=1e-3)
        keep("half/taught", *run, "half")
    if "alone" in stages:
        students("alone", plain, 0.0)
    for file in sorted(FOLDER.glob("*.npz")) + [FOLDER / "vocabulary.json", target]:
        print(file.name, file.stat().st_size, sha256(file.read_bytes()).hexdigest())


def check() -> bool:
    """Whether the stored models are right about as many test sentences as metrics.json says, within three of them."""
    vocabulary, metrics, good = Vocabulary.load(), json.loads((FOLDER / "metrics.json").read_text()), True
    for name, run in STORED.items():
        hits = right(word_order_model.load(name), vocabulary)
        said = metrics[run][0]
        close = len(hits) == said["of"] and abs(int(hits.sum()) - said["right"]) <= 3
        good = good and close
        print(f"{name:12} {hits.sum()} of {len(hits)} {'ok' if close else f'DIFFERENT: {said}'}")
    return good


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stages", nargs="*", help=f"of {', '.join(STAGES)}; all without any")
    parser.add_argument("--check", action="store_true", help="only look at the files that are there")
    options = parser.parse_args()
    if unknown := set(options.stages) - set(STAGES):
        parser.error(f"no stage {', '.join(sorted(unknown))}: there are {', '.join(STAGES)}")
    if options.check:
        sys.exit(not check())
    main(options.stages or list(STAGES))
