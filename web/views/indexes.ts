import type { BuildState, Lane } from "../build-indexes.ts";
import { formatBytes, formatCount, formatMs, h } from "../dom.ts";

/** The build button, a lane per worker, and the moments of commit. */
export function drawIndexes(
  panel: HTMLElement,
  state: BuildState,
  options: {
    readonly ready: boolean;
    readonly built: boolean;
    readonly onBuild: () => void;
    readonly onCancel: () => void;
  },
): void {
  const lanes = [...state.lanes.values()].sort((a, b) => a.workerIndex - b.workerIndex);
  const parts = [
    h(
      "h2",
      { id: "indexes-title" },
      "Indexes",
      state.running
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
          ),
    ),
    lanes.length === 0
      ? h(
          "p",
          {},
          options.built
            ? "Both indexes are on this device. Rebuild them to watch the workers."
            : "Each worker builds one segment of a vector index and of a B-tree from its own fragments. Search works meanwhile, row by row.",
        )
      : null,
    lanes.length > 0 ? h("ul", { class: "lanes" }, ...lanes.map(drawLane)) : null,
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
  panel.replaceChildren(...parts.filter((part) => part !== null));
}

function drawLane(lane: Lane): HTMLElement {
  const label = `Worker ${lane.workerIndex + 1}`;
  return h(
    "li",
    { class: "lane" },
    h("span", {}, label),
    h("progress", {
      "aria-label": `${label}: ${lane.indexName}`,
      max: Math.max(1, lane.total),
      value: lane.finished ? Math.max(1, lane.total) : lane.done,
    }),
    h(
      "span",
      { class: "facts" },
      [
        lane.indexName,
        lane.fragmentIds.length > 0 ? `fragment ${lane.fragmentIds.join(", ")}` : null,
        `${lane.finished ? "done" : lane.phase} ${formatCount(lane.done)} of ${formatCount(lane.total)} ${lane.unit}`,
        lane.bytes > 0 ? formatBytes(lane.bytes) : null,
        formatMs(lane.elapsedMs),
      ]
        .filter(Boolean)
        .join(" · "),
    ),
  );
}
