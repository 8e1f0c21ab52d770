/** Keyboard commands of the page. Plain letters only count outside text fields. */
export interface Commands {
  focusSearch(): void;
  build(): void;
  escape(): void;
  toggleTheme(): void;
  help(): void;
}

export function listenToKeys(input: HTMLInputElement, results: HTMLElement, commands: Commands): void {
  document.addEventListener("keydown", (event) => {
    if (event.metaKey || event.ctrlKey || event.altKey || document.querySelector("dialog[open]")) return;
    const typing = document.activeElement === input;
    if (event.key === "Escape") commands.escape();
    else if (event.key === "ArrowDown" || event.key === "ArrowUp") moveInResults(event, input, results);
    else if (typing) return;
    else if (event.key === "/") {
      event.preventDefault();
      commands.focusSearch();
    } else if (event.key === "b") commands.build();
    else if (event.key === "t") commands.toggleTheme();
    else if (event.key === "?") commands.help();
  });
}

function moveInResults(event: KeyboardEvent, input: HTMLInputElement, results: HTMLElement): void {
  const active = document.activeElement;
  if (active instanceof HTMLInputElement && active.type === "range") return;
  const buttons = [...results.querySelectorAll<HTMLButtonElement>(".result > button")];
  if (buttons.length === 0) return;
  const at = buttons.indexOf(active as HTMLButtonElement);
  const next = event.key === "ArrowDown" ? at + 1 : at - 1;
  if (at < 0 && event.key === "ArrowUp") return;
  event.preventDefault();
  if (next < 0) input.focus();
  else buttons[Math.min(next, buttons.length - 1)]?.focus();
}
