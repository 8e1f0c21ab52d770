/* tslint:disable */
/* eslint-disable */

/**
 * One training, advanced by `step` until `done`. The host writes the vectors at `vectorsPointer` before the first step.
 */
export class CodebookTraining {
    free(): void;
    [Symbol.dispose](): void;
    /**
     * Writes `num_sub_vectors × 2^bits × (dimension / num_sub_vectors)` f32 to a host buffer.
     */
    codebookInto(output: number): void;
    constructor(num_rows: number, dimension: number, num_sub_vectors: number, bits: number, seed: number, max_iterations: number, tolerance: number);
    /**
     * A bounded piece of work.
     */
    step(): void;
    vectorsPointer(): number;
    readonly done: boolean;
    /**
     * Sub-vectors that are trained.
     */
    readonly trained: number;
}

/**
 * A page as the host takes it.
 */
export class EncodedPage {
    private constructor();
    free(): void;
    [Symbol.dispose](): void;
    numBuffers(): number;
    /**
     * The byte strings the description points into.
     */
    table(): Uint8Array;
    /**
     * Moves a buffer out.
     */
    takeBuffer(index: number): Uint8Array;
    /**
     * The description, as src/format/write/compress/describe-page.ts reads it.
     */
    words(): Uint32Array;
}

/**
 * One graph. The host writes the rows at `rowsPointer` piece by piece, adds the graphs that are there, and calls `step` until `done`.
 */
export class GraphBuild {
    free(): void;
    [Symbol.dispose](): void;
    /**
     * A graph over some of the rows, in host buffers of u32 that stay as they are until the build is freed: `map` gives
     * for each of its rows the new number, or the largest u32; then its lists, level by level.
     */
    addGraph(map: number, num_rows: number, nodes: number, offsets: number, num_lists: number, neighbors: number, num_neighbors: number, levels: number, num_levels: number): void;
    countLinks(level: number): number;
    /**
     * Rows of a level: 0 from the first one on that has none.
     */
    countRows(level: number): number;
    /**
     * Writes a level to host buffers: its rows and the number of links of each, `countRows` u32 each; the links and
     * their distances, `countLinks` u32 and f32.
     */
    levelInto(level: number, rows: number, counts: number, neighbors: number, distances: number): void;
    /**
     * `space`: 0 floats under l2, 1 floats under dot, 2 codes under l2 (× `scale`), 3 codes under dot (of the values
     * `offset` + `scale` × code), 4 bits under hamming. `width`: floats, codes or bytes of a row.
     */
    constructor(space: number, num_rows: number, width: number, m: number, ef_construction: number, max_level: number, seed: number, scale: number, offset: number);
    /**
     * Where rows are written: `end` bytes of them are in use then.
     */
    rowsPointer(end: number): number;
    /**
     * A bounded piece of work.
     */
    step(): void;
    /**
     * Distances computed so far.
     */
    readonly comparisons: number;
    readonly done: boolean;
    /**
     * Where searches start; 0 in a graph without rows.
     */
    readonly entry: number;
    /**
     * Rows that are in the graph.
     */
    readonly inserted: number;
}

/**
 * One training, advanced by `step` until `done`. The host writes the rows at `inputPointer` before the first step.
 */
export class KMeans {
    free(): void;
    [Symbol.dispose](): void;
    /**
     * Writes the k centroids, values as the rows have them, to a host buffer.
     */
    centroidsInto(output: number): void;
    inputPointer(): number;
    /**
     * Of vectors of f32.
     */
    constructor(metric: number, num_rows: number, dimension: number, k: number, seed: number, max_iterations: number, tolerance: number);
    /**
     * Of rows of bits, `width` bytes each, under hamming.
     */
    static ofBits(num_rows: number, width: number, k: number, seed: number, max_iterations: number, tolerance: number): KMeans;
    /**
     * A bounded piece of work.
     */
    step(): void;
    /**
     * Rows that moved in the last whole iteration.
     */
    readonly changed: number;
    readonly done: boolean;
    /**
     * Whole iterations so far.
     */
    readonly iteration: number;
    /**
     * Summed distance in the last whole iteration; infinite before.
     */
    readonly loss: number;
}

/**
 * Collects what a page is made of; the last call encodes it and ends the object.
 */
export class PageEncoder {
    free(): void;
    [Symbol.dispose](): void;
    /**
     * Adds a layer of fixed-size lists, outermost first. `validity`: a byte an element, 1 = null, or empty.
     */
    addListLayer(dimension: number, nulls: Uint8Array): void;
    /**
     * Works through about `budget` bytes of the values that were set. Returns whether they can be encoded now.
     */
    advance(budget: number): boolean;
    /**
     * Encodes values of one width: lists where layers were added, indices where a dictionary was set.
     */
    encodeFixed(bits: number, count: number, first_bit: number, data: Uint8Array): EncodedPage;
    /**
     * Encodes levels that lead to no value at all. Files 2.2.
     */
    encodeNulls(): EncodedPage;
    /**
     * Encodes the values that were set, once they are ready.
     */
    encodeVariable(): EncodedPage;
    /**
     * Minor version, text, opaque, request, splitting, structure (0 by width, 1 mini-block, 2 zipped), as
     * src/kernels/encode.ts numbers them.
     */
    constructor(options: Uint32Array);
    /**
     * The values that the values of the page are indices of.
     */
    setFixedDictionary(bits: number, count: number, first_bit: number, data: Uint8Array): void;
    /**
     * Either stream may be empty.
     */
    setLevels(repetition: Uint16Array, definition: Uint16Array, max_repetition: number, max_visible: number): void;
    /**
     * A byte a value, 1 = null.
     */
    setNulls(nulls: Uint8Array): void;
    /**
     * As above, of strings.
     */
    setVariableDictionary(offset_bits: number, ends: Uint32Array, data: Uint8Array): void;
    /**
     * Sets values of any length; `ends` has one more than there are values.
     */
    setVariable(offset_bits: number, ends: Uint32Array, data: Uint8Array): void;
}

/**
 * A codebook prepared for encoding.
 */
export class ProductEncoder {
    free(): void;
    [Symbol.dispose](): void;
    /**
     * Codes of `num_rows` vectors, in host buffers.
     */
    encode(vectors: number, num_rows: number, codes: number): void;
    /**
     * `codebook`: as `codebookInto` writes it.
     */
    constructor(dimension: number, num_sub_vectors: number, bits: number, codebook: number);
}

/**
 * Allocates `byte_length` zeroed bytes, 16-byte aligned. Returns 0 when memory cannot grow.
 */
export function allocateBytes(byte_length: number): number;

/**
 * The centroid in the fewest bits apart from every row, in host buffers.
 */
export function assignBits(rows: number, num_rows: number, width: number, centroids: number, k: number, partitions: number): void;

/**
 * Nearest centroid and distance of every row, in host buffers. Rows that hold NaN or infinity get `UNASSIGNED`, NaN.
 */
export function assignPartitions(metric: number, vectors: number, num_rows: number, dimension: number, centroids: number, k: number, partitions: number, distances: number): void;

/**
 * Codes `num_rows` vectors of f32, each against the centroid of its partition, as rows of `RowLayout` with error
 * factors. `rotated` holds the centroids as `rotateVectors` gives them.
 */
export function encodeRabit(is_dot: boolean, is_dense: boolean, rotation: number, dimension: number, num_bits: number, vectors: number, num_rows: number, partitions: number, centroids: number, rotated: number, num_partitions: number, output: number): void;

/**
 * Returns what [`allocate_bytes`] gave, with the same length. A zero pointer is ignored.
 */
export function freeBytes(pointer: number, byte_length: number): void;

/**
 * Rotates `num_rows` vectors of f32 into `output`.
 */
export function rotateVectors(is_dense: boolean, rotation: number, dimension: number, vectors: number, num_rows: number, output: number): void;

/**
 * Writes the stable order of `length` byte strings to `output`. `offsets` are `length + 1` i32 into `data`.
 */
export function sortBytes(offsets: number, data: number, data_length: number, valid: number, length: number, output: number): void;

/**
 * Writes the stable order of `length` fixed-width values to `output`.
 */
export function sortFixed(kind: number, values: number, valid: number, length: number, output: number): void;

export type InitInput = RequestInfo | URL | Response | BufferSource | WebAssembly.Module;

export interface InitOutput {
    readonly memory: WebAssembly.Memory;
    readonly __wbg_codebooktraining_free: (a: number, b: number) => void;
    readonly __wbg_encodedpage_free: (a: number, b: number) => void;
    readonly __wbg_graphbuild_free: (a: number, b: number) => void;
    readonly __wbg_kmeans_free: (a: number, b: number) => void;
    readonly __wbg_pageencoder_free: (a: number, b: number) => void;
    readonly __wbg_productencoder_free: (a: number, b: number) => void;
    readonly allocateBytes: (a: number) => number;
    readonly assignBits: (a: number, b: number, c: number, d: number, e: number, f: number) => [number, number];
    readonly assignPartitions: (a: number, b: number, c: number, d: number, e: number, f: number, g: number, h: number) => [number, number];
    readonly codebooktraining_codebookInto: (a: number, b: number) => [number, number];
    readonly codebooktraining_done: (a: number) => number;
    readonly codebooktraining_new: (a: number, b: number, c: number, d: number, e: number, f: number, g: number) => [number, number, number];
    readonly codebooktraining_step: (a: number) => [number, number];
    readonly codebooktraining_trained: (a: number) => number;
    readonly codebooktraining_vectorsPointer: (a: number) => number;
    readonly encodeRabit: (a: number, b: number, c: number, d: number, e: number, f: number, g: number, h: number, i: number, j: number, k: number, l: number) => [number, number];
    readonly encodedpage_numBuffers: (a: number) => number;
    readonly encodedpage_table: (a: number) => [number, number];
    readonly encodedpage_takeBuffer: (a: number, b: number) => [number, number, number, number];
    readonly encodedpage_words: (a: number) => [number, number];
    readonly freeBytes: (a: number, b: number) => void;
    readonly graphbuild_addGraph: (a: number, b: number, c: number, d: number, e: number, f: number, g: number, h: number, i: number, j: number) => [number, number];
    readonly graphbuild_comparisons: (a: number) => number;
    readonly graphbuild_countLinks: (a: number, b: number) => number;
    readonly graphbuild_countRows: (a: number, b: number) => number;
    readonly graphbuild_done: (a: number) => number;
    readonly graphbuild_entry: (a: number) => number;
    readonly graphbuild_inserted: (a: number) => number;
    readonly graphbuild_levelInto: (a: number, b: number, c: number, d: number, e: number, f: number) => [number, number];
    readonly graphbuild_new: (a: number, b: number, c: number, d: number, e: number, f: number, g: number, h: number, i: number) => [number, number, number];
    readonly graphbuild_rowsPointer: (a: number, b: number) => [number, number, number];
    readonly graphbuild_step: (a: number) => [number, number];
    readonly kmeans_centroidsInto: (a: number, b: number) => [number, number];
    readonly kmeans_changed: (a: number) => number;
    readonly kmeans_done: (a: number) => number;
    readonly kmeans_inputPointer: (a: number) => number;
    readonly kmeans_iteration: (a: number) => number;
    readonly kmeans_loss: (a: number) => number;
    readonly kmeans_new: (a: number, b: number, c: number, d: number, e: number, f: number, g: number) => [number, number, number];
    readonly kmeans_ofBits: (a: number, b: number, c: number, d: number, e: number, f: number) => [number, number, number];
    readonly kmeans_step: (a: number) => [number, number];
    readonly pageencoder_addListLayer: (a: number, b: number, c: number, d: number) => void;
    readonly pageencoder_advance: (a: number, b: number) => number;
    readonly pageencoder_encodeFixed: (a: number, b: number, c: number, d: number, e: number, f: number) => [number, number, number];
    readonly pageencoder_encodeNulls: (a: number) => number;
    readonly pageencoder_encodeVariable: (a: number) => [number, number, number];
    readonly pageencoder_new: (a: number, b: number) => [number, number, number];
    readonly pageencoder_setFixedDictionary: (a: number, b: number, c: number, d: number, e: number, f: number) => [number, number];
    readonly pageencoder_setLevels: (a: number, b: number, c: number, d: number, e: number, f: number, g: number) => [number, number];
    readonly pageencoder_setNulls: (a: number, b: number, c: number) => void;
    readonly pageencoder_setVariable: (a: number, b: number, c: number, d: number, e: number, f: number) => [number, number];
    readonly pageencoder_setVariableDictionary: (a: number, b: number, c: number, d: number, e: number, f: number) => [number, number];
    readonly productencoder_encode: (a: number, b: number, c: number, d: number) => [number, number];
    readonly productencoder_new: (a: number, b: number, c: number, d: number) => [number, number, number];
    readonly rotateVectors: (a: number, b: number, c: number, d: number, e: number, f: number) => [number, number];
    readonly sortBytes: (a: number, b: number, c: number, d: number, e: number, f: number) => [number, number];
    readonly sortFixed: (a: number, b: number, c: number, d: number, e: number) => [number, number];
    readonly __wbindgen_externrefs: WebAssembly.Table;
    readonly __externref_table_dealloc: (a: number) => void;
    readonly __wbindgen_free: (a: number, b: number, c: number) => void;
    readonly __wbindgen_malloc: (a: number, b: number) => number;
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
