import { z } from "zod";

const hash = z.string().regex(/^[0-9a-f]{64}$/);
const u128 = z.string().regex(/^[0-9]{1,39}$/);

/**
 * The state of another network that this one begins with: which one, after which of its blocks, and what its parts hash to. The
 * state itself is a backup's, which every node has beside its log before the first block.
 */
export const restoredFromSchema = z.object({
  chainId: hash,
  height: z.number().int().positive(),
  timeNs: z.string().regex(/^[0-9]{1,20}$/),
  blockHash: hash,
  subroots: z.object({ accounts: hash, ids: hash, pending: hash, validators: hash }),
});
export type RestoredFrom = z.infer<typeof restoredFromSchema>;

/**
 * A backup that lies checked beside the log of a node that has not begun: what a genesis that goes on from it has to say. Names of
 * parameters and tokens are as the release has them that brought it.
 */
export const restoredSchema = z.object({
  /** Name of the network that it is of. */
  network: z.string().max(63),
  from: restoredFromSchema,
  parameters: z.record(z.string().max(64), z.number().int().nonnegative()),
  supplyCaps: z.record(z.string().max(8), u128).optional(),
  /** Who may be a validator again, with ids below `OPERATOR_IDS`. */
  validators: z.array(z.object({ id: z.number().int().nonnegative(), ownerKey: hash, bond: u128 })).max(100),
});
export type Restored = z.infer<typeof restoredSchema>;

/** What kept `hmn-node restore` from bringing a backup: the first word that it reports. */
export const restoreFaults = ["Missing", "WrongKey", "WrongNetwork", "Damaged", "Unreachable"] as const;
export type RestoreFault = (typeof restoreFaults)[number];
export const restoreReportSchema = z.object({ fault: z.enum(restoreFaults), detail: z.string() });
