import type { SegmentStatistics } from "lancelet";
import { formatBytes, formatCount, formatMs, h } from "../dom.ts";
import type { Answer } from "../search.ts";

/** Where the last answer came from: segments, partitions probed, bytes read, milliseconds. */
export function drawProvenance(panel: HTMLElement, answer: Answer | null): void {
  const head = h("h2", { id: "provenance-title" }, "Where the answer came from");
  if (!answer) {
    panel.replaceChildren(head, h("p", {}, "Search for something."));
    return;
  }
  const statistics = answer.statistics;
  const segments = statistics?.segments ?? [];
  const open = panel.querySelector("details")?.open ?? false;
  const parts = [
    head,
    h("p", { id: "answer-facts" }, describeAnswer(answer)),
    segments.length === 0
      ? null
      : h(
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
                ...["Parts", "Compared", "Read", "ms"].map((name) => h("th", { scope: "col", class: "number" }, name)),
              ),
            ),
            h(
              "tbody",
              {},
              ...segments.map((segment) =>
                h(
                  "tr",
                  {},
                  h(
                    "th",
                    { scope: "row", title: nameOwner(segment) },
                    `${segment.indexName} `,
                    h("code", {}, segment.uuid.slice(0, 8)),
                  ),
                  h("td", { class: "number" }, formatCount(segment.partsLoaded + segment.partsFromCache)),
                  h("td", { class: "number" }, formatCount(segment.comparisons)),
                  h("td", { class: "number" }, formatBytes(segment.bytesRead)),
                  h("td", { class: "number" }, segment.milliseconds.toFixed(1)),
                ),
              ),
            ),
          ),
        ),
    h(
      "details",
      { open },
      h("summary", {}, "Query plan"),
      h("pre", { tabindex: 0, "aria-label": "Query plan" }, answer.plan),
    ),
  ];
  panel.replaceChildren(...parts.filter((part) => part !== null));
}

function nameOwner(segment: SegmentStatistics): string {
  return segment.workerIndex === null ? segment.uuid : `${segment.uuid}, searched by worker ${segment.workerIndex + 1}`;
}

function describeAnswer(answer: Answer): string {
  const statistics = answer.statistics;
  const took = formatMs(answer.milliseconds);
  if (!statistics) return `${formatCount(answer.rows.length)} rows in ${took}.`;
  const parts: string[] = [];
  if (statistics.segments.length > 0) {
    const bytes = statistics.segments.reduce((sum, segment) => sum + segment.bytesRead, 0);
    const probed = statistics.segments.reduce((sum, segment) => sum + segment.partsLoaded + segment.partsFromCache, 0);
    parts.push(
      `${formatCount(statistics.segments.length)} segments, ${formatCount(probed)} partitions and pages, ${formatBytes(bytes)} read`,
    );
  }
  if (statistics.flatRows > 0) {
    parts.push(`${formatCount(statistics.flatRows)} rows of ${statistics.flatFragmentIds.length} fragments one by one`);
  }
  return `${formatCount(answer.rows.length)} rows in ${took}${parts.length > 0 ? `: ${parts.join("; ")}` : ""}.`;
}
