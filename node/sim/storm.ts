import { unreachable } from "../base/assert.ts";
import { crash, feed, type Host, start, type World, wipeJournal } from "./host.ts";
import type { Network } from "./network.ts";

/** One moment of bad weather. `later` runs something after a time, in any weather. */
export function storm(
  hosts: readonly Host[],
  world: World,
  network: Pick<Network, "partition">,
  later: (afterMs: number, work: () => void) => void,
): void {
  const { random, faults, scenario } = world;
  const host = random.pick(hosts);
  const restartLater = (fallen: Host, afterMs: number): void => {
    const { life } = fallen;
    later(afterMs, () => {
      if (fallen.node === undefined && fallen.life === life) start(fallen, world);
    });
  };
  const act = random.pick(scenario.acts);
  switch (act) {
    case "nothing":
      break;
    case "partition":
      faults.partition += 1;
      network.partition(new Set(hosts.filter(() => random.oneIn(3)).map(({ id }) => id)));
      break;
    case "reunite":
      network.partition(new Set());
      break;
    case "crash":
      crash(host, world);
      break;
    case "crash-all":
      if (!random.oneIn(4)) break;
      faults["crash of all"] += 1;
      for (const each of hosts) crash(each, world);
      break;
    case "stop":
      if (host.node === undefined) break;
      faults.stop += 1;
      feed(host, world, { type: "stop" });
      stopSoon(host, world, later);
      break;
    case "clock-jump":
      faults["clock jump"] += 1;
      host.clock.jumpMs = random.below(8000) - 4000;
      later(random.below(4000), () => {
        host.clock.jumpMs = 0;
      });
      break;
    case "wipe": {
      const amnesiac = hosts.find(({ id }) => id === scenario.amnesiac);
      if (amnesiac === undefined || !amnesiac.disk.votesIntact || faults["journal lost"] > 1) break;
      faults["journal lost"] += 1;
      crash(amnesiac, world);
      wipeJournal(amnesiac, world);
      restartLater(amnesiac, random.below(2000));
      break;
    }
    default:
      unreachable(act);
  }
}

function stopSoon(host: Host, world: World, later: (afterMs: number, work: () => void) => void): void {
  const { life } = host;
  later(500 + world.random.below(2000), () => {
    if (host.life === life) crash(host, world);
  });
}
