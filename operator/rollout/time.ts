import { type Millis, millis } from "../../node/base/units.ts";

/** Time of a Kubernetes field: the client's types say Date, JSON gives text. Undefined when it is absent or no time. */
export function timeOf(field: Date | string | undefined): Millis | undefined {
  if (field === undefined) return undefined;
  const time = new Date(field).getTime();
  return Number.isNaN(time) ? undefined : millis(time);
}

/** As it stands in a status. */
export const timeText = (time: Millis): string => new Date(time).toISOString();

/** Time since a recorded moment; none counts as now. */
export const elapsed = (now: Millis, since: string | undefined): Millis => millis(now - (timeOf(since) ?? now));
