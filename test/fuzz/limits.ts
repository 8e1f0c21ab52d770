/** No array of a decoder's own may be larger. */
export const MAX_ARRAY_BYTES = 64 * 1024 * 1024;
