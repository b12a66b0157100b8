import { expect } from "vitest";
import type { GenesisFile } from "../api/contract.ts";
import { present } from "../base/assert.ts";
import type { Hex } from "../base/bytes.ts";
import { PPM } from "../base/units.ts";
import { accountFlags, signAccountRecord } from "../codec/account.ts";
import { type AnchoredVersion, type AnchorRecord, type Attestation, attest, encodeAnchors } from "../codec/anchor.ts";
import { type AuthorityRecord, signAuthorityRecord } from "../codec/authority-record.ts";
import type { BatchType } from "../codec/batch.ts";
import { encodeConversions } from "../codec/conversion.ts";
import { digestOf, type EntryKey, shardOf } from "../codec/memory-entry.ts";
import { encodeReports, type ReportRecord } from "../codec/report.ts";
import { REPLICAS, replicasOfShard } from "../codec/shard-placement.ts";
import type { KeyPair } from "../codec/signature.ts";
import { encodeValidatorRecords, type ValidatorRecord } from "../codec/validator-record.ts";
import { TOKENS } from "../ledger/tokens.ts";
import {
  accountOf,
  type Chain,
  chainId,
  epochOf,
  heightOf,
  resultsHashOf,
  totalsOf,
  validatorStates,
  voteKeyAt,
} from "./chain.ts";
import { parameterNumber } from "./parameters.ts";
import { batchOf, blockAt, keyHex } from "./test-chain.ts";
import { GENESIS_MS, keyOf, publicKeyOf, TREASURY, testChain } from "./test-genesis.ts";
import { executeKept } from "./test-journal.ts";
import type { ExecutableBlock, Member } from "./types.ts";
import type { Validator } from "./validator.ts";

/** A chain with its running clock: each step is a block a little later. Votes of who is absent are not carried. */
export type TestNetwork = { readonly chain: Chain; nowMs: number; serial: bigint; absent: readonly number[] };

export const testNetwork = (fields: Partial<GenesisFile> = {}): TestNetwork => ({
  chain: testChain(fields),
  nowMs: 0,
  serial: 0n,
  absent: [],
});

export const TREASURY_ATR = TREASURY + BigInt(TOKENS.ATR - 1);
export const treasuryIn = (token: number): bigint => TREASURY + BigInt(token - 1);
export const voteKeyOf = (id: number): KeyPair => keyOf(`consensus ${id}`);
export const ownerOf = (id: number): KeyPair => keyOf(`owner ${id}`);
export const authority = new Map([[0, keyOf("authority")]]);

/** One more block, `afterMs` later. */
export function step(
  network: TestNetwork,
  batches: readonly Uint8Array[] = [],
  { afterMs = 10, ...fields }: Partial<ExecutableBlock> & { afterMs?: number; executedHeight?: number } = {},
) {
  network.nowMs += afterMs;
  const block = blockAt(network.chain, network.nowMs, { batches, ...fields });
  const votes = block.votes.filter(({ signer }) => !network.absent.includes(signer));
  return executeKept(network.chain, { ...block, votes });
}

/** Sends one record in a block of its own: `applied` or the code of the refusal. */
export function send(
  network: TestNetwork,
  type: BatchType,
  payload: Uint8Array,
  keyPair: KeyPair,
  fields: { afterMs?: number } = {},
): string {
  const offsetMs = network.nowMs + (fields.afterMs ?? 10);
  const { outcomes } = step(network, [batchOf(network.chain, type, payload, { keyPair, offsetMs })], fields);
  const outcome = present(outcomes[0], "a batch has an outcome");
  return "refused" in outcome ? outcome.refused : (outcome.failures[0]?.code ?? "applied");
}

export const say = (network: TestNetwork, record: ValidatorRecord, by: KeyPair): string =>
  send(network, "validator", encodeValidatorRecords([record]), by);

type Unnumbered = AuthorityRecord extends infer Each ? (Each extends unknown ? Omit<Each, "serial"> : never) : never;

/** An order of the authority with the next serial. */
export function order(
  network: TestNetwork,
  record: Unnumbered,
  {
    by = keyOf("anyone"),
    voteKey,
    signers = authority,
    serial,
  }: { by?: KeyPair; voteKey?: KeyPair; signers?: ReadonlyMap<number, KeyPair>; serial?: bigint } = {},
): string {
  network.serial += 1n;
  const payload = signAuthorityRecord({
    record: { ...record, serial: serial ?? network.serial } as AuthorityRecord,
    chainId: chainId(network.chain),
    authority: signers,
    ...(voteKey === undefined ? {} : { voteKey }),
  });
  return send(network, "authority", payload, by);
}

export const convert = (
  network: TestNetwork,
  conversion: { debit: bigint; credit: bigint; amount: bigint },
  by: KeyPair,
): string => send(network, "conversions", encodeConversions([conversion]), by);

/** What a validator says of another one, about the epoch before unless said otherwise; all in order but what is given. */
export const report = (network: TestNetwork, fields: Partial<ReportRecord> = {}, by?: KeyPair): string => {
  const epoch = epochOf(network.chain).number - 1;
  const record = { reporter: 0, subject: 1, epoch, timelinessPpm: PPM, availabilityPpm: PPM, ...fields };
  return send(network, "reports", encodeReports([record]), by ?? voteKeyOf(record.reporter));
};

/** Who holds the shard of an entry, by the set of the epoch under way. */
export const replicasOf = ({ chain }: TestNetwork, entry: EntryKey): readonly number[] =>
  replicasOfShard(
    epochOf(chain).members.map(({ id }) => id),
    { shard: shardOf(entry), replicas: REPLICAS },
  );

export type TestAnchor = Partial<AnchoredVersion> & {
  readonly epoch?: number;
  /** Validators that sign, and with which keys where not with their own. */
  readonly by?: readonly [number, number];
  readonly keys?: readonly [KeyPair, KeyPair];
};

/** A version of an entry that two replicas of its shard attest, the first two unless said otherwise. */
export function anchorOf(network: TestNetwork, { by, keys, ...fields }: TestAnchor = {}): AnchorRecord {
  const version = { author: publicKeyOf("author"), id: "entry", clock: 7n, contentHash: "ab".repeat(32), ...fields };
  const { epoch = epochOf(network.chain).number, author, id, clock, contentHash } = version;
  const [first = 0, second = 0] = by ?? replicasOf(network, version);
  const digest = digestOf({ author, id, clock, contentHash }, chainId(network.chain));
  const attestation = (validator: number, key: KeyPair): Attestation => ({
    validator,
    signature: attest({ digest, epoch, validator }, key),
  });
  const attestations = [
    attestation(first, keys?.[0] ?? voteKeyOf(first)),
    attestation(second, keys?.[1] ?? voteKeyOf(second)),
  ] as const;
  return { author, id, clock, contentHash, epoch, attestations };
}

/** Sends an anchor, by its first attester unless said otherwise. */
export const anchor = (network: TestNetwork, record: AnchorRecord, signer?: KeyPair): string =>
  send(network, "anchors", encodeAnchors([record]), signer ?? voteKeyOf(record.attestations[0].validator));

/** Opens an account for an owner; the treasury pays the fee. */
export function open(network: TestNetwork, id: bigint, token: number, owner: KeyPair): string {
  const record = {
    id,
    payer: TREASURY,
    userData128: 0n,
    userData64: 0n,
    userData32: 0,
    ledger: token,
    code: 1,
    flags: accountFlags.debitsMustNotExceedCredits,
    ownerKey: keyHex(owner),
  };
  const payload = signAccountRecord({ record, chainId: chainId(network.chain), owner });
  return send(network, "accounts", payload, keyOf("treasury"));
}

/** Joins a validator whose owner is the treasury, with stake of its account. */
export const join = (network: TestNetwork, id: number, amount: bigint, fields: { voteKey?: KeyPair } = {}): string => {
  const voteKey = fields.voteKey ?? voteKeyOf(id);
  return order(
    network,
    {
      kind: "join",
      validator: id,
      voteKey: keyHex(voteKey),
      ownerKey: keyHex(keyOf("treasury")),
      account: TREASURY_ATR,
      amount,
    },
    { by: keyOf("treasury"), voteKey },
  );
};

/** Lets the joiner say that it has caught up, and these members agree. */
export function admit(network: TestNetwork, id: number, approving: readonly number[]): void {
  const { join: request } = validatorIn(network, id);
  const { height, resultsHash } = present(
    network.chain.heads.get(heightOf(network.chain)),
    "the newest block has a head",
  );
  expect(say(network, { kind: "caught_up", validator: id, height, resultsHash }, voteKeyOf(id))).toBe("applied");
  approve(network, id, present(request, "it wants to join").voteKey, approving);
}

export function approve(network: TestNetwork, subject: number, key: Hex, approving: readonly number[]): void {
  for (const validator of approving)
    expect(say(network, { kind: "approve", validator, subject, key }, voteKeyOf(validator))).toBe("applied");
}

export const validatorIn = (network: TestNetwork, id: number): Validator =>
  present(validatorStates(network.chain).get(id), `validator ${id} is known`);

export const weights = ({ chain }: TestNetwork): Readonly<Record<number, number>> =>
  Object.fromEntries(epochOf(chain).members.map(({ id, weight }: Member) => [id, weight]));

/** Blocks until the epoch has closed; E of the closing block is the block before it. */
export function closeEpoch(network: TestNetwork): void {
  const { number, firstHeight } = epochOf(network.chain);
  while (heightOf(network.chain) < firstHeight + 7) step(network);
  const { startTime, lengthNs } = epochOf(network.chain);
  const endMs = Number((startTime + lengthNs) / 1_000_000n) - GENESIS_MS;
  step(network, [], { afterMs: Math.max(10, endMs - network.nowMs + 1) });
  expect(epochOf(network.chain).number).toBe(number + 1);
}

/** Stake on the system's accounts is what the validators have, and nothing is lost. */
export function expectConserved({ chain }: TestNetwork): void {
  const validators = [...validatorStates(chain).values()];
  const held = (id: bigint): bigint => {
    const account = present(accountOf(chain, id), "account is there");
    return account.creditsPosted - account.debitsPosted;
  };
  expect(held(772n)).toBe(validators.reduce((sum, { bond }) => sum + bond, 0n));
  const unbonding = validators.flatMap((validator) => validator.unbonding.map(({ amount }) => amount));
  expect(held(773n)).toBe(unbonding.reduce((sum, amount) => sum + amount, 0n));
  for (const totals of Object.values(totalsOf(chain))) {
    expect(totals.held).toBe(totals.issued - totals.burned);
    expect(totals.debitsPosted).toBe(totals.creditsPosted);
  }
}

export const ATR = 1_000_000n;
export const BOND = 1_000n * ATR;
export const treasury = keyOf("treasury");

/** Five validators of equal stake. */
export const five = (): TestNetwork =>
  testNetwork({
    validators: [0, 1, 2, 3, 4].map((id) => ({
      id,
      consensusKey: publicKeyOf(`consensus ${id}`),
      ownerKey: publicKeyOf(`owner ${id}`),
      bond: `${BOND}`,
    })),
  });

export const offend = (network: TestNetwork, validator: number, view = 3, epoch = epochOf(network.chain).number) => {
  const publicKey = present(voteKeyAt(network.chain, { validator, epoch }), "it voted then");
  return step(network, [], { evidence: [{ validator, epoch, view, kind: "notarize-twice", publicKey }] });
};

export const bondRecord = { kind: "bond", validator: 0, account: TREASURY_ATR, amount: ATR } as const;
export const setParameter = (name: Parameters<typeof parameterNumber>[0], value: bigint) =>
  ({ kind: "set_parameter", parameter: parameterNumber(name), value }) as const;
export const setFee = setParameter("accountFee", 14_000n);
export const unbond = (validator: number, amount: bigint): ValidatorRecord => ({ kind: "unbond", validator, amount });
export const announce = (validator: number, stateVersion: number): ValidatorRecord => ({
  kind: "announce",
  validator,
  stateVersion,
});
export const joinOf = (validator: number) =>
  ({
    kind: "join",
    validator,
    voteKey: publicKeyOf(`consensus ${validator}`),
    ownerKey: publicKeyOf("treasury"),
    account: TREASURY_ATR,
    amount: BOND,
  }) as const;
export const caughtUp = ({ chain }: TestNetwork, validator: number) =>
  ({
    kind: "caught_up",
    validator,
    height: heightOf(chain),
    resultsHash: present(resultsHashOf(chain), "results of the newest block"),
  }) as const;
