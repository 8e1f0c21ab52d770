import type { RegexNode } from "./syntax.ts";

/**
 * Steps a backtracking engine takes at most for each place a match may start at: the ways through the pattern times
 * its size. Infinite where ways multiply with the text, and where engines disagree: repeated groups that capture,
 * repeated items that may be empty, and word boundaries.
 *
 * @param length of the text
 */
export function countSteps(node: RegexNode, length: number): number {
  return countWays(node, length) * countSize(node);
}

function countWays(node: RegexNode, length: number): number {
  switch (node.kind) {
    case "atom":
      return 1;
    case "assert":
      return node.at === "start" || node.at === "end" ? 1 : Number.POSITIVE_INFINITY;
    case "sequence":
      return node.items.reduce((ways, item) => ways * countWays(item, length), 1);
    case "choice":
      return node.options.reduce((ways, option) => ways + countWays(option, length), 0);
    case "capture":
      return countWays(node.item, length);
    case "repeat": {
      const { item, min, max } = node;
      if (canBeEmpty(item) || hasCapture(item)) return Number.POSITIVE_INFINITY;
      const ways = countWays(item, length);
      const most = Math.min(max, length);
      return ways === 1 ? Math.max(1, most - min + 1) : ways ** Math.min(max, Number.MAX_VALUE) * Math.max(1, most);
    }
  }
}

function countSize(node: RegexNode): number {
  switch (node.kind) {
    case "atom":
    case "assert":
      return 1;
    case "sequence":
      return node.items.reduce((size, item) => size + countSize(item), 1);
    case "choice":
      return node.options.reduce((size, option) => size + countSize(option), 1);
    case "capture":
      return 1 + countSize(node.item);
    case "repeat":
      return 1 + countSize(node.item) * Math.max(1, node.min);
  }
}

/** Whether something matches no character. */
export function canBeEmpty(node: RegexNode): boolean {
  switch (node.kind) {
    case "atom":
      return false;
    case "assert":
      return true;
    case "sequence":
      return node.items.every(canBeEmpty);
    case "choice":
      return node.options.some(canBeEmpty);
    case "capture":
      return canBeEmpty(node.item);
    case "repeat":
      return node.min === 0 || canBeEmpty(node.item);
  }
}

function hasCapture(node: RegexNode): boolean {
  switch (node.kind) {
    case "atom":
    case "assert":
      return false;
    case "sequence":
      return node.items.some(hasCapture);
    case "choice":
      return node.options.some(hasCapture);
    case "capture":
      return true;
    case "repeat":
      return hasCapture(node.item);
  }
}
