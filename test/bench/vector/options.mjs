/** Options of `npm run bench -- vector`, as its head describes them. */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { root } from "../support.mjs";
import { ENGINES } from "./subjects.mjs";

const QUICK = { rows: 4000, queries: 60, rounds: 1, budget: 0.1 };
/** The others hold all they have in memory; native's cache alone may take 6 GB. */
const MEMORY_MB = 1000;
const FULL = { queries: 500, rounds: 3, budget: 0.8 };

/** What a run was asked for, with its defaults. @throws for an option it does not know */
export function readOptions(args) {
  const { positionals, values } = parseArgs({
    args,
    allowPositionals: true,
    allowNegative: true,
    options: {
      ...Object.fromEntries(
        [
          "column",
          "dimension",
          "rows",
          "queries",
          "partitions",
          "families",
          "only",
          "rounds",
          "clock",
          "memory",
          "json",
        ].map((name) => [name, { type: "string" }]),
      ),
      quick: { type: "boolean", default: false },
      pool: { type: "boolean", default: true },
    },
  });
  const number = (name) => (values[name] === undefined ? undefined : whole(name, values[name]));
  const only = values.only?.split(",") ?? ENGINES;
  const unknown = only.find((name) => !ENGINES.includes(name));
  if (unknown) throw new Error(`--only: expected some of ${ENGINES.join(", ")}, received ${unknown}`);
  const clock = values.clock ?? "wall";
  if (clock !== "wall" && clock !== "cpu") throw new Error(`--clock: expected wall or cpu, received ${clock}`);
  const defaults = values.quick ? QUICK : FULL;
  return {
    path: positionals[0] ?? join(root, "web/public/packages.lance"),
    quick: values.quick,
    pool: values.pool,
    column: values.column ?? positionals[1],
    dimension: number("dimension"),
    rows: number("rows") ?? defaults.rows,
    queries: number("queries") ?? defaults.queries,
    rounds: number("rounds") ?? defaults.rounds,
    budget: defaults.budget,
    numPartitions: number("partitions"),
    memoryBudgetBytes: (number("memory") ?? MEMORY_MB) * 1e6,
    families: values.families?.split(","),
    only,
    clock,
    json: values.json,
  };
}

function whole(name, text) {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) {
    throw new Error(`--${name}: expected a whole number, received ${text}`);
  }
  return value;
}
