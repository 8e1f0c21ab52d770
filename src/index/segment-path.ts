import type { OpenSegment } from "./segment.ts";

/** Where the files of a segment live, relative to the dataset. */
export function getSegmentDirectory(uuid: string): string {
  return `_indices/${uuid}`;
}

/** Path of one file of an open segment, and its size where the manifest records it (saves a size request). */
export function getSegmentFile(open: OpenSegment, path: string): { path: string; sizeBytes?: number } {
  const recorded = open.segment.files?.find((file) => file.path === path);
  return {
    path: `${open.directory}/${path}`,
    ...(recorded && recorded.sizeBytes > 0 ? { sizeBytes: recorded.sizeBytes } : {}),
  };
}
