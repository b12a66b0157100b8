/** Inputs that once broke something, each with what they broke: they run before everything else. */
export const KEPT: readonly { readonly target: string; readonly hex: string; readonly why: string }[] = [
  {
    target: "client-frame",
    hex: "030900000000000000020003000000efbbbf",
    why: "a byte order mark vanished from a text, so that two encodings meant the same",
  },
];
