import { formatExpression } from "../expr/format.ts";
import { formatIndexExpression } from "../expr/format-index.ts";
import type { FilterPlan } from "./filter-plan.ts";
import type { NearestPlan } from "./nearest-plan.ts";
import type { ScanPlan } from "./plan-scan.ts";
import type { ScanStatistics } from "./statistics.ts";

/** The plan as text, its nodes named as native Lance names them, one a line, inputs indented. */
export function explainScan(uri: string, plan: ScanPlan): string {
  const lines: string[] = [];
  const add = (depth: number, text: string) => lines.push(`${"  ".repeat(depth)}${text}`);
  const limit = plan.limit === null && plan.offset === 0 ? 0 : 1;
  if (limit) add(0, `GlobalLimitExec: skip=${plan.offset}, fetch=${plan.limit ?? "None"}`);
  if (plan.nearest === null) explainRead(add, limit, uri, plan);
  else explainNearest(add, limit, uri, plan, plan.nearest);
  return `${lines.join("\n")}\n`;
}

/** The plan with what running it counted. */
export function explainAnalyzed(uri: string, plan: ScanPlan, statistics: ScanStatistics): string {
  const segments = statistics.segments.map(
    (segment) =>
      `  Segment: name=${segment.indexName}, uuid=${segment.uuid}, fragments=[${segment.fragmentIds.join(", ")}], worker=${segment.workerIndex ?? "inline"}, ` +
      `rows=${segment.rows}, parts_loaded=${segment.partsLoaded}, parts_from_cache=${segment.partsFromCache}, index_comparisons=${segment.comparisons}, ` +
      `iops=${segment.reads}, bytes_read=${segment.bytesRead}, elapsed_ms=${segment.milliseconds.toFixed(3)}`,
  );
  const flat = `  Flat: fragments=[${statistics.flatFragmentIds.join(", ")}], rows_scanned=${statistics.flatRows}`;
  const total = `AnalyzeExec: output_rows=${statistics.rowsReturned}, elapsed_ms=${statistics.milliseconds.toFixed(3)}`;
  return `${explainScan(uri, plan)}${[total, ...segments, flat].join("\n")}\n`;
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
  const columns = plan.projection.fields.map((field) => field.name);
  add(depth, `LanceRead: uri=${uri}, projection=[${columns.join(", ")}], source=stream(_rowid)`);
  let at = depth + 1;
  const { filter, prefilter } = plan;
  if (filter !== null && !prefilter) add(at++, `FilterExec: ${formatExpression(filter.bound)}`);
  add(at++, `SortExec: TopK(fetch=${nearest.k}), expr=[_distance@0 ASC NULLS LAST, _rowid@1 ASC NULLS LAST]`);
  if (nearest.refineFactor !== null)
    add(at++, `KNNVectorDistance: metric=${nearest.metric}, refine_factor=${nearest.refineFactor}`);
  const candidates = nearest.k * (nearest.refineFactor ?? 1);
  const both = nearest.index !== null && nearest.flatFragmentIds.length > 0;
  if (both) add(at++, "UnionExec");
  if (nearest.index !== null) {
    add(
      at,
      `ANNSubIndex: name=${nearest.index.name}, k=${candidates}, deltas=${nearest.segments.length}, metric=${METRIC_NAMES[nearest.metric]}`,
    );
    const maximum = nearest.maximumNprobes === null ? "None" : `Some(${nearest.maximumNprobes})`;
    for (const segment of nearest.segments) {
      add(
        at + 1,
        `ANNIvfPartition: uuid=${segment.uuid}, minimum_nprobes=${nearest.minimumNprobes}, maximum_nprobes=${maximum}, deltas=${nearest.segments.length}`,
      );
    }
  }
  if (nearest.flatFragmentIds.length > 0) {
    const reason = nearest.reason === null ? "" : `, reason=${nearest.reason}`;
    add(at, `KNNVectorDistance: metric=${nearest.metric}, fragments=[${nearest.flatFragmentIds.join(", ")}]${reason}`);
  }
  if (filter !== null && prefilter) {
    add(at + 1, describeRead(uri, plan, [], filter));
    explainIndexes(add, at + 2, filter);
  }
}

const METRIC_NAMES = { l2: "L2", cosine: "Cosine", dot: "Dot" } as const;

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
