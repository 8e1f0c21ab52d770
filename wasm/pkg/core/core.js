/* @ts-self-types="./core.d.ts" */

/**
 * Accumulates values and structure.
 */
export class ColumnBuilder {
    __destroy_into_raw() {
        const ptr = this.__wbg_ptr;
        this.__wbg_ptr = 0;
        ColumnBuilderFinalization.unregister(this);
        return ptr;
    }
    free() {
        const ptr = this.__destroy_into_raw();
        wasm.__wbg_columnbuilder_free(ptr, 0);
    }
    /**
     * `ranges`: start and end row of each range of the page.
     * @param {PageDecoder} page
     * @param {Uint32Array} ranges
     */
    appendConstant(page, ranges) {
        _assertClass(page, PageDecoder);
        const ptr0 = passArray32ToWasm0(ranges, wasm.__wbindgen_malloc);
        const len0 = WASM_VECTOR_LEN;
        const ret = wasm.columnbuilder_appendConstant(this.__wbg_ptr, page.__wbg_ptr, ptr0, len0);
        if (ret[1]) {
            throw takeFromExternrefTable0(ret[0]);
        }
    }
    /**
     * `segments`: offset in `input` and length of each, whole rows; `rows` of them in all.
     * @param {PageDecoder} page
     * @param {Uint8Array} input
     * @param {Uint32Array} segments
     * @param {number} rows
     */
    appendFullZip(page, input, segments, rows) {
        _assertClass(page, PageDecoder);
        const ptr0 = passArray8ToWasm0(input, wasm.__wbindgen_malloc);
        const len0 = WASM_VECTOR_LEN;
        const ptr1 = passArray32ToWasm0(segments, wasm.__wbindgen_malloc);
        const len1 = WASM_VECTOR_LEN;
        const ret = wasm.columnbuilder_appendFullZip(this.__wbg_ptr, page.__wbg_ptr, ptr0, len0, ptr1, len1, rows);
        if (ret[1]) {
            throw takeFromExternrefTable0(ret[0]);
        }
    }
    /**
     * `chunks`: offset in `input`, length and number of values of each. `runs`: first chunk, number of chunks, the page
     * row that starts first in it, number of ranges, then start and end row of each, ascending.
     * @param {PageDecoder} page
     * @param {Uint8Array} input
     * @param {Uint32Array} chunks
     * @param {Uint32Array} runs
     */
    appendMiniBlock(page, input, chunks, runs) {
        _assertClass(page, PageDecoder);
        const ptr0 = passArray8ToWasm0(input, wasm.__wbindgen_malloc);
        const len0 = WASM_VECTOR_LEN;
        const ptr1 = passArray32ToWasm0(chunks, wasm.__wbindgen_malloc);
        const len1 = WASM_VECTOR_LEN;
        const ptr2 = passArray32ToWasm0(runs, wasm.__wbindgen_malloc);
        const len2 = WASM_VECTOR_LEN;
        const ret = wasm.columnbuilder_appendMiniBlock(this.__wbg_ptr, page.__wbg_ptr, ptr0, len0, ptr1, len1, ptr2, len2);
        if (ret[1]) {
            throw takeFromExternrefTable0(ret[0]);
        }
    }
    /**
     * Packed structs: the values of one field, as `valueData` gives them.
     * @param {number} index
     * @returns {Uint8Array}
     */
    fieldData(index) {
        const ret = wasm.columnbuilder_fieldData(this.__wbg_ptr, index);
        if (ret[3]) {
            throw takeFromExternrefTable0(ret[2]);
        }
        var v1 = getArrayU8FromWasm0(ret[0], ret[1]).slice();
        wasm.__wbindgen_free(ret[0], ret[1] * 1, 1);
        return v1;
    }
    /**
     * Packed structs: the offsets of a field of variable width.
     * @param {number} index
     * @returns {Int32Array}
     */
    fieldOffsets(index) {
        const ret = wasm.columnbuilder_fieldOffsets(this.__wbg_ptr, index);
        if (ret[3]) {
            throw takeFromExternrefTable0(ret[2]);
        }
        var v1 = getArrayI32FromWasm0(ret[0], ret[1]).slice();
        wasm.__wbindgen_free(ret[0], ret[1] * 4, 4);
        return v1;
    }
    /**
     * Items validity of one fixed-size list level, outermost first, or nothing when all are valid.
     * @param {number} level
     * @returns {Uint8Array | undefined}
     */
    itemValidity(level) {
        const ret = wasm.columnbuilder_itemValidity(this.__wbg_ptr, level);
        let v1;
        if (ret[0] !== 0) {
            v1 = getArrayU8FromWasm0(ret[0], ret[1]).slice();
            wasm.__wbindgen_free(ret[0], ret[1] * 1, 1);
        }
        return v1;
    }
    /**
     * Entries of layer `index`, leaf first.
     * @param {number} index
     * @returns {number}
     */
    layerLength(index) {
        const ret = wasm.columnbuilder_layerLength(this.__wbg_ptr, index);
        return ret >>> 0;
    }
    /**
     * Null entries of a layer. Call after `layerValidity`.
     * @param {number} index
     * @returns {number}
     */
    layerNullCount(index) {
        const ret = wasm.columnbuilder_layerNullCount(this.__wbg_ptr, index);
        return ret >>> 0;
    }
    /**
     * `length + 1` offsets of a list layer.
     * @param {number} index
     * @returns {Int32Array}
     */
    layerOffsets(index) {
        const ret = wasm.columnbuilder_layerOffsets(this.__wbg_ptr, index);
        if (ret[3]) {
            throw takeFromExternrefTable0(ret[2]);
        }
        var v1 = getArrayI32FromWasm0(ret[0], ret[1]).slice();
        wasm.__wbindgen_free(ret[0], ret[1] * 4, 4);
        return v1;
    }
    /**
     * Validity bitmap of a layer, or nothing when all entries are valid.
     * @param {number} index
     * @returns {Uint8Array | undefined}
     */
    layerValidity(index) {
        const ret = wasm.columnbuilder_layerValidity(this.__wbg_ptr, index);
        let v1;
        if (ret[0] !== 0) {
            v1 = getArrayU8FromWasm0(ret[0], ret[1]).slice();
            wasm.__wbindgen_free(ret[0], ret[1] * 1, 1);
        }
        return v1;
    }
    /**
     * Shape words, then one word per layer, leaf first: 1 for a list.
     * @param {Uint32Array} program
     */
    constructor(program) {
        const ptr0 = passArray32ToWasm0(program, wasm.__wbindgen_malloc);
        const len0 = WASM_VECTOR_LEN;
        const ret = wasm.columnbuilder_new(ptr0, len0);
        if (ret[2]) {
            throw takeFromExternrefTable0(ret[1]);
        }
        this.__wbg_ptr = ret[0];
        ColumnBuilderFinalization.register(this, this.__wbg_ptr, this);
        return this;
    }
    /**
     * Number of leaf values.
     * @returns {number}
     */
    valueCount() {
        const ret = wasm.columnbuilder_valueCount(this.__wbg_ptr);
        return ret >>> 0;
    }
    /**
     * Fixed width: the values, bit-packed for booleans. Variable width: the bytes.
     * @returns {Uint8Array}
     */
    valueData() {
        const ret = wasm.columnbuilder_valueData(this.__wbg_ptr);
        var v1 = getArrayU8FromWasm0(ret[0], ret[1]).slice();
        wasm.__wbindgen_free(ret[0], ret[1] * 1, 1);
        return v1;
    }
    /**
     * Variable width: `valueCount + 1` offsets.
     * @returns {Int32Array}
     */
    valueOffsets() {
        const ret = wasm.columnbuilder_valueOffsets(this.__wbg_ptr);
        if (ret[3]) {
            throw takeFromExternrefTable0(ret[2]);
        }
        var v1 = getArrayI32FromWasm0(ret[0], ret[1]).slice();
        wasm.__wbindgen_free(ret[0], ret[1] * 4, 4);
        return v1;
    }
}
if (Symbol.dispose) ColumnBuilder.prototype[Symbol.dispose] = ColumnBuilder.prototype.free;

/**
 * A loaded graph. Holds memory of its own, which `byteLength` counts.
 */
export class Graph {
    __destroy_into_raw() {
        const ptr = this.__wbg_ptr;
        this.__wbg_ptr = 0;
        GraphFinalization.unregister(this);
        return ptr;
    }
    free() {
        const ptr = this.__destroy_into_raw();
        wasm.__wbg_graph_free(ptr, 0);
    }
    /**
     * @returns {number}
     */
    get byteLength() {
        const ret = wasm.graph_byteLength(this.__wbg_ptr);
        return ret >>> 0;
    }
    /**
     * Copies a stored graph from host buffers of u32; the offsets are one more than the lists, and the level starts one
     * more than the levels.
     * @param {number} num_rows
     * @param {number} nodes
     * @param {number} offsets
     * @param {number} num_lists
     * @param {number} neighbors
     * @param {number} num_neighbors
     * @param {number} levels
     * @param {number} num_levels
     * @param {number} entry
     */
    constructor(num_rows, nodes, offsets, num_lists, neighbors, num_neighbors, levels, num_levels, entry) {
        const ret = wasm.graph_new(num_rows, nodes, offsets, num_lists, neighbors, num_neighbors, levels, num_levels, entry);
        if (ret[2]) {
            throw takeFromExternrefTable0(ret[1]);
        }
        this.__wbg_ptr = ret[0];
        GraphFinalization.register(this, this.__wbg_ptr, this);
        return this;
    }
    /**
     * @returns {number}
     */
    get numRows() {
        const ret = wasm.graph_numRows(this.__wbg_ptr);
        return ret >>> 0;
    }
}
if (Symbol.dispose) Graph.prototype[Symbol.dispose] = Graph.prototype.free;

/**
 * A page as the host holds it between reads.
 */
export class PageDecoder {
    __destroy_into_raw() {
        const ptr = this.__wbg_ptr;
        this.__wbg_ptr = 0;
        PageDecoderFinalization.unregister(this);
        return ptr;
    }
    free() {
        const ptr = this.__destroy_into_raw();
        wasm.__wbg_pagedecoder_free(ptr, 0);
    }
    /**
     * Bytes this page keeps in WASM memory beyond its program.
     * @returns {number}
     */
    cachedBytes() {
        const ret = wasm.pagedecoder_cachedBytes(this.__wbg_ptr);
        return ret >>> 0;
    }
    /**
     * `program` and its byte strings, as src/format/read/decode-program.ts writes them.
     * @param {Uint32Array} program
     * @param {Uint8Array} table
     */
    constructor(program, table) {
        const ptr0 = passArray32ToWasm0(program, wasm.__wbindgen_malloc);
        const len0 = WASM_VECTOR_LEN;
        const ptr1 = passArray8ToWasm0(table, wasm.__wbindgen_malloc);
        const len1 = WASM_VECTOR_LEN;
        const ret = wasm.pagedecoder_new(ptr0, len0, ptr1, len1);
        if (ret[2]) {
            throw takeFromExternrefTable0(ret[1]);
        }
        this.__wbg_ptr = ret[0];
        PageDecoderFinalization.register(this, this.__wbg_ptr, this);
        return this;
    }
    /**
     * Pages of blob descriptors: a descriptor without bytes tells its own levels (format page section 2.2, Blob).
     * @param {Uint32Array} layers
     */
    setBlobLayers(layers) {
        const ptr0 = passArray32ToWasm0(layers, wasm.__wbindgen_malloc);
        const len0 = WASM_VECTOR_LEN;
        const ret = wasm.pagedecoder_setBlobLayers(this.__wbg_ptr, ptr0, len0);
        if (ret[1]) {
            throw takeFromExternrefTable0(ret[0]);
        }
    }
    /**
     * Constant pages: the value's own bytes, or the buffers of a one-element Arrow array (`u32 n, n × u32 length, bytes`).
     * @param {Uint8Array} bytes
     * @param {boolean} array
     */
    setConstant(bytes, array) {
        const ptr0 = passArray8ToWasm0(bytes, wasm.__wbindgen_malloc);
        const len0 = WASM_VECTOR_LEN;
        const ret = wasm.pagedecoder_setConstant(this.__wbg_ptr, ptr0, len0, array);
        if (ret[1]) {
            throw takeFromExternrefTable0(ret[0]);
        }
    }
    /**
     * Mini-block pages with a dictionary: decodes it, once.
     * @param {Uint8Array} bytes
     */
    setDictionary(bytes) {
        const ptr0 = passArray8ToWasm0(bytes, wasm.__wbindgen_malloc);
        const len0 = WASM_VECTOR_LEN;
        const ret = wasm.pagedecoder_setDictionary(this.__wbg_ptr, ptr0, len0);
        if (ret[1]) {
            throw takeFromExternrefTable0(ret[0]);
        }
    }
    /**
     * Constant pages: the level buffers. Without an encoding they are plain u16.
     * @param {Uint8Array} rep_bytes
     * @param {Uint8Array} def_bytes
     */
    setLevels(rep_bytes, def_bytes) {
        const ptr0 = passArray8ToWasm0(rep_bytes, wasm.__wbindgen_malloc);
        const len0 = WASM_VECTOR_LEN;
        const ptr1 = passArray8ToWasm0(def_bytes, wasm.__wbindgen_malloc);
        const len1 = WASM_VECTOR_LEN;
        const ret = wasm.pagedecoder_setLevels(this.__wbg_ptr, ptr0, len0, ptr1, len1);
        if (ret[1]) {
            throw takeFromExternrefTable0(ret[0]);
        }
    }
}
if (Symbol.dispose) PageDecoder.prototype[Symbol.dispose] = PageDecoder.prototype.free;

/**
 * A codebook, and the query it was prepared for last.
 */
export class ProductCodebook {
    __destroy_into_raw() {
        const ptr = this.__wbg_ptr;
        this.__wbg_ptr = 0;
        ProductCodebookFinalization.unregister(this);
        return ptr;
    }
    free() {
        const ptr = this.__destroy_into_raw();
        wasm.__wbg_productcodebook_free(ptr, 0);
    }
    /**
     * Copies `num_sub_vectors × 2^bits × (dimension / num_sub_vectors)` f32 from a host buffer.
     * @param {number} metric
     * @param {number} dimension
     * @param {number} num_sub_vectors
     * @param {number} bits
     * @param {number} codebook
     */
    constructor(metric, dimension, num_sub_vectors, bits, codebook) {
        const ret = wasm.productcodebook_new(metric, dimension, num_sub_vectors, bits, codebook);
        if (ret[2]) {
            throw takeFromExternrefTable0(ret[1]);
        }
        this.__wbg_ptr = ret[0];
        ProductCodebookFinalization.register(this, this.__wbg_ptr, this);
        return this;
    }
    /**
     * Makes the table of a query of `dimension` f32 in a host buffer: for l2 of its residual to a partition's centroid.
     * @param {number} query
     */
    prepare(query) {
        const ret = wasm.productcodebook_prepare(this.__wbg_ptr, query);
        if (ret[1]) {
            throw takeFromExternrefTable0(ret[0]);
        }
    }
}
if (Symbol.dispose) ProductCodebook.prototype[Symbol.dispose] = ProductCodebook.prototype.free;

/**
 * Best-k over any number of scans, ascending by distance, then by row id.
 */
export class TopK {
    __destroy_into_raw() {
        const ptr = this.__wbg_ptr;
        this.__wbg_ptr = 0;
        TopKFinalization.unregister(this);
        return ptr;
    }
    free() {
        const ptr = this.__destroy_into_raw();
        wasm.__wbg_topk_free(ptr, 0);
    }
    /**
     * Rows held now, at most k.
     * @returns {number}
     */
    count() {
        const ret = wasm.topk_count(this.__wbg_ptr);
        return ret >>> 0;
    }
    /**
     * Writes the rows held, best first, into host buffers of `count` values, and forgets them.
     * @param {number} row_ids
     * @param {number} distances
     */
    finishInto(row_ids, distances) {
        const ret = wasm.topk_finishInto(this.__wbg_ptr, row_ids, distances);
        if (ret[1]) {
            throw takeFromExternrefTable0(ret[0]);
        }
    }
    /**
     * @param {number} k
     */
    constructor(k) {
        const ret = wasm.topk_new(k);
        this.__wbg_ptr = ret;
        TopKFinalization.register(this, this.__wbg_ptr, this);
        return this;
    }
    /**
     * Scans `num_rows` vectors in host buffers. `mask` 0 = every row; otherwise one bit a row, LSB first.
     * Distances count in [lower, upper); NaN bounds count as absent.
     * @param {number} element
     * @param {number} metric
     * @param {number} query
     * @param {number} vectors
     * @param {number} row_ids
     * @param {number} num_rows
     * @param {number} dimension
     * @param {number} mask
     * @param {number} lower
     * @param {number} upper
     */
    scanFlat(element, metric, query, vectors, row_ids, num_rows, dimension, mask, lower, upper) {
        const ret = wasm.topk_scanFlat(this.__wbg_ptr, element, metric, query, vectors, row_ids, num_rows, dimension, mask, lower, upper);
        if (ret[1]) {
            throw takeFromExternrefTable0(ret[0]);
        }
    }
    /**
     * As `scanFlat`, over product codes, by the query the codebook was prepared for.
     * @param {ProductCodebook} codebook
     * @param {number} codes
     * @param {number} row_ids
     * @param {number} num_rows
     * @param {number} mask
     * @param {number} lower
     * @param {number} upper
     */
    scanProductCodes(codebook, codes, row_ids, num_rows, mask, lower, upper) {
        _assertClass(codebook, ProductCodebook);
        const ret = wasm.topk_scanProductCodes(this.__wbg_ptr, codebook.__wbg_ptr, codes, row_ids, num_rows, mask, lower, upper);
        if (ret[1]) {
            throw takeFromExternrefTable0(ret[0]);
        }
    }
    /**
     * Scans rows as `arrangeRabitRows` left them: a whole partition, or a part of it that starts on a block and ends
     * on one or with the partition. `query` as `prepareRabitQuery` wrote it; `numbers` 5 f32 as `Estimate` has them;
     * `mode` 0 accurate, 1 normal, 2 fast. `mask`, `lower` and `upper` as in `scanFlat`.
     * @param {number} num_bits
     * @param {boolean} has_errors
     * @param {number} mode
     * @param {number} query
     * @param {number} numbers
     * @param {number} values
     * @param {number} row_ids
     * @param {number} num_rows
     * @param {number} dimension
     * @param {number} mask
     * @param {number} lower
     * @param {number} upper
     */
    scanRabit(num_bits, has_errors, mode, query, numbers, values, row_ids, num_rows, dimension, mask, lower, upper) {
        const ret = wasm.topk_scanRabit(this.__wbg_ptr, num_bits, has_errors, mode, query, numbers, values, row_ids, num_rows, dimension, mask, lower, upper);
        if (ret[1]) {
            throw takeFromExternrefTable0(ret[0]);
        }
    }
    /**
     * As `scanFlat`, over 8-bit scalar codes. l2: `query` is `dimension` codes, the distance Σ(Δcode)² × `scale`;
     * dot: `dimension` f32, the distance `offset` − `scale` × Σ code·q.
     * @param {number} metric
     * @param {number} query
     * @param {number} scale
     * @param {number} offset
     * @param {number} codes
     * @param {number} row_ids
     * @param {number} num_rows
     * @param {number} dimension
     * @param {number} mask
     * @param {number} lower
     * @param {number} upper
     */
    scanScalarCodes(metric, query, scale, offset, codes, row_ids, num_rows, dimension, mask, lower, upper) {
        const ret = wasm.topk_scanScalarCodes(this.__wbg_ptr, metric, query, scale, offset, codes, row_ids, num_rows, dimension, mask, lower, upper);
        if (ret[1]) {
            throw takeFromExternrefTable0(ret[0]);
        }
    }
    /**
     * @param {Graph} graph
     * @param {number} ef
     * @param {number} needed
     * @param {number} element
     * @param {number} metric
     * @param {number} query
     * @param {number} vectors
     * @param {number} row_ids
     * @param {number} dimension
     * @param {number} mask
     * @param {number} lower
     * @param {number} upper
     * @returns {number}
     */
    searchFlat(graph, ef, needed, element, metric, query, vectors, row_ids, dimension, mask, lower, upper) {
        _assertClass(graph, Graph);
        const ret = wasm.topk_searchFlat(this.__wbg_ptr, graph.__wbg_ptr, ef, needed, element, metric, query, vectors, row_ids, dimension, mask, lower, upper);
        if (ret[2]) {
            throw takeFromExternrefTable0(ret[1]);
        }
        return ret[0] >>> 0;
    }
    /**
     * Of rows one after another, by the query the codebook was prepared for.
     * @param {Graph} graph
     * @param {number} ef
     * @param {number} needed
     * @param {ProductCodebook} codebook
     * @param {number} codes
     * @param {number} row_ids
     * @param {number} mask
     * @param {number} lower
     * @param {number} upper
     * @returns {number}
     */
    searchProductCodes(graph, ef, needed, codebook, codes, row_ids, mask, lower, upper) {
        _assertClass(graph, Graph);
        _assertClass(codebook, ProductCodebook);
        const ret = wasm.topk_searchProductCodes(this.__wbg_ptr, graph.__wbg_ptr, ef, needed, codebook.__wbg_ptr, codes, row_ids, mask, lower, upper);
        if (ret[2]) {
            throw takeFromExternrefTable0(ret[1]);
        }
        return ret[0] >>> 0;
    }
    /**
     * @param {Graph} graph
     * @param {number} ef
     * @param {number} needed
     * @param {number} metric
     * @param {number} query
     * @param {number} scale
     * @param {number} offset
     * @param {number} codes
     * @param {number} row_ids
     * @param {number} dimension
     * @param {number} mask
     * @param {number} lower
     * @param {number} upper
     * @returns {number}
     */
    searchScalarCodes(graph, ef, needed, metric, query, scale, offset, codes, row_ids, dimension, mask, lower, upper) {
        _assertClass(graph, Graph);
        const ret = wasm.topk_searchScalarCodes(this.__wbg_ptr, graph.__wbg_ptr, ef, needed, metric, query, scale, offset, codes, row_ids, dimension, mask, lower, upper);
        if (ret[2]) {
            throw takeFromExternrefTable0(ret[1]);
        }
        return ret[0] >>> 0;
    }
    /**
     * The k-th best distance; infinite while there are fewer.
     * @returns {number}
     */
    threshold() {
        const ret = wasm.topk_threshold(this.__wbg_ptr);
        return ret;
    }
}
if (Symbol.dispose) TopK.prototype[Symbol.dispose] = TopK.prototype.free;

/**
 * Allocates `byte_length` zeroed bytes, 16-byte aligned. Returns 0 when memory cannot grow.
 * @param {number} byte_length
 * @returns {number}
 */
export function allocateBytes(byte_length) {
    const ret = wasm.allocateBytes(byte_length);
    return ret >>> 0;
}

/**
 * Rearranges rows of a whole partition into blocks, in place.
 * @param {number} dimension
 * @param {number} num_bits
 * @param {boolean} has_errors
 * @param {number} values
 * @param {number} num_rows
 */
export function arrangeRabitRows(dimension, num_bits, has_errors, values, num_rows) {
    const ret = wasm.arrangeRabitRows(dimension, num_bits, has_errors, values, num_rows);
    if (ret[1]) {
        throw takeFromExternrefTable0(ret[0]);
    }
}

/**
 * Distances of one query to `num_rows` vectors, in host buffers.
 * @param {number} element
 * @param {number} metric
 * @param {number} query
 * @param {number} vectors
 * @param {number} num_rows
 * @param {number} dimension
 * @param {number} output
 */
export function computeDistances(element, metric, query, vectors, num_rows, dimension, output) {
    const ret = wasm.computeDistances(element, metric, query, vectors, num_rows, dimension, output);
    if (ret[1]) {
        throw takeFromExternrefTable0(ret[0]);
    }
}

/**
 * The values of a serialised bitmap, ascending. Every value must be below `limit`.
 * @param {number} bytes
 * @param {number} byte_length
 * @param {number} limit
 * @returns {Uint32Array}
 */
export function decodeRoaring(bytes, byte_length, limit) {
    const ret = wasm.decodeRoaring(bytes, byte_length, limit);
    if (ret[3]) {
        throw takeFromExternrefTable0(ret[2]);
    }
    var v1 = getArrayU32FromWasm0(ret[0], ret[1]).slice();
    wasm.__wbindgen_free(ret[0], ret[1] * 4, 4);
    return v1;
}

/**
 * Expands one buffer. `scheme`: 1 LZ4, 2 zstd.
 * @param {number} scheme
 * @param {Uint8Array} data
 * @returns {Uint8Array}
 */
export function decompressBuffer(scheme, data) {
    const ptr0 = passArray8ToWasm0(data, wasm.__wbindgen_malloc);
    const len0 = WASM_VECTOR_LEN;
    const ret = wasm.decompressBuffer(scheme, ptr0, len0);
    if (ret[3]) {
        throw takeFromExternrefTable0(ret[2]);
    }
    var v2 = getArrayU8FromWasm0(ret[0], ret[1]).slice();
    wasm.__wbindgen_free(ret[0], ret[1] * 1, 1);
    return v2;
}

/**
 * Expands a `u64 size, zstd frame` buffer to exactly that size.
 * @param {Uint8Array} data
 * @returns {Uint8Array}
 */
export function decompressZstd(data) {
    const ptr0 = passArray8ToWasm0(data, wasm.__wbindgen_malloc);
    const len0 = WASM_VECTOR_LEN;
    const ret = wasm.decompressZstd(ptr0, len0);
    if (ret[3]) {
        throw takeFromExternrefTable0(ret[2]);
    }
    var v2 = getArrayU8FromWasm0(ret[0], ret[1]).slice();
    wasm.__wbindgen_free(ret[0], ret[1] * 1, 1);
    return v2;
}

/**
 * Serialises ascending, distinct values.
 * @param {number} values
 * @param {number} count
 * @returns {Uint8Array}
 */
export function encodeRoaring(values, count) {
    const ret = wasm.encodeRoaring(values, count);
    if (ret[3]) {
        throw takeFromExternrefTable0(ret[2]);
    }
    var v1 = getArrayU8FromWasm0(ret[0], ret[1]).slice();
    wasm.__wbindgen_free(ret[0], ret[1] * 1, 1);
    return v1;
}

/**
 * Expands values that lie end to end; `lengths` becomes the length of each after it.
 * @param {Uint8Array} table
 * @param {Uint8Array} data
 * @param {Uint32Array} lengths
 * @returns {Uint8Array}
 */
export function expandSymbols(table, data, lengths) {
    const ptr0 = passArray8ToWasm0(table, wasm.__wbindgen_malloc);
    const len0 = WASM_VECTOR_LEN;
    const ptr1 = passArray8ToWasm0(data, wasm.__wbindgen_malloc);
    const len1 = WASM_VECTOR_LEN;
    var ptr2 = passArray32ToWasm0(lengths, wasm.__wbindgen_malloc);
    var len2 = WASM_VECTOR_LEN;
    const ret = wasm.expandSymbols(ptr0, len0, ptr1, len1, ptr2, len2, lengths);
    if (ret[3]) {
        throw takeFromExternrefTable0(ret[2]);
    }
    var v4 = getArrayU8FromWasm0(ret[0], ret[1]).slice();
    wasm.__wbindgen_free(ret[0], ret[1] * 1, 1);
    return v4;
}

/**
 * Returns what [`allocate_bytes`] gave, with the same length. A zero pointer is ignored.
 * @param {number} pointer
 * @param {number} byte_length
 */
export function freeBytes(pointer, byte_length) {
    wasm.freeBytes(pointer, byte_length);
}

/**
 * Rotates a query of `dimension` f32, and writes it with its tables into `output` of `rabitQueryBytes` bytes.
 * @param {boolean} is_dense
 * @param {number} rotation
 * @param {number} dimension
 * @param {number} query
 * @param {number} output
 */
export function prepareRabitQuery(is_dense, rotation, dimension, query, output) {
    const ret = wasm.prepareRabitQuery(is_dense, rotation, dimension, query, output);
    if (ret[1]) {
        throw takeFromExternrefTable0(ret[0]);
    }
}

/**
 * Bytes of a prepared query.
 * @param {number} dimension
 * @returns {number}
 */
export function rabitQueryBytes(dimension) {
    const ret = wasm.rabitQueryBytes(dimension);
    if (ret[2]) {
        throw takeFromExternrefTable0(ret[1]);
    }
    return ret[0] >>> 0;
}

/**
 * Copies `width` bytes at `offset` of every row of `stride` bytes: one field of a packed struct.
 * @param {Uint8Array} data
 * @param {number} stride
 * @param {number} offset
 * @param {number} width
 * @returns {Uint8Array}
 */
export function takeField(data, stride, offset, width) {
    const ptr0 = passArray8ToWasm0(data, wasm.__wbindgen_malloc);
    const len0 = WASM_VECTOR_LEN;
    const ret = wasm.takeField(ptr0, len0, stride, offset, width);
    if (ret[3]) {
        throw takeFromExternrefTable0(ret[2]);
    }
    var v2 = getArrayU8FromWasm0(ret[0], ret[1]).slice();
    wasm.__wbindgen_free(ret[0], ret[1] * 1, 1);
    return v2;
}

/**
 * `count` values from value `first` on, out of blocks of 1024; the last block is padded.
 * @param {Uint8Array} data
 * @param {number} word_bits
 * @param {number} width
 * @param {number} first
 * @param {number} count
 * @returns {Uint8Array}
 */
export function unpackBitBlocks(data, word_bits, width, first, count) {
    const ptr0 = passArray8ToWasm0(data, wasm.__wbindgen_malloc);
    const len0 = WASM_VECTOR_LEN;
    const ret = wasm.unpackBitBlocks(ptr0, len0, word_bits, width, first, count);
    if (ret[3]) {
        throw takeFromExternrefTable0(ret[2]);
    }
    var v2 = getArrayU8FromWasm0(ret[0], ret[1]).slice();
    wasm.__wbindgen_free(ret[0], ret[1] * 1, 1);
    return v2;
}

/**
 * Values of `width` bits one after the other, LSB first, widened to words; `signed` extends their top bit.
 * @param {Uint8Array} data
 * @param {number} word_bits
 * @param {number} width
 * @param {number} first_bit
 * @param {number} count
 * @param {boolean} signed
 * @returns {Uint8Array}
 */
export function unpackBits(data, word_bits, width, first_bit, count, signed) {
    const ptr0 = passArray8ToWasm0(data, wasm.__wbindgen_malloc);
    const len0 = WASM_VECTOR_LEN;
    const ret = wasm.unpackBits(ptr0, len0, word_bits, width, first_bit, count, signed);
    if (ret[3]) {
        throw takeFromExternrefTable0(ret[2]);
    }
    var v2 = getArrayU8FromWasm0(ret[0], ret[1]).slice();
    wasm.__wbindgen_free(ret[0], ret[1] * 1, 1);
    return v2;
}
function __wbg_get_imports() {
    const import0 = {
        __proto__: null,
        __wbg___wbindgen_copy_to_typed_array_88899a52af046901: function(arg0, arg1, arg2) {
            new Uint8Array(arg2.buffer, arg2.byteOffset, arg2.byteLength).set(getArrayU8FromWasm0(arg0, arg1));
        },
        __wbg___wbindgen_throw_41e9ee4f547fc59a: function(arg0, arg1) {
            throw new Error(getStringFromWasm0(arg0, arg1));
        },
        __wbindgen_generic_0000000000000001: function(arg0, arg1) {
            // Cast intrinsic for `Ref(String) -> Externref`.
            const ret = getStringFromWasm0(arg0, arg1);
            return ret;
        },
        __wbindgen_init_externref_table: function() {
            const table = wasm.__wbindgen_externrefs;
            const offset = table.grow(4);
            table.set(0, undefined);
            table.set(offset + 0, undefined);
            table.set(offset + 1, null);
            table.set(offset + 2, true);
            table.set(offset + 3, false);
        },
    };
    return {
        __proto__: null,
        "./core_bg.js": import0,
    };
}

const ColumnBuilderFinalization = (typeof FinalizationRegistry === 'undefined')
    ? { register: () => {}, unregister: () => {} }
    : new FinalizationRegistry(ptr => wasm.__wbg_columnbuilder_free(ptr, 1));
const GraphFinalization = (typeof FinalizationRegistry === 'undefined')
    ? { register: () => {}, unregister: () => {} }
    : new FinalizationRegistry(ptr => wasm.__wbg_graph_free(ptr, 1));
const PageDecoderFinalization = (typeof FinalizationRegistry === 'undefined')
    ? { register: () => {}, unregister: () => {} }
    : new FinalizationRegistry(ptr => wasm.__wbg_pagedecoder_free(ptr, 1));
const ProductCodebookFinalization = (typeof FinalizationRegistry === 'undefined')
    ? { register: () => {}, unregister: () => {} }
    : new FinalizationRegistry(ptr => wasm.__wbg_productcodebook_free(ptr, 1));
const TopKFinalization = (typeof FinalizationRegistry === 'undefined')
    ? { register: () => {}, unregister: () => {} }
    : new FinalizationRegistry(ptr => wasm.__wbg_topk_free(ptr, 1));

function _assertClass(instance, klass) {
    if (!(instance instanceof klass)) {
        throw new Error(`expected instance of ${klass.name}`);
    }
}

function getArrayI32FromWasm0(ptr, len) {
    ptr = ptr >>> 0;
    return getInt32ArrayMemory0().subarray(ptr / 4, ptr / 4 + len);
}

function getArrayU32FromWasm0(ptr, len) {
    ptr = ptr >>> 0;
    return getUint32ArrayMemory0().subarray(ptr / 4, ptr / 4 + len);
}

function getArrayU8FromWasm0(ptr, len) {
    ptr = ptr >>> 0;
    return getUint8ArrayMemory0().subarray(ptr / 1, ptr / 1 + len);
}

let cachedInt32ArrayMemory0 = null;
function getInt32ArrayMemory0() {
    if (cachedInt32ArrayMemory0 === null || cachedInt32ArrayMemory0.byteLength === 0) {
        cachedInt32ArrayMemory0 = new Int32Array(wasm.memory.buffer);
    }
    return cachedInt32ArrayMemory0;
}

function getStringFromWasm0(ptr, len) {
    return decodeText(ptr >>> 0, len);
}

let cachedUint32ArrayMemory0 = null;
function getUint32ArrayMemory0() {
    if (cachedUint32ArrayMemory0 === null || cachedUint32ArrayMemory0.byteLength === 0) {
        cachedUint32ArrayMemory0 = new Uint32Array(wasm.memory.buffer);
    }
    return cachedUint32ArrayMemory0;
}

let cachedUint8ArrayMemory0 = null;
function getUint8ArrayMemory0() {
    if (cachedUint8ArrayMemory0 === null || cachedUint8ArrayMemory0.byteLength === 0) {
        cachedUint8ArrayMemory0 = new Uint8Array(wasm.memory.buffer);
    }
    return cachedUint8ArrayMemory0;
}

function passArray32ToWasm0(arg, malloc) {
    const ptr = malloc(arg.length * 4, 4) >>> 0;
    getUint32ArrayMemory0().set(arg, ptr / 4);
    WASM_VECTOR_LEN = arg.length;
    return ptr;
}

function passArray8ToWasm0(arg, malloc) {
    const ptr = malloc(arg.length * 1, 1) >>> 0;
    getUint8ArrayMemory0().set(arg, ptr / 1);
    WASM_VECTOR_LEN = arg.length;
    return ptr;
}

function takeFromExternrefTable0(idx) {
    const value = wasm.__wbindgen_externrefs.get(idx);
    wasm.__externref_table_dealloc(idx);
    return value;
}

let cachedTextDecoder = new TextDecoder('utf-8', { ignoreBOM: true, fatal: true });
cachedTextDecoder.decode();
const MAX_SAFARI_DECODE_BYTES = 2146435072;
let numBytesDecoded = 0;
function decodeText(ptr, len) {
    numBytesDecoded += len;
    if (numBytesDecoded >= MAX_SAFARI_DECODE_BYTES) {
        cachedTextDecoder = new TextDecoder('utf-8', { ignoreBOM: true, fatal: true });
        cachedTextDecoder.decode();
        numBytesDecoded = len;
    }
    return cachedTextDecoder.decode(getUint8ArrayMemory0().subarray(ptr, ptr + len));
}

let WASM_VECTOR_LEN = 0;

let wasmModule, wasmInstance, wasm;
function __wbg_finalize_init(instance, module) {
    wasmInstance = instance;
    wasm = instance.exports;
    wasmModule = module;
    cachedInt32ArrayMemory0 = null;
    cachedUint32ArrayMemory0 = null;
    cachedUint8ArrayMemory0 = null;
    wasm.__wbindgen_start();
    return wasm;
}

async function __wbg_load(module, imports) {
    if (typeof Response === 'function' && module instanceof Response) {
        if (!module.ok) {
            throw new Error(`failed to fetch Wasm: ${module.status} ${module.statusText} fetching '${module.url}'`);
        }

        if (typeof WebAssembly.instantiateStreaming === 'function') {
            try {
                return await WebAssembly.instantiateStreaming(module, imports);
            } catch (e) {
                const validResponse = expectedResponseType(module.type);

                if (validResponse && module.headers.get('Content-Type') !== 'application/wasm') {
                    console.warn("`WebAssembly.instantiateStreaming` failed because your server does not serve Wasm with `application/wasm` MIME type. Falling back to `WebAssembly.instantiate` which is slower. Original error:\n", e);

                } else { throw e; }
            }
        }

        const bytes = await module.arrayBuffer();
        return await WebAssembly.instantiate(bytes, imports);
    } else {
        const instance = await WebAssembly.instantiate(module, imports);

        if (instance instanceof WebAssembly.Instance) {
            return { instance, module };
        } else {
            return instance;
        }
    }

    function expectedResponseType(type) {
        switch (type) {
            case 'basic': case 'cors': case 'default': return true;
        }
        return false;
    }
}

function initSync(module) {
    if (wasm !== undefined) return wasm;


    if (module !== undefined) {
        if (Object.getPrototypeOf(module) === Object.prototype) {
            ({module} = module)
        } else {
            console.warn('using deprecated parameters for `initSync()`; pass a single object instead')
        }
    }

    const imports = __wbg_get_imports();
    if (!(module instanceof WebAssembly.Module)) {
        module = new WebAssembly.Module(module);
    }
    const instance = new WebAssembly.Instance(module, imports);
    return __wbg_finalize_init(instance, module);
}

async function __wbg_init(module_or_path) {
    if (wasm !== undefined) return wasm;


    if (module_or_path !== undefined) {
        if (Object.getPrototypeOf(module_or_path) === Object.prototype) {
            ({module_or_path} = module_or_path)
        } else {
            console.warn('using deprecated parameters for the initialization function; pass a single object instead')
        }
    }


    const imports = __wbg_get_imports();

    if (typeof module_or_path === 'string' || (typeof Request === 'function' && module_or_path instanceof Request) || (typeof URL === 'function' && module_or_path instanceof URL)) {
        module_or_path = fetch(module_or_path);
    }

    const { instance, module } = await __wbg_load(await module_or_path, imports);

    return __wbg_finalize_init(instance, module);
}

export { initSync, __wbg_init as default };
