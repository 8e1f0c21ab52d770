/** What this project wants to reach, as ratios within one run. */
import { interpolateQps } from "./curve.mjs";
import { printTable, round } from "./report.mjs";

/** 4.5 MB of an index for 94.4 MB of vectors. */
const SMALL_SHARE = 4.5 / 94.4;
const SAME_RECALL = 0.005;

/**
 * @param run  `{ subjects, limits, vectorBytes }`
 * @returns `{ aim, wanted, reached, met }`; an aim that the run cannot judge has no `reached`
 */
export function judgeAims({ subjects, limits, vectorBytes }) {
  const find = (engineName, family) =>
    subjects.find((each) => each.engineName === engineName && each.family === family);
  const at = (subject, recall) => (subject ? interpolateQps(subject.points, recall) : undefined);
  const ours = subjects.filter(({ engineName }) => engineName === "ours");
  const best = (list, recall) =>
    list.reduce((most, each) => ((at(each, recall) ?? 0) > (at(most, recall) ?? 0) ? each : most), undefined);
  const ratio = (a, b) => (a && b ? a / b : undefined);
  const buildRatio = (a, b) => ratio(a?.build?.cpuSeconds, b?.build?.cpuSeconds);

  const scan = (engineName) => {
    const point = find(engineName, "no index")?.points[0];
    return point && 1000 / point.qps;
  };
  const small = best(
    ours.filter(({ build }) => build && build.bytes <= vectorBytes * SMALL_SHARE),
    0.97,
  );
  const graph = best(
    ours.filter(({ family }) => family.includes("HNSW")),
    0.98,
  );
  const nativeGraphs = subjects.filter(
    ({ engineName, family }) => engineName === "lancedb own" && family.includes("HNSW"),
  );
  const graphs = find("hnswlib-wasm", "graph");
  const [pq, nativePq] = [find("ours", "IVF_PQ"), find("lancedb own", "IVF_PQ")];
  const [rq, nativeRq] = [find("ours", "IVF_RQ"), find("lancedb own", "IVF_RQ")];
  const named = (text, subject) => (subject ? `${text} (${subject.family})` : text);
  const rows = [
    aim("scan of all f32 vectors of one partition, time ÷ C's", "≤ 1.5", ratio(scan("ours whole"), limits.c)),
    aim("the same without an index, file ranges kept", "≤ 1.5", ratio(scan("ours kept"), limits.c)),
    aim("the same without an index, from files", undefined, ratio(scan("ours"), limits.c)),
    aim(
      named("an index of ≤ 4.8% of the vectors at 0.97, q/s ÷ native IVF_RQ's", small),
      "≥ 2.4",
      ratio(at(small, 0.97), at(nativeRq, 0.97)),
    ),
    aim(named("a graph at 0.98, q/s ÷ hnswlib-wasm's", graph), "≥ 1.2", ratio(at(graph, 0.98), at(graphs, 0.98))),
    aim(
      named("a graph at 0.98, q/s ÷ native's best", graph),
      "≥ 1.5",
      ratio(at(graph, 0.98), at(best(nativeGraphs, 0.98), 0.98)),
    ),
    aim(named("build of that graph, CPU ÷ hnswlib-wasm's", graph), "≤ 0.5", buildRatio(graph, graphs)),
    aim("build of IVF_PQ, CPU ÷ native's", "≤ 0.2", buildRatio(pq, nativePq)),
    aim(
      "recall of IVF_PQ, mean of the same settings, ours − native's",
      `≥ ${-SAME_RECALL}`,
      compareRecall(pq, nativePq),
    ),
    aim("build of IVF_RQ, CPU ÷ native's", "≤ 1", buildRatio(rq, nativeRq)),
    aim(
      "build of IVF_FLAT, CPU ÷ native's",
      "≤ 1",
      buildRatio(find("ours", "IVF_FLAT"), find("lancedb own", "IVF_FLAT")),
    ),
    aim(
      "reads of IVF_RQ, first query ÷ native's",
      "≤ 0.5",
      ratio(rq?.reads?.first.reads, nativeRq?.reads?.first.reads),
    ),
    aim(
      "reads of IVF_RQ, a later query ÷ native's",
      "≤ 0.5",
      ratio(rq?.reads?.after.reads, nativeRq?.reads?.after.reads),
    ),
  ];
  return rows;
}

function aim(name, wanted, reached) {
  if (reached === undefined || wanted === undefined) return { aim: name, wanted, reached };
  const [sign, bound] = wanted.split(" ");
  return { aim: name, wanted, reached, met: sign === "≤" ? reached <= Number(bound) : reached >= Number(bound) };
}

/** The mean difference at settings both were asked with: one setting of some hundred queries is off by chance. */
function compareRecall(mine, theirs) {
  if (!mine || !theirs) return undefined;
  const key = ({ setting }) => JSON.stringify(setting);
  const known = new Map(theirs.points.map((point) => [key(point), point.recall]));
  const differences = mine.points
    .filter((point) => known.has(key(point)))
    .map((point) => point.recall - known.get(key(point)));
  return differences.length > 0 ? differences.reduce((sum, one) => sum + one, 0) / differences.length : undefined;
}

export function printAims(aims) {
  console.log("Aims");
  printTable(
    ["aim", "wanted", "reached", ""],
    aims.map(({ aim: name, wanted, reached, met }) => [
      name,
      wanted ?? "",
      round(reached),
      met === undefined ? "" : met ? "met" : "missed",
    ]),
  );
}
