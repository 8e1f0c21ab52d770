import { LanceError } from "../../errors.ts";
import { ConstantPage } from "./constant-page.ts";
import { FullZipPage } from "./full-zip-page.ts";
import { MiniBlockPage } from "./mini-block-page.ts";
import { describePage, type PageAccess, type PageContext } from "./page-access.ts";

/** The reader of a page's layout. @throws UNSUPPORTED for blobs, CORRUPT for none */
export function createPageAccess(context: PageContext): PageAccess {
  const { layout } = context.info.layout;
  switch (layout.case) {
    case "miniBlock":
      return new MiniBlockPage(context, layout.value);
    case "fullZip":
      return new FullZipPage(context, layout.value);
    case "constant":
      return new ConstantPage(context, layout.value);
    case "blob":
      throw new LanceError("UNSUPPORTED", `${describePage(context)}: blob pages cannot be read yet`, {
        column: context.leaf.path,
      });
    default:
      throw new LanceError("CORRUPT", `${describePage(context)}: it has no layout`, { column: context.leaf.path });
  }
}
