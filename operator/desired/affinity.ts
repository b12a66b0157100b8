import type { Placement } from "../api/placement.ts";
import { clusterSelector } from "./metadata.ts";

/** The pod's affinity, or undefined where neither we nor the user ask for any. Ours stands whatever the user adds. */
export function affinityOf(cluster: string, placement: Placement): object | undefined {
  const { allowSharedHosts, nodeAffinity, podAntiAffinity } = placement;
  const required = [
    ...(allowSharedHosts ? [] : [oneToAHost(cluster)]),
    ...(podAntiAffinity?.required ?? []).map(podTerm),
  ];
  const preferred = (podAntiAffinity?.preferred ?? []).map(({ weight, ...term }) => ({
    weight,
    podAffinityTerm: podTerm(term),
  }));
  const affinity = {
    ...(nodeAffinity === undefined ? {} : named("nodeAffinity", hosts(nodeAffinity))),
    ...named("podAntiAffinity", {
      ...(required.length === 0 ? {} : { requiredDuringSchedulingIgnoredDuringExecution: required }),
      ...(preferred.length === 0 ? {} : { preferredDuringSchedulingIgnoredDuringExecution: preferred }),
    }),
  };
  return Object.keys(affinity).length === 0 ? undefined : affinity;
}

const named = (name: string, part: object) => (Object.keys(part).length === 0 ? {} : { [name]: part });

const oneToAHost = (cluster: string) => ({
  topologyKey: "kubernetes.io/hostname",
  labelSelector: { matchLabels: clusterSelector(cluster) },
});

type PodTerm = Omit<NonNullable<Placement["podAntiAffinity"]>["required"][number], "weight">;
const podTerm = ({ topologyKey, matchExpressions }: PodTerm) => ({
  topologyKey,
  labelSelector: { matchExpressions: matchExpressions.map(expression) },
});

function hosts({ required, preferred }: NonNullable<Placement["nodeAffinity"]>): object {
  const term = (expressions: (typeof required)[number]["matchExpressions"]) => ({
    matchExpressions: expressions.map(expression),
  });
  return {
    ...(required.length === 0
      ? {}
      : {
          requiredDuringSchedulingIgnoredDuringExecution: {
            nodeSelectorTerms: required.map(({ matchExpressions }) => term(matchExpressions)),
          },
        }),
    ...(preferred.length === 0
      ? {}
      : {
          preferredDuringSchedulingIgnoredDuringExecution: preferred.map(({ weight, matchExpressions }) => ({
            weight,
            preference: term(matchExpressions),
          })),
        }),
  };
}

const expression = ({ key, operator, values }: { key: string; operator: string; values: readonly string[] }) => ({
  key,
  operator,
  ...(values.length === 0 ? {} : { values }),
});
