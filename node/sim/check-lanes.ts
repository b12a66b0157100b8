import type { Hex } from "../base/bytes.ts";
import type { SealedBlock } from "../codec/block.ts";
import { type Car, NO_CAR, parseCar } from "../codec/car.ts";
import { type OrderedTip, parsePayload } from "../codec/payload.ts";
import { parsePeerMessage } from "../codec/peer-message.ts";
import type { LogEntry } from "../ports.ts";
import type { Disk } from "./disk.ts";
import { check } from "./violation.ts";

type Position = { readonly incarnation: bigint; readonly number: number; readonly digest: Hex };

/** Rule 8 and the order of execution, by a walk of its own over every car that any honest node keeps. */
export type LanesChecker = {
  /** An honest node writes to its log. */
  onLogged(node: number, entry: LogEntry, disk: Disk): void;
  /** An honest node writes a block that it votes for to its journal. */
  onVoted(block: SealedBlock): void;
  /** An honest node sends a frame; `disk` holds what a crash would leave it. */
  onSent(node: number, frame: Uint8Array, disk: Disk): void;
  /** Tail blocks that honest nodes voted for. */
  tails(): number;
  /** Ids of the batches of a final block, in the order of execution; of every block in order of height. */
  idsOf(block: SealedBlock): readonly Hex[];
  batchesOf(block: SealedBlock): readonly Uint8Array[];
};

export function createLanesChecker(): LanesChecker {
  let tails = 0;
  const cars = new Map<Hex, Car>();
  const spoken = new Map<string, Hex>();
  const journaledBlocks = new Map<Hex, SealedBlock>();
  const positions = new Map<number, Position>();
  const ordered = new Map<Hex, readonly Car[]>();
  const orderedCars = new Set<Hex>();

  const tipsOf = ({ payload, height }: SealedBlock): readonly OrderedTip[] => {
    const parsed = parsePayload(payload);
    check(parsed.ok, "lanes", () => `height ${height} has a payload that nobody can read`);
    return parsed.value.tips;
  };

  /** From the tip down, car by car; undefined where one is not in `holds`. */
  const walk = (tip: OrderedTip, holds: (digest: Hex) => boolean): Car[] | undefined => {
    const found: Car[] = [];
    let digest = tip.digest;
    for (let number = tip.number; number > tip.number - tip.cars; number--) {
      const car = cars.get(digest);
      if (car === undefined || !holds(digest)) return undefined;
      const right = car.validator === tip.validator && car.incarnation === tip.incarnation && car.number === number;
      check(right, "lanes", () => `car ${digest} stands in for number ${number} of lane ${tip.validator}`);
      found.unshift(car);
      digest = car.previous;
    }
    return found;
  };

  /** Once for each final block, in order of height: where its lanes were, and what it adds. */
  const order = (block: SealedBlock): readonly Car[] => {
    const known = ordered.get(block.hash);
    if (known !== undefined) return known;
    const all: Car[] = [];
    let last = -1;
    for (const tip of tipsOf(block)) {
      const where = `height ${block.height}, lane ${tip.validator}`;
      check(tip.validator > last, "lanes", () => `${where}: lanes are out of order`);
      last = tip.validator;
      const before = positions.get(tip.validator);
      const again = before?.incarnation === tip.incarnation;
      const from = again ? before.number : 0;
      const on = before === undefined || again || tip.incarnation > before.incarnation;
      check(on && tip.number - tip.cars === from, "lanes", () => `${where}: does not go on where it was`);
      const added = walk(tip, () => true);
      check(added !== undefined, "availability", () => `${where}: is final and nobody has all its cars`);
      const links = added[0]?.previous === (again ? before.digest : NO_CAR);
      check(links, "lanes", () => `${where}: does not follow what was ordered`);
      for (const { digest } of added) {
        check(!orderedCars.has(digest), "exactly once", () => `${where}: car ${digest} is ordered twice`);
        orderedCars.add(digest);
      }
      positions.set(tip.validator, tip);
      all.push(...added);
    }
    ordered.set(block.hash, all);
    return all;
  };

  return {
    onLogged: (node, entry, disk) => {
      if (entry.kind === "car") {
        const car = parseCar(entry.bytes);
        check(car.ok, "lanes", () => `node ${node} keeps a car that nobody can read`);
        cars.set(car.value.digest, car.value);
        return;
      }
      for (const digest of entry.cars)
        check(
          disk.cars.has(digest),
          "availability",
          () => `node ${node} logs height ${entry.height} without ${digest}`,
        );
    },
    onVoted: (block) => {
      journaledBlocks.set(block.hash, block);
      if (block.kind === "tail") tails += 1;
      const parent = journaledBlocks.get(block.parent);
      const follows = parent !== undefined && parent.kind !== "normal" && parent.epoch === block.epoch;
      check(
        !follows || block.kind === "tail",
        "epochs",
        () => `${block.kind} block of height ${block.height} is no tail`,
      );
      const empty = block.payload.length === 0 && block.votes.length === 0 && block.evidence.length === 0;
      check(block.kind !== "tail" || empty, "epochs", () => `a tail of height ${block.height} is not empty`);
    },
    onSent: (node, frame, disk) => {
      const message = parsePeerMessage(frame);
      if (!message.ok) return;
      const { value } = message;
      if (value.type === "car") {
        const car = parseCar(value.car);
        if (!car.ok || car.value.validator !== node) return;
        const { digest, incarnation, number } = car.value;
        check(
          disk.cars.has(digest),
          "durable before sent",
          () => `node ${node} sends car ${number} that a crash takes`,
        );
        const key = `${node} ${incarnation} ${number}`;
        const before = spoken.get(key) ?? digest;
        check(before === digest, "honest lanes", () => `node ${node} forks its lane at ${number}`);
        spoken.set(key, before);
      } else if (value.type === "ack") {
        const { digest, number, validator } = value.ack.tip;
        const held = disk.cars.has(digest);
        check(held, "durable before sent", () => `node ${node} vouches for car ${number} of ${validator} without it`);
      } else if (value.type === "vote" && value.vote.signer === node && value.vote.ballot.kind === "finalize") {
        const block = journaledBlocks.get(value.vote.ballot.block);
        if (block === undefined || block.kind === "tail") return;
        const whole = tipsOf(block).every((tip) => walk(tip, (digest) => disk.cars.has(digest)) !== undefined);
        check(whole, "durable before final", () => `node ${node} makes height ${block.height} final without its cars`);
      }
    },
    tails: () => tails,
    idsOf: (block) => order(block).flatMap(({ ids }) => ids),
    batchesOf: (block) => order(block).flatMap(({ batches }) => batches),
  };
}
