import { transferHandlers } from "comlink/dist/esm/comlink.mjs";
import {
  deserializeError,
  type ErrorDetails,
  isLanceError,
  LanceError,
  type SerializedLanceError,
  serializeError,
} from "../errors.ts";

interface Thrown {
  readonly value: unknown;
}

const MARK = "lancelet";
let installed = false;

/**
 * Replaces comlink's `throw` handler, which drops `code`, `details`, `cause` and class. Both sides of a port must call
 * it. What is not a `LanceError` still goes comlink's own way.
 */
export function installErrorTransfer(): void {
  if (installed) return;
  const original = transferHandlers.get("throw");
  if (!original) throw new LanceError("UNSUPPORTED", "comlink has no `throw` transfer handler: expected comlink 4");
  installed = true;
  transferHandlers.set("throw", {
    canHandle: (value: unknown): value is Thrown => original.canHandle(value),
    serialize(thrown: Thrown): [unknown, Transferable[]] {
      if (!isLanceError(thrown.value)) return original.serialize(thrown);
      return [{ [MARK]: toClonable(serializeError(thrown.value)) }, []];
    },
    deserialize(data: unknown): unknown {
      const error = (data as { [MARK]?: SerializedLanceError })[MARK];
      if (error) throw deserializeError(error);
      return original.deserialize(data);
    },
  });
}

/**
 * What a job threw, as a `LanceError`: `AbortError` becomes ABORTED, anything else of another class WORKER_FAILED
 * with the error itself as cause.
 */
export function toJobError(thrown: unknown): LanceError {
  if (isLanceError(thrown)) return thrown;
  const { code, message, details } = serializeError(thrown);
  return new LanceError(code, message, details, { cause: thrown });
}

/** A function or another value that cannot be posted among the details must not cost the whole error. */
function toClonable(error: SerializedLanceError): SerializedLanceError {
  return {
    ...error,
    details: toClonableDetails(error.details),
    ...(error.cause && "code" in error.cause ? { cause: toClonable(error.cause) } : {}),
  };
}

function toClonableDetails(details: ErrorDetails): ErrorDetails {
  return Object.fromEntries(
    Object.entries(details).map(([key, value]) => {
      try {
        return [key, structuredClone(value)];
      } catch {
        return [key, String(value)];
      }
    }),
  );
}
