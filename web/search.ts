import type { Dataset, ScanStatistics } from "lancelet";
import { embed, type StaticModel } from "./embed/static-model.ts";

/** One package of the answer. `distance` is cosine distance; `null` when nothing was searched for. */
export interface PackageRow {
  readonly name: string;
  readonly version: string;
  readonly section: string;
  readonly tags: readonly string[];
  readonly installedKb: number;
  readonly summary: string;
  readonly homepage: string | null;
  readonly distance: number | null;
  readonly rowId: bigint;
}

/** An answer with where it came from. */
export interface Answer {
  readonly rows: readonly PackageRow[];
  readonly statistics: ScanStatistics | null;
  readonly plan: string;
  readonly filter: string | undefined;
  readonly milliseconds: number;
}

const RESULTS = 20;
const COLUMNS = ["name", "version", "section", "tags", "installed_kb", "summary", "homepage"];

/** Nearest packages to `text`, or the first ones when it is empty, no larger than `maximumKb`. */
export async function searchPackages(
  dataset: Dataset,
  model: StaticModel,
  text: string,
  maximumKb: number | null,
  signal: AbortSignal,
): Promise<Answer> {
  const started = performance.now();
  const q = embed(text, model);
  const filter = maximumKb === null ? undefined : `installed_kb <= ${maximumKb}`;
  let statistics: ScanStatistics | null = null;
  const scanner = dataset.scanner({
    columns: COLUMNS,
    filter,
    withRowId: true,
    signal,
    scanStatsCallback: (received) => {
      statistics = received;
    },
    ...(q
      ? { nearest: { column: "vector", q, k: RESULTS, metric: "cosine", minimumNprobes: 4 }, prefilter: true }
      : { limit: RESULTS }),
  });
  const table = await scanner.toTable();
  const milliseconds = performance.now() - started;
  const plan = await scanner.explainPlan();
  const rows = table.toArray().map(
    (row): PackageRow => ({
      name: row.name,
      version: row.version,
      section: row.section,
      tags: row.tags ? [...row.tags] : [],
      installedKb: Number(row.installed_kb),
      summary: row.summary,
      homepage: row.homepage,
      distance: q ? row._distance : null,
      rowId: row._rowid,
    }),
  );
  return { rows, statistics, plan, filter, milliseconds };
}

/** The long description of one package, read when it is opened. */
export async function readDescription(dataset: Dataset, rowId: bigint): Promise<string> {
  const table = await dataset.takeRows([rowId], { columns: ["description"] });
  return table.getChild("description")?.get(0) ?? "";
}
