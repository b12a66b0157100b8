import { type GenesisFile, LEDGERS } from "../../node/api/contract.ts";
import type { Restored } from "../../node/api/contract-restored.ts";
import type { Hex } from "../../node/base/bytes.ts";
import { type Millis, NANOS_PER_MILLI } from "../../node/base/units.ts";
import type { ClusterSpec } from "../api/cluster.ts";
import type { ClusterObject } from "../observe/snapshot.ts";
import type { KubeObject } from "../reconcile/actions.ts";
import { ownedMetadata } from "./metadata.ts";
import { genesisName } from "./names.ts";

/** Every genesis validator's bond: 1 000 ATR in 10^-6 ATR. Equal bonds give equal weights. */
const BOND = 1_000_000_000n;
/**
 * ATR of the operator's own, out of which it bonds validators that join later: enough for as many as there may ever be.
 * The last id but one, which is nobody else's choice.
 */
export const BONDING_ACCOUNT = (1n << 128n) - 2n;
const VALIDATORS_MAX = 100;

/** The state before the first block. Written once, when all validators have shown the keys that they made on their volumes. */
export function genesisFile(
  cluster: ClusterObject,
  facts: { readonly consensusKeys: readonly Hex[]; readonly authority: Hex; readonly now: Millis },
): GenesisFile {
  const { spec } = cluster;
  return {
    network: spec.network,
    timeNs: String(BigInt(facts.now) * NANOS_PER_MILLI),
    authority: { publicKeys: [facts.authority], threshold: 1 },
    validators: facts.consensusKeys.map((consensusKey, id) => ({
      id,
      consensusKey,
      ownerKey: facts.authority,
      bond: String(BOND),
    })),
    accounts: [
      ...spec.genesis.accounts.map((account) => ({
        id: account.id,
        ownerKey: account.ownerPublicKey,
        ledger: LEDGERS[account.token],
        balance: account.balance,
      })),
      ...bonding(spec, facts),
    ],
  };
}

function bonding({ validators, genesis }: ClusterSpec, { authority }: { authority: Hex }): GenesisFile["accounts"] {
  const id = String(BONDING_ACCOUNT);
  if (genesis.accounts.some((account) => account.id === id)) return [];
  const balance = BOND * BigInt(VALIDATORS_MAX - validators.replicas);
  return balance === 0n ? [] : [{ id, ownerKey: authority, ledger: LEDGERS.ATR, balance: String(balance) }];
}

/** Its parameters and caps are as the node has them that holds the backup, whatever this operator knows of them. */
type RestoredGenesis = Omit<GenesisFile, "parameters" | "supplyCaps"> & Pick<Restored, "parameters" | "supplyCaps">;

/** The genesis of a network that goes on from a backup: its validators are the backup's of the same ids, with new vote keys. */
export function restoredGenesisFile(
  { spec }: ClusterObject,
  facts: {
    readonly validators: readonly (Restored["validators"][number] & { readonly consensusKey: Hex })[];
    readonly authority: Hex;
    readonly restored: Restored;
    readonly now: Millis;
  },
): RestoredGenesis {
  const { from, parameters, supplyCaps } = facts.restored;
  const now = BigInt(facts.now) * NANOS_PER_MILLI;
  const taken = BigInt(from.timeNs);
  return {
    network: spec.network,
    // The clock of a host may be behind the old network's.
    timeNs: String(now > taken ? now : taken + 1n),
    authority: { publicKeys: [facts.authority], threshold: 1 },
    validators: [...facts.validators],
    accounts: [],
    ...{ parameters, restoredFrom: from },
    ...(supplyCaps === undefined ? {} : { supplyCaps }),
  };
}

/** What a validator with this bond lacks to weigh as much as those of the genesis. */
export function missingBond(bond: string): bigint {
  const missing = BOND - BigInt(bond);
  return missing > 0n ? missing : 0n;
}

export const genesisConfig = (cluster: ClusterObject, file: GenesisFile | RestoredGenesis): KubeObject => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: ownedMetadata(cluster, genesisName(cluster.metadata.name)),
  immutable: true,
  data: { "genesis.json": JSON.stringify(file, null, 2) },
});
