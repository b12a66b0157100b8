import { present } from "../../node/base/assert.ts";
import type { Action } from "../reconcile/actions.ts";
import { gate } from "./quorum.ts";
import type { NodeView, View } from "./view.ts";

/** How far one node is on its way to a revision. */
export type Progress =
  | { readonly at: "done" }
  /** Something outside has to happen first. */
  | { readonly at: "waiting"; readonly why: string }
  /** The quorum needs the node where it is. */
  | { readonly at: "gate"; readonly why: string }
  | { readonly at: "acting"; readonly act: Action };

/**
 * Brings the pod of one node to the revision that its StatefulSet's template has: waits for the template to be seen,
 * then removes the old pod. Asked again on every look until it is done.
 */
export function progressOf(view: View, node: NodeView, revision: string): Progress {
  if (node.templateRevision !== revision)
    return { at: "waiting", why: `the StatefulSet of node ${node.id} to show revision ${revision}` };
  if (node.pod === undefined) return { at: "waiting", why: `the pod of node ${node.id} to be made` };
  if (node.stopping) return { at: "waiting", why: `the old pod of node ${node.id} to stop` };
  if (node.podRevision === revision)
    return isHealthy(node)
      ? { at: "done" }
      : { at: "waiting", why: `node ${node.id} to become ready and caught up${reasonOf(node)}` };
  return removal(view, node);
}

/**
 * Always by eviction: the budget lets a pod go that is not Ready, and refuses when it became Ready since we looked, so that
 * an old snapshot cannot cost a quorum.
 */
function removal(view: View, node: NodeView): Progress {
  const pod = present(node.pod?.metadata?.name, "a pod has a name");
  // Who does not vote gives no weight to any quorum, so none is taken away.
  const closed = node.voting ? gate(view, node.id) : undefined;
  return closed === undefined
    ? { at: "acting", act: { type: "evict", pod, uid: node.podUid } }
    : { at: "gate", why: closed };
}

/** Ready, and doing what its place in the committed set asks of it. */
export const isHealthy = (node: NodeView): boolean => node.caughtUp && (node.weight === 0 || node.voting);

export function reasonOf(node: NodeView): string {
  if (node.problem !== undefined) return `; ${node.problem.message}`;
  const reason = node.status?.reason ?? "";
  return reason === "" ? "" : `; it says: ${reason.slice(0, 200)}`;
}
