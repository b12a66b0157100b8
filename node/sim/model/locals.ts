import { present, unreachable } from "../../base/assert.ts";
import {
  apply,
  createMachine,
  forgetTime,
  GIVE_UP_MS,
  lookAt,
  type Machine,
  openedJournal,
  PROPOSE_MS,
  restart,
  type Said,
  takes,
} from "./machine.ts";
import { cloneMachine, createJournalKey, evidenceKey, keyOf } from "./machine-state.ts";
import type { Network } from "./network.ts";
import { createPairs } from "./pairs.ts";
import type { Event, Vocabulary } from "./vocabulary.ts";

/** One state of one validator, with what the network has of it for good: a crash takes nothing of that back. */
export type Local = {
  readonly machine: Machine;
  /** Ballots that it ever signed, and events that it made possible for everybody, ascending. */
  readonly votes: readonly number[];
  readonly offers: readonly number[];
  readonly votesId: number;
  readonly offersId: number;
  /** Ballots that prove what it takes for final. */
  readonly finals: readonly number[];
  readonly epoch: number;
  readonly view: number;
  readonly leads: boolean;
  readonly crashesKept: number;
  readonly crashesLost: number;
  /** Records of the journal that were durable before the last step began. */
  readonly syncedBefore: number;
  /** What is wrong with this state by itself. */
  readonly fault: string | undefined;
};

/** All states of one validator that were met, each stepped through the production code once per event. */
export type Locals = {
  /** The number of the state after an event; the same number if it changes nothing. */
  after(local: number, event: number): number;
  get(local: number): Local;
  size(): number;
  /** Times that the production code ran. */
  steps(): number;
};

export function createLocals(network: Network, self: number, vocabulary: Vocabulary): Locals {
  const list: Local[] = [];
  const ids = new Map<string, number>();
  const successors = createPairs();
  const journalKey = createJournalKey();
  const setIds = new Map<string, number>();
  let steps = 0;

  /** Equal lists get equal numbers, so that what follows from them is computed once. */
  const setId = (values: readonly number[]): number => {
    const key = values.join();
    const known = setIds.get(key) ?? setIds.size;
    setIds.set(key, known);
    return known;
  };

  const keep = (machine: Machine, before: Local | undefined, said: Said, fields: Partial<Local> = {}): number => {
    const votes = new Set(before?.votes);
    const offers = new Set(before?.offers);
    for (const message of said.messages) {
      if (message.type === "vote" && message.vote.signer === self) {
        votes.add(vocabulary.ballot(message.vote.ballot));
        if (network.singleVotes) offers.add(vocabulary.vote(message.vote.ballot, self));
      }
      if (message.type === "proposal" && message.block.proposer === self)
        for (const event of vocabulary.proposal(message)) offers.add(event);
      if (message.type === "vote-query") offers.add(vocabulary.query(self));
      if (message.type === "vote-answer") offers.add(vocabulary.answer(message.answer));
    }
    if (network.records) for (const record of machine.records) offers.add(vocabulary.record(record));
    const { epoch, view, leads, proofs } = lookAt(network, machine);
    const ordered = (set: ReadonlySet<number>): readonly number[] => [...set].toSorted((a, b) => a - b);
    const local: Local = {
      machine,
      votes: ordered(votes),
      offers: ordered(offers),
      votesId: setId(ordered(votes)),
      offersId: setId(ordered(offers)),
      finals: proofs.map(({ ballot }) => vocabulary.ballot(ballot)),
      epoch,
      view,
      leads,
      crashesKept: before?.crashesKept ?? 0,
      crashesLost: before?.crashesLost ?? 0,
      syncedBefore: before?.machine.journal.length ?? 0,
      fault: blame(network, said),
      ...fields,
    };
    const torn = network.restarts === "sends-before-sync" ? local.machine.journal.length - local.syncedBefore : 0;
    const key = [
      keyOf(machine, vocabulary.nameOf),
      network.evidence ? evidenceKey(machine, vocabulary.nameOf) : "",
      local.votesId,
      local.offersId,
      local.crashesKept,
      local.crashesLost,
      torn,
      network.crashes.kept > 0 ? journalKey(machine) : "",
      local.fault ?? "",
    ].join("#");
    const known = ids.get(key);
    if (known !== undefined) return known;
    ids.set(key, list.length);
    list.push({ ...local, fault: local.fault ?? evidenceAgainst(self, local, vocabulary) });
    return list.length - 1;
  };

  const evaluate = (local: number, event: Event): number => {
    const before = present(list[local], "locals are known");
    if (event.type === "input" && !takes(before.machine, event.input)) return local;
    steps += 1;
    const machine = cloneMachine(before.machine);
    try {
      switch (event.type) {
        case "input":
          return rest(machine, before, apply(network, machine, event.input, 0));
        case "propose":
        case "give-up": {
          const at = event.type === "propose" ? PROPOSE_MS : GIVE_UP_MS;
          return rest(machine, before, apply(network, machine, { type: "time" }, at));
        }
        case "crash":
        case "crash-without-journal": {
          const lost = event.type === "crash-without-journal";
          const back = restart(network, machine, journalAfterCrash(network, self, before, lost));
          const said = apply(network, back, { type: "time" }, 0);
          const counts = lost ? { crashesLost: before.crashesLost + 1 } : { crashesKept: before.crashesKept + 1 };
          return rest(back, before, said, counts);
        }
        default:
          return unreachable(event);
      }
    } catch (cause) {
      if (!(cause instanceof Error)) throw cause;
      return keep(machine, before, { messages: [], reports: [] }, { fault: `the code throws: ${cause.message}` });
    }
  };
  const rest = (machine: Machine, before: Local, said: Said, fields: Partial<Local> = {}): number => {
    forgetTime(network, machine);
    return keep(machine, before, said, fields);
  };

  keep(createMachine(network, self), undefined, { messages: [], reports: [] });
  return {
    after: (local, event) => {
      const known = successors.get(local, event);
      if (known !== undefined) return known;
      const fresh = evaluate(local, present(vocabulary.events[event], "events are known"));
      successors.add(local, event, fresh);
      return fresh;
    },
    get: (local) => present(list[local], "locals are known"),
    size: () => list.length,
    steps: () => steps,
  };
}

/** What a crash leaves of the journal, and the ways to break it that a canary may ask for. */
function journalAfterCrash(
  network: Network,
  self: number,
  { machine, syncedBefore }: Local,
  lost: boolean,
): readonly Uint8Array[] | undefined {
  // Lost before, and nothing answered since that would have begun a new one.
  const forgotten = lost || machine.journal.length === 0;
  switch (network.restarts) {
    case "sound":
      return forgotten ? undefined : machine.journal;
    case "forgets-votes":
      return forgotten ? undefined : [openedJournal(network, self)];
    case "sends-before-sync":
      return forgotten ? undefined : machine.journal.slice(0, Math.max(1, syncedBefore));
    default:
      return unreachable(network.restarts);
  }
}

/** Whether an honest validator said what rule 1 calls evidence, in all its lives together. */
function evidenceAgainst(self: number, { votes, offers }: Local, vocabulary: Vocabulary): string | undefined {
  const said = new Map<string, string>();
  for (const id of votes) {
    const ballot = present(vocabulary.ballots[id], "ballots are known");
    const words = ballot.kind === "nullify" ? "" : ballot.block;
    const key = `${ballot.kind} ${ballot.epoch}/${ballot.view}`;
    if ((said.get(key) ?? words) !== words)
      return `evidence: validator ${self} voted twice to ${ballot.kind} in view ${ballot.view}`;
    said.set(key, words);
  }
  for (const key of said.keys()) {
    if (key.startsWith("finalize") && said.has(key.replace("finalize", "nullify")))
      return `evidence: validator ${self} voted to finalize and to nullify in view ${key.slice("finalize ".length)}`;
  }
  const proposed = new Map<string, string>();
  for (const id of offers) {
    const event = vocabulary.events[id];
    if (event?.type !== "input" || event.input.type !== "message" || event.input.message.type !== "proposal") continue;
    const { block } = event.input.message;
    if (block.proposer !== self) continue;
    const place = `${block.epoch}/${block.view}`;
    if ((proposed.get(place) ?? block.hash) !== block.hash)
      return `evidence: validator ${self} proposed twice in view ${place}`;
    proposed.set(place, block.hash);
  }
  return undefined;
}

/** An honest validator may accuse the liar and nobody else; a fork or wrong results it must never see. */
function blame({ byzantine }: Network, { reports }: Said): string | undefined {
  const wrong = reports.find((report) => !report.startsWith(`equivocation: validator ${byzantine}:`));
  return wrong === undefined ? undefined : `report: ${wrong}`;
}
