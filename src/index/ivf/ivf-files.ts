import type { VectorElement } from "../../kernels/element.ts";

/** `type_url` of the details of every vector index. */
export const VECTOR_DETAILS = "/lance.index.pb.VectorIndexDetails";
/** Names and keys of the format (index page, section 4). */
export const INDEX_FILE = "index.idx";
export const AUXILIARY_FILE = "auxiliary.idx";
/** JSON `{ type, distance_type }`. */
export const INDEX_KEY = "lance:index";
/** Number of the global buffer that holds the `IVF` message. */
export const IVF_KEY = "lance:ivf";
export const DISTANCE_KEY = "distance_type";
/** JSON array holding one JSON string. */
export const STORAGE_KEY = "storage_metadata";
/** `data_type` of a tensor by what its values are. */
export const TENSOR_TYPES: Readonly<Record<VectorElement, number>> = { f16: 1, f32: 2, f64: 3, u8: 4 };
