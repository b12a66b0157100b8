import type { Progress } from "../kit/progress.ts";
import { must, run } from "./run.ts";

/** Debian's packages that the built provider needs, and for what. */
export const DEBIAN_PACKAGES = [
  "docker.io", // the engine
  "iptables", // the engine's bridges
  "mmdebstrap", // root file systems
  "jq", // runc-here
  "busybox-static", // the pause image
  "iproute2", // the network namespace
  "util-linux", // nsenter, setpriv
  "libatomic1", // Node
  "libstdc++6", // Node
  "ca-certificates", // Go's downloads
] as const;

/** Installs what is missing; asks dpkg first, so that a machine that has everything needs no network. */
export async function installPackages(progress: Progress): Promise<void> {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: the placeholders are dpkg-query's own
  const listed = await run("dpkg-query", ["-W", "-f", "${Package} ${db:Status-Status}\n", ...DEBIAN_PACKAGES]);
  const present = new Set(
    listed.stdout
      .split("\n")
      .filter((line) => line.endsWith(" installed"))
      .map((line) => line.split(" ")[0]),
  );
  const missing = DEBIAN_PACKAGES.filter((name) => !present.has(name));
  if (missing.length === 0) return;
  const env = { DEBIAN_FRONTEND: "noninteractive" };
  const what = `installing Debian packages: ${missing.join(" ")}`;
  progress.detail(what);
  await must("apt-get", ["-qq", "update"], { env });
  await must("apt-get", ["-qq", "-y", "--no-install-recommends", "install", ...missing], { env });
  progress.say(`installed Debian packages: ${missing.join(" ")}`);
}
