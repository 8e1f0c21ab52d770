/** What went wrong, as data: every failure of this library carries one of these. */
export type LanceErrorCode =
  | "INVALID_ARGUMENT"
  | "NOT_FOUND"
  | "ALREADY_EXISTS"
  | "INDEX_NOT_FOUND"
  | "SCHEMA_MISMATCH"
  | "DIMENSION_MISMATCH"
  | "SEGMENT_OVERLAP"
  | "SEGMENT_INCOMPATIBLE"
  | "COMMIT_CONFLICT"
  | "CORRUPT"
  | "UNSUPPORTED"
  | "QUOTA_EXCEEDED"
  | "WORKER_FAILED"
  | "ABORTED"
  | "IO";

/** JSON-like facts beside the message: names, ids, sizes; what was expected and what was received. */
export type ErrorDetails = Readonly<Record<string, unknown>>;

/** A `LanceError` as plain data, to cross a worker or a queue. */
export interface SerializedLanceError {
  readonly code: LanceErrorCode;
  readonly message: string;
  readonly details: ErrorDetails;
  readonly stack?: string;
  readonly cause?: SerializedLanceError | { readonly name: string; readonly message: string };
}

const BRAND = "lancelet.LanceError";

/**
 * The one error class of this library.
 *
 * @example
 * try { await openDataset("missing") } catch (error) { if (isLanceError(error, "NOT_FOUND")) … }
 */
export class LanceError extends Error {
  readonly code: LanceErrorCode;
  readonly details: ErrorDetails;
  /** Survives duplicate bundles and structured clones, unlike `instanceof`. */
  readonly brand = BRAND;

  constructor(code: LanceErrorCode, message: string, details: ErrorDetails = {}, options?: { cause?: unknown }) {
    super(message, options);
    this.name = "LanceError";
    this.code = code;
    this.details = details;
  }
}

/** Whether `error` is a `LanceError`, and of one of `codes` where any are given. */
export function isLanceError(error: unknown, ...codes: LanceErrorCode[]): error is LanceError {
  if (typeof error !== "object" || error === null) return false;
  if ((error as { brand?: unknown }).brand !== BRAND) return false;
  return codes.length === 0 || codes.includes((error as LanceError).code);
}

/** Causes kept of one error: a chain that names itself must end somewhere. */
const MAX_CAUSES = 8;

/** Turns anything thrown into plain data that a message channel keeps whole. Of a long chain of causes, the first 8. */
export function serializeError(error: unknown): SerializedLanceError {
  return serializeWithin(error, MAX_CAUSES);
}

function serializeWithin(error: unknown, causes: number): SerializedLanceError {
  if (isLanceError(error)) {
    return {
      code: error.code,
      message: error.message,
      details: error.details,
      ...(error.stack === undefined ? {} : { stack: error.stack }),
      ...(error.cause === undefined || causes === 0 ? {} : { cause: serializeCause(error.cause, causes - 1) }),
    };
  }
  const plain = error instanceof Error ? error : new Error(String(error));
  return {
    code: plain.name === "AbortError" ? "ABORTED" : "WORKER_FAILED",
    message: plain.message,
    details: { name: plain.name },
    ...(plain.stack === undefined ? {} : { stack: plain.stack }),
  };
}

function serializeCause(cause: unknown, causes: number): NonNullable<SerializedLanceError["cause"]> {
  if (isLanceError(cause)) return serializeWithin(cause, causes);
  return cause instanceof Error
    ? { name: cause.name, message: cause.message }
    : { name: "unknown", message: String(cause) };
}

/** The inverse of {@link serializeError}. */
export function deserializeError(data: SerializedLanceError): LanceError {
  const cause =
    data.cause === undefined
      ? undefined
      : "code" in data.cause
        ? deserializeError(data.cause)
        : Object.assign(new Error(data.cause.message), { name: data.cause.name });
  const error = new LanceError(data.code, data.message, data.details, cause === undefined ? undefined : { cause });
  if (data.stack !== undefined) error.stack = data.stack;
  return error;
}

/** Throws `ABORTED` when `signal` has fired. Call it between units of work. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new LanceError("ABORTED", "the operation was cancelled", {}, { cause: signal.reason });
}
