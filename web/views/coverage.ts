import type { IndexDescription } from "lancelet";
import { formatBytes, formatCount, h } from "../dom.ts";

/** Segments × fragments: which segment of which index covers which fragment. */
export function drawCoverage(
  panel: HTMLElement,
  fragmentIds: readonly number[],
  indices: readonly IndexDescription[],
): void {
  const head = h("h2", { id: "coverage-title" }, "Segments × fragments");
  if (fragmentIds.length === 0) {
    panel.replaceChildren(head, h("p", {}, "Waiting for the table."));
    return;
  }
  if (indices.length === 0) {
    panel.replaceChildren(
      head,
      h("p", {}, `${formatCount(fragmentIds.length)} fragments, no index yet: every search compares every row.`),
    );
    return;
  }
  panel.replaceChildren(
    head,
    h(
      "div",
      { class: "scroll" },
      h(
        "table",
        {},
        h(
          "thead",
          {},
          h(
            "tr",
            {},
            h("th", { scope: "col" }, "Segment"),
            ...fragmentIds.map((id) => h("th", { scope: "col", title: `fragment ${id}` }, id)),
            h("th", { scope: "col", class: "number" }, "Size"),
          ),
        ),
        ...indices.map((index) => drawIndex(index, fragmentIds)),
      ),
    ),
  );
}

function drawIndex(index: IndexDescription, fragmentIds: readonly number[]): HTMLElement {
  return h(
    "tbody",
    {},
    h(
      "tr",
      {},
      h(
        "th",
        { scope: "rowgroup", colspan: fragmentIds.length + 2 },
        h("strong", {}, index.name),
        ` ${index.indexType}`,
      ),
    ),
    ...index.segments.map((segment) =>
      h(
        "tr",
        {},
        h("th", { scope: "row", title: segment.uuid }, h("code", {}, segment.uuid.slice(0, 8))),
        ...fragmentIds.map((id) => {
          const covered = segment.fragmentIds.includes(id);
          return h(
            "td",
            {},
            h("span", {
              class: covered ? "cell covered" : "cell",
              role: "img",
              "aria-label": covered ? `covers fragment ${id}` : `does not cover fragment ${id}`,
            }),
          );
        }),
        h("td", { class: "number" }, segment.sizeBytes === null ? "" : formatBytes(segment.sizeBytes)),
      ),
    ),
  );
}
