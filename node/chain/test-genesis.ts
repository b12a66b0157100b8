import type { GenesisFile } from "../api/contract.ts";
import { present } from "../base/assert.ts";
import { type Hex, toHex } from "../base/bytes.ts";
import { sha256 } from "../codec/hash.ts";
import { type KeyPair, keyPairFromSeed } from "../codec/signature.ts";
import { type Chain, createChain } from "./chain.ts";
import { keepJournal } from "./test-journal.ts";

/** The key pair of a name, for tests. */
export const keyOf = (name: string): KeyPair => keyPairFromSeed(sha256(new TextEncoder().encode(name)));
export const publicKeyOf = (name: string): Hex => toHex(keyOf(name).publicKey);

export const GENESIS_MS = 1_800_000_000_000;
export const TREASURY = 1n << 64n;

/** Four equal validators and one treasury per token but the reputation, all owned by `treasury`. */
export function testGenesis(fields: Partial<GenesisFile> = {}): GenesisFile {
  return {
    network: "test",
    timeNs: `${GENESIS_MS}000000`,
    authority: { publicKeys: [publicKeyOf("authority")], threshold: 1 },
    validators: [0, 1, 2, 3].map((id) => ({
      id,
      consensusKey: publicKeyOf(`consensus ${id}`),
      ownerKey: publicKeyOf(`owner ${id}`),
      bond: "1000000000",
    })),
    accounts: [1, 2, 3, 4, 5].map((ledger) => ({
      id: `${TREASURY + BigInt(ledger - 1)}`,
      ownerKey: publicKeyOf("treasury"),
      ledger,
      balance: "1000000000000",
    })),
    ...fields,
  };
}

export function testChain(fields: Partial<GenesisFile> = {}): Chain {
  const made = createChain(testGenesis(fields));
  return keepJournal(present(made.ok ? made.value : undefined, "test genesis is good"));
}
