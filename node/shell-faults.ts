import { CHAIN_RULES, type ChainRules } from "./chain/rules.ts";

/** Faults that are switched on; see `faults.ts`, which images for production leave out. */
export type Faults = {
  readonly names: readonly string[];
  readonly slowMs: number;
  readonly crashAfterMs: number | undefined;
  readonly silent: boolean;
  readonly chainRules: ChainRules;
};

export const NO_FAULTS: Faults = {
  names: [],
  slowMs: 0,
  crashAfterMs: undefined,
  silent: false,
  chainRules: CHAIN_RULES,
};

/** The faults asked for, if this build can have any: where `faults.ts` is absent the text is not even read. */
export async function loadFaults(text: string): Promise<Faults> {
  try {
    const { parseFaults } = await import("./faults.ts");
    return parseFaults(text);
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && cause.code === "ERR_MODULE_NOT_FOUND") return NO_FAULTS;
    throw cause;
  }
}
