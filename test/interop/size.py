"""Data of many shapes as native Lance writes it, and a check of what we write of the same.

usage: size.py prepare DIRECTORY SAMPLE | size.py check DIRECTORY NAME...
"""

import json
import os
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from lance.file import LanceFileReader, LanceFileWriter

VERSIONS = ["2.1", "2.2"]


def words(random, count, vocabulary):
    letters = np.array(list("etaoinshrdlucmfwypvbgkqjxz"))
    known = ["".join(random.choice(letters, random.integers(2, 11))) for _ in range(vocabulary)]
    return lambda size: " ".join(known[i] for i in random.integers(0, vocabulary, size))


def with_nulls(values, random, share):
    return [None if gap else value for value, gap in zip(values, random.random(len(values)) < share)]


def shapes(n, seed):
    random = np.random.default_rng(seed)
    text = words(random, n, 800)
    columns = {}
    for name, kind in [("u8", np.uint8), ("i16", np.int16), ("i32", np.int32), ("i64", np.int64), ("u64", np.uint64)]:
        bits = np.iinfo(kind).bits
        kind_max = np.iinfo(kind).max
        columns[f"{name}_random"] = pa.array(random.integers(0, kind_max, n, dtype=kind, endpoint=True))
        columns[f"{name}_small"] = pa.array(random.integers(0, 2 ** (bits // 3), n).astype(kind))
        columns[f"{name}_sorted"] = pa.array(np.sort(random.integers(0, kind_max // 2, n)).astype(kind))
        columns[f"{name}_runs"] = pa.array(np.repeat(random.integers(0, 100, n // 20 + 1), 20)[:n].astype(kind))
        columns[f"{name}_long_runs"] = pa.array(np.repeat(random.integers(0, 100, n // 900 + 1), 900)[:n].astype(kind))
        columns[f"{name}_few"] = pa.array(random.choice(random.integers(0, kind_max, 9, dtype=kind), n))
        columns[f"{name}_constant"] = pa.array(np.full(n, 7, kind))
        columns[f"{name}_nulls"] = pa.array(with_nulls(random.integers(0, 100, n).tolist(), random, 0.3), pa.from_numpy_dtype(kind))
        columns[f"{name}_rare_null"] = pa.array(with_nulls(random.integers(0, 100, n).tolist(), random, 0.001), pa.from_numpy_dtype(kind))
        columns[f"{name}_constant_nulls"] = pa.array(with_nulls([7] * n, random, 0.5), pa.from_numpy_dtype(kind))
    columns["negative"] = pa.array(random.integers(-50, 50, n).astype(np.int32))
    columns["outlier"] = pa.array(np.where(random.random(n) < 0.0005, 2**40, random.integers(0, 100, n)))
    columns["timestamps"] = pa.array(1_700_000_000_000_000 + np.sort(random.integers(0, 10**12, n)), pa.timestamp("us"))
    columns["dates"] = pa.array(random.integers(15000, 20000, n).astype(np.int32), pa.date32())
    columns["f16"] = pa.array(random.random(n).astype(np.float16))
    columns["f32"] = pa.array(random.random(n).astype(np.float32))
    columns["f32_whole"] = pa.array(random.integers(0, 1000, n).astype(np.float32))
    columns["f64"] = pa.array(random.random(n))
    columns["f64_few"] = pa.array(random.choice(random.random(30), n))
    columns["f64_runs"] = pa.array(np.repeat(random.random(n // 50 + 1), 50)[:n])
    columns["bool"] = pa.array(random.random(n) < 0.5)
    columns["bool_runs"] = pa.array(np.repeat(random.random(n // 500 + 1) < 0.5, 500)[:n])
    columns["bool_true"] = pa.array(np.full(n, True))
    columns["bool_nulls"] = pa.array(with_nulls((random.random(n) < 0.1).tolist(), random, 0.9))
    columns["decimal_few"] = pa.array(random.choice(np.array([1, 2, 3]), n)).cast(pa.decimal128(30, 4))
    columns["decimal"] = pa.array(random.integers(0, 10**15, n)).cast(pa.decimal128(30, 4))
    columns["fsb"] = pa.array([random.bytes(12) for _ in range(n)], pa.binary(12))
    columns["fsb16_few"] = pa.array([[b"0123456789abcdef", b"fedcba9876543210"][i] for i in random.integers(0, 2, n)], pa.binary(16))
    columns["words"] = pa.array([text(1) for _ in range(n)])
    columns["sentences"] = pa.array([text(size) for size in random.integers(1, 25, n)])
    columns["sentences_nulls"] = pa.array(with_nulls([text(8) for _ in range(n)], random, 0.4))
    columns["paragraphs"] = pa.array([text(size) for size in random.integers(10, 90, n)])
    columns["large_text"] = pa.array([text(size) for size in random.integers(1, 25, n)], pa.large_string())
    columns["paths"] = pa.array([f"https://example.org/packages/{text(1)}/{i}.html" for i in range(n)])
    columns["numbers_as_text"] = pa.array([str(i) for i in random.integers(0, 10**9, n)])
    columns["hex"] = pa.array([random.bytes(16).hex() for _ in range(n)])
    columns["text_few"] = pa.array([["red", "green", "blue", "a somewhat longer colour"][i] for i in random.integers(0, 4, n)])
    columns["text_few_nulls"] = pa.array(with_nulls([["red", "green", "blue"][i] for i in random.integers(0, 3, n)], random, 0.5))
    columns["text_third"] = pa.array([f"value number {i}" for i in random.integers(0, n // 3 + 1, n)])
    columns["text_constant"] = pa.array(["the same everywhere"] * n)
    columns["text_constant_nulls"] = pa.array(with_nulls(["the same"] * n, random, 0.5))
    columns["text_empty"] = pa.array([""] * n)
    columns["text_runs"] = pa.array(np.repeat([text(3) for _ in range(n // 40 + 1)], 40)[:n].tolist())
    columns["binary"] = pa.array([random.bytes(size) for size in random.integers(0, 60, n)])
    columns["unicode"] = pa.array(["żółć " * (i % 4) + text(2) + " 漢字" for i in range(n)])
    columns["list_i32"] = pa.array([random.integers(0, 99, size).tolist() for size in random.integers(0, 6, n)], pa.list_(pa.int32()))
    columns["list_text"] = pa.array(with_nulls([[text(1) for _ in range(size)] for size in random.integers(0, 4, n)], random, 0.2))
    columns["list_empty"] = pa.array(with_nulls([[] for _ in range(n)], random, 0.3), pa.list_(pa.int32()))
    columns["list_sparse"] = pa.array([[i] if i % 50 == 0 else [] for i in range(n)], pa.list_(pa.int64()))
    columns["vector_small"] = pa.FixedSizeListArray.from_arrays(pa.array(random.random(n * 8).astype(np.float32)), 8)
    columns["vector_wide"] = pa.FixedSizeListArray.from_arrays(pa.array(random.random(n * 64).astype(np.float32)), 64)
    columns["all_null"] = pa.nulls(n, pa.int32())
    return pa.table(columns)


def documents(n, seed):
    random = np.random.default_rng(seed)
    text = words(random, n, 3000)
    return pa.table({
        "documents": pa.array([text(size) for size in random.integers(200, 9000, n)]),
        "documents_binary": pa.array([text(size).encode() for size in random.integers(200, 9000, n)]),
    })


def prepare(directory, sample):
    tables = {f"shapes_{n}": shapes(n, n) for n in [130, 5000, 40000]}
    tables["documents"] = documents(60, 4)
    tables["packages"] = pq.read_table(sample)
    for name, table in tables.items():
        table = table.combine_chunks()
        with pa.OSFile(os.path.join(directory, f"{name}.arrow"), "wb") as sink:
            with pa.ipc.new_file(sink, table.schema) as writer:
                writer.write_table(table)
        for version in VERSIONS:
            path = os.path.join(directory, f"{name}-{version}-native.lance")
            with LanceFileWriter(path, table.schema, version=version) as writer:
                writer.write_batch(table)
    print(json.dumps({name: table.column_names for name, table in tables.items()}))


def check(directory, names):
    bad = []
    for name in names:
        with pa.OSFile(os.path.join(directory, name.rsplit("-", 1)[0] + ".arrow")) as source:
            expected = pa.ipc.open_file(source).read_all()
        reader = LanceFileReader(os.path.join(directory, f"{name}.lance"))
        actual = reader.read_all(batch_size=7001).to_table()
        pick = sorted(np.random.default_rng(1).choice(expected.num_rows, 40, replace=False).tolist())
        taken = reader.take_rows(pick).to_table()
        for column in expected.column_names:
            want = expected[column].combine_chunks()
            if not actual[column].combine_chunks().equals(want):
                bad.append(f"{name} {column}")
            elif taken[column].to_pylist() != want.take(pa.array(pick)).to_pylist():
                bad.append(f"{name} {column} (take)")
    print(json.dumps(bad))


if sys.argv[1] == "prepare":
    prepare(sys.argv[2], sys.argv[3])
else:
    check(sys.argv[2], sys.argv[3:])
