import { isLanceError, LanceError } from "../errors.ts";

const QUOTA_NAMES = new Set(["QuotaExceededError", "NS_ERROR_DOM_QUOTA_REACHED", "NS_ERROR_FILE_NO_DEVICE_SPACE"]);
const QUOTA_CODES = new Set(["ENOSPC", "EDQUOT"]);

/**
 * Gives what a host threw a code: QUOTA_EXCEEDED for a full disk or origin, ABORTED for an abort, else IO. The host's
 * error stays as `cause`; a `LanceError` passes as it is.
 */
export function toStoreError(error: unknown, action: string, path: string): LanceError {
  if (isLanceError(error)) return error;
  const name = (error as { name?: unknown } | null)?.name;
  const code = (error as { code?: unknown } | null)?.code;
  const reason = error instanceof Error ? error.message : String(error);
  const details = { path, action, ...(typeof name === "string" ? { name } : {}) };
  if (QUOTA_NAMES.has(String(name)) || QUOTA_CODES.has(String(code))) {
    return new LanceError(
      "QUOTA_EXCEEDED",
      `no space left to ${action} "${path}": ${reason}; free storage, or ask for persistent storage`,
      details,
      { cause: error },
    );
  }
  if (name === "AbortError") return new LanceError("ABORTED", "the operation was cancelled", details, { cause: error });
  return new LanceError("IO", `could not ${action} "${path}": ${reason}`, details, { cause: error });
}

/** The refusal of `put` with mode `create` on a path that exists. */
export function pathExistsError(path: string, cause?: unknown): LanceError {
  return new LanceError(
    "ALREADY_EXISTS",
    `"${path}" exists already; mode "create" writes only a path that is absent`,
    { path },
    cause === undefined ? undefined : { cause },
  );
}

/** The refusal of every write on a store that only reads. */
export function readOnlyError(kind: string, operation: string, path: string): LanceError {
  return new LanceError("UNSUPPORTED", `${operation} of "${path}" refused: a store of kind "${kind}" only reads`, {
    kind,
    operation,
    path,
  });
}
