/** Chance as a number in [0, 1); `Math.random` in production. */
export type Chance = () => number;

export type Backoff = { readonly next: () => number; readonly reset: () => void };

/** Doubling delays from `firstMs` to `maxMs`, each shortened by up to half so that clients cut off together spread out. */
export function createBackoff(firstMs: number, maxMs: number, chance: Chance): Backoff {
  let attempt = 0;
  return {
    next: () => {
      const delay = Math.min(maxMs, firstMs * 2 ** Math.min(attempt, 30));
      attempt += 1;
      return delay * (0.5 + chance() / 2);
    },
    reset: () => {
      attempt = 0;
    },
  };
}

/** Waits, or rejects as soon as the signal is aborted. */
export function sleep(delayMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const stop = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", stop);
      resolve();
    }, delayMs);
    signal.addEventListener("abort", stop, { once: true });
  });
}
