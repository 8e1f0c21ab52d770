/** Plain tables of a run, and its aims. */
import { findFrontier, interpolateQps } from "./curve.mjs";
import { nameSetting } from "./families.mjs";

const RECALLS = [0.95, 0.97, 0.98];

/** Rows of cells, columns as wide as needed; numbers stand right. */
export function printTable(header, rows) {
  const cells = [header, ...rows.map((row) => row.map((cell) => String(cell ?? "–")))];
  const widths = header.map((_, column) => Math.max(...cells.map((row) => row[column].length)));
  const isNumber = header.map((_, column) => rows.length > 0 && rows.every((row) => typeof row[column] !== "string"));
  for (const row of cells) {
    const parts = row.map((cell, i) => (isNumber[i] ? cell.padStart(widths[i]) : cell.padEnd(widths[i])));
    console.log(`  ${parts.join("  ").trimEnd()}`);
  }
  console.log();
}

/** Three digits that matter, without an exponent. */
export function round(value) {
  if (value === undefined || value === null || !Number.isFinite(value)) return undefined;
  return Math.abs(value) >= 100 ? Math.round(value) : Number(value.toPrecision(3));
}

/** One line a curve: size, build, speed at some recalls, and the points no other beats. */
export function printCurves(title, subjects) {
  console.log(title);
  const header = [
    "index",
    "by",
    "MB",
    "build CPU s",
    ...RECALLS.map((each) => `q/s @${each}`),
    "recall → q/s (setting)",
  ];
  printTable(
    header,
    subjects.map(({ family, label, build, points }) => [
      family,
      label,
      round(build?.bytes / 1e6),
      round(build?.cpuSeconds),
      ...RECALLS.map((recall) => round(interpolateQps(points, recall))),
      describeFrontier(points),
    ]),
  );
}

function describeFrontier(points) {
  const frontier = findFrontier(points);
  const every = Math.max(1, Math.ceil(frontier.length / 5));
  const shown = frontier.filter((_, i) => (frontier.length - 1 - i) % every === 0);
  return shown
    .map(({ recall, qps, setting }) => `${recall.toFixed(3)} → ${round(qps)} (${nameSetting(setting)})`)
    .join("  ");
}

/** Each peer's queries per second as a share of ours, of the same family, at fixed recall. */
export function printRatios(subjects) {
  const ours = new Map(subjects.filter(({ engineName }) => engineName === "ours").map((each) => [each.family, each]));
  const rows = [];
  for (const subject of subjects) {
    if (subject.engineName === "ours") continue;
    const rivals = ours.has(subject.family) ? [ours.get(subject.family)] : [...ours.values()].filter(isGraph);
    for (const rival of rivals) {
      const ratios = RECALLS.map((recall) => {
        const [mine, theirs] = [interpolateQps(rival.points, recall), interpolateQps(subject.points, recall)];
        return mine && theirs ? round(mine / theirs) : undefined;
      });
      if (ratios.some((each) => each !== undefined)) rows.push([rival.family, subject.label, ...ratios]);
    }
  }
  if (rows.length === 0) return;
  console.log("Our queries per second ÷ theirs, one thread, at fixed recall");
  printTable(["our index", "against", ...RECALLS.map((each) => `@${each}`)], rows);
}

function isGraph({ family }) {
  return family.includes("HNSW");
}

/** Reads of one query over a store. */
export function printReads(subjects) {
  const rows = subjects
    .filter(({ reads }) => reads)
    .map(({ family, label, reads, readSetting }) => [
      family,
      label,
      nameSetting(readSetting),
      round(reads.first.reads),
      round(reads.first.bytes / 1e6),
      round(reads.after.reads),
      round(reads.after.bytes / 1e6),
    ]);
  if (rows.length === 0) return;
  console.log("Reads of a query: ours as requests to an HTTP server, LanceDB's as its plan counts them on files");
  printTable(["index", "by", "setting", "first", "MB", "after", "MB "], rows);
}

/** Comparing with every row, against what the machine can. */
export function printFlat(subjects, { stream, c }) {
  const rows = [
    ["reading the bytes once", stream],
    ["C loop, -O3 -march=native -ffast-math", c],
    ...subjects
      .filter(({ family, points }) => family === "no index" && points.length > 0)
      .map(({ label, points }) => [label, 1000 / points[0].qps, points[0].recall]),
  ];
  console.log("Nearest of all rows without an index, one thread");
  printTable(
    ["by", "ms", "÷ reading", "recall"],
    rows.map(([name, ms, recall]) => [name, round(ms), ms && round(ms / stream), recall && round(recall)]),
  );
}

/** Builds by one worker and by several. */
export function printBuilds(subjects, workers) {
  const rows = subjects
    .filter(({ oneWorker }) => oneWorker)
    .map(({ family, oneWorker, build }) => [
      family,
      round(oneWorker.seconds),
      round(build.seconds),
      round(oneWorker.seconds / build.seconds),
      round(build.cpuSeconds),
    ]);
  if (rows.length === 0) return;
  console.log(`Our builds, workers running: training, segments and commit`);
  printTable(["index", "1 worker, s", `${workers} workers, s`, "times faster", "CPU s"], rows);
}

/** What could not be measured, and why. */
export function printSkipped(skipped, subjects) {
  for (const { name, reason } of skipped) console.log(`skipped: ${name}: ${reason}`);
  for (const { family, label, failures } of subjects) {
    for (const { setting, message } of failures ?? []) {
      console.log(`failed: ${family} by ${label}, ${nameSetting(setting)}: ${message.split("\n")[0].slice(0, 200)}`);
    }
  }
}
