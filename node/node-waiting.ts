import type { Hex } from "./base/bytes.ts";
import type { NodeEffect } from "./ports.ts";

/** Requests of clients that wait for a block at the same time. */
export const WAITING_MAX = 65_536;

/** Requests of clients that wait for a batch to be executed. */
export type Waiting = {
  readonly requests: Map<Hex, number[]>;
  count: number;
};

export const createWaiting = (): Waiting => ({ requests: new Map(), count: 0 });

export function addRequest(waiting: Waiting, batch: Hex, request: number): void {
  const requests = waiting.requests.get(batch) ?? [];
  requests.push(request);
  waiting.requests.set(batch, requests);
  waiting.count += 1;
}

/** Those that waited for a batch, which was executed: they wait no longer. */
export function takeRequests(waiting: Waiting, batch: Hex): readonly number[] {
  const requests = waiting.requests.get(batch) ?? [];
  waiting.requests.delete(batch);
  waiting.count -= requests.length;
  return requests;
}

/** What this node took and will not see executed itself: its clients send it again, to another node. */
export function refuseWaiting(waiting: Waiting, effects: NodeEffect[], reason: string): void {
  for (const request of [...waiting.requests.values()].flat())
    effects.push({ type: "answer", request, answer: { type: "refused", reason, retryable: true } });
  waiting.requests.clear();
  waiting.count = 0;
}
