/* tslint:disable */
/* eslint-disable */
export const memory: WebAssembly.Memory;
export const __wbg_kmeans_free: (a: number, b: number) => void;
export const allocateBytes: (a: number) => number;
export const assignPartitions: (a: number, b: number, c: number, d: number, e: number, f: number, g: number, h: number) => [number, number];
export const freeBytes: (a: number, b: number) => void;
export const kmeans_centroidsInto: (a: number, b: number) => [number, number];
export const kmeans_changed: (a: number) => number;
export const kmeans_done: (a: number) => number;
export const kmeans_iteration: (a: number) => number;
export const kmeans_loss: (a: number) => number;
export const kmeans_new: (a: number, b: number, c: number, d: number, e: number, f: number, g: number) => [number, number, number];
export const kmeans_step: (a: number) => [number, number];
export const kmeans_vectorsPointer: (a: number) => number;
export const sortBytes: (a: number, b: number, c: number, d: number, e: number, f: number) => [number, number];
export const sortFixed: (a: number, b: number, c: number, d: number, e: number) => [number, number];
export const __wbindgen_externrefs: WebAssembly.Table;
export const __externref_table_dealloc: (a: number) => void;
export const __wbindgen_start: () => void;
