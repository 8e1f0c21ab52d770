import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

/** The rooms of src/ in order: each may import only itself and rooms above it. A line may hold several equals. */
const ROOMS: readonly (readonly string[])[] = [
  ["errors.ts", "is-record.ts", "random.ts", "same-bytes.ts", "search-sorted.ts"],
  ["runtime.ts"],
  ["tasks"],
  ["proto"],
  ["store"],
  ["kernels"],
  ["format"],
  ["pool"],
  ["table"],
  ["expr"],
  ["index"],
  ["query"],
  ["write"],
  ["dataset"],
  ["client"],
  ["runtime"],
  ["index.ts"],
  ["entry-browser.ts", "entry-deno.ts", "entry-node.ts", "entry-workerd.ts"],
];

const src = fileURLToPath(new URL("../src", import.meta.url));
const generated = resolve(src, "../wasm/pkg");
const rank = new Map(ROOMS.flatMap((rooms, index) => rooms.map((room) => [room, index] as const)));
const IMPORT = /(?:^|[^.\w])(?:from\s*|import\s*\(\s*|import\s+)["']([^"']+)["']/g;

interface Source {
  readonly path: string;
  readonly text: string;
  readonly imports: readonly { readonly target: string; readonly typeOnly: boolean }[];
  readonly packages: readonly string[];
}

const roomOf = (path: string): string => path.split("/")[0] as string;

function readSources(): Map<string, Source> {
  const sources = new Map<string, Source>();
  for (const entry of readdirSync(src, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || !entry.name.endsWith(".ts")) continue;
    const file = join(entry.parentPath, entry.name);
    const path = relative(src, file).replaceAll("\\", "/");
    const text = readFileSync(file, "utf8").replace(/\/\*[\s\S]*?\*\//g, "");
    const imports: Source["imports"][number][] = [];
    const packages: string[] = [];
    for (const statement of text.matchAll(IMPORT)) {
      const specifier = statement[1] as string;
      // A message may tell the user to `import "lancelet"`.
      if (specifier === "lancelet") continue;
      if (!specifier.startsWith(".")) {
        packages.push(specifier);
        continue;
      }
      const target = resolve(dirname(file), specifier);
      if (target.startsWith(generated)) continue;
      const start = text.lastIndexOf(";", statement.index) + 1;
      const typeOnly = /^\s*(import|export)\s+type\s/.test(text.slice(start, statement.index + statement[0].length));
      imports.push({ target: relative(src, target).replaceAll("\\", "/"), typeOnly });
    }
    sources.set(path, { path, text, imports, packages });
  }
  return sources;
}

const sources = readSources();

test("every file belongs to a room", () => {
  const config = new Set(["tsconfig.json"]);
  const homeless = [...sources.keys()].filter((path) => !rank.has(roomOf(path)) && !config.has(path));
  expect(homeless).toEqual([]);
  expect(sources.size).toBeGreaterThan(50);
});

test("a room imports only rooms above it", () => {
  const wrong: string[] = [];
  for (const { path, imports } of sources.values()) {
    for (const { target } of imports) {
      const from = rank.get(roomOf(path)) ?? -1;
      const to = rank.get(roomOf(target)) ?? Number.POSITIVE_INFINITY;
      const sameRoom = roomOf(path) === roomOf(target);
      if (!sameRoom && to >= from) wrong.push(`${path} imports ${target}`);
    }
  }
  expect(wrong).toEqual([]);
});

test("what is imported exists", () => {
  const missing = [...sources.values()].flatMap(({ path, imports }) =>
    imports.filter(({ target }) => !sources.has(target)).map(({ target }) => `${path} imports ${target}`),
  );
  expect(missing).toEqual([]);
});

test("no cycle among files, types aside", () => {
  const cycles: string[] = [];
  const done = new Set<string>();
  const visit = (path: string, trail: readonly string[]): void => {
    const start = trail.indexOf(path);
    if (start >= 0) {
      cycles.push([...trail.slice(start), path].join(" → "));
      return;
    }
    if (done.has(path)) return;
    for (const { target, typeOnly } of sources.get(path)?.imports ?? []) if (!typeOnly) visit(target, [...trail, path]);
    done.add(path);
  };
  for (const path of sources.keys()) visit(path, []);
  expect(cycles).toEqual([]);
});

test("only entries import the runtimes, and only hosts' own files import a host", () => {
  const wrong: string[] = [];
  for (const { path, text, imports, packages } of sources.values()) {
    if (roomOf(path) !== "runtime" && !path.startsWith("entry-")) {
      for (const { target } of imports) if (roomOf(target) === "runtime") wrong.push(`${path} imports ${target}`);
    }
    if (/^runtime\/(node|deno)|^store\/node-fs/.test(path)) continue;
    for (const name of packages) if (name.startsWith("node:")) wrong.push(`${path} imports ${name}`);
    // apache-arrow's types bring Node's globals in, so the second type pass alone does not see these.
    const global = /(?<![\w.#"'`])(process|Buffer|Deno|__dirname|setImmediate)\s*[.(]/.exec(text);
    if (global) wrong.push(`${path} uses ${global[1]}`);
  }
  expect(wrong).toEqual([]);
});

test("only the registry knows an index family", () => {
  const families = new Set(
    readdirSync(join(src, "index"), { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => `index/${entry.name}/`),
  );
  const familyOf = (path: string): string | undefined => [...families].find((family) => path.startsWith(family));
  const wrong: string[] = [];
  for (const { path, imports } of sources.values()) {
    if (path === "index/registry.ts") continue;
    for (const { target } of imports) {
      const family = familyOf(target);
      if (family && familyOf(path) !== family) wrong.push(`${path} imports ${target}`);
    }
  }
  expect(wrong).toEqual([]);
});

test("dependencies are those of package.json", () => {
  const manifest = JSON.parse(readFileSync(resolve(src, "../package.json"), "utf8")) as {
    dependencies: Record<string, string>;
  };
  const allowed = Object.keys(manifest.dependencies);
  const wrong = [...sources.values()].flatMap(({ path, packages }) =>
    packages
      .filter(
        (name) => !name.startsWith("node:") && !allowed.some((each) => name === each || name.startsWith(`${each}/`)),
      )
      .map((name) => `${path} imports ${name}`),
  );
  expect(wrong).toEqual([]);
});
