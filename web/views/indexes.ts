import { type BuildState, type CommitMark, type LaneTask, NUM_WORKERS } from "../build-indexes.ts";
import { formatBytes, formatCount, formatMs, h } from "../dom.ts";

interface IndexesOptions {
  readonly ready: boolean;
  readonly built: boolean;
  readonly onBuild: () => void;
  readonly onCancel: () => void;
}

/**
 * The build button, a lane per worker, and the moments of commit. Progress redraws often, so the heading with its
 * button is only replaced when it changes: a click must find the element it began on.
 */
export function drawIndexes(panel: HTMLElement, state: BuildState, options: IndexesOptions): void {
  const key = `${state.running} ${options.built} ${options.ready}`;
  const body = panel.querySelector<HTMLElement>(".body") ?? h("div", { class: "body" });
  if (panel.dataset.heading !== key) {
    const hadFocus = panel.querySelector("h2")?.contains(document.activeElement) ?? false;
    panel.dataset.heading = key;
    panel.replaceChildren(drawHeading(state, options), body);
    if (hadFocus) panel.querySelector<HTMLElement>("h2 button")?.focus();
  }
  body.replaceChildren(...drawBody(state, options).filter((part) => part !== null));
}

function drawHeading(state: BuildState, options: IndexesOptions): HTMLElement {
  const button = state.running
    ? h("button", { type: "button", id: "cancel", onclick: options.onCancel }, "Cancel", h("kbd", {}, "Esc"))
    : h(
        "button",
        {
          type: "button",
          id: "build",
          class: options.built ? "" : "primary",
          disabled: !options.ready,
          onclick: options.onBuild,
        },
        options.built ? "Rebuild" : "Build indexes",
        h("kbd", {}, "b"),
      );
  return h("h2", { id: "indexes-title" }, "Indexes", button);
}

function drawBody(state: BuildState, options: IndexesOptions): (HTMLElement | null)[] {
  const { outcome, commits } = state;
  const idle = options.built
    ? "Both indexes are on this device. Rebuild them to watch the workers."
    : "Each worker builds one segment of a vector index and of a B-tree from its own fragments. Search works meanwhile, row by row.";
  const begun = state.running || state.tasks.size > 0;
  return [
    begun ? h("ul", { class: "lanes" }, ...drawLanes(state)) : h("p", {}, idle),
    commits.length > 0 ? h("ul", { class: "commits" }, ...commits.map(drawCommit)) : null,
    outcome?.kind === "done" ? h("p", { id: "build-done" }, `Done in ${formatMs(state.totalMs)}.`) : null,
    outcome?.kind === "cancelled" ? h("p", { id: "build-cancelled" }, outcome.message) : null,
    outcome?.kind === "failed" ? h("p", { class: "problem", role: "alert" }, outcome.message) : null,
  ];
}

function drawCommit(commit: CommitMark): HTMLElement {
  return h(
    "li",
    { class: "commit" },
    h("strong", {}, `${commit.indexName} committed`),
    h("span", { class: "facts" }, `version ${commit.version} · ${formatMs(commit.milliseconds)}`),
    h("span", { class: "how" }, `${commit.segments} segments in one transaction`),
  );
}

/** A lane for every worker of the page's pool, from the start: what it will do next moves nothing else. */
function drawLanes(state: BuildState): HTMLElement[] {
  const lanes = new Map<number, LaneTask[]>(Array.from({ length: NUM_WORKERS }, (_, worker) => [worker, []]));
  for (const task of state.tasks.values()) lanes.get(task.workerIndex)?.push(task);
  return [...lanes].map(([worker, tasks]) => {
    const name = `Worker ${worker + 1}`;
    const busy = tasks.some((task) => !task.finished);
    return h(
      "li",
      { class: "lane" },
      h("span", { class: "worker" }, name, state.running && !busy ? h("span", { class: "idle" }, "waiting") : null),
      ...tasks.map((task) => drawTask(name, task, state.running)),
    );
  });
}

function drawTask(worker: string, task: LaneTask, running: boolean): HTMLElement {
  const total = Math.max(1, task.total);
  const what = task.kind === "train" ? `${task.indexName} training` : task.indexName;
  const plural = task.fragmentIds.length === 1 ? "" : "s";
  return h(
    "div",
    { class: "task" },
    h("span", { class: "what" }, `${what} · fragment${plural} ${task.fragmentIds.join(", ")}`),
    h("span", { class: "facts" }, describeWork(task, running)),
    h("progress", { "aria-label": `${worker}: ${what}`, max: total, value: task.finished ? total : task.done }),
  );
}

function describeWork(task: LaneTask, running: boolean): string {
  const counted = `${formatCount(task.done)} of ${formatCount(task.total)} ${task.unit}`;
  const facts = task.finished
    ? [task.rows > 0 ? `${formatCount(task.rows)} rows` : `${formatCount(task.total)} ${task.unit}`]
    : [running ? task.phase : "stopped", counted];
  if (task.bytes > 0) facts.push(formatBytes(task.bytes));
  return [...facts, formatMs(task.milliseconds)].join(" · ");
}
