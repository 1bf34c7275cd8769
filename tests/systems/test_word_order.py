"""The word-order checker: what a swap keeps, what padding does not change, and what the stored models are."""

import json
import random
from hashlib import sha256

import numpy as np
import pytest
import torch

from mlprod.systems import word_order, word_order_model
from mlprod.systems.word_order import FOLDER, PAD, Vocabulary

TEXTS = [["the", "package", "is", "ready", ".", "run"], ["a", "server", "needs", "the", "package", "now"]]


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def checker():
    torch.manual_seed(0)
    return word_order_model.Checker(vocabulary=12, width=8, layers=2, heads=2).eval()


def test_a_swap_keeps_the_words_and_moves_two_near_each_other():
    words = ["if", "you", "run", "the", "command", "as", "root", ",", "be", "careful", "with", "the", "disk"]
    for seed in range(200):
        swapped, (i, j) = word_order.swap(words, random.Random(seed))
        assert sorted(swapped) == sorted(words)
        assert [k for k in range(len(words)) if swapped[k] != words[k]] == [i, j]
        assert 0 < j - i <= word_order.FARTHEST
        assert words[i].isalpha() and words[j].isalpha()


def test_nothing_to_swap():
    assert word_order.swap([",", "the", "the", "."], random.Random(0)) is None


def test_the_test_has_each_sentence_as_written_and_swapped():
    texts, labels = word_order.pairs()
    assert len(texts) == len(labels) and labels.mean() == 0.5
    for written, swapped in zip(texts[::2], texts[1::2], strict=True):
        assert sorted(written) == sorted(swapped) and written != swapped


def test_no_sentence_is_in_both_parts():
    train = {" ".join(words) for words in word_order.sentences("train")}
    test = [" ".join(words) for words in word_order.sentences("test")]
    assert sum(text in train for text in test) < 0.01 * len(test)  # a few formulas of the book come again


def test_a_rare_word_becomes_its_ending():
    vocabulary = Vocabulary(["<pad>", "<unk>", "the", "~age"])
    assert vocabulary.encode(["the", "package", "zoo"]) == [2, 3, 1]
    assert vocabulary.batch([["the"], ["the", "zoo"]], length=3).tolist() == [[2, PAD, PAD], [2, 1, PAD]]


def test_padding_changes_no_answer(checker):
    ids = torch.tensor([[3, 4, 5, 6]])
    padded = torch.tensor([[3, 4, 5, 6, PAD, PAD, PAD]])
    with torch.inference_mode():
        assert torch.allclose(checker(ids), checker(padded), atol=1e-5)
        assert not torch.allclose(checker(ids), checker(torch.tensor([[3, 5, 4, 6]])), atol=1e-5)


def test_in_groups_answers_in_the_order_of_the_texts():
    vocabulary = Vocabulary(["<pad>", "<unk>", *sorted({word for words in TEXTS for word in words})])
    texts = [words[:length] for length in (5, 3, 6, 3) for words in TEXTS]

    def program(ids):
        return np.stack([np.zeros(len(ids)), (ids == vocabulary.ids["server"]).sum(1) - 0.5], 1)

    assert word_order.in_groups(program, texts, vocabulary, size=2).tolist() == [0, 1] * 4


def test_where_the_teacher_agrees_the_soft_loss_and_its_gradient_are_zero():
    logits = torch.randn(3, 5, requires_grad=True)
    loss = word_order_model._soft(logits, logits.detach(), temperature=2.0)
    loss.sum().backward()
    assert loss.abs().max() < 1e-5 and logits.grad.abs().max() < 1e-5


def test_training_learns_a_rule_that_a_few_sentences_show():
    vocabulary = Vocabulary(["<pad>", "<unk>", *"abcdefgh"])
    texts = [list("abcdefgh"[i : i + 6]) for i in (0, 1, 2)] * 20
    model = word_order_model.new(texts, vocabulary, width=16, layers=1)
    word_order_model.train(model, word_order_model.passes(texts, vocabulary), epochs=30, rate=1e-2, dropped=0.0)
    written = word_order_model.predict(model, texts[:3], vocabulary)
    swapped = word_order_model.predict(
        model, [words[:2] + words[2:4][::-1] + words[4:] for words in texts[:3]], vocabulary
    )
    assert written.max() < swapped.min()


@pytest.mark.parametrize("name", ["teacher", "half", "small"])
def test_the_stored_models_are_those_of_the_card(name):
    path = FOLDER / f"{name}.npz"
    assert sha256(path.read_bytes()).hexdigest() in (FOLDER / "README.md").read_text(encoding="utf-8")
    texts, labels = word_order.pairs()
    model, vocabulary = word_order_model.load(name), Vocabulary.load()
    right = (word_order_model.predict(model, texts[:400], vocabulary) > 0) == labels[:400]
    assert right.mean() > 0.65


def test_the_control_is_paired():
    metrics = json.loads((FOLDER / "metrics.json").read_text())
    assert len(metrics["small/taught"]) == len(metrics["small/alone"]) >= 5
