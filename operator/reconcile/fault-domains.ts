import type { V1Node } from "@kubernetes/client-node";
import type { View } from "../rollout/view.ts";

const ZONE = "topology.kubernetes.io/zone";

export type FaultDomains = {
  readonly status: "True" | "False" | "Unknown";
  readonly reason: string;
  readonly message: string;
};

/** Zone by name of host; empty where a host carries no label for it. */
export const zonesOf = (hosts: readonly V1Node[]): ReadonlyMap<string, string> =>
  new Map(hosts.map((host) => [host.metadata?.name ?? "", host.metadata?.labels?.[ZONE] ?? ""]));

/** Whether the loss of any one host or zone leaves a quorum: each has to hold under a third of the weight. */
export function faultDomains(view: View, hosts: readonly V1Node[]): FaultDomains {
  // Before genesis all will weigh the same.
  const weightOf = (id: number) => (view.totalWeight === 0 ? 1 : (view.nodes[id]?.weight ?? 0));
  const total = view.nodes.reduce((sum, node) => sum + weightOf(node.id), 0);
  const placed = view.nodes.filter((node) => node.host !== "");
  if (placed.length < view.nodes.length)
    return { status: "Unknown", reason: "NotPlaced", message: "Not every node has a host yet" };
  const zoneOf = zonesOf(hosts);
  const byHost = new Map<string, number>();
  const byZone = new Map<string, number>();
  for (const node of placed) {
    byHost.set(node.host, (byHost.get(node.host) ?? 0) + weightOf(node.id));
    const zone = zoneOf.get(node.host) ?? "";
    byZone.set(zone, (byZone.get(zone) ?? 0) + weightOf(node.id));
  }
  const heavy = (domains: ReadonlyMap<string, number>) =>
    [...domains]
      .filter(([name, weight]) => name !== "" && 3 * weight >= total)
      .map(([name]) => name)
      .toSorted();
  const heavyHosts = heavy(byHost);
  if (heavyHosts.length > 0)
    return {
      status: "False",
      reason: "HostTooHeavy",
      message: `The loss of host ${heavyHosts.join(" or ")} would cost the quorum: give each node its own host`,
    };
  const heavyZones = heavy(byZone);
  if (heavyZones.length > 0)
    return {
      status: "False",
      reason: "ZoneTooHeavy",
      message: `The loss of zone ${heavyZones.join(" or ")} would cost the quorum: spread the nodes over at least four zones`,
    };
  return byZone.has("")
    ? {
        status: "True",
        reason: "HostsSafe",
        message: "Each host holds under a third of the weight; hosts without a zone label are not judged by zone",
      }
    : { status: "True", reason: "Spread", message: "Each host and each zone holds under a third of the weight" };
}
