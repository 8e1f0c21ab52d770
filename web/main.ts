import { type Dataset, type IndexDescription, initGlobalPool } from "lancelet";
import { type BuildState, buildIndexes, NUM_WORKERS } from "./build-indexes.ts";
import { openDeviceTable, readStorageFacts } from "./device.ts";
import { byId, formatBytes, h } from "./dom.ts";
import { loadStaticModel, type StaticModel } from "./embed/static-model.ts";
import { listenToKeys } from "./keys.ts";
import { keepPageOffline } from "./offline.ts";
import { type Answer, readDescription, searchPackages } from "./search.ts";
import { labelSizeFilter, openSizeFilter, readMaximumKb } from "./size-filter.ts";
import { applyTheme, toggleTheme } from "./theme.ts";
import { drawCoverage } from "./views/coverage.ts";
import { openHelp } from "./views/help.ts";
import { drawIndexes } from "./views/indexes.ts";
import { drawProvenance } from "./views/provenance.ts";
import { drawResults } from "./views/results.ts";
import { drawStatus, type Status } from "./views/status.ts";

const EXAMPLES = ["play chess against the computer", "edit photos", "watch network traffic", "learn to type"];

const query = byId<HTMLInputElement>("query");
const size = byId<HTMLInputElement>("size");
const sizeLabel = byId("size-label");
const results = byId<HTMLOListElement>("results");

const build: BuildState = { tasks: new Map(), commits: [], running: false, totalMs: 0, outcome: null };
let status: Status = {
  rows: null,
  version: null,
  rung: null,
  rungReason: null,
  persisted: null,
  usedBytes: null,
  quotaBytes: null,
  online: navigator.onLine,
  offlineReady: false,
};
let dataset: Dataset | null = null;
let model: StaticModel | null = null;
let indices: readonly IndexDescription[] = [];
let answers = 0;
let searching: AbortController | null = null;
let building: AbortController | null = null;

function showStatus(change: Partial<Status>): void {
  status = { ...status, ...change };
  drawStatus(byId("status"), status);
}

function showIndexes(): void {
  drawIndexes(byId("indexes"), build, {
    ready: dataset !== null,
    built: indices.length > 1,
    onBuild: startBuild,
    onCancel: () => building?.abort(),
  });
}

function showProblem(title: string, error: unknown): void {
  const message = error instanceof Error ? error.message : String(error);
  results.replaceChildren(h("li", { class: "problem", role: "alert" }, h("strong", {}, title), " ", message));
}

function announce(text: string): void {
  byId("announce").textContent = text;
}

const showHelp = (): void => openHelp(byId<HTMLDialogElement>("help"));

async function search(): Promise<void> {
  if (!dataset || !model) return;
  searching?.abort();
  const mine = new AbortController();
  searching = mine;
  try {
    const answer: Answer = await searchPackages(dataset, model, query.value, readMaximumKb(size), mine.signal);
    if (mine.signal.aborted) return;
    const from = dataset;
    drawResults(results, answer, (rowId) => readDescription(from, rowId));
    drawProvenance(byId("provenance"), answer);
    announce(`${answer.rows.length} packages`);
    Object.assign(document.documentElement.dataset, { answered: query.value, answers: ++answers });
  } catch (error) {
    if (!mine.signal.aborted) showProblem("The search failed.", error);
  }
}

async function readIndices(): Promise<void> {
  if (!dataset) return;
  indices = await dataset.describeIndices();
  drawCoverage(byId("coverage"), dataset.fragmentIds, indices);
  showStatus({ version: dataset.version });
  showIndexes();
}

function startBuild(): void {
  if (!dataset || build.running) return;
  building = new AbortController();
  const ended = buildIndexes(dataset, build, scheduleIndexes, building.signal);
  showIndexes();
  ended
    .then(readIndices)
    .then(search)
    .then(refreshStorage)
    .then(() => announce(build.outcome?.message || "Indexes built"))
    .catch((error) => showProblem("The table could not be read after the build.", error));
}

/** Another tab may have built or rebuilt the indexes meanwhile. */
async function followOtherTabs(): Promise<void> {
  if (!dataset) return;
  const before = dataset.version;
  await dataset.checkoutLatest();
  if (dataset.version === before) return;
  await readIndices();
  await search();
}

/** Follows what other tabs commit, as they do. */
async function listenToOtherTabs(from: Dataset): Promise<void> {
  for await (const _ of from.watch()) if (!build.running) await followOtherTabs();
}

let scheduled = false;
/** Progress may arrive often: the panel is drawn ten times a second. */
function scheduleIndexes(): void {
  if (scheduled) return;
  scheduled = true;
  setTimeout(() => {
    scheduled = false;
    showIndexes();
  }, 100);
}

/** Has each worker open its segments while the first words are typed. */
function wakeWorkers(from: Dataset): void {
  for (const { name, supported } of indices) {
    // a segment that cannot be opened is told by the search that needs it
    if (supported) from.indexStatistics(name).catch(() => undefined);
  }
}

async function refreshStorage(): Promise<void> {
  showStatus(await readStorageFacts());
}

function showCopy(doneBytes: number, totalBytes: number): void {
  results.replaceChildren(
    h(
      "li",
      { class: "empty copy" },
      `Copying the table onto this device: ${formatBytes(doneBytes)} of ${formatBytes(totalBytes)}`,
      h("progress", { max: Math.max(1, totalBytes), value: doneBytes, "aria-label": "copied" }),
    ),
  );
}

async function start(): Promise<void> {
  // searches run on these workers too, from the first one on
  initGlobalPool({ numWorkers: NUM_WORKERS });
  const [table, loadedModel] = await Promise.all([
    openDeviceTable(({ doneBytes, totalBytes }) => showCopy(doneBytes, totalBytes)),
    loadStaticModel(async (name) => {
      const response = await fetch(new URL(`model/${name}`, document.baseURI));
      if (!response.ok) throw new Error(`model file ${name}: status ${response.status}`);
      return response.arrayBuffer();
    }),
  ]);
  dataset = table.dataset;
  model = loadedModel;
  showStatus({ rows: await dataset.countRows(), rung: table.rung, rungReason: table.reason });
  query.disabled = false;
  size.disabled = false;
  if (matchMedia("(pointer: fine)").matches) query.focus();
  await readIndices();
  wakeWorkers(table.dataset);
  await search();
  await refreshStorage();
  listenToOtherTabs(table.dataset).catch((error) =>
    showProblem("Another tab changed the table; it could not be read.", error),
  );
}

function wire(): void {
  query.addEventListener("input", () => void search());
  byId("search-form").addEventListener("submit", (event) => event.preventDefault());
  size.addEventListener("input", () => {
    labelSizeFilter(size, sizeLabel);
    void search();
  });
  byId("examples").append(
    ...EXAMPLES.map((text) =>
      h(
        "button",
        {
          type: "button",
          onclick: () => {
            query.value = text;
            void search();
          },
        },
        text,
      ),
    ),
  );
  listenToKeys(query, results, {
    focusSearch: () => query.focus(),
    build: startBuild,
    toggleTheme,
    help: showHelp,
    escape: () => {
      if (build.running) building?.abort();
      else if (query.value !== "") {
        query.value = "";
        query.focus();
        void search();
      }
    },
  });
  byId("theme").addEventListener("click", toggleTheme);
  byId("show-help").addEventListener("click", showHelp);
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible" && !build.running) void followOtherTabs();
  });
  addEventListener("online", () => showStatus({ online: true }));
  addEventListener("offline", () => showStatus({ online: false }));
}

applyTheme();
openSizeFilter(size, sizeLabel);
wire();
showStatus({});
showIndexes();
drawCoverage(byId("coverage"), [], []);
drawProvenance(byId("provenance"), null);
start().catch((error) => showProblem("The table could not be opened.", error));
keepPageOffline().then((offlineReady) => showStatus({ offlineReady }));
