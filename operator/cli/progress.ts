import type { World } from "./command.ts";
import { durationText } from "./time-text.ts";

/** Whoever waits longer than this is told what for. */
const SILENT_MS = 2_000;
const LIVE_MS = 1_000;
/** Where lines cannot be written over, a new one comes less often. */
const LOGGED_MS = 10_000;

/** Says what is waited for while `work` takes its time. */
export async function withProgress<T>(world: World, what: () => string, work: Promise<T>): Promise<T> {
  const began = world.now();
  let told = false;
  let timer: NodeJS.Timeout | undefined;
  const tell = () => {
    const line = `${what()} (${durationText(world.now() - began)})`;
    world.error(world.liveErrors ? `\r\x1b[K${line}` : `${line}\n`);
    told = true;
    timer = setTimeout(tell, world.liveErrors ? LIVE_MS : LOGGED_MS);
  };
  timer = setTimeout(tell, SILENT_MS);
  try {
    return await work;
  } finally {
    clearTimeout(timer);
    if (told && world.liveErrors) world.error("\r\x1b[K");
  }
}
