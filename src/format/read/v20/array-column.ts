import { LanceError } from "../../../errors.ts";
import { settleAll } from "../../../tasks/settle-all.ts";
import { blobVersion } from "../../blob-field.ts";
import { parseLogicalType } from "../../logical-type.ts";
import type { LanceField } from "../../schema.ts";
import { buildLeaf, newData } from "../build-data.ts";
import type { DecodedValues } from "../decoded-values.ts";
import { isLeafField, type LeafShape, shapeOfField } from "../leaf-column.ts";
import type { ArrayColumnInfo } from "./array-metadata.ts";
import { countItems } from "./array-node.ts";
import { createListColumn } from "./list-column.ts";
import { type ArrayColumn, type ArrayReadContext, PageNodes } from "./page-nodes.ts";
import { ValueSink } from "./value-sink.ts";

/**
 * A field over its columns in a 2.0 file, where structs and lists have one too.
 * @param columnIndices file column of every field of the tree, in pre-order
 * @throws UNSUPPORTED naming the column, SCHEMA_MISMATCH when the number of columns does not fit, CORRUPT
 */
export function createArrayColumn(
  context: ArrayReadContext,
  field: LanceField,
  columnIndices: readonly number[],
): ArrayColumn {
  let next = 0;
  const takeColumn = (path: string): ArrayColumnInfo => {
    const index = columnIndices[next++];
    // A struct of which another file holds the column: its fields know how many items there are.
    if (index === -1) return { pages: [], numItems: -1, isBlob: false };
    const info = index === undefined ? undefined : context.columns[index];
    if (info) return info;
    throw new LanceError(
      index === undefined ? "SCHEMA_MISMATCH" : "CORRUPT",
      `${context.source.path}: column "${path}" is number ${index} of ${context.columns.length}`,
      { path: context.source.path, column: path },
    );
  };
  const visit = (node: LanceField, path: string): ArrayColumn => {
    const info = takeColumn(path);
    const logical = parseLogicalType(node.logicalType);
    const isList = logical.kind === "list" || logical.kind === "large_list" || logical.kind === "map";
    const isPackedPage = info.pages[0]?.encoding.arrayEncoding.case === "packedStruct";
    if (isPackedPage && !isLeafField(node)) {
      throw new LanceError("CORRUPT", `${context.source.path}: column "${path}" is packed, against its type`, {
        path: context.source.path,
        column: path,
      });
    }
    if (isList && node.children.length === 1) {
      const child = node.children[0]!;
      return createListColumn(context, { path, info, items: visit(child, `${path}.${child.name}`) });
    }
    if (logical.kind === "struct" && !isLeafField(node)) {
      const children = node.children.map((child) => visit(child, `${path}.${child.name}`));
      for (const child of children) {
        if (child.numItems !== (info.numItems < 0 ? children[0]!.numItems : info.numItems)) {
          throw new LanceError("CORRUPT", `${context.source.path}: the fields of "${path}" have different lengths`, {
            path: context.source.path,
            column: path,
          });
        }
      }
      return createStructColumn(info.numItems < 0 ? children[0]!.numItems : info.numItems, children);
    }
    return createLeafColumn(context, { field: node, path, info });
  };
  const column = visit(field, field.name);
  if (next !== columnIndices.length) {
    throw new LanceError(
      "SCHEMA_MISMATCH",
      `column "${field.name}" has ${next} fields, ${columnIndices.length} physical columns were given`,
      { column: field.name },
    );
  }
  return column;
}

/** Structs have a column without data; their fields have as many items each. No struct is null in 2.0. */
function createStructColumn(numItems: number, children: readonly ArrayColumn[]): ArrayColumn {
  return {
    numItems,
    plan(ranges) {
      const plans = children.map((child) => child.plan(ranges));
      return {
        spans: plans.flatMap(({ spans }) => spans),
        numIndirect: plans.reduce((sum, plan) => sum + plan.numIndirect, 0),
      };
    },
    async fetch(ranges, until) {
      const builds = await settleAll(children.map((child) => child.fetch(ranges, until)));
      return (type) =>
        newData(
          type,
          countItems(ranges),
          0,
          { nullBitmap: undefined },
          builds.map((build, i) => build(type.children![i]!.type)),
        );
    },
  };
}

interface LeafParts {
  readonly field: LanceField;
  readonly path: string;
  readonly info: ArrayColumnInfo;
}

function createLeafColumn(context: ArrayReadContext, { field, path, info }: LeafParts): ArrayColumn {
  const shape = shapeOfField(field, path);
  const isStruct = blobVersion(field) === undefined && field.logicalType === "struct";
  // Structs without fields have a page that says so and nothing else.
  const isEmpty = isStruct && field.children.length === 0;
  const sinkShape = shape.fields ? packRow(shape.fields) : shape;
  const pages = new PageNodes(context, { path, info, isDictionary: field.logicalType.startsWith("dict:") });
  return {
    numItems: info.numItems,
    plan(ranges) {
      if (isEmpty) return { spans: [], numIndirect: 0 };
      const parts = pages.clip(ranges, 0);
      return {
        spans: parts.flatMap(({ node, ranges: own }) => node.spans(own)),
        numIndirect: parts.filter(({ node }) => node.isIndirect).length,
      };
    },
    async fetch(ranges, until) {
      const count = countItems(ranges);
      const sink = new ValueSink(sinkShape, count);
      if (!isEmpty) {
        const parts = pages.clip(ranges, until);
        const appends = await settleAll(parts.map(({ node, ranges: own, toEnd }) => node.fetch(own, toEnd)));
        let filled = 0;
        for (const [i, append] of appends.entries()) {
          append(sink, 0);
          filled += countItems(parts[i]!.ranges);
          sink.finishTo(filled);
        }
      }
      return (type) => {
        const nullBitmap = sink.layerValidity();
        const slots = { length: count, nullCount: sink.layerNullCount(), nullBitmap };
        const builder = shape.fields ? splitRows(context, sink, shape.fields) : sink;
        return buildLeaf(type, { path, shape, builder, isJson: field.logicalType === "json" }, slots);
      };
    },
  };
}

/** Rows of a packed struct: its fields side by side. */
function packRow(fields: readonly LeafShape[]): LeafShape {
  return { variable: false, itemBits: fields.reduce((sum, field) => sum + fieldBits(field), 0), dimensions: [] };
}

function fieldBits({ itemBits, dimensions, variable }: LeafShape): number {
  const bits = dimensions.reduce((product, size) => product * size, itemBits);
  if (variable || bits % 8 !== 0) {
    throw new LanceError("CORRUPT", `a packed struct with a field that is not of whole bytes`, { bits });
  }
  return bits;
}

function splitRows({ kernels }: ArrayReadContext, sink: ValueSink, fields: readonly LeafShape[]): DecodedValues {
  const widths = fields.map((field) => fieldBits(field) / 8);
  const stride = widths.reduce((sum, width) => sum + width, 0);
  return {
    layerLength: () => sink.numValues,
    layerValidity: () => sink.layerValidity(),
    layerNullCount: () => sink.layerNullCount(),
    layerOffsets: () => Int32Array.of(0),
    itemValidity: () => undefined,
    valueData: () => sink.valueData(),
    valueOffsets: () => Int32Array.of(0),
    fieldData(index) {
      const offset = widths.slice(0, index).reduce((sum, width) => sum + width, 0);
      return kernels.takeField(sink.valueData(), { stride, offset, width: widths[index]! });
    },
    free: () => {},
  };
}
