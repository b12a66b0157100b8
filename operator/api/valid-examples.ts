import { API_VERSION } from "./group.ts";

export type Example = Readonly<Record<string, unknown>>;

/** An object that the API server has to refuse, and part of what it has to say. */
export type InvalidExample = {
  readonly name: string;
  /** The field that is wrong. */
  readonly field: string;
  /** For rules about changes: the valid object that has to exist before. It has the same name as `object`. */
  readonly before?: Example;
  /** What is refused: as a new object, or as the change of `before` (server-side apply). */
  readonly object: Example;
  /** The change goes to the status subresource, and so does the status of `before`. */
  readonly subresource?: "status";
  /** The status of `before` goes to the status subresource, although the change does not. */
  readonly statusOfBefore?: true;
  readonly expect: string;
};

const name = "invalid-example";
const validSpec = {
  version: "1.0.0",
  image: { reference: "local/hmn-node:1.0.0" },
  network: "example",
};
export const account = (id: string, balance = "1000000") => ({
  id,
  ownerPublicKey: "ab".repeat(32),
  token: "FLX",
  balance,
});

/** A cluster that the API server takes, with some fields changed. */
export const validCluster = (changes: Example = {}, metadata: Example = {}): Example => ({
  apiVersion: API_VERSION,
  kind: "HmnCluster",
  metadata: { name, ...metadata },
  spec: { ...validSpec, ...changes },
});

export const release = (version: string) => ({ revision: version, version, image: `local/hmn-node:${version}` });
export const validRollout = (changes: Example = {}, rest: Example = {}): Example => ({
  apiVersion: API_VERSION,
  kind: "HmnRollout",
  metadata: { name: `${name}-1` },
  spec: {
    cluster: name,
    clusterUID: "0b5a4d1e-0000-4000-8000-000000000000",
    number: 1,
    kind: "Upgrade",
    from: release("1.0.0"),
    to: release("1.1.0"),
    phases: [{ percent: 100, soakSeconds: 0 }],
    ...changes,
  },
  ...rest,
});

export const validApproval = (changes: Example = {}, rest: Example = {}): Example => ({
  apiVersion: API_VERSION,
  kind: "HmnApproval",
  metadata: { name: `${name}-word` },
  spec: {
    cluster: name,
    clusterUID: "0b5a4d1e-0000-4000-8000-000000000000",
    rollout: `${name}-1`,
    action: "Promote",
    phase: 1,
    signer: { username: "ada" },
    ...changes,
  },
  ...rest,
});
