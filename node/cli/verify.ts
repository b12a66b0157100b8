import { chainId, checkpointOf, epochOf, heightOf, resultsHashOf } from "../chain/chain.ts";
import { command, type World } from "./command.ts";
import type { Parsed } from "./flags.ts";
import { FOLDER_FLAGS, openFolder } from "./folder.ts";
import { progress, reading } from "./folder-fault.ts";
import { beginReplay, type Replay, replay } from "./replay.ts";
import { table } from "./table.ts";

/** `hmn-node verify`: everything in a data folder computed again; 1 with the first thing that is wrong. */
export const verify = command(
  {
    command: "verify",
    summary: "computes every hash, signature, result and state root of a data folder again; changes nothing in it",
    flags: FOLDER_FLAGS,
    positionals: ["DIR"],
  },
  async (flags, world) => reading("verify", world, () => verifyFolder(flags, world)),
);

function verifyFolder(flags: Parsed<typeof FOLDER_FLAGS>, world: World): number {
  const tell = progress("verify", world);
  const folder = openFolder(flags, world, tell);
  const run = beginReplay(folder);
  let blocks = 0;
  let transfers = 0;
  for (const { applied } of replay(run)) {
    blocks += 1;
    transfers += applied;
    tell(() => `height ${heightOf(run.chain)} of ${run.last}, ${transfers} transfers`);
  }
  world.out(table(rowsOf(run)));
  for (const { path, offset, what } of folder.repaired)
    world.out(`repaired: ${what} was damaged in ${path} at byte ${offset}, and stands elsewhere in the log again\n`);
  world.out(`${blocks} blocks, ${transfers} transfers, every certificate and root is right\n`);
  return 0;
}

function rowsOf(run: Replay): string[][] {
  const { chain, folder, from, last, unproved } = run;
  const { height, stateRoot } = checkpointOf(chain);
  const heights = folder.snapshots.map((snapshot) => `${snapshot.height}`);
  return [
    ["network", folder.genesis.network],
    ["chain id", chainId(chain)],
    ["started from", from === 0 ? "genesis" : `the snapshot of height ${from}${vouchedBy(unproved)}`],
    ["heights", from === last ? "none behind it" : `${from + 1} to ${last}`],
    ["epochs", `${run.firstEpoch} to ${epochOf(chain).number}`],
    ["certified", `results up to height ${run.certified}: later ones no final block names yet`],
    ["results hash", `${resultsHashOf(chain)} of height ${last}`],
    ["state root", `${stateRoot} of the checkpoint at height ${height}`],
    ["snapshots", heights.length === 0 ? "none" : `of height ${heights.join(" and ")}`],
  ];
}

const vouchedBy = (doubt: string | undefined): string =>
  doubt === undefined ? ", whose certificate leads back to genesis" : `, taken on trust: ${doubt}`;
