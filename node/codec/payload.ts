import type { Result } from "../base/result.ts";
import { type AvailabilityCertificate, readAvailability, writeAvailability } from "./availability.ts";
import { readTip, type Tip, writeTip } from "./car.ts";
import { VALIDATORS_MAX } from "./certificate.ts";
import { parse } from "./parse.ts";
import { MalformedBytes } from "./reader.ts";
import { writer } from "./writer.ts";

/** Lanes in one block: one tip each. */
export const TIPS_MAX = VALIDATORS_MAX;
/** Cars of all lanes that one block may order. */
export const BLOCK_CARS_MAX = 4096;

/** A lane up to a tip: what the block adds of it are the last `cars` cars that end there. */
export type OrderedTip = Tip & { readonly cars: number };

/** What a block says about lanes. Consensus carries it unread. */
export type Payload = {
  /** By validator ascending, one for each, each strictly beyond the branch's. */
  readonly tips: readonly OrderedTip[];
  /** For tips that the proposer wants to prove, by validator ascending. */
  readonly certificates: readonly AvailabilityCertificate[];
};

/** Nothing to order: no bytes at all, the only payload of a tail block. */
export const EMPTY_PAYLOAD: Payload = { tips: [], certificates: [] };

export function encodePayload({ tips, certificates }: Payload): Uint8Array {
  if (tips.length === 0 && certificates.length === 0) return new Uint8Array(0);
  const to = writer().u32(tips.length);
  for (const tip of tips) writeTip(to, tip).u32(tip.cars);
  to.u32(certificates.length);
  for (const certificate of certificates) writeAvailability(to, certificate);
  return to.done();
}

/** The payload of outside bytes: form, order and limits hold; whether it fits a branch is for `judge` of the lanes. */
export function parsePayload(bytes: Uint8Array): Result<Payload, "malformed"> {
  if (bytes.length === 0) return { ok: true, value: EMPTY_PAYLOAD };
  return parse(bytes, (from) => {
    const tips: OrderedTip[] = [];
    const count = from.count(TIPS_MAX);
    let cars = 0;
    for (let index = 0; index < count; index++) {
      const tip = { ...readTip(from), cars: from.count(BLOCK_CARS_MAX) };
      if (tip.validator <= (tips.at(-1)?.validator ?? -1)) throw new MalformedBytes("lanes are not ascending");
      if (tip.cars === 0 || tip.cars > tip.number) throw new MalformedBytes("a tip adds cars of its incarnation");
      cars += tip.cars;
      tips.push(tip);
    }
    if (cars > BLOCK_CARS_MAX) throw new MalformedBytes("too many cars for a block");
    const certificates: AvailabilityCertificate[] = [];
    const proofs = from.count(TIPS_MAX);
    for (let index = 0; index < proofs; index++) {
      const certificate = readAvailability(from);
      if (certificate.tip.validator <= (certificates.at(-1)?.tip.validator ?? -1))
        throw new MalformedBytes("certificates are not ascending");
      certificates.push(certificate);
    }
    if (tips.length === 0) throw new MalformedBytes("an empty payload has no bytes");
    return { tips, certificates };
  });
}
