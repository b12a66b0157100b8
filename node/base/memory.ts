/**
 * What pure functions made, kept with the object that they made it of, by a name, for as long as their other arguments are the
 * very same ones. All of them are immutable, so nothing can be out of date; what nobody holds any more goes with its owner.
 */
export type Memory<Made> = (owner: object, name: string, beside: readonly unknown[], make: () => Made) => Made;

export function createMemory<Made>(): Memory<Made> {
  type Kept = { readonly beside: readonly unknown[]; readonly made: Made };
  const known = new WeakMap<object, Map<string, Kept>>();
  return (owner, name, beside, make) => {
    const names = known.get(owner) ?? new Map<string, Kept>();
    const before = names.get(name);
    if (before !== undefined && beside.every((part, index) => Object.is(part, before.beside[index])))
      return before.made;
    const made = make();
    names.set(name, { beside, made });
    known.set(owner, names);
    return made;
  };
}
