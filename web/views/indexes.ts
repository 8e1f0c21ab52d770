import type { BuildState, LaneTask } from "../build-indexes.ts";
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
  const lanes = groupByWorker(state);
  const idle = options.built
    ? "Both indexes are on this device. Rebuild them to watch the workers."
    : "Each worker builds one segment of a vector index and of a B-tree from its own fragments. Search works meanwhile, row by row.";
  return [
    lanes.length === 0 ? h("p", {}, idle) : null,
    lanes.length > 0 ? h("ul", { class: "lanes" }, ...lanes.map(([worker, tasks]) => drawLane(worker, tasks))) : null,
    ...state.commits.map((commit) =>
      h(
        "div",
        { class: "commit" },
        `Committed ${commit.indexName}: ${commit.segments} segments, one transaction, version ${commit.version}, ${formatMs(commit.milliseconds)}`,
      ),
    ),
    !state.running && state.commits.length > 0
      ? h("p", { id: "build-done" }, `Done in ${formatMs(state.totalMs)}.`)
      : null,
  ];
}

function groupByWorker(state: BuildState): [workerIndex: number, tasks: LaneTask[]][] {
  const lanes = new Map<number, LaneTask[]>();
  for (const task of state.tasks.values()) lanes.set(task.workerIndex, [...(lanes.get(task.workerIndex) ?? []), task]);
  return [...lanes].sort(([a], [b]) => a - b);
}

function drawLane(workerIndex: number, tasks: readonly LaneTask[]): HTMLElement {
  const name = `Worker ${workerIndex + 1}`;
  return h(
    "li",
    { class: "lane" },
    h("span", {}, name),
    h("div", { class: "tasks" }, ...tasks.map((task) => drawTask(name, task))),
  );
}

function drawTask(worker: string, task: LaneTask): HTMLElement {
  const total = Math.max(1, task.total);
  const what = task.kind === "train" ? `${task.indexName} training` : task.indexName;
  return h(
    "div",
    { class: "task" },
    h(
      "span",
      { class: "what" },
      `${what} · fragment${task.fragmentIds.length === 1 ? "" : "s"} ${task.fragmentIds.join(", ")}`,
    ),
    h("span", { class: "ms" }, formatMs(task.milliseconds)),
    h("progress", { "aria-label": `${worker}: ${what}`, max: total, value: task.finished ? total : task.done }),
    h(
      "span",
      { class: "facts" },
      [
        task.finished ? "done" : task.phase,
        `${formatCount(task.done)} of ${formatCount(task.total)} ${task.unit}`,
        task.bytes > 0 ? formatBytes(task.bytes) : null,
      ]
        .filter(Boolean)
        .join(" · "),
    ),
  );
}
