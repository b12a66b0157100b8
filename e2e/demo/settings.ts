import { EXAMPLE_NAMESPACE } from "../kit/examples.ts";

export const DEMO = {
  namespace: EXAMPLE_NAMESPACE,
  /** As `docs/examples/four-validators.yaml` names it. */
  cluster: "payments",
  validators: 4,
  /** The load runs for so long before the first change, so that there is a "before" to compare with. */
  warmUpTransfers: 300,
} as const;
