import type { Hex } from "../base/bytes.ts";
import { VALIDATORS_MAX } from "../codec/certificate.ts";
import { hashBytes, readCounter, readHash, writeCounter } from "../codec/parse.ts";
import { MalformedBytes, type Reader } from "../codec/reader.ts";
import type { Writer } from "../codec/writer.ts";
import { TOKENS, tokenLedgers } from "../ledger/tokens.ts";
import type { Candidate, Mint, MintedToken, MintInput } from "../mint/mint.ts";
import type { Share } from "../mint/share.ts";
import { readList, writeList } from "./lists.ts";

/** Reputation in so many last mints is what opens the harmonic gate (domain.md, "Minting"). */
const MINTS_COUNTED = 20;
/** So many stand in the state: the newest, and those that counted for it. */
export const MINTS_KEPT = MINTS_COUNTED + 1;

/** One mint: what it was computed from and what came of it, so that anyone can compute it again. */
export type MintRecord = MintInput &
  Mint & {
    /** Hash of chain id and epoch. */
    readonly id: Hex;
    /** The measured epoch. */
    readonly epoch: number;
    /** The closing block that it was executed with. */
    readonly height: number;
  };

/** What stands for a mint in the journal: the first half of its id. */
export const mintCause = ({ id }: Pick<MintRecord, "id">): bigint => BigInt(`0x${id.slice(0, 32)}`);

/** CHR that the last 20 of these mints gave a validator. */
export const recentChrOf = (mints: readonly Pick<MintRecord, "issues">[], validator: number): bigint =>
  mints
    .slice(-MINTS_COUNTED)
    .flatMap(({ issues }) => issues)
    .filter(({ token }) => token === "CHR")
    .flatMap(({ shares }) => shares)
    .reduce((sum, { id, amount }) => (id === validator ? sum + amount : sum), 0n);

export const mintedTokens = Object.keys(TOKENS) as readonly MintedToken[];

export function writeMint(to: Writer, mint: MintRecord): Writer {
  writeCounter(to.fixed(hashBytes(mint.id)).u32(mint.epoch), mint.height);
  to.u32(mint.coherencePpm).u32(mint.lambdaPpm).u32(mint.meanPsiPpm).u128(mint.highestRecentChr);
  for (const token of mintedTokens) to.u128(mint.headroom[token]);
  writeList(to, mint.candidates, (out, { id, weight, psiPpm, recentChr }) =>
    out.u32(id).u32(weight).u32(psiPpm).u128(recentChr),
  );
  to.u128(mint.budget);
  return writeList(to, mint.issues, (out, { token, total, shares }) =>
    writeList(out.u32(TOKENS[token]).u128(total), shares, (inner, { id, amount }) => inner.u32(id).u128(amount)),
  );
}

export function readMint(from: Reader): MintRecord {
  const place = { id: readHash(from), epoch: from.u32(), height: readCounter(from) };
  const measure = { coherencePpm: from.u32(), lambdaPpm: from.u32(), meanPsiPpm: from.u32() };
  const highestRecentChr = from.u128();
  const headroom = { FLX: from.u128(), CHR: from.u128(), ATR: from.u128(), PSY: from.u128(), RES: from.u128() };
  const candidates = readList(from, VALIDATORS_MAX, (): Candidate => {
    return { id: from.u32(), weight: from.u32(), psiPpm: from.u32(), recentChr: from.u128() };
  });
  const budget = from.u128();
  const issues = readList(from, tokenLedgers.length, () => ({
    token: readToken(from),
    total: from.u128(),
    shares: readList(from, VALIDATORS_MAX, (): Share => ({ id: from.u32(), amount: from.u128() })),
  }));
  return { ...place, ...measure, highestRecentChr, headroom, candidates, budget, issues };
}

function readToken(from: Reader): MintedToken {
  const number = from.u32();
  const token = mintedTokens.find((name) => TOKENS[name] === number);
  if (token === undefined) throw new MalformedBytes(`token ${number} is unknown`);
  return token;
}
