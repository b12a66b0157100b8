import { randomBytes } from "node:crypto";
import type { GenesisFile } from "../api/contract.ts";
import { stateParts } from "../backup/state-file.ts";
import { assert } from "../base/assert.ts";
import { toHex } from "../base/bytes.ts";
import { type Checkpoint, checkpointOf, createChain } from "../chain/chain.ts";
import { parametersFor } from "../chain/restored-state.ts";
import { keyPairFromSeed, SEED_BYTES } from "../codec/signature.ts";
import { recount } from "../ledger/totals.ts";
import type { RestoredBackup } from "./restored-backup.ts";

const NAME = "scratch";

/** The genesis of a network that goes on from a backup; validators and authority are left to name. */
export const restoredGenesis = ({
  genesis,
  from,
  state,
}: RestoredBackup): Omit<GenesisFile, "validators" | "authority"> => ({
  network: genesis.network,
  timeNs: from.timeNs,
  accounts: [],
  parameters: parametersFor(state),
  ...(genesis.supplyCaps === undefined ? {} : { supplyCaps: genesis.supplyCaps }),
  restoredFrom: from,
});

/** Who may be a validator of a network that begins with this backup. */
export const ableValidators = ({ state }: RestoredBackup) =>
  state.validators.filter(({ bond, jail }) => bond > 0n && jail?.type !== "final");

/** What keeps a network from beginning with this backup: one of made-up keys is begun in memory, and what it holds compared. */
export function scratchFault(backup: RestoredBackup, path: string): string | undefined {
  const madeUp = (): string => toHex(keyPairFromSeed(randomBytes(SEED_BYTES)).publicKey);
  const chain = createChain(
    {
      ...restoredGenesis(backup),
      network: NAME,
      authority: { publicKeys: [madeUp()], threshold: 1 },
      validators: ableValidators(backup).map(({ id, ownerKey, bond }) => ({
        ...{ id, ownerKey, bond: String(bond), consensusKey: madeUp() },
      })),
    },
    undefined,
    undefined,
    stateParts(path),
  );
  if (!chain.ok) return `no network can begin with it: ${chain.detail ?? chain.reason}`;
  // Debits and credits of every token, account by account.
  assert(
    Object.values(recount(chain.value.ledger)).every((one) => one.held === one.issued - one.burned),
    "tokens balance",
  );
  const rootOf = ({ subroots }: Checkpoint, wanted: string): string | undefined => {
    const root = subroots.find(({ name }) => name === wanted)?.root;
    return root === undefined ? undefined : toHex(root);
  };
  const begun = checkpointOf(chain.value);
  for (const name of ["accounts", "pending"] as const) {
    if (rootOf(begun, name) !== backup.from.subroots[name])
      return `the ${name} of a network that begins with it differ`;
  }
  return undefined;
}
