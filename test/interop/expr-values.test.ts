import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Table, tableFromIPC, type Vector } from "apache-arrow";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Dataset } from "../../src/dataset/dataset.ts";
import { openDataset } from "../../src/dataset/open-dataset.ts";
import { isLanceError } from "../../src/errors.ts";
import { createNodeFsStore } from "../../src/store/node-fs.ts";
import { useTestRuntime } from "../support/test-runtime.ts";

useTestRuntime();

interface Answers {
  readonly expressions: readonly { readonly sql: string; readonly name?: string; readonly error?: string }[];
  readonly filters: readonly { readonly sql: string; readonly ids?: readonly number[]; readonly error?: string }[];
}

const oracle = fileURLToPath(new URL("./expr-values.py", import.meta.url));
let directory: string;
let dataset: Dataset;
let values: Table;
let answers: Answers;

beforeAll(async () => {
  const python = process.env.LANCELET_PYTHON;
  if (!python) throw new Error("set LANCELET_PYTHON to a Python that has pylance; npm test does");
  directory = mkdtempSync(join(tmpdir(), "lancelet-values-"));
  execFileSync(python, [oracle, directory, "700", "600", "3"], { stdio: ["ignore", "ignore", "pipe"] });
  dataset = await openDataset(createNodeFsStore(join(directory, "table.lance")));
  values = tableFromIPC(readFileSync(join(directory, "values.arrow")));
  answers = JSON.parse(readFileSync(join(directory, "answers.json"), "utf8"));
});

afterAll(async () => {
  await dataset?.close();
  rmSync(directory, { recursive: true, force: true });
});

/** A value as text that tells apart what is not the same: the zeros, text and bytes. */
function show(value: unknown): string {
  if (value === null || value === undefined) return "null";
  if (typeof value === "number") return Object.is(value, -0) ? "-0" : String(Number(value.toPrecision(14)));
  if (value instanceof Uint8Array) return `bytes ${[...value].join(" ")}`;
  if (ArrayBuffer.isView(value)) return `words ${[...(value as Uint32Array)].join(" ")}`;
  if (typeof value === "object" && "toArray" in value) return `[${[...(value as Vector)].map(show).join(", ")}]`;
  if (typeof value === "object" && "toJSON" in value) {
    const entries = Object.entries((value as { toJSON(): object }).toJSON());
    return `{${entries.map(([key, item]) => `${key}: ${show(item)}`).join(", ")}}`;
  }
  return JSON.stringify(value, (_, item) => (typeof item === "bigint" ? `${item}n` : item));
}

test("expressions have native's types and values, and fail where native's do", async () => {
  const problems: string[] = [];
  for (const { sql, name, error } of answers.expressions) {
    try {
      const received = (await dataset.toTable({ columns: { x: sql } })).getChild("x")!;
      const expected = name === undefined ? null : values.getChild(name)!;
      if (expected === null) problems.push(`${sql}: native fails with ${error}`);
      else if (String(received.type) !== String(expected.type)) {
        problems.push(`${sql}: expected ${expected.type}, received ${received.type}`);
      } else {
        const row = [...expected].findIndex((value, i) => show(value) !== show(received.get(i)));
        if (row >= 0)
          problems.push(`${sql}: row ${row}: expected ${show(expected.get(row))}, received ${show(received.get(row))}`);
      }
    } catch (thrown) {
      if (!isLanceError(thrown)) throw thrown;
      if (name !== undefined) problems.push(`${sql}: ${thrown.code} ${thrown.message}`);
    }
  }
  expect(problems).toEqual([]);
  expect(answers.expressions.length).toBeGreaterThanOrEqual(700);
});

test("filters on every type select the rows native selects", async () => {
  const problems: string[] = [];
  for (const { sql, ids, error } of answers.filters) {
    try {
      const received = (await dataset.toTable({ columns: ["id"], filter: sql })).getChild("id")!;
      if (ids === undefined) problems.push(`${sql}: native fails with ${error}`);
      else if (show([...received].map(Number)) !== show(ids)) {
        problems.push(`${sql}: expected ${ids}, received ${[...received]}`);
      }
    } catch (thrown) {
      if (!isLanceError(thrown)) throw thrown;
      if (ids !== undefined) problems.push(`${sql}: ${thrown.code} ${thrown.message}`);
    }
  }
  expect(problems).toEqual([]);
  expect(answers.filters.length).toBeGreaterThanOrEqual(600);
});
