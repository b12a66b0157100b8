import type { BlockRecord } from "../../codec/block-record.ts";
import type { PeerMessage } from "../../codec/peer-message.ts";

/** A message on its way, to all the others or to one. */
export type Spoken = { readonly message: PeerMessage; readonly to: number | undefined };

/** What a machine said in one step, and what it reported about others' safety. */
export type Said = { readonly messages: readonly Spoken[]; readonly reports: readonly string[] };

/** `time` lets the clock alone move it. */
export type Input =
  | { readonly type: "message"; readonly from: number; readonly message: PeerMessage }
  | { readonly type: "record"; readonly record: BlockRecord }
  | { readonly type: "time" };
