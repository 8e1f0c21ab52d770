/* @ts-self-types="./build.d.ts" */

/**
 * One training, advanced by `step` until `done`. The host writes the vectors at `vectorsPointer` before the first step.
 */
export class KMeans {
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
     * Writes `k × dimension` f32 to a host buffer.
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
     * A bounded piece of work.
     */
    step() {
        const ret = wasm.kmeans_step(this.__wbg_ptr);
        if (ret[1]) {
            throw takeFromExternrefTable0(ret[0]);
        }
    }
    /**
     * @returns {number}
     */
    vectorsPointer() {
        const ret = wasm.kmeans_vectorsPointer(this.__wbg_ptr);
        return ret >>> 0;
    }
}
if (Symbol.dispose) KMeans.prototype[Symbol.dispose] = KMeans.prototype.free;

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
 * Returns what [`allocate_bytes`] gave, with the same length. A zero pointer is ignored.
 * @param {number} pointer
 * @param {number} byte_length
 */
export function freeBytes(pointer, byte_length) {
    wasm.freeBytes(pointer, byte_length);
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

const KMeansFinalization = (typeof FinalizationRegistry === 'undefined')
    ? { register: () => {}, unregister: () => {} }
    : new FinalizationRegistry(ptr => wasm.__wbg_kmeans_free(ptr, 1));

function getStringFromWasm0(ptr, len) {
    return decodeText(ptr >>> 0, len);
}

let cachedUint8ArrayMemory0 = null;
function getUint8ArrayMemory0() {
    if (cachedUint8ArrayMemory0 === null || cachedUint8ArrayMemory0.byteLength === 0) {
        cachedUint8ArrayMemory0 = new Uint8Array(wasm.memory.buffer);
    }
    return cachedUint8ArrayMemory0;
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

let wasmModule, wasmInstance, wasm;
function __wbg_finalize_init(instance, module) {
    wasmInstance = instance;
    wasm = instance.exports;
    wasmModule = module;
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
