import { openDataset } from "lancelet";
import { type ModelWriterOptions, runModelWriter } from "../../conformance/model-writer.ts";

/** One writer of the model test in a worker of a page. */
addEventListener("message", async ({ data }: MessageEvent<ModelWriterOptions & { readonly uri: string }>) => {
  try {
    const dataset = await openDataset(data.uri, { version: 1 });
    const log = await runModelWriter(dataset, data);
    await dataset.close();
    postMessage(log);
  } catch (error) {
    postMessage(String((error as Error).stack));
  }
});
