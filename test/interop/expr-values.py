"""Writes a random table of every type, and native Lance's answers to random expressions and filters over it.

usage: expr-values.py OUTPUT_DIRECTORY NUMBER_OF_EXPRESSIONS NUMBER_OF_FILTERS SEED

Leaves table.arrow, values.arrow (one column per expression that has a value) and answers.json.
"""

import decimal
import json
import random
import sys

import lance
import numpy as np
import pyarrow as pa

out, num_expressions, num_filters, seed = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
rng = random.Random(seed)
ROWS = 67
D = decimal.Decimal


def column(pool, kind, p_null=0.15):
    return pa.array([None if rng.random() < p_null else rng.choice(pool) for _ in range(ROWS)], kind)


TEXTS = ["", "a", "b", "abc", "ab%", " é x ", "日本", "Zeta 10", "x" * 40, "it's", "😀b", "12", "-7", "1.5", "true", "2020-02-29"]
INTS = [0, 1, 2, 3, 7, -1, -5, 100, 127, -128]
FLOATS = [0.0, -0.0, 1.5, -1.5, 2.5, 0.1, 1e10, -3.0, float("inf"), float("nan"), 25.0]
DAYS = [0, 1, -1, 18000, 19000, 365, -719162]
SECONDS = [0, 1, -1, 1577836800, 1600000000, 1700000001, -86400]
TICKS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}


def ticks(unit):
    return [s * TICKS[unit] + d for s in SECONDS for d in (0, 1, -1)]


def lists(pool, low=0):
    return [[rng.choice([*pool, None]) for _ in range(rng.randint(low, 4))] for _ in range(12)]


columns = {
    "id": pa.array(range(ROWS), pa.int64()),
    "i8": column(INTS, pa.int8()),
    "i16": column([*INTS, 32767, -32768], pa.int16()),
    "i": column([*INTS, 2**31 - 1, -(2**31)], pa.int32()),
    "l": column([*INTS, 2**63 - 1, -(2**63) + 1, 2**53 + 1], pa.int64()),
    "u8": column([0, 1, 2, 7, 200, 255], pa.uint8()),
    "u32": column([0, 1, 2, 7, 2**32 - 1], pa.uint32()),
    "u": column([0, 1, 2, 7, 2**64 - 1], pa.uint64()),
    "f": column(FLOATS, pa.float64()),
    "g": column([float(np.float32(v)) for v in FLOATS], pa.float32()),
    "h": pa.array(np.array([rng.choice([0.0, 1.5, -1.5, 2.5, 25.0, float("nan")]) for _ in range(ROWS)], np.float16)),
    "s": column(TEXTS, pa.string()),
    "s2": column(TEXTS, pa.string(), 0.0),
    "ls": column(TEXTS, pa.large_string()),
    "b": column([True, False], pa.bool_()),
    "d": column(DAYS, pa.date32()),
    "d64": column([v * 86400000 for v in DAYS], pa.date64()),
    **{f"t{unit}": column(ticks(unit), pa.timestamp(unit)) for unit in TICKS},
    "tz": column(ticks("us"), pa.timestamp("us", "UTC")),
    "t32": column([0, 1, 3600, 86399], pa.time32("s")),
    "t64": column([0, 1, 3600000001, 86399999999], pa.time64("us")),
    "du": column([0, 1, -1, 3600, -90061], pa.duration("s")),
    "dm": column([D("0.00"), D("1.50"), D("-2.25"), D("99.99"), D("-0.01")], pa.decimal128(10, 2)),
    "dn": column([D("0.000"), D("7.125"), D("-12.500")], pa.decimal128(8, 3)),
    "y": column([b"", b"abc", b"\x00\xff", b"zz"], pa.binary()),
    "fy": column([b"abc", b"\x00\xffz", b"   "], pa.binary(3)),
    "li": column(lists([1, 2, 3, -5]), pa.list_(pa.int32())),
    "lt": column(lists(["a", "b", "", "é"]), pa.list_(pa.string())),
    "fl": column([[1.0, 2.0], [0.5, -1.0], [3.0, 3.0]], pa.list_(pa.float32(), 2)),
    "st": column([{"a": 1, "b": "x", "c": {"d": 2.5}}, {"a": None, "b": "y", "c": None}, {"a": 7, "b": None, "c": {"d": None}}], pa.struct([("a", pa.int64()), ("b", pa.string()), ("c", pa.struct([("d", pa.float64())]))])),
    "dc": column(["x", "y", "zz"], pa.string()).dictionary_encode(),
}
table = pa.table(columns)

SIGNED = ["i8", "i16", "i", "l"]
UNSIGNED = ["u8", "u32", "u"]
FLOAT_NAMES = ["f", "g"]
TEXT_NAMES = ["s", "s2", "ls", "st.b"]
TIME_NAMES = ["ts", "tms", "tus", "tns", "tz"]
PARTS = ["year", "quarter", "month", "week", "day", "hour", "minute", "second", "millisecond", "microsecond", "nanosecond", "dow", "isodow", "doy", "epoch"]


def pick(*names):
    return rng.choice([n for group in names for n in (group if isinstance(group, list) else [group])])


def quote(text):
    return "'" + text.replace("'", "''") + "'"


def text_literal():
    return quote(rng.choice(TEXTS))


def whole(depth):
    kind = rng.random()
    if depth == 0 or kind < 0.35:
        return pick(SIGNED, "st.a")
    if kind < 0.6:
        return f"({whole(depth - 1)} {rng.choice('+-*')} {rng.choice([whole(depth - 1), str(rng.choice([1, 2, 3]))])})"
    if kind < 0.68:
        return f"({whole(depth - 1)} {rng.choice('/%')} {rng.choice(['2', '3'])})"
    if kind < 0.74:
        return f"coalesce({pick(SIGNED)}, {pick(SIGNED)})"
    if kind < 0.79:
        return f"coalesce(CASE WHEN {predicate(0)} THEN {pick(SIGNED)} ELSE {rng.choice(['3', pick(SIGNED)])} END, 0)"
    if kind < 0.83:
        return f"{rng.choice(['length', 'octet_length', 'strpos', 'ascii'])}({pick(TEXT_NAMES)})".replace("strpos(", "strpos('abc', ")
    if kind < 0.87:
        return f"date_part('{pick(PARTS[:10])}', {pick(TIME_NAMES, 'd')})"
    if kind < 0.90:
        return f"nullif({pick(SIGNED)}, {rng.choice(INTS)})"
    if kind < 0.93:
        return f"{rng.choice(['greatest', 'least'])}({pick(SIGNED)}, {pick(SIGNED)})"
    if kind < 0.96:
        return f"abs({pick(['i', 'i16', 'l'])})"
    return f"li[{rng.choice([0, 1, 2, -1, 5])}]"


def real(depth):
    kind = rng.random()
    if depth == 0 or kind < 0.3:
        return pick(FLOAT_NAMES, "st.c.d")
    if kind < 0.6:
        return f"({real(depth - 1)} {rng.choice('+-*/')} {rng.choice([real(depth - 1), whole(0), '2', '0.5'])})"
    if kind < 0.75:
        return f"{rng.choice(['round', 'trunc', 'sqrt', 'abs', 'signum'])}({real(depth - 1)})"
    if kind < 0.85:
        return f"abs({rng.choice(['floor', 'ceil'])}({real(depth - 1)}))"
    return f"coalesce({real(0)}, {rng.choice(['0.5', '1', pick(FLOAT_NAMES)])})"


def text(depth):
    kind = rng.random()
    if depth == 0 or kind < 0.2:
        return pick(TEXT_NAMES)
    if kind < 0.45:
        return f"{rng.choice(['lower', 'upper', 'btrim', 'ltrim', 'rtrim', 'reverse', 'initcap'])}({text(depth - 1)})"
    if kind < 0.55:
        return f"{rng.choice(['left', 'right', 'repeat'])}({text(depth - 1)}, {rng.choice([0, 1, 2, 3])})"
    if kind < 0.62:
        return f"lower(substr({text(depth - 1)}, {rng.choice([-1, 0, 1, 2])}{rng.choice(['', ', 2', ', 0'])}))"
    if kind < 0.68:
        return f"replace({text(depth - 1)}, 'a', 'bb')"
    if kind < 0.74:
        return f"{rng.choice(['lpad', 'rpad'])}({pick(TEXT_NAMES)}, 5, 'xy')"
    if kind < 0.80:
        return f"concat({pick(TEXT_NAMES)}, {rng.choice([text_literal(), 's2', 'i'])})"
    if kind < 0.86:
        return f"({pick('s', 's2')} || {rng.choice([text_literal(), 's2', 's'])})"
    if kind < 0.9:
        return f"split_part({pick(TEXT_NAMES)}, ' ', {rng.choice([1, 2])})"
    if kind < 0.95:
        return f"coalesce({pick(['s', 'st.b'])}, {text_literal()})"
    return f"regexp_replace({pick('s', 's2')}, '[a-c]+', '<$0>')"


def cast():
    source = pick(SIGNED, UNSIGNED, "f", "g", "s", "b", "d", "d64", TIME_NAMES, "dm", "t32", "t64", "du", "dc", "y", "li")
    # Native itself fails on what it cannot read, which the answer then says too.
    target = pick("tinyint", "smallint", "int", "bigint", "int unsigned", "bigint unsigned", "float", "double", "string", "boolean", "date", "timestamp", "timestamp(0)", "timestamp(3)", "timestamp(9)", "decimal(20,3)", "decimal(5,1)", "binary")
    return f"{rng.choice(['cast', 'try_cast'])}({source} as {target})"


def listed():
    return rng.choice([
        f"array_has({rng.choice(['li, 1', 'li, i', 'lt, ' + text_literal(), 'fl, 3.0', 'lt, s'])})",
        f"array_has_any({rng.choice(['li, [1, 2]', 'lt, [' + chr(39) + 'a' + chr(39) + ']', 'li, make_array(i, 2)'])})",
        f"array_has_all({rng.choice(['li, [1]', 'li, [1, 2]', 'lt, make_array(s, s2)'])})",
        "array_length(li)",
        "cardinality(lt)",
        "empty(li)",
        f"lt[{rng.choice([1, 2, -1])}]",
        "make_array(i8, i)",
        "regexp_match(s, '([a-z])(.)?')",
        "fl[2]",
    ])


def other():
    return rng.choice([
        f"date_trunc('{pick(['year', 'quarter', 'month', 'week', 'day', 'hour', 'minute', 'second'])}', {pick('ts', 'tms', 'tus', 'd', 'tz')})",
        f"date_part('{pick(PARTS)}', {pick(TIME_NAMES, 'd')})",
        "d - d",
        "tus - tus",
        "ts + du",
        "du + du",
        f"{pick('dm', 'dn')} {rng.choice('+-*/')} {pick('dm', '2', 'i', 'i8')}" if rng.random() < 0.7 else "dm % 1",
        f"{pick(UNSIGNED)} + {pick(UNSIGNED, SIGNED, '1')}",
        f"i {rng.choice(['<<', '>>'])} {rng.choice([1, 3, 33])}",
        f"h {rng.choice('+-*')} {pick('1', 'h', 'g')}",
        "round(dm, 1)",
        "round(f, 1)",
        f"coalesce({pick('tus', 'd', 'dm', 'u', 'h', 'b', 'du', 'li', 'st')}, null)",
        pick(list(columns)),
        f"-{pick(SIGNED, 'f', 'g', 'dm')}",
        predicate(1),
    ])


def compare(name):
    op = rng.choice(["=", "!=", "<", "<=", ">", ">="])
    if name in SIGNED or name == "st.a":
        return f"{name} {op} {rng.choice(INTS[:8])}"
    if name in UNSIGNED:
        return f"{name} {op} {rng.choice([0, 1, 7])}"
    if name in ("f", "g", "h"):
        return f"{name} {op} {rng.choice(['0', '1.5', '-1.5', '25'])}"
    if name in ("s", "s2", "ls", "dc", "st.b"):
        return f"{name} {op} {rng.choice([text_literal(), quote('x')])}"
    if name in ("dm", "dn"):
        return f"{name} {op} {rng.choice(['0', '1', '7', 'cast(1.5 as decimal(10,2))'])}"
    if name == "y":
        return f"y {op} {rng.choice(['x' + quote('616263'), 'x' + quote('00'), 'cast(' + quote('zz') + ' as binary)'])}"
    if name == "fy":
        return f"fy {op} x'616263'"
    if name in ("d", "d64"):
        return f"{name} {op} date '{rng.choice(['1970-01-01', '2019-04-14'])}'"
    if name in TIME_NAMES:
        return f"{name} {op} timestamp '{rng.choice(['1970-01-01 00:00:00', '2020-01-01', '2023-11-14 22:13:21'])}'"
    if name == "t32":
        return f"t32 {op} {rng.choice([0, 3600])}"
    if name == "li":
        return rng.choice(["li = [1, 2]", "li[1] > 1", "array_has(li, 2)", "li IS NULL", "array_length(li) > 1"])
    if name == "lt":
        return rng.choice(["array_has(lt, 'a')", "array_has_any(lt, ['a', 'é'])", "array_has_all(lt, ['a'])", "list_contains(lt, 'b')", "array_contains(lt, '')", "lt[1] = 'a'"])
    if name == "st":
        return rng.choice(["st.c.d > 1", "st['a'] = 1", "st['c']['d'] IS NULL", "st IS NOT NULL", "`st`.b = 'x'", "st.`b` LIKE 'y%'"])
    return f"{name} IS {rng.choice(['', 'NOT '])}NULL"


COMPARED = [n for n in columns if n not in ("id", "b", "t32", "t64", "du", "fl")] + ["st.a", "st.b"]


def predicate(depth):
    kind = rng.random()
    name = rng.choice(COMPARED)
    if depth > 0 and kind < 0.45:
        glue = rng.choice([" AND ", " OR "])
        return f"(({predicate(depth - 1)}){glue}({predicate(depth - 1)}))"
    if depth > 0 and kind < 0.55:
        return f"NOT ({predicate(depth - 1)})"
    if kind < 0.75:
        return compare(name)
    return rng.choice([
        "b", "NOT b", "b IS TRUE", "b IS NOT FALSE", f"{name} IS NOT NULL",
        f"{pick(SIGNED)} {rng.choice(['=', '<', '!='])} {pick(SIGNED)}",
        f"{pick('dm', 'dn')} {rng.choice(['=', '<', '>='])} {pick('dm', 'dn', 'i')}",
        f"{pick(SIGNED)} IN (1, 2, {rng.choice(['null', '7', '3, -5, 100'])})",
        f"dc IN ('x', 'q')", f"st.a NOT IN (1, 2)", f"s2 {rng.choice(['', 'NOT '])}LIKE '{rng.choice(['a%', '%b%', '_', '%é%'])}'",
        f"regexp_like(s, '{rng.choice(['^a', 'b$', '[0-9]+', '(?i)ZETA', '.'])}')",
        f"starts_with(s2, {text_literal()})", f"contains(ls, 'b')", f"length(s) > {rng.randint(0, 3)}",
        f"i IS DISTINCT FROM {rng.choice(INTS[:6])}", "i8 IS NOT DISTINCT FROM i16",
        f"l BETWEEN {rng.randint(-5, 2)} AND {rng.randint(0, 100)}",
        f"date_part('year', d) > 1990", "date_trunc('day', tus) = timestamp '1970-01-01'",
        "coalesce(i, 0) > 1", "abs(i16) < 8", "lower(s) = 'abc'", "isnan(f)", "cast(i as string) = '7'",
        "dc = s", "dc LIKE 'z%'", "li = li", "y < y", "try_cast(s as int) > 0", "s || 'x' = 'ax'",
    ])


def value():
    return rng.choice([lambda: whole(2), lambda: real(2), lambda: text(2), cast, listed, other])()


def read_error(error):
    return f"{type(error).__name__}: {error}"[:300]


dataset = lance.write_dataset(table, f"{out}/table.lance", mode="overwrite")
values, expressions = {}, []
for index in range(num_expressions):
    sql = value()
    try:
        result = dataset.scanner(columns={"x": sql}, batch_size=ROWS).to_table()["x"].combine_chunks()
        if result.type == pa.string_view():
            result = result.cast(pa.string())
        values[f"x{index}"] = result
        expressions.append({"sql": sql, "name": f"x{index}"})
    except BaseException as error:  # noqa: BLE001 - a Rust panic is no Exception
        expressions.append({"sql": sql, "error": read_error(error)})
filters = []
for index in range(num_filters):
    sql = predicate(index % 3)
    try:
        filters.append({"sql": sql, "ids": dataset.scanner(columns=["id"], filter=sql).to_table()["id"].to_pylist()})
    except BaseException as error:  # noqa: BLE001
        filters.append({"sql": sql, "error": read_error(error)})

for name, content in (("table", table), ("values", pa.table(values))):
    with pa.OSFile(f"{out}/{name}.arrow", "wb") as sink, pa.ipc.new_file(sink, content.schema) as writer:
        writer.write_table(content)
with open(f"{out}/answers.json", "w") as sink:
    json.dump({"expressions": expressions, "filters": filters}, sink)
