import type { ClusterStatus } from "../api/cluster.ts";
import type { CoherenceStatus } from "../api/coherence.ts";
import type { Condition } from "../api/conditions.ts";
import type { ProtocolStatus } from "../api/protocol.ts";
import type { ValidatorStatus } from "../api/validator-status.ts";
import type { ClusterObject, RolloutObject } from "../observe/snapshot.ts";
import { activeRollout } from "../rollout/start.ts";
import { type Quorum, quorumOf, quorumText } from "./quorum-text.ts";
import { changeText, rolloutLines, windowLines } from "./rollout-screen.ts";
import { type Cell, columns, commandLine, heading, type Look, paragraph, type Style, screen } from "./screen.ts";
import { agoText, clockText } from "./time-text.ts";
import { tuningLines } from "./tuning-screen.ts";

/** Everything that the status of one cluster is drawn from. */
export type ClusterFacts = {
  readonly cluster: ClusterObject;
  /** Of this cluster, by number ascending. */
  readonly rollouts: readonly RolloutObject[];
};

const WINDOWS_SHOWN = 3;
/** Up to so many validators each has its line; of more only those that are not like the others. */
const ROWS_MAX = 16;

/** One screen for whoever was woken up: what is wrong or waited for stands before what is well. */
export function statusScreen(facts: ClusterFacts, look: Look, all = false): string {
  const { cluster, rollouts } = facts;
  const { status } = cluster;
  const quorum = quorumOf(cluster);
  if (status.phase === undefined) return screen(title(cluster, look), unseen(look));
  const active = activeRollout(rollouts);
  return screen(
    [...title(cluster, look), ...summary(cluster, quorum, look)],
    waitingLines(facts, look),
    active === undefined ? [] : rolloutLines(active, cluster, look),
    active === undefined ? [] : windowLines(active.status.windows ?? [], WINDOWS_SHOWN, look),
    validatorLines(cluster, look, all),
    coherenceLines(status.coherence, look),
    tuningLines(status.tuning, look),
    conditionLines(cluster, look),
    pastLines(facts, look),
  );
}

/** Several clusters, a line each. */
export function clusterList(clusters: readonly ClusterObject[], look: Look): string {
  const rows = clusters.map((cluster): Cell[] => {
    const { metadata, status, spec } = cluster;
    const quorum = quorumOf(cluster);
    return [
      metadata.namespace,
      metadata.name,
      status.currentVersion || "-",
      spec.version,
      { text: status.phase ?? "not seen", style: styleOfPhase(status.phase) },
      quorum.serves ? { text: `+${quorum.bearable}`, style: "green" } : { text: "NONE", style: "red" },
      status.ready ?? "",
      status.waitingFor?.reason ?? "",
    ];
  });
  return screen(
    columns([["NAMESPACE", "NAME", "VERSION", "WANTED", "PHASE", "QUORUM", "READY", "WAITING FOR"], ...rows], look, 0),
  );
}

const styleOfPhase = (phase: ClusterStatus["phase"]): Style =>
  phase === "Running" ? "green" : phase === "Stalled" || phase === "RollingBack" ? "red" : "yellow";

function title({ metadata, status, spec }: ClusterObject, look: Look): readonly string[] {
  const version = status.currentVersion || "no version yet";
  const wanted = status.currentVersion === spec.version ? "" : ` (wanted: ${spec.version})`;
  const phase = status.phase === undefined ? "" : `  ${look.paint(styleOfPhase(status.phase), status.phase)}`;
  return [`${heading(`${metadata.namespace}/${metadata.name}`, look)}  ${version}${wanted}${phase}`];
}

const unseen = (look: Look): readonly string[] => [
  ...paragraph(
    "The operator has not looked at this cluster yet. Is it running, and does it watch this namespace?",
    look,
  ),
  commandLine("kubectl get pods -A -l app.kubernetes.io/name=hmn-operator"),
];

function summary({ metadata, status }: ClusterObject, quorum: Quorum, look: Look): readonly string[] {
  const { disruption } = status;
  const slot =
    disruption === undefined
      ? "free: no validator is being moved"
      : `taken: ${disruption.kind} of validator ${disruption.validator}, for ${agoText(disruption.since, look.now)}`;
  const { backup, protocol } = status;
  const behind = (status.observedGeneration ?? 0) < metadata.generation;
  return [
    ...columns(
      [
        ["quorum", { text: quorumText(quorum), style: quorum.serves ? "green" : "red" }],
        ["slot", slot],
        ...(backup === undefined
          ? []
          : [
              [
                "backup",
                `${backup.name}, up to ${agoText(backup.blockTime, look.now)} ago; a restore took ${backup.restoreSeconds} s`,
              ],
            ]),
        ...(protocol === undefined ? [] : [["rules", rulesText(protocol)]]),
        ...(behind
          ? [
              [
                "spec",
                {
                  text: `generation ${metadata.generation} is not seen yet: this speaks of ${status.observedGeneration}`,
                  style: "yellow",
                },
              ] as const,
            ]
          : []),
      ],
      look,
    ),
  ];
}

/** Which rules the network runs, which come next, and which releases they have left behind. */
function rulesText({ stateVersion, ableVersion, pendingVersion, leastVersion }: ProtocolStatus): string {
  const next =
    pendingVersion !== undefined
      ? `; ${pendingVersion} is ordered, and in force from the epoch on whose members can all run it`
      : ableVersion > stateVersion
        ? `; every release could run ${ableVersion}: see spec.protocolActivation`
        : "";
  const least = leastVersion === undefined ? "" : `; no release before ${leastVersion} can run it`;
  return `state version ${stateVersion}${next}${least}`;
}

function waitingLines({ cluster, rollouts }: ClusterFacts, look: Look): readonly string[] {
  const { waitingFor } = cluster.status;
  if (waitingFor === undefined) return ["Nothing is waited for."];
  const { reason, message, since, who, command } = waitingFor;
  const own = ownCommand(reason, cluster, activeRollout(rollouts));
  return [
    `${heading("WAITING FOR", look)}  ${look.paint("yellow", reason)}  since ${clockText(since, look.now)} (${agoText(since, look.now)})  who can change it: ${look.paint("bold", who)}`,
    ...paragraph(message, look),
    ...(own === undefined
      ? [commandLine(command)]
      : [commandLine(own), "  or, without this plugin:", commandLine(command)]),
  ];
}

/** The same in this program's words, where it has some. */
function ownCommand(
  reason: string,
  { metadata, status }: ClusterObject,
  active: RolloutObject | undefined,
): string | undefined {
  const on = (verb: string, rollout: string) => `kubectl hmn rollout ${verb} ${rollout} -n ${metadata.namespace}`;
  if (reason === "Quarantined") {
    const left = (status.quarantine ?? []).find(({ revision }) => revision === status.targetRevision);
    return left === undefined ? undefined : on("retry", left.rollout);
  }
  if (active === undefined) return undefined;
  if (reason === "GateClosed" || reason === "NoVerdict") return on("promote", active.metadata.name);
  return reason === "PausedByApproval" ? on("resume", active.metadata.name) : undefined;
}

function validatorLines({ status }: ClusterObject, look: Look, all: boolean): readonly string[] {
  const validators = status.validators ?? [];
  const zoned = validators.some(({ zone }) => zone !== "");
  const row = (validator: ValidatorStatus): Cell[] => [
    String(validator.id),
    validator.host || "-",
    ...(zoned ? [validator.zone || "-"] : []),
    validator.version || "-",
    { text: stateText(validator), style: validator.voting ? "green" : validator.ready ? "yellow" : "red" },
    validator.weight === 0 ? "-" : String(validator.weight),
    ...note(validator, status.disruption),
  ];
  const special = ({ id, voting, problem }: ValidatorStatus) =>
    !voting || problem !== "" || id === status.disruption?.validator;
  const shown = all || validators.length <= ROWS_MAX ? validators : validators.filter(special).slice(0, 2 * ROWS_MAX);
  const hidden = validators.filter((validator) => !shown.includes(validator));
  const titles = ["ID", "HOST", ...(zoned ? ["ZONE"] : []), "VERSION", "STATE", "WEIGHT", "PROBLEM"];
  return [
    heading("VALIDATORS", look),
    ...(shown.length === 0 ? [] : columns([titles, ...shown.map(row)], look)),
    ...(hidden.length === 0
      ? []
      : [`  ${hidden.length} of ${validators.length} without a line: ${hiddenText(hidden)} (--all)`]),
  ];
}

/** `57 vote on 1.0.0, 41 vote on 1.1.0`. */
function hiddenText(hidden: readonly ValidatorStatus[]): string {
  const counts = new Map<string, number>();
  for (const { voting, version } of hidden) {
    const key = `${voting ? "vote" : "do not vote"} on ${version}`;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return [...counts].map(([key, count]) => `${count} ${key}`).join(", ");
}

const note = (validator: ValidatorStatus, slot: ClusterStatus["disruption"]): readonly Cell[] => {
  const moving = slot?.validator === validator.id ? `being moved (${slot.kind})` : "";
  const text = [moving, validator.problem].filter((part) => part !== "").join("; ");
  return [validator.problem === "" ? text : { text, style: "red" }];
};

function stateText({ state, ready, voting }: ValidatorStatus): string {
  if (state === "Voting" && !voting) return ready ? "Voting, not caught up" : "Voting, not Ready";
  return state;
}

/** `COHERENCE  Green, Normal  Ĉ 0.98, Ψ̄ 0.95, λ 0.81 since epoch 12`; nothing before anything was measured. */
function coherenceLines(coherence: CoherenceStatus | undefined, look: Look): readonly string[] {
  if (coherence === undefined) return [];
  const { band, mode, coherencePpm, meanPsiPpm, lambdaPpm, epoch } = coherence;
  const numbers = [
    ["Ĉ", coherencePpm],
    ["Ψ̄", meanPsiPpm],
    ["λ", lambdaPpm],
  ] as const;
  const told = numbers.flatMap(([name, value]) => (value === undefined ? [] : `${name} ${(value / 1e6).toFixed(2)}`));
  const since = epoch === undefined ? "" : ` since epoch ${epoch}`;
  const style = mode === "Emergency" || band === "Critical" ? "red" : band === "Green" ? "green" : "yellow";
  const standing = look.paint(style, `${band}, ${mode}`);
  return [`${heading("COHERENCE", look)}  ${standing}${told.length === 0 ? "" : `  ${told.join(", ")}${since}`}`];
}

/** True of these says that something is going on or wrong; of all others, that something is well. */
const TRUE_IS_NEWS: readonly string[] = ["Reconciling", "Stalled", "RolledBack"];

/** Only those that tell something; the rest in one line. */
function conditionLines({ status }: ClusterObject, look: Look): readonly string[] {
  const conditions = status.conditions ?? [];
  const matters = ({ type, status: holds }: Condition) => (holds === "True") === TRUE_IS_NEWS.includes(type);
  const quiet = conditions.filter((condition) => !matters(condition)).map(({ type }) => type);
  const told = status.waitingFor?.message;
  const rows = conditions.filter(matters).map((condition): Cell[] => [
    {
      text: `${condition.type}=${condition.status}`,
      style: condition.type === "Reconciling" || condition.status === "Unknown" ? "yellow" : "red",
    },
    agoText(condition.lastTransitionTime, look.now),
    condition.message === told ? `${condition.reason} (see above)` : `${condition.reason}: ${condition.message}`,
  ]);
  return [
    heading("CONDITIONS", look),
    ...columns(rows, look),
    ...(quiet.length === 0 ? [] : paragraph(`as they should be: ${quiet.join(", ")}`, look)),
  ];
}

/** What was rolled back, and what of it still counts. */
function pastLines({ cluster, rollouts }: ClusterFacts, look: Look): readonly string[] {
  const { namespace } = cluster.metadata;
  const last = rollouts.findLast(({ status }) => status.state === "RolledBack");
  if (last === undefined) return [];
  const { metadata, status } = last;
  const quarantined = (cluster.status.quarantine ?? []).some(({ rollout }) => rollout === metadata.name);
  return [
    `${heading("LAST ROLLBACK", look)}  ${metadata.name}  ${changeText(last)}  ${agoText(status.completionTime, look.now)} ago${quarantined ? ", its inputs are quarantined" : ""}`,
    ...paragraph(`${status.rollbackCause}: ${status.rollbackReason ?? ""}`, look),
    commandLine(`kubectl hmn incident ${metadata.name} -n ${namespace}`),
  ];
}
