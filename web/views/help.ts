import { h } from "../dom.ts";

const SHORTCUTS: readonly (readonly [string, string])[] = [
  ["/", "search"],
  ["↓ ↑", "walk the results"],
  ["Enter", "open a package"],
  ["b", "build the indexes"],
  ["Esc", "clear, or cancel a build"],
  ["t", "light or dark"],
  ["?", "this list"],
];

export function openHelp(dialog: HTMLDialogElement): void {
  dialog.replaceChildren(
    h("h2", { id: "help-title" }, "Keyboard"),
    h("dl", {}, ...SHORTCUTS.flatMap(([key, what]) => [h("dt", {}, h("kbd", {}, key)), h("dd", {}, what)])),
    h("form", { method: "dialog" }, h("button", { class: "primary" }, "Close")),
  );
  dialog.showModal();
}
