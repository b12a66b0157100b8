import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type GenesisFile, PATHS } from "../api/contract.ts";
import { restoredPath, stateParts } from "../backup/state-file.ts";
import { present, unreachable } from "../base/assert.ts";
import type { Hex } from "../base/bytes.ts";
import type { Trust } from "../chain/proof.ts";
import { trustOfGenesis } from "../chain/proof-trust.ts";
import { type BlockRecord, parseRecord } from "../codec/block-record.ts";
import { type Car, parseCar } from "../codec/car.ts";
import type { Payload } from "../codec/payload.ts";
import { parseGenesis, readChainId } from "../shell-genesis.ts";
import { type Disk, realDisk } from "../storage/disk.ts";
import type { Damage } from "../storage/log-walk.ts";
import { openForReading } from "../storage/read-folder.ts";
import type { Snapshot } from "../storage/snapshot-files.ts";
import type { World } from "./command.ts";
import type { Flags, Parsed } from "./flags.ts";
import { damageFault, FolderFault, type Place } from "./folder-fault.ts";

/** Flags of every command that reads a data folder. */
export const FOLDER_FLAGS = {
  genesis: { value: "FILE", help: `the network's genesis.json; the one in HMN_CONFIG or ${PATHS.config} without` },
} as const satisfies Flags;

/** A data folder that was read through: where everything lies, and nothing of it damaged. */
export type Folder = {
  readonly disk: Disk;
  readonly path: string;
  readonly genesis: GenesisFile;
  readonly chainId: Hex;
  readonly blocks: ReadonlyMap<number, Place>;
  readonly cars: ReadonlyMap<Hex, Place>;
  /** Oldest first. */
  readonly snapshots: readonly Snapshot[];
  /** What the network began with, if that was another one's state. */
  readonly restored: Iterable<Uint8Array> | undefined;
  /** Damage that the node has repaired: it wrote the same again. */
  readonly repaired: readonly Damage[];
};

/** Reads the folder that the first argument names, beside a node that may run on it. */
export function openFolder(
  flags: Parsed<typeof FOLDER_FLAGS>,
  { environment }: World,
  tell: (how: () => string) => void,
): Folder {
  const [path = ""] = flags.positionals;
  if (!existsSync(path)) throw new FolderFault(`${path} is not there`, "wrongFolder");
  const file = flags.text("genesis") ?? join(environment.HMN_CONFIG ?? PATHS.config, "genesis.json");
  const { genesis, trust } = readGenesis(file);
  const id = trust.chainId;
  const known = readChainId(path);
  if (known !== undefined && known !== id)
    throw new FolderFault(`${file} is of chain ${id}, ${path} holds chain ${known}`, "wrongFolder");
  return {
    ...readLog(realDisk, path, tell),
    disk: realDisk,
    path,
    genesis,
    chainId: id,
    restored: stateParts(restoredPath(path)),
  };
}

/** A genesis file, and the validators of the epoch that it begins. */
export function readGenesis(path: string): { readonly genesis: GenesisFile; readonly trust: Trust } {
  const unusable = (why: string): FolderFault => new FolderFault(`--genesis: ${path}: ${why}`, "wrongFolder");
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (cause) {
    throw unusable(cause instanceof Error ? cause.message : String(cause));
  }
  const genesis = parseGenesis(text);
  if (!genesis.ok) throw unusable(genesis.detail ?? genesis.reason);
  const trust = trustOfGenesis(genesis.value);
  if (!trust.ok) throw unusable(trust.detail ?? trust.reason);
  return { genesis: genesis.value, trust: trust.value };
}

function readLog(
  disk: Disk,
  folder: string,
  tell: (how: () => string) => void,
): Pick<Folder, "blocks" | "cars" | "snapshots" | "repaired"> {
  const blocks = new Map<number, Place>();
  const cars = new Map<Hex, Place>();
  const notes = new Set<number>();
  const damaged: Damage[] = [];
  const found = openForReading(disk, folder);
  for (const entry of found.entries) {
    tell(() => `reading the log: ${blocks.size} blocks, ${cars.size} cars`);
    if (entry.type === "damage") {
      damaged.push(entry.damage);
      continue;
    }
    const { key, path, offset, bytes } = entry;
    const place = { path, offset, length: bytes.length };
    switch (key.kind) {
      case "block":
        // What was written last counts: a node writes a block again that it had lost.
        blocks.set(key.height, place);
        break;
      case "car":
        cars.set(key.digest, place);
        break;
      case "note":
        notes.add(key.height);
        break;
      default:
        unreachable(key);
    }
  }
  const isRepaired = ({ key }: Damage): boolean => {
    if (key === undefined) return false;
    return key.kind === "car" ? cars.has(key.digest) : (key.kind === "block" ? blocks : notes).has(key.height);
  };
  const lost = damaged.find((damage) => !isRepaired(damage));
  if (lost !== undefined) throw damageFault(lost);
  const snapshots = found.snapshots.map((snapshot) => {
    if ("damage" in snapshot) throw damageFault(snapshot.damage);
    return snapshot;
  });
  if (blocks.size === 0 && snapshots.length === 0)
    throw new FolderFault(`${folder} holds no block and no snapshot`, "wrongFolder");
  return { blocks, cars, repaired: damaged, snapshots: snapshots.toReversed() };
}

export function readBytes({ disk }: Folder, { path, offset, length }: Place): Uint8Array {
  const file = disk.open(path, "reading");
  try {
    return disk.read(file, offset, length);
  } finally {
    disk.close(file);
  }
}

/** A block of the folder, its form checked and its hash computed. */
export function readRecord(folder: Folder, height: number): { readonly record: BlockRecord; readonly place: Place } {
  const place = folder.blocks.get(height);
  if (place === undefined) throw new FolderFault(`the folder holds no block ${height}`, "asked");
  const record = parseRecord(readBytes(folder, place));
  if (!record.ok) throw new FolderFault(`block ${height}: ${record.detail ?? record.reason}`, "changed", place);
  return { record: record.value, place };
}

/** The cars that a payload orders, in order of execution, each what its digest says. `block` is whose payload it is. */
export function readCars(folder: Folder, { tips }: Payload, block: { height: number; place: Place }): readonly Car[] {
  return tips.flatMap((tip) => {
    const cars: Car[] = [];
    let { digest, number } = tip;
    for (let left = tip.cars; left > 0; left--) {
      const car = readCar(folder, { ...tip, digest, number }, block);
      cars.push(car);
      digest = car.previous;
      number -= 1;
    }
    return cars.reverse();
  });
}

function readCar(
  folder: Folder,
  { validator, incarnation, number, digest }: Pick<Car, "validator" | "incarnation" | "number" | "digest">,
  { height, place: blockPlace }: { height: number; place: Place },
): Car {
  const name = `car ${number} of validator ${validator} (${digest})`;
  const place = folder.cars.get(digest);
  if (place === undefined)
    throw new FolderFault(`block ${height} orders ${name}, which the folder lacks`, "decayed", blockPlace);
  const parsed = parseCar(readBytes(folder, place));
  if (!parsed.ok) throw new FolderFault(`${name}: ${parsed.detail ?? parsed.reason}`, "changed", place);
  const car = parsed.value;
  if (car.digest !== digest) throw new FolderFault(`${name} has another digest: ${car.digest}`, "changed", place);
  if (car.validator !== validator || car.incarnation !== incarnation || car.number !== number)
    throw new FolderFault(`${name} stands elsewhere in its lane`, "changed", place);
  return car;
}

/** Of the last block that the folder knows of, held or behind a snapshot. */
export const lastHeight = ({ blocks, snapshots }: Folder): number => {
  let last = snapshots.at(-1)?.height ?? 0;
  for (const height of blocks.keys()) last = Math.max(last, height);
  return last;
};

/** Where the unbroken run of blocks up to the last one begins: the height whose state is needed to execute them. */
export function baseHeight(folder: Folder): number {
  let height = lastHeight(folder);
  while (folder.blocks.has(height)) height -= 1;
  return height;
}

/** The oldest snapshot that the run of blocks goes on from. */
export function oldestUsable(folder: Folder): Snapshot {
  const base = baseHeight(folder);
  const found = folder.snapshots.find(({ height }) => height >= base);
  if (found !== undefined) return found;
  const above = folder.blocks.get(base + 1);
  throw new FolderFault(
    `block ${base} is missing, and no snapshot stands in for what is below block ${base + 1}`,
    "decayed",
    present(above, "without a snapshot the run is of blocks"),
  );
}
