import { type Hex, toHex } from "../base/bytes.ts";
import { type Random, seededRandom } from "../base/random.ts";
import { sha256Hex } from "../codec/hash.ts";
import type { PersistEffect } from "../ports.ts";
import type { DiskExecutor } from "./disk-executor.ts";
import { type DiskJob, type JobAnswer, jobRunner } from "./disk-job.ts";
import { openStorage, type Storage } from "./storage.ts";
import { type TestDisk, testDisk } from "./test-disk.ts";
import { voteKeyPath } from "./vote-key.ts";

export const FOLDER = "/data";
export const SEGMENT_BYTES = 64 * 1024;

/** What the storage acknowledged, and may therefore not lose without saying so. */
export type Acknowledged = {
  votes: readonly string[];
  readonly blocks: Map<number, string>;
  readonly cars: Map<Hex, { readonly body: string; readonly height: number }>;
  /** Blocks below this height may be gone, and cars that they commit. */
  released: number;
  snapshots: number[];
};

/** A random life on a disk that forgets: a storage, and beside it what it has to remember. */
export type World = {
  readonly random: Random;
  readonly disk: TestDisk;
  readonly batches: boolean;
  readonly acknowledged: Acknowledged;
  /** What was handed over, durable or not. */
  written: { votes: readonly string[]; height: number };
  /** The votes after each step that is not acknowledged yet: what a crash may leave. */
  pendingVotes: (readonly string[])[];
  executor: TestExecutor;
  storage: Storage;
};

/** Like the log thread it lets jobs wait and carries them out together; the test says when. */
type TestExecutor = DiskExecutor & { drain(): void };

function testExecutor(disk: TestDisk, batches: boolean): TestExecutor {
  const run = jobRunner(disk);
  const waiting: { readonly job: DiskJob; readonly done: (answer: JobAnswer) => void }[] = [];
  const drain = (): void => {
    while (waiting.length > 0) {
      const jobs = waiting.splice(0);
      const answers = run(jobs.map(({ job }) => job));
      for (const [index, { done }] of jobs.entries()) done(answers[index]);
    }
  };
  return {
    drain,
    run: (job, done) => {
      waiting.push({ job, done });
      if (!batches) drain();
    },
    close: async () => drain(),
  };
}

/** `batches`: several steps wait for the disk together. */
export function createWorld(seed: number, { batches }: { batches: boolean }): World {
  const random = seededRandom(BigInt(seed));
  const disk = testDisk();
  const acknowledged: Acknowledged = { votes: [], blocks: new Map(), cars: new Map(), released: 0, snapshots: [] };
  const written = { votes: [], height: 0 };
  // On its first start a node makes its journal before its key.
  const opened = reopened(disk, batches);
  const key = disk.open(`${voteKeyPath(FOLDER)}.new`, "create");
  disk.write(key, 0, new Uint8Array(32));
  disk.sync(key);
  disk.close(key);
  disk.rename(`${voteKeyPath(FOLDER)}.new`, voteKeyPath(FOLDER));
  return { random, disk, batches, acknowledged, written, pendingVotes: [], ...opened };
}

function reopened(disk: TestDisk, batches: boolean): Pick<World, "executor" | "storage"> {
  const executor = testExecutor(disk, batches);
  const opened = openStorage(disk, FOLDER, { segmentBytes: SEGMENT_BYTES, executor: () => executor });
  if (!opened.ok) throw new Error(opened.detail);
  return { executor, storage: opened.value };
}

/** A new process takes over the folder. */
export function reopen(world: World): void {
  Object.assign(world, reopened(world.disk, world.batches));
}

export async function close({ storage, executor }: World): Promise<void> {
  const closed = storage.close();
  executor.drain();
  await closed;
}

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
const decode = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const padded = (random: Random, name: string): string =>
  `${name} ${"x".repeat(random.below(random.oneIn(8) ? 12_000 : 900))}`;

/** One random step of a node; throws where the power goes. False: the disk refused something. */
export async function randomStep(world: World): Promise<boolean> {
  const { random, storage, acknowledged, executor } = world;
  const choice = random.below(12);
  if (choice === 0 && world.written.height > 0) return writeSnapshot(world);
  if (choice === 1) {
    const belowHeight = (acknowledged.snapshots.at(-2) ?? 0) + 1;
    acknowledged.released = Math.max(acknowledged.released, belowHeight);
    executor.drain();
    const keepCars = [...acknowledged.cars].filter(([, { height }]) => height === 0).map(([digest]) => digest);
    storage.release({ type: "release", belowHeight, keepCars });
    work(world);
    return true;
  }
  if (choice === 2) {
    await close(world);
    reopen(world);
    return true;
  }
  return commitRandom(world);
}

/** Background work runs between steps, as the engine does it. */
function work({ storage, executor }: World): void {
  for (let turns = 0; turns < 100 && storage.work(); turns++) executor.drain();
}

function commitRandom(world: World): boolean {
  const { random, storage, acknowledged } = world;
  const effects: PersistEffect[] = [];
  let votes = [...world.written.votes];
  const cars = new Map<Hex, { body: string; height: number }>();
  const blocks = new Map<number, string>();
  let { height } = world.written;
  for (let count = 1 + random.below(5); count > 0; count--) {
    const kind = random.below(6);
    if (kind < 2) {
      const text = padded(random, `vote ${random.below(1_000_000)}`);
      votes.push(text);
      effects.push({ type: "persist", stream: "votes", record: encode(text) });
    } else if (kind === 2 && random.oneIn(4)) {
      votes = votes.slice(-3).concat(`opened ${height}`);
      effects.push({ type: "replace-votes", records: votes.map(encode) });
    } else if (kind < 5) {
      const text = padded(random, `car ${random.below(1_000_000_000)}`);
      const digest = sha256Hex(encode(text));
      cars.set(digest, { body: text, height: 0 });
      const head = { digest, validator: 1, incarnation: 7n, number: cars.size };
      effects.push({ type: "persist", stream: "log", entry: { kind: "car", ...head, bytes: encode(text) } });
    } else {
      height += 1;
      const text = padded(random, `block ${height}`);
      const committed: Hex[] = [];
      for (const [digest, car] of new Map([...acknowledged.cars, ...cars])) {
        if (car.height !== 0 || !random.oneIn(2)) continue;
        committed.push(digest);
        cars.set(digest, { body: car.body, height });
      }
      blocks.set(height, text);
      const entry = { kind: "block", height, cars: committed, bytes: encode(text) } as const;
      effects.push({ type: "persist", stream: "log", entry });
    }
  }
  world.written = { votes, height };
  world.pendingVotes.push(votes);
  let refused = false;
  storage.append(effects);
  storage.flush((result) => {
    refused = !result.ok;
    if (refused) return;
    acknowledged.votes = world.pendingVotes.shift() ?? [];
    for (const [digest, car] of cars) acknowledged.cars.set(digest, car);
    for (const [at, text] of blocks) acknowledged.blocks.set(at, text);
    if (height === 0) return;
    storage.note({ type: "executed", height, first: height, entries: 1, note: encode(`note ${height}`) });
  });
  if (random.oneIn(3)) world.executor.drain();
  if (!world.batches && random.oneIn(4)) work(world);
  return !refused;
}

const PARTS = 5;
const partOf = (height: number, part: number): Uint8Array => encode(`${height}/${part} ${"s".repeat(2_000)}`);
const blockHashOf = (height: number): Hex => sha256Hex(encode(`hash ${height}`));

function writeSnapshot(world: World): boolean {
  const { storage, acknowledged, written, executor } = world;
  executor.drain();
  const { height } = written;
  if (acknowledged.snapshots.includes(height)) return true;
  let part = 0;
  const next = (): Uint8Array | undefined => (part < PARTS ? partOf(height, part++) : undefined);
  storage.snapshot({ type: "snapshot", height, blockHash: blockHashOf(height), next }, (at) => {
    acknowledged.snapshots.push(at);
  });
  work(world);
  return acknowledged.snapshots.includes(height);
}

export type Found = {
  /** By name. */
  readonly votes: readonly string[];
  readonly votesIntact: boolean;
  /** Acknowledged things that cannot be read, by name. */
  readonly lost: readonly string[];
};

/** A vote's text without its padding: what a failing test prints. */
const nameOf = (vote: string): string => vote.replace(/ x*$/, ` +${vote.length}`);
export const namesOf = (votes: readonly string[]): readonly string[] => votes.map(nameOf);

/** What of the acknowledged is there; throws if anything reads as something else than what was written. */
export function inspect({ storage, acknowledged }: World): Found {
  const lost: string[] = [];
  const compare = (name: string, expected: string, bytes: Uint8Array | undefined): void => {
    if (bytes === undefined) lost.push(name);
    else if (decode(bytes) !== expected) throw new Error(`${name} reads as something else`);
  };
  const recovered = storage.recovered();
  for (const [height, text] of acknowledged.blocks) {
    if (height >= acknowledged.released) compare(`block ${height}`, text, storage.readBlock(height));
  }
  for (const [digest, { height, body }] of acknowledged.cars) {
    if (height === 0 || height >= acknowledged.released) compare(`car ${digest}`, body, storage.readCar(digest));
  }
  let tip = recovered.snapshot?.height ?? 0;
  for (const bytes of recovered.blocks) {
    tip += 1;
    const text = acknowledged.blocks.get(tip);
    if (text !== undefined && text !== decode(bytes)) throw new Error(`block ${tip} is recovered as something else`);
  }
  const blocksLost = lost.some((name) => name.startsWith("block"));
  if (!blocksLost && tip < Math.max(0, ...acknowledged.blocks.keys())) throw new Error(`recovery ends at ${tip}`);
  checkSnapshot(recovered.snapshot, acknowledged, lost);
  const held = new Set([...acknowledged.cars.keys()].filter((digest) => storage.readCar(digest) !== undefined));
  // What has decayed is known once it was read.
  const heads = new Set(storage.recovered().cars.map(({ digest }) => digest));
  for (const digest of acknowledged.cars.keys()) {
    if (heads.has(digest) !== held.has(digest)) throw new Error(`head of car ${digest} is wrong`);
  }
  return { votes: namesOf(recovered.votes.map(decode)), votesIntact: recovered.votesIntact, lost };
}

function checkSnapshot(
  snapshot: ReturnType<Storage["recovered"]>["snapshot"],
  { snapshots }: Acknowledged,
  lost: string[],
): void {
  const newest = snapshots.at(-1);
  if (newest !== undefined && (snapshot === undefined || snapshot.height < newest)) lost.push(`snapshot ${newest}`);
  if (snapshot === undefined) return;
  const parts = [...snapshot.parts].map(toHex);
  const expected = Array.from({ length: PARTS }, (_, part) => toHex(partOf(snapshot.height, part)));
  if (parts.join() !== expected.join() || snapshot.blockHash !== blockHashOf(snapshot.height)) {
    throw new Error(`snapshot ${snapshot.height} reads as something else`);
  }
}

/**
 * Takes over what a crash or a refusal left of the steps under way: their votes, blocks and snapshots may be durable or
 * not, and from now on they count as what they are. Their cars may be either for ever.
 */
export function adopt(world: World): void {
  const { storage, acknowledged } = world;
  const recovered = storage.recovered();
  acknowledged.votes = recovered.votes.map(decode);
  world.pendingVotes = [];
  let height = Math.max(0, ...acknowledged.blocks.keys());
  for (let bytes = storage.readBlock(height + 1); bytes !== undefined; bytes = storage.readBlock(height + 1)) {
    height += 1;
    acknowledged.blocks.set(height, decode(bytes));
    // Which cars it commits is not known here, so these may be released with it.
    for (const [digest, car] of acknowledged.cars) if (car.height === 0) acknowledged.cars.delete(digest);
  }
  world.written = { votes: acknowledged.votes, height };
  acknowledged.snapshots = acknowledged.snapshots.filter((at) => at !== recovered.snapshot?.height);
  if (recovered.snapshot !== undefined) acknowledged.snapshots.push(recovered.snapshot.height);
}
