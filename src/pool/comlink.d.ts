/** comlink's package names a UMD file first, which Node cannot import by name; its ES module is the same code. */
declare module "comlink/dist/esm/comlink.mjs" {
  export * from "comlink";
}
