import { expect, it } from "vitest";
import { deserializeError, LanceError, serializeError } from "../src/errors.ts";

it("keeps code, message, details and causes through plain data", () => {
  const cause = new LanceError("IO", "disk", { path: "x" }, { cause: new TypeError("inner") });
  const back = deserializeError(
    structuredClone(serializeError(new LanceError("CORRUPT", "page", { page: 3n }, { cause }))),
  );
  expect(back).toMatchObject({ code: "CORRUPT", message: "page", details: { page: 3n } });
  expect(back.cause).toMatchObject({ code: "IO", message: "disk", details: { path: "x" } });
  expect((back.cause as Error).cause).toMatchObject({ name: "TypeError", message: "inner" });
});

it("ends at a cause that names itself", () => {
  const error = new LanceError("IO", "round and round");
  error.cause = error;
  let depth = 0;
  for (let at: unknown = deserializeError(serializeError(error)); at !== undefined; at = (at as Error).cause) depth++;
  expect(depth).toBe(9);
});
