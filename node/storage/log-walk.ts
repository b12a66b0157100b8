import { unreachable } from "../base/assert.ts";
import type { Disk } from "./disk.ts";
import { type EntryKey, parseKey } from "./entry-key.ts";
import { type WalkEnd, type WalkEvent, type WalkOptions, walkGroups } from "./group-walk.ts";
import type { Place } from "./places.ts";
import type { Segment } from "./segment.ts";

/** Something that was durable and is not what was written any more. */
export type Damage = {
  readonly path: string;
  /** First byte that may be wrong. */
  readonly offset: number;
  readonly what: string;
  /** The entry whose body is lost; undefined: which entries are lost is not known. */
  readonly key?: EntryKey;
};

export const describeDamage = ({ path, offset, what }: Damage): string =>
  `${path} is damaged at byte ${offset}: ${what}`;

export type LogEvent =
  | { readonly type: "entry"; readonly key: EntryKey; readonly place: Place }
  | { readonly type: "damage"; readonly damage: Damage }
  | Extract<WalkEvent, { type: "torn" }>;

/** The entries of a log in the order of writing, and between them what is damaged. */
export function* walkLog(disk: Disk, segments: readonly Segment[], how?: WalkOptions): Generator<LogEvent, WalkEnd> {
  const walk = walkGroups(disk, segments, how);
  for (let step = walk.next(); ; step = walk.next()) {
    if (step.done === true) return step.value;
    yield* eventsOf(step.value);
  }
}

function* eventsOf(event: WalkEvent): Generator<LogEvent> {
  switch (event.type) {
    case "torn":
      yield event;
      return;
    case "no-header":
      yield {
        type: "damage",
        damage: { path: event.segment.path, offset: 0, what: "both copies of its header are wrong" },
      };
      return;
    case "missing":
      yield { type: "damage", damage: { path: event.segment.path, offset: event.offset, what: missingGroups(event) } };
      return;
    case "group":
      for (const { key: bytes, place, intact } of event.group.records) {
        const { path, sequence } = event.segment;
        const key = parseKey(bytes);
        const damage = { path, offset: place.offset };
        if (!key.ok) yield { type: "damage", damage: { ...damage, what: "an entry of an unknown kind" } };
        else if (!intact) yield { type: "damage", damage: { ...damage, what: nameOf(key.value), key: key.value } };
        else yield { type: "entry", key: key.value, place: { segment: sequence, ...place } };
      }
      return;
    default:
      unreachable(event);
  }
}

export function nameOf(key: EntryKey): string {
  switch (key.kind) {
    case "block":
      return `block ${key.height}`;
    case "note":
      return `note of block ${key.height}`;
    case "car":
      return `car ${key.number} of validator ${key.validator}, ${key.digest}`;
    default:
      return unreachable(key);
  }
}

export const missingGroups = ({ from, to }: { from: number; to: number }): string =>
  from === to ? `group ${from} cannot be read` : `groups ${from} to ${to} cannot be read`;
