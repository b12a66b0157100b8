import { setTimeout as delay } from "node:timers/promises";
import { unreachable } from "../base/assert.ts";
import { fromHex } from "../base/bytes.ts";
import { type Client, openClient } from "../client/client.ts";
import { accountBase, encodePayments, ownerKey } from "../client/load-plan.ts";
import { setUp } from "../client/load-setup.ts";
import { keyPairFromSeed, SEED_BYTES } from "../codec/signature.ts";
import type { Answer, Command } from "./generator-api.ts";
import { runLoadPlan } from "./load-run.ts";

/** The bench's load generator: a process of its own, so that nothing else runs between its sends. */

/** What each account gets: enough for any run, and less than an overdraft asks for. */
const FUNDING = 1_000_000_000n;
const PULSE_EVERY_MS = 5;

type State = {
  readonly client: Client;
  readonly seed: Uint8Array;
  readonly targets: number;
  readonly plan: { readonly accounts: number; readonly owners: number };
};
let state: State | undefined;

const parent = process.send?.bind(process);
if (parent === undefined) throw new Error("the generator is started by the bench");
process.on("disconnect", () => process.exit(0));
process.on("message", (command: Command) => {
  void carryOut(command)
    .catch(
      (cause: unknown): Answer => ({ type: "failed", reason: cause instanceof Error ? cause.message : `${cause}` }),
    )
    .then((answer) => parent(answer));
});

async function carryOut(command: Command): Promise<Answer> {
  switch (command.type) {
    case "set-up":
      state = await open(command);
      return { type: "ready" };
    case "run": {
      const { plan, ...loaded } = opened();
      return { type: "measured", measured: await runLoadPlan(loaded, plan, command.run) };
    }
    case "pulse":
      return { type: "pulses", answeredAtMs: await pulse(opened(), command.targets, command.forMs) };
    default:
      return unreachable(command);
  }
}

function opened(): State {
  if (state === undefined) throw new Error("not set up yet");
  return state;
}

async function open(command: Extract<Command, { type: "set-up" }>): Promise<State> {
  const seed = fromHex(command.seed, SEED_BYTES);
  if (seed === undefined) throw new Error("the seed is not hexadecimal");
  const { targets, ca, accounts, owners } = command;
  const client = await openClient({ targets, ca, keyPair: keyPairFromSeed(seed), requestTimeoutMs: 60_000 });
  const stop = new AbortController().signal;
  const treasury = BigInt(command.treasury);
  await setUp({ client, history: undefined, seed, treasury, accounts, owners, funding: FUNDING, stop });
  return { client, seed, targets: targets.length, plan: { accounts, owners } };
}

/** One small batch every few milliseconds, whatever becomes of it; when each was committed, on the wall clock. */
async function pulse({ client, seed }: State, targets: readonly number[], forMs: number): Promise<number[]> {
  const keyPair = ownerKey(seed, 0);
  const base = accountBase(seed);
  const answeredAtMs: number[] = [];
  const running: Promise<unknown>[] = [];
  let refused: string | undefined;
  const endMs = Date.now() + forMs;
  for (let turn = 0; Date.now() < endMs; turn++) {
    const records = encodePayments([{ payer: 0, payee: 1, amount: 1 }], { firstId: client.newIds(1), base });
    const target = targets[turn % targets.length] ?? 0;
    const sent = client.sendSigned(client.signTransfers(records, keyPair), { target });
    running.push(
      sent.then((result) => {
        if (result.type === "committed") answeredAtMs.push(Date.now());
        else refused ??= `${result.type}: ${result.reason}`;
      }),
    );
    await delay(PULSE_EVERY_MS);
  }
  await Promise.all(running);
  if (refused !== undefined) throw new Error(`a pulse was not committed: ${refused}`);
  return answeredAtMs.toSorted((a, b) => a - b);
}
