import { fromBinary } from "@bufbuild/protobuf";
import { FOOTER_BYTES, type Footer, parseFooter, parsePositions } from "../../src/format/read/footer.ts";
import { countLeaves, countNodes } from "../../src/format/read/leaf-column.ts";
import { type LanceSchema, readSchema } from "../../src/format/schema.ts";
import { FileDescriptorSchema } from "../../src/proto/gen/lance/file_pb.ts";
import type { Corpus } from "./target.ts";

/** A Lance file of the fixtures, cut into what its decoders take. */
export interface FileParts {
  readonly path: string;
  readonly bytes: Uint8Array;
  readonly footer: Footer;
  readonly descriptor: Uint8Array;
  readonly schema: LanceSchema;
  readonly numRows: number;
  /** Metadata of each physical column. */
  readonly columns: readonly Uint8Array[];
  /** Physical columns of each field of the schema. */
  readonly fieldColumns: readonly (readonly number[])[];
  readonly globalBuffers: readonly Uint8Array[];
}

/** Every Lance file of the corpus, indexes' files too. */
export function listFiles(corpus: Corpus): FileParts[] {
  return [...corpus.files].filter(([path]) => /\.(lance|idx)$/.test(path)).map(([path, bytes]) => cutFile(path, bytes));
}

function cutFile(path: string, bytes: Uint8Array): FileParts {
  const footer = parseFooter(bytes.subarray(bytes.length - FOOTER_BYTES), bytes.length, path);
  const table = (offset: number, count: number) =>
    parsePositions(bytes.subarray(offset, offset + count * 16), count, bytes.length, path).map(
      ({ offset: at, length }) => bytes.subarray(at, at + length),
    );
  const columns = table(footer.columnTableOffset, footer.numColumns);
  const globalBuffers = table(footer.globalTableOffset, footer.numGlobalBuffers);
  const message = fromBinary(FileDescriptorSchema, globalBuffers[0]!);
  const schema = readSchema(message.schema?.fields ?? [], message.schema?.metadata ?? {});
  let next = 0;
  const fieldColumns = schema.fields.map((field) =>
    Array.from({ length: footer.version === "2.0" ? countNodes(field) : countLeaves(field) }, () => next++),
  );
  const descriptor = globalBuffers[0]!;
  return {
    path,
    bytes,
    footer,
    descriptor,
    schema,
    numRows: Number(message.length),
    columns,
    fieldColumns,
    globalBuffers,
  };
}

/** A source of bytes that lie in memory. */
export function createSource(path: string, bytes: Uint8Array, reject: (what: string) => Error) {
  const read = async (offset: number, length: number): Promise<Uint8Array> => {
    if (!(offset >= 0 && length >= 0 && offset + length <= bytes.length)) throw reject(`${offset}+${length}`);
    return bytes.subarray(offset, offset + length);
  };
  return {
    path,
    sizeBytes: bytes.length,
    isCached: () => true,
    readsInto: true,
    read,
    readInto: (_into: Uint8Array, { offset, length }: { offset: number; length: number }) => read(offset, length),
  };
}
