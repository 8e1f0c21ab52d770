import { create } from "@bufbuild/protobuf";
import { loadCoreKernels } from "../../../src/kernels/core.ts";
import { DeletionFileSchema } from "../../../src/proto/gen/lance/table_pb.ts";
import { decodeDeletionFile } from "../../../src/table/deletions/deletion-file.ts";
import { readSingleBatch } from "../../../src/table/deletions/ipc-message.ts";
import { type Corpus, expectThat, type Input, type Seed, type Target } from "../target.ts";

/** `DeletionFile.file_type`. */
type FileType = 0 | 1;

/** Arrow IPC files with zstd bodies, and Roaring files; beside them the counts a manifest declares. */
export async function createDeletionTarget(corpus: Corpus): Promise<Target<FileType>> {
  const kernels = await loadCoreKernels();
  const seeds = [...corpus.files]
    .filter(([path]) => /\.(arrow|bin)$/.test(path))
    .map(([name, bytes]): Seed<FileType> => {
      const isArrow = name.endsWith(".arrow");
      const count = isArrow ? readSingleBatch(bytes, name).numRows : kernels.decodeRoaring(bytes, 2 ** 32).length;
      return { name, parts: [{ kind: "bytes", bytes }], numbers: [count, 1 << 16], context: isArrow ? 0 : 1 };
    });
  return { name: "deletions", weight: 15, seeds, run: (input, seed) => read(input, seed.context) };
}

async function read({ parts, numbers }: Input, fileType: FileType): Promise<void> {
  const [numDeletedRows = 0, physicalRows = 0] = numbers;
  // As `readFragments` holds it.
  if (numDeletedRows > physicalRows) return;
  const file = create(DeletionFileSchema, { fileType, numDeletedRows: BigInt(numDeletedRows) });
  const offsets = await decodeDeletionFile(parts[0]!, file, { path: "file", numDeletedRows, physicalRows });
  expectThat(offsets.length === numDeletedRows, `${offsets.length} offsets of ${numDeletedRows}`);
  for (let i = 0; i < offsets.length; i++) {
    expectThat(offsets[i]! < physicalRows && (i === 0 || offsets[i]! > offsets[i - 1]!), `offset ${offsets[i]}`);
  }
}
