import { type Millis, seconds } from "../base/units.ts";

/** What one node holds of the mesh at most. */
export type MeshLimits = {
  readonly entries: number;
  /** Of encoded entries. */
  readonly bytes: number;
  /** Of one author, tombstones included: a new entry under the id of a deleted one takes the tombstone's place. */
  readonly authorEntries: number;
  readonly authorBytes: number;
};

export const MESH_LIMITS: MeshLimits = {
  entries: 50_000,
  bytes: 32 * 1024 * 1024,
  authorEntries: 4_096,
  authorBytes: 4 * 1024 * 1024,
};

/** Clocks of honest machines differ a little: an entry ahead by less than this counts as of now. */
export const SKEW_MS: Millis = seconds(1);
/** Further ahead is refused; between the two it waits (domain.md, "Memory mesh"). */
export const AHEAD_MAX_MS: Millis = seconds(60);
/** Entries that wait for their time, of everybody and of one author. */
export const WAITING_MAX = 1_024;
export const WAITING_AUTHOR_MAX = 16;

/** What is newer is still on its way by push: anti-entropy compares what is older. */
export const SETTLE_MS: Millis = seconds(2);
/** Without a word from the other side an exchange has failed; so it has after this long, whatever was said. */
export const EXCHANGE_SILENT_MS: Millis = seconds(5);
export const EXCHANGE_MAX_MS: Millis = seconds(60);
/** Walks through the trees that moved nothing, after which two sides are taken for different. */
export const IDLE_WALKS_MAX = 3;
export const EXCHANGES_MAX = 256;
/** Items of a tree that one message may have looked at: bounds the work that a peer can ask for. */
export const WALK_ITEMS_MAX = 20_000;
/** Bytes of entries in one message, unless one alone is larger. */
export const MESSAGE_ENTRY_BYTES = 256 * 1024;

/** Peers that a node gossips with (domain.md, "Memory mesh"), and how many of them chance picks: one in so many. */
export const PEERS_MAX = 20;
export const RANDOM_SHARE = 4;
/** Peers with whom a round of gossip begins exchanges, beside those that are overdue. */
export const ROUND_PEERS = 2;
/** Replicas that a new entry is pushed to at once. */
export const PUSH_PEERS = 3;
/** Entries that wait to be pushed to one peer; what is dropped anti-entropy brings. */
export const PUSH_QUEUE_MAX = 1_024;
/** Entries a second that a node pushes to one peer, and takes unasked from one. */
export const PUSH_PER_SECOND = 1_000;
export const TAKE_PER_SECOND = 4_000;

/** Questions to other nodes under way, and how long one may take. */
export const REQUESTS_MAX = 1_024;
export const REQUEST_MS: Millis = seconds(2);
