import { LanceError } from "../errors.ts";
import type { ReadableStore, Store } from "../store/store.ts";
import { drawUuid } from "../store/uuid.ts";
import type { TrainedModel } from "./segment.ts";
import { getSegmentDirectory } from "./segment-path.ts";

/** A model larger than this is refused before it is hashed. */
const MAX_MODEL_BYTES = 1 << 30;

/**
 * Stores a trained model in a directory of its own uuid: no manifest names it, so readers never see it, and a clean-up
 * collects it as it collects a segment that was never committed.
 */
export async function writeModel(store: Store, bytes: Uint8Array, signal?: AbortSignal): Promise<TrainedModel> {
  const sha256 = await hashBytes(bytes);
  const path = `${getSegmentDirectory(drawUuid())}/model-${sha256.slice(0, 16)}.json`;
  await store.put(path, bytes, { mode: "create", signal });
  return { path, sha256 };
}

/** Reads a model and checks its hash. @throws NOT_FOUND, CORRUPT, IO, ABORTED */
export async function readModel(store: ReadableStore, model: TrainedModel, signal?: AbortSignal): Promise<Uint8Array> {
  const result = await store.get(model.path, {}, { signal });
  if (!result) {
    throw new LanceError("NOT_FOUND", `no trained model at ${model.path}: train again`, { path: model.path });
  }
  if (result.totalBytes > MAX_MODEL_BYTES) {
    throw new LanceError("CORRUPT", `${model.path} has ${result.totalBytes} bytes, too many for a model`, {
      path: model.path,
      sizeBytes: result.totalBytes,
    });
  }
  const received = await hashBytes(result.bytes);
  if (received === model.sha256) return result.bytes;
  throw new LanceError("CORRUPT", `${model.path}: expected SHA-256 ${model.sha256}, received ${received}`, {
    path: model.path,
    expected: model.sha256,
    received,
  });
}

async function hashBytes(bytes: Uint8Array): Promise<string> {
  if (!crypto.subtle) {
    throw new LanceError("UNSUPPORTED", "no Web Crypto here: serve the page over https or from localhost");
  }
  const digest = await crypto.subtle.digest("SHA-256", bytes as Uint8Array<ArrayBuffer>);
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
