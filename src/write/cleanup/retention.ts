import { LanceError } from "../../errors.ts";

/** What may be removed from a table. */
export interface RetentionPolicy {
  /** Versions younger than this stay, whatever their number. */
  readonly olderThanMs?: number | undefined;
  /** This many of the newest versions stay, whatever their age. */
  readonly retainVersions?: number | undefined;
}

/** One version, as far as retention asks. */
export interface RetainableVersion {
  readonly version: number;
  /** When it was committed, milliseconds since the epoch. */
  readonly timestampMs: number;
}

/** 14 days, as native. */
const DEFAULT_OLDER_THAN_MS = 14 * 24 * 60 * 60 * 1000;

/**
 * Versions a policy lets go: older than the age and beyond the number, where both are told; older than 14 days where
 * neither is. The newest never goes. Pure.
 *
 * @param nowMs milliseconds since the epoch
 * @returns ascending
 * @throws INVALID_ARGUMENT
 */
export function selectOldVersions(
  versions: readonly RetainableVersion[],
  policy: RetentionPolicy,
  nowMs: number,
): number[] {
  const { retainVersions } = policy;
  const olderThanMs = policy.olderThanMs ?? (retainVersions === undefined ? DEFAULT_OLDER_THAN_MS : undefined);
  checkPolicy(olderThanMs, retainVersions);
  const ascending = [...versions].sort((a, b) => a.version - b.version);
  const candidates = ascending.slice(0, Math.max(0, ascending.length - (retainVersions ?? 1)));
  return candidates
    .filter(({ timestampMs }) => olderThanMs === undefined || timestampMs < nowMs - olderThanMs)
    .map(({ version }) => version);
}

function checkPolicy(olderThanMs: number | undefined, retainVersions: number | undefined): void {
  if (olderThanMs !== undefined && !(olderThanMs >= 0)) {
    throw new LanceError("INVALID_ARGUMENT", `olderThanMs: expected 0 or more milliseconds, received ${olderThanMs}`, {
      olderThanMs,
    });
  }
  if (retainVersions !== undefined && !(Number.isSafeInteger(retainVersions) && retainVersions >= 1)) {
    throw new LanceError(
      "INVALID_ARGUMENT",
      `retainVersions: expected a whole number of at least 1, received ${retainVersions}`,
      { retainVersions },
    );
  }
}
