/**
 * LOCAL: floating point. Nothing here may enter state (domain.md, "CAL": "RΦV never enters consensus state").
 *
 * Magnitude-squared coherence by Welch's method (Welch 1967; Carter, Knapp & Nuttall 1973): segments that overlap by half, the
 * mean of each removed, a Hann window, and |mean(X·Ȳ)|² / (mean|X|²·mean|Y|²) in each frequency.
 */

/** With fewer segments chance alone looks like coherence; with a single one it is 1 whatever the signals. */
const SEGMENTS_MIN = 8;
/** A frequency with less of a signal's power than this is rounding, and shares nothing. */
const POWER_MIN = 1e-12;

/**
 * In each frequency from 0 to half a cycle a sample, in [0, 1]; undefined where the series are too short for eight segments,
 * do not belong together, or one of them holds no signal at all. What is left over at the end is not looked at.
 */
export function welchCoherence(
  one: readonly number[],
  other: readonly number[],
  /** Even. */
  segmentSamples: number,
): readonly number[] | undefined {
  if (one.length !== other.length || ![...one, ...other].every(Number.isFinite)) return undefined;
  const step = segmentSamples / 2;
  const segments = Math.floor((one.length - step) / step);
  if (segments < SEGMENTS_MIN) return undefined;
  const bins = Array.from({ length: step + 1 }, () => ({ one: 0, other: 0, crossRe: 0, crossIm: 0 }));
  const spectrum = spectrumOf(segmentSamples);
  for (let segment = 0; segment < segments; segment++) {
    const from = segment * step;
    const x = spectrum(one.slice(from, from + segmentSamples));
    const y = spectrum(other.slice(from, from + segmentSamples));
    for (const [frequency, bin] of bins.entries()) {
      const [a, b] = [x[frequency] ?? ZERO, y[frequency] ?? ZERO];
      bin.one += a.re * a.re + a.im * a.im;
      bin.other += b.re * b.re + b.im * b.im;
      bin.crossRe += a.re * b.re + a.im * b.im;
      bin.crossIm += a.im * b.re - a.re * b.im;
    }
  }
  const least = (of: "one" | "other"): number => POWER_MIN * bins.reduce((sum, bin) => sum + bin[of], 0);
  const [leastOne, leastOther] = [least("one"), least("other")];
  if (leastOne === 0 || leastOther === 0) return undefined;
  return bins.map(({ one: own, other: others, crossRe, crossIm }) => {
    if (own < leastOne || others < leastOther) return 0;
    return Math.min(1, (crossRe * crossRe + crossIm * crossIm) / (own * others));
  });
}

type Complex = { readonly re: number; readonly im: number };
const ZERO: Complex = { re: 0, im: 0 };

/** The discrete Fourier transform of a windowed segment, written out: segments are short. */
function spectrumOf(length: number): (samples: readonly number[]) => readonly Complex[] {
  const cosines = Array.from({ length }, (_, at) => Math.cos((2 * Math.PI * at) / length));
  const sines = Array.from({ length }, (_, at) => Math.sin((2 * Math.PI * at) / length));
  return (samples) => {
    const mean = samples.reduce((sum, sample) => sum + sample, 0) / length;
    // The periodic Hann window, ½·(1 − cos 2πn/N).
    const windowed = samples.map((sample, at) => ((sample - mean) * (1 - (cosines[at] ?? 0))) / 2);
    return Array.from({ length: length / 2 + 1 }, (_, frequency) => {
      let [re, im] = [0, 0];
      for (const [at, sample] of windowed.entries()) {
        const turn = (frequency * at) % length;
        re += sample * (cosines[turn] ?? 0);
        im -= sample * (sines[turn] ?? 0);
      }
      return { re, im };
    });
  };
}
