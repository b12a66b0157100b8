import { assert } from "../base/assert.ts";
import { fromHex, type Hex } from "../base/bytes.ts";
import { accept, type Result, refuse } from "../base/result.ts";
import { parse } from "./parse.ts";
import { MalformedBytes, type Reader } from "./reader.ts";
import { PUBLIC_KEY_BYTES, SIGNATURE_BYTES } from "./signature.ts";
import { type Ballot, ballotMessage, encodeBallot, readBallot } from "./vote.ts";
import { type Writer, writer } from "./writer.ts";

export const VALIDATORS_MAX = 100;

/** Signatures of distinct validators under the same message, by signer ascending. */
export type Signatures = readonly { readonly signer: number; readonly signature: Uint8Array }[];

/** Signatures of a quorum under one ballot, by signer ascending. The validator set alone is enough to check it. */
export type Certificate<B extends Ballot = Ballot> = {
  readonly ballot: B;
  readonly signatures: Signatures;
};

export type Notarization = Certificate<Extract<Ballot, { kind: "notarize" }>>;
export type Nullification = Certificate<Extract<Ballot, { kind: "nullify" }>>;
export type Finalization = Certificate<Extract<Ballot, { kind: "finalize" }>>;

/** Whether the signature of a message is the key's: handed in, so that whoever checks needs no library. */
export type Verify = (claim: { message: Uint8Array; signature: Uint8Array; publicKey: Uint8Array }) => boolean;

export type Member = { readonly id: number; readonly weight: number; readonly publicKey: Uint8Array };

/** The validators of one epoch with their frozen integer weights (rule 4), by id ascending. */
export type Committee = {
  readonly members: readonly Member[];
  readonly byId: ReadonlyMap<number, Member>;
  readonly totalWeight: number;
  readonly quorum: QuorumRule;
};

/** Whether `weight` of `totalWeight` decides. Heads are counted for no one; they are here so that the simulator can break the rule. */
export type QuorumRule = (count: { weight: number; totalWeight: number; heads: number; totalHeads: number }) => boolean;

/** Strictly more than two thirds, by weight: two quorums then share more than a third, and so an honest validator. */
export const moreThanTwoThirds: QuorumRule = ({ weight, totalWeight }) => 3 * weight > 2 * totalWeight;

export function committeeOf(
  validators: readonly { readonly id: number; readonly weight: number; readonly publicKey: Hex }[],
  quorum: QuorumRule = moreThanTwoThirds,
): Committee {
  const members = validators
    .map(({ id, weight, publicKey }): Member => {
      const key = fromHex(publicKey, PUBLIC_KEY_BYTES);
      assert(key !== undefined, "a validator's key has 32 bytes");
      assert(Number.isSafeInteger(weight) && weight > 0, "a weight is a positive integer");
      return { id, weight, publicKey: key };
    })
    .toSorted((a, b) => a.id - b.id);
  const byId = new Map(members.map((member) => [member.id, member]));
  assert(byId.size === members.length && members.length <= VALIDATORS_MAX, "validator ids are distinct and few enough");
  const totalWeight = members.reduce((sum, { weight }) => sum + weight, 0);
  assert(Number.isSafeInteger(3 * totalWeight), "weights add up exactly");
  return { members, byId, totalWeight, quorum };
}

/** Whether these distinct ids are a quorum; ids of strangers weigh nothing. */
export function isQuorum(committee: Committee, signers: Iterable<number>): boolean {
  let weight = 0;
  let heads = 0;
  for (const signer of signers) {
    const member = committee.byId.get(signer);
    if (member === undefined) continue;
    weight += member.weight;
    heads += 1;
  }
  return committee.quorum({
    weight,
    heads,
    totalWeight: committee.totalWeight,
    totalHeads: committee.members.length,
  });
}

/** Whether a quorum of the committee signed. `known` may spare signatures that were verified before. */
export function verifyCertificate(
  certificate: Certificate,
  {
    chainId,
    committee,
    verify,
    known = () => false,
  }: {
    chainId: Hex;
    committee: Committee;
    verify: Verify;
    known?: (signer: number, signature: Uint8Array) => boolean;
  },
): Result<Certificate, "not-a-quorum" | "wrong-signature"> {
  const signers = certificate.signatures.map(({ signer }) => signer);
  if (!isQuorum(committee, signers)) return refuse("not-a-quorum");
  const message = ballotMessage(chainId, certificate.ballot);
  for (const { signer, signature } of certificate.signatures) {
    const member = committee.byId.get(signer);
    if (member === undefined) return refuse("not-a-quorum", `validator ${signer} is no member`);
    if (known(signer, signature)) continue;
    if (!verify({ message, signature, publicKey: member.publicKey })) return refuse("wrong-signature");
  }
  return accept(certificate);
}

export function writeSignatures(to: Writer, signatures: Signatures): Writer {
  to.u32(signatures.length);
  for (const { signer, signature } of signatures) to.u32(signer).fixed(signature);
  return to;
}

export function readSignatures(from: Reader): Signatures {
  const count = from.count(VALIDATORS_MAX);
  const signatures: { signer: number; signature: Uint8Array }[] = [];
  for (let index = 0; index < count; index++) {
    const signer = from.u32();
    // Strictly ascending: nobody counts twice, and one certificate has one encoding.
    if (signer <= (signatures.at(-1)?.signer ?? -1)) throw new MalformedBytes("signers are not ascending");
    signatures.push({ signer, signature: from.fixed(SIGNATURE_BYTES) });
  }
  return signatures;
}

export const encodeCertificate = ({ ballot, signatures }: Certificate): Uint8Array =>
  writeSignatures(writer().fixed(encodeBallot(ballot)), signatures).done();

export const readCertificate = (from: Reader): Certificate => ({
  ballot: readBallot(from),
  signatures: readSignatures(from),
});

export const parseCertificate = (bytes: Uint8Array): Result<Certificate, "malformed"> => parse(bytes, readCertificate);

export const isFinalization = (certificate: Certificate): certificate is Finalization =>
  certificate.ballot.kind === "finalize";
export const isNotarization = (certificate: Certificate): certificate is Notarization =>
  certificate.ballot.kind === "notarize";
export const isNullification = (certificate: Certificate): certificate is Nullification =>
  certificate.ballot.kind === "nullify";
