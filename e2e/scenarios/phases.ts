/** The rollout of the scenarios: the example's phases with shorter times, so that a whole run stays under twenty minutes. */
export const QUICK_ROLLOUT = {
  phases: [
    { percent: 20, soakSeconds: 8 },
    { percent: 80, soakSeconds: 6 },
    { percent: 100, soakSeconds: 6 },
  ],
  observeSeconds: 2,
  settleSeconds: 2,
  intervalSeconds: 4,
  failureLimit: 2,
  minimumSamples: 10,
  progressDeadlineSeconds: 180,
} as const;

/** Most validators that may exist, or run the new release, in each phase of these with four validators. */
export const MOST_IN_PHASE = [0, 1, 3, 4] as const;
