/** What a manifest says of who wrote it. */
export const WRITER_LIBRARY = "lancelet";
/** Equal to the package's version; a test compares them. */
export const WRITER_VERSION = "0.1.0";
