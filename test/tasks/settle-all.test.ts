import { expect, test } from "vitest";
import { mapBounded, settleAll } from "../../src/tasks/settle-all.ts";

const later = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

test("results in the order given", async () => {
  const [text, number] = await settleAll([later(5).then(() => "first"), Promise.resolve(2)]);
  expect([text, number]).toEqual(["first", 2]);
});

test("the first error comes when everything has settled", async () => {
  let settled = false;
  const slow = later(20).then(() => {
    settled = true;
  });
  await expect(settleAll([slow, Promise.reject(new Error("early"))])).rejects.toThrow("early");
  expect(settled).toBe(true);
});

test("a bound holds, and results keep the order of the items", async () => {
  let running = 0;
  let most = 0;
  const results = await mapBounded(
    Array.from({ length: 20 }, (_, i) => i),
    3,
    async (item, index) => {
      most = Math.max(most, ++running);
      await later(item % 3);
      running--;
      return item * 10 + index;
    },
  );
  expect(most).toBe(3);
  expect(results).toEqual(Array.from({ length: 20 }, (_, i) => 11 * i));
});

test("after a failure nothing is started, and what runs settles first", async () => {
  const started: number[] = [];
  let running = 0;
  const work = async (item: number): Promise<void> => {
    started.push(item);
    running++;
    await later(item === 0 ? 5 : 15);
    running--;
    if (item === 0) throw new Error("the first");
  };
  await expect(mapBounded([0, 1, 2, 3, 4, 5], 2, work)).rejects.toThrow("the first");
  expect(started).toEqual([0, 1]);
  expect(running).toBe(0);
});
