import { assert, present } from "../../node/base/assert.ts";
import { accept, refuse } from "../../node/base/result.ts";
import { type Millis, millis } from "../../node/base/units.ts";
import { ANNOTATIONS, leafSecretName, memberOn } from "../desired/names.ts";
import type { AuthorityFacts, LeafFacts, Snapshot } from "../observe/snapshot.ts";
import type { Action } from "./actions.ts";
import type { Thing } from "./world-store.ts";

/** Certificates of the model: JSON in the places where PEM stands. */
type Certificate = { serial: number; issuer: number; notBefore: number; notAfter: number; dnsNames: readonly string[] };
type Files = { bundle: readonly number[]; leaf: Certificate | undefined; mark: string; at: number };

export type Lives = { readonly authoritySeconds: number; readonly leafSeconds: number };

export type ModelCertificates = {
  /** Data of the Secret that an action makes or changes. */
  issued(action: Extract<Action, { type: "issue" }>, issuer: Thing | undefined, now: number): Record<string, string>;
  rotated(
    action: Extract<Action, { type: "rotate-authority" }>,
    before: Thing,
    issuer: Thing | undefined,
    now: number,
  ): Record<string, string>;
  /** Data of a Secret with an authority, as another program makes it. */
  foreign(now: number): Record<string, string>;
  facts(): Pick<Snapshot, "authority" | "given" | "leaves">;
  tick(now: Millis): void;
  /** What the process of a pod has read: hashes as its status tells them. Undefined while it can't be spoken to. */
  told(pod: Thing): { readonly caBundleHash: string; readonly certificateHash: string } | undefined;
  /** Seconds in which somebody could not speak with somebody: nodes, the operator, or clients that read the bundle late. */
  distrust(): number;
};

/** A kubelet brings a changed ConfigMap or Secret within a minute, or at once when the pod is marked. */
const SYNC_SECONDS = 60;
/** Clients follow the bundle this late. */
const CLIENT_LAG_SECONDS = 35;

const encoded = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64");
const read = (secret: Thing | undefined, key: string): Certificate | undefined => {
  const text = (secret?.data as Record<string, string> | undefined)?.[key];
  return text === undefined ? undefined : (JSON.parse(Buffer.from(text, "base64").toString("utf8")) as Certificate);
};
const hashOf = (serials: readonly number[]): string => serials.join("0").padStart(64, "0");

export function createCertificates(options: {
  readonly name: string;
  readonly lives: Lives;
  readonly find: (kind: string, name: string) => Thing | undefined;
  readonly objects: (kind: string) => readonly Thing[];
  readonly runs: (pod: Thing) => boolean;
  /** The name in spec.tls.authoritySecret. */
  readonly authoritySecret: () => string | undefined;
}): ModelCertificates {
  const { name, lives, find, objects, runs, authoritySecret } = options;
  const files = new Map<string, Files>();
  const published: { at: number; bundle: readonly number[] }[] = [];
  let serial = 0;
  let distrusting = 0;
  let time = 0;

  const make = (now: number, issuer: number, dnsNames: readonly string[]): Certificate => {
    serial += 1;
    const life = issuer === 0 ? lives.authoritySeconds : lives.leafSeconds;
    return { serial, issuer, notBefore: now, notAfter: now + life * 1000, dnsNames };
  };
  const authority = () => find("Secret", `${name}-ca`);
  const trusted = (): readonly number[] =>
    ["ca.crt", "next.crt", "previous.crt"].flatMap((key) => read(authority(), key)?.serial ?? []);
  const mounted = (): readonly number[] => {
    const text = (find("ConfigMap", `${name}-ca`)?.data as Record<string, string> | undefined)?.["ca.crt"];
    return text === undefined || text === "" ? [] : text.split(" ").map(Number);
  };
  const leafOf = (pod: Thing) =>
    read(find("Secret", leafSecretName(name, memberOn(pod.metadata.labels) ?? Number.NaN)), "tls.crt");
  const trusts = (bundle: readonly number[], leaf: Certificate | undefined): boolean =>
    leaf !== undefined && bundle.includes(leaf.issuer) && leaf.notAfter > time;
  const dates = ({ notBefore, notAfter }: Certificate) => ({
    notBefore: millis(notBefore),
    notAfter: millis(notAfter),
  });
  const operatorLeaf = () => read(find("Secret", `${name}-operator-tls`), "tls.crt");

  return {
    issued: (action, issuer, now) => {
      if (action.what === "governance") return { seed: btoa("5".repeat(64)), publicKey: btoa("a".repeat(64)) };
      if (action.what === "authority") {
        const taken = action.issuer === undefined ? make(now, 0, []) : present(read(issuer, "tls.crt"), "it is there");
        return { "ca.crt": encoded(taken), "ca.key": encoded({}) };
      }
      const signer = present(read(issuer, "ca.crt"), "a leaf has its CA");
      const leaf = make(now, signer.serial, action.dnsNames);
      const notAfter = Math.min(leaf.notAfter, signer.notAfter);
      return { "tls.crt": encoded({ ...leaf, notAfter }), "tls.key": encoded({}) };
    },
    foreign: (now) => ({ "tls.crt": encoded(make(now, 0, [])), "tls.key": encoded({}) }),
    rotated: ({ step, issuer: from }, before, issuer, now) => {
      const data = { ...(before.data as Record<string, string>) };
      const { "next.crt": next, "ca.crt": current, "previous.crt": _previous, ...rest } = data;
      if (step === "add") {
        const added = from === undefined ? make(now, 0, []) : present(read(issuer, "tls.crt"), "it is there");
        return { ...data, "next.crt": encoded(added) };
      }
      if (step === "drop")
        return { ...rest, "ca.crt": current ?? "", ...(next === undefined ? {} : { "next.crt": next }) };
      assert(next !== undefined && current !== undefined, "the next authority is there");
      return { ...rest, "ca.crt": next, "previous.crt": current };
    },
    facts: () => {
      const [current, next, previous] = ["ca.crt", "next.crt", "previous.crt"].map((key) => read(authority(), key));
      const [theirs, own] = [authoritySecret(), [current?.serial, next?.serial]];
      const there = theirs === undefined ? undefined : read(find("Secret", theirs), "tls.crt");
      const stands = there === undefined ? -1 : own.indexOf(there.serial);
      const given: Snapshot["given"] =
        there === undefined
          ? refuse("IssuerSecretMissing", "there is none")
          : accept({ stands: (["New", "Current", "Next"] as const)[stands + 1] ?? "New", certificate: dates(there) });
      const beside = theirs === undefined ? {} : { given };
      if (current === undefined) return { authority: undefined, leaves: new Map(), ...beside };
      const facts: AuthorityFacts = {
        bundle: trusted().join(" "),
        bundleHash: hashOf(trusted()),
        signs: true,
        current: dates(current),
        ...(next === undefined ? {} : { next: dates(next) }),
        ...(previous === undefined ? {} : { previous: dates(previous) }),
      };
      const leaves = objects("Secret").flatMap((secret): readonly (readonly [string, LeafFacts])[] => {
        const leaf = read(secret, "tls.crt");
        if (leaf === undefined || secret.metadata.name === theirs) return [];
        const signer =
          leaf.issuer === current.serial ? "Current" : leaf.issuer === previous?.serial ? "Previous" : "Other";
        return [
          [secret.metadata.name, { ...dates(leaf), hash: hashOf([leaf.serial]), signer, dnsNames: leaf.dnsNames }],
        ];
      });
      return { authority: facts, leaves: new Map(leaves), ...beside };
    },
    tick: (now) => {
      time = now;
      const bundle = mounted();
      if (bundle.length === 0) return;
      if (published.at(-1)?.bundle.join() !== bundle.join()) published.push({ at: now, bundle });
      const running = objects("Pod").filter(runs);
      for (const pod of running) {
        const before = files.get(pod.metadata.uid);
        const mark = pod.metadata.annotations[ANNOTATIONS.tls] ?? "";
        if (before !== undefined && before.mark === mark && now - before.at < SYNC_SECONDS * 1000) continue;
        files.set(pod.metadata.uid, { bundle, leaf: leafOf(pod), mark, at: now });
      }
      const held = running.flatMap((pod) => files.get(pod.metadata.uid) ?? []);
      const client = published.findLast(({ at }) => at <= now - CLIENT_LAG_SECONDS * 1000)?.bundle ?? bundle;
      const apart = held.some(
        ({ leaf, bundle: theirs }) =>
          !trusts(client, leaf) ||
          !trusts(trusted(), leaf) ||
          !trusts(theirs, operatorLeaf()) ||
          held.some((other) => !trusts(theirs, other.leaf)),
      );
      if (apart) distrusting += 1;
    },
    told: (pod) => {
      const mine = files.get(pod.metadata.uid);
      if (mine?.leaf === undefined) return undefined;
      if (!trusts(trusted(), mine.leaf) || !trusts(mine.bundle, operatorLeaf())) return undefined;
      return { caBundleHash: hashOf(mine.bundle), certificateHash: hashOf([mine.leaf.serial]) };
    },
    distrust: () => distrusting,
  };
}
