import { describe, expect, test } from "vitest";
import { present } from "../../node/base/assert.ts";
import { type ClusterSpec, type ClusterSpecInput, clusterSpecSchema } from "../api/cluster.ts";
import { LABELS } from "../api/group.ts";
import { createWorld, type World } from "./world.ts";
import type { Lives } from "./world-certificates.ts";
import { createRunner, type Runner } from "./world-run.ts";

const OVERLAP_SECONDS = 40;

const base: ClusterSpecInput["tls"] = { overlapSeconds: OVERLAP_SECONDS };

function created(seed: number, tls: ClusterSpecInput["tls"] = base, lives?: Lives): { world: World; run: Runner } {
  const world = createWorld({
    spec: {
      version: "1.0.0",
      image: { reference: "hmn-node:1.0.0" },
      network: "payments",
      tls,
      rollout: { phases: [{ percent: 100, soakSeconds: 8 }], settleSeconds: 2, intervalSeconds: 4, minimumSamples: 10 },
    },
    behaviour: () => ({ latencySeconds: 0.004, pullable: true }),
    ...(lives === undefined ? {} : { lives }),
  });
  return { world, run: createRunner(world, { seed: BigInt(seed), faults: seed > 0 }) };
}

function begin(seed: number, lives?: Lives): { world: World; run: Runner } {
  const { world, run } = created(seed, base, lives);
  run.until("the first deployment is ready", () => condition(world, "Ready").status === "True");
  return { world, run };
}

const given = { ...base, authoritySecret: "payments-issued" };
/** What another program does when it makes or renews its authority. */
function give(world: World): void {
  const name = given.authoritySecret;
  world.remove("Secret", name);
  const metadata = { name, labels: { [LABELS.cluster]: "payments" } };
  world.create({ apiVersion: "v1", kind: "Secret", metadata, data: world.certificates.foreign(world.now()) });
}
const serialIn = (world: World, secret: string, key: string): number => {
  const data = present(world.find("Secret", secret), secret).data as Readonly<Record<string, string>>;
  return (JSON.parse(atob(data[key] ?? "")) as { serial: number }).serial;
};

const condition = (world: World, type: string) =>
  world.status().conditions?.find((candidate) => candidate.type === type) ?? { status: "", reason: "", message: "" };
const rotateWord = (word: string) => (spec: ClusterSpec) => ({ ...spec, tls: { ...spec.tls, rotate: word } });
const serials = (world: World) =>
  world
    .objects("Secret")
    .filter(({ metadata }) => metadata.name.endsWith("-tls"))
    .map(({ data }) => JSON.parse(atob((data as Record<string, string>)["tls.crt"] ?? "")) as { issuer: number })
    .map(({ issuer }) => issuer);
const authorityKeys = (world: World) => Object.keys(world.find("Secret", "payments-ca")?.data as object).toSorted();
const pods = (world: World) => world.objects("Pod").map(({ metadata }) => metadata.uid);

function expectSteady(world: World, run: Runner) {
  run.pass(5);
  expect(condition(world, "CertificatesReady")).toMatchObject({ status: "True", reason: "Valid" });
  for (let look = 0; look < 5; look += 1) {
    run.pass(1);
    expect(run.look().actions).toEqual([]);
  }
}

describe.each([0, 1, 2])("seed %i", (seed) => {
  test("a new authority replaces every certificate; nobody restarts, and at no time is anybody distrusted", () => {
    const { world, run } = begin(seed);
    const [before, issuers] = [pods(world), new Set(serials(world))];
    world.edit(rotateWord("now"));
    const steps = new Set<string>();
    let most = 0;
    const slots = new Set<number>();
    run.until("rotated", () => {
      const { tls, disruption } = world.status();
      steps.add(tls?.step ?? "");
      most = Math.max(most, new Set(serials(world)).size);
      if (disruption?.kind === "Rotation") slots.add(disruption.validator);
      return tls?.completionTime !== undefined;
    });
    expect([...steps].toSorted()).toEqual(["Drop", "Leaves", "Overlap", "Rest", "Trust"]);
    expect([...slots].toSorted()).toEqual([0, 1, 2, 3]);
    expect(most).toBe(2);
    expect(world.certificates.distrust()).toBe(0);
    expect(pods(world)).toEqual(before);
    expect(run.lostSeconds()).toBe(0);
    expect(new Set(serials(world)).isDisjointFrom(issuers)).toBe(true);
    expect(authorityKeys(world)).toEqual(["ca.crt", "ca.key"]);
    expect(world.status()).toMatchObject({ tls: { step: "Rest", cause: "", rotateHandled: "now" } });
    expect(world.status().waitingFor).toBeUndefined();
    expectSteady(world, run);
  });

  test("leaves are replaced at two thirds of their life, long before they end", () => {
    const { world, run } = begin(seed, { authoritySeconds: 1e9, leafSeconds: 700 });
    const due = Date.parse(world.status().tls?.nextRotation ?? "") - world.now();
    expect(due).toBeLessThanOrEqual(467_000);
    run.pass(1_000);
    expect(world.certificates.distrust()).toBe(0);
    expect(run.lostSeconds()).toBe(0);
    expect(world.status().tls).toMatchObject({ step: "Rest", cause: "" });
    expect(Date.parse(world.status().tls?.nextRotation ?? "")).toBeGreaterThan(world.now());
  });
});

test("an upgrade in the middle of it waits for its turn, and both end", () => {
  const { world, run } = begin(3);
  world.edit(rotateWord("now"));
  run.until("leaves", () => world.status().disruption?.kind === "Rotation");
  world.edit((spec) => ({ ...spec, version: "1.1.0", image: { ...spec.image, reference: "hmn-node:1.1.0" } }));
  run.until("upgraded", () => world.status().currentVersion === "1.1.0");
  run.until("rotated", () => world.status().tls?.completionTime !== undefined);
  expect(world.certificates.distrust()).toBe(0);
  expectSteady(world, run);
});

test("the authority's age begins it, too", () => {
  const { world, run } = begin(2, { authoritySeconds: 900, leafSeconds: 890 });
  run.until("due", () => world.status().tls?.cause === "Age");
  run.until("rotated", () => world.status().tls?.completionTime !== undefined);
  expect(world.certificates.distrust()).toBe(0);
});

test("a node that hangs holds it up by name, and nothing is dropped before it is back", () => {
  const { world, run } = begin(0);
  world.nodes.stalled.add(2);
  world.edit(rotateWord("now"));
  run.pass(300);
  expect(world.status()).toMatchObject({ tls: { step: "Trust" } });
  expect(world.status().waitingFor?.message).toContain("Node 2 is not ready");
  expect(authorityKeys(world)).toEqual(["ca.crt", "ca.key", "next.crt"]);
  world.nodes.stalled.clear();
  run.until("rotated", () => world.status().tls?.completionTime !== undefined);
  expect(world.certificates.distrust()).toBe(0);
});

test("paused: nothing is replaced", () => {
  const { world, run } = begin(1);
  world.edit((spec) => ({ ...rotateWord("now")(spec), paused: true }));
  run.pass(120);
  expect(world.status().tls?.step).toBe("Rest");
});

test("certificates that have expired are issued anew with no node to speak to, and the nodes find each other again", () => {
  const lives = { authoritySeconds: 1e9, leafSeconds: 300 };
  const { world, run } = begin(0, lives);
  const before = pods(world);
  world.edit((spec) => ({ ...spec, paused: true }));
  // The operator is away for longer than the certificates live.
  for (let second = 0; second < 400; second += 1) world.tick();
  expect(world.certificates.distrust()).toBeGreaterThan(0);
  run.pass(100);
  const broken = world.certificates.distrust();
  run.pass(30);
  expect(world.certificates.distrust()).toBe(broken);
  expect(pods(world)).toEqual(before);
});

describe.each([0, 1])("an authority that somebody else makes, seed %i", (seed) => {
  test("is waited for, signs everything, and when it is renewed every certificate follows without a restart", () => {
    const { world, run } = created(seed, given);
    run.pass(2_000);
    expect(world.status().waitingFor).toMatchObject({ reason: "IssuerSecretMissing", who: "User" });
    expect([world.objects("Secret"), world.rollouts(), condition(world, "Stalled").reason]).toEqual([
      [],
      [],
      "IssuerSecretMissing",
    ]);
    give(world);
    run.until("ready", () => condition(world, "Ready").status === "True");
    expect(serialIn(world, "payments-ca", "ca.crt")).toBe(serialIn(world, "payments-issued", "tls.crt"));
    // It asks for an own one, which there is none of.
    world.edit(rotateWord("now"));
    expectSteady(world, run);
    const before = pods(world);
    for (const time of [1, 2]) {
      give(world);
      run.until(`renewed ${time} times`, () => world.status().tls?.cause === "Issuer");
      run.until(`rotated ${time} times`, () => world.status().tls?.step === "Rest");
      expect(serialIn(world, "payments-ca", "ca.crt")).toBe(serialIn(world, "payments-issued", "tls.crt"));
    }
    expect(world.certificates.distrust()).toBe(0);
    expect([pods(world), run.lostSeconds()]).toEqual([before, 0]);
    expectSteady(world, run);
  });

  test("takes over from the operator's own, and gives back to it", () => {
    const { world, run } = begin(seed);
    const steady = (spec: ClusterSpecInput["tls"]) =>
      world.edit((all) => clusterSpecSchema.parse({ ...all, tls: spec }));
    steady(given);
    run.pass(30);
    expect(world.status().waitingFor?.reason).toBe("IssuerSecretMissing");
    // Nothing is hurt meanwhile.
    expect(condition(world, "Ready").status).toBe("True");
    expect(condition(world, "CertificatesReady")).toMatchObject({ status: "False", reason: "IssuerSecretMissing" });
    give(world);
    run.until("rotated", () => world.status().tls?.completionTime !== undefined);
    expect(serialIn(world, "payments-ca", "ca.crt")).toBe(serialIn(world, "payments-issued", "tls.crt"));
    steady({ ...base, rotate: "own" });
    world.remove("Secret", "payments-issued");
    run.until("begun", () => world.status().tls?.cause === "Requested");
    run.until("rotated", () => world.status().tls?.step === "Rest");
    expect(world.certificates.distrust()).toBe(0);
    expectSteady(world, run);
  });

  test("taken away before its turn, nothing begins", () => {
    const { world, run } = begin(seed);
    give(world);
    world.edit((all) => clusterSpecSchema.parse({ ...all, tls: given }));
    run.until("recorded", () => world.status().tls?.step === "Trust");
    if (authorityKeys(world).includes("next.crt")) return;
    world.remove("Secret", "payments-issued");
    run.until("nothing begun", () => world.status().tls?.step === "Rest");
    expect(authorityKeys(world)).toEqual(["ca.crt", "ca.key"]);
  });
});

test("one that is not renewed is told of in time, and no certificate is made again and again towards its end", () => {
  const { world, run } = created(0, given, { authoritySeconds: 1_200, leafSeconds: 1e9 });
  give(world);
  run.until("ready", () => condition(world, "Ready").status === "True");
  const before = serials(world);
  const made = world.certificates.foreign(0);
  run.until("told", () => world.status().waitingFor?.reason === "IssuerSecretEnding", 1_200);
  run.pass(60);
  expect(serials(world)).toEqual(before);
  const [serial, later] = [made, world.certificates.foreign(0)].map(
    (data) => JSON.parse(atob(data["tls.crt"] ?? "")).serial,
  );
  // Only the two of this test.
  expect(later).toBe(serial + 1);
});
