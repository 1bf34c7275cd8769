"""Makes train.parquet and held_out.parquet from Debian's package: python datasets/fashion/make_images.py

`apt-get install dataset-fashion-mnist` first (or unpack it, and say where: `--source FOLDER`). Byte-identical each time
with the same pyarrow.
"""

import argparse
import gzip
from hashlib import sha256
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

HERE = Path(__file__).parent
SOURCE = Path("/usr/share/datasets/fashion-mnist")
TRAIN, VALID, TEST = 10_000, 2000, 3000
HEADERS = {"images": 16, "labels": 8}  # bytes before the data, in the IDX format


def read(source: Path, name: str, what: str) -> np.ndarray:
    """Images as (n, 784) bytes, or labels as (n,)."""
    with gzip.open(source / f"{name}-{what}-idx{3 if what == 'images' else 1}-ubyte.gz") as file:
        data = np.frombuffer(file.read(), np.uint8, offset=HEADERS[what])
    return data.reshape(-1, 784) if what == "images" else data


def table(images: np.ndarray, labels: np.ndarray, split: str) -> pa.Table:
    """One row an image."""
    return pa.table(
        {
            "split": pa.array([split] * len(images)),
            "label": pa.array(labels, pa.uint8()),
            "pixels": pa.array([row.tobytes() for row in images], pa.binary(784)),
        }
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--source", type=Path, default=SOURCE)
    source = parser.parse_args().source
    images, labels = read(source, "train", "images"), read(source, "train", "labels")
    later = slice(TRAIN, TRAIN + VALID)
    test = read(source, "t10k", "images")[:TEST], read(source, "t10k", "labels")[:TEST]
    files = {
        "train.parquet": table(images[:TRAIN], labels[:TRAIN], "train"),
        "held_out.parquet": pa.concat_tables([table(images[later], labels[later], "valid"), table(*test, "test")]),
    }
    for name, rows in files.items():
        path = HERE / name
        pq.write_table(rows.combine_chunks(), path, compression="zstd", compression_level=22, use_dictionary=["split"])
        print(f"{name}: {len(rows)} images, {path.stat().st_size} bytes, {sha256(path.read_bytes()).hexdigest()}")


if __name__ == "__main__":
    main()
