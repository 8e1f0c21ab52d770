/** Light or dark: the system's choice until the user makes one. */
const KEY = "lancelet.theme";
const dark = matchMedia("(prefers-color-scheme: dark)");

export function applyTheme(): void {
  document.documentElement.dataset.theme = readChoice() ?? (dark.matches ? "dark" : "light");
}

export function toggleTheme(): void {
  const next = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
  try {
    localStorage.setItem(KEY, next);
  } catch {
    // private windows may refuse storage: the choice then lasts as long as the page
  }
  document.documentElement.dataset.theme = next;
}

function readChoice(): string | null {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null;
  }
}

dark.addEventListener("change", applyTheme);
