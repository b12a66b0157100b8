import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fetchBackup } from "../backup/read.ts";
import { restoredPath } from "../backup/state-file.ts";
import { accept, type Result, refuse } from "../base/result.ts";
import { nanos } from "../base/units.ts";
import { totalsOf } from "../ledger/totals.ts";
import { BACKUP_FLAGS, type BackupPlace, backupNameIn, backupPlace, REPORT_FLAGS, report } from "./backup-flags.ts";
import { command } from "./command.ts";
import { REMEDIES } from "./folder-fault.ts";
import { manifestFault, openRestored, type RestoredBackup } from "./restored-backup.ts";
import { scratchFault } from "./scratch-network.ts";
import { table } from "./table.ts";
import { timeText } from "./time-text.ts";

export const CHAIN_FLAGS = {
  "chain-id": { value: "HEX", help: "of the network that it has to be of; whichever its key was used for without" },
} as const;

/** `hmn-node check-backup`: a whole restore, without a node and without leaving anything behind. */
export const checkBackup = command(
  {
    command: "check-backup",
    summary:
      "fetches a backup, holds every piece against its manifest and the state against the network's certificates, begins a scratch network with it in memory, and tells what is in it; 1 if anything is wrong",
    flags: { ...BACKUP_FLAGS, ...CHAIN_FLAGS, ...REPORT_FLAGS },
    positionals: ["TARGET", "NAME"],
  },
  async (flags, world) => {
    const [to = "", given = ""] = flags.positionals;
    const name = backupNameIn(given);
    if (!name.ok) return name;
    const place = await backupPlace(flags, to);
    if (!place.ok) return place;
    const folder = mkdtempSync(join(tmpdir(), "hmn-check-"));
    try {
      const path = restoredPath(folder);
      const began = performance.now();
      const found = await bringBackup(place.value, { name: name.value, path, chainId: flags.text("chain-id") });
      const fault = found.ok ? scratchFault(found.value, path) : (found.detail ?? found.reason);
      const restoreMs = Math.ceil(performance.now() - began);
      if (!found.ok || fault !== undefined) {
        world.error(`hmn-node check-backup: ${name.value}: ${fault}\n  do      ${REMEDIES.backup}\n`);
        return 1;
      }
      world.out(table(rowsOf(found.value)));
      world.out("every piece, certificate and root is right, and a network can begin with it\n");
      report(flags, { name: name.value, height: found.value.from.height, verified: true, restoreMs });
      return 0;
    } finally {
      rmSync(folder, { recursive: true, force: true });
      place.value.target.close();
    }
  },
);

/** A backup's content in a file, everything about it checked. */
export async function bringBackup(
  { target, key }: BackupPlace,
  { name, path, chainId }: { readonly name: string; readonly path: string; readonly chainId: string | undefined },
): Promise<Result<RestoredBackup>> {
  const fetched = await fetchBackup(target, { name, key, path });
  if (!fetched.ok) return fetched;
  if (chainId !== undefined && fetched.value.chainId !== chainId)
    return refuse("wrong_chain", `it is of network ${fetched.value.chainId}, not of ${chainId}`);
  const opened = openRestored(path);
  if (!opened.ok) return opened;
  const fault = manifestFault(fetched.value, opened.value);
  return fault === undefined ? accept(opened.value) : refuse("manifest_changed", fault);
}

function rowsOf({ genesis, from, stateRoot, proof, state }: RestoredBackup): string[][] {
  const { ledger, validators } = state;
  const { header, certificate } = proof.final;
  const signers = certificate.signatures.map(({ signer }) => signer).join(", ");
  const held = Object.entries(totalsOf(ledger)).map(([token, totals]) => [token, `${totals.held} millionths held`]);
  return [
    ["network", `${genesis.network}, chain id ${from.chainId}`],
    ["state", `after block ${from.height}, ${timeText(nanos(BigInt(from.timeNs)))}`],
    ["block", from.blockHash],
    ["state root", stateRoot],
    ["certified by", `validators ${signers} of epoch ${header.epoch}, in block ${header.height}`],
    ["accounts", `${ledger.accounts.rows.count}, root ${from.subroots.accounts}`],
    ["pending", `${ledger.pending.taken} transfers, root ${from.subroots.pending}`],
    ["validators", `${validators.length} known, ${validators.filter(({ bond }) => bond > 0n).length} with a bond`],
    ...held,
  ];
}
