import { Field, FixedSizeList, Float32, Int32, Int64, Schema } from "apache-arrow";
import type { Dataset } from "../../src/dataset/dataset.ts";
import type { IndexSegment } from "../../src/index/segment.ts";
import {
  type Acknowledged,
  drawVector,
  MODEL_WEIGHTS,
  type ModelOperation,
  type ModelRow,
  type ModelWeights,
  nameIndex,
  SHARED_ROWS,
  type WriterLog,
} from "./model-history.ts";

/** Which writer of the model test this is, and what it draws its calls from. */
export interface ModelWriterOptions {
  readonly writer: number;
  readonly seed: number;
  readonly steps: number;
  readonly weights?: ModelWeights | undefined;
  /** Rows of the table have stable ids: a compaction then cannot leave the indexes alone. */
  readonly stable: boolean;
}

/** The columns a model table begins with. */
export const MODEL_SCHEMA = new Schema([
  new Field("id", new Int32(), false),
  new Field("value", new Int64(), true),
  new Field("vec", new FixedSizeList(4, new Field("item", new Float32(), true)), true),
]);

/** Rows of the model as they are stored: the vector in full. */
export function toModelTable(rows: readonly ModelRow[]): Record<string, unknown>[] {
  return rows.map((row) => ({ ...row, vec: expandVector(row.vec) }));
}

/** Four numbers of one, so that few vectors are equally far from another. */
export function expandVector(first: number): number[] {
  return [first, (first * 7) % 13, (first * 5) % 11, 1];
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

/** What a writer holds beside its dataset. */
interface Writer {
  readonly dataset: Dataset;
  readonly draw: Draw;
  readonly writer: number;
  readonly weights: ModelWeights;
  readonly stable: boolean;
  /** Segments built and not committed, by column. */
  readonly staged: Map<string, IndexSegment>;
}

/**
 * Codes a call may fail with because of what others did meanwhile; it is then drawn again on the newest version.
 * Staged segments, and those of an index that are to become one, may no longer fit the rest of their index.
 */
const CONFLICTS: Partial<Record<ModelOperation["kind"], readonly string[]>> = {
  commitStaged: ["COMMIT_CONFLICT", "SEGMENT_OVERLAP", "SEGMENT_INCOMPATIBLE"],
  optimize: ["COMMIT_CONFLICT", "SEGMENT_INCOMPATIBLE"],
  dropIndex: ["COMMIT_CONFLICT", "INDEX_NOT_FOUND"],
};

/** Calls that may make several versions of their own. */
const MANY_VERSIONS: readonly ModelOperation["kind"][] = ["compact", "optimize"];

/**
 * Makes random calls, from handles as stale as they happen to be, each again after a conflict that allows it.
 * @param dataset at version 1: the first call of all but one writer then meets the others' on a machine that runs them
 *   one after another, too
 */
export async function runModelWriter(dataset: Dataset, options: ModelWriterOptions): Promise<WriterLog> {
  const { writer, steps, stable, weights = MODEL_WEIGHTS } = options;
  const draw = createDraw(options.seed * 7919 + writer);
  const state: Writer = { dataset, draw, writer, weights, stable, staged: new Map() };
  const acknowledged: Acknowledged[] = [];
  let [conflicts, late] = [0, 0];
  for (let step = 0; step < steps; step++) {
    if (draw(10) < 6 && step > 0) await dataset.checkoutLatest();
    for (let attempt = 0; ; attempt++) {
      const operation = await drawOperation(state, step);
      const before = dataset.version;
      try {
        const changed = await perform(state, operation);
        acknowledged.push({ writer, operation, version: dataset.version, changed });
        if (changed > 0 && dataset.version > before + 1 && !MANY_VERSIONS.includes(operation.kind)) late++;
        break;
      } catch (error) {
        const codes = CONFLICTS[operation.kind] ?? ["COMMIT_CONFLICT"];
        if (!codes.includes((error as { code?: string }).code ?? "") || attempt > MAX_ATTEMPTS) {
          throw new Error(`writer ${writer}, ${JSON.stringify(operation)} at version ${dataset.version}`, {
            cause: error,
          });
        }
        conflicts++;
        await dataset.checkoutLatest();
      }
    }
  }
  return { acknowledged, conflicts, late };
}

const COLUMNS = ["id", "value", "vec"] as const;

async function drawOperation(state: Writer, step: number): Promise<ModelOperation> {
  const { dataset, draw, writer, weights, stable, staged } = state;
  const own = (i: number) => OWN_ROWS * (writer + 1) + i;
  const value = writer * 1000 + step;
  const drawIndex = () => {
    const column = COLUMNS[draw(3)]!;
    if (column !== "vec") return { column, type: "BTREE" };
    // Native refuses a graph once rows of it are gone in a compaction that left the indexes alone.
    return { column, type: stable && draw(3) === 0 ? "IVF_HNSW_SQ" : "IVF_FLAT" };
  };
  switch (drawKind(draw, weights)) {
    case "append":
      return { kind: "append", value, ids: [0, 1, 2].map((i) => own(1000 + step * 10 + i)) };
    case "delete":
      return { kind: "delete", ids: [draw(SHARED_ROWS), own(draw(8)), own(1000 + draw(step + 1) * 10)] };
    case "update":
      return { kind: "update", rest: draw(5), by: 1 + draw(9) };
    case "upsert":
      return { kind: "upsert", value, ids: [...new Set([own(draw(8)), own(draw(8))])] };
    case "merge":
      return { kind: "merge", value, ids: [...new Set([draw(SHARED_ROWS), draw(SHARED_ROWS)])] };
    case "patch":
      return { kind: "patch", value, ids: [...new Set([draw(SHARED_ROWS), draw(SHARED_ROWS)])] };
    case "compact":
      return { kind: "compact", defer: draw(2) === 0 && !stable };
    case "dropIndex": {
      const names = (await dataset.describeIndices()).map(({ name }) => name);
      const there = COLUMNS.filter((column) => names.includes(nameIndex(column)));
      if (there.length > 0) return { kind: "dropIndex", column: there[draw(there.length)]! };
      return { kind: "index", ...drawIndex() };
    }
    case "optimize":
      return { kind: "optimize", segments: [null, 0, 1, 10][draw(4)]! };
    case "commitStaged": {
      const column = [...staged.keys()][0];
      if (column !== undefined) return { kind: "commitStaged", column };
      return { kind: "stage", ...drawIndex(), half: draw(3) };
    }
    case "stage":
      return { kind: "stage", ...drawIndex(), half: draw(3) };
    case "config":
      return { kind: "config", key: `writer ${writer}`, value: String(step) };
    case "columns": {
      const mine = dataset.schema.fields.map(({ name }) => name).find((name) => name.startsWith(`c${writer}_`));
      if (mine === undefined) {
        return { kind: "addColumn", name: `c${writer}_${step}`, factor: 1 + draw(4), add: draw(9) };
      }
      if (draw(2) === 0) return { kind: "dropColumn", name: mine };
      return { kind: "renameColumn", name: mine, to: `c${writer}_${step}r${draw(1000)}` };
    }
    case "tag":
      return { kind: "tag", name: `t${writer}` };
    case "restore":
      return { kind: "restore", version: Math.max(1, dataset.version - draw(6)) };
    default:
      return { kind: "index", ...drawIndex() };
  }
}

function drawKind(draw: Draw, weights: ModelWeights): keyof ModelWeights {
  const kinds = (Object.keys(weights) as (keyof ModelWeights)[]).flatMap((kind) => Array(weights[kind]).fill(kind));
  return kinds[draw(kinds.length)]!;
}

/** @returns how many rows, fragments or indexes it says it changed; 1 where calls do not say */
async function perform(state: Writer, operation: ModelOperation): Promise<number> {
  const { dataset } = state;
  switch (operation.kind) {
    case "append":
      await dataset.insert(toRows(operation));
      return operation.ids.length;
    case "delete":
      return dataset.delete(`id IN (${operation.ids.join(", ")})`);
    case "update": {
      const where = `id < ${SHARED_ROWS} AND id % 5 = ${operation.rest}`;
      return (await dataset.update({ where, valuesSql: { value: `value + ${operation.by}` } })).numUpdatedRows;
    }
    case "upsert":
    case "merge":
    case "patch": {
      const merge = dataset.mergeInsert("id").whenMatchedUpdateAll();
      const rows = operation.kind === "patch" ? toRows(operation).map(({ vec: _, ...row }) => row) : toRows(operation);
      const result = await (operation.kind === "upsert" ? merge.whenNotMatchedInsertAll() : merge).execute(rows);
      return result.numInsertedRows + result.numUpdatedRows;
    }
    case "compact":
      return (await dataset.optimize.compactFiles({ targetRowsPerFragment: 50, deferIndexRemap: operation.defer }))
        .fragmentsRemoved;
    case "index":
    case "dropIndex":
    case "optimize":
    case "stage":
    case "commitStaged":
      return performIndexing(state, operation);
    default:
      await performUncounted(dataset, operation);
      return 1;
  }
}

function toRows({ ids, value }: { readonly ids: readonly number[]; readonly value: number }) {
  return ids.map((id) => ({ id, value, vec: expandVector(drawVector(id, value)) }));
}

type Indexing = Extract<ModelOperation, { kind: "index" | "dropIndex" | "optimize" | "stage" | "commitStaged" }>;

async function performIndexing({ dataset, staged }: Writer, operation: Indexing): Promise<number> {
  const paramsOf = (type: string) => (type === "BTREE" ? {} : { numPartitions: 2 });
  switch (operation.kind) {
    case "index":
      await dataset.createIndex(operation.column, operation.type, { replace: true, ...paramsOf(operation.type) });
      return 1;
    case "dropIndex":
      await dataset.dropIndex(nameIndex(operation.column));
      return 1;
    case "optimize": {
      const { segments } = operation;
      const done = await dataset.optimize.optimizeIndices(segments === null ? {} : { numIndicesToMerge: segments });
      return done.filter(({ action }) => action !== "unchanged").length;
    }
    case "stage": {
      const { column, type, half } = operation;
      const fragmentIds = dataset.fragmentIds.filter((_, i) => half === 2 || i % 2 === half);
      if (fragmentIds.length === 0) return 0;
      staged.set(column, await dataset.createIndexUncommitted(column, type, { fragmentIds, ...paramsOf(type) }));
      return 0;
    }
    case "commitStaged": {
      const segment = staged.get(operation.column)!;
      // Once only: a segment that others stand against is not tried again.
      staged.delete(operation.column);
      await dataset.commitExistingIndexSegments(nameIndex(operation.column), operation.column, [segment]);
      return 1;
    }
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
