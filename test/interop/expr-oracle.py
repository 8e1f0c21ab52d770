"""Writes a random table as Arrow IPC and native Lance's answers to random filters as JSON.

usage: expr-oracle.py OUTPUT_DIRECTORY NUMBER_OF_FILTERS SEED
"""

import json
import random
import re
import struct
import sys

import lance
import numpy as np
import pyarrow as pa

out, count, seed = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
rng = random.Random(seed)
ROWS = 211


def f64(bits):
    return struct.unpack("<d", struct.pack("<Q", bits))[0]


FLOATS = [0.0, -0.0, 1.5, -1.5, 0.1, 1e300, -1e300, 5e-324, float("inf"), float("-inf"), float("nan"), f64(0xFFF8000000000000), 2.0, 25.0]
TEXTS = ["", "a", "b", "ab", "ab%", "a_b", "a\\b", "é", "éa", "日本", "A", "AB", "zeta10", "zeta1", "x" * 40, "it's", "😀b", "a\nb"]


def column(pool, kind, p_null=0.15):
    return pa.array([None if rng.random() < p_null else rng.choice(pool) for _ in range(ROWS)], kind)


def ints(bits, signed):
    low, high = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)
    pool = [v for v in (low, high, 0, 1, 2, 3, 5, 7, 10, -1, -5, low + 1, high - 1, 1 << 31, (1 << 32) - 1, 1 << 32, (1 << 53) + 1) if low <= v <= high]
    return pool


with np.errstate(all="ignore"):
    F32 = [float(np.float32(v)) for v in FLOATS]
HALF_POOL = [0.0, -0.0, 1.5, -1.5, 0.0999755859375, float("inf"), float("-inf"), float("nan"), 2.0, 25.0]
half = np.array([rng.choice(HALF_POOL) for _ in range(ROWS)], dtype=np.float16)
TICKS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
SECONDS = [0, 1, -1, 1577836800, 1600000000, 1700000000, -86400]


def ticks(unit):
    return [s * TICKS[unit] + d for s in SECONDS for d in (0, 1, -1)]


columns = {
    "id": pa.array(range(ROWS), pa.int64()),
    "i8": column(ints(8, True), pa.int8()),
    "i16": column(ints(16, True), pa.int16()),
    "i": column(ints(32, True), pa.int32()),
    "l": column(ints(64, True), pa.int64()),
    "u8": column(ints(8, False), pa.uint8()),
    "u16": column(ints(16, False), pa.uint16()),
    "u32": column(ints(32, False), pa.uint32()),
    "u": column(ints(64, False), pa.uint64()),
    "f": column(FLOATS, pa.float64()),
    "f2": column(FLOATS, pa.float64()),
    "g": column(F32, pa.float32()),
    "h": pa.array(half, pa.float16()),
    "s": column(TEXTS, pa.string()),
    "s2": column(TEXTS, pa.string(), 0.0),
    "ls": column(TEXTS, pa.large_string()),
    "b": column([True, False], pa.bool_()),
    "b2": column([True, False], pa.bool_(), 0.0),
    "d": column([0, 1, -1, 18000, 19000, 365], pa.date32()),
    "d64": column([0, 86400000, -86400000, 18000 * 86400000], pa.date64()),
    **{f"t{unit}": column(ticks(unit), pa.timestamp(unit)) for unit in TICKS},
    "tz": column(ticks("us"), pa.timestamp("us", "UTC")),
    "n": pa.nulls(ROWS, pa.int32()),
}
table = pa.table(columns)
INTS = {"i8": (8, True), "i16": (16, True), "i": (32, True), "l": (64, True), "u8": (8, False), "u16": (16, False), "u32": (32, False), "u": (64, False)}
DATES = ["date '1970-01-01'", "date '1970-01-02'", "date '2019-04-14'", "date '1969-12-31'"]
TIMES = ["1970-01-01 00:00:00", "1970-01-01 00:00:01", "2020-01-01 00:00:00", "2020-01-01T00:00:00.001", "2023-11-14 22:13:20.000001", "1969-12-31 23:59:59.999999", "2020-01-01 02:00:00+02:00", "2020-01-01T00:00:00Z", "2020-01-01", "2023-11-14 22:13:19.5"]
PATTERNS = ["%", "a%", "%b", "%a%", "a_b", "_", "__", "a%b", "ab\\%", "a\\_b", "a\\\\b", "%%", "", "a", "zeta1%", "_b%", "%é%", "a\\b", "%_%", "A%", "é%", "%a%b%", "😀_", "a.b", "ab\\%%"]


def quote(text):
    return "'" + text.replace("'", "''") + "'"


def literal(name):
    if rng.random() < 0.02:
        return "null"
    if name in INTS:
        value = rng.choice(ints(*INTS[name]))
        # Native reads the smallest int64 as a double, and refuses it.
        return str(max(value, -(2**63) + 1))
    if name in ("f", "f2", "g"):
        # 0.1 has no exact float or half: native rounds it to the column's type, but not below a NOT.
        some = ["0", "-0.0", "0.0", "1.5", "-1.5", "2", "25", "-3"]
        return rng.choice(some if name == "g" else [*some, "0.1", "1e300", "cast('nan' as double)", "cast('inf' as double)"])
    if name == "h":
        return rng.choice(["0", "-0.0", "1.5", "2", "25", "-3"])
    if name in ("s", "s2", "ls"):
        return quote(rng.choice(TEXTS))
    if name in ("b", "b2"):
        return rng.choice(["true", "false"])
    if name in ("d", "d64"):
        return rng.choice(DATES)
    if name == "n":
        return "3"
    return f"{precision} {quote(rng.choice(TIMES))}"


OPS = ["=", "!=", "<", "<=", ">", ">=", "<>", "=="]
NAMES = [n for n in columns if n != "id"]
PAIRS = [("i", "l"), ("i", "i8"), ("u8", "i16"), ("f", "f2"), ("f", "g"), ("s", "s2"), ("s", "ls"), ("b", "b2"), ("u32", "u"), ("i", "f"), ("l", "u32"), ("ts", "tus"), ("tms", "tns"), ("d", "tus"), ("u", "l"), ("g", "g")]


def leaf():
    # One precision per condition: of several, native cuts all to the coarsest, which loses rows.
    global precision
    precision = rng.choice(["timestamp", "timestamp", "timestamp(3)", "timestamp(9)", "timestamp(0)"])
    name = rng.choice(NAMES)
    kind = rng.random()
    op = rng.choice(OPS)
    not_ = rng.choice(["", "NOT "])
    if kind < 0.35:
        return f"{name} {op} {literal(name)}" if rng.random() < 0.8 else f"{literal(name)} {op} {name}"
    if kind < 0.47:
        return f"{name} {not_}IN ({', '.join(literal(name) for _ in range(rng.choice([1, 2, 3, 4, 6, 9])))})"
    if kind < 0.55:
        return f"{name} {not_}BETWEEN {literal(name)} AND {literal(name)}"
    if kind < 0.62:
        return f"{name} IS {not_}NULL"
    if kind < 0.67:
        return rng.choice(["b", "b2", "b IS TRUE", "b IS NOT TRUE", "b IS FALSE", "b IS NOT FALSE", "b > false", "b <= true", "b < true"])
    text = rng.choice(["s", "s2", "ls"])
    if kind < 0.78:
        return f"{text} {not_}{rng.choice(['LIKE', 'LIKE', 'ILIKE'])} {quote(rng.choice(PATTERNS))}"
    if kind < 0.84:
        call = rng.choice(["starts_with", "ends_with", "contains"])
        return f"{call}({text}, {rng.choice([quote(rng.choice(TEXTS)), 's2'])})"
    if kind < 0.87:
        return rng.choice([f"lower({text}) = {quote(rng.choice(TEXTS))}", f"length({text}) {op} {rng.randint(0, 4)}", f"octet_length({text}) {op} 2", f"upper({text}) LIKE 'A%'", f"is_valid({text})"])
    if kind < 0.90:
        return rng.choice(["isnan(f)", "isnan(g)", "NOT isnan(f)", "isnan(i)", "isnan(h)"])
    if kind < 0.94:
        a, b = rng.choice(PAIRS)
        return f"{a} {op} {b}"
    if kind < 0.97:
        return rng.choice([f"i + 1 {op} 3", f"l * 2 {op} 10", f"i % 3 {op} 1", f"i8 - 5 {op} 0", f"f * 2 {op} 3", f"f / 2 {op} 0.75", f"-i {op} -5", f"g + 1.5 {op} 3", f"u8 + 1 {op} 256", f"i / 2 {op} 1", f"-f {op} 0", f"g * 2 {op} 3", f"i + i8 {op} 4"])
    if kind < 0.99:
        return f"{name} IS {not_}DISTINCT FROM {literal(name)}" if name != "n" else "n IS NULL"
    return f"({name} {op} {literal(name)}) IS {rng.choice(['TRUE', 'NOT TRUE', 'FALSE', 'NULL', 'NOT NULL'])}"


def expression(depth):
    if depth == 0 or rng.random() < 0.3:
        return leaf()
    kind = rng.random()
    if kind < 0.2:
        return f"NOT ({expression(depth - 1)})"
    glue = " AND " if kind < 0.6 else " OR "
    return glue.join(f"({expression(depth - 1)})" for _ in range(rng.choice([2, 2, 3])))


dataset = lance.write_dataset(table, f"{out}/table.lance", mode="overwrite")
answers = []
for index in range(count):
    text = leaf() if index % 2 == 0 else expression(3)
    answer = {"filter": text}
    try:
        scanner = dataset.scanner(columns=["id"], filter=text)
        plan = re.search(r"full_filter=(.*), refine_filter=", scanner.explain_plan(), re.S)
        answer["plan"] = plan.group(1) if plan else None
        answer["ids"] = scanner.to_table()["id"].to_pylist()
    except BaseException as error:  # noqa: BLE001 - a Rust panic is no Exception
        answer["error"] = f"{type(error).__name__}: {error}"[:400]
    answers.append(answer)

with pa.OSFile(f"{out}/table.arrow", "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
    for batch in table.to_batches(max_chunksize=67):
        writer.write_batch(batch)
with open(f"{out}/answers.json", "w") as sink:
    json.dump(answers, sink)
