import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { bindExpression } from "../../src/expr/bind.ts";
import { extractIndexQueries } from "../../src/expr/index-queries.ts";
import { parseFilter } from "../../src/expr/parse.ts";
import { describeIndices, getIndexStatistics } from "../../src/index/describe.ts";
import { listSegments, toIndexMetadata, toIndexSegment } from "../../src/index/metadata.ts";
import { searchSegments } from "../../src/index/search.ts";
import { createNodeFsStore } from "../../src/store/node-fs.ts";
import { decodeFragmentBitmap } from "../../src/table/fragment-bitmap.ts";
import { openSnapshot } from "../../src/table/snapshot.ts";
import { useTestRuntime } from "../support/test-runtime.ts";
import { getCommittedSegments } from "./support.ts";

useTestRuntime();

interface Expected {
  readonly indices: readonly {
    readonly name: string;
    readonly index_type: string;
    readonly type_url: string;
    readonly num_rows_indexed: number;
    readonly field_names: readonly string[];
    readonly segments: readonly {
      readonly uuid: string;
      readonly fragment_ids: readonly number[];
      readonly size_bytes: number;
    }[];
    readonly stats: { readonly segments: readonly Record<string, unknown>[] };
  }[];
  readonly queries: readonly {
    readonly kind: string;
    readonly filter: string;
    readonly row_addrs: readonly number[];
    readonly q: readonly number[];
    readonly k: number;
    readonly params: {
      readonly nprobes: number;
      readonly refine_factor?: number;
      readonly distance_range?: readonly [number, number];
    };
    readonly options: { readonly filter?: string };
    readonly ids: readonly number[];
    readonly distances: readonly number[];
  }[];
}

async function openFixture(name: string) {
  const directory = fileURLToPath(new URL(`../fixtures/lance/${name}.lance`, import.meta.url));
  const snapshot = await openSnapshot(createNodeFsStore(directory), { uri: name });
  const expected = JSON.parse(readFileSync(`${directory}/expected.json`, "utf8")) as Expected;
  return { snapshot, expected };
}

describe.each([
  "btree",
  "btree_multi",
  "ivf_flat_l2",
  "ivf_flat_cosine",
  "ivf_flat_dot",
  "ivf_flat_multi",
  "ivf_flat_multi_independent",
  "ivf_flat_f16_l2",
  "ivf_flat_f64_cosine",
  "ivf_flat_hamming",
  "ivf_sq_l2",
  "ivf_sq_cosine",
  "ivf_sq_dot",
  "ivf_sq_multi",
  "ivf_sq_multi_dot",
])("%s, written by native Lance", (name) => {
  test("is described as native describes it", async () => {
    const { snapshot, expected } = await openFixture(name);
    const described = await describeIndices(snapshot);
    expect(described).toHaveLength(expected.indices.length);
    for (const native of expected.indices) {
      const ours = described.find((index) => index.name === native.name)!;
      expect([ours.indexType, ours.typeUrl, ours.numRowsIndexed, ours.fieldNames, ours.supported]).toEqual([
        native.index_type,
        native.type_url,
        native.num_rows_indexed,
        native.field_names,
        true,
      ]);
      const byUuid = (a: { uuid: string }, b: { uuid: string }) => (a.uuid < b.uuid ? -1 : 1);
      expect(
        ours.segments.map(({ uuid, fragmentIds, sizeBytes }) => ({ uuid, fragmentIds, sizeBytes })).sort(byUuid),
      ).toEqual(
        native.segments
          .map((segment) => ({ uuid: segment.uuid, fragmentIds: segment.fragment_ids, sizeBytes: segment.size_bytes }))
          .sort(byUuid),
      );
      const { segments } = await getIndexStatistics(snapshot, native.name);
      for (const key of ["min", "max", "num_pages", "num_partitions", "metric_type", "partitions"]) {
        const values = (list: readonly Record<string, unknown>[]) =>
          list.map((each) => JSON.stringify(each[key])).sort();
        expect([key, values(segments)]).toEqual([key, values(native.stats.segments)]);
      }
    }
  });

  test("its segments are JSON, and the same message again", async () => {
    const { snapshot } = await openFixture(name);
    for (const { segment, metadata } of await listSegments(snapshot)) {
      const crossed = JSON.parse(JSON.stringify(segment)) as typeof segment;
      const again = await toIndexMetadata(crossed);
      // Native's bitmaps hold runs, ours do not: what they say is the same.
      expect(await decodeFragmentBitmap(again.fragmentBitmap)).toEqual(
        await decodeFragmentBitmap(metadata.fragmentBitmap),
      );
      expect({ ...again, fragmentBitmap: null }).toEqual({ ...metadata, fragmentBitmap: null });
      expect(await toIndexSegment(metadata)).toEqual(crossed);
    }
  });

  test("answers as native answers", async () => {
    const { snapshot, expected } = await openFixture(name);
    let asked = 0;
    for (const query of expected.queries) {
      if (query.kind === "filter") {
        const bound = bindExpression(parseFilter(query.filter), snapshot.schema);
        const { indexed, refine } = extractIndexQueries(bound, (column) => {
          const index = expected.indices.find(({ field_names }) => field_names[0] === column);
          return index && { index: index.name, displayName: "BTree", exactness: "exact" };
        });
        if (indexed?.kind !== "query" || refine) continue;
        const segments = await getCommittedSegments(snapshot, indexed.index);
        const { trueRows } = await searchSegments(snapshot, segments, indexed.query);
        expect([query.filter, [...trueRows.ids()].map(Number)]).toEqual([query.filter, query.row_addrs]);
      } else {
        // Segments alone do not refine; the fixtures' test asks the scanner for all of them.
        if (query.options.filter || query.params.refine_factor) continue;
        const { nprobes, distance_range: distanceRange } = query.params;
        const answer = await searchSegments(snapshot, await getCommittedSegments(snapshot, "v_idx"), {
          kind: "vector",
          q: Float32Array.from(query.q),
          k: query.k,
          minimumNprobes: nprobes,
          maximumNprobes: nprobes,
          distanceRange,
        });
        expect(answer.distances.length).toBe(query.distances.length);
        query.distances.forEach((distance, i) => {
          expect(Math.abs(answer.distances[i]! - distance)).toBeLessThanOrEqual(1e-4 * Math.max(1, Math.abs(distance)));
        });
      }
      asked++;
    }
    expect(asked).toBeGreaterThanOrEqual(9);
  });
});
