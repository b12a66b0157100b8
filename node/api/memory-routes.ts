import { toHex } from "../base/bytes.ts";
import { refuse } from "../base/result.ts";
import { withContent } from "../chain/proof-anchor.ts";
import { proofObject } from "../chain/proof-file.ts";
import { batchId } from "../codec/batch.ts";
import { CONTENT_BYTES_MAX, type MemoryEntry, shardOf } from "../codec/memory-entry.ts";
import {
  anchorProofInput,
  anchorProofSchema,
  errorSchema,
  memoryAuthorInput,
  memoryAuthorPageInput,
  memoryAuthorPageSchema,
  memoryEntrySchema,
  memoryKeyInput,
  memoryShardPageInput,
  memoryShardPageSchema,
  memoryStoredSchema,
  memoryVersionInput,
  noInput,
} from "./json-contract.ts";
import type { MemorySource } from "./memory-source.ts";
import { get, plain, type Route } from "./route.ts";

/** An entry as JSON, without its content. */
export const summaryOf = ({ author, id, shard, clock, deleted, digest, content }: MemoryEntry) => ({
  ...{ author, id, shard, clock, deleted, digest, bytes: content.length },
});

/** What this node knows of just this version, as far as it does. */
function notesOf({ digest, ...key }: MemoryEntry, memory: MemorySource): object {
  const notes = memory.notesOf(key);
  if (notes?.digest !== digest) return {};
  const { publisher, resonancePpm, anchor } = notes;
  return {
    ...(publisher === undefined ? {} : { publisher }),
    ...(resonancePpm === undefined ? {} : { resonancePpm }),
    ...(anchor === undefined ? {} : { anchor: { height: anchor.height, batch: batchId(anchor.batch) } }),
  };
}

const written: Route["answers"] = {
  200: { description: "Taken.", schema: memoryStoredSchema },
  202: {
    description: "Taken, but its clock is ahead: it is merged when that time has come.",
    schema: memoryStoredSchema,
  },
  400: { description: "A parameter is wrong; `field` names it.", schema: errorSchema },
  409: { description: "A newer version is there: read it, and sign with a clock above its own.", schema: errorSchema },
  413: { description: "The content is too large.", schema: errorSchema },
  415: { description: "The body is not application/octet-stream.", schema: errorSchema },
  422: { description: "Refused: this version will never be taken.", schema: errorSchema },
  429: { description: "Over the author's quota or pace, or the node's limits.", schema: errorSchema },
  503: { description: "No node that holds the shard answers: later, or elsewhere.", schema: errorSchema },
};

/** The memory mesh: entries that only their authors write. */
export const MEMORY_ROUTES: readonly Route[] = [
  get({
    ...plain,
    path: "/v1/memory",
    query: memoryShardPageInput,
    summary: "Versions of one shard by clock, tombstones too, without contents.",
    schema: memoryShardPageSchema,
    elsewhere: true,
    answer: ({ query }, { memory }) => {
      const page = memory.pageOfShard(query);
      if (page === undefined) return refuse("elsewhere", `this node does not hold shard ${query.shard}`);
      return { ...page, entries: page.entries.map(summaryOf) };
    },
  }),
  get({
    path: "/v1/memory/{author}",
    params: memoryAuthorInput,
    query: memoryAuthorPageInput,
    summary: "An author's entries that this node holds, by id, without contents.",
    schema: memoryAuthorPageSchema,
    answer: ({ params: { author }, query }, { memory }) => ({
      shards: memory.shards(),
      entries: memory
        .pageOfAuthor({ author, ...query })
        .map((entry) => ({ ...summaryOf(entry), ...notesOf(entry, memory) })),
    }),
  }),
  get({
    path: "/v1/memory/{author}/{id}",
    params: memoryKeyInput,
    query: noInput,
    summary: "The newest version of an entry.",
    schema: memoryEntrySchema,
    noun: "entry",
    elsewhere: true,
    answer: async ({ params }, { memory }) => {
      const found = await memory.lookUp(params);
      if (!found.ok) return refuse("elsewhere", found.detail ?? found.reason);
      if (found.value === undefined) return undefined;
      const { content, signature } = found.value;
      const text = Buffer.from(content).toString("base64");
      const entry = { ...summaryOf(found.value), ...notesOf(found.value, memory) };
      return { ...entry, content: text, signature: toHex(signature) };
    },
  }),
  {
    method: "PUT",
    path: "/v1/memory/{author}/{id}",
    params: memoryKeyInput,
    query: memoryVersionInput,
    summary: "Writes an entry: a version that its author has signed.",
    body: { type: "application/octet-stream", maxBytes: CONTENT_BYTES_MAX, description: "The content." },
    noun: "",
    answers: written,
    answer: "memory",
  },
  {
    method: "DELETE",
    path: "/v1/memory/{author}/{id}",
    params: memoryKeyInput,
    query: memoryVersionInput,
    summary: "Deletes an entry: a tombstone that its author has signed.",
    noun: "",
    answers: written,
    answer: "memory",
  },
  get({
    path: "/v1/memory/{author}/{id}/proof",
    params: memoryKeyInput,
    query: anchorProofInput,
    summary: "Proves that the newest version of an entry is anchored, as long as its block is one of the newest.",
    schema: anchorProofSchema,
    noun: "proof of an anchor: not anchored, not named by a later final block yet, or of an older block (`hmn-node prove`)",
    elsewhere: true,
    answer: ({ params, query: { epoch } }, { memory, prove }) => {
      const notes = memory.notesOf(params);
      if (notes === undefined && !memory.shards().includes(shardOf(params)))
        return refuse("elsewhere", `this node does not hold shard ${shardOf(params)}`);
      if (notes?.anchor === undefined) return undefined;
      const { height, index, batch: content } = notes.anchor;
      const proof = prove({ batch: batchId(content), height, epoch });
      if (proof.ok) return proofObject(withContent(proof.value, { index, content }));
      return proof.reason === "epoch_too_old" ? refuse("elsewhere", proof.detail ?? proof.reason) : undefined;
    },
  }),
  {
    ...plain,
    method: "GET",
    path: "/v1/memory/watch",
    summary: "Server-sent events: `memory` for each new version of a shard that this node holds, without its content.",
    noun: "",
    answers: {
      200: { description: "A stream without end; comments are heartbeats.", schema: "events" },
      400: { description: "A parameter is wrong.", schema: errorSchema },
      503: { description: "Too many listen already.", schema: errorSchema },
    },
    answer: "memory-events",
  },
];
