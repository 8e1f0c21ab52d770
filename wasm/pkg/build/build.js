/* @ts-self-types="./build.d.ts" */

/**
 * One training, advanced by `step` until `done`. The host writes the vectors at `vectorsPointer` before the first step.
 */
export class CodebookTraining {
    __destroy_into_raw() {
        const ptr = this.__wbg_ptr;
        this.__wbg_ptr = 0;
        CodebookTrainingFinalization.unregister(this);
        return ptr;
    }
    free() {
        const ptr = this.__destroy_into_raw();
        wasm.__wbg_codebooktraining_free(ptr, 0);
    }
    /**
     * Writes `num_sub_vectors × 2^bits × (dimension / num_sub_vectors)` f32 to a host buffer.
     * @param {number} output
     */
    codebookInto(output) {
        const ret = wasm.codebooktraining_codebookInto(this.__wbg_ptr, output);
        if (ret[1]) {
            throw takeFromExternrefTable0(ret[0]);
        }
    }
    /**
     * @returns {boolean}
     */
    get done() {
        const ret = wasm.codebooktraining_done(this.__wbg_ptr);
        return ret !== 0;
    }
    /**
     * @param {number} num_rows
     * @param {number} dimension
     * @param {number} num_sub_vectors
     * @param {number} bits
     * @param {number} seed
     * @param {number} max_iterations
     * @param {number} tolerance
     */
    constructor(num_rows, dimension, num_sub_vectors, bits, seed, max_iterations, tolerance) {
        const ret = wasm.codebooktraining_new(num_rows, dimension, num_sub_vectors, bits, seed, max_iterations, tolerance);
        if (ret[2]) {
            throw takeFromExternrefTable0(ret[1]);
        }
        this.__wbg_ptr = ret[0];
        CodebookTrainingFinalization.register(this, this.__wbg_ptr, this);
        return this;
    }
    /**
     * A bounded piece of work.
     */
    step() {
        const ret = wasm.codebooktraining_step(this.__wbg_ptr);
        if (ret[1]) {
            throw takeFromExternrefTable0(ret[0]);
        }
    }
    /**
     * Sub-vectors that are trained.
     * @returns {number}
     */
    get trained() {
        const ret = wasm.codebooktraining_trained(this.__wbg_ptr);
        return ret >>> 0;
    }
    /**
     * @returns {number}
     */
    vectorsPointer() {
        const ret = wasm.codebooktraining_vectorsPointer(this.__wbg_ptr);
        return ret >>> 0;
    }
}
if (Symbol.dispose) CodebookTraining.prototype[Symbol.dispose] = CodebookTraining.prototype.free;

/**
 * A page as the host takes it.
 */
export class EncodedPage {
    static __wrap(ptr) {
        const obj = Object.create(EncodedPage.prototype);
        obj.__wbg_ptr = ptr;
        EncodedPageFinalization.register(obj, obj.__wbg_ptr, obj);
        return obj;
    }
    __destroy_into_raw() {
        const ptr = this.__wbg_ptr;
        this.__wbg_ptr = 0;
        EncodedPageFinalization.unregister(this);
        return ptr;
    }
    free() {
        const ptr = this.__destroy_into_raw();
        wasm.__wbg_encodedpage_free(ptr, 0);
    }
    /**
     * @returns {number}
     */
    numBuffers() {
        const ret = wasm.encodedpage_numBuffers(this.__wbg_ptr);
        return ret >>> 0;
    }
    /**
     * The byte strings the description points into.
     * @returns {Uint8Array}
     */
    table() {
        const ret = wasm.encodedpage_table(this.__wbg_ptr);
        var v1 = getArrayU8FromWasm0(ret[0], ret[1]).slice();
        wasm.__wbindgen_free(ret[0], ret[1] * 1, 1);
        return v1;
    }
    /**
     * Moves a buffer out.
     * @param {number} index
     * @returns {Uint8Array}
     */
    takeBuffer(index) {
        const ret = wasm.encodedpage_takeBuffer(this.__wbg_ptr, index);
        if (ret[3]) {
            throw takeFromExternrefTable0(ret[2]);
        }
        var v1 = getArrayU8FromWasm0(ret[0], ret[1]).slice();
        wasm.__wbindgen_free(ret[0], ret[1] * 1, 1);
        return v1;
    }
    /**
     * The description, as src/format/write/compress/describe-page.ts reads it.
     * @returns {Uint32Array}
     */
    words() {
        const ret = wasm.encodedpage_words(this.__wbg_ptr);
        var v1 = getArrayU32FromWasm0(ret[0], ret[1]).slice();
        wasm.__wbindgen_free(ret[0], ret[1] * 4, 4);
        return v1;
    }
}
if (Symbol.dispose) EncodedPage.prototype[Symbol.dispose] = EncodedPage.prototype.free;

/**
 * One graph. The host writes the rows at `rowsPointer` piece by piece, adds the graphs that are there, and calls `step` until `done`.
 */
export class GraphBuild {
    __destroy_into_raw() {
        const ptr = this.__wbg_ptr;
        this.__wbg_ptr = 0;
        GraphBuildFinalization.unregister(this);
        return ptr;
    }
    free() {
        const ptr = this.__destroy_into_raw();
        wasm.__wbg_graphbuild_free(ptr, 0);
    }
    /**
     * A graph over some of the rows, in host buffers of u32 that stay as they are until the build is freed: `map` gives
     * for each of its rows the new number, or the largest u32; then its lists, level by level.
     * @param {number} map
     * @param {number} num_rows
     * @param {number} nodes
     * @param {number} offsets
     * @param {number} num_lists
     * @param {number} neighbors
     * @param {number} num_neighbors
     * @param {number} levels
     * @param {number} num_levels
     */
    addGraph(map, num_rows, nodes, offsets, num_lists, neighbors, num_neighbors, levels, num_levels) {
        const ret = wasm.graphbuild_addGraph(this.__wbg_ptr, map, num_rows, nodes, offsets, num_lists, neighbors, num_neighbors, levels, num_levels);
        if (ret[1]) {
            throw takeFromExternrefTable0(ret[0]);
        }
    }
    /**
     * Distances computed so far.
     * @returns {number}
     */
    get comparisons() {
        const ret = wasm.graphbuild_comparisons(this.__wbg_ptr);
        return ret;
    }
    /**
     * @param {number} level
     * @returns {number}
     */
    countLinks(level) {
        const ret = wasm.graphbuild_countLinks(this.__wbg_ptr, level);
        return ret >>> 0;
    }
    /**
     * Rows of a level: 0 from the first one on that has none.
     * @param {number} level
     * @returns {number}
     */
    countRows(level) {
        const ret = wasm.graphbuild_countRows(this.__wbg_ptr, level);
        return ret >>> 0;
    }
    /**
     * @returns {boolean}
     */
    get done() {
        const ret = wasm.graphbuild_done(this.__wbg_ptr);
        return ret !== 0;
    }
    /**
     * Where searches start; 0 in a graph without rows.
     * @returns {number}
     */
    get entry() {
        const ret = wasm.graphbuild_entry(this.__wbg_ptr);
        return ret >>> 0;
    }
    /**
     * Rows that are in the graph.
     * @returns {number}
     */
    get inserted() {
        const ret = wasm.graphbuild_inserted(this.__wbg_ptr);
        return ret >>> 0;
    }
    /**
     * Writes a level to host buffers: its rows and the number of links of each, `countRows` u32 each; the links and
     * their distances, `countLinks` u32 and f32.
     * @param {number} level
     * @param {number} rows
     * @param {number} counts
     * @param {number} neighbors
     * @param {number} distances
     */
    levelInto(level, rows, counts, neighbors, distances) {
        const ret = wasm.graphbuild_levelInto(this.__wbg_ptr, level, rows, counts, neighbors, distances);
        if (ret[1]) {
            throw takeFromExternrefTable0(ret[0]);
        }
    }
    /**
     * `space`: 0 floats under l2, 1 floats under dot, 2 codes under l2 (× `scale`), 3 codes under dot (of the values
     * `offset` + `scale` × code), 4 bits under hamming. `width`: floats, codes or bytes of a row.
     * @param {number} space
     * @param {number} num_rows
     * @param {number} width
     * @param {number} m
     * @param {number} ef_construction
     * @param {number} max_level
     * @param {number} seed
     * @param {number} scale
     * @param {number} offset
     */
    constructor(space, num_rows, width, m, ef_construction, max_level, seed, scale, offset) {
        const ret = wasm.graphbuild_new(space, num_rows, width, m, ef_construction, max_level, seed, scale, offset);
        if (ret[2]) {
            throw takeFromExternrefTable0(ret[1]);
        }
        this.__wbg_ptr = ret[0];
        GraphBuildFinalization.register(this, this.__wbg_ptr, this);
        return this;
    }
    /**
     * Where rows are written: `end` bytes of them are in use then.
     * @param {number} end
     * @returns {number}
     */
    rowsPointer(end) {
        const ret = wasm.graphbuild_rowsPointer(this.__wbg_ptr, end);
        if (ret[2]) {
            throw takeFromExternrefTable0(ret[1]);
        }
        return ret[0] >>> 0;
    }
    /**
     * A bounded piece of work.
     */
    step() {
        const ret = wasm.graphbuild_step(this.__wbg_ptr);
        if (ret[1]) {
            throw takeFromExternrefTable0(ret[0]);
        }
    }
}
if (Symbol.dispose) GraphBuild.prototype[Symbol.dispose] = GraphBuild.prototype.free;

/**
 * One training, advanced by `step` until `done`. The host writes the rows at `inputPointer` before the first step.
 */
export class KMeans {
    static __wrap(ptr) {
        const obj = Object.create(KMeans.prototype);
        obj.__wbg_ptr = ptr;
        KMeansFinalization.register(obj, obj.__wbg_ptr, obj);
        return obj;
    }
    __destroy_into_raw() {
        const ptr = this.__wbg_ptr;
        this.__wbg_ptr = 0;
        KMeansFinalization.unregister(this);
        return ptr;
    }
    free() {
        const ptr = this.__destroy_into_raw();
        wasm.__wbg_kmeans_free(ptr, 0);
    }
    /**
     * Writes the k centroids, values as the rows have them, to a host buffer.
     * @param {number} output
     */
    centroidsInto(output) {
        const ret = wasm.kmeans_centroidsInto(this.__wbg_ptr, output);
        if (ret[1]) {
            throw takeFromExternrefTable0(ret[0]);
        }
    }
    /**
     * Rows that moved in the last whole iteration.
     * @returns {number}
     */
    get changed() {
        const ret = wasm.kmeans_changed(this.__wbg_ptr);
        return ret >>> 0;
    }
    /**
     * @returns {boolean}
     */
    get done() {
        const ret = wasm.kmeans_done(this.__wbg_ptr);
        return ret !== 0;
    }
    /**
     * @returns {number}
     */
    inputPointer() {
        const ret = wasm.kmeans_inputPointer(this.__wbg_ptr);
        return ret >>> 0;
    }
    /**
     * Whole iterations so far.
     * @returns {number}
     */
    get iteration() {
        const ret = wasm.kmeans_iteration(this.__wbg_ptr);
        return ret >>> 0;
    }
    /**
     * Summed distance in the last whole iteration; infinite before.
     * @returns {number}
     */
    get loss() {
        const ret = wasm.kmeans_loss(this.__wbg_ptr);
        return ret;
    }
    /**
     * Of vectors of f32.
     * @param {number} metric
     * @param {number} num_rows
     * @param {number} dimension
     * @param {number} k
     * @param {number} seed
     * @param {number} max_iterations
     * @param {number} tolerance
     */
    constructor(metric, num_rows, dimension, k, seed, max_iterations, tolerance) {
        const ret = wasm.kmeans_new(metric, num_rows, dimension, k, seed, max_iterations, tolerance);
        if (ret[2]) {
            throw takeFromExternrefTable0(ret[1]);
        }
        this.__wbg_ptr = ret[0];
        KMeansFinalization.register(this, this.__wbg_ptr, this);
        return this;
    }
    /**
     * Of rows of bits, `width` bytes each, under hamming.
     * @param {number} num_rows
     * @param {number} width
     * @param {number} k
     * @param {number} seed
     * @param {number} max_iterations
     * @param {number} tolerance
     * @returns {KMeans}
     */
    static ofBits(num_rows, width, k, seed, max_iterations, tolerance) {
        const ret = wasm.kmeans_ofBits(num_rows, width, k, seed, max_iterations, tolerance);
        if (ret[2]) {
            throw takeFromExternrefTable0(ret[1]);
        }
        return KMeans.__wrap(ret[0]);
    }
    /**
     * A bounded piece of work.
     */
    step() {
        const ret = wasm.kmeans_step(this.__wbg_ptr);
        if (ret[1]) {
            throw takeFromExternrefTable0(ret[0]);
        }
    }
}
if (Symbol.dispose) KMeans.prototype[Symbol.dispose] = KMeans.prototype.free;

/**
 * Collects what a page is made of; the last call encodes it and ends the object.
 */
export class PageEncoder {
    __destroy_into_raw() {
        const ptr = this.__wbg_ptr;
        this.__wbg_ptr = 0;
        PageEncoderFinalization.unregister(this);
        return ptr;
    }
    free() {
        const ptr = this.__destroy_into_raw();
        wasm.__wbg_pageencoder_free(ptr, 0);
    }
    /**
     * Adds a layer of fixed-size lists, outermost first. `validity`: a byte an element, 1 = null, or empty.
     * @param {number} dimension
     * @param {Uint8Array} nulls
     */
    addListLayer(dimension, nulls) {
        const ptr0 = passArray8ToWasm0(nulls, wasm.__wbindgen_malloc);
        const len0 = WASM_VECTOR_LEN;
        wasm.pageencoder_addListLayer(this.__wbg_ptr, dimension, ptr0, len0);
    }
    /**
     * Works through about `budget` bytes of the values that were set. Returns whether they can be encoded now.
     * @param {number} budget
     * @returns {boolean}
     */
    advance(budget) {
        const ret = wasm.pageencoder_advance(this.__wbg_ptr, budget);
        return ret !== 0;
    }
    /**
     * Encodes values of one width: lists where layers were added, indices where a dictionary was set.
     * @param {number} bits
     * @param {number} count
     * @param {number} first_bit
     * @param {Uint8Array} data
     * @returns {EncodedPage}
     */
    encodeFixed(bits, count, first_bit, data) {
        const ptr = this.__destroy_into_raw();
        const ptr0 = passArray8ToWasm0(data, wasm.__wbindgen_malloc);
        const len0 = WASM_VECTOR_LEN;
        const ret = wasm.pageencoder_encodeFixed(ptr, bits, count, first_bit, ptr0, len0);
        if (ret[2]) {
            throw takeFromExternrefTable0(ret[1]);
        }
        return EncodedPage.__wrap(ret[0]);
    }
    /**
     * Encodes levels that lead to no value at all. Files 2.2.
     * @returns {EncodedPage}
     */
    encodeNulls() {
        const ptr = this.__destroy_into_raw();
        const ret = wasm.pageencoder_encodeNulls(ptr);
        return EncodedPage.__wrap(ret);
    }
    /**
     * Encodes the values that were set, once they are ready.
     * @returns {EncodedPage}
     */
    encodeVariable() {
        const ptr = this.__destroy_into_raw();
        const ret = wasm.pageencoder_encodeVariable(ptr);
        if (ret[2]) {
            throw takeFromExternrefTable0(ret[1]);
        }
        return EncodedPage.__wrap(ret[0]);
    }
    /**
     * Minor version, text, opaque, request, splitting, structure (0 by width, 1 mini-block, 2 zipped), as
     * src/kernels/encode.ts numbers them.
     * @param {Uint32Array} options
     */
    constructor(options) {
        const ptr0 = passArray32ToWasm0(options, wasm.__wbindgen_malloc);
        const len0 = WASM_VECTOR_LEN;
        const ret = wasm.pageencoder_new(ptr0, len0);
        if (ret[2]) {
            throw takeFromExternrefTable0(ret[1]);
        }
        this.__wbg_ptr = ret[0];
        PageEncoderFinalization.register(this, this.__wbg_ptr, this);
        return this;
    }
    /**
     * The values that the values of the page are indices of.
     * @param {number} bits
     * @param {number} count
     * @param {number} first_bit
     * @param {Uint8Array} data
     */
    setFixedDictionary(bits, count, first_bit, data) {
        const ptr0 = passArray8ToWasm0(data, wasm.__wbindgen_malloc);
        const len0 = WASM_VECTOR_LEN;
        const ret = wasm.pageencoder_setFixedDictionary(this.__wbg_ptr, bits, count, first_bit, ptr0, len0);
        if (ret[1]) {
            throw takeFromExternrefTable0(ret[0]);
        }
    }
    /**
     * Either stream may be empty.
     * @param {Uint16Array} repetition
     * @param {Uint16Array} definition
     * @param {number} max_repetition
     * @param {number} max_visible
     */
    setLevels(repetition, definition, max_repetition, max_visible) {
        const ptr0 = passArray16ToWasm0(repetition, wasm.__wbindgen_malloc);
        const len0 = WASM_VECTOR_LEN;
        const ptr1 = passArray16ToWasm0(definition, wasm.__wbindgen_malloc);
        const len1 = WASM_VECTOR_LEN;
        const ret = wasm.pageencoder_setLevels(this.__wbg_ptr, ptr0, len0, ptr1, len1, max_repetition, max_visible);
        if (ret[1]) {
            throw takeFromExternrefTable0(ret[0]);
        }
    }
    /**
     * A byte a value, 1 = null.
     * @param {Uint8Array} nulls
     */
    setNulls(nulls) {
        const ptr0 = passArray8ToWasm0(nulls, wasm.__wbindgen_malloc);
        const len0 = WASM_VECTOR_LEN;
        wasm.pageencoder_setNulls(this.__wbg_ptr, ptr0, len0);
    }
    /**
     * As above, of strings.
     * @param {number} offset_bits
     * @param {Uint32Array} ends
     * @param {Uint8Array} data
     */
    setVariableDictionary(offset_bits, ends, data) {
        const ptr0 = passArray32ToWasm0(ends, wasm.__wbindgen_malloc);
        const len0 = WASM_VECTOR_LEN;
        const ptr1 = passArray8ToWasm0(data, wasm.__wbindgen_malloc);
        const len1 = WASM_VECTOR_LEN;
        const ret = wasm.pageencoder_setVariableDictionary(this.__wbg_ptr, offset_bits, ptr0, len0, ptr1, len1);
        if (ret[1]) {
            throw takeFromExternrefTable0(ret[0]);
        }
    }
    /**
     * Sets values of any length; `ends` has one more than there are values.
     * @param {number} offset_bits
     * @param {Uint32Array} ends
     * @param {Uint8Array} data
     */
    setVariable(offset_bits, ends, data) {
        const ptr0 = passArray32ToWasm0(ends, wasm.__wbindgen_malloc);
        const len0 = WASM_VECTOR_LEN;
        const ptr1 = passArray8ToWasm0(data, wasm.__wbindgen_malloc);
        const len1 = WASM_VECTOR_LEN;
        const ret = wasm.pageencoder_setVariable(this.__wbg_ptr, offset_bits, ptr0, len0, ptr1, len1);
        if (ret[1]) {
            throw takeFromExternrefTable0(ret[0]);
        }
    }
}
if (Symbol.dispose) PageEncoder.prototype[Symbol.dispose] = PageEncoder.prototype.free;

/**
 * A codebook prepared for encoding.
 */
export class ProductEncoder {
    __destroy_into_raw() {
        const ptr = this.__wbg_ptr;
        this.__wbg_ptr = 0;
        ProductEncoderFinalization.unregister(this);
        return ptr;
    }
    free() {
        const ptr = this.__destroy_into_raw();
        wasm.__wbg_productencoder_free(ptr, 0);
    }
    /**
     * Codes of `num_rows` vectors, in host buffers.
     * @param {number} vectors
     * @param {number} num_rows
     * @param {number} codes
     */
    encode(vectors, num_rows, codes) {
        const ret = wasm.productencoder_encode(this.__wbg_ptr, vectors, num_rows, codes);
        if (ret[1]) {
            throw takeFromExternrefTable0(ret[0]);
        }
    }
    /**
     * `codebook`: as `codebookInto` writes it.
     * @param {number} dimension
     * @param {number} num_sub_vectors
     * @param {number} bits
     * @param {number} codebook
     */
    constructor(dimension, num_sub_vectors, bits, codebook) {
        const ret = wasm.productencoder_new(dimension, num_sub_vectors, bits, codebook);
        if (ret[2]) {
            throw takeFromExternrefTable0(ret[1]);
        }
        this.__wbg_ptr = ret[0];
        ProductEncoderFinalization.register(this, this.__wbg_ptr, this);
        return this;
    }
}
if (Symbol.dispose) ProductEncoder.prototype[Symbol.dispose] = ProductEncoder.prototype.free;

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
 * The centroid in the fewest bits apart from every row, in host buffers.
 * @param {number} rows
 * @param {number} num_rows
 * @param {number} width
 * @param {number} centroids
 * @param {number} k
 * @param {number} partitions
 */
export function assignBits(rows, num_rows, width, centroids, k, partitions) {
    const ret = wasm.assignBits(rows, num_rows, width, centroids, k, partitions);
    if (ret[1]) {
        throw takeFromExternrefTable0(ret[0]);
    }
}

/**
 * Nearest centroid and distance of every row, in host buffers. Rows that hold NaN or infinity get `UNASSIGNED`, NaN.
 * @param {number} metric
 * @param {number} vectors
 * @param {number} num_rows
 * @param {number} dimension
 * @param {number} centroids
 * @param {number} k
 * @param {number} partitions
 * @param {number} distances
 */
export function assignPartitions(metric, vectors, num_rows, dimension, centroids, k, partitions, distances) {
    const ret = wasm.assignPartitions(metric, vectors, num_rows, dimension, centroids, k, partitions, distances);
    if (ret[1]) {
        throw takeFromExternrefTable0(ret[0]);
    }
}

/**
 * Codes `num_rows` vectors of f32, each against the centroid of its partition, as rows of `RowLayout` with error
 * factors. `rotated` holds the centroids as `rotateVectors` gives them.
 * @param {boolean} is_dot
 * @param {boolean} is_dense
 * @param {number} rotation
 * @param {number} dimension
 * @param {number} num_bits
 * @param {number} vectors
 * @param {number} num_rows
 * @param {number} partitions
 * @param {number} centroids
 * @param {number} rotated
 * @param {number} num_partitions
 * @param {number} output
 */
export function encodeRabit(is_dot, is_dense, rotation, dimension, num_bits, vectors, num_rows, partitions, centroids, rotated, num_partitions, output) {
    const ret = wasm.encodeRabit(is_dot, is_dense, rotation, dimension, num_bits, vectors, num_rows, partitions, centroids, rotated, num_partitions, output);
    if (ret[1]) {
        throw takeFromExternrefTable0(ret[0]);
    }
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
 * Rotates `num_rows` vectors of f32 into `output`.
 * @param {boolean} is_dense
 * @param {number} rotation
 * @param {number} dimension
 * @param {number} vectors
 * @param {number} num_rows
 * @param {number} output
 */
export function rotateVectors(is_dense, rotation, dimension, vectors, num_rows, output) {
    const ret = wasm.rotateVectors(is_dense, rotation, dimension, vectors, num_rows, output);
    if (ret[1]) {
        throw takeFromExternrefTable0(ret[0]);
    }
}

/**
 * Writes the stable order of `length` byte strings to `output`. `offsets` are `length + 1` i32 into `data`.
 * @param {number} offsets
 * @param {number} data
 * @param {number} data_length
 * @param {number} valid
 * @param {number} length
 * @param {number} output
 */
export function sortBytes(offsets, data, data_length, valid, length, output) {
    const ret = wasm.sortBytes(offsets, data, data_length, valid, length, output);
    if (ret[1]) {
        throw takeFromExternrefTable0(ret[0]);
    }
}

/**
 * Writes the stable order of `length` fixed-width values to `output`.
 * @param {number} kind
 * @param {number} values
 * @param {number} valid
 * @param {number} length
 * @param {number} output
 */
export function sortFixed(kind, values, valid, length, output) {
    const ret = wasm.sortFixed(kind, values, valid, length, output);
    if (ret[1]) {
        throw takeFromExternrefTable0(ret[0]);
    }
}
function __wbg_get_imports() {
    const import0 = {
        __proto__: null,
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
        "./build_bg.js": import0,
    };
}

const CodebookTrainingFinalization = (typeof FinalizationRegistry === 'undefined')
    ? { register: () => {}, unregister: () => {} }
    : new FinalizationRegistry(ptr => wasm.__wbg_codebooktraining_free(ptr, 1));
const EncodedPageFinalization = (typeof FinalizationRegistry === 'undefined')
    ? { register: () => {}, unregister: () => {} }
    : new FinalizationRegistry(ptr => wasm.__wbg_encodedpage_free(ptr, 1));
const GraphBuildFinalization = (typeof FinalizationRegistry === 'undefined')
    ? { register: () => {}, unregister: () => {} }
    : new FinalizationRegistry(ptr => wasm.__wbg_graphbuild_free(ptr, 1));
const KMeansFinalization = (typeof FinalizationRegistry === 'undefined')
    ? { register: () => {}, unregister: () => {} }
    : new FinalizationRegistry(ptr => wasm.__wbg_kmeans_free(ptr, 1));
const PageEncoderFinalization = (typeof FinalizationRegistry === 'undefined')
    ? { register: () => {}, unregister: () => {} }
    : new FinalizationRegistry(ptr => wasm.__wbg_pageencoder_free(ptr, 1));
const ProductEncoderFinalization = (typeof FinalizationRegistry === 'undefined')
    ? { register: () => {}, unregister: () => {} }
    : new FinalizationRegistry(ptr => wasm.__wbg_productencoder_free(ptr, 1));

function getArrayU32FromWasm0(ptr, len) {
    ptr = ptr >>> 0;
    return getUint32ArrayMemory0().subarray(ptr / 4, ptr / 4 + len);
}

function getArrayU8FromWasm0(ptr, len) {
    ptr = ptr >>> 0;
    return getUint8ArrayMemory0().subarray(ptr / 1, ptr / 1 + len);
}

function getStringFromWasm0(ptr, len) {
    return decodeText(ptr >>> 0, len);
}

let cachedUint16ArrayMemory0 = null;
function getUint16ArrayMemory0() {
    if (cachedUint16ArrayMemory0 === null || cachedUint16ArrayMemory0.byteLength === 0) {
        cachedUint16ArrayMemory0 = new Uint16Array(wasm.memory.buffer);
    }
    return cachedUint16ArrayMemory0;
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

function passArray16ToWasm0(arg, malloc) {
    const ptr = malloc(arg.length * 2, 2) >>> 0;
    getUint16ArrayMemory0().set(arg, ptr / 2);
    WASM_VECTOR_LEN = arg.length;
    return ptr;
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
    cachedUint16ArrayMemory0 = null;
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
