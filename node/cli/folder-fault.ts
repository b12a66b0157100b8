import type { Damage } from "../storage/log-walk.ts";
import type { World } from "./command.ts";

/** Where bytes stand on disk. */
export type Place = { readonly path: string; readonly offset: number; readonly length: number };

/** What a person can do about it, by what kind of wrong it is. */
export const REMEDIES = {
  decayed:
    "start the node: it fetches what it lacks from its peers. If this comes back, replace the disk and rebuild the validator",
  changed:
    "run no node on this folder, keep it as evidence, and rebuild the validator from its peers on an empty volume",
  results:
    "keep the folder; verify another validator's: if that one is right, rebuild this one, else report it before anything else is upgraded",
  asked: "ask for something that the folder holds: `hmn-node verify` says which heights these are",
  wrongFolder: "name the data folder of a node and the genesis file of its network",
  backup: "take another backup of the network, and keep this one as evidence if nobody changed it knowingly",
} as const;

/** The first thing in a data folder that is not as it should be. Thrown while it is read, told by `reading`. */
export class FolderFault extends Error {
  override readonly name = "FolderFault";
  readonly remedy: keyof typeof REMEDIES;

  constructor(what: string, remedy: keyof typeof REMEDIES, at?: Pick<Place, "path" | "offset">) {
    super(at === undefined ? what : `${what}\n  file    ${at.path}\n  offset  ${at.offset}`);
    this.remedy = remedy;
  }
}

export const damageFault = ({ path, offset, what }: Damage): FolderFault =>
  new FolderFault(`damaged: ${what}`, "decayed", { path, offset });

/** Runs what reads a folder; the first wrong thing ends it with 1 and is told with its place and what to do. */
export function reading(command: string, world: World, run: () => number): number {
  try {
    return run();
  } catch (cause) {
    return tellFault(command, world, cause);
  }
}

/** The same for what takes its time. */
export async function readingSlowly(command: string, world: World, run: () => Promise<number>): Promise<number> {
  try {
    return await run();
  } catch (cause) {
    return tellFault(command, world, cause);
  }
}

function tellFault(command: string, world: World, cause: unknown): number {
  if (!(cause instanceof FolderFault)) throw cause;
  world.error(`hmn-node ${command}: ${cause.message}\n  do      ${REMEDIES[cause.remedy]}\n`);
  return 1;
}

const PROGRESS_EVERY_MS = 2_000;

/** Tells how far something has come, every two seconds while it takes longer than that. */
export function progress(command: string, world: World): (how: () => string) => void {
  let toldAtMs = performance.now();
  return (how) => {
    if (performance.now() - toldAtMs < PROGRESS_EVERY_MS) return;
    toldAtMs = performance.now();
    world.error(`hmn-node ${command}: ${how()}\n`);
  };
}
