import { LanceError } from "../../errors.ts";
import type { PageLayout } from "../../proto/gen/lance/encodings21_pb.ts";
import { ConstantPage } from "./constant-page.ts";
import { FullZipPage } from "./full-zip-page.ts";
import { MiniBlockPage } from "./mini-block-page.ts";
import { corruptPage, describePage, type PageAccess, type PageContext } from "./page-access.ts";

/** The reader of a page's layout. @throws CORRUPT for none, or where blobs are not expected */
export function createPageAccess(context: PageContext): PageAccess {
  const { layout } = context.info.layout;
  // A page of blobs that are all null has no descriptors.
  if (layout.case !== "blob") return createValuePage(context, context.info.layout);
  const { innerLayout, layers } = layout.value;
  if (!context.leaf.isBlob || !innerLayout) throw corruptPage(context, "a page of blobs, against the column's type");
  if (context.leaf.listLayers.includes(true)) {
    throw new LanceError("UNSUPPORTED", `${describePage(context)}: lists of blobs of files 2.1 cannot be read`, {
      column: context.leaf.path,
    });
  }
  return createValuePage({ ...context, blobLayers: layers }, innerLayout);
}

function createValuePage(context: PageContext, { layout }: PageLayout): PageAccess {
  switch (layout.case) {
    case "miniBlock":
      return new MiniBlockPage(context, layout.value);
    case "fullZip":
      return new FullZipPage(context, layout.value);
    case "constant":
      return new ConstantPage(context, layout.value);
    default:
      throw new LanceError("CORRUPT", `${describePage(context)}: it has no layout`, { column: context.leaf.path });
  }
}
