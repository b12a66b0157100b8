import { setTimeout as delay } from "node:timers/promises";
import type { z } from "zod";
import {
  errorSchema,
  memoryAuthorPageSchema,
  memoryEntrySchema,
  memoryStoredSchema,
  memorySummarySchema,
} from "../api/json-contract.ts";
import { present } from "../base/assert.ts";
import { fromHex, type Hex, toHex } from "../base/bytes.ts";
import { nextHybridTime } from "../codec/hybrid-clock.ts";
import { CONTENT_BYTES_MAX, ENTRY_ID, type EntryKey, isSigned, sealEntry, signEntry } from "../codec/memory-entry.ts";
import type { KeyPair } from "../codec/signature.ts";
import type { ApiReader, ReadOptions } from "./api-reader.ts";
import type { Lookups } from "./lookups.ts";

/** A version of an entry that its author has signed. */
export type Remembered = EntryKey & { readonly clock: bigint; readonly content: Uint8Array } & MemoryNotes;
/** What the node that answered says of the version beside what its author signed: its own word. */
export type MemoryNotes = Pick<z.output<typeof memoryEntrySchema>, "publisher" | "resonancePpm" | "anchor">;
export type MemoryChange = z.output<typeof memorySummarySchema>;
export type MemoryStored = z.output<typeof memoryStoredSchema>;

/** The memory mesh: small entries under (author, id), which only their author writes. */
export type Memory = {
  /** Public key of the author whose entries this client writes. */
  readonly author: Hex;
  /** Writes an entry of the own key. A newer version that another process wrote meanwhile is overwritten. */
  put(id: string, content: Uint8Array | string, options?: ReadOptions): Promise<MemoryStored>;
  delete(id: string, options?: ReadOptions): Promise<MemoryStored>;
  /** Undefined: there is none, or it is deleted. Rejects what its author did not sign. */
  get(key: EntryKey, options?: ReadOptions): Promise<Remembered | undefined>;
  /** An author's entries, by id, behind `after`: of all shards that the nodes hold together. */
  list(author: Hex, page?: { readonly after?: string; readonly limit?: number }): Promise<readonly MemoryChange[]>;
  /** Calls back with each new version, once, until the signal aborts; what happened while no node was connected is left out. */
  watch(changed: (change: MemoryChange) => void, options: WatchOptions): Promise<void>;
};
export type WatchOptions = {
  readonly signal: AbortSignal;
  /** Called each time a node begins to tell. */
  readonly onConnected?: (target: number) => void;
};

const WRITES_MAX = 5;
const RETRY_MS = 500;
/** Versions that a watch remembers, as several nodes tell of each. */
const SEEN_MAX = 10_000;
const text = new TextEncoder();

export function createMemory(
  { reader, lookups, targets }: { readonly reader: ApiReader; readonly lookups: Lookups; readonly targets: number },
  key: KeyPair,
): Memory {
  const author = toHex(key.publicKey);
  /** The newest hybrid time that this client has seen: what it writes comes after what it has read. */
  let clock = 0n;
  let chain: Promise<Hex> | undefined;
  const chainId = (): Promise<Hex> => {
    chain ??= lookups.status().then((status) => present(status.chainId, "a node with an API has a chain"));
    // A node that did not answer is asked again.
    chain.catch(() => {
      chain = undefined;
    });
    return chain;
  };
  const saw = (seen: bigint): void => {
    if (seen > clock) clock = seen;
  };
  const read = async ({ author: of, id }: EntryKey, options?: ReadOptions) => {
    const found = await reader.get(`/v1/memory/${of}/${id}`, memoryEntrySchema, options);
    if (found === undefined) return undefined;
    const content = new Uint8Array(Buffer.from(found.content, "base64"));
    const fields = { author: of, id, clock: found.clock, content: found.deleted ? undefined : content };
    const entry = sealEntry(fields, await chainId(), fromHex(found.signature) ?? new Uint8Array());
    if (!isSigned(entry, await chainId()))
      throw new Error(`a node tells of an entry ${of}/${id} that its author did not sign`);
    saw(entry.clock);
    const { publisher, resonancePpm, anchor } = found;
    return { entry, notes: { publisher, resonancePpm, anchor } };
  };
  const write = async (id: string, content: Uint8Array | undefined, options?: ReadOptions): Promise<MemoryStored> => {
    if (!ENTRY_ID.test(id)) throw new Error("id: 1 to 64 letters, digits, and . _ ~ -");
    if ((content?.length ?? 0) > CONTENT_BYTES_MAX) throw new Error(`content: at most ${CONTENT_BYTES_MAX} bytes`);
    const network = await chainId();
    let problem = "";
    for (let attempt = 0; attempt < WRITES_MAX; attempt++) {
      clock = nextHybridTime(clock, Date.now());
      const { signature } = signEntry({ id, clock, content }, { chainId: network, author: key });
      const path = `/v1/memory/${author}/${id}?clock=${clock}&signature=${toHex(signature)}`;
      const what = content === undefined ? { method: "DELETE" as const } : { method: "PUT" as const, body: content };
      const { code, body } = await reader.send(path, what, options);
      if (code === 200 || code === 202) return memoryStoredSchema.parse(JSON.parse(body));
      const said = errorSchema.safeParse(JSON.parse(body));
      problem = said.success ? said.data.error : body.slice(0, 200);
      if (code !== 409) break;
      // Another process of this author was faster, or its clock is: read what there is, and write after it.
      await read({ author, id }, options);
    }
    throw new Error(`${id} is not written: ${problem}`);
  };
  const watchOne = async (target: number, { signal, onConnected }: WatchOptions, event: (data: string) => void) => {
    while (!signal.aborted) {
      await reader
        .listen("/v1/memory/watch", target, { signal, opened: () => onConnected?.(target), event })
        .catch(() => undefined);
      await delay(RETRY_MS, undefined, { signal }).catch(() => undefined);
    }
  };
  return {
    author,
    put: (id, content, options) => write(id, typeof content === "string" ? text.encode(content) : content, options),
    delete: (id, options) => write(id, undefined, options),
    get: async (wanted, options) => {
      const found = await read(wanted, options);
      if (found === undefined || found.entry.deleted) return undefined;
      const { author: of, id, clock: at, content } = found.entry;
      return { author: of, id, clock: at, content, ...found.notes };
    },
    list: async (of, { after = "", limit = 100 } = {}) => {
      const path = `/v1/memory/${of}?after=${after}&limit=${limit}`;
      const pages = await Promise.allSettled(
        Array.from({ length: targets }, (_, target) => reader.get(path, memoryAuthorPageSchema, { target })),
      );
      const found = new Map<string, MemoryChange>();
      for (const page of pages) {
        for (const entry of page.status === "fulfilled" ? (page.value?.entries ?? []) : []) {
          if ((found.get(entry.id)?.clock ?? -1n) < entry.clock) found.set(entry.id, entry);
        }
      }
      if (pages.every(({ status }) => status === "rejected")) throw new Error("no node answers");
      return [...found.values()].toSorted((a, b) => (a.id < b.id ? -1 : 1)).slice(0, limit);
    },
    watch: async (changed, options) => {
      const seen = new Set<Hex>();
      const event = (data: string): void => {
        const change = memorySummarySchema.parse(JSON.parse(data));
        if (seen.has(change.digest)) return;
        seen.add(change.digest);
        const [oldest] = seen.size > SEEN_MAX ? seen : [];
        if (oldest !== undefined) seen.delete(oldest);
        saw(change.clock);
        changed(change);
      };
      // All of them: each tells of the shards that it holds.
      await Promise.all(Array.from({ length: targets }, (_, target) => watchOne(target, options, event)));
    },
  };
}
