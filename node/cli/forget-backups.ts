import { openTarget } from "../backup/open-target.ts";
import { refuse } from "../base/result.ts";
import { STORE_FLAGS, storeIn } from "./backup-flags.ts";
import { command } from "./command.ts";
import { decimalOf } from "./numbers.ts";

const FLAGS = {
  ...STORE_FLAGS,
  prefix: {
    value: "PREFIX",
    help: "with which the names of these backups begin; what comes behind it is in the order of time",
  },
  keep: { value: "N", help: "so many of the last stay, at least 1" },
};

/** `hmn-node forget-backups`: removes all but the last of a row of backups; 0 also if there is nothing to remove. */
export const forgetBackups = command(
  {
    command: "forget-backups",
    summary: "removes all but the last N whole backups whose names begin with a prefix",
    flags: FLAGS,
    positionals: ["TARGET"],
  },
  async (flags, world) => {
    const prefix = flags.text("prefix") ?? "";
    const keep = decimalOf(flags.text("keep") ?? "");
    if (!/^[a-z0-9][a-z0-9.-]*$/.test(prefix)) return refuse("usage", "--prefix: the beginning of their names");
    if (keep === undefined || keep < 1n || keep > 10_000n) return refuse("usage", "--keep: a whole number from 1 on");
    const opened = await openTarget(flags.positionals[0] ?? "", storeIn(flags));
    if (!opened.ok) return opened;
    const target = opened.value;
    try {
      const names = (await target.list()).filter((name) => name.startsWith(prefix));
      for (const name of names.slice(0, -Number(keep))) {
        await target.remove(name);
        world.out(`${name}: removed\n`);
      }
      return 0;
    } finally {
      target.close();
    }
  },
);
