import { existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { OPERATOR_IDS, PATHS } from "../api/contract.ts";
import type { Restored, RestoreFault } from "../api/contract-restored.ts";
import { checkManifest } from "../backup/manifest.ts";
import { readManifest } from "../backup/read.ts";
import { backupKeys } from "../backup/seal.ts";
import { restoredPath } from "../backup/state-file.ts";
import { parametersFor } from "../chain/restored-state.ts";
import { readChainId } from "../shell-genesis.ts";
import { readRestored, writeRestored } from "../shell-restored.ts";
import { BACKUP_FLAGS, type BackupPlace, backupNameIn, backupPlace, REPORT_FLAGS, report } from "./backup-flags.ts";
import { bringBackup, CHAIN_FLAGS } from "./check-backup.ts";
import { command } from "./command.ts";
import { REMEDIES } from "./folder-fault.ts";
import type { RestoredBackup } from "./restored-backup.ts";
import { ableValidators } from "./scratch-network.ts";

const FLAGS = {
  ...BACKUP_FLAGS,
  ...CHAIN_FLAGS,
  ...REPORT_FLAGS,
  data: { value: "DIR", help: `data folder of a node that has not begun yet; HMN_DATA or ${PATHS.data} without` },
};

/** `hmn-node restore`: what a node begins with whose genesis says `restoredFrom`. */
export const restore = command(
  {
    command: "restore",
    summary:
      "puts a backup's checked state into the data folder of a node of a new network, and does nothing where that backup or a network is; `genesis --restored DIR` makes that network's genesis",
    flags: FLAGS,
    positionals: ["TARGET", "NAME"],
  },
  async (flags, world) => {
    const [to = "", given = ""] = flags.positionals;
    const name = backupNameIn(given);
    if (!name.ok) return name;
    const data = flags.text("data") ?? world.environment.HMN_DATA ?? PATHS.data;
    const path = restoredPath(data);
    const chain = readChainId(data);
    // Neither key nor store is needed any more.
    if (chain !== undefined) {
      world.out(`${data} holds network ${chain} already\n`);
      return 0;
    }
    const failed = (fault: RestoreFault, detail: string): number => {
      report(flags, { fault, detail });
      world.error(`hmn-node restore: ${name.value}: ${detail}\n  do      ${REMEDIES.backup}\n`);
      return 1;
    };
    const place = await backupPlace(flags, to);
    if (!place.ok) {
      report(flags, { fault: "WrongKey", detail: place.detail ?? place.reason });
      return place;
    }
    const checked = `${path}.checked`;
    try {
      mkdirSync(data, { recursive: true });
      if (existsSync(path) && (await isThere(place.value, name.value, data))) {
        world.out(`${path} is there already\n`);
        return 0;
      }
      const chainId = flags.text("chain-id");
      const found = await bringBackup(place.value, { name: name.value, path: checked, chainId });
      if (!found.ok) return failed(FAULTS[found.reason] ?? "Damaged", found.detail ?? found.reason);
      // What is told and what is there are never of two backups.
      rmSync(path, { force: true });
      writeRestored(data, tellingOf(found.value));
      renameSync(checked, path);
      world.out(`${path}: the state after block ${found.value.from.height} of network ${found.value.from.chainId}\n`);
      return 0;
    } catch (cause) {
      return failed("Unreachable", cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause));
    } finally {
      rmSync(checked, { force: true });
      place.value.target.close();
    }
  },
);

const FAULTS: Readonly<Record<string, RestoreFault>> = {
  no_backup: "Missing",
  wrong_key: "WrongKey",
  wrong_chain: "WrongNetwork",
};

/** Whether the folder holds this very backup. One that it does not name the same is brought: nothing has begun with the other. */
async function isThere({ target, key }: BackupPlace, name: string, data: string): Promise<boolean> {
  const manifest = await readManifest(target, name);
  if (!manifest.ok || !checkManifest(manifest.value, backupKeys(key, manifest.value.salt)).ok) return false;
  const { chainId, height, blockHash } = manifest.value;
  const from = readRestored(data)?.from;
  return from?.chainId === chainId && from.height === height && from.blockHash === blockHash;
}

function tellingOf(backup: RestoredBackup): Restored {
  const { genesis, from, state } = backup;
  return {
    ...{ network: genesis.network, from, parameters: parametersFor(state) },
    ...(genesis.supplyCaps === undefined ? {} : { supplyCaps: genesis.supplyCaps }),
    validators: ableValidators(backup)
      .filter(({ id }) => id < OPERATOR_IDS)
      .map(({ id, ownerKey, bond }) => ({ id, ownerKey, bond: String(bond) })),
  };
}
