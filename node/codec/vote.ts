import { unreachable } from "../base/assert.ts";
import type { Hex } from "../base/bytes.ts";
import { hashBytes, readCounter, readFlag, readHash, writeCounter } from "./parse.ts";
import { MalformedBytes, type Reader } from "./reader.ts";
import { SIGNATURE_BYTES } from "./signature.ts";
import { type Writer, writer } from "./writer.ts";

/**
 * What a validator can say about a view (rule 1). A block's votes also carry its height, so that a certificate proves it;
 * tail blocks have their closing block's.
 */
export type Ballot =
  | {
      readonly kind: "notarize";
      readonly epoch: number;
      readonly view: number;
      readonly block: Hex;
      readonly height: number;
      /** E of rule 6 and its results hash, as the block names them. */
      readonly executed: { readonly height: number; readonly resultsHash: Hex };
      /** The voter's own results hash of E where it is another one: such a vote is carried, and counts for nobody. */
      readonly dissent?: Hex;
    }
  | { readonly kind: "nullify"; readonly epoch: number; readonly view: number }
  | {
      readonly kind: "finalize";
      readonly epoch: number;
      readonly view: number;
      readonly block: Hex;
      readonly height: number;
    };

export type Vote = { readonly ballot: Ballot; readonly signer: number; readonly signature: Uint8Array };

const VOTE_DOMAIN = new TextEncoder().encode("hmn/vote/2\n");
const PROPOSAL_DOMAIN = new TextEncoder().encode("hmn/proposal/2\n");
const KINDS = ["notarize", "nullify", "finalize"] as const;

/** The bytes that a voter signs: every vote names its chain, so that no vote counts on another network. */
export const ballotMessage = (chainId: Hex, ballot: Ballot): Uint8Array =>
  writer().fixed(VOTE_DOMAIN).fixed(hashBytes(chainId)).fixed(encodeBallot(ballot)).done();

/** The bytes that a leader signs with a proposal. */
export const proposalMessage = (
  chainId: Hex,
  { epoch, view, block }: { epoch: number; view: number; block: Hex },
): Uint8Array =>
  writeCounter(writer().fixed(PROPOSAL_DOMAIN).fixed(hashBytes(chainId)).u32(epoch), view)
    .fixed(hashBytes(block))
    .done();

export function encodeBallot(ballot: Ballot): Uint8Array {
  const to = writeCounter(writer().u8(KINDS.indexOf(ballot.kind)).u32(ballot.epoch), ballot.view);
  switch (ballot.kind) {
    case "nullify":
      return to.done();
    case "finalize":
      return writeCounter(to.fixed(hashBytes(ballot.block)), ballot.height).done();
    case "notarize":
      writeCounter(to.fixed(hashBytes(ballot.block)), ballot.height);
      writeCounter(to, ballot.executed.height).fixed(hashBytes(ballot.executed.resultsHash));
      return writeDissent(to, ballot.dissent).done();
    default:
      return unreachable(ballot);
  }
}

export function readBallot(from: Reader): Ballot {
  const kind = KINDS[from.u8()];
  if (kind === undefined) throw new MalformedBytes("unknown kind of vote");
  const epoch = from.u32();
  const view = readCounter(from);
  if (view === 0) throw new MalformedBytes("views count from 1");
  if (kind === "nullify") return { kind, epoch, view };
  const block = readHash(from);
  const height = readCounter(from);
  if (kind === "finalize") return { kind, epoch, view, block, height };
  const executed = { height: readCounter(from), resultsHash: readHash(from) };
  const dissent = readDissent(from);
  if (dissent === undefined) return { kind, epoch, view, block, height, executed };
  if (dissent === executed.resultsHash) throw new MalformedBytes("a dissent from the same hash");
  return { kind, epoch, view, block, height, executed, dissent };
}

/** A results hash behind a flag: 1 where there is one. */
export const writeDissent = (to: Writer, dissent: Hex | undefined): Writer =>
  dissent === undefined ? to.u8(0) : to.u8(1).fixed(hashBytes(dissent));

export function readDissent(from: Reader): Hex | undefined {
  return readFlag(from) ? readHash(from) : undefined;
}

export const encodeVote = (vote: Vote): Uint8Array =>
  writer().fixed(encodeBallot(vote.ballot)).u32(vote.signer).fixed(vote.signature).done();

export const readVote = (from: Reader): Vote => ({
  ballot: readBallot(from),
  signer: from.u32(),
  signature: from.fixed(SIGNATURE_BYTES),
});
