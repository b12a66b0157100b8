import { LABELS } from "../api/group.ts";
import { shortHash } from "../desired/hash.ts";
import { ANNOTATIONS, configName, genesisName, leafSecretName } from "../desired/names.ts";
import type { Snapshot } from "../observe/snapshot.ts";
import type { View } from "../rollout/view.ts";
import type { Action } from "./actions.ts";
import { everybodyOf } from "./observers.ts";
import { formerVoters, wantedMinAvailable } from "./plan.ts";
import { holdsNetwork } from "./restoring.ts";

/** What pods carry that their template does not know. */
export function marks(snapshot: Snapshot, view: View): readonly Action[] {
  return [
    ...genesisMarks(snapshot, view),
    ...tlsMarks(snapshot, view),
    ...peerMarks(snapshot, view),
    ...voterLabels(snapshot, view),
    ...restoredLabels(snapshot, view),
  ];
}

/** A changed annotation makes the kubelet refresh a pod's volumes at once instead of within a minute or two. */
function genesisMarks(snapshot: Snapshot, view: View): readonly Action[] {
  const name = genesisName(snapshot.cluster.metadata.name);
  const file = snapshot.configMaps.find((object) => object.metadata?.name === name)?.data?.["genesis.json"];
  if (file === undefined) return [];
  return everybodyOf(view).flatMap((node): Action[] => {
    if (node.pod === undefined || node.stopping || node.status?.state !== "WaitingForGenesis") return [];
    const hash = shortHash(file);
    if (node.pod.metadata?.annotations?.[ANNOTATIONS.genesis] === hash) return [];
    return [
      {
        type: "mark-pod",
        pod: node.pod.metadata?.name ?? "",
        uid: node.podUid,
        annotations: { [ANNOTATIONS.genesis]: hash },
      },
    ];
  });
}

/** A node that still uses other certificates than those in its Secret and the bundle gets them at once in the same way. */
function tlsMarks({ authority, leaves, cluster }: Snapshot, view: View): readonly Action[] {
  return everybodyOf(view).flatMap((node): Action[] => {
    const leaf = leaves.get(leafSecretName(cluster.metadata.name, node.id));
    const { pod, status } = node;
    if (authority === undefined || leaf === undefined || pod === undefined || status === undefined || node.stopping)
      return [];
    const { caBundleHash, certificateHash = leaf.hash } = status;
    if (caBundleHash === authority.bundleHash && certificateHash === leaf.hash) return [];
    const wanted = shortHash([authority.bundleHash, leaf.hash]);
    if (pod.metadata?.annotations?.[ANNOTATIONS.tls] === wanted) return [];
    return [
      {
        type: "mark-pod",
        pod: pod.metadata?.name ?? "",
        uid: node.podUid,
        annotations: { [ANNOTATIONS.tls]: wanted },
      },
    ];
  });
}

/** While a validator joins, the others learn at once whom to dial. */
function peerMarks({ cluster, configMaps }: Snapshot, view: View): readonly Action[] {
  if (cluster.status.scale?.direction !== "Up") return [];
  const name = configName(cluster.metadata.name);
  const file = configMaps.find(({ metadata }) => metadata?.name === name)?.data?.["network.json"];
  if (file === undefined || JSON.parse(file).peers.length !== view.nodes.length) return [];
  const wanted = shortHash(file);
  return view.nodes.flatMap(({ pod, podUid, stopping }): Action[] =>
    pod === undefined || stopping || pod.metadata?.annotations?.[ANNOTATIONS.peers] === wanted
      ? []
      : [
          {
            type: "mark-pod",
            pod: pod.metadata?.name ?? "",
            uid: podUid,
            annotations: { [ANNOTATIONS.peers]: wanted },
          },
        ],
  );
}

/** Whose volume holds its network needs no way to the backup's store any more. */
const restoredLabels = ({ cluster }: Snapshot, view: View): readonly Action[] =>
  everybodyOf(view).flatMap((node): Action[] =>
    cluster.spec.restoreFrom !== undefined &&
    holdsNetwork(node) &&
    node.pod?.metadata?.labels?.[LABELS.restoring] === "true"
      ? [
          {
            type: "mark-pod",
            pod: node.pod.metadata.name ?? "",
            uid: node.podUid,
            labels: { [LABELS.restoring]: "false" },
          },
        ]
      : [],
  );

/** Committed voters are counted by the budget: again after recreation, and only once the budget asks for enough. */
function voterLabels(snapshot: Snapshot, view: View): readonly Action[] {
  const budget = snapshot.budgets.find((object) => object.metadata?.name === snapshot.cluster.metadata.name);
  if (view.voters.length === 0) return [];
  // Leave: unlabel, then lower.
  const left = formerVoters(snapshot, view).map(
    ({ metadata }): Action => ({
      type: "mark-pod",
      pod: metadata?.name ?? "",
      uid: metadata?.uid ?? "",
      labels: { [LABELS.voter]: "false" },
    }),
  );
  // Join: raise, then label.
  if (left.length > 0 || budget?.spec?.minAvailable !== wantedMinAvailable(snapshot, view)) return left;
  return view.nodes.flatMap((node): Action[] =>
    node.voting && node.pod?.metadata?.labels?.[LABELS.voter] !== "true"
      ? [
          {
            type: "mark-pod",
            pod: node.pod?.metadata?.name ?? "",
            uid: node.podUid,
            labels: { [LABELS.voter]: "true" },
          },
        ]
      : [],
  );
}
