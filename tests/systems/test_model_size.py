"""Sizes that can be counted by hand."""

import gzip

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402

from mlprod.systems import model_size  # noqa: E402


def test_macs_of_a_convolution_a_grouped_one_and_a_linear_layer():
    network = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1),
        nn.Conv2d(8, 8, 3, groups=8, stride=2, padding=1),
        nn.Flatten(),
        nn.Linear(128, 5),
    )
    example = torch.zeros(4, 3, 8, 8)  # the size of the batch does not count
    by_hand = 8 * 8 * 8 * (3 * 9) + 8 * 4 * 4 * 9 + 128 * 5
    assert model_size.macs(network, example) == by_hand
    assert model_size.parameters(network) == (8 * 27 + 8) + (8 * 9 + 8) + (128 * 5 + 5)


def test_a_layer_that_is_used_twice_counts_twice_and_its_parameters_once():
    layer = nn.Linear(4, 4, bias=False)
    network = nn.Sequential(layer, layer)
    assert model_size.macs(network, torch.zeros(1, 4)) == 32
    assert model_size.parameters(network) == 16


def test_it_leaves_the_network_as_it_was():
    network = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4)).train()
    before = network[1].running_mean.clone()
    model_size.macs(network, torch.ones(2, 4))
    assert network.training and torch.equal(network[1].running_mean, before)
    assert not network[0]._forward_hooks


def test_zeros_shrink_only_the_gzipped_file():
    torch.manual_seed(0)
    network = nn.Linear(200, 200)
    full = model_size.size_of(network, torch.zeros(1, 200))
    with torch.no_grad():
        network.weight[network.weight.abs() < network.weight.abs().quantile(0.9)] = 0
    pruned = model_size.size_of(network, torch.zeros(1, 200))
    assert pruned.nonzero < 0.12 * full.nonzero and pruned.parameters == full.parameters
    assert pruned.macs == full.macs == 40_000
    assert abs(pruned.disk - full.disk) < 100  # names and alignment
    assert pruned.gzipped < full.gzipped / 3


def test_arrays_keep_their_own_type_on_disk():
    wide, narrow = ({"w": np.zeros(10_000, kind)} for kind in (np.float32, np.int8))
    assert 40_000 < model_size.disk(wide)[0] < 41_000
    assert 10_000 < model_size.disk(narrow)[0] < 11_000


def test_files_and_bytes(tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(b"x" * 1000)
    assert model_size.disk(path) == model_size.disk(b"x" * 1000) == (1000, len(gzip.compress(b"x" * 1000, 6, mtime=0)))
    with pytest.raises(TypeError, match="int"):
        model_size.disk(3)
