import type { Dataset } from "../../src/dataset/dataset.ts";
import {
  type Acknowledged,
  type ModelOperation,
  type ModelRow,
  type ModelVersion,
  SHARED_ROWS,
  type WriterLog,
} from "./model-history.ts";

/** Which writer of the model test this is, and what it draws its calls from. */
export interface ModelWriterOptions {
  readonly writer: number;
  readonly seed: number;
  readonly steps: number;
}

/** Ids of a writer's own rows start here; nobody else touches them. */
const OWN_ROWS = 100_000;
const MAX_ATTEMPTS = 200;

type Draw = (below: number) => number;

/** mulberry32, as whole numbers below a limit. */
function createDraw(seed: number): Draw {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

/** Makes random calls, from handles as stale as they happen to be, each again after a conflict that allows it. */
export async function runModelWriter(dataset: Dataset, options: ModelWriterOptions): Promise<WriterLog> {
  const { writer, steps } = options;
  const draw = createDraw(options.seed * 7919 + writer);
  const acknowledged: Acknowledged[] = [];
  let conflicts = 0;
  for (let step = 0; step < steps; step++) {
    if (draw(10) < 6) await dataset.checkoutLatest();
    for (let attempt = 0; ; attempt++) {
      const operation = drawOperation(dataset, draw, { writer, step });
      try {
        const changed = await perform(dataset, operation);
        acknowledged.push({ writer, operation, version: dataset.version, changed });
        break;
      } catch (error) {
        const { code } = error as { code?: string };
        if (code !== "COMMIT_CONFLICT" || attempt > MAX_ATTEMPTS) throw error;
        conflicts++;
        await dataset.checkoutLatest();
      }
    }
  }
  return { acknowledged, conflicts };
}

function drawOperation(dataset: Dataset, draw: Draw, at: { writer: number; step: number }): ModelOperation {
  const { writer, step } = at;
  const own = (i: number) => OWN_ROWS * (writer + 1) + i;
  const value = writer * 1000 + step;
  const die = draw(100);
  if (die < 18) return { kind: "append", value, ids: [0, 1, 2].map((i) => own(1000 + step * 10 + i)) };
  if (die < 30) return { kind: "delete", ids: [draw(SHARED_ROWS), own(draw(8)), own(1000 + draw(step + 1) * 10)] };
  if (die < 50) return { kind: "update", rest: draw(5), by: 1 + draw(9) };
  if (die < 60) return { kind: "upsert", value, ids: [...new Set([own(draw(8)), own(draw(8))])] };
  if (die < 68) return { kind: "merge", value, ids: [...new Set([draw(SHARED_ROWS), draw(SHARED_ROWS)])] };
  if (die < 77) return { kind: "compact" };
  if (die < 83) return { kind: "index" };
  if (die < 88) return { kind: "config", key: `writer ${writer}`, value: String(step) };
  if (die < 95) {
    const mine = dataset.schema.fields.map(({ name }) => name).find((name) => name.startsWith(`c${writer}_`));
    if (mine === undefined) return { kind: "addColumn", name: `c${writer}_${step}`, factor: 1 + draw(4), add: draw(9) };
    if (draw(2) === 0) return { kind: "dropColumn", name: mine };
    return { kind: "renameColumn", name: mine, to: `c${writer}_${step}r${draw(1000)}` };
  }
  if (die < 98) return { kind: "tag", name: `t${writer}` };
  return { kind: "restore", version: Math.max(1, dataset.version - draw(6)) };
}

/** @returns how many rows or fragments it says it changed; 1 where calls do not say */
async function perform(dataset: Dataset, operation: ModelOperation): Promise<number> {
  switch (operation.kind) {
    case "append":
      await dataset.insert(operation.ids.map((id) => ({ id, value: operation.value })));
      return operation.ids.length;
    case "delete":
      return dataset.delete(`id IN (${operation.ids.join(", ")})`);
    case "update": {
      const where = `id < ${SHARED_ROWS} AND id % 5 = ${operation.rest}`;
      return (await dataset.update({ where, valuesSql: { value: `value + ${operation.by}` } })).numUpdatedRows;
    }
    case "upsert":
    case "merge": {
      const merge = dataset.mergeInsert("id").whenMatchedUpdateAll();
      const rows = operation.ids.map((id) => ({ id, value: operation.value }));
      const result = await (operation.kind === "upsert" ? merge.whenNotMatchedInsertAll() : merge).execute(rows);
      return result.numInsertedRows + result.numUpdatedRows;
    }
    case "compact":
      return (await dataset.optimize.compactFiles({ targetRowsPerFragment: 50 })).fragmentsRemoved;
    default:
      await performUncounted(dataset, operation);
      return 1;
  }
}

async function performUncounted(dataset: Dataset, operation: ModelOperation): Promise<void> {
  switch (operation.kind) {
    case "addColumn":
      return dataset.addColumns({ [operation.name]: `value * ${operation.factor} + ${operation.add}` });
    case "dropColumn":
      return dataset.dropColumns([operation.name]);
    case "renameColumn":
      return dataset.alterColumns([{ path: operation.name, rename: operation.to }]);
    case "config":
      return dataset.updateConfig({ [operation.key]: operation.value });
    case "index":
      await dataset.createScalarIndex("id", "BTREE", { replace: true });
      return;
    case "restore":
      return dataset.restore(operation.version);
    case "tag": {
      const { tags } = dataset;
      const isThere = (await tags.list())[operation.name] !== undefined;
      await (isThere ? tags.update(operation.name) : tags.create(operation.name));
      return;
    }
    default:
  }
}

/** Every version of a table, with its rows, in plain values. */
export async function readModelVersions(dataset: Dataset): Promise<ModelVersion[]> {
  const versions: ModelVersion[] = [];
  for (const { version, operation } of await dataset.versions()) {
    const opened = await dataset.checkoutVersion(version);
    const rows = (await opened.toTable()).toArray().map((row) => {
      const entries = Object.entries(row.toJSON()).map(([key, value]) => [key, value === null ? null : Number(value)]);
      return Object.fromEntries(entries) as ModelRow;
    });
    const coverage: Record<string, number[][]> = {};
    for (const { name } of await opened.describeIndices()) {
      coverage[name] = (await opened.indexSegments(name)).map(({ fragmentIds }) => [...fragmentIds]);
    }
    versions.push({ version, operation, rows, config: opened.config(), coverage });
  }
  return versions;
}
