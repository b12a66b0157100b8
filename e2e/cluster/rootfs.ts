import { createHash } from "node:crypto";
import { existsSync, readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Progress } from "../kit/progress.ts";
import { cachePath } from "./cache.ts";
import { must } from "./run.ts";

/** A root file system of Debian packages, as a tar archive in the cache folder, named after what it is made from. */
export type RootFs = { readonly path: string; readonly hash: string };

const SUITE = "bookworm";

/** What a node of the cluster needs beside our binaries: a shell for its entrypoint, runc, the network's tools. */
const NODE_PACKAGES =
  "iptables,nftables,iproute2,conntrack,kmod,mount,procps,ethtool,socat,runc,containernetworking-plugins,jq";

/** What Node's binary links. No shell and no package manager: what is not there cannot be misused. */
const RUNTIME_PACKAGES = "libc6,libatomic1,libstdc++6,base-files,netbase,tzdata";

export function nodeRootFs(progress: Progress): Promise<RootFs> {
  return make("node", progress, ["--variant=essential", `--include=${NODE_PACKAGES}`, ...WITHOUT_DOCUMENTS]);
}

/** The base of our own images where no registry can be reached: Debian's libraries and this project's Node. */
export function runtimeRootFs(progress: Progress): Promise<RootFs> {
  return make(
    "runtime",
    progress,
    [
      "--variant=extract",
      `--include=${RUNTIME_PACKAGES}`,
      // Extracted packages run no scripts: what theirs would have made is made here.
      `--extract-hook=mkdir -p "$1/usr/local/bin" "$1/tmp" "$1/etc" && chmod 1777 "$1/tmp"`,
      `--extract-hook=printf 'root:x:0:0::/root:/sbin/nologin\\nnode:x:10001:10001::/:/sbin/nologin\\n' >"$1/etc/passwd"`,
      `--extract-hook=printf 'root:x:0:\\nnode:x:10001:\\n' >"$1/etc/group"`,
      `--extract-hook=cd "$1" && rm -rf usr/lib/*/gconv ${UNUSED.join(" ")}`,
      `--extract-hook=install -m 755 "$HMN_NODE" "$1/usr/local/bin/node"`,
    ],
    `${process.version} ${process.arch}`,
  );
}

const DOCUMENTS = ["doc", "man", "info", "locale", "lintian"].map((folder) => `usr/share/${folder}`);
const WITHOUT_DOCUMENTS = DOCUMENTS.map((folder) => `--dpkgopt=path-exclude=/${folder}/*`);
const UNUSED = [...DOCUMENTS, "usr/share/bash-completion", "var/lib/apt", "var/lib/dpkg", "var/cache/apt"];

async function make(name: string, progress: Progress, args: readonly string[], more = ""): Promise<RootFs> {
  const hash = createHash("sha256").update(JSON.stringify(args)).update(more).digest("hex").slice(0, 12);
  const path = cachePath("rootfs", `${name}-${hash}.tar`);
  if (existsSync(path)) return { path, hash };
  progress.detail(`making Debian's root file system for the ${name} image`);
  const draft = `${path}.draft`;
  await must("mmdebstrap", ["--quiet", "--format=tar", ...args, SUITE, draft], {
    env: { SOURCE_DATE_EPOCH: "1", HMN_NODE: process.execPath },
    onLine: (line) => progress.detail(`making the ${name} root file system: ${line}`),
  });
  const folder = join(path, "..");
  for (const file of readdirSync(folder)) {
    if (file.startsWith(`${name}-`) && join(folder, file) !== draft) rmSync(join(folder, file));
  }
  renameSync(draft, path);
  return { path, hash };
}
