import { type GenesisFile, LEDGERS } from "../api/contract.ts";
import { toHex } from "../base/bytes.ts";
import { type Random, seededRandom } from "../base/random.ts";
import { sha256 } from "../codec/hash.ts";
import { type KeyPair, keyPairFromSeed } from "../codec/signature.ts";
import { DEFAULT_TIMING, type Timing } from "../consensus/timing.ts";
import { DEFAULT_LANE_PACE, type LanePace } from "../lanes/pace.ts";
import { type FaultKind, underWeather, type Weather } from "./weather.ts";

export const CLIENTS = 3;
export const ACCOUNT_BALANCE = 10n ** 15n;
/** Simulated time 0 on the wall clock: what the genesis names. */
export const EPOCH_MS = 1_760_000_000_000;

/** The shortest epochs that there are: ten seconds, whatever λ. */
export const EPOCH_LENGTH_NS = 10_000_000_000n;

/** Everything that the seed decides before the first event. */
export type Scenario = Weather & {
  readonly seed: number;
  readonly bonds: readonly bigint[];
  /** A node that the genesis does not know: it comes in the storm, follows, and asks to join. Only where there are orders. */
  readonly stranger: number | undefined;
  /** Validator that lies, if any. */
  readonly byzantine: number | undefined;
  /** Validator whose volume loses the vote journal, if any; never in a network with a liar, who already spends the third. */
  readonly amnesiac: number | undefined;
  /** How long faults go on; then the network heals, everyone is up, and everything has to come right. */
  readonly stormMs: number;
  readonly timing: Timing;
  readonly lanes: LanePace;
  readonly compactEveryBlocks: number;
  readonly snapshotEveryBlocks: number;
  readonly genesis: GenesisFile;
  readonly keys: readonly KeyPair[];
  readonly clientKeys: readonly KeyPair[];
  /** Whether owners and the authority order something while the storm goes on; then all run a release that knows one state version more. */
  readonly orders: boolean;
};

/** Equal stakes most of the time; else two heavy ones, where counting heads is not counting weight. */
export type Shape = {
  readonly nodes?: number;
  readonly bonds?: readonly number[];
  readonly byzantine?: boolean;
  /** Faults that the seed may not have after all. */
  readonly without?: readonly FaultKind[];
  readonly amnesiac?: boolean;
  /** Time between blocks with nothing to order, instead of a second. */
  readonly emptyBlockMs?: number;
  /** Whether a validator is under denial of service. */
  readonly denied?: boolean;
  /** Whether a validator leaves and comes back, a stranger joins, and the state version is raised. */
  readonly orders?: boolean;
};

export const scenarioOf = (seed: number, stormMs: number, shape: Shape = {}): Scenario =>
  underWeather(draw(seed, stormMs, shape), shape);

function draw(seed: number, stormMs: number, shape: Shape): Omit<Scenario, keyof Weather> {
  const random = seededRandom(BigInt(seed) * 2n + 1n);
  const nodes = shape.bonds?.length ?? shape.nodes ?? random.pick([4, 4, 4, 5, 6, 7]);
  const bonds = (shape.bonds ?? drawBonds(random, nodes)).map((atr) => BigInt(atr) * 1_000_000n);
  const stranger = shape.orders === true ? nodes : undefined;
  const keys = [...bonds.keys(), ...(stranger === undefined ? [] : [stranger])].map((id) =>
    keyOf(`validator ${id} of ${seed}`),
  );
  const clientKeys = Array.from({ length: CLIENTS }, (_, client) => keyOf(`client ${client} of ${seed}`));
  const odd = random.below(4);
  const liar = shape.byzantine ?? (shape.amnesiac !== true && odd < 2);
  return {
    seed,
    bonds,
    stranger,
    byzantine: liar ? random.below(nodes) : undefined,
    amnesiac: !liar && (shape.amnesiac ?? odd === 2) ? random.below(nodes) : undefined,
    stormMs,
    // Shorter than a frame takes: then blocks follow a closing one before it is final.
    timing: { ...DEFAULT_TIMING, minBlockIntervalMs: random.pick([100, 5, 5]) },
    lanes: {
      ...DEFAULT_LANE_PACE,
      // More acknowledgements than a node makes: more of what may go wrong in a storm.
      ackAfterMs: 20,
      carIntervalMs: random.pick([2, 50]),
      blockCarsMax: random.pick([2, 1024]),
      // So few fill a lane whenever blocks are late.
      laneCarsMax: seed % 3 === 2 ? 3 : DEFAULT_LANE_PACE.laneCarsMax,
    },
    compactEveryBlocks: random.pick([3, 10, 256]),
    snapshotEveryBlocks: random.pick([3, 5, 20]),
    keys,
    clientKeys,
    orders: shape.orders ?? false,
    genesis: {
      network: `sim-${seed}`,
      parameters: {
        ...{ epochLengthMs: 10_000, checkpointIntervalMs: 1_000 },
        ...(shape.emptyBlockMs === undefined ? {} : { emptyBlockMs: shape.emptyBlockMs }),
      },
      timeNs: String(BigInt(EPOCH_MS) * 1_000_000n),
      authority: { publicKeys: [toHex(authorityKeyOf(seed).publicKey)], threshold: 1 },
      validators: bonds.map((bond, id) => ({
        id,
        consensusKey: toHex(keys[id]?.publicKey ?? new Uint8Array()),
        ownerKey: toHex(ownerKeyOf(id, seed).publicKey),
        bond: String(bond),
      })),
      accounts: [
        ...clientKeys.map((key, client) => ({
          id: String(accountId(client)),
          ownerKey: toHex(key.publicKey),
          ledger: LEDGERS.FLX,
          balance: String(ACCOUNT_BALANCE),
        })),
        ...(stranger === undefined
          ? []
          : [
              {
                id: String(STRANGERS_ACCOUNT),
                ownerKey: toHex(ownerKeyOf(stranger, seed).publicKey),
                ledger: LEDGERS.ATR,
                balance: String(STRANGERS_BOND),
              },
            ]),
      ],
    },
  };
}

/** What the stranger pays its bond from; in 10⁻⁶ ATR. */
export const STRANGERS_ACCOUNT = (1n << 64n) + 2000n;
export const STRANGERS_BOND = 50_000_000n;

export const accountId = (client: number): bigint => (1n << 64n) + 1000n + BigInt(client);

export const authorityKeyOf = (seed: number): KeyPair => keyOf(`authority of ${seed}`);
export const ownerKeyOf = (validator: number, seed: number): KeyPair => keyOf(`owner ${validator} of ${seed}`);

const keyOf = (name: string): KeyPair => keyPairFromSeed(sha256(new TextEncoder().encode(name)));

function drawBonds(random: Random, nodes: number): number[] {
  if (random.below(2) === 0) return Array.from({ length: nodes }, () => 100);
  return Array.from({ length: nodes }, () => 20 + random.below(80));
}
