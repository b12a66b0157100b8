import { readFileSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join, posix } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";

/**
 * The doors between the rooms (docs/architecture.md). A room is a folder ("node/base/") or the files that begin with a
 * name ("node/node": node.ts and node-*.ts); the longest match counts. It opens only what stands here, types included,
 * so a new room is closed until it is listed. A folder's door leads to the rooms inside it, which have doors of their own.
 * "node/*" opens every room of the house but those of `FOR_NOBODY`.
 */
const CONTRACT = "node/api/contract";
/** Rooms that try the others out: no room opens them. */
const FOR_NOBODY = ["node/sim/", "node/fuzz/", "operator/sim/"];
/** All that the operator may know of the node. */
const NODE_FOR_OPERATOR = ["node/base/", CONTRACT];
/**
 * Layouts of what the operator signs with the authority's key (decision record 10): it must not sign bytes that a node made,
 * and must not have a second opinion of what they mean. They load no library that signs.
 */
const ORDERS_FOR_OPERATOR = ["node/codec/authority-body", "node/codec/batch-head", "node/codec/validator-record"];
const DOORS: Readonly<Record<string, readonly string[]>> = {
  "node/base/": [],
  "node/codec/authority-body": ["node/base/", "node/codec/"],
  "node/codec/batch-head": ["node/base/", "node/codec/"],
  "node/codec/validator-record": ["node/base/", "node/codec/"],
  "node/codec/": ["node/base/", "node/ports", "node/chain/types"],
  "node/ledger/": ["node/base/", "node/codec/"],
  "node/chain/types": ["node/base/"],
  "node/cal/": ["node/base/"],
  "node/mint/": ["node/base/", "node/codec/"],
  // What whoever checks a proof has to know as well: a client, too.
  "node/chain/proof": ["node/base/", "node/codec/", "node/chain/", "node/ledger/", CONTRACT],
  "node/chain/": ["node/base/", "node/codec/", "node/ledger/", "node/cal/", "node/mint/", CONTRACT],
  "node/consensus/": ["node/base/", "node/codec/"],
  "node/lanes/": ["node/base/", "node/codec/"],
  "node/sync/": ["node/base/", "node/codec/"],
  "node/mesh/": ["node/base/", "node/codec/"],
  "node/ports": ["node/base/", "node/chain/types"],
  "node/node": [
    "node/base/",
    "node/codec/",
    "node/cal/",
    "node/mint/",
    "node/chain/",
    "node/consensus/",
    "node/lanes/",
    "node/sync/",
    "node/ports",
    CONTRACT,
  ],
  "node/storage/": ["node/base/", "node/codec/", "node/ports"],
  // Shared by all that speak TLS: frames behind their length, and certificates that change under a running process.
  "node/transport/frames": ["node/base/"],
  "node/transport/credentials": ["node/base/"],
  "node/transport/gate": [],
  "node/transport/": ["node/base/", "node/codec/", "node/ports", CONTRACT],
  [CONTRACT]: ["node/base/"],
  // What the JSON API takes and answers: its client has to know it as well.
  "node/api/json-contract": [CONTRACT],
  "node/api/": [
    "node/base/",
    "node/codec/",
    "node/chain/",
    "node/ports",
    "node/node",
    "node/transport/frames",
    "node/transport/credentials",
    "node/transport/gate",
  ],
  "node/supervisor/": ["node/base/"],
  // Sealed pieces and their manifest; what the content means is for the commands that make and check it.
  "node/backup/": ["node/base/"],
  // Numbers and names that a client has to know as well.
  "node/ledger/codes": [],
  "node/ledger/tokens": ["node/base/", "node/codec/"],
  "node/client/": [
    "node/base/",
    "node/codec/",
    "node/ports",
    "node/chain/types",
    "node/chain/proof",
    "node/ledger/codes",
    "node/ledger/tokens",
    "node/transport/frames",
    "node/api/json-contract",
    CONTRACT,
  ],
  // Commands of `hmn-node`, one to a file: each reaches for what it shows.
  "node/cli/": ["node/*"],
  "node/test": [],
  "node/faults": ["node/base/", "node/chain/", "node/shell"],
  "node/shell": ["node/*"],
  "node/main": ["node/*"],
  "node/sim/": ["node/*"],
  "node/fuzz/": ["node/*"],
  // Drives everything, like a test; nobody imports it.
  // Tables of figures, of whatever is measured.
  "node/bench/machine": [],
  "node/bench/results": ["node/base/"],
  "node/bench/report": ["node/bench/results"],
  "node/bench/": ["node/*"],
  "operator/api/group": [],
  "operator/api/generate": ["operator/api/", "operator/runtime/"],
  "operator/api/": ["node/base/"],
  "operator/observe/snapshot": ["operator/api/", ...NODE_FOR_OPERATOR],
  // Kinds and their parsing, which whoever reads the API server's objects has to know as well.
  "operator/observe/decode": ["operator/api/", "operator/observe/snapshot", "operator/runtime/", "node/base/"],
  "operator/observe/resources": ["operator/api/", "operator/runtime/"],
  "operator/observe/": ["operator/api/", "operator/runtime/", "operator/desired/names", ...NODE_FOR_OPERATOR],
  "operator/reconcile/actions": ["node/base/"],
  "operator/desired/names": ["operator/api/group", CONTRACT],
  "operator/desired/": [
    "operator/api/",
    "operator/observe/snapshot",
    "operator/reconcile/actions",
    ...NODE_FOR_OPERATOR,
  ],
  "operator/rollout/": [
    "operator/api/",
    "operator/desired/names",
    "operator/observe/snapshot",
    "operator/reconcile/actions",
    ...NODE_FOR_OPERATOR,
  ],
  "operator/tuning/": ["operator/api/", "operator/rollout/", "node/base/"],
  // Schedules, Jobs and what became of them.
  "operator/backup/": [
    "operator/api/",
    "operator/observe/snapshot",
    "operator/desired/",
    "operator/rollout/",
    "operator/reconcile/actions",
    ...NODE_FOR_OPERATOR,
  ],
  "operator/reconcile/": [
    "operator/api/",
    "operator/backup/",
    "operator/observe/",
    "operator/desired/",
    "operator/rollout/",
    "operator/tuning/",
    "operator/runtime/",
    "operator/trace/",
    ...NODE_FOR_OPERATOR,
    ...ORDERS_FOR_OPERATOR,
  ],
  "operator/runtime/": ["operator/api/group", "operator/reconcile/actions", "node/base/"],
  "operator/trace/": ["operator/runtime/"],
  "operator/sim/": ["operator/*", ...NODE_FOR_OPERATOR],
  // The kubectl plugin: it draws what the API server says, and works out with the operator's own pure rooms.
  "operator/cli/": [
    "operator/api/",
    "operator/desired/",
    "operator/rollout/",
    "operator/observe/snapshot",
    "operator/observe/decode",
    "operator/observe/resources",
    "operator/runtime/",
    "node/base/",
  ],
  "operator/options": [],
  "operator/operator": ["operator/*", ...NODE_FOR_OPERATOR],
  "operator/process": ["operator/*", ...NODE_FOR_OPERATOR],
  "operator/main": ["operator/*", ...NODE_FOR_OPERATOR],
  "cdk8s/": ["operator/api/", "node/base/", "node/codec/", CONTRACT],
  // Plays validators for the operator on a real API server: with the operator's own model, which is judged by that, too.
  // Its tables are those of the node's benchmarks.
  "e2e/bench/": [
    "e2e/",
    "operator/*",
    ...NODE_FOR_OPERATOR,
    "node/bench/machine",
    "node/bench/report",
    "node/bench/results",
  ],
  "e2e/played/": ["e2e/", "operator/*", ...NODE_FOR_OPERATOR, "node/codec/"],
  "e2e/": ["operator/api/", "node/base/", "node/codec/", "node/client/", "node/backup/", CONTRACT],
  "tidy.test": [],
  "vitest.config": [],
};

/** Pure rooms, and what they may import from outside the repository; `type` only as types, `createHash` only that and `hash`. */
const PURE: Readonly<Record<string, readonly string[]>> = {
  "node/base/": [],
  "node/codec/": ["createHash node:crypto", "sodium-native"],
  "node/ledger/": [],
  "node/cal/": [],
  "node/mint/": [],
  "node/chain/": [],
  "node/chain/types": [],
  "node/chain/proof": [],
  "node/consensus/": [],
  "node/lanes/": [],
  "node/sync/": [],
  "node/mesh/": [],
  "node/node": [],
  "node/ports": [],
  "operator/api/": ["zod"],
  "operator/api/group": [],
  "operator/observe/snapshot": ["type @kubernetes/client-node"],
  "operator/desired/": ["createHash node:crypto", "type @kubernetes/client-node"],
  "operator/rollout/": ["type @kubernetes/client-node"],
  "operator/backup/": ["type @kubernetes/client-node"],
  "operator/tuning/": [],
  "operator/reconcile/actions": [],
};
/** Pure with everything that it imports from its own room, which holds impure files too. */
const PURE_ROOTS = [
  "operator/reconcile/decide.ts",
  "operator/cli/status-screen.ts",
  "operator/cli/plan-screen.ts",
  "operator/cli/change-plan.ts",
  "operator/cli/incident-screen.ts",
  "node/supervisor/core.ts",
  "node/shell-mesh-core.ts",
  "node/shell-mesh-witness.ts",
  "node/shell-mesh-resonance.ts",
  "node/shell-mesh-anchors.ts",
];
const PURE_ROOT_PACKAGES = ["type @kubernetes/client-node"];

const IMPURE: readonly (readonly [habit: string, pattern: RegExp])[] = [
  ["async or await", /(?<![.\w])(?:async|await)\b(?!\s*:)/],
  ["the clock", /\bDate\.now\b|\bnew Date\s*\(\s*\)|\bnew Date\b(?!\s*\()|\bperformance\.now\b/],
  ["chance", /\bMath\.random\b|\bgetRandomValues\b|\brandomUUID\b|\brandomBytes\b/],
  ["the process", /(?<![.\w])process\s*[.[]|\bglobalThis\b|(?<![.\w])console\s*\./],
  ["a timer", /\b(?:setTimeout|setInterval|setImmediate|queueMicrotask)\b/],
  ["the network", /(?<![.\w])fetch\s*\(/],
];

const LINES_MAX = 350;

type Import = { readonly specifier: string; readonly typeOnly: boolean; readonly clause: string };
type Source = {
  readonly path: string;
  readonly text: string;
  /** The text with comments, strings, templates and regular expressions blanked. */
  readonly code: string;
  readonly imports: readonly Import[];
  /** String literals that name a TypeScript file: a program started by name has a reader too. */
  readonly mentions: readonly string[];
};

const isTest = (path: string): boolean => /\.(?:test|bench)\.ts$/.test(path);
/** What only tests may import: test-server.ts. */
const isTestHelper = (path: string): boolean => /(?:^|\/)test-[^/]*\.ts$/.test(path);
const BENCHES = ["node/bench/", "e2e/bench/"];
const isForTests = (path: string): boolean =>
  isTest(path) || isTestHelper(path) || BENCHES.some((bench) => path.startsWith(bench));
const house = (path: string): string => path.slice(0, path.indexOf("/") + 1);

/** TypeScript 7 has no compiler API, so this finds the literals of a source by hand. */
function literalsOf(text: string): { code: string; strings: { at: number; value: string }[] } {
  const code = [...text.split("")];
  const strings: { at: number; value: string }[] = [];
  const blank = (from: number, to: number): void => {
    for (let i = from; i < to; i += 1) if (code[i] !== "\n") code[i] = " ";
  };
  const endOf = (from: number, close: string): number => {
    let i = from;
    while (i < text.length && text[i] !== close && text[i] !== "\n") i += text[i] === "\\" ? 2 : 1;
    return i;
  };
  /** Where the chunk of a template that begins at `from` ends: behind its backtick or its `${`. */
  const chunkEnd = (from: number): number => {
    let i = from;
    while (i < text.length && text[i] !== "`" && !text.startsWith("${", i)) i += text[i] === "\\" ? 2 : 1;
    return text[i] === "`" ? i + 1 : i + 2;
  };
  const beginsRegExp = (at: number): boolean =>
    /(?:^|[(,=:[!&|?{};+\-*%~^<>]|\b(?:return|typeof|case|in|of))\s*$/.test(
      code.slice(Math.max(0, at - 40), at).join(""),
    );
  const open: number[] = [];
  let depth = 0;
  for (let i = 0; i < text.length; ) {
    const from = i;
    const character = text[i];
    if (text.startsWith("//", i)) {
      while (i < text.length && text[i] !== "\n") i += 1;
      blank(from, i);
    } else if (text.startsWith("/*", i)) {
      const end = text.indexOf("*/", i + 2);
      i = end < 0 ? text.length : end + 2;
      blank(from, i);
    } else if (character === '"' || character === "'") {
      i = endOf(i + 1, character) + 1;
      strings.push({ at: from, value: text.slice(from + 1, i - 1) });
      blank(from, i);
    } else if (character === "`" || (character === "}" && open.at(-1) === depth)) {
      if (character === "}") open.pop();
      i = chunkEnd(i + 1);
      if (text[i - 1] === "{") open.push(depth);
      else if (character === "`") strings.push({ at: from, value: text.slice(from + 1, i - 1) });
      blank(from, i);
    } else if (character === "/" && beginsRegExp(i)) {
      let inClass = false;
      for (i += 1; i < text.length && text[i] !== "\n" && (inClass || text[i] !== "/"); i += 1) {
        if (text[i] === "\\") i += 1;
        else if (text[i] === "[") inClass = true;
        else if (text[i] === "]") inClass = false;
      }
      i += 1;
      blank(from, i);
    } else {
      if (character === "{") depth += 1;
      if (character === "}") depth -= 1;
      i += 1;
    }
  }
  return { code: code.join(""), strings };
}

function parse(path: string, text: string): Source {
  const { code, strings } = literalsOf(text);
  const imports: Import[] = [];
  const mentions: string[] = [];
  for (const { at, value } of strings) {
    const before = code.slice(Math.max(0, at - 3000), at);
    const from = /\b(?:import|export)\s+(type\s)?([\w\s{},*$]*)\bfrom\s*$/.exec(before);
    if (from !== null)
      imports.push({ specifier: value, typeOnly: from[1] !== undefined, clause: (from[2] ?? "").trim() });
    else if (/\bimport\s*\(?\s*$/.test(before)) imports.push({ specifier: value, typeOnly: false, clause: "*" });
    else if (/^[\w./-]+\.ts$/.test(value)) mentions.push(value);
  }
  return { path, text, code, imports, mentions };
}

const roomOf = (path: string): string | undefined =>
  Object.keys(DOORS)
    .filter((room) => (room.endsWith("/") ? path.startsWith(room) : new RegExp(`^${room}(?:[.-]|$)`).test(path)))
    .toSorted((a, b) => b.length - a.length)[0];

const targetOf = (source: Source, specifier: string): string => posix.join(posix.dirname(source.path), specifier);

function doorViolations(source: Source): string[] {
  const room = roomOf(source.path);
  if (room === undefined) return [`${source.path}: its room is not listed in tidy.test.ts`];
  // A test stands in its room but may reach through its own house, as it drives several rooms together.
  const opens = [room, ...(DOORS[room] ?? []), ...(isForTests(source.path) ? [`${house(source.path)}*`] : [])];
  return source.imports
    .filter(({ specifier }) => specifier.startsWith("."))
    .map(({ specifier }) => targetOf(source, specifier))
    .filter((target) => {
      const other = roomOf(target);
      if (other === undefined || (isForTests(target) && !isForTests(source.path))) return true;
      const wild = !FOR_NOBODY.includes(other) && house(target) !== "" && opens.includes(`${house(target)}*`);
      return !wild && !opens.some((open) => other === open || (open.endsWith("/") && other.startsWith(open)));
    })
    .map((target) => `${source.path} opens ${target}: no such door from ${room}`);
}

function purityViolations(source: Source, packages: readonly string[]): string[] {
  const habits = IMPURE.filter(([, pattern]) => pattern.test(source.code)).map(
    ([habit]) => `${source.path} is in a pure room and uses ${habit}`,
  );
  const strangers = source.imports
    .filter(({ specifier }) => !specifier.startsWith("."))
    .filter(
      ({ specifier, typeOnly, clause }) =>
        !packages.includes(specifier) &&
        !(typeOnly && packages.includes(`type ${specifier}`)) &&
        !(/^{\s*createHash(?:\s*,\s*hash)?\s*}$/.test(clause) && packages.includes(`createHash ${specifier}`)),
    )
    .map(({ specifier }) => `${source.path} is in a pure room and imports ${specifier}`);
  return [...habits, ...strangers];
}

function habitViolations(source: Source): string[] {
  const found: string[] = [];
  const config = source.path === "vitest.config.ts" || source.path.endsWith(".d.ts");
  if (!config && /\bexport\s+default\b|\bas\s+default\b/.test(source.code)) found.push("has a default export");
  if (/(?:[:<|&,(=]|\bas|\bextends)\s*any\b(?!\s*[:(?])/.test(source.code)) found.push("uses `any`");
  const lines = source.text.trimEnd().split("\n").length;
  if (!isTest(source.path) && lines > LINES_MAX) found.push(`has ${lines} lines, more than ${LINES_MAX}`);
  for (const { specifier } of source.imports) {
    if (specifier.startsWith(".") && !/\.(?:ts|json)$/.test(specifier)) found.push(`imports ${specifier} without .ts`);
    if (specifier.startsWith("/") || specifier.startsWith("file:"))
      found.push(`imports the absolute path ${specifier}`);
  }
  return found.map((what) => `${source.path} ${what}`);
}

/** What the files in `starts` import or start, and so on from there. */
function reachedFrom(sources: readonly Source[], starts: readonly string[]): ReadonlySet<string> {
  const byPath = new Map(sources.map((source) => [source.path, source]));
  const reached = new Set<string>();
  const walk = (path: string): void => {
    const source = byPath.get(path);
    if (source === undefined || reached.has(path)) return;
    reached.add(path);
    for (const { specifier } of source.imports) if (specifier.startsWith(".")) walk(targetOf(source, specifier));
    for (const mention of source.mentions) {
      walk(targetOf(source, mention));
      walk(posix.normalize(mention));
    }
  };
  for (const path of starts) walk(path);
  return reached;
}

/** Files that no program and no test reaches. `named`: files that package.json and shell scripts start. */
function unreadFiles(sources: readonly Source[], named: readonly string[]): string[] {
  const starts = sources
    .map(({ path }) => path)
    .filter((path) => isTest(path) || /(?:^|\/)main\.ts$|\.d\.ts$|^vitest\.config\.ts$/.test(path));
  const reached = reachedFrom(sources, [...starts, ...named]);
  return sources.filter(({ path }) => !reached.has(path)).map(({ path }) => `${path} has no reader`);
}

/** The files of a pure room, and those that a pure root reaches inside its own room. */
function purePackagesOf(sources: readonly Source[]): ReadonlyMap<string, readonly string[]> {
  const byPath = new Map(sources.map((source) => [source.path, source]));
  const pure = new Map<string, readonly string[]>();
  for (const { path } of sources) {
    const packages = PURE[roomOf(path) ?? ""];
    if (packages !== undefined && !isForTests(path)) pure.set(path, packages);
  }
  const walk = (path: string): void => {
    const source = byPath.get(path);
    if (source === undefined || pure.has(path)) return;
    pure.set(path, PURE_ROOT_PACKAGES);
    for (const { specifier, typeOnly } of source.imports) {
      const target = targetOf(source, specifier);
      if (specifier.startsWith(".") && !typeOnly && roomOf(target) === roomOf(path)) walk(target);
    }
  };
  for (const root of PURE_ROOTS) walk(root);
  return pure;
}

const root = import.meta.dirname;
const IGNORED = new Set(["node_modules", "build", ".git"]);

async function filesUnder(folder: string): Promise<string[]> {
  const entries = await readdir(join(root, folder), { withFileTypes: true });
  const lists = await Promise.all(
    entries
      .filter(({ name }) => !IGNORED.has(name))
      .map((entry) => {
        const path = posix.join(folder, entry.name);
        return entry.isDirectory() ? filesUnder(path) : entry.isFile() ? [path] : [];
      }),
  );
  return lists.flat();
}

describe("the repository", () => {
  let sources: readonly Source[] = [];
  let named: readonly string[] = [];
  beforeAll(async () => {
    const files = await filesUnder(".");
    sources = await Promise.all(
      files
        .filter((path) => path.endsWith(".ts"))
        .map(async (path) => parse(path, await readFile(join(root, path), "utf8"))),
    );
    const starters = files.filter((path) => path === "package.json" || path.startsWith(".ci/") || path.endsWith(".sh"));
    const texts = await Promise.all(starters.map((path) => readFile(join(root, path), "utf8")));
    named = texts.flatMap((text) => text.match(/[\w./-]+\.ts\b/g) ?? []).map((path) => posix.normalize(path));
  });

  it("is read as a whole", () => {
    expect(sources.length).toBeGreaterThan(20);
    expect(sources.flatMap(({ imports }) => imports).length).toBeGreaterThan(20);
  });
  it("opens no door that is not listed", () => {
    expect(sources.flatMap(doorViolations)).toEqual([]);
  });
  it("lists no room that is not there", () => {
    const rooms = new Set(sources.map(({ path }) => roomOf(path)));
    expect(Object.keys(DOORS).filter((room) => !rooms.has(room))).toEqual([]);
    expect(Object.keys(PURE).filter((room) => !(room in DOORS))).toEqual([]);
    expect(PURE_ROOTS.filter((path) => !sources.some((source) => source.path === path))).toEqual([]);
  });
  it("keeps its pure rooms pure", () => {
    const pure = purePackagesOf(sources);
    expect(
      sources.flatMap((source) => {
        const packages = pure.get(source.path);
        return packages === undefined ? [] : purityViolations(source, packages);
      }),
    ).toEqual([]);
  });
  it("keeps its habits", () => {
    expect(sources.flatMap(habitViolations)).toEqual([]);
  });
  it("has a reader for every file", () => {
    expect(unreadFiles(sources, named)).toEqual([]);
  });
  it("explains every reason that the operator gives in docs/operations.md", async () => {
    const told = await readFile(join(root, "docs/operations.md"), "utf8");
    const running = reachedFrom(sources, ["operator/main.ts"]);
    const reasons = sources
      .filter(({ path }) => /^operator\/(?:reconcile|rollout)\//.test(path) && running.has(path))
      .flatMap(({ text }) => [...text.matchAll(/\breason: "([A-Z][A-Za-z]+)"/g)].map(([, reason]) => reason ?? ""));
    expect(reasons.length).toBeGreaterThan(10);
    expect([...new Set(reasons)].filter((reason) => !told.includes(`\`${reason}\``)).toSorted()).toEqual([]);
  });
  it("locks packages without the address they came from", () => {
    const lock: unknown = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8"));
    expect(JSON.stringify(lock)).not.toContain('"resolved"');
  });
});

describe("the rules find what breaks them", () => {
  const source = (path: string, ...lines: string[]): Source => parse(path, lines.join("\n"));

  it.each([
    ["node/base/a.ts", 'import { b } from "../codec/b.ts";'],
    ["node/ledger/a.ts", 'import type { Chain } from "../chain/chain.ts";'],
    ["node/consensus/a.ts", 'export { b } from "../sync/b.ts";'],
    ["node/codec/a.ts", 'import {\n  type A,\n  b,\n} from "../ledger/b.ts";'],
    ["node/node.ts", 'import { b } from "./sim/b.ts";'],
    ["node/main.ts", 'import { b } from "./fuzz/b.ts";'],
    ["node/sim/a.ts", 'import { b } from "../fuzz/b.ts";'],
    ["node/main.ts", 'const b = await import("./sim/b.ts");'],
    ["node/api/server.ts", 'import "../../operator/api/cluster.ts";'],
    ["node/api/server.test.ts", 'import { b } from "../../operator/api/cluster.ts";'],
    ["node/api/server.test.ts", 'import { b } from "../sim/clock.ts";'],
    ["operator/observe/a.ts", 'import { b } from "../../node/codec/b.ts";'],
    ["operator/runtime/a.ts", 'import { b } from "../api/cluster.ts";'],
    ["operator/desired/a.ts", 'import { b } from "../reconcile/apply.ts";'],
    ["e2e/check/a.ts", 'import { b } from "../../node/ledger/b.ts";'],
    ["node/client/a.ts", 'import { b } from "./test-server.ts";'],
    ["node/news/a.ts", "export const a = 1;"],
    ["node/base/a.ts", 'import { b } from "../news/b.ts";'],
  ])("a closed door: %s: %s", (path, text) => {
    expect(doorViolations(source(path, text))).toHaveLength(1);
  });

  it.each([
    ["node/chain/a.ts", 'import { b } from "../ledger/b.ts";'],
    ["node/chain/a.test.ts", 'import { b } from "../client/b.ts";'],
    ["node/client/test-server.ts", 'import { b } from "../chain/chain.ts";'],
    ["node/client/a.test.ts", 'import { b } from "./test-server.ts";'],
    ["node/sim/a.ts", 'import { b } from "../node.ts";'],
    ["operator/observe/a.ts", 'import type { NodeStatus } from "../../node/api/contract.ts";'],
    ["operator/main.ts", 'import { b } from "./runtime/b.ts";'],
    ["node/ledger/a.ts", '// import { b } from "../chain/b.ts";'],
    ["node/ledger/a.ts", 'const text = `import { b } from "../chain/b.ts"`;'],
  ])("an open door: %s: %s", (path, text) => {
    expect(doorViolations(source(path, text))).toEqual([]);
  });

  it.each([
    "export async function f() {}",
    "const f = async () => 1;",
    "const now = Date.now();",
    "const now = new Date();",
    "const roll = Math.random();",
    "if (process.env.X) f();",
    "setTimeout(f, 1);",
    'import { readFileSync } from "node:fs";',
    'import { get } from "node:http";',
    'import { connect } from "node:net";',
    'import { createHash, generateKeyPairSync } from "node:crypto";',
    `const text = \`\${Date.now()}\`;`,
    `const text = \`\${\`\${\`}\`}\`}\${Math.random()}\`;`,
    "const slash = /[/`]/; const now = Date.now();",
    'const quote = a / b; const c = "/"; process.exit(1);',
  ])("an impure line: %s", (text) => {
    expect(purityViolations(source("node/codec/a.ts", text), PURE["node/codec/"] ?? [])).toHaveLength(1);
  });

  it.each([
    'import { createHash } from "node:crypto";',
    'import { createHash, hash } from "node:crypto";',
    "const at = new Date(millis);",
    "// await Math.random() of Date.now()",
    'const text = "process.env";',
    "const line = record.process.length;",
    "const found = /setTimeout/.test(text);",
  ])("a pure line: %s", (text) => {
    expect(purityViolations(source("node/codec/a.ts", text), PURE["node/codec/"] ?? [])).toEqual([]);
  });

  it("a stranger in a pure room, unless it comes as types where that is allowed", () => {
    const packages = ["type kube"];
    expect(purityViolations(source("a.ts", 'import type { Pod } from "kube";'), packages)).toEqual([]);
    expect(purityViolations(source("a.ts", 'import { Pod } from "kube";'), packages)).toHaveLength(1);
  });

  it("what a pure file pulls in from its own room", () => {
    const sources = [
      source("operator/reconcile/decide.ts", 'import { a } from "./a.ts";', 'import type { B } from "./b.ts";'),
      source("operator/reconcile/a.ts", "const now = Date.now();"),
      source("operator/reconcile/b.ts", "const now = Date.now();"),
    ];
    expect([...purePackagesOf(sources).keys()]).toEqual(["operator/reconcile/decide.ts", "operator/reconcile/a.ts"]);
  });

  it.each([
    "export default 1;",
    "export { a as default };",
    "const a: any = 1;",
    "const a = b as any;",
    "const a: Map<string, any> = b;",
    'import { b } from "./b";',
    'import { b } from "./b.js";',
    'import { b } from "/tmp/b.ts";',
  ])("a bad habit: %s", (text) => {
    expect(habitViolations(source("node/base/a.ts", text))).toHaveLength(1);
  });

  it.each(["const any = f({ any: 1 });", "// any: any", "const a = list.any(b);"])("a good habit: %s", (text) => {
    expect(habitViolations(source("node/base/a.ts", text))).toEqual([]);
  });

  it("a file that is too long", () => {
    const lines = (count: number): Source => source("node/base/a.ts", "// line\n".repeat(count));
    expect(habitViolations(lines(LINES_MAX))).toEqual([]);
    expect(habitViolations(lines(LINES_MAX + 1))).toHaveLength(1);
  });

  it("files that read only each other", () => {
    const sources = [
      source("node/main.ts", 'import { a } from "./base/a.ts";', 'spawn(new URL("./base/child.ts", import.meta.url));'),
      source("node/base/a.ts", "export const a = 1;"),
      source("node/base/child.ts", "export const child = 1;"),
      source("node/base/x.ts", 'import { y } from "./y.ts";'),
      source("node/base/y.ts", 'import { x } from "./x.ts";'),
      source("e2e/tool.ts", "export const tool = 1;"),
    ];
    expect(unreadFiles(sources, ["e2e/tool.ts"])).toEqual([
      "node/base/x.ts has no reader",
      "node/base/y.ts has no reader",
    ]);
  });
});
