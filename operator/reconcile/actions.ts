/** A Kubernetes object as it is sent: plain JSON with its kind. */
export type KubeObject = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly resourceVersion?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly ownerReferences?: readonly unknown[];
  };
  readonly [field: string]: unknown;
};

/** Everything the operator can do to the cluster. `apply.ts` carries them out in order and stops at the first that fails. */
export type Action =
  /** Server-side apply with our field manager, forced. With a resourceVersion in the metadata, only if it is still that. */
  | { readonly type: "apply"; readonly object: KubeObject }
  /** Create once; that it exists already is success. */
  | { readonly type: "create"; readonly object: KubeObject }
  /** Replaces the status subresource, only if the object still has this resourceVersion. */
  | {
      readonly type: "status";
      readonly kind: "HmnCluster" | "HmnRollout" | "HmnApproval" | "HmnBackup" | "HmnBackupSchedule";
      readonly name: string;
      readonly resourceVersion: string;
      readonly status: unknown;
    }
  /** Through the Eviction API, with the UID as a precondition. 429 (the budget) ends the run and is tried again. */
  | { readonly type: "evict"; readonly pod: string; readonly uid: string }
  /** Only for a pod that is not Ready and so takes no weight away. */
  | { readonly type: "delete-pod"; readonly pod: string; readonly uid: string; readonly force: boolean }
  | {
      readonly type: "mark-pod";
      readonly pod: string;
      readonly uid: string;
      readonly labels?: Readonly<Record<string, string>>;
      readonly annotations?: Readonly<Record<string, string>>;
    }
  | {
      readonly type: "delete";
      readonly apiVersion: string;
      readonly kind: string;
      readonly name: string;
      readonly uid: string;
      /** What it owns stays. */
      readonly orphan?: boolean;
    }
  /** Asks for a larger volume behind a claim. That the API server refuses it is told in the next snapshot. */
  | {
      readonly type: "grow-claim";
      readonly name: string;
      readonly uid: string;
      readonly resourceVersion: string;
      readonly size: string;
    }
  /** Makes a key pair and, for the first two, its certificate, and creates the Secret that holds them; an existing Secret stays. */
  | {
      readonly type: "issue";
      /** `authority`: the cluster's CA. `leaf`: TLS key and certificate under it. `governance`: the Ed25519 key of the parameter authority. */
      readonly what: "authority" | "leaf" | "governance";
      readonly secret: string;
      readonly commonName: string;
      readonly dnsNames: readonly string[];
      /** A leaf's Secret with this resourceVersion gets a new key and certificate. */
      readonly replaces?: string;
      /** Secret of the CA that signs a leaf; of an authority, the one that somebody else made and that is taken. */
      readonly issuer?: string;
      readonly labels: Readonly<Record<string, string>>;
      /** Absent: the Secret outlives the cluster. */
      readonly ownerReferences?: readonly unknown[];
    }
  /** One step in the change of a cluster's CA, if its Secret still has this resourceVersion: a second one, its turn to sign, the end of the first. */
  | {
      readonly type: "rotate-authority";
      readonly secret: string;
      readonly replaces: string;
      readonly step: "add" | "switch" | "drop";
      readonly commonName: string;
      /** Where the one to add is taken from, if somebody else made it. */
      readonly issuer?: string;
    }
  /**
   * Signs an order with the authority's key, which owns every validator that the operator makes, and hands it to a node.
   * Whether it was executed is seen in the nodes' status.
   */
  | {
      readonly type: "order";
      /** The validator that it is about; of a parameter, the one whose node takes it. */
      readonly validator: number;
      readonly chainId: string;
      /** The validator whose node takes it. */
      readonly through: number;
      readonly order:
        | { readonly kind: "join"; readonly voteKey: string; readonly serial: string; readonly amount: string }
        | { readonly kind: "leave" }
        | { readonly kind: "replace"; readonly voteKey: string; readonly serial: string }
        /** `parameter`: a name of the node's contract. */
        | {
            readonly kind: "set_parameter";
            readonly parameter: string;
            readonly serial: string;
            readonly value: string;
          };
    }
  /** Takes the pod from a StatefulSet whose node is not to run again, if the set is still as it was seen. */
  | { readonly type: "stop-set"; readonly name: string; readonly uid: string; readonly resourceVersion: string }
  | {
      readonly type: "event";
      readonly about: "HmnCluster" | { readonly rollout: string };
      readonly severity: "Normal" | "Warning";
      readonly reason: string;
      readonly message: string;
    };

/** What `decide` answers for one snapshot. */
export type Decision = {
  readonly actions: readonly Action[];
  /** When to look again even if nothing changes. */
  readonly requeueAfterMs: number;
};
