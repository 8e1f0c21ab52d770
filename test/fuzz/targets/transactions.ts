import { create } from "@bufbuild/protobuf";
import { ManifestSchema } from "../../../src/proto/gen/lance/table_pb.ts";
import type { Transaction } from "../../../src/proto/gen/lance/transaction_pb.ts";
import type { ReadableStore } from "../../../src/store/store.ts";
import type { OurSide } from "../../../src/table/commit/conflict-verdict.ts";
import { judgeConflict } from "../../../src/table/commit/conflicts.ts";
import type { RebasableOperation } from "../../../src/table/commit/operation.ts";
import { type ManifestFile, readTransactionOf } from "../../../src/table/manifest/read-manifest.ts";
import { thin } from "../corpus.ts";
import { type Corpus, expectThat, type Input, type Seed, type Target } from "../target.ts";

const VERDICTS: ReadonlySet<string> = new Set(["none", "merge", "retry", "abort"]);
const store = { get: async () => undefined } as unknown as ReadableStore;

/** Transactions of other writers, judged against each operation the fixtures hold. */
export async function createTransactionTarget(corpus: Corpus): Promise<Target<null>> {
  const files = [...corpus.files].filter(([path]) => path.endsWith(".txn"));
  const ours = new Map<string, RebasableOperation>();
  for (const [, bytes] of files) {
    const { operation } = (await readBytes(bytes)) as Transaction;
    if (operation.case !== undefined && operation.case !== "clone")
      ours.set(operation.case, operation as RebasableOperation);
  }
  const seeds = files.map(
    ([name, bytes]): Seed<null> => ({ name, parts: [{ kind: "message", bytes }], numbers: [], context: null }),
  );
  const sides = [...ours.values()].map(
    (operation): OurSide => ({ operation, readFragments: new Map(), coverage: new Map() }),
  );
  return {
    name: "transactions",
    weight: 8,
    seeds: thin(seeds, ({ parts }) => String(parts[0]!.bytes.length >> 4), 2),
    run: (input) => judge(input, sides),
  };
}

function readBytes(transaction: Uint8Array): Promise<Transaction | undefined> {
  const manifest = create(ManifestSchema);
  const file: ManifestFile = {
    path: "manifest",
    sizeBytes: 0,
    manifest,
    indices: [],
    indexSection: undefined,
    transaction,
  };
  return readTransactionOf(store, file);
}

async function judge({ parts }: Input, sides: readonly OurSide[]): Promise<void> {
  const theirs = await readBytes(parts[0]!);
  for (const ours of sides) {
    const { kind } = judgeConflict(ours, theirs);
    expectThat(VERDICTS.has(kind), `a verdict of ${kind}`);
  }
}
