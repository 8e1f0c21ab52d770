import type { SerializedLanceError } from "../errors.ts";
import type { ByteRange, GetResult, ListedObject, StoreCapabilities } from "./store.ts";

/** What a client asks; `id` is the call's, `writer` the id of the `createWriter` call that made it. */
export type PortRequest =
  | { readonly id: number; readonly op: "hello" }
  | { readonly id: number; readonly op: "get"; readonly path: string; readonly range: ByteRange }
  | {
      readonly id: number;
      readonly op: "put";
      readonly path: string;
      readonly bytes: Uint8Array;
      readonly mode: "create" | "overwrite";
    }
  | { readonly id: number; readonly op: "createWriter"; readonly path: string }
  | { readonly id: number; readonly op: "write"; readonly writer: number; readonly bytes: Uint8Array }
  | { readonly id: number; readonly op: "closeWriter" | "abortWriter"; readonly writer: number }
  | { readonly id: number; readonly op: "list"; readonly prefix: string }
  | { readonly id: number; readonly op: "delete"; readonly path: string }
  | { readonly id: number; readonly op: "cancel" }
  | { readonly id: number; readonly op: "bye" };

/** What a server answers. A listing sends `batch` several times before its `value`. */
export type PortReply =
  | { readonly id: number; readonly value: PortValue }
  | { readonly id: number; readonly batch: readonly ListedObject[] }
  | { readonly id: number; readonly error: SerializedLanceError };

/** What a server says of its store first. */
export interface PortGreeting {
  readonly capabilities: StoreCapabilities;
  readonly identity: string | undefined;
}

/** The value of each kind of call. */
export type PortValue = undefined | number | GetResult | PortGreeting;

/** Lets a Node process end while a port is open; elsewhere ports hold nothing open. */
export function unrefPort(port: MessagePort): void {
  (port as { unref?: () => void }).unref?.();
}

/** The inverse, while a call waits for its answer. */
export function refPort(port: MessagePort): void {
  (port as { ref?: () => void }).ref?.();
}
