import { formatBytes } from "./dom.ts";

/** Steps of the size slider, in the table's KB; one more step at the end is open. */
const STEPS_KB = [50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000] as const;

/** Sets the slider's range, at its open end. */
export function openSizeFilter(slider: HTMLInputElement, label: HTMLElement): void {
  slider.max = String(STEPS_KB.length);
  slider.value = slider.max;
  labelSizeFilter(slider, label);
}

/** The largest installed size wanted; `null` for any. */
export function readMaximumKb(slider: HTMLInputElement): number | null {
  return STEPS_KB[Number(slider.value)] ?? null;
}

/** Says the chosen size, for the eye and for a screen reader. */
export function labelSizeFilter(slider: HTMLInputElement, label: HTMLElement): void {
  const kb = readMaximumKb(slider);
  const text = kb === null ? "any" : formatBytes(kb * 1000);
  label.textContent = text;
  slider.setAttribute("aria-valuetext", text);
}
