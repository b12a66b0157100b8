import { present } from "../../base/assert.ts";
import type { Local, Locals } from "./locals.ts";
import { type Network, viewsIn } from "./network.ts";
import { CRASH, CRASH_LOST, GIVE_UP, PROPOSE } from "./vocabulary.ts";

/** What anybody can be told in a state, and which crashes are left; equal ones share one number. */
export type Chances = { readonly id: number; readonly events: readonly number[] };

export type Moves = {
  /** Local states that the validator can reach by silent steps and one that others can notice. */
  from(local: number, chances: Chances): readonly number[];
  /** The events of one shortest such way. */
  way(from: number, to: number, chances: Chances): readonly number[];
};

/**
 * Partial order reduction, twice. A silent step shows nothing to anybody: no vote, no message. What is on offer stays on
 * offer, so other validators' steps never take a silent step away, and it can wait until just before the next step of its
 * validator that shows. And of two states after such a step, one that the other reaches silently adds nothing: the
 * other will still get there. Every order of steps that show is still explored, and so is every set of votes.
 */
export function createMoves(network: Network, locals: Locals): Moves {
  const known = new Map<string, readonly number[]>();
  const reaches = new Map<string, ReadonlySet<number>>();

  function* eventsOf({ epoch, view, leads }: Local, { events }: Chances): Generator<number> {
    yield* events;
    if (view > viewsIn(network, epoch)) return;
    if (leads) yield PROPOSE;
    yield GIVE_UP;
  }

  /** Breadth first over silent steps, and one step that shows behind each. */
  const search = (start: number, chances: Chances): Reached => {
    const silent: Steps = new Map([[start, { from: start, event: -1 }]]);
    const showing: Steps = new Map();
    const queue = [start];
    for (let at = queue.shift(); at !== undefined; at = queue.shift()) {
      const before = locals.get(at);
      for (const event of eventsOf(before, chances)) {
        const to = locals.after(at, event);
        if (silent.has(to) || showing.has(to)) continue;
        if (isNoticed(before, locals.get(to))) showing.set(to, { from: at, event });
        else {
          silent.set(to, { from: at, event });
          queue.push(to);
        }
      }
    }
    return { silent, showing };
  };
  const silentFrom = (start: number, chances: Chances): ReadonlySet<number> => {
    const key = `${start} ${chances.id}`;
    const before = reaches.get(key);
    if (before !== undefined) return before;
    const found = new Set(search(start, chances).silent.keys());
    reaches.set(key, found);
    return found;
  };

  return {
    from: (local, chances) => {
      const key = `${local} ${chances.id}`;
      const before = known.get(key);
      if (before !== undefined) return before;
      const all = [...search(local, chances).showing.keys()];
      const late = new Set<number>();
      for (const one of all) {
        if (late.has(one)) continue;
        const silent = silentFrom(one, chances);
        for (const other of all) if (other !== one && silent.has(other)) late.add(other);
      }
      const found = all.filter((each) => !late.has(each));
      known.set(key, found);
      return found;
    },
    way: (from, to, chances) => {
      const { silent, showing } = search(from, chances);
      const events: number[] = [];
      for (let at = to; at !== from; ) {
        const step = present(showing.get(at) ?? silent.get(at), "the way was found before");
        events.push(step.event);
        at = step.from;
      }
      return events.toReversed();
    },
  };
}

/** States with the step that first led to each. */
type Steps = Map<number, { readonly from: number; readonly event: number }>;
type Reached = { readonly silent: Steps; readonly showing: Steps };

const isNoticed = (before: Local, after: Local): boolean =>
  before.votesId !== after.votesId ||
  before.offersId !== after.offersId ||
  before.crashesKept !== after.crashesKept ||
  before.crashesLost !== after.crashesLost ||
  after.fault !== undefined;

/** Puts together what every local state of the network offers, and the certificates that the votes make. */
export function createChances(
  network: Network,
  fromTheStart: readonly number[],
): (locals: readonly Local[], certificates: readonly number[]) => Chances {
  const known = new Map<string, Chances>();
  const ids = new Map<string, Chances>();
  return (locals, certificates) => {
    const kept = locals.reduce((sum, { crashesKept }) => sum + crashesKept, 0) < network.crashes.kept;
    const lost = locals.reduce((sum, { crashesLost }) => sum + crashesLost, 0) < network.crashes.lost;
    const key = `${locals.map(({ offersId, votesId }) => `${offersId}.${votesId}`).join()} ${kept} ${lost}`;
    const before = known.get(key);
    if (before !== undefined) return before;
    const all = new Set([...fromTheStart, ...certificates, ...locals.flatMap(({ offers }) => offers)]);
    const events = [...all].toSorted((a, b) => a - b);
    if (kept) events.push(CRASH);
    if (lost) events.push(CRASH_LOST);
    const name = events.join();
    const chances = ids.get(name) ?? { id: ids.size, events };
    ids.set(name, chances);
    known.set(key, chances);
    return chances;
  };
}
