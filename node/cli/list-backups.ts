import { checkManifest } from "../backup/manifest.ts";
import { openTarget } from "../backup/open-target.ts";
import { readManifest } from "../backup/read.ts";
import { backupKeys } from "../backup/seal.ts";
import type { Target } from "../backup/target.ts";
import { refuse } from "../base/result.ts";
import { nanos } from "../base/units.ts";
import { BACKUP_FLAGS, storeIn } from "./backup-flags.ts";
import { CHAIN_FLAGS } from "./check-backup.ts";
import { command } from "./command.ts";
import { readSeedFile } from "./key-file.ts";
import { decimalOf } from "./numbers.ts";
import { table } from "./table.ts";
import { timeText } from "./time-text.ts";

/** Manifests that one call reads at most; each may be of megabytes. */
const READ_MAX = 1_000;
const SHOWN = 20n;

const FLAGS = {
  ...BACKUP_FLAGS,
  ...CHAIN_FLAGS,
  network: { value: "NAME", help: "only backups of networks of this name" },
  last: { value: "N", help: `so many of the newest states at most; ${SHOWN} without` },
  json: { help: "as JSON" },
};

/** One whole backup, by its manifest. */
type Entry = {
  readonly name: string;
  readonly network: string;
  readonly chainId: string;
  readonly height: number;
  readonly timeNs: string;
  readonly bytes: number;
  /** What the manifest is by the key; empty where none was given. */
  readonly key: "" | "fits" | "wrong_key" | "manifest_changed" | "manifest_malformed";
};

/** `hmn-node list-backups`: what there is to restore, by the manifests alone; `check-backup` tells whether one is good. */
export const listBackups = command(
  {
    command: "list-backups",
    summary: "tells the whole backups in a target, the newest state first, by their manifests alone",
    flags: FLAGS,
    positionals: ["TARGET"],
  },
  async (flags, world) => {
    const last = decimalOf(flags.text("last") ?? String(SHOWN));
    if (last === undefined || last < 1n || last > BigInt(READ_MAX))
      return refuse("usage", `--last: a whole number from 1 to ${READ_MAX}`);
    const file = flags.text("key");
    const key = file === undefined ? undefined : readSeedFile(file);
    if (key?.ok === false) return key;
    const opened = await openTarget(flags.positionals[0] ?? "", storeIn(flags));
    if (!opened.ok) return opened;
    try {
      const names = (await opened.value.list()).toSorted();
      const read = names.slice(-READ_MAX);
      const found: Entry[] = [];
      for (const name of read) found.push(...(await entryOf(opened.value, name, key?.value)));
      const [network, chainId] = [flags.text("network"), flags.text("chain-id")];
      const shown = found
        .filter((one) => (network ?? one.network) === one.network && (chainId ?? one.chainId) === one.chainId)
        .toSorted((a, b) => (BigInt(a.timeNs) > BigInt(b.timeNs) ? -1 : 1))
        .slice(0, Number(last));
      world.out(flags.on("json") ? `${JSON.stringify(shown, null, 2)}\n` : table([HEAD, ...shown.map(rowOf)]));
      if (read.length < names.length)
        world.error(`hmn-node list-backups: only the last ${READ_MAX} of ${names.length} names were looked at\n`);
      return 0;
    } finally {
      opened.value.close();
    }
  },
);

/** Nothing where it has no manifest that can be read: it was never finished, or is being removed. */
async function entryOf(target: Target, name: string, key: Uint8Array | undefined): Promise<readonly Entry[]> {
  const read = await readManifest(target, name);
  if (!read.ok) return [];
  const { network, chainId, height, timeNs, bytes, salt } = read.value;
  const checked = key === undefined ? undefined : checkManifest(read.value, backupKeys(key, salt));
  return [
    {
      ...{ name, network, chainId, height, timeNs, bytes },
      key: checked === undefined ? "" : checked.ok ? "fits" : checked.reason,
    },
  ];
}

const HEAD = ["NAME", "NETWORK", "CHAIN ID", "HEIGHT", "STATE OF", "BYTES", "KEY"];
const rowOf = ({ name, network, chainId, height, timeNs, bytes, key }: Entry): string[] => [
  ...[name, network, chainId, String(height), timeText(nanos(BigInt(timeNs))), String(bytes), key],
];
