import { PATHS } from "../../node/api/contract.ts";
import { claim, claimEqual } from "../kit/claim.ts";
import { untilCluster } from "../kit/cluster-state.ts";
import { acknowledged, untilAcknowledged } from "../kit/load.ts";
import { isTrue } from "../kit/objects.ts";
import { claimBegunAnew, on, others, pickVictim, REPLACED_MS, untilVoting } from "./begun-anew.ts";
import type { Scenario } from "./scenario.ts";
import { claimBooks, inputsOf } from "./steady.ts";

/** Clients go on being served while one validator is rebuilt: so many more transfers prove it. */
const STILL_SERVED = 100;
/** In the node's container, which has Node: most of the vote key is gone, as after a bad write. */
const SPOIL = `require('node:fs').truncateSync('${PATHS.data}/vote.key', 5)`;

export const damagedVolume: Scenario = {
  name: "damaged-volume",
  on: "losses",
  tier: "second",
  asserts: [
    "a validator that refuses what is on its volume is told as damaged; a quorum serves, and clients go on",
    "after a minute it is rebuilt from its peers: another volume, a new key, ordered and committed; its old claim stays as evidence",
    "no other pod is touched, no acknowledged transfer is lost, and all state roots are equal",
  ],
  run: async ({ stage, progress }) => {
    const view = await stage.ensure(progress);
    const inputs = await inputsOf(view);
    const before = await view.pods();
    const victim = await pickVictim(view);
    await on(view, "exec", victim.name, "--", "node", "-e", SPOIL);
    await on(view, "delete", "pod", victim.name, "--wait=false");
    const timed = { progress, timeoutMs: REPLACED_MS };
    const told = await untilCluster(
      view,
      "the damage to be told",
      ({ status }) => status.waitingFor?.reason === "DataDamaged" && status.replacement?.cause === "DataDamaged",
      timed,
    );
    claim(isTrue(told, "Available"), "a quorum serves without it", told.status.conditions);
    await untilAcknowledged(view, (await acknowledged(view)) + STILL_SERVED, progress);
    await untilCluster(view, "the key to be ordered", ({ status }) => status.replacement?.step === "Boundary", timed);
    await untilVoting(view, progress);
    await claimBegunAnew(view, victim);
    claimEqual(others(await view.pods(), [victim]), others(before, [victim]), "the other validators' pods");
    const claims = await on(view, "get", "pvc", "-o", "name");
    claim(claims.includes(`data-${victim.name}`), "the damaged volume's claim is kept", claims);
    await on(view, "delete", "pvc", `data-${victim.name}`);
    await claimBooks(view, inputs, progress);
  },
};
