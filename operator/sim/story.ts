import { unreachable } from "../../node/base/assert.ts";
import type { Random } from "../../node/base/random.ts";
import type { ApprovalSpec } from "../api/approval.ts";
import type { ClusterSpec, ClusterSpecInput } from "../api/cluster.ts";
import { LABELS } from "../api/group.ts";
import type { World } from "../reconcile/world.ts";
import type { Behaviour } from "../reconcile/world-nodes.ts";
import { SPARE_HOSTS } from "../reconcile/world-volumes.ts";

const good = { latencySeconds: 0.004, pullable: true } as const;
/** The releases that a story's user tries, and how the model's nodes behave on them. */
const RELEASES: Readonly<Record<string, Behaviour>> = {
  "1.0.0": good,
  "1.1.0": good,
  "1.2.0": { ...good, latencySeconds: 3 },
  "1.2.1": { ...good, crashAfterSeconds: 5 },
  "1.2.2": { ...good, pullable: false },
  "1.2.3": { ...good, failsOfTen: 2 },
  "1.2.4": { ...good, differs: true },
  "1.2.5": { ...good, damagesAfterSeconds: 8 },
  "1.3.0": good,
};
export const FIRST_RELEASE = "1.0.0";
/** What the user settles for at the end; nobody has tried it before. */
export const LAST_RELEASE = "2.0.0";

export const behaviourOf = (version: string): Behaviour => RELEASES[version] ?? good;

export const specOf = (replicas: number): ClusterSpecInput => ({
  version: FIRST_RELEASE,
  image: { reference: `hmn-node:${FIRST_RELEASE}` },
  network: "payments",
  validators: { replicas },
  tls: { overlapSeconds: 40 },
  storage: { replaceLostVolumes: { policy: "After", afterSeconds: 60 }, rebuildDamaged: { afterSeconds: 60 } },
  rollout: {
    phases: [
      { percent: 20, soakSeconds: 12 },
      { percent: 80, soakSeconds: 12 },
      { percent: 100, soakSeconds: 12 },
    ],
    observeSeconds: 5,
    settleSeconds: 3,
    intervalSeconds: 4,
    progressDeadlineSeconds: 90,
    minimumSamples: 10,
  },
});

export const onRelease =
  (version: string) =>
  (spec: ClusterSpec): ClusterSpec => ({
    ...spec,
    version,
    image: { ...spec.image, reference: `hmn-node:${version}` },
  });

/** What users and hosts do to a cluster, by name; how often each of them happens, in seconds on average. */
const HAPPENINGS = {
  release: 60,
  pause: 200,
  resume: 25,
  sleep: 250,
  rouse: 40,
  retry: 150,
  rotate: 250,
  word: 120,
  hang: 80,
  wake: 12,
  drain: 150,
  uncordon: 30,
  loseVolume: 250,
  emptyVolume: 300,
  loseHost: 300,
  damage: 300,
  meddle: 90,
  traffic: 100,
  repush: 120,
  restore: 60,
  freeze: 200,
  thaw: 30,
  window: 150,
  observers: 150,
} as const;
export type Happening = keyof typeof HAPPENINGS;
export const happenings = Object.keys(HAPPENINGS) as readonly Happening[];

const ACTIONS = ["Pause", "Resume", "Promote", "Abort"] as const satisfies readonly ApprovalSpec["action"][];

/** The operator's own switches, which whoever runs it may throw at any time. */
export type Switches = { frozen: boolean };

/** One second of trouble. Tells what happened. */
export function happen(world: World, random: Random, switches: Switches): readonly Happening[] {
  return happenings.filter((name) => random.oneIn(HAPPENINGS[name]) && doIt(world, random, switches, name));
}

function doIt(world: World, random: Random, switches: Switches, name: Happening): boolean {
  const { nodes } = world;
  const id = random.below(world.chain.ids().length);
  switch (name) {
    case "release": {
      const version = random.pick(Object.keys(RELEASES));
      // In a first deployment it reaches all at once: nobody brings such a network back.
      if (behaviourOf(version).damagesAfterSeconds !== undefined && !world.status().currentVersion) return false;
      world.edit(onRelease(version));
      return true;
    }
    case "pause":
      world.edit((spec) => ({ ...spec, paused: true }));
      return true;
    case "resume":
      world.edit((spec) => ({ ...spec, paused: false }));
      return true;
    case "sleep":
    case "rouse":
      world.edit((spec) => ({ ...spec, hibernate: name === "sleep" }));
      return true;
    case "retry":
      world.edit((spec) => ({ ...spec, retry: `word ${random.below(1_000)}` }));
      return true;
    case "rotate":
      world.edit((spec) => ({ ...spec, tls: { ...spec.tls, rotate: `word ${random.below(1_000)}` } }));
      return true;
    case "word": {
      const last = world.rollouts().at(-1);
      if (last === undefined || last.status.completionTime !== undefined) return false;
      const action = random.pick(ACTIONS);
      world.approve({ rollout: last.name, action, phase: action === "Promote" ? (last.status.phase ?? 1) : 0 });
      return true;
    }
    case "hang":
      // More than the network tolerates would only show that nobody can help it.
      if (nodes.stalled.size + nodes.cordoned.size > 0) return false;
      nodes.stalled.add(id);
      return true;
    case "wake":
      return clear(nodes.stalled);
    case "drain": {
      const others = nodes.voting().filter((other) => other !== id);
      if (nodes.stalled.size + nodes.cordoned.size > 0 || !nodes.isQuorum(others) || world.downByUs.size > 0)
        return false;
      nodes.cordoned.add(id);
      for (const pod of podsOf(world, id)) world.remove("Pod", pod.metadata.name);
      return true;
    }
    case "loseVolume":
    case "emptyVolume":
    case "loseHost":
    case "damage":
      return lose(world, id, name);
    case "uncordon":
      return clear(nodes.cordoned);
    case "meddle":
      return meddle(world, random);
    case "traffic":
      nodes.traffic.batches = random.pick([0, 4, 40, 400]);
      return true;
    case "repush":
      // A tag comes to mean another image: from now on for every pod that starts.
      nodes.moved.set(`hmn-node:${random.pick(Object.keys(RELEASES))}`, `hmn-node@sha256:again-${random.below(3)}`);
      return true;
    case "restore":
      if (nodes.moved.size === 0) return false;
      nodes.moved.clear();
      return true;
    case "freeze":
    case "thaw":
      if (switches.frozen === (name === "freeze")) return false;
      switches.frozen = !switches.frozen;
      return true;
    case "window":
      world.edit((spec) => ({ ...spec, rollout: { ...spec.rollout, windows: random.oneIn(2) ? [NIGHT] : [] } }));
      return true;
    case "observers":
      world.edit((spec) => ({ ...spec, observers: { ...spec.observers, replicas: random.below(3) } }));
      return true;
    default:
      return unreachable(name);
  }
}

const podsOf = (world: World, id: number) =>
  world.objects("Pod").filter(({ metadata }) => metadata.labels[LABELS.validator] === String(id));

/** Only while all vote: more than the network tolerates to lose would only show that nobody can help it. */
function lose(world: World, id: number, what: "loseVolume" | "emptyVolume" | "loseHost" | "damage"): boolean {
  const { nodes, volumes } = world;
  const [pod, ...more] = podsOf(world, id);
  if (pod === undefined || more.length > 0 || nodes.voting().length < world.chain.told().validators.length)
    return false;
  if (!nodes.isQuorum(nodes.voting().filter((other) => other !== id))) return false;
  if (what === "loseHost") {
    if (volumes.lostHosts.size === SPARE_HOSTS) return false;
    volumes.lostHosts.add((pod.spec as { nodeName: string }).nodeName);
    return true;
  }
  const claim = `data-${pod.metadata.name}`;
  if (what === "damage") {
    volumes.damage(claim);
    return true;
  }
  if (what === "loseVolume") volumes.lose(claim);
  else volumes.empty(claim);
  world.remove("Pod", pod.metadata.name);
  return true;
}

/** Not within the time of any story, which begins at midnight. */
const NIGHT = { days: [], start: "22:00", durationMinutes: 60, timeZone: "UTC" };

/** Somebody else changes or deletes what is ours. */
function meddle(world: World, random: Random): boolean {
  const kind = random.pick(["Service", "ConfigMap", "PodDisruptionBudget", "StatefulSet"]);
  const things = world.objects(kind).filter(({ metadata }) => !metadata.name.includes("genesis"));
  if (things.length === 0) return false;
  const thing = random.pick(things);
  if (kind !== "StatefulSet") world.remove(kind, thing.metadata.name);
  else (thing.spec as { replicas: number }).replicas = 2;
  return true;
}

function clear(ids: Set<number>): boolean {
  if (ids.size === 0) return false;
  ids.clear();
  return true;
}
