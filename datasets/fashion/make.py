"""Makes the trained networks of unit 06 and metrics.json: `make models`, or python datasets/fashion/make.py

Seeded; some six minutes on one core. Training in floating point is not byte-identical between machines or versions: a
new run gives other files, and accuracies that differ by less than their standard error. `--check` compares the files
that are there with the checksums in metrics.json and measures them again.
"""

import argparse
import json
import re
import sys
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
import torch
from torch import nn

from mlprod.systems import fashion

HERE = Path(__file__).parent
SEEDS = 3
EPOCHS, RATE = 10, 3e-3
TUNING_EPOCHS, TUNING_RATE = 4, 1e-3
SPARSITY, RANK = 0.9, 16
HALF = fashion.SIZES["half"]
KINDS = ("mlp", "cnn", "alone", "distilled", "pruned", "factored", "sparse", "longer")
TEMPERATURE, SHARE = 4.0, 0.9  # of the distillation: softening, and weight of what the teacher says


def fresh(build: Callable[..., nn.Module], *sizes: int, seed: int) -> nn.Module:
    """A network whose initial weights depend on `seed` alone."""
    torch.manual_seed(seed)
    return build(*sizes)


def keep(network: nn.Sequential, sizes: tuple[int, int, int]) -> nn.Sequential:
    """The same network with the units of each hidden layer whose incoming weights are largest (L1), `sizes` of them."""
    first, second, hidden, out = (network[i] for i in (0, 3, 7, 9))
    small = fashion.cnn(*sizes)
    kept = [
        layer.weight.flatten(1).abs().sum(1).topk(size).indices.sort().values
        for layer, size in zip((first, second, hidden), sizes, strict=True)
    ]
    cells = (fashion.SIDE // 4) ** 2  # a channel is this many inputs of the hidden layer
    flat = (kept[1][:, None] * cells + torch.arange(cells)).flatten()
    with torch.no_grad():
        small[0].weight.copy_(first.weight[kept[0]])
        small[0].bias.copy_(first.bias[kept[0]])
        small[3].weight.copy_(second.weight[kept[1]][:, kept[0]])
        small[3].bias.copy_(second.bias[kept[1]])
        small[7].weight.copy_(hidden.weight[kept[2]][:, flat])
        small[7].bias.copy_(hidden.bias[kept[2]])
        small[9].weight.copy_(out.weight[:, kept[2]])
        small[9].bias.copy_(out.bias)
    return small


def factor(network: nn.Sequential, rank: int) -> nn.Sequential:
    """The hidden layer replaced by the two factors of its truncated singular value decomposition."""
    result = fashion.cnn(*fashion.SIZES["cnn"])
    result.load_state_dict(network.state_dict())
    hidden = result[7]
    u, s, v = torch.linalg.svd(hidden.weight.detach(), full_matrices=False)
    result[7] = nn.Sequential(nn.Linear(hidden.in_features, rank, bias=False), nn.Linear(rank, hidden.out_features))
    with torch.no_grad():
        result[7][0].weight.copy_(s[:rank, None].sqrt() * v[:rank])
        result[7][1].weight.copy_(u[:, :rank] * s[:rank].sqrt())
        result[7][1].bias.copy_(hidden.bias)
    return result


def sparse(network: nn.Sequential, sparsity: float) -> tuple[nn.Sequential, Callable[[], None]]:
    """A copy whose smallest weights (all layers together, no biases) are zero, and what puts them back to zero."""
    result = fashion.cnn(*fashion.SIZES["cnn"])
    result.load_state_dict(network.state_dict())
    weights = [part for name, part in result.named_parameters() if name.endswith("weight")]
    sizes = torch.cat([part.detach().abs().flatten() for part in weights])
    border = sizes.kthvalue(round(sparsity * len(sizes))).values
    masks = [part.detach().abs() > border for part in weights]

    def again() -> None:
        with torch.no_grad():
            for part, mask in zip(weights, masks, strict=True):
                part.mul_(mask)

    again()
    return result, again


def distillation(logits: torch.Tensor, labels: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
    """Hinton et al. (2015): what the softened teacher says, scaled by the temperature squared, and the labels."""
    soft = nn.functional.kl_div(
        (logits / TEMPERATURE).log_softmax(1), (teacher / TEMPERATURE).softmax(1), reduction="batchmean"
    )
    return SHARE * TEMPERATURE**2 * soft + (1 - SHARE) * nn.functional.cross_entropy(logits, labels)


class Workshop:
    """Trains one kind of network after another, and writes what came out after each: an interruption loses one kind."""

    def __init__(self, seeds: int, into: Path) -> None:
        self.seeds, self.into = seeds, into
        # what is tuned from the big network differs in the order of the examples alone: three will do at most
        self.few = min(seeds, 3)
        self.images, self.labels = fashion.load("train")
        self.test = fashion.load("test")

    def learn(self, network: nn.Module, seed: int, label: str, **how: Any) -> nn.Module:
        how = {"epochs": EPOCHS, "rate": RATE, **how}
        return fashion.train(network, self.images, self.labels, seed=seed, label=f"{label} {seed}", **how)

    def tune(self, network: nn.Module, seed: int, label: str, **how: Any) -> nn.Module:
        return self.learn(network, seed, label, epochs=TUNING_EPOCHS, rate=TUNING_RATE, **how)

    def big(self) -> nn.Sequential:
        return fashion.trained("cnn", self.into)

    def mlp(self) -> list[nn.Module]:
        return [self.learn(fresh(fashion.mlp, 300, 100, seed=s), s, "mlp", rate=1e-3) for s in range(self.seeds)]

    def cnn(self) -> list[nn.Module]:
        return [self.learn(fresh(fashion.cnn, *fashion.SIZES["cnn"], seed=0), 0, "cnn")]

    def alone(self) -> list[nn.Module]:
        return [self.learn(fresh(fashion.cnn, *HALF, seed=s), s, "alone") for s in range(self.seeds)]

    def distilled(self) -> list[nn.Module]:
        how = {"teacher": fashion.logits(self.big(), self.images), "loss": distillation}
        return [self.learn(fresh(fashion.cnn, *HALF, seed=s), s, "distilled", **how) for s in range(self.seeds)]

    def pruned(self) -> list[nn.Module]:
        return [self.tune(keep(self.big(), HALF), s, "pruned") for s in range(self.seeds)]

    def factored(self) -> list[nn.Module]:
        return [self.tune(factor(self.big(), RANK), s, "factored") for s in range(self.few)]

    def sparse(self) -> list[nn.Module]:
        made = []
        for seed in range(self.few):
            network, again = sparse(self.big(), SPARSITY)
            made.append(self.tune(network, seed, "sparse", after_step=again))
        return made

    def longer(self) -> list[nn.Module]:
        """The control of all that is tuned: the big network, trained as much longer. Its file is not kept."""
        return [self.tune(self.big(), 0, "longer")]

    def make(self, name: str) -> None:
        began = process_time()
        networks = getattr(self, name)()
        seconds = (process_time() - began) / len(networks)
        accuracy = [float(fashion.hits(network, *self.test).mean()) for network in networks]
        found: dict[str, Any] = {"accuracy": [round(each, 4) for each in accuracy], "train_cpu_s": round(seconds, 1)}
        if name != "longer":
            state = {key: part.detach().clone() for key, part in networks[0].state_dict().items()}
            torch.save(state, self.into / f"{name}.pt")
            found["sha256"] = sha256((self.into / f"{name}.pt").read_bytes()).hexdigest()
        print(f"{name:12} {np.mean(accuracy):.4f} {seconds:6.1f} s a network", flush=True)
        self._write(name, found)

    def _write(self, name: str, found: dict[str, Any]) -> None:
        path = self.into / "metrics.json"
        before = json.loads(path.read_text())["networks"] if path.exists() else {}
        networks = {kind: {**before, name: found}[kind] for kind in KINDS if kind in {**before, name: found}}
        about = {"test_images": len(self.test[0]), "torch": torch.__version__, "networks": networks}
        path.write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")


def make(seeds: int = SEEDS, into: Path = HERE, kinds: Sequence[str] = KINDS) -> None:
    """Train `kinds`, those of the first seed into files in `into`, and write the accuracies of all seeds."""
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)  # weights that decay towards zero would slow everything down
    workshop = Workshop(seeds, into)
    for kind in KINDS:
        if kind in kinds:
            workshop.make(kind)


def update_card() -> None:
    """Write sizes, checksums and accuracies of the files that are there into README.md."""
    card = HERE / "README.md"
    text = card.read_text(encoding="utf-8")
    for name, said in json.loads((HERE / "metrics.json").read_text())["networks"].items():
        path = HERE / f"{name}.pt"
        if path.exists():
            facts = f"{path.stat().st_size} | `{sha256(path.read_bytes()).hexdigest()}` |"
            text = re.sub(rf"(\| `{name}\.pt` \|.*\| )\d+ \| `[0-9a-f]{{64}}` \|", rf"\g<1>{facts}", text)
        percent = 100 * np.array(said["accuracy"])
        row = f"| `{name}` | {len(percent)} | {percent.mean():.1f} | {percent.min():.1f} | {percent.max():.1f} | "
        text = re.sub(rf"^\| `{name}` \| \d+ \|.*$", f"{row}{said['train_cpu_s']} |", text, flags=re.MULTILINE)
    card.write_text(text, encoding="utf-8")


def check() -> bool:
    """Whether the files are those of metrics.json, and as good as it says."""
    torch.set_num_threads(1)
    metrics = json.loads((HERE / "metrics.json").read_text())
    test, good = fashion.load("test"), True
    for name, said in metrics["networks"].items():
        path = HERE / f"{name}.pt"
        if not path.exists():
            continue
        same = sha256(path.read_bytes()).hexdigest() == said["sha256"]
        accuracy = float(fashion.hits(fashion.trained(name), *test).mean())
        close = abs(accuracy - said["accuracy"][0]) < 2 / len(test[0])
        good = good and same and close
        print(f"{name:12} {accuracy:.4f} {'ok' if same and close else 'DIFFERENT'}")
    return good


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="only look at the files that are there")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="networks of each kind (default: %(default)s)")
    parser.add_argument(
        "--kinds", nargs="+", choices=KINDS, default=KINDS, help="which (all but cnn and mlp need cnn.pt)"
    )
    options = parser.parse_args()
    if options.check:
        sys.exit(not check())
    make(options.seeds, kinds=options.kinds)
    update_card()


if __name__ == "__main__":
    main()
