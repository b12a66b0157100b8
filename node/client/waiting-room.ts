/** Those who wait for a connection with room, in the order in which they came. */
export type WaitingRoom = { wait(signal: AbortSignal): Promise<void>; wakeOne(): void; wakeAll(): void };

export function waitingRoom(): WaitingRoom {
  const sleepers = new Set<() => void>();
  return {
    wait: (signal) =>
      new Promise((resolve) => {
        const wake = () => {
          sleepers.delete(wake);
          signal.removeEventListener("abort", wake);
          resolve();
        };
        if (signal.aborted) return resolve();
        signal.addEventListener("abort", wake, { once: true });
        sleepers.add(wake);
      }),
    wakeOne: () => {
      for (const wake of sleepers) return wake();
    },
    wakeAll: () => {
      for (const wake of [...sleepers]) wake();
    },
  };
}
