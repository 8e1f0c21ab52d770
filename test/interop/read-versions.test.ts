import { join } from "node:path";
import { type Data, Type } from "apache-arrow";
import { expect, test } from "vitest";
import { openDataset } from "../../src/dataset/open-dataset.ts";
import { createNodeFsStore } from "../../src/store/node-fs.ts";
import { type NativeSession, useNativeSession } from "./native-session.ts";

let directory: string;
let native: NativeSession;

useNativeSession(async (session) => {
  ({ directory, native } = session);
});

const open = (name: string) => openDataset(createNodeFsStore(join(directory, name)));

test.each([
  ["legacy", "0.1"],
  ["2.3", "2.3"],
])(
  "a table stored as %s is UNSUPPORTED; the message names the version and those that are read",
  async (given, version) => {
    await native.run(`lance.write_dataset(pa.table({"a": [1, 2]}), "${given}", data_storage_version="${given}")`);
    await expect(open(given)).rejects.toMatchObject({
      code: "UNSUPPORTED",
      message: expect.stringMatching(`lance ${version}; .*2\\.0, 2\\.1, 2\\.2`),
    });
  },
);

test.each(["2.0", "2.1", "2.2"])(
  "bfloat16 of files %s is two bytes of an extension, alone and in vectors",
  async (version) => {
    await native.run(`
import struct
class BFloat16(pa.ExtensionType):
    def __init__(self):
        super().__init__(pa.binary(2), "lance.bfloat16")
    def __arrow_ext_serialize__(self):
        return b""
    @classmethod
    def __arrow_ext_deserialize__(cls, storage, serialized):
        return cls()
def make(values):
    storage = [None if v is None else struct.pack("<f", v)[2:] for v in values]
    return pa.ExtensionArray.from_storage(BFloat16(), pa.array(storage, pa.binary(2)))
table = pa.table({"b": make([1.5, None, -2.25]), "v": pa.FixedSizeListArray.from_arrays(make([1, 2, 3, 4, 5, 6]), 2)})
lance.write_dataset(table, "bf-${version}", data_storage_version="${version}")
`);
    const dataset = await open(`bf-${version}`);
    const [single, vector] = dataset.schema.fields;
    expect(single!.metadata.get("ARROW:extension:name")).toBe("lance.bfloat16");
    expect(vector!.type.children[0]!.metadata.get("ARROW:extension:name")).toBe("lance.bfloat16");
    const [batch] = (await dataset.toTable()).batches;
    const [alone, lists] = batch!.data.children;
    expect(alone!.type.typeId).toBe(Type.FixedSizeBinary);
    expect([0, 2].map((row) => toNumber(alone!, row))).toEqual([1.5, -2.25]);
    expect(alone!.getValid(1)).toBe(false);
    expect([0, 1, 2, 3, 4, 5].map((item) => toNumber(lists!.children[0]!, item))).toEqual([1, 2, 3, 4, 5, 6]);
  },
);

/** A bfloat16 is the upper half of a float. */
function toNumber(data: Data, at: number): number {
  const bytes = data.values as Uint8Array;
  return new DataView(Uint8Array.of(0, 0, bytes[2 * at]!, bytes[2 * at + 1]!).buffer).getFloat32(0, true);
}
