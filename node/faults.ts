import { CHAIN_RULES } from "./chain/rules.ts";
import type { Faults } from "./shell-faults.ts";

/**
 * Faults for images built for tests, from `HMN_FAULTS`, comma-separated:
 *   slow=MS        answers to this node's clients leave so much later; its own consensus frames do not
 *   crash=SECONDS  the process exits with 1 so long after each start
 *   silent         never becomes ready
 *   differ         executes every block to other results than a release without it
 * The production image does not contain this file.
 */
export function parseFaults(text: string): Faults {
  const names = text.split(",").filter((name) => name !== "");
  let slowMs = 0;
  let crashAfterMs: number | undefined;
  let silent = false;
  let chainRules = CHAIN_RULES;
  for (const name of names) {
    const [kind, value] = name.split("=");
    if (kind === "slow") slowMs = amount(name, value);
    else if (kind === "crash") crashAfterMs = amount(name, value) * 1000;
    else if (kind === "silent" && value === undefined) silent = true;
    else if (kind === "differ" && value === undefined)
      chainRules = {
        ...CHAIN_RULES,
        resultsRoot: (leaves) => CHAIN_RULES.resultsRoot([...leaves, new Uint8Array(32)]),
      };
    else throw new Error(`HMN_FAULTS: ${JSON.stringify(name)} is none of slow=MS, crash=SECONDS, silent, differ`);
  }
  return { names, slowMs, crashAfterMs, silent, chainRules };
}

function amount(name: string, value: string | undefined): number {
  if (value === undefined || !/^[0-9]{1,6}$/.test(value)) {
    throw new Error(`HMN_FAULTS: ${JSON.stringify(name)} needs a whole number`);
  }
  return Number(value);
}
