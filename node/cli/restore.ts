import { existsSync, renameSync, rmSync } from "node:fs";
import { PATHS } from "../api/contract.ts";
import { restoredPath } from "../backup/state-file.ts";
import { BACKUP_FLAGS, backupNameIn, backupPlace } from "./backup-flags.ts";
import { bringBackup, CHAIN_FLAGS } from "./check-backup.ts";
import { command } from "./command.ts";
import { REMEDIES } from "./folder-fault.ts";

const FLAGS = {
  ...BACKUP_FLAGS,
  ...CHAIN_FLAGS,
  data: { value: "DIR", help: `data folder of a node that has not begun yet; HMN_DATA or ${PATHS.data} without` },
};

/** `hmn-node restore`: what a node begins with whose genesis says `restoredFrom`. */
export const restore = command(
  {
    command: "restore",
    summary:
      "puts a backup's checked state into the data folder of a node of a new network, and does nothing where one is; `genesis --restored DIR` makes that network's genesis",
    flags: FLAGS,
    positionals: ["TARGET", "NAME"],
  },
  async (flags, world) => {
    const [to = "", given = ""] = flags.positionals;
    const name = backupNameIn(given);
    if (!name.ok) return name;
    const path = restoredPath(flags.text("data") ?? world.environment.HMN_DATA ?? PATHS.data);
    if (existsSync(path)) {
      world.out(`${path} is there already\n`);
      return 0;
    }
    const place = await backupPlace(flags, to);
    if (!place.ok) return place;
    try {
      const checked = `${path}.checked`;
      const found = await bringBackup(place.value, {
        name: name.value,
        path: checked,
        chainId: flags.text("chain-id"),
      });
      if (!found.ok) {
        rmSync(checked, { force: true });
        world.error(`hmn-node restore: ${name.value}: ${found.detail ?? found.reason}\n  do      ${REMEDIES.backup}\n`);
        return 1;
      }
      renameSync(checked, path);
      world.out(`${path}: the state after block ${found.value.from.height} of network ${found.value.from.chainId}\n`);
      return 0;
    } finally {
      place.value.target.close();
    }
  },
);
