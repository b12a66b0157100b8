import { API_VERSION } from "./group.ts";

type Example = Readonly<Record<string, unknown>>;

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
  readonly expect: string;
};

const name = "invalid-example";
const validSpec = {
  version: "1.0.0",
  image: { reference: "local/hmn-node:1.0.0" },
  network: "example",
};
const account = (id: string, balance = "1000000") => ({
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

const release = (version: string) => ({ revision: version, version, image: `local/hmn-node:${version}` });
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

const validApproval = (changes: Example = {}, rest: Example = {}): Example => ({
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

/** Every rule of the schemas is broken by at least one of these; `crd.test.ts` checks that for the rules in CEL. */
export const invalidExamples: readonly InvalidExample[] = [
  {
    name: "a name that no Service can be named after",
    field: "metadata.name",
    object: validCluster({}, { name: "4.validators" }),
    expect: "choose a shorter or plainer name",
  },
  {
    name: "a name too long for the pods' names",
    field: "metadata.name",
    object: validCluster({}, { name: "a".repeat(41) }),
    expect: "metadata.name must be at most 40 characters",
  },
  {
    name: "no image",
    field: "spec.image",
    object: validCluster({ image: undefined }),
    expect: "spec.image: Required value",
  },
  {
    name: "a version that is not one",
    field: "spec.version",
    object: validCluster({ version: "latest" }),
    expect: "spec.version",
  },
  {
    name: "an image reference with a blank",
    field: "spec.image.reference",
    object: validCluster({ image: { reference: "local/hmn node" } }),
    expect: "spec.image.reference",
  },
  {
    name: "a network name that is no DNS label",
    field: "spec.network",
    object: validCluster({ network: "Example_Net" }),
    expect: "spec.network",
  },
  {
    name: "a network name over 40 characters",
    field: "spec.network",
    object: validCluster({ network: "n".repeat(41) }),
    expect: "may not be more than 40",
  },
  {
    name: "another network",
    field: "spec.network",
    before: validCluster(),
    object: validCluster({ network: "other" }),
    expect: "spec.network cannot be changed after creation: make a new HmnCluster instead",
  },
  {
    name: "three validators",
    field: "spec.validators.replicas",
    object: validCluster({ validators: { replicas: 3 } }),
    expect: "should be greater than or equal to 4",
  },
  {
    name: "another number of validators",
    field: "spec.validators.replicas",
    before: validCluster(),
    object: validCluster({ validators: { replicas: 5 } }),
    expect: "spec.validators.replicas cannot be changed yet",
  },
  {
    name: "an account id that belongs to the system",
    field: "spec.genesis.accounts[0].id",
    object: validCluster({ genesis: { accounts: [account("18446744073709551615")] } }),
    expect: "account ids below 2^64 belong to the system",
  },
  {
    name: "an account id of 2^128",
    field: "spec.genesis.accounts[0].id",
    object: validCluster({ genesis: { accounts: [account("340282366920938463463374607431768211456")] } }),
    expect: "the number must be below 2^128",
  },
  {
    name: "an account id with a leading zero",
    field: "spec.genesis.accounts[0].id",
    object: validCluster({ genesis: { accounts: [account("018446744073709551617")] } }),
    expect: "spec.genesis.accounts[0].id",
  },
  {
    name: "the same account twice",
    field: "spec.genesis.accounts",
    object: validCluster({ genesis: { accounts: [account("18446744073709551617"), account("18446744073709551617")] } }),
    // Server-side apply names the list by its keys, a plain create says "Duplicate value".
    expect: "uplicate",
  },
  {
    name: "an unknown token",
    field: "spec.genesis.accounts[0].token",
    object: validCluster({ genesis: { accounts: [{ ...account("18446744073709551617"), token: "USD" }] } }),
    expect: "Unsupported value",
  },
  {
    name: "another genesis",
    field: "spec.genesis",
    before: validCluster(),
    object: validCluster({ genesis: { accounts: [account("18446744073709551617")] } }),
    expect: "spec.genesis cannot be changed after creation: make a new HmnCluster instead",
  },
  {
    name: "a volume of nothing",
    field: "spec.storage.size",
    object: validCluster({ storage: { size: "0" } }),
    expect: "the quantity must be more than zero",
  },
  {
    name: "a larger volume",
    field: "spec.storage.size",
    before: validCluster({ storage: { size: "1Gi" } }),
    object: validCluster({ storage: { size: "2Gi" } }),
    expect: "spec.storage.size cannot be changed after creation",
  },
  {
    name: "another storage class",
    field: "spec.storage",
    before: validCluster({ storage: { className: "standard" } }),
    object: validCluster({ storage: { className: "fast" } }),
    expect: "spec.storage.className cannot be changed after creation",
  },
  {
    name: "a size that is no quantity",
    field: "spec.resources.memory",
    object: validCluster({ resources: { memory: "half a gigabyte" } }),
    expect: "spec.resources.memory",
  },
  {
    name: "a key of the node selector over 63 characters",
    field: "spec.placement.nodeSelector",
    object: validCluster({ placement: { nodeSelector: { ["k".repeat(64)]: "v" } } }),
    expect: "keys of spec.placement.nodeSelector must be at most 63 characters",
  },
  {
    name: "a variable that the operator sets",
    field: "spec.environment",
    object: validCluster({ environment: [{ name: "HMN_VALIDATOR", value: "0" }] }),
    expect: "HMN_VALIDATOR and NODE_OPTIONS are set by the operator: remove them",
  },
  {
    name: "phases that stop at 80 %",
    field: "spec.rollout.phases",
    object: validCluster({ rollout: { phases: [{ percent: 20 }, { percent: 80 }] } }),
    expect: "the last phase must have percent: 100",
  },
  {
    name: "phases that shrink",
    field: "spec.rollout.phases",
    object: validCluster({ rollout: { phases: [{ percent: 80 }, { percent: 20 }, { percent: 100 }] } }),
    expect: "percent must grow from phase to phase",
  },
  {
    name: "a gate behind the last phase",
    field: "spec.rollout.phases",
    object: validCluster({ rollout: { phases: [{ percent: 100, gate: true }] } }),
    expect: "the last phase has no next one to wait with: remove its gate",
  },
  {
    name: "a promotion of no phase",
    field: "spec",
    object: validApproval({ phase: 0 }),
    expect: "phase belongs to Promote, and Promote needs it",
  },
  {
    name: "an approval without a signer",
    field: "spec.signer",
    object: validApproval({ signer: undefined }),
    expect: "spec.signer: Required value",
  },
  {
    name: "another action of an approval",
    field: "spec",
    before: validApproval(),
    object: validApproval({ action: "Abort", phase: 0 }),
    expect: "an HmnApproval is written once and cannot be changed",
  },
  {
    name: "another answer to an approval",
    field: "status",
    before: validApproval({}, { status: { result: "Refused", message: "too late" } }),
    object: validApproval({}, { status: { result: "Used", message: "too late" } }),
    subresource: "status",
    expect: "what became of an HmnApproval is a record and cannot be changed",
  },
  {
    name: "a soak shorter than one judged window",
    field: "spec.rollout",
    object: validCluster({ rollout: { intervalSeconds: 30, phases: [{ percent: 100, soakSeconds: 10 }] } }),
    expect: "soakSeconds must be 0 or at least intervalSeconds",
  },
  {
    name: "a rollout under a name of its own",
    field: "metadata.name",
    object: validRollout({}, { metadata: { name: "my-rollout" } }),
    expect: "the name of an HmnRollout must start with <spec.cluster>-",
  },
  {
    name: "another target of a rollout",
    field: "spec",
    before: validRollout(),
    object: validRollout({ to: release("9.9.9") }),
    expect: "the spec of an HmnRollout is a record and cannot be changed",
  },
  {
    name: "another end of a finished rollout",
    field: "status",
    before: validRollout({}, { status: { state: "RolledBack", completionTime: "2026-01-01T00:00:00Z" } }),
    object: validRollout({}, { status: { state: "Succeeded", completionTime: "2026-01-01T00:00:00Z" } }),
    subresource: "status",
    expect: "the status of a finished HmnRollout is a record and cannot be changed",
  },
];
