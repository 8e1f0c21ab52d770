"""Files of every type x null pattern x shape, written by native Lance, and what was written.

usage: read-matrix.py OUT VERSION ROWS SEED
Writes OUT.lance and OUT.arrow (an Arrow IPC stream of the same columns), prints {"columns", "pages"}.
"""
import json
import sys

import numpy as np
import pyarrow as pa
from lance.file import LanceFileReader, LanceFileWriter

out, version, rows, seed = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
rng = np.random.default_rng(seed)
ids = np.arange(rows)

NULLS = {
    "none": np.zeros(rows, bool),
    "some": rng.random(rows) < 0.1,
    "many": rng.random(rows) < 0.9,
    "all": np.ones(rows, bool),
    "runs": (ids // 37) % 2 == 1,
    "ends": (ids == 0) | (ids == rows - 1),
}


def draw(shape, high, low=0):
    """Whole numbers of a shape, below `high`."""
    high = min(high, 2**62)
    if shape == "constant":
        return np.full(rows, low + (high - low) // 3, np.int64)
    if shape == "runs":
        return rng.integers(low, high, rows // 40 + 1)[ids // 40]
    if shape == "few":
        return rng.integers(low, high, 5)[rng.integers(0, 5, rows)]
    if shape == "small":
        return rng.integers(0, min(high, 12), rows)
    return rng.integers(low, high, rows)


def integers(type_, bits, signed):
    def make(shape):
        values = draw(shape, 2 ** (bits - (1 if signed else 0)), -(2 ** min(bits - 1, 62)) if signed else 0)
        return pa.array(values).cast(type_) if bits < 64 or signed else pa.array(values.astype(np.uint64) * 2 + 1)
    return make


def floats(kind):
    def make(shape):
        values = draw(shape, 1000, -1000) / 8
        if shape == "random":
            values = rng.standard_normal(rows) * 100
            values[:4] = [np.nan, np.inf, -np.inf, -0.0][: min(4, rows)]
        return pa.array(values.astype(kind))
    return make


def view(type_, bits):
    """A type whose values are whole numbers underneath."""
    return lambda shape: pa.array(draw(shape, 2**30 if bits == 32 else 2**50, -(2**20)).astype(f"int{bits}")).view(type_)


def clock(type_, bits, per_day):
    return lambda shape: pa.array(draw(shape, per_day).astype(f"int{bits}")).view(type_)


def decimals(type_, bits):
    def make(shape):
        words = bits // 64
        values = np.zeros((rows, words), np.int64)
        values[:, 0] = draw(shape, 2**50)
        return pa.Array.from_buffers(type_, rows, [None, pa.py_buffer(values.tobytes())])
    return make


def fixed_binary(width):
    def make(shape):
        values = np.zeros((rows, width), np.uint8)
        values[:] = draw(shape, 2**30)[:, None] >> (np.arange(width) % 30)
        return pa.Array.from_buffers(pa.binary(width), rows, [None, pa.py_buffer(values.tobytes())])
    return make


WORDS = "the quick brown fox jumps over a lazy dog near every river bank while snow falls".split()


def texts(shape):
    if shape == "empty":
        return [""] * rows
    if shape == "long":
        return ["x%d " % i * int(n) for i, n in enumerate(rng.integers(60, 400, rows))]
    numbers = draw(shape, 2**40)
    if shape == "small":
        return ["%d" % n for n in numbers]
    return [" ".join(WORDS[(int(n) >> (4 * k)) % len(WORDS)] for k in range(1 + int(n) % 6)) + str(int(n) % 97) for n in numbers]


def strings(type_):
    binary = pa.types.is_binary(type_) or pa.types.is_large_binary(type_)
    return lambda shape: pa.array([t.encode() + b"\x00\xff" * (len(t) > 0) for t in texts(shape)] if binary else texts(shape), type_)


def with_mask(values, mask):
    """The same values with nulls, whatever the type."""
    if pa.types.is_null(values.type) or not mask.any():
        return values
    return pa.array([None if m else v for v, m in zip(values.to_pylist(), mask)], values.type) if pa.types.is_nested(values.type) \
        else pa.compute.if_else(pa.array(mask), pa.scalar(None, values.type), values)


def lists(type_, item, large=False, most=4):
    def make(shape):
        lengths = {"empty": np.zeros(rows, int), "constant": np.full(rows, 2)}.get(shape)
        lengths = rng.integers(0, most, rows) if lengths is None else lengths
        if shape == "runs":
            lengths = (ids // 25) % most
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        items = item(int(offsets[-1]))
        cls = pa.LargeListArray if large else pa.ListArray
        return cls.from_arrays(pa.array(offsets, pa.int64() if large else pa.int32()), items).cast(type_)
    return make


def items_of(make, nulls=0.15):
    def build(count):
        global rows, ids
        kept = rows, ids
        rows, ids = count, np.arange(count)
        try:
            values = make("random") if count else make("random").slice(0, 0)
            return with_mask(values, rng.random(count) < nulls) if count else values
        finally:
            rows, ids = kept
    return build


def fixed_lists(size, item, nulls=0.1):
    return lambda shape: pa.FixedSizeListArray.from_arrays(items_of(lambda _: item(shape), 0 if shape == "constant" else nulls)(rows * size), size)


def structs(fields, nulls=0.15):
    return lambda shape: pa.StructArray.from_arrays([items_of(make, nulls)(rows) for make in fields.values()], list(fields))


def maps(shape):
    return pa.array([[(f"k{k}", int(k) * i) for k in range(int(n))] for i, n in enumerate(rng.integers(0, 4, rows))], pa.map_(pa.string(), pa.int32()))


FIXED = ["constant", "runs", "few", "small", "random"]
VARIABLE = ["constant", "runs", "few", "random", "long", "empty"]
LISTS = ["constant", "runs", "random", "empty"]
ONE = ["random"]
i32, f64, text = integers(pa.int32(), 32, True), floats("float64"), strings(pa.string())
packed = {"packed": "true"}

TYPES = {f"{'' if s else 'u'}int{b}": (integers(getattr(pa, f"{'' if s else 'u'}int{b}")(), b, s), FIXED) for b in (8, 16, 32, 64) for s in (True, False)}
TYPES |= {f"float{b}": (floats(f"float{b}"), FIXED) for b in (16, 32, 64)}
TYPES |= {f"{n}_{u}": (view(getattr(pa, n)(u), 64), FIXED) for n in ("timestamp", "duration") for u in ("s", "ms", "us", "ns")}
TYPES |= {
    "bool": (lambda shape: pa.array(draw(shape, 2) % 2 == 1), FIXED),
    "timestamp_tz": (view(pa.timestamp("us", "UTC"), 64), FIXED),
    "date32": (view(pa.date32(), 32), FIXED),
    "date64": (lambda shape: pa.array(draw(shape, 10**4) * 86400000).view(pa.date64()), FIXED),
    "time32_s": (clock(pa.time32("s"), 32, 86400), FIXED),
    "time32_ms": (clock(pa.time32("ms"), 32, 86400000), FIXED),
    "time64_us": (clock(pa.time64("us"), 64, 86400000000), FIXED),
    "time64_ns": (clock(pa.time64("ns"), 64, 86400000000000), FIXED),
    "decimal128": (decimals(pa.decimal128(20, 2), 128), FIXED),
    "decimal256": (decimals(pa.decimal256(50, 3), 256), FIXED),
    "fixed_binary5": (fixed_binary(5), FIXED),
    "fixed_binary16": (fixed_binary(16), FIXED),
    "string": (text, VARIABLE),
    "large_string": (strings(pa.large_string()), VARIABLE),
    "binary": (strings(pa.binary()), VARIABLE),
    "large_binary": (strings(pa.large_binary()), VARIABLE),
    "dictionary_string": (lambda shape: strings(pa.string())("few").dictionary_encode().cast(pa.dictionary(pa.int8(), pa.string())), ONE),
    "dictionary_int64": (lambda shape: integers(pa.int64(), 64, True)("few").dictionary_encode(), ONE),
    "null": (lambda shape: pa.nulls(rows), ONE),
    "list_int32": (lists(pa.list_(pa.int32()), items_of(i32)), LISTS),
    "list_double": (lists(pa.list_(pa.float64()), items_of(f64, 0)), LISTS),
    "large_list_string": (lists(pa.large_list(pa.string()), items_of(text), large=True), LISTS),
    "list_long": (lists(pa.list_(pa.int32()), items_of(i32), most=900), ["random"]),
    "list_list": (lists(pa.list_(pa.list_(pa.int16())), items_of(lists(pa.list_(pa.int16()), items_of(integers(pa.int16(), 16, True))))), LISTS),
    "list_bool": (lists(pa.list_(pa.bool_()), items_of(TYPES.get("bool", (lambda shape: pa.array(draw(shape, 2) % 2 == 1),))[0])), LISTS),
    "list_fixed_list": (lists(pa.list_(pa.list_(pa.float32(), 2)), items_of(fixed_lists(2, floats("float32")))), LISTS),
    "list_wide_list": (lists(pa.list_(pa.list_(pa.float32(), 80)), items_of(fixed_lists(80, floats("float32"), 0), 0)), LISTS),
    "list_struct": (lists(pa.list_(pa.struct({"k": pa.string(), "v": pa.float64()})), items_of(structs({"k": text, "v": f64}), 0)), LISTS),
    "struct": (structs({"a": i32, "b": text, "c": f64}), ONE),
    "struct_nested": (structs({"s": structs({"l": lists(pa.list_(pa.string()), items_of(text)), "i": i32}, 0), "x": i32}, 0), ONE),
    "fixed_list": (fixed_lists(4, floats("float32")), FIXED),
    "fixed_list_wide": (fixed_lists(80, floats("float32")), ["constant", "random"]),
    "fixed_list_full": (fixed_lists(96, floats("float32"), 0), ["constant", "random"]),
    "fixed_list_uint8": (fixed_lists(3, integers(pa.uint8(), 8, False), 0), FIXED),
    "fixed_list_bool": (fixed_lists(5, lambda shape: pa.array(draw(shape, 2) % 2 == 1)), FIXED),
    "fixed_list_twice": (fixed_lists(3, fixed_lists(2, integers(pa.int16(), 16, True)), 0.1), ["constant", "random"]),
    # Lists of lists that are all null: native leaves the inner layers out of the page's description.
    "fixed_list_hollow": (lambda shape: pa.FixedSizeListArray.from_arrays(pa.nulls(rows * 3, pa.list_(pa.list_(pa.int8(), 2), 2)), 3), ONE),
    "packed": (structs({"x": i32, "y": f64}, 0), ONE),
}
if version == "2.2":
    TYPES |= {
        "map": (maps, ONE),
        "packed_variable": (structs({"x": i32, "s": text, "b": strings(pa.large_binary())}, 0), ONE),
        "packed_fixed_list": (structs({"x": i32, "f": fixed_lists(3, floats("float32"), 0)}, 0), ONE),
        "fixed_list_struct": (lambda shape: pa.FixedSizeListArray.from_arrays(items_of(structs({"x": i32, "y": text}))(rows * 3), 3), ONE),
    }

arrays, fields = [], []
for name, (make, shapes) in TYPES.items():
    is_struct = name.startswith(("struct", "packed"))
    for shape in shapes:
        values = make(shape)
        for pattern, mask in NULLS.items():
            # Files 2.0 have no null structs; the null type is all null anyway.
            if (version == "2.0" and is_struct and pattern != "none") or (name == "null" and pattern != "none"):
                continue
            array = with_mask(values, mask)
            arrays.append(array)
            metadata = packed if name.startswith("packed") else None
            fields.append(pa.field(f"{name}/{shape}/{pattern}", array.type, metadata=metadata))

table = pa.table(arrays, schema=pa.schema(fields))
with LanceFileWriter(f"{out}.lance", table.schema, version=version, data_cache_bytes=len(fields) * 4000) as writer:
    for start in range(0, max(rows, 1), 450):
        # Copies: slices of structs do not cross into Rust well.
        writer.write_batch(table.take(pa.array(ids[start : start + 450])))

with pa.OSFile(f"{out}.arrow", "wb") as sink, pa.ipc.new_stream(sink, table.schema) as stream:
    stream.write_table(table)
pages = [len(column.pages) for column in LanceFileReader(f"{out}.lance").metadata().columns]
print(json.dumps({"columns": len(fields), "pages": max(pages)}))
