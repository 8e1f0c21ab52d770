import { formatBytes, h } from "../dom.ts";
import type { Answer, PackageRow } from "../search.ts";

type ReadDescription = (rowId: bigint) => Promise<string>;

/**
 * Draws the ranked packages. Opening one reads its description. A package that stays in the answer keeps its element,
 * so that it stays open and keeps the focus.
 */
export function drawResults(list: HTMLElement, answer: Answer, readDescription: ReadDescription): void {
  if (answer.rows.length === 0) {
    list.replaceChildren(h("li", { class: "empty" }, "No package matches. Try a larger size or other words."));
    return;
  }
  const active = document.activeElement;
  const drawn = new Map(
    [...list.querySelectorAll<HTMLElement>(":scope > .result")].map((item) => [item.dataset.row, item]),
  );
  list.replaceChildren(
    ...answer.rows.map((row) => {
      const item = drawn.get(String(row.rowId)) ?? drawRow(row, readDescription);
      item.querySelector(".near")?.replaceWith(drawNearness(row.distance));
      return item;
    }),
  );
  if (active instanceof HTMLElement && active !== document.activeElement && list.contains(active)) {
    active.focus({ preventScroll: true });
  }
}

function drawRow(row: PackageRow, readDescription: ReadDescription): HTMLElement {
  const detail = h("div", { class: "detail", hidden: true });
  const button = h(
    "button",
    {
      type: "button",
      "aria-expanded": "false",
      onclick: () => {
        const open = button.getAttribute("aria-expanded") !== "true";
        button.setAttribute("aria-expanded", String(open));
        detail.hidden = !open;
        if (open && detail.childElementCount === 0) void fillDetail(detail, row, readDescription);
      },
    },
    h("span", { class: "name" }, row.name),
    h("span", { class: "meta" }, `${row.section} · ${formatBytes(row.installedKb * 1000)}`),
    h("span", { class: "summary" }, row.summary),
    drawNearness(row.distance),
  );
  return h("li", { class: "result", "data-row": String(row.rowId) }, button, detail);
}

/** Cosine similarity as a short bar and a number. */
function drawNearness(distance: number | null): HTMLElement {
  if (distance === null) return h("span", { class: "near" });
  const similarity = Math.max(0, Math.min(1, 1 - distance));
  return h(
    "span",
    { class: "near", title: `cosine distance ${distance.toFixed(4)}` },
    h("span", { class: "bar" }, h("i", { style: `width:${similarity * 100}%` })),
    h("span", { class: "visually-hidden" }, "similarity "),
    similarity.toFixed(2),
  );
}

/** Descriptions come wrapped at 80 characters: lines are joined, but for those of a list. */
function splitParagraphs(description: string): string[] {
  return description
    .split(/\n\s*\n/u)
    .map((paragraph) => paragraph.trim().replace(/\n(?![\s*•-])/gu, " "))
    .filter((paragraph) => paragraph !== "");
}

async function fillDetail(detail: HTMLElement, row: PackageRow, readDescription: ReadDescription): Promise<void> {
  const description = await readDescription(row.rowId).catch(
    (error: Error) => `The description could not be read: ${error.message}`,
  );
  if (detail.childElementCount > 0) return;
  detail.append(
    ...splitParagraphs(description).map((paragraph) => h("p", {}, paragraph)),
    h("ul", { class: "tags", "aria-label": "Tags" }, ...row.tags.map((tag) => h("li", {}, tag))),
    h(
      "span",
      { class: "meta" },
      `version ${row.version}`,
      row.homepage ? " · " : null,
      row.homepage ? h("a", { href: row.homepage, rel: "noreferrer" }, row.homepage) : null,
    ),
  );
}
