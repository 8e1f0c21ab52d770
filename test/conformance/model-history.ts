/** A row of the model table: `id`, `value`, the first number of its vector, and columns that come and go. */
export type ModelRow = { id: number; value: number | null; vec: number } & Record<string, number | null>;

/** What one acknowledged call of a writer meant. Shared rows have ids below {@link SHARED_ROWS}. */
export type ModelOperation =
  | { readonly kind: "append"; readonly ids: readonly number[]; readonly value: number }
  | { readonly kind: "delete"; readonly ids: readonly number[] }
  /** Adds `by` to shared rows whose id leaves `rest` by 5. */
  | { readonly kind: "update"; readonly rest: number; readonly by: number }
  /**
   * Shared rows are changed only; rows of the writer's own are inserted where they are missing. A patch leaves vectors
   * as they are.
   */
  | { readonly kind: "upsert" | "merge" | "patch"; readonly ids: readonly number[]; readonly value: number }
  /** Values are `value * factor + add`, which may be null: rows are inserted without the column. */
  | { readonly kind: "addColumn"; readonly name: string; readonly factor: number; readonly add: number }
  | { readonly kind: "dropColumn"; readonly name: string }
  | { readonly kind: "renameColumn"; readonly name: string; readonly to: string }
  | { readonly kind: "config"; readonly key: string; readonly value: string }
  | { readonly kind: "index"; readonly column: string; readonly type: string }
  | { readonly kind: "dropIndex"; readonly column: string }
  /** Rows no segment covers get one, or are folded into as many of the newest; by default as the index type has it. */
  | { readonly kind: "optimize"; readonly segments: number | null }
  /** Builds a segment over half of the fragments of some version, to be committed by a later call. */
  | { readonly kind: "stage"; readonly column: string; readonly type: string; readonly half: number }
  | { readonly kind: "commitStaged"; readonly column: string }
  | { readonly kind: "compact"; readonly defer: boolean }
  | { readonly kind: "restore"; readonly version: number }
  | { readonly kind: "tag"; readonly name: string };

/** An acknowledged call, and the version it left. */
export interface Acknowledged {
  readonly writer: number;
  readonly operation: ModelOperation;
  /** Of a tag: the version it names. */
  readonly version: number;
  /**
   * Rows, or fragments, it says it changed. 0: it need not have made a version, and where it planned again after a
   * conflict the version it left is another's.
   */
  readonly changed: number;
}

/** What one writer did. */
export interface WriterLog {
  readonly acknowledged: readonly Acknowledged[];
  /** Conflicts after which the call was made again. */
  readonly conflicts: number;
  /** Calls that stood although others had committed since the version they were planned on. */
  readonly late: number;
}

/** One version, in plain values. */
export interface ModelVersion {
  readonly version: number;
  /** What its transaction says it is. */
  readonly operation: string | null;
  readonly rows: readonly ModelRow[];
  readonly config: Readonly<Record<string, string>>;
  /** Fragments recorded by each segment of each index; no two of one index may share any, dead ones included. */
  readonly coverage: Readonly<Record<string, readonly (readonly number[])[]>>;
  /** As the format names them, by index. */
  readonly indexTypes: Readonly<Record<string, string>>;
  /** Answers of indexes that are not those of a look at every row. */
  readonly wrongAnswers: readonly string[];
}

/** Rows that all writers change. They stand in version 1 and are never inserted again. */
export const SHARED_ROWS = 40;

/** The first number of the vector that goes with a value of a row. */
export function drawVector(id: number, value: number): number {
  return (id * 31 + value * 17) % 1009;
}

/** The rows of version 1. */
export const firstRows: readonly ModelRow[] = Array.from({ length: SHARED_ROWS }, (_, id) => ({
  id,
  value: 0,
  vec: drawVector(id, 0),
}));

/** Operations that transactions of a call may be of. */
const TRANSACTIONS: Readonly<Record<ModelOperation["kind"], readonly string[]>> = {
  append: ["append"],
  delete: ["delete"],
  update: ["update"],
  upsert: ["update"],
  merge: ["update"],
  patch: ["update"],
  addColumn: ["merge"],
  dropColumn: ["project"],
  renameColumn: ["project"],
  config: ["updateConfig"],
  index: ["createIndex"],
  dropIndex: ["createIndex"],
  optimize: ["createIndex"],
  stage: [],
  commitStaged: ["createIndex"],
  compact: ["rewrite"],
  restore: ["restore"],
  tag: [],
};

/**
 * A compaction goes on where others appended meanwhile, and indexes are optimized one by one: such a call may make
 * several versions, and acknowledges the last.
 */
const INTERNAL = ["reserveFragments", "rewrite", "createIndex"];

/** How often a writer of the model draws which call; `columns` stands for the three that change the schema. */
export const MODEL_WEIGHTS = {
  append: 13,
  delete: 11,
  update: 14,
  upsert: 7,
  merge: 6,
  patch: 3,
  compact: 10,
  index: 9,
  dropIndex: 2,
  optimize: 6,
  stage: 3,
  commitStaged: 3,
  config: 2,
  columns: 6,
  tag: 2,
  restore: 3,
} as const;
export type ModelWeights = Readonly<Record<keyof typeof MODEL_WEIGHTS, number>>;

interface State {
  readonly rows: ReadonlyMap<number, ModelRow>;
  readonly config: Readonly<Record<string, string>>;
  readonly columns: readonly string[];
  /** Columns that have an index. */
  readonly indexed: ReadonlySet<string>;
}

/**
 * Looks for what the versions of a table do not explain: every acknowledged call made one version, every version is of
 * one call, and the calls done to a plain map in the order of versions give what each version holds.
 * @returns the first faults; none when all is well
 */
export function findModelFaults(logs: readonly WriterLog[], versions: readonly ModelVersion[]): string[] {
  const faults: string[] = [];
  const operations = new Map(versions.map(({ version, operation }) => [version, operation]));
  const calls = new Map<number, Acknowledged>();
  const all = logs
    .flatMap(({ acknowledged }) => acknowledged)
    .filter(({ operation }) => TRANSACTIONS[operation.kind].length > 0);
  for (const call of all.filter(({ changed }) => changed > 0)) {
    const other = calls.get(call.version);
    if (other) faults.push(`version ${call.version} is of two calls: ${describe(other)} and ${describe(call)}`);
    calls.set(call.version, call);
  }
  // Versions of nothing: nobody else's, and of its kind.
  for (const call of all.filter(({ changed }) => changed === 0)) {
    const isOfKind = TRANSACTIONS[call.operation.kind].includes(operations.get(call.version) ?? "");
    if (isOfKind && !calls.has(call.version)) calls.set(call.version, call);
  }
  const states = new Map<number, State>();
  let state: State = {
    rows: new Map(firstRows.map((row) => [row.id, row])),
    config: {},
    columns: ["id", "value", "vec"],
    indexed: new Set(),
  };
  for (const [i, { version, operation, rows, config, coverage, wrongAnswers }] of versions.entries()) {
    if (version !== i + 1) faults.push(`version ${i + 1} is missing`);
    for (const [name, segments] of Object.entries(coverage)) {
      const covered = segments.flat();
      const twice = covered.find((id, at) => covered.indexOf(id) !== at);
      if (twice !== undefined)
        faults.push(`version ${version}, ${operation}: "${name}" covers fragment ${twice} twice`);
    }
    for (const wrong of wrongAnswers) faults.push(`version ${version}, ${operation}: ${wrong}`);
    const call = calls.get(version);
    calls.delete(version);
    if (call && version > 1) {
      if (!TRANSACTIONS[call.operation.kind].includes(operation ?? "")) {
        faults.push(`version ${version} is ${operation}, of ${describe(call)}`);
      }
      // One that changed nothing is held to that by the rows of its version.
      if (call.changed > 0) state = applyOperation(state, call.operation, states);
    } else if (version > 1 && !INTERNAL.includes(operation ?? "")) {
      faults.push(`version ${version}, ${operation}, is of no call`);
    }
    states.set(version, state);
    const fault = compareState(state, rows, config) ?? compareIndexes(state, coverage);
    if (fault) {
      faults.push(`version ${version} after ${call ? describe(call) : operation}: ${fault}`);
      // What follows would only say the same again.
      break;
    }
  }
  if (faults.length === 0) for (const call of calls.values()) faults.push(`${describe(call)} is lost: ${call.version}`);
  return faults;
}

function describe({ writer, operation }: Acknowledged): string {
  return `${JSON.stringify(operation)} of writer ${writer}`;
}

function applyOperation(state: State, operation: ModelOperation, states: ReadonlyMap<number, State>): State {
  const rows = new Map(state.rows);
  const { columns, config, indexed } = state;
  const insert = (id: number, value: number) => {
    const row: ModelRow = { id, value, vec: drawVector(id, value) };
    for (const column of columns) row[column] ??= null;
    rows.set(id, row);
  };
  const change = (changed: (row: ModelRow) => Record<string, number | null>) => {
    for (const [id, row] of rows) rows.set(id, changed(row) as ModelRow);
  };
  switch (operation.kind) {
    case "append":
      for (const id of operation.ids) insert(id, operation.value);
      break;
    case "delete":
      for (const id of operation.ids) rows.delete(id);
      break;
    case "update":
      change((row) =>
        row.id < SHARED_ROWS && row.id % 5 === operation.rest ? { ...row, value: row.value! + operation.by } : row,
      );
      break;
    case "upsert":
    case "merge":
    case "patch":
      for (const id of operation.ids) {
        const row = rows.get(id);
        const vec = operation.kind === "patch" ? {} : { vec: drawVector(id, operation.value) };
        if (row) rows.set(id, { ...row, value: operation.value, ...vec });
        else if (operation.kind === "upsert") insert(id, operation.value);
      }
      break;
    case "addColumn":
      change((row) => ({ ...row, [operation.name]: row.value! * operation.factor + operation.add }));
      return { ...state, rows, columns: [...columns, operation.name] };
    case "dropColumn":
      change(({ [operation.name]: _, ...row }) => row);
      return { ...state, rows, columns: columns.filter((name) => name !== operation.name) };
    case "renameColumn":
      change(({ [operation.name]: value, ...row }) => ({ ...row, [operation.to]: value! }));
      return { ...state, rows, columns: columns.map((name) => (name === operation.name ? operation.to : name)) };
    case "config":
      return { ...state, config: { ...config, [operation.key]: operation.value } };
    case "index":
    case "commitStaged":
      return { ...state, indexed: new Set([...indexed, operation.column]) };
    case "dropIndex":
      return { ...state, indexed: new Set([...indexed].filter((column) => column !== operation.column)) };
    case "restore":
      return states.get(operation.version)!;
    default:
  }
  return { ...state, rows };
}

function compareIndexes(state: State, coverage: ModelVersion["coverage"]): string | null {
  const found = Object.keys(coverage).sort().join(", ");
  const wanted = [...state.indexed].map(nameIndex).sort().join(", ");
  return found === wanted ? null : `it has indexes ${found || "none"}, expected ${wanted || "none"}`;
}

/** The index a column has. */
export function nameIndex(column: string): string {
  return `${column}_idx`;
}

function compareState(state: State, rows: readonly ModelRow[], config: ModelVersion["config"]): string | null {
  const found = new Map(rows.map((row) => [row.id, row]));
  if (found.size !== rows.length) return `a row is there twice: ${rows.map(({ id }) => id)}`;
  for (const [id, wanted] of state.rows) {
    const row = found.get(id);
    if (!row) return `row ${id} is missing`;
    for (const key of new Set([...Object.keys(wanted), ...Object.keys(row)])) {
      if (row[key] !== wanted[key]) return `${key} of row ${id} is ${row[key]}, expected ${wanted[key]}`;
    }
    found.delete(id);
  }
  if (found.size > 0) return `rows ${[...found.keys()]} should not be there`;
  const sort = (entries: object) => JSON.stringify(Object.entries(entries).sort());
  return sort(config) === sort(state.config) ? null : `config ${sort(config)}, expected ${sort(state.config)}`;
}
