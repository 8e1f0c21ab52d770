import { LanceError } from "../errors.ts";
import { onAbort } from "../store/on-abort.ts";

interface Waiting {
  readonly bytes: number;
  readonly start: () => void;
}

/**
 * Bounds what searches under way hold at once: each asks before it takes a group of parts on loan, and goes on when
 * those before it have given back enough. One that asks for more than there is goes alone.
 */
export class LoadGate {
  readonly #maxBytes: number;
  readonly #waiting = new Set<Waiting>();
  #bytes = 0;
  #numInside = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /**
   * Waits for its turn. Whoever is inside must leave before it asks again.
   * @returns what to call when the parts are given back
   * @throws ABORTED
   */
  async enter(bytes: number, signal?: AbortSignal): Promise<() => void> {
    if (this.#waiting.size > 0 || !this.#fits(bytes)) await this.#wait(bytes, signal);
    else this.#admit(bytes);
    let isInside = true;
    return () => {
      if (!isInside) return;
      isInside = false;
      this.#bytes -= bytes;
      this.#numInside--;
      this.#next();
    };
  }

  #fits(bytes: number): boolean {
    return this.#numInside === 0 || this.#bytes + bytes <= this.#maxBytes;
  }

  #admit(bytes: number): void {
    this.#bytes += bytes;
    this.#numInside++;
  }

  #wait(bytes: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const waiting: Waiting = {
        bytes,
        start() {
          stop();
          resolve();
        },
      };
      const stop = onAbort(signal, () => {
        if (!this.#waiting.delete(waiting)) return;
        reject(new LanceError("ABORTED", "the search was cancelled", {}, { cause: signal?.reason }));
        this.#next();
      });
      this.#waiting.add(waiting);
    });
  }

  #next(): void {
    for (const waiting of this.#waiting) {
      if (!this.#fits(waiting.bytes)) return;
      this.#waiting.delete(waiting);
      this.#admit(waiting.bytes);
      waiting.start();
    }
  }
}
