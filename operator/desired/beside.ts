import { lesser } from "../api/quantity.ts";

/** A host that is full with its validator still has room for a pod that comes and goes beside it; it may take as much as a validator. */
const CPU_REQUEST = "50m";

/** The CPU that such a pod asks for, where a validator asks for `cpu`. */
export const cpuBeside = (cpu: string): string => lesser(cpu, CPU_REQUEST);
