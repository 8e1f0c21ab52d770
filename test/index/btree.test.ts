import {
  Bool,
  DateDay,
  Float32,
  Float64,
  Int8,
  Int16,
  Int32,
  Int64,
  TimeMicrosecond,
  TimestampMicrosecond,
  Uint8,
  Uint16,
  Uint32,
  Uint64,
  Utf8,
} from "apache-arrow";
import type { ScalarQuery, ScalarValue, SegmentQuery } from "../../src/index/segment.ts";
import { describeIndexFamily, type FamilyCase } from "../conformance/index-family-suite.ts";
import { useTestRuntime } from "../support/test-runtime.ts";
import type { Value } from "./support.ts";

useTestRuntime();

/** Order of a plain reader: total order for floats, bytes for text. */
function compare(a: ScalarValue, b: ScalarValue): number {
  if (typeof a === "string") return Buffer.compare(Buffer.from(a), Buffer.from(b as string));
  if (typeof a === "number" && typeof b === "number" && (a === b || Number.isNaN(a) || Number.isNaN(b))) {
    return rank(a) - rank(b);
  }
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Among equal numbers −0 before 0; NaN after everything. */
function rank(value: number): number {
  return Number.isNaN(value) ? Number.POSITIVE_INFINITY : Object.is(value, -0) ? -1 : 0;
}

function order(a: ScalarValue, b: ScalarValue): number {
  const result = compare(a, b);
  return Number.isNaN(result) ? 0 : result;
}

function matches(query: ScalarQuery, value: ScalarValue): boolean {
  switch (query.kind) {
    case "equals":
      return order(value, query.value) === 0;
    case "isIn":
      return query.values.some((each) => order(value, each) === 0);
    case "range": {
      const { lower, upper } = query;
      const above = !lower || order(value, lower.value) > 0 || (lower.inclusive && order(value, lower.value) === 0);
      const below = !upper || order(value, upper.value) < 0 || (upper.inclusive && order(value, upper.value) === 0);
      return above && below;
    }
    case "likePrefix":
      return (value as string).startsWith(query.prefix);
    case "isNull":
      return false;
  }
}

function bruteForce(query: SegmentQuery, rows: ReadonlyMap<bigint, Value>) {
  const trueRows: bigint[] = [];
  const nullRows: bigint[] = [];
  for (const [rowId, value] of rows) {
    if (value === null) (query.kind === "isNull" ? trueRows : nullRows).push(rowId);
    else if (matches(query as ScalarQuery, value as ScalarValue)) trueRows.push(rowId);
  }
  const ascending = (ids: bigint[]) => ids.sort((a, b) => (a < b ? -1 : 1));
  return { trueRows: ascending(trueRows), nullRows: ascending(nullRows) };
}

function btree(title: string, type: FamilyCase["type"], makeValue: (random: () => number) => ScalarValue): FamilyCase {
  return {
    title: `BTREE of ${title}`,
    indexType: "BTREE",
    type,
    params: { zoneSize: 50 },
    sharesModel: false,
    makeValue,
    makeQueries(random) {
      const pick = () => makeValue(random);
      const sorted = [pick(), pick()].sort(order) as [ScalarValue, ScalarValue];
      return [
        { kind: "equals", value: pick() },
        { kind: "isIn", values: [pick(), pick(), pick()] },
        { kind: "isIn", values: [] },
        { kind: "range", lower: { value: pick(), inclusive: true }, upper: null },
        { kind: "range", lower: null, upper: { value: pick(), inclusive: false } },
        { kind: "range", lower: { value: sorted[0], inclusive: false }, upper: { value: sorted[1], inclusive: true } },
        { kind: "range", lower: { value: sorted[1], inclusive: true }, upper: { value: sorted[0], inclusive: true } },
        { kind: "range", lower: null, upper: null },
        { kind: "isNull" },
        ...(typeof pick() === "string"
          ? (["", "b", "ca", "\u{10ffff}", "ü"].map((prefix) => ({ kind: "likePrefix", prefix })) as SegmentQuery[])
          : []),
      ];
    },
    bruteForce,
  };
}

const whole = (min: number, max: number) => (random: () => number) => min + Math.floor(random() * (max - min + 1));
const big = (min: bigint, max: bigint) => (random: () => number) =>
  min + BigInt(Math.floor(random() * 1000)) * ((max - min) / 1000n);
const float = (convert: (value: number) => number) => (random: () => number) => {
  const special = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -0, 0, 1e300, -1e-30];
  const at = Math.floor(random() * 40);
  return convert(at < special.length ? special[at]! : (random() - 0.5) * 100);
};
const text = (random: () => number) => {
  const letters = ["a", "b", "c", "ü", "ß", "日", "🎲", ""];
  return Array.from({ length: 1 + Math.floor(random() * 3) }, () => letters[Math.floor(random() * 8)]).join("");
};

for (const family of [
  btree("int8", new Int8(), whole(-128, 127)),
  btree("int16", new Int16(), whole(-300, 300)),
  btree("int32", new Int32(), whole(-(2 ** 31), 2 ** 31 - 1)),
  btree("int64", new Int64(), big(-(2n ** 63n), 2n ** 63n - 1n)),
  btree("uint8", new Uint8(), whole(0, 255)),
  btree("uint16", new Uint16(), whole(0, 65535)),
  btree("uint32", new Uint32(), whole(0, 2 ** 32 - 1)),
  btree("uint64", new Uint64(), big(0n, 2n ** 64n - 1n)),
  btree("float", new Float32(), float(Math.fround)),
  btree(
    "double",
    new Float64(),
    float((value) => value),
  ),
  btree("bool", new Bool(), (random) => random() < 0.5),
  btree("text", new Utf8(), text),
  btree("date32", new DateDay(), whole(-1000, 20000)),
  btree("timestamp[us]", new TimestampMicrosecond(), big(-(10n ** 15n), 2n * 10n ** 15n)),
  btree("time64[us]", new TimeMicrosecond(), big(0n, 86_400_000_000n)),
]) {
  describeIndexFamily(family);
}
