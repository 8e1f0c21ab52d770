import * as lancelet from "lancelet";
import { smoke } from "./smoke.mjs";

/** The bundled table, read with the kernels on the page. */
globalThis.runSmoke = (uri) => smoke(lancelet, uri);

/** An index, built by two workers over a store that only the page can reach. */
globalThis.buildIndex = async () => {
  const rows = Array.from({ length: 2000 }, (_, i) => ({ i, half: Math.floor(i / 2) }));
  const dataset = await lancelet.writeDataset(rows, "memory://app", { maxRowsPerFile: 500 });
  await dataset.createScalarIndex("half", "BTREE", { numWorkers: 2 });
  const scanner = dataset.scanner({ columns: ["i"], filter: "half = 700" });
  const table = await scanner.toTable();
  return {
    rows: Array.from(table.getChild("i"), Number),
    indexed: (await scanner.explainPlan()).includes("half_idx"),
  };
};

/** What a worker answers to a job it does not know: the error's code crosses the port. */
globalThis.askWorker = async () => {
  const pool = lancelet.initGlobalPool({ numWorkers: 1 });
  const error = await pool.run({ kind: "nonsense", payload: null }).catch((thrown) => thrown);
  await lancelet.clearGlobalPool();
  return { inline: pool.inline, code: error.code, branded: lancelet.isLanceError(error, "INVALID_ARGUMENT") };
};
