import { type ColumnBuilder, type DecodeKernels, freeDecoder } from "../../kernels/decode.ts";
import { settleAll } from "../../tasks/settle-all.ts";
import type { ByteSource, ByteSpan } from "./byte-source.ts";
import { type DecodedValues, takePlainRows } from "./decoded-values.ts";
import type { PageAccess } from "./page-access.ts";
import type { PageCache } from "./page-cache.ts";
import type { RowRanges } from "./row-ranges.ts";
import { SpanBytes } from "./span-bytes.ts";

/** Rows wanted from one page, and where they stand in the selection. */
export interface PageTask {
  readonly key: string;
  readonly create: () => PageAccess;
  readonly rows: RowRanges;
  readonly start: number;
  readonly end: number;
}

/** A bounded part of a task: read at once, decoded batch by batch. */
interface Part {
  readonly rows: RowRanges;
  readonly start: number;
  readonly end: number;
  bytes: Promise<SpanBytes> | undefined;
  loaded: SpanBytes | undefined;
}

interface ActiveTask {
  readonly task: PageTask;
  readonly page: PageAccess;
  opened: Promise<void>;
  parts: Part[] | undefined;
}

/** What reading needs from the file. */
export interface LeafReaderOptions {
  readonly source: ByteSource;
  readonly cache: PageCache;
  readonly kernels: DecodeKernels;
  readonly signal: AbortSignal;
  /** Whether rows that need no decoding may be given as views of fetched bytes. */
  readonly borrow: boolean;
}

/** Reads the pages of one physical column in the order of the selection. Holds pages and bytes of the rows in flight. */
export class LeafReader {
  readonly #tasks: readonly PageTask[];
  readonly #options: LeafReaderOptions;
  readonly #active = new Map<PageTask, ActiveTask>();
  #next = 0;

  constructor(tasks: readonly PageTask[], options: LeafReaderOptions) {
    this.#tasks = tasks;
    this.#options = options;
  }

  /** First phase: indexes and dictionaries of the pages with rows before `end`, and data that needs no index. */
  async prepare(end: number): Promise<void> {
    while (this.#next < this.#tasks.length && this.#tasks[this.#next]!.start < end) {
      const task = this.#tasks[this.#next++]!;
      const page = this.#options.cache.acquire(task.key, task.create);
      const active: ActiveTask = { task, page, opened: Promise.resolve(), parts: undefined };
      this.#active.set(task, active);
      active.opened = this.#open(active);
      active.opened.catch(() => {});
    }
    await settleAll([...this.#active.values()].map((active) => active.opened));
  }

  async #open(active: ActiveTask): Promise<void> {
    const { page, task } = active;
    const auxiliary = page.auxiliarySpans(task.rows);
    const pending = this.#read(auxiliary);
    pending.catch(() => {});
    if (!page.needsIndex(task.rows)) {
      active.parts = this.#cut(active);
      const first = active.parts[0];
      if (first) this.#load(active, first);
    }
    page.open(this.#options.kernels, new SpanBytes(auxiliary, await pending), task.rows);
    active.parts ??= this.#cut(active);
  }

  #cut({ page, task }: ActiveTask): Part[] {
    let start = task.start;
    return page.split(task.rows).map((rows) => {
      const part = { rows, start, end: start + rows.numRows, bytes: undefined, loaded: undefined };
      start = part.end;
      return part;
    });
  }

  /** Second phase: the data of rows before `end`. */
  async load(end: number): Promise<void> {
    const loads: Promise<unknown>[] = [];
    for (const active of this.#active.values()) {
      for (const part of active.parts ?? []) if (part.start < end) loads.push(this.#load(active, part));
    }
    await settleAll(loads);
  }

  #load({ page }: ActiveTask, part: Part): Promise<unknown> {
    if (!part.bytes) {
      const spans = page.dataSpans(part.rows);
      part.bytes = this.#read(spans).then((pieces) => {
        part.loaded = new SpanBytes(spans, pieces);
        return part.loaded;
      });
      part.bytes.catch(() => {});
    }
    return part.bytes;
  }

  #read(spans: readonly ByteSpan[]): Promise<Uint8Array[]> {
    const { source, signal } = this.#options;
    return settleAll(spans.map(({ offset, length }) => source.read(offset, length, signal)));
  }

  /**
   * Decodes the rows at positions `start` to `end`, which were loaded. Rows stored as Arrow holds them are copied at
   * most once; all others go through a builder.
   */
  decode(createBuilder: () => ColumnBuilder, start: number, end: number): DecodedValues {
    const slices: { page: PageAccess; rows: RowRanges; bytes: SpanBytes }[] = [];
    for (const { page, parts } of this.#active.values()) {
      for (const part of parts ?? []) {
        const from = Math.max(start, part.start);
        const to = Math.min(end, part.end);
        if (from >= to) continue;
        if (!part.loaded) throw new RangeError("rows were not loaded");
        slices.push({ page, rows: part.rows.slice(from - part.start, to - part.start), bytes: part.loaded });
      }
    }
    const plain = slices.map(({ page, rows, bytes }) => page.plainRows?.(rows, bytes));
    if (plain.length > 0 && plain.every((rows) => rows !== undefined)) {
      return takePlainRows(plain.flat(), end - start, this.#options.borrow);
    }
    const builder = createBuilder();
    try {
      for (const { page, rows, bytes } of slices) page.append(builder, rows, bytes);
    } catch (error) {
      freeDecoder(builder);
      throw error;
    }
    return builder;
  }

  /** Lets go of pages and bytes that only rows before `end` needed. */
  advance(end: number): void {
    for (const active of [...this.#active.values()]) {
      active.parts = active.parts?.filter((part) => part.end > end);
      if (active.task.end <= end) this.#release(active);
    }
  }

  #release(active: ActiveTask): void {
    if (this.#active.delete(active.task)) this.#options.cache.release(active.task.key);
  }

  /** Gives every page back, once nothing reads any more. */
  async close(): Promise<void> {
    const active = [...this.#active.values()];
    await Promise.allSettled(
      active.flatMap(({ opened, parts }) => [opened, ...(parts ?? []).map((part) => part.bytes)]),
    );
    for (const one of active) this.#release(one);
  }
}
