import { formatExpression } from "../expr/format.ts";
import { formatIndexExpression } from "../expr/format-index.ts";
import type { FilterPlan } from "./filter-plan.ts";
import type { NearestPlan } from "./nearest-plan.ts";
import type { ScanPlan } from "./plan-scan.ts";
import type { OutputColumn } from "./projection.ts";
import type { ScanStatistics, SegmentStatistics } from "./statistics.ts";

/** The plan as text, its nodes named as native Lance names them, one a line, inputs indented. */
export function explainScan(uri: string, plan: ScanPlan): string {
  const lines: string[] = [];
  const add = (depth: number, text: string) => lines.push(`${"  ".repeat(depth)}${text}`);
  let depth = 0;
  const expressions = plan.projection.output.map(formatOutput);
  if (expressions.some(({ isPlain }) => !isPlain)) {
    add(depth++, `ProjectionExec: expr=[${expressions.map(({ text }) => text).join(", ")}]`);
  }
  const hasLimit = plan.limit !== null || plan.offset > 0;
  const addLimit = () => add(depth++, `GlobalLimitExec: skip=${plan.offset}, fetch=${plan.limit ?? "None"}`);
  if (plan.orderBy.length > 0) {
    add(depth++, `LanceRead: uri=${uri}, projection=[${listFields(plan)}], source=stream(_rowaddr)`);
    if (hasLimit) addLimit();
    add(depth++, describeSort(plan));
    const keys = plan.orderBy.map(({ name }) => name);
    add(depth, describeRead(uri, plan, keys, plan.filter));
    explainIndexes(add, depth + 1, plan.filter);
  } else {
    if (hasLimit) addLimit();
    if (plan.nearest === null) explainRead(add, depth, uri, plan);
    else explainNearest(add, depth, uri, plan, plan.nearest);
  }
  return `${lines.join("\n")}\n`;
}

function describeSort({ orderBy, limit, offset }: ScanPlan): string {
  const keys = orderBy.map(({ name, ascending, nullsFirst }, i) => {
    return `${name}@${i} ${ascending ? "ASC" : "DESC"} NULLS ${nullsFirst ? "FIRST" : "LAST"}`;
  });
  const top = limit === null ? "" : `TopK(fetch=${offset + limit}), `;
  return `SortExec: ${top}expr=[${keys.join(", ")}]`;
}

/** An output column as a projection prints it; plain where it is a column under its own name. */
function formatOutput(column: OutputColumn): { readonly text: string; readonly isPlain: boolean } {
  if (column.kind === "computed") {
    return { text: `${formatExpression(column.bound)} as ${column.name}`, isPlain: false };
  }
  return { text: `${column.column} as ${column.name}`, isPlain: column.column === column.name };
}

function listFields(plan: ScanPlan): string {
  return plan.projection.fields.map((field) => field.name).join(", ");
}

/** The plan with what running it counted; metrics are named as native names them. */
export function explainAnalyzed(uri: string, plan: ScanPlan, statistics: ScanStatistics): string {
  const segments = statistics.segments.map((segment) => describeSegment(segment, plan));
  const flat = `  Flat: fragments=[${statistics.flatFragmentIds.join(", ")}], rows_scanned=${statistics.flatRows}`;
  const total = `AnalyzeExec: output_rows=${statistics.rowsReturned}, elapsed_ms=${statistics.milliseconds.toFixed(3)}`;
  const { rows, kept, decoded, reads, bytesRead } = statistics.refined;
  const counts = `rows=${rows}, cache_hits=${kept}, rows_decoded=${decoded}, iops=${reads}, bytes_read=${bytesRead}`;
  const refined = rows === 0 ? [] : [`  Refine: ${counts}`];
  return `${explainScan(uri, plan)}${[total, ...segments, ...refined, flat].join("\n")}\n`;
}

/** What one segment did, of a vector index with the partitions it looked at. */
function describeSegment(segment: SegmentStatistics, { nearest }: ScanPlan): string {
  const { partsLoaded, partsFromCache } = segment;
  const isVector = nearest?.segments.some(({ uuid }) => uuid === segment.uuid) === true;
  return [
    `  Segment: name=${segment.indexName}`,
    `uuid=${segment.uuid}`,
    `fragments=[${segment.fragmentIds.join(", ")}]`,
    `worker=${segment.workerIndex ?? "inline"}`,
    `rows=${segment.rows}`,
    ...(isVector ? [`partitions_searched=${partsLoaded + partsFromCache}`] : []),
    `parts_loaded=${partsLoaded}`,
    `index_cache_hits=${partsFromCache}`,
    `index_comparisons=${segment.comparisons}`,
    `iops=${segment.reads}`,
    `bytes_read=${segment.bytesRead}`,
    `elapsed_ms=${segment.milliseconds.toFixed(3)}`,
  ].join(", ");
}

type Add = (depth: number, text: string) => void;

function explainRead(add: Add, depth: number, uri: string, plan: ScanPlan): void {
  add(
    depth,
    describeRead(
      uri,
      plan,
      plan.projection.fields.map((field) => field.name),
      plan.filter,
    ),
  );
  explainIndexes(add, depth + 1, plan.filter);
}

function explainNearest(add: Add, depth: number, uri: string, plan: ScanPlan, nearest: NearestPlan): void {
  const { filter, prefilter } = plan;
  const columns = plan.projection.fields.map((field) => field.name);
  let at = depth;
  add(at++, `LanceRead: uri=${uri}, projection=[${columns.join(", ")}], source=stream(_rowid)`);
  if (nearest.isBatch) {
    add(at++, "SortExec: expr=[query_index@0 ASC NULLS LAST, _distance@1 ASC NULLS LAST, _rowid@2 ASC NULLS LAST]");
  }
  if (filter !== null && !prefilter) add(at++, `FilterExec: ${formatExpression(filter.bound)}`);
  add(at++, describeTopK(nearest.k));
  const { index, flatFragmentIds, field } = nearest;
  const range = describeRange(nearest);
  if (index !== null && flatFragmentIds.length > 0) add(at++, "UnionExec");
  if (index !== null) {
    let inner = at;
    if (nearest.measuresAgain) {
      if (range !== null) add(inner++, range);
      add(inner++, `KNNVectorDistance: metric=${nearest.metric}, refine_factor=${nearest.refineFactor ?? 1}`);
      add(inner++, `LanceRead: uri=${uri}, projection=[${field.name}], source=stream(_rowid)`);
      add(inner++, describeTopK(nearest.candidates));
    }
    explainSegments(add, inner, nearest, index.name);
    if (prefilter) explainPrefilter(add, inner + 1, uri, plan);
  }
  if (flatFragmentIds.length > 0) {
    const reason = nearest.reason === null ? "" : `, reason=${nearest.reason}`;
    const queries = nearest.isBatch ? `queries=${nearest.queries.length}, k=${nearest.k}, ` : "";
    if (range !== null) add(at++, range);
    add(
      at,
      `KNNVectorDistance: ${queries}metric=${nearest.metric}, fragments=[${flatFragmentIds.join(", ")}]${reason}`,
    );
    const vectors = { ...plan, fragmentIds: flatFragmentIds };
    if (filter === null || !prefilter) add(at + 1, describeRead(uri, vectors, [field.name], null));
    else {
      add(at + 1, describeRead(uri, vectors, [field.name], filter));
      explainIndexes(add, at + 2, filter);
    }
  }
}

/** Which distances are answered, as native filters rows that were measured; `null` = all. */
function describeRange({ distanceRange: [lower, upper] }: NearestPlan): string | null {
  const sides = [
    ...(lower === null ? [] : [`_distance@2 >= ${lower}`]),
    ...(upper === null ? [] : [`_distance@2 < ${upper}`]),
  ];
  return sides.length === 0 ? null : `FilterExec: ${sides.join(" AND ")}`;
}

function describeTopK(fetch: number): string {
  return `SortExec: TopK(fetch=${fetch}), expr=[_distance@0 ASC NULLS LAST, _rowid@1 ASC NULLS LAST]`;
}

function explainSegments(add: Add, depth: number, nearest: NearestPlan, name: string): void {
  const deltas = nearest.segments.length;
  const queries = nearest.isBatch ? `, queries=${nearest.queries.length}` : "";
  const ef = nearest.ef === undefined ? "" : `, ef=${nearest.ef}`;
  const mode = nearest.approxMode === undefined ? "" : `, approx_mode=${nearest.approxMode}`;
  const metric = METRIC_NAMES[nearest.metric];
  const [lower, upper] = nearest.distanceRange;
  // What is measured again is bounded above only then.
  const bounds = [
    ...(lower === null ? [] : [`, lower_bound=${lower}`]),
    ...(upper === null || nearest.measuresAgain ? [] : [`, upper_bound=${upper}`]),
  ].join("");
  const factor = nearest.oversampleFactor === undefined ? "" : `, oversample_factor=${nearest.oversampleFactor}`;
  add(
    depth,
    `ANNSubIndex: name=${name}, k=${nearest.candidates}, deltas=${deltas}, metric=${metric}${ef}${mode}${bounds}${factor}${queries}`,
  );
  const maximum = nearest.maximumNprobes === null ? "None" : `Some(${nearest.maximumNprobes})`;
  for (const { uuid } of nearest.segments) {
    add(
      depth + 1,
      `ANNIvfPartition: uuid=${uuid}, minimum_nprobes=${nearest.minimumNprobes}, maximum_nprobes=${maximum}, deltas=${deltas}`,
    );
  }
}

/** Which rows the index may answer. */
function explainPrefilter(add: Add, depth: number, uri: string, plan: ScanPlan): void {
  if (plan.filter === null) return;
  add(depth, describeRead(uri, plan, [], plan.filter));
  explainIndexes(add, depth + 1, plan.filter);
}

const METRIC_NAMES = { l2: "L2", cosine: "Cosine", dot: "Dot", hamming: "Hamming" } as const;

function describeRead(uri: string, plan: ScanPlan, columns: readonly string[], filter: FilterPlan | null): string {
  const full = filter === null ? "--" : formatExpression(filter.bound);
  const refine =
    filter === null
      ? "--"
      : filter.indexed === null
        ? full
        : filter.refine === null
          ? "--"
          : formatExpression(filter.refine);
  const flat =
    filter !== null && filter.indexed !== null ? `, unindexed_fragments=[${filter.flatFragmentIds.join(", ")}]` : "";
  return `LanceRead: uri=${uri}, projection=[${columns.join(", ")}], num_fragments=${plan.fragmentIds.length}, full_filter=${full}, refine_filter=${refine}${flat}`;
}

function explainIndexes(add: Add, depth: number, filter: FilterPlan | null): void {
  if (filter?.indexed) add(depth, `ScalarIndexQuery: query=${formatIndexExpression(filter.indexed)}`);
}
