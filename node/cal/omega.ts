import { isqrt } from "../base/integer-math.ts";
import { PPM } from "../base/units.ts";
import { ratioPpm } from "./ratio.ts";

/** How a validator works together with the others, in five parts of [0, 1], in ppm (domain.md, "CAL"). */
export type Omega = {
  /** Blocks for which its vote is carried, in time or late, of all. */
  readonly participationPpm: number;
  /** 1 − p95 of its vote delay as a part of the bound. */
  readonly timelinessPpm: number;
  /** Carried votes with the committed results hash, of all carried. */
  readonly agreementPpm: number;
  /** Anti-entropy exchanges that ended equal, of all. */
  readonly meshPpm: number;
  /** Liveness probes that it answered, of all. */
  readonly availabilityPpm: number;
};

const every = (value: number): Omega => ({
  participationPpm: value,
  timelinessPpm: value,
  agreementPpm: value,
  meshPpm: value,
  availabilityPpm: value,
});

/** What validators of genesis start with. */
export const OMEGA_ONE: Omega = every(PPM);
/** What later validators start with. */
export const OMEGA_NEWCOMER: Omega = every(PPM / 2);

/** x·y; at most 5·10¹². */
const dot = (x: Omega, y: Omega): number =>
  x.participationPpm * y.participationPpm +
  x.timelinessPpm * y.timelinessPpm +
  x.agreementPpm * y.agreementPpm +
  x.meshPpm * y.meshPpm +
  x.availabilityPpm * y.availabilityPpm;

/** a(x, y) = cos(x, y)·min(1, |x|/|y|, |y|/|x|) = ⌊10⁶·x·y / max(x·x, y·y)⌋, 0 if that is 0. */
export function alignmentPpm(x: Omega, y: Omega): number {
  const larger = Math.max(dot(x, x), dot(y, y));
  // x·y ≤ |x|·|y| ≤ the larger square.
  return larger === 0 ? 0 : ratioPpm(dot(x, y), larger);
}

/** |x| / |(1, 1, 1, 1, 1)| = isqrt(⌊x·x/5⌋). */
export const sizePpm = (x: Omega): number => Number(isqrt(BigInt(Math.floor(dot(x, x) / 5))));
