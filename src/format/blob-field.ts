import type { LanceField } from "./schema.ts";

/** Extension name of blob columns from file version 2.2 on. */
export const BLOB_V2_EXTENSION = "lance.blob.v2";
/** Metadata key of blob columns before that. */
export const BLOB_V1_KEY = "lance-encoding:blob";

/** Kinds of the blobs a descriptor of version 2 points to (FORMAT.md section 2.2, Blob). */
export const BLOB_KINDS = { inline: 0, packed: 1, dedicated: 2, external: 3 } as const;

/** What a blob column holds in place of its values. */
const DESCRIPTORS = {
  1: [
    { name: "position", logicalType: "uint64", nullable: true },
    { name: "size", logicalType: "uint64", nullable: true },
  ],
  2: [
    { name: "kind", logicalType: "uint8", nullable: false },
    { name: "position", logicalType: "uint64", nullable: false },
    { name: "size", logicalType: "uint64", nullable: false },
    { name: "blob_id", logicalType: "uint32", nullable: false },
    { name: "blob_uri", logicalType: "string", nullable: false },
  ],
} as const;

/** How a blob column describes its values, or nothing for any other column. */
export function blobVersion(field: LanceField): 1 | 2 | undefined {
  // A field that a scan gave has the descriptors' names already.
  if (isDescriptor(field, 2)) return 2;
  const extension = field.metadata["ARROW:extension:name"];
  if (extension !== undefined && new TextDecoder().decode(extension) === BLOB_V2_EXTENSION) return 2;
  return BLOB_V1_KEY in field.metadata ? 1 : undefined;
}

/** Descriptor fields of a blob column, in the order of the file. */
export function descriptorFields(version: 1 | 2): LanceField[] {
  return DESCRIPTORS[version].map((field) => ({ ...field, id: -1, parentId: -1, metadata: {}, children: [] }));
}

/** A field as a scan gives it: blobs at any depth become structs of where they lie, as native's scanner does. */
export function toScanField(field: LanceField): LanceField {
  const version = blobVersion(field);
  if (version !== undefined && !isDescriptor(field, version)) {
    return {
      ...field,
      logicalType: "struct",
      metadata: scanMetadata(field, version),
      children: descriptorFields(version),
    };
  }
  if (field.children.length === 0) return field;
  const children = field.children.map(toScanField);
  return children.every((child, i) => child === field.children[i]) ? field : { ...field, children };
}

function isDescriptor({ children }: LanceField, version: 1 | 2): boolean {
  const names = DESCRIPTORS[version];
  return children.length === names.length && names.every(({ name }, i) => children[i]?.name === name);
}

/** Descriptors of version 2 are no extension type any more. */
function scanMetadata(field: LanceField, version: 1 | 2): LanceField["metadata"] {
  if (version === 1) return field.metadata;
  const yes = new TextEncoder().encode("true");
  const kept = Object.entries(field.metadata).filter(([key]) => !key.startsWith("ARROW:extension:"));
  return { ...Object.fromEntries(kept), "lance-encoding:packed": yes, [BLOB_V1_KEY]: yes };
}
