/**
 * What a peer may make this node read and send. Whoever catches up asks one question at a time and gets 4 MiB at most, so the
 * rate is far above what it can take in (half a million transfers a second); what is beyond it is no catching up.
 */
export const SERVED_BYTES_PER_SECOND = 64 * 1024 * 1024;
/** A peer that was quiet gets so much at once: eight full answers, which are all that can be on their way to it. */
export const SERVED_BURST_BYTES = 32 * 1024 * 1024;
/** What a question costs even if the answer is empty: looking for it. */
const QUESTION_BYTES = 4 * 1024;
/** A peer probes every two seconds, ten times a second at most (domain.md, "λ(t)"). */
export const PROBES_PER_SECOND = 20;
/** Peers whose debts are remembered, more than a network has validators. Beyond them the quietest is forgotten, which forgives its debt. */
const PEERS_MAX = 1024;

/** Bytes, or probes, that were served and are not paid back by waiting yet. */
type Debt = { amount: number; atMs: number };
type Bucket = { readonly perSecond: number; readonly burst: number; readonly debts: Map<number, Debt> };

/** A budget for each peer. Nothing of it is agreed on: who is refused asks another peer. */
export type Serving = { readonly bytes: Bucket; readonly probes: Bucket };

/** Observers have a smaller budget, which they share: however many follow, and whatever they ask, validators come first. */
export const OBSERVERS_SHARE = 4;

export const createServing = (share = 1): Serving => ({
  bytes: { perSecond: SERVED_BYTES_PER_SECOND / share, burst: SERVED_BURST_BYTES / share, debts: new Map() },
  probes: { perSecond: PROBES_PER_SECOND, burst: PROBES_PER_SECOND, debts: new Map() },
});

/** Whether the peer's question is answered now; it is charged for having asked. */
export const mayAsk = ({ bytes }: Serving, peer: number, nowMs: number): boolean =>
  charge(bytes, { peer, amount: QUESTION_BYTES, nowMs });

/** Charges an answer. It may be larger than what is left: then the peer waits longer for the next. */
export function served({ bytes }: Serving, peer: number, length: number): void {
  const debt = bytes.debts.get(peer);
  if (debt !== undefined) debt.amount += length;
}

export const mayProbe = ({ probes }: Serving, peer: number, nowMs: number): boolean =>
  charge(probes, { peer, amount: 1, nowMs });

/** False, and nothing is charged: the peer has had its share. */
function charge(
  { perSecond, burst, debts }: Bucket,
  { peer, amount, nowMs }: { readonly peer: number; readonly amount: number; readonly nowMs: number },
): boolean {
  const before = debts.get(peer) ?? { amount: 0, atMs: nowMs };
  const owed = Math.max(0, before.amount - (perSecond * (nowMs - before.atMs)) / 1_000);
  // To the end of the order, so that the first one is the one that was quiet for longest.
  debts.delete(peer);
  const takes = owed + amount <= burst;
  debts.set(peer, { amount: takes ? owed + amount : owed, atMs: nowMs });
  const [quietest] = debts.keys();
  if (debts.size > PEERS_MAX && quietest !== undefined) debts.delete(quietest);
  return takes;
}
