import { type ErrorDetails, isLanceError, LanceError } from "../errors.ts";

/**
 * Calls a callback of the user. What it throws ends the call it belongs to, and is the cause of the error.
 *
 * @param name the option's name, for the message
 * @param details facts for the error, as `{ committed: true }` where the work itself is done
 * @throws INVALID_ARGUMENT when the callback throws
 */
export function callGuarded<T>(
  name: string,
  callback: ((value: T) => void) | undefined,
  value: T,
  details: ErrorDetails = {},
): void {
  if (callback === undefined) return;
  try {
    callback(value);
  } catch (cause) {
    // Work inside of work: the inner call has said it already.
    if (isLanceError(cause) && cause.details.callback === name) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    const outcome = details.committed === true ? "what it reported is done and committed" : "the call was cancelled";
    throw new LanceError(
      "INVALID_ARGUMENT",
      `${name} threw: ${reason}; ${outcome}. Expected a callback that does not throw`,
      { callback: name, ...details },
      { cause },
    );
  }
}
