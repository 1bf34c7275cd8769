"""The photos are those of the card, and the trained networks are those of metrics.json."""

import json
from hashlib import sha256

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from mlprod.errors import CourseError  # noqa: E402
from mlprod.systems import fashion  # noqa: E402

CARD = (fashion.folder() / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(("split", "count"), [("train", 10_000), ("valid", 2000), ("test", 3000)])
def test_photos(split, count):
    images, labels = fashion.load(split)
    assert images.shape == (count, 1, 28, 28) and images.dtype == torch.float32
    assert images.min() == 0 and images.max() == 1
    assert set(labels.tolist()) == set(range(10)) and len(labels) == count
    assert torch.bincount(labels).min() > count / 14  # every class is there, in about equal parts


def test_no_photo_is_in_two_splits():
    seen = [{image.tobytes() for image in fashion._pixels(split)[0]} for split in fashion.SPLITS]
    assert not seen[0] & seen[2] and not seen[1] & seen[2]


def test_an_unknown_split():
    with pytest.raises(ValueError, match="nothing"):
        fashion.load("nothing")


def test_the_card_says_the_checksums():
    for path in fashion.folder().iterdir():
        if path.suffix in (".parquet", ".pt"):
            assert path.stat().st_size < 5e6
            assert sha256(path.read_bytes()).hexdigest() in CARD, path.name


def test_the_networks_are_those_that_were_measured():
    metrics = json.loads((fashion.folder() / "metrics.json").read_text())["networks"]
    kept = {path.stem for path in fashion.folder().glob("*.pt")}
    assert kept == set(metrics) - {"longer"}
    images, labels = fashion.load("test")
    for name in kept:
        assert sha256((fashion.folder() / f"{name}.pt").read_bytes()).hexdigest() == metrics[name]["sha256"]
        right = fashion.hits(fashion.trained(name), images[:500], labels[:500]).mean()
        assert abs(right - metrics[name]["accuracy"][0]) < 0.05  # 500 photos: three standard errors


def test_shapes_come_back_from_the_weights():
    for network, name in ((fashion.cnn(3, 5, 7), "cnn"), (fashion.mlp(4, 6, inputs=9), "mlp")):
        again = fashion.build(name, network.state_dict())
        again.load_state_dict(network.state_dict())
        assert [p.shape for p in again.parameters()] == [p.shape for p in network.parameters()]


def test_sparse_has_nine_zeros_in_ten_and_all_its_biases():
    state = fashion.trained("sparse").state_dict()
    weights = torch.cat([part.flatten() for name, part in state.items() if name.endswith("weight")])
    assert abs(float((weights == 0).float().mean()) - 0.9) < 1e-4


def test_a_network_that_is_not_there(tmp_path):
    with pytest.raises(CourseError, match="cnn"):
        fashion.trained("cnn", tmp_path)


def test_training_is_seeded_and_keeps_what_after_step_restores():
    images, labels = fashion.load("valid")

    def learn():
        torch.manual_seed(0)
        network = fashion.mlp(8)

        def again():
            with torch.no_grad():
                network[1].weight[:, :100] = 0

        return fashion.train(network, images[:256], labels[:256], epochs=2, seed=3, after_step=again)

    one, two = learn(), learn()
    assert torch.equal(one[1].weight, two[1].weight)
    assert not one.training and (one[1].weight[:, :100] == 0).all() and (one[1].weight[:, 300:] != 0).any()


def test_a_teacher_is_given_to_the_loss():
    images, labels = fashion.load("valid")
    teacher = torch.arange(1280.0).view(128, 10)
    seen = []

    def loss(logits, target, hints):
        seen.append((target, hints))
        return torch.nn.functional.cross_entropy(logits, target)

    fashion.train(fashion.mlp(4), images[:128], labels[:128], epochs=1, seed=0, teacher=teacher, loss=loss)
    ((target, hints),) = seen
    assert torch.equal(labels[:128][(hints[:, 0] / 10).long()], target)  # each photo with its own hint


def test_hits_are_of_the_largest_logit():
    class Fixed(torch.nn.Module):
        def forward(self, x):
            return torch.eye(10)[torch.zeros(len(x), dtype=torch.long)]

    found = fashion.hits(Fixed(), torch.zeros(5, 1, 28, 28), torch.tensor([0, 1, 0, 2, 0]))
    assert found.tolist() == [True, False, True, False, True] and found.dtype == np.bool_
