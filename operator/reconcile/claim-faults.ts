/** Remembers, for people, why the API server would not enlarge a claim: in a process, since it may be asked again at any time. */
export type ClaimFaults = {
  /** Of a cluster: why its last claim was refused; empty if it was taken. */
  readonly of: (clusterKey: string) => string;
  readonly note: (clusterKey: string, fault: string) => void;
};

const LENGTH_MAX = 300;

export function createClaimFaults(): ClaimFaults {
  const faults = new Map<string, string>();
  return {
    of: (clusterKey) => faults.get(clusterKey) ?? "",
    note: (clusterKey, fault) => {
      if (fault === "") faults.delete(clusterKey);
      else faults.set(clusterKey, fault.slice(0, LENGTH_MAX));
    },
  };
}
