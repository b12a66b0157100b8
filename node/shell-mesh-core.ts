import type { Random } from "./base/random.ts";
import { type Millis, millis, seconds } from "./base/units.ts";
import { gossipIntervalMs } from "./cal/gossip-interval.ts";
import { alignmentPpm } from "./cal/omega.ts";
import { type Chain, validatorsOf } from "./chain/chain.ts";
import { coherenceView } from "./chain/coherence-view.ts";
import { type Mesh, type MeshContext, viewOfMesh } from "./mesh/mesh.ts";

/**
 * What a node's mesh takes from its chain, and when its file is due: decided here for the running node (`shell-mesh.ts`)
 * and the simulator alike, from what they hand in.
 */

/** How often due work is looked for. */
export const MESH_TICK_MS: Millis = millis(100);
/** How long a record may wait for others before all are made durable together: the log of the ledger shares the disk. */
export const MESH_FLUSH_MS: Millis = millis(500);
/** The file is written anew when it is larger than this and twice what is held. */
const FILE_BYTES = 8 * 1024 * 1024;
/** The shortest epoch (domain.md, "λ(t)"): exchanges that come so often are often enough for every other. */
const EPOCH_MS = seconds(10);

/** Time, chance and measurements for one step of `self`'s mesh; committed values alone set its pace. */
export const meshContext = (
  mesh: Mesh,
  chain: Chain,
  moment: {
    readonly wallMs: number;
    readonly nowMs: number;
    readonly random: Random;
    /** RΦV, where it is measured. */
    readonly scoreOf?: MeshContext["scoreOf"];
  },
): MeshContext => ({
  scoreOf: () => undefined,
  ...moment,
  proximityOf: (peer) => proximityPpm(chain, mesh.config.self, peer),
  gossipMs: meshGossipMs(mesh, chain),
  exchangeEveryMs: EPOCH_MS,
});

/** The gossip interval of domain.md, "λ(t)". */
export function meshGossipMs(mesh: Mesh, chain: Chain): Millis {
  const { queued, meanLatencyMs } = viewOfMesh(mesh);
  const { lambdaEffectivePpm } = coherenceView(chain);
  return gossipIntervalMs({ lambdaEffectivePpm, queued, meanLatencyMs });
}

/** Who holds the shards: the committed validators of now, by id ascending. */
export const meshMembers = (chain: Chain): readonly number[] => validatorsOf(chain).map(({ id }) => id);

/** `fileBytes`: of all records since the file was begun; `heldBytes`: of the entries among them that are still held. */
export const isFileDue = ({ fileBytes, heldBytes }: { fileBytes: number; heldBytes: number }): boolean =>
  fileBytes > Math.max(FILE_BYTES, 2 * heldBytes);

/** How near a peer's measured coherence is to this node's, in millionths; undefined: one of them was never measured. */
function proximityPpm(chain: Chain, self: number, peer: number): number | undefined {
  const { validators } = coherenceView(chain);
  const [own, other] = [self, peer].map((id) => validators.find((validator) => validator.id === id)?.omega);
  return own === undefined || other === undefined ? undefined : alignmentPpm(own, other);
}
