import { formatBytes, h } from "../dom.ts";
import type { Answer, PackageRow } from "../search.ts";

/** Draws the ranked packages. Opening one reads its description. */
export function drawResults(
  list: HTMLElement,
  answer: Answer,
  readDescription: (rowId: bigint) => Promise<string>,
): void {
  if (answer.rows.length === 0) {
    list.replaceChildren(h("li", { class: "empty" }, "No package matches. Try a larger size or other words."));
    return;
  }
  list.replaceChildren(...answer.rows.map((row) => drawRow(row, readDescription)));
}

function drawRow(row: PackageRow, readDescription: (rowId: bigint) => Promise<string>): HTMLElement {
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
    row.distance === null
      ? null
      : h(
          "span",
          { class: "near", title: `cosine distance ${row.distance.toFixed(3)}` },
          h("i", { style: `width:${Math.max(0, Math.min(1, 1 - row.distance)) * 100}%` }),
        ),
  );
  return h("li", { class: "result" }, button, detail);
}

async function fillDetail(detail: HTMLElement, row: PackageRow, readDescription: (rowId: bigint) => Promise<string>) {
  const facts = [`version ${row.version}`, row.distance === null ? null : `cosine distance ${row.distance.toFixed(3)}`];
  detail.append(
    h(
      "p",
      {},
      await readDescription(row.rowId).catch((error: Error) => `The description could not be read: ${error.message}`),
    ),
    h("ul", { class: "tags", "aria-label": "Tags" }, ...row.tags.map((tag) => h("li", {}, tag))),
    h(
      "span",
      { class: "meta" },
      facts.filter(Boolean).join(" · "),
      row.homepage ? " · " : null,
      row.homepage ? h("a", { href: row.homepage, rel: "noreferrer" }, row.homepage) : null,
    ),
  );
}
