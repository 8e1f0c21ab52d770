import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { tableFromIPC } from "apache-arrow";
import { expect, test } from "vitest";
import { bindExpression } from "../../src/expr/bind.ts";
import { selectIndices } from "../../src/expr/bitset.ts";
import { compileExpression } from "../../src/expr/compile/compile.ts";
import { formatExpression } from "../../src/expr/format.ts";
import { parseFilter } from "../../src/expr/parse.ts";
import { toSchema } from "../expr/support.ts";

const oracle = fileURLToPath(new URL("./expr-oracle.py", import.meta.url));

test("random filters select the rows native selects, and most print as native prints", () => {
  const python = process.env.LANCELET_PYTHON;
  if (!python) throw new Error("set LANCELET_PYTHON to a Python that has pylance; npm test does");
  const directory = mkdtempSync(join(tmpdir(), "lancelet-expr-"));
  try {
    execFileSync(python, [oracle, directory, "600", "7"], { stdio: ["ignore", "ignore", "pipe"] });
    const table = tableFromIPC(readFileSync(join(directory, "table.arrow")));
    const schema = toSchema(table.schema);
    const answers: { filter: string; plan?: string; ids?: number[]; error?: string }[] = JSON.parse(
      readFileSync(join(directory, "answers.json"), "utf8"),
    );
    let printedAlike = 0;
    for (const { filter, plan, ids, error } of answers) {
      expect(error, filter).toBeUndefined();
      const bound = bindExpression(parseFilter(filter), schema);
      const evaluate = compileExpression(bound);
      const received: number[] = [];
      for (const batch of table.batches) {
        const column = batch.getChild("id")!;
        for (const row of selectIndices(evaluate(batch).values)) received.push(Number(column.get(row)));
      }
      expect(received, filter).toEqual(ids);
      if (formatExpression(bound) === plan) printedAlike++;
    }
    expect(answers).toHaveLength(600);
    expect(printedAlike).toBeGreaterThan(300);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});
