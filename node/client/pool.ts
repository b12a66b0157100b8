import type { Connection } from "./connection.ts";

/** All connections of a client: some to each of its targets, which are known by their index. */
export type Pool = {
  readonly size: number;
  /** A connection with room: to this target if it has one, else to the next one behind it that does. */
  withRoom(from: number): { readonly target: number; readonly connection: Connection } | undefined;
  /** A connection with room to this target only. */
  at(target: number): Connection | undefined;
  connected(): readonly number[];
  /** What is wrong with each target, so that a person sees at once which certificate or address it is. */
  problems(): string;
  close(): void;
};

export function createPool(connections: readonly (readonly Connection[])[]): Pool {
  const at = (target: number): Connection | undefined =>
    connections[target]?.find((connection) => connection.hasRoom());
  const all = connections.flat();
  return {
    size: connections.length,
    at,
    withRoom: (from) => {
      for (let step = 0; step < connections.length; step++) {
        const target = (from + step) % connections.length;
        const connection = at(target);
        if (connection !== undefined) return { target, connection };
      }
      return undefined;
    },
    connected: () =>
      connections.flatMap((some, target) => (some.some(({ problem }) => problem() === undefined) ? [target] : [])),
    problems: () =>
      `no node takes requests: ${connections
        .flatMap(([first]) => first ?? [])
        .map(({ target, problem }) => `${target.servername} at ${target.host}:${target.port}: ${problem() ?? "busy"}`)
        .join("; ")}`,
    close: () => {
      for (const connection of all) connection.close();
    },
  };
}
