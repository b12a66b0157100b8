import { writeBackup } from "../backup/write.ts";
import { toHex } from "../base/bytes.ts";
import { writeStateProof } from "../chain/proof-file.ts";
import { versionOf } from "../shell-options.ts";
import { BACKUP_FLAGS, backupNameIn, backupPlace, REPORT_FLAGS, report } from "./backup-flags.ts";
import { certifiedState } from "./certified-state.ts";
import { command } from "./command.ts";
import { FOLDER_FLAGS, openFolder } from "./folder.ts";
import { progress, readingSlowly } from "./folder-fault.ts";

const FLAGS = {
  ...FOLDER_FLAGS,
  ...BACKUP_FLAGS,
  ...REPORT_FLAGS,
  name: { value: "NAME", help: "of the backup; the network's name and the height without" },
};

/** `hmn-node backup`: the newest certified state of a data folder, beside a node that may run on it. */
export const backup = command(
  {
    command: "backup",
    summary:
      "writes the newest certified accounts, pending transfers and stakes of a data folder to a folder or s3://BUCKET/PREFIX, encrypted; reads the folder beside a running node",
    flags: FLAGS,
    positionals: ["DIR", "TARGET"],
  },
  async (flags, world) => {
    const given = flags.text("name");
    const wanted = given === undefined ? undefined : backupNameIn(given);
    if (wanted?.ok === false) return wanted;
    const place = await backupPlace(flags, flags.positionals[1] ?? "");
    if (!place.ok) return place;
    const { target, key } = place.value;
    try {
      return await readingSlowly("backup", world, async () => {
        const tell = progress("backup", world);
        const folder = openFolder(flags, world, tell);
        const { proof, blockHash, stateRoot, parts } = certifiedState(folder, tell);
        const { height, time, subroots } = proof.checkpoint;
        const text = (value: string): Uint8Array => new TextEncoder().encode(value);
        const named = Object.fromEntries(subroots.map((one) => [one.name, toHex(one.root)]));
        const { accounts = "", ids = "", parameters = "", pending = "", validators = "" } = named;
        const { network } = folder.genesis;
        const name = wanted?.value ?? `${network}-${height}`;
        const { manifest, sha256 } = await writeBackup(target, {
          ...{ name, key, network, chainId: folder.chainId, height, timeNs: String(time), blockHash, stateRoot },
          subroots: { accounts, ids, parameters, pending, validators },
          release: versionOf(world.environment),
          createdAt: new Date().toISOString(),
          frames: chained([text(JSON.stringify(folder.genesis)), text(writeStateProof(proof))], parts()),
        });
        const { bytes, pieces } = manifest;
        world.out(`${name}: height ${height} of network ${network}, ${bytes} bytes in ${pieces.length} pieces\n`);
        report(flags, { name, manifestSha256: sha256, height, blockHash, stateRoot, bytes, timeNs: manifest.timeNs });
        return 0;
      });
    } finally {
      target.close();
    }
  },
);

function* chained(...lists: readonly Iterable<Uint8Array>[]): Generator<Uint8Array> {
  for (const list of lists) yield* list;
}
