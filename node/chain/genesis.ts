import { type GenesisFile, OBSERVER_IDS } from "../api/contract.ts";
import type { RestoredFrom } from "../api/contract-restored.ts";
import { assert } from "../base/assert.ts";
import { fromHex, type Hex } from "../base/bytes.ts";
import { accept, type Result, refuse } from "../base/result.ts";
import { type Nanos, nanos } from "../base/units.ts";
import { HASH_BYTES, sha256Hex } from "../codec/hash.ts";
import { PUBLIC_KEY_BYTES } from "../codec/signature.ts";
import { U128_MAX } from "../codec/transfer.ts";
import { type Writer, writer } from "../codec/writer.ts";
import { compareBigints } from "../ledger/timers.ts";
import { SYSTEM_IDS_END, TOKENS, type TokenName, tokenLedgers } from "../ledger/tokens.ts";
import type { Authority } from "./execute-authority.ts";
import { initialParameters, type Parameters, STATE_VERSION_MAX, writeParameters } from "./parameters.ts";
import type { SupplyCaps } from "./supply.ts";

/** The checked contents of a genesis file, in canonical order. */
export type Genesis = {
  readonly chainId: Hex;
  readonly network: string;
  readonly time: Nanos;
  readonly authority: Authority;
  readonly parameters: Parameters;
  readonly supplyCaps: SupplyCaps;
  readonly validators: readonly GenesisValidator[];
  readonly accounts: readonly GenesisAccount[];
  /** Set where the network begins with another one's state instead of accounts. */
  readonly restoredFrom: RestoredFrom | undefined;
};
export type GenesisValidator = {
  readonly id: number;
  readonly consensusKey: Hex;
  readonly ownerKey: Hex;
  readonly bond: bigint;
};
export type GenesisAccount = {
  readonly id: bigint;
  readonly ownerKey: Hex;
  readonly ledger: number;
  readonly balance: bigint;
};

const VERSION = 2;
/** What is above goes by the numbers of observers. */
const VALIDATOR_ID_MAX = OBSERVER_IDS.first - 1;
const TIME_MAX = 1n << 63n;

/** Reads a genesis file; a refusal names the entry that is wrong and what it should be. */
export function parseGenesis(file: GenesisFile): Result<Genesis> {
  const time = decimal(file.timeNs);
  if (time === undefined || time >= TIME_MAX)
    return refuse("genesis_time", `timeNs ${file.timeNs} is not a time in nanoseconds since 1970`);
  const { publicKeys, threshold } = file.authority;
  if (publicKeys.some((key) => !isKey(key)) || new Set(publicKeys).size !== publicKeys.length)
    return refuse("genesis_authority", "authority.publicKeys: every key once, 64 lower-case hexadecimal digits each");
  if (threshold < 1 || threshold > publicKeys.length)
    return refuse("genesis_authority", `authority.threshold ${threshold} of ${publicKeys.length} keys`);
  const parameters = initialParameters(file.parameters ?? {});
  if (!parameters.ok) return parameters;
  const { stateVersion, minimumBond } = parameters.value;
  if (stateVersion > STATE_VERSION_MAX)
    return refuse("genesis_parameter", `stateVersion ${stateVersion}: this release runs up to ${STATE_VERSION_MAX}`);
  const supplyCaps = parseCaps(file);
  if (!supplyCaps.ok) return supplyCaps;
  const validators = parseValidators(file, minimumBond);
  if (!validators.ok) return validators;
  const accounts = parseAccounts(file);
  if (!accounts.ok) return accounts;
  const { restoredFrom } = file;
  const mixed =
    restoredFrom === undefined ? undefined : restoredFault(restoredFrom, { time, accounts: accounts.value });
  if (mixed !== undefined) return refuse("genesis_restored", mixed);
  const overflow = supplyFault(validators.value, accounts.value, supplyCaps.value);
  if (overflow !== undefined) return refuse("genesis_supply", overflow);
  const content = {
    network: file.network,
    time: nanos(time),
    authority: { publicKeys: publicKeys.toSorted(), threshold },
    parameters: parameters.value,
    supplyCaps: supplyCaps.value,
    validators: validators.value,
    accounts: accounts.value,
    restoredFrom,
  };
  return accept({ ...content, chainId: sha256Hex(canonical(content)) });
}

/** The bytes that the chain id is the hash of: whatever order the file lists things in, they are sorted here. */
function canonical(genesis: Omit<Genesis, "chainId">): Uint8Array {
  const out = writer().text("hmn genesis").u16(VERSION).text(genesis.network).u64(genesis.time);
  writeParameters(out, genesis.parameters);
  out.u32(genesis.authority.publicKeys.length);
  for (const key of genesis.authority.publicKeys) out.fixed(bytesOf(key));
  out.u16(genesis.authority.threshold);
  for (const ledger of tokenLedgers) out.u128(genesis.supplyCaps.get(ledger) ?? U128_MAX);
  out.u32(genesis.validators.length);
  for (const { id, consensusKey, ownerKey, bond } of genesis.validators)
    out.u32(id).fixed(bytesOf(consensusKey)).fixed(bytesOf(ownerKey)).u128(bond);
  out.u32(genesis.accounts.length);
  for (const { id, ownerKey, ledger, balance } of genesis.accounts)
    out.u128(id).fixed(bytesOf(ownerKey)).u32(ledger).u128(balance);
  if (genesis.restoredFrom !== undefined) writeRestored(out, genesis.restoredFrom);
  return out.done();
}

/** Last, and only where it is: networks that begin with accounts keep their chain ids. */
function writeRestored(out: Writer, { chainId, height, timeNs, blockHash, subroots }: RestoredFrom): void {
  out.text("restored").fixed(bytesOf(chainId)).u64(BigInt(height)).u64(BigInt(timeNs)).fixed(bytesOf(blockHash));
  for (const name of RESTORED_SUBROOTS) out.fixed(bytesOf(subroots[name]));
}

/** What of a restored state has to be what it was. */
export const RESTORED_SUBROOTS = ["accounts", "ids", "pending", "validators"] as const;

function restoredFault(
  { chainId, height, timeNs, blockHash, subroots }: RestoredFrom,
  { time, accounts }: { time: bigint; accounts: readonly GenesisAccount[] },
): string | undefined {
  if (accounts.length > 0) return "accounts: a restored network has those of the backup, and no others";
  if (![chainId, blockHash, ...RESTORED_SUBROOTS.map((name) => subroots[name])].every(isKey))
    return "restoredFrom: hashes are 64 lower-case hexadecimal digits each";
  if (!Number.isSafeInteger(height) || height < 1) return `restoredFrom.height: ${height} is no block`;
  const taken = decimal(timeNs);
  // Timers of pending transfers go on by block time: it must not run backwards.
  if (taken === undefined || taken > time) return "timeNs: a restored network begins after the block that it continues";
  return undefined;
}

function parseValidators(file: GenesisFile, minimumBond: bigint): Result<readonly GenesisValidator[]> {
  const validators: GenesisValidator[] = [];
  const ids = new Set<number>();
  const keys = new Set<Hex>();
  for (const { id, consensusKey, ownerKey, bond } of file.validators) {
    const amount = decimal(bond);
    if (!Number.isInteger(id) || id < 0 || id > VALIDATOR_ID_MAX || ids.has(id))
      return refuse("genesis_validator", `validator id ${id}: a whole number below 2^32, used once`);
    if (!isKey(consensusKey) || keys.has(consensusKey))
      return refuse("genesis_validator", `validator ${id}: consensusKey has to be a key of its own`);
    if (!isKey(ownerKey)) return refuse("genesis_validator", `validator ${id}: ownerKey is no key`);
    if (amount === undefined || amount < minimumBond || amount > U128_MAX)
      return refuse("genesis_validator", `validator ${id}: bond ${bond} is under the minimum of ${minimumBond}`);
    ids.add(id);
    keys.add(consensusKey);
    validators.push({ id, consensusKey, ownerKey, bond: amount });
  }
  if (validators.length === 0) return refuse("genesis_validator", "a network needs validators");
  return accept(validators.toSorted((a, b) => a.id - b.id));
}

function parseAccounts(file: GenesisFile): Result<readonly GenesisAccount[]> {
  const accounts: GenesisAccount[] = [];
  const ids = new Set<bigint>();
  for (const { id: text, ownerKey, ledger, balance: held } of file.accounts) {
    const id = decimal(text);
    const balance = decimal(held);
    if (id === undefined || id < SYSTEM_IDS_END || id >= U128_MAX || ids.has(id))
      return refuse(
        "genesis_account",
        `account id ${text}: from 2^64 to 2^128 - 2, used once; smaller ids are the system's`,
      );
    if (!isKey(ownerKey)) return refuse("genesis_account", `account ${text}: ownerKey is no key`);
    if (!tokenLedgers.includes(ledger))
      return refuse("genesis_account", `account ${text}: ledger ${ledger} is unknown`);
    if (balance === undefined || balance > U128_MAX)
      return refuse("genesis_account", `account ${text}: balance ${held} does not fit 128 bits`);
    ids.add(id);
    accounts.push({ id, ownerKey, ledger, balance });
  }
  return accept(accounts.toSorted((a, b) => compareBigints(a.id, b.id)));
}

function parseCaps(file: GenesisFile): Result<SupplyCaps> {
  const caps = new Map<number, bigint>();
  for (const [name, ledger] of Object.entries(TOKENS)) {
    const text = file.supplyCaps?.[name as TokenName];
    const cap = text === undefined ? U128_MAX : decimal(text);
    if (cap === undefined || cap > U128_MAX)
      return refuse("genesis_supply", `the cap of ${name}, ${text}, is no amount`);
    caps.set(ledger, cap);
  }
  return accept(caps);
}

function supplyFault(
  validators: readonly GenesisValidator[],
  accounts: readonly GenesisAccount[],
  caps: SupplyCaps,
): string | undefined {
  for (const ledger of tokenLedgers) {
    const bonds = ledger === TOKENS.ATR ? validators.reduce((sum, validator) => sum + validator.bond, 0n) : 0n;
    const supply = accounts.reduce((sum, account) => (account.ledger === ledger ? sum + account.balance : sum), bonds);
    const cap = caps.get(ledger) ?? U128_MAX;
    if (supply > cap) return `balances of ledger ${ledger} add up to ${supply}, more than its cap of ${cap}`;
  }
  return undefined;
}

const isKey = (text: string): boolean => fromHex(text, PUBLIC_KEY_BYTES) !== undefined;
const decimal = (text: string): bigint | undefined => (/^[0-9]{1,39}$/.test(text) ? BigInt(text) : undefined);

function bytesOf(hex: Hex): Uint8Array {
  const bytes = fromHex(hex, HASH_BYTES);
  assert(bytes !== undefined, "genesis keys were checked");
  return bytes;
}
