import { Field, type RecordBatch, Schema } from "apache-arrow";
import { fromArrowSchema } from "../../src/format/from-arrow-schema.ts";
import { createLanceFileWriter } from "../../src/format/write/create-file-writer.ts";
import { createMemoryStore } from "../../src/store/memory.ts";
import { makeMatrix, type Nulls, TYPES_21, TYPES_22, type ValueShape } from "../format-write/matrix.ts";

const KINDS: readonly (readonly [ValueShape, Nulls, rows: number])[] = [
  ["random", "some", 600],
  ["few", "none", 1300],
  ["runs", "some", 1300],
  ["long", "some", 40],
];

/** Encodings that no fixture of native's holds are asked for by field metadata. */
const REQUESTS: readonly Readonly<Record<string, string>>[] = [
  {},
  { "lance-encoding:compression": "zstd" },
  { "lance-encoding:compression": "lz4" },
  { "lance-encoding:compression": "fsst" },
  { "lance-encoding:bss": "on" },
  { "lance-encoding:structural-encoding": "fullzip" },
];

/** Files of every type, in encodings that the fixtures lack; written anew, since they would take megabytes. */
export async function writeFiles(): Promise<Map<string, Uint8Array>> {
  const files = new Map<string, Uint8Array>();
  for (const [version, types] of [
    ["2.1", TYPES_21],
    ["2.2", TYPES_22],
  ] as const) {
    // Written, and refused by readers, native's too.
    const { fsl_nothing: _, ...readable } = types;
    for (const [shape, nulls, numRows] of KINDS) {
      const data = makeMatrix(readable, [numRows], { seed: 11, shape, nulls });
      for (const request of REQUESTS) {
        const name = `written/${version}-${shape}-${Object.values(request).join() || "plain"}.lance`;
        files.set(name, await writeFile(data, { version, request }));
      }
    }
  }
  return files;
}

async function writeFile(
  data: { readonly schema: Schema; readonly batches: readonly RecordBatch[] },
  { version, request }: { version: "2.1" | "2.2"; request: Readonly<Record<string, string>> },
): Promise<Uint8Array> {
  const metadata = new Map(Object.entries(request));
  const fields = data.schema.fields.map(({ name, type, nullable }) => new Field(name, type, nullable, metadata));
  const store = createMemoryStore();
  const writer = await createLanceFileWriter(store, "file", { schema: fromArrowSchema(new Schema(fields)), version });
  for (const batch of data.batches) await writer.write(batch);
  await writer.finish();
  return (await store.get("file"))!.bytes;
}
