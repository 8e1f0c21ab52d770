/* tslint:disable */
/* eslint-disable */

/**
 * Accumulates values and structure.
 */
export class ColumnBuilder {
    free(): void;
    [Symbol.dispose](): void;
    /**
     * `ranges`: start and end row of each range of the page.
     */
    appendConstant(page: PageDecoder, ranges: Uint32Array): void;
    /**
     * `segments`: offset in `input` and length of each, whole rows; `rows` of them in all.
     */
    appendFullZip(page: PageDecoder, input: Uint8Array, segments: Uint32Array, rows: number): void;
    /**
     * `chunks`: offset in `input`, length and number of values of each. `runs`: first chunk, number of chunks, the page
     * row that starts first in it, number of ranges, then start and end row of each, ascending.
     */
    appendMiniBlock(page: PageDecoder, input: Uint8Array, chunks: Uint32Array, runs: Uint32Array): void;
    /**
     * Packed structs: the values of one field, as `valueData` gives them.
     */
    fieldData(index: number): Uint8Array;
    /**
     * Packed structs: the offsets of a field of variable width.
     */
    fieldOffsets(index: number): Int32Array;
    /**
     * Items validity of one fixed-size list level, outermost first, or nothing when all are valid.
     */
    itemValidity(level: number): Uint8Array | undefined;
    /**
     * Entries of layer `index`, leaf first.
     */
    layerLength(index: number): number;
    /**
     * Null entries of a layer. Call after `layerValidity`.
     */
    layerNullCount(index: number): number;
    /**
     * `length + 1` offsets of a list layer.
     */
    layerOffsets(index: number): Int32Array;
    /**
     * Validity bitmap of a layer, or nothing when all entries are valid.
     */
    layerValidity(index: number): Uint8Array | undefined;
    /**
     * Shape words, then one word per layer, leaf first: 1 for a list.
     */
    constructor(program: Uint32Array);
    /**
     * Number of leaf values.
     */
    valueCount(): number;
    /**
     * Fixed width: the values, bit-packed for booleans. Variable width: the bytes.
     */
    valueData(): Uint8Array;
    /**
     * Variable width: `valueCount + 1` offsets.
     */
    valueOffsets(): Int32Array;
}

/**
 * A loaded graph. Holds memory of its own, which `byteLength` counts.
 */
export class Graph {
    free(): void;
    [Symbol.dispose](): void;
    /**
     * Copies a stored graph from host buffers of u32; the offsets are one more than the lists, and the level starts one
     * more than the levels.
     */
    constructor(num_rows: number, nodes: number, offsets: number, num_lists: number, neighbors: number, num_neighbors: number, levels: number, num_levels: number, entry: number);
    readonly byteLength: number;
    readonly numRows: number;
}

/**
 * A page as the host holds it between reads.
 */
export class PageDecoder {
    free(): void;
    [Symbol.dispose](): void;
    /**
     * Bytes this page keeps in WASM memory beyond its program.
     */
    cachedBytes(): number;
    /**
     * `program` and its byte strings, as src/format/read/decode-program.ts writes them.
     */
    constructor(program: Uint32Array, table: Uint8Array);
    /**
     * Pages of blob descriptors: a descriptor without bytes tells its own levels (format page section 2.2, Blob).
     */
    setBlobLayers(layers: Uint32Array): void;
    /**
     * Constant pages: the value's own bytes, or the buffers of a one-element Arrow array (`u32 n, n × u32 length, bytes`).
     */
    setConstant(bytes: Uint8Array, array: boolean): void;
    /**
     * Mini-block pages with a dictionary: decodes it, once.
     */
    setDictionary(bytes: Uint8Array): void;
    /**
     * Constant pages: the level buffers. Without an encoding they are plain u16.
     */
    setLevels(rep_bytes: Uint8Array, def_bytes: Uint8Array): void;
}

/**
 * A codebook, and the query it was prepared for last.
 */
export class ProductCodebook {
    free(): void;
    [Symbol.dispose](): void;
    /**
     * Copies `num_sub_vectors × 2^bits × (dimension / num_sub_vectors)` f32 from a host buffer.
     */
    constructor(metric: number, dimension: number, num_sub_vectors: number, bits: number, codebook: number);
    /**
     * Makes the table of a query of `dimension` f32 in a host buffer: for l2 of its residual to a partition's centroid.
     */
    prepare(query: number): void;
}

/**
 * Best-k over any number of scans, ascending by distance, then by row id.
 */
export class TopK {
    free(): void;
    [Symbol.dispose](): void;
    /**
     * Rows held now, at most k.
     */
    count(): number;
    /**
     * Writes the rows held, best first, into host buffers of `count` values, and forgets them.
     */
    finishInto(row_ids: number, distances: number): void;
    constructor(k: number);
    /**
     * Scans `num_rows` vectors in host buffers. `mask` 0 = every row; otherwise one bit a row, LSB first.
     * Distances count in [lower, upper); NaN bounds count as absent.
     */
    scanFlat(element: number, metric: number, query: number, vectors: number, row_ids: number, num_rows: number, dimension: number, mask: number, lower: number, upper: number): void;
    /**
     * As `scanFlat`, over product codes, by the query the codebook was prepared for.
     */
    scanProductCodes(codebook: ProductCodebook, codes: number, row_ids: number, num_rows: number, mask: number, lower: number, upper: number): void;
    /**
     * Scans rows as `arrangeRabitRows` left them: a whole partition, or a part of it that starts on a block and ends
     * on one or with the partition. `query` as `prepareRabitQuery` wrote it; `numbers` 5 f32 as `Estimate` has them;
     * `mode` 0 accurate, 1 normal, 2 fast. `mask`, `lower` and `upper` as in `scanFlat`.
     */
    scanRabit(num_bits: number, has_errors: boolean, mode: number, query: number, numbers: number, values: number, row_ids: number, num_rows: number, dimension: number, mask: number, lower: number, upper: number): void;
    /**
     * As `scanFlat`, over 8-bit scalar codes. l2: `query` is `dimension` codes, the distance Σ(Δcode)² × `scale`;
     * dot: `dimension` f32, the distance `offset` − `scale` × Σ code·q.
     */
    scanScalarCodes(metric: number, query: number, scale: number, offset: number, codes: number, row_ids: number, num_rows: number, dimension: number, mask: number, lower: number, upper: number): void;
    searchFlat(graph: Graph, ef: number, needed: number, element: number, metric: number, query: number, vectors: number, row_ids: number, dimension: number, mask: number, lower: number, upper: number): number;
    /**
     * Of rows one after another, by the query the codebook was prepared for.
     */
    searchProductCodes(graph: Graph, ef: number, needed: number, codebook: ProductCodebook, codes: number, row_ids: number, mask: number, lower: number, upper: number): number;
    searchScalarCodes(graph: Graph, ef: number, needed: number, metric: number, query: number, scale: number, offset: number, codes: number, row_ids: number, dimension: number, mask: number, lower: number, upper: number): number;
    /**
     * The k-th best distance; infinite while there are fewer.
     */
    threshold(): number;
}

/**
 * Allocates `byte_length` zeroed bytes, 16-byte aligned. Returns 0 when memory cannot grow.
 */
export function allocateBytes(byte_length: number): number;

/**
 * Rearranges rows of a whole partition into blocks, in place.
 */
export function arrangeRabitRows(dimension: number, num_bits: number, has_errors: boolean, values: number, num_rows: number): void;

/**
 * Distances of one query to `num_rows` vectors, in host buffers.
 */
export function computeDistances(element: number, metric: number, query: number, vectors: number, num_rows: number, dimension: number, output: number): void;

/**
 * The values of a serialised bitmap, ascending. Every value must be below `limit`.
 */
export function decodeRoaring(bytes: number, byte_length: number, limit: number): Uint32Array;

/**
 * Expands one buffer. `scheme`: 1 LZ4, 2 zstd.
 */
export function decompressBuffer(scheme: number, data: Uint8Array): Uint8Array;

/**
 * Expands a `u64 size, zstd frame` buffer to exactly that size.
 */
export function decompressZstd(data: Uint8Array): Uint8Array;

/**
 * Serialises ascending, distinct values.
 */
export function encodeRoaring(values: number, count: number): Uint8Array;

/**
 * Expands values that lie end to end; `lengths` becomes the length of each after it.
 */
export function expandSymbols(table: Uint8Array, data: Uint8Array, lengths: Uint32Array): Uint8Array;

/**
 * Returns what [`allocate_bytes`] gave, with the same length. A zero pointer is ignored.
 */
export function freeBytes(pointer: number, byte_length: number): void;

/**
 * Rotates a query of `dimension` f32, and writes it with its tables into `output` of `rabitQueryBytes` bytes.
 */
export function prepareRabitQuery(is_dense: boolean, rotation: number, dimension: number, query: number, output: number): void;

/**
 * Bytes of a prepared query.
 */
export function rabitQueryBytes(dimension: number): number;

/**
 * Copies `width` bytes at `offset` of every row of `stride` bytes: one field of a packed struct.
 */
export function takeField(data: Uint8Array, stride: number, offset: number, width: number): Uint8Array;

/**
 * `count` values from value `first` on, out of blocks of 1024; the last block is padded.
 */
export function unpackBitBlocks(data: Uint8Array, word_bits: number, width: number, first: number, count: number): Uint8Array;

/**
 * Values of `width` bits one after the other, LSB first, widened to words; `signed` extends their top bit.
 */
export function unpackBits(data: Uint8Array, word_bits: number, width: number, first_bit: number, count: number, signed: boolean): Uint8Array;

export type InitInput = RequestInfo | URL | Response | BufferSource | WebAssembly.Module;

export interface InitOutput {
    readonly memory: WebAssembly.Memory;
    readonly __wbg_columnbuilder_free: (a: number, b: number) => void;
    readonly __wbg_graph_free: (a: number, b: number) => void;
    readonly __wbg_pagedecoder_free: (a: number, b: number) => void;
    readonly __wbg_productcodebook_free: (a: number, b: number) => void;
    readonly __wbg_topk_free: (a: number, b: number) => void;
    readonly allocateBytes: (a: number) => number;
    readonly arrangeRabitRows: (a: number, b: number, c: number, d: number, e: number) => [number, number];
    readonly columnbuilder_appendConstant: (a: number, b: number, c: number, d: number) => [number, number];
    readonly columnbuilder_appendFullZip: (a: number, b: number, c: number, d: number, e: number, f: number, g: number) => [number, number];
    readonly columnbuilder_appendMiniBlock: (a: number, b: number, c: number, d: number, e: number, f: number, g: number, h: number) => [number, number];
    readonly columnbuilder_fieldData: (a: number, b: number) => [number, number, number, number];
    readonly columnbuilder_fieldOffsets: (a: number, b: number) => [number, number, number, number];
    readonly columnbuilder_itemValidity: (a: number, b: number) => [number, number];
    readonly columnbuilder_layerLength: (a: number, b: number) => number;
    readonly columnbuilder_layerNullCount: (a: number, b: number) => number;
    readonly columnbuilder_layerOffsets: (a: number, b: number) => [number, number, number, number];
    readonly columnbuilder_layerValidity: (a: number, b: number) => [number, number];
    readonly columnbuilder_new: (a: number, b: number) => [number, number, number];
    readonly columnbuilder_valueCount: (a: number) => number;
    readonly columnbuilder_valueData: (a: number) => [number, number];
    readonly columnbuilder_valueOffsets: (a: number) => [number, number, number, number];
    readonly computeDistances: (a: number, b: number, c: number, d: number, e: number, f: number, g: number) => [number, number];
    readonly decodeRoaring: (a: number, b: number, c: number) => [number, number, number, number];
    readonly decompressBuffer: (a: number, b: number, c: number) => [number, number, number, number];
    readonly decompressZstd: (a: number, b: number) => [number, number, number, number];
    readonly encodeRoaring: (a: number, b: number) => [number, number, number, number];
    readonly expandSymbols: (a: number, b: number, c: number, d: number, e: number, f: number, g: any) => [number, number, number, number];
    readonly freeBytes: (a: number, b: number) => void;
    readonly graph_byteLength: (a: number) => number;
    readonly graph_new: (a: number, b: number, c: number, d: number, e: number, f: number, g: number, h: number, i: number) => [number, number, number];
    readonly graph_numRows: (a: number) => number;
    readonly pagedecoder_cachedBytes: (a: number) => number;
    readonly pagedecoder_new: (a: number, b: number, c: number, d: number) => [number, number, number];
    readonly pagedecoder_setBlobLayers: (a: number, b: number, c: number) => [number, number];
    readonly pagedecoder_setConstant: (a: number, b: number, c: number, d: number) => [number, number];
    readonly pagedecoder_setDictionary: (a: number, b: number, c: number) => [number, number];
    readonly pagedecoder_setLevels: (a: number, b: number, c: number, d: number, e: number) => [number, number];
    readonly prepareRabitQuery: (a: number, b: number, c: number, d: number, e: number) => [number, number];
    readonly productcodebook_new: (a: number, b: number, c: number, d: number, e: number) => [number, number, number];
    readonly productcodebook_prepare: (a: number, b: number) => [number, number];
    readonly rabitQueryBytes: (a: number) => [number, number, number];
    readonly takeField: (a: number, b: number, c: number, d: number, e: number) => [number, number, number, number];
    readonly topk_count: (a: number) => number;
    readonly topk_finishInto: (a: number, b: number, c: number) => [number, number];
    readonly topk_new: (a: number) => number;
    readonly topk_scanFlat: (a: number, b: number, c: number, d: number, e: number, f: number, g: number, h: number, i: number, j: number, k: number) => [number, number];
    readonly topk_scanProductCodes: (a: number, b: number, c: number, d: number, e: number, f: number, g: number, h: number) => [number, number];
    readonly topk_scanRabit: (a: number, b: number, c: number, d: number, e: number, f: number, g: number, h: number, i: number, j: number, k: number, l: number, m: number) => [number, number];
    readonly topk_scanScalarCodes: (a: number, b: number, c: number, d: number, e: number, f: number, g: number, h: number, i: number, j: number, k: number, l: number) => [number, number];
    readonly topk_searchFlat: (a: number, b: number, c: number, d: number, e: number, f: number, g: number, h: number, i: number, j: number, k: number, l: number, m: number) => [number, number, number];
    readonly topk_searchProductCodes: (a: number, b: number, c: number, d: number, e: number, f: number, g: number, h: number, i: number, j: number) => [number, number, number];
    readonly topk_searchScalarCodes: (a: number, b: number, c: number, d: number, e: number, f: number, g: number, h: number, i: number, j: number, k: number, l: number, m: number, n: number) => [number, number, number];
    readonly topk_threshold: (a: number) => number;
    readonly unpackBitBlocks: (a: number, b: number, c: number, d: number, e: number, f: number) => [number, number, number, number];
    readonly unpackBits: (a: number, b: number, c: number, d: number, e: number, f: number, g: number) => [number, number, number, number];
    readonly __wbindgen_externrefs: WebAssembly.Table;
    readonly __externref_table_dealloc: (a: number) => void;
    readonly __wbindgen_malloc: (a: number, b: number) => number;
    readonly __wbindgen_free: (a: number, b: number, c: number) => void;
    readonly __wbindgen_start: () => void;
}

export type SyncInitInput = BufferSource | WebAssembly.Module;

/**
 * Instantiates the given `module`, which can either be bytes or
 * a precompiled `WebAssembly.Module`.
 *
 * @param {{ module: SyncInitInput }} module - Passing `SyncInitInput` directly is deprecated.
 *
 * @returns {InitOutput}
 */
export function initSync(module: { module: SyncInitInput } | SyncInitInput): InitOutput;

/**
 * If `module_or_path` is {RequestInfo} or {URL}, makes a request and
 * for everything else, calls `WebAssembly.instantiate` directly.
 *
 * @param {{ module_or_path: InitInput | Promise<InitInput> }} module_or_path - Passing `InitInput` directly is deprecated.
 *
 * @returns {Promise<InitOutput>}
 */
export default function __wbg_init (module_or_path: { module_or_path: InitInput | Promise<InitInput> } | InitInput | Promise<InitInput>): Promise<InitOutput>;
