import { unreachable } from "../../node/base/assert.ts";
import { type Millis, seconds } from "../../node/base/units.ts";
import type { Disruption } from "../api/cluster.ts";
import type { TlsStatus } from "../api/tls.ts";
import { nodeName } from "../desired/names.ts";
import { authority as authorityIssue, nodeLeaf, operatorLeaf } from "../desired/secrets.ts";
import type { AuthorityFacts, Snapshot } from "../observe/snapshot.ts";
import { gate } from "../rollout/quorum.ts";
import { podsCommand, specCommand, type Wait } from "../rollout/situation.ts";
import { elapsed, timeText } from "../rollout/time.ts";
import type { NodeView, View } from "../rollout/view.ts";
import type { Action } from "./actions.ts";
import { dueAt, isDue, isUsable } from "./leaf-age.ts";
import { everybodyOf, observersOf } from "./observers.ts";

/** How long a release that does not tell which certificate it uses is given to have read a new one. */
const SILENT_PATIENCE = seconds(180);

/** A record of `Trust` that is older than this is made anew before the authority that it speaks of. */
const ADD_AT_ONCE = seconds(5);

/** What is recorded, who holds the slot, and what to do on the strength of what was recorded before. */
export type Turn = {
  readonly status: TlsStatus;
  readonly slot: Disruption | undefined;
  readonly acts: readonly Action[];
  readonly wait?: Wait;
};

/**
 * Replaces certificates while everything runs: who a node is stands in its certificate's names, and nodes read new files
 * without a restart. A new authority is trusted by every node before anything is signed by it, and the old one until nothing
 * signed by it is in use; both times clients get `overlapSeconds` to follow. One node at a time gets its certificate.
 * `free`: nobody else holds or wants the slot.
 */
export function rotate(snapshot: Snapshot, view: View, free: boolean): Turn {
  const { cluster, authority } = snapshot;
  const status = { ...recorded(snapshot), ...nextRotation(snapshot) };
  const slot = cluster.status.disruption?.kind === "Rotation" ? cluster.status.disruption : undefined;
  const rest: Turn = { status, slot, acts: [] };
  if (authority?.signs !== true || cluster.spec.paused) return rest;
  const at = (step: TlsStatus["step"], cause = status.cause): Turn => ({
    ...rest,
    status: { ...status, step, cause, since: timeText(snapshot.now) },
  });
  const over = elapsed(snapshot.now, status.since) >= seconds(cluster.spec.tls.overlapSeconds);
  switch (status.step) {
    case "Rest":
      return begun(snapshot, rest) ?? renewed(snapshot, view, rest, free);
    case "Trust": {
      const theirs = status.cause === "Issuer" || snapshot.given !== undefined;
      // Taken away again, or no good any more.
      if (authority.next === undefined && theirs && !isNew(snapshot.given)) return at("Rest", "");
      // The overlap is counted from here: a pause may lie between the record and the authority itself.
      if (authority.next === undefined)
        return elapsed(snapshot.now, status.since) < ADD_AT_ONCE
          ? { ...rest, acts: [change(snapshot, "add")] }
          : at("Trust");
      // Under an authority that has expired nobody trusts anybody: there is nothing to keep.
      if (snapshot.now >= authority.current.notAfter) return at("Leaves");
      const behind = untrusting(view, authority);
      if (behind.length === 0 && over) return at("Leaves");
      return { ...rest, wait: waitFor(snapshot, `the new authority to be trusted${named(behind)}`, behind) };
    }
    case "Leaves": {
      if (authority.next !== undefined) return { ...rest, acts: [change(snapshot, "switch")] };
      const turn = renewed(snapshot, view, rest, free);
      return turn === rest && slot === undefined ? at("Overlap") : turn;
    }
    case "Overlap": {
      // Some came back, or got theirs in a hurry.
      const behind = everybodyOf(view).filter((node) => holdsFiles(node) && !uses(snapshot, node, status.since));
      if (behind.length === 0 && over) return at("Drop");
      return { ...rest, wait: waitFor(snapshot, `the last certificates to be used${named(behind)}`, behind) };
    }
    case "Drop": {
      if (authority.previous !== undefined) return { ...rest, acts: [change(snapshot, "drop")] };
      const behind = untrusting(view, authority);
      if (behind.length > 0)
        return { ...rest, wait: waitFor(snapshot, `the old authority to be forgotten${named(behind)}`, behind) };
      const done = at("Rest", "");
      return { ...done, status: { ...done.status, completionTime: timeText(snapshot.now) } };
    }
    default:
      return unreachable(status.step);
  }
}

/** A word in spec.tls.rotate that stands there from the start asks for nothing. */
function recorded({ cluster, now }: Snapshot): TlsStatus {
  return (
    cluster.status.tls ?? { step: "Rest", since: timeText(now), cause: "", rotateHandled: cluster.spec.tls.rotate }
  );
}

function nextRotation({ authority, given, leaves }: Snapshot): Pick<TlsStatus, "nextRotation"> {
  if (authority === undefined) return {};
  // When somebody else renews theirs, nobody here knows.
  const first = Math.min(...[...(given === undefined ? [authority.current] : []), ...leaves.values()].map(dueAt));
  if (first === Number.POSITIVE_INFINITY) return {};
  return { nextRotation: timeText(first as Millis) };
}

const isNew = (given: Snapshot["given"]): boolean => given?.ok === true && given.value.stands === "New";

/** A change of the authority: because it is asked for, because of its age, or because somebody gave the next one. */
function begun({ cluster, authority, given, now }: Snapshot, rest: Turn): Turn | undefined {
  const { rotate: word } = cluster.spec.tls;
  const fresh = word !== rest.status.rotateHandled;
  const own = given === undefined;
  const cause =
    own && fresh && word !== ""
      ? "Requested"
      : authority?.next !== undefined
        ? "Given"
        : isNew(given)
          ? "Issuer"
          : own && authority !== undefined && now >= dueAt(authority.current)
            ? "Age"
            : undefined;
  if (cause === undefined) return fresh ? { ...rest, status: { ...rest.status, rotateHandled: word } } : undefined;
  return { ...rest, status: { ...rest.status, step: "Trust", since: timeText(now), cause, rotateHandled: word } };
}

/** Certificates that are due, the operator's own first, then each node's, one at a time and confirmed. */
function renewed(snapshot: Snapshot, view: View, rest: Turn, free: boolean): Turn {
  const { cluster, authority, leaves, now } = snapshot;
  if (authority === undefined) return rest;
  const due = (issue: ReturnType<typeof operatorLeaf>): boolean => {
    const leaf = leaves.get(issue.secret);
    // What is missing or no good any more is issued at once, by the plan.
    return isUsable(leaf, now) && isDue(leaf, { authority, dnsNames: issue.dnsNames, now });
  };
  const own = operatorLeaf(cluster);
  if (due(own)) return { ...rest, acts: [replacing(snapshot, own)] };
  // Who has no vote holds nobody up.
  const follower = observersOf(view).find(({ id }) => due(nodeLeaf(cluster, id)));
  if (follower !== undefined) return { ...rest, acts: [replacing(snapshot, nodeLeaf(cluster, follower.id))] };
  const { slot } = rest;
  if (slot !== undefined) {
    const node = view.nodes[slot.validator];
    if (node === undefined) return { ...rest, slot: undefined };
    const issue = nodeLeaf(cluster, node.id);
    if (due(issue)) return { ...rest, acts: [replacing(snapshot, issue)] };
    if (!holdsFiles(node) || uses(snapshot, node, slot.since)) return { ...rest, slot: undefined };
    return { ...rest, wait: waitFor(snapshot, `node ${node.id} to use its new certificate`, [node]) };
  }
  const next = view.nodes.find((node) => due(nodeLeaf(cluster, node.id)));
  // The same object: nothing is left to do.
  if (next === undefined) return rest;
  const closed = next.voting ? gate(view, next.id) : undefined;
  if (closed !== undefined)
    return {
      ...rest,
      wait: { ...waitFor(snapshot, "a quorum to spare", [next]), message: `No certificate is replaced: ${closed}` },
    };
  return free
    ? { ...rest, slot: { kind: "Rotation", validator: next.id, since: timeText(now) } }
    : { ...rest, wait: waitFor(snapshot, "what moves nodes now to end", []) };
}

/** A process that runs holds what it read; one that starts reads what is there. */
const holdsFiles = (node: NodeView): boolean => node.pod?.status?.phase === "Running" && !node.stopping;

/** Nodes that do not trust the present bundle yet. */
const untrusting = (view: View, { bundleHash }: AuthorityFacts): readonly NodeView[] =>
  everybodyOf(view).filter((node) => holdsFiles(node) && node.status?.caBundleHash !== bundleHash);

function uses({ cluster, leaves, now }: Snapshot, node: NodeView, since: string): boolean {
  const told = node.status?.certificateHash;
  if (told !== undefined) return told === leaves.get(nodeLeaf(cluster, node.id).secret)?.hash;
  return node.status !== undefined && elapsed(now, since) >= SILENT_PATIENCE;
}

function change(snapshot: Snapshot, step: "add" | "switch" | "drop"): Action {
  const { cluster, now } = snapshot;
  const { secret, commonName, issuer } = authorityIssue(cluster);
  // For people, and for programs that look an issuer up by its name alone.
  return {
    type: "rotate-authority",
    secret,
    step,
    ...(step === "add" && issuer !== undefined ? { issuer } : {}),
    commonName: `${commonName} ${timeText(now).slice(0, 19)}Z`,
    ...version(snapshot, secret),
  };
}

const replacing = (snapshot: Snapshot, issue: ReturnType<typeof operatorLeaf>): Action => ({
  ...issue,
  ...version(snapshot, issue.secret),
});

export const version = ({ secrets }: Snapshot, name: string): { readonly replaces: string } => ({
  replaces: secrets.find(({ metadata }) => metadata?.name === name)?.metadata?.resourceVersion ?? "",
});

const named = (nodes: readonly NodeView[]): string =>
  nodes.length === 0 ? " and the overlap to pass" : ` by ${nodes.map(({ id }) => nodeName(id)).join(", ")}`;

function waitFor({ cluster }: Snapshot, what: string, behind: readonly NodeView[]): Wait {
  const who = { cluster: cluster.metadata.name, namespace: cluster.metadata.namespace };
  return {
    reason: "RotatingCertificates",
    message: `Certificates are being replaced, which waits for ${what}. Nothing restarts`,
    who: behind.some((node) => node.status === undefined) ? "Platform" : "Operator",
    command: behind.length > 0 ? podsCommand(who) : specCommand(who),
  };
}
