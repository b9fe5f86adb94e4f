// The states of a SyncClient and what makes one follow another: two tables and a pure function. What is
// to be done at a step comes back as effects, which lanes.js performs; nothing here waits, asks or shows.
//
// The phase says what may be done at all:
//
//   opening ──opened──► open ──reset──► resetting        reset: the server no longer knows the position
//                         ▲ └◄──ended──────┘
//                      allowed
//                         │        denied, signed out: from opening, open and resetting
//                       denied     closed: from every phase, for good
//
// A lane is one kind of work, at most one try at a time: "push" sends the queue, "pull" brings the state
// to the head. Lanes run while the phase is open or resetting; in other phases what would start is
// refused, and the lane is idle.
//
//   idle ──ask, now──► running ──ok, halted──► idle
//                       │    └──failed──► waiting ──due, now──► running
//                       ├──ask──► again ──ok──► running        as running, and once more if it went well
//                       └──now──► next ──any end──► running    as running, and once more in any case
//
//   ask   a try is wanted, in its time      ok      the try did all there was to do
//   now   at once, whatever the back-off    failed  try again after a while
//   due   the back-off is over              halted  failed, and do not try by itself

const phases = {
  opening: { opened: "open", denied: "deniedEarly", closed: "closed" },
  deniedEarly: { opened: "denied", allowed: "opening", closed: "closed" }, // storage is not open yet
  open: { reset: "resetting", denied: "denied", closed: "closed" },
  resetting: { ended: "open", denied: "denied", closed: "closed" },
  denied: { allowed: "open", closed: "closed" },
  closed: {},
};

const running = { state: "running", does: "start" };
const idle = { state: "idle" };
const waiting = { state: "waiting", does: "wait" };

const lanes = {
  idle: { ask: running, now: running },
  running: { ask: { state: "again" }, now: { state: "next" }, ok: idle, halted: idle, failed: waiting },
  again: { now: { state: "next" }, ok: running, halted: idle, failed: waiting },
  next: { ok: running, halted: running, failed: running },
  waiting: { now: { ...running, cancels: true }, due: running },
};

/** The machine of a client that has just been made. `attempt` counts failures, for the back-off. */
export const initialMachine = {
  phase: "opening",
  push: { state: "idle", attempt: 0 },
  pull: { state: "idle", attempt: 0 },
};

/**
 * Returns the machine after an event, and what is to be done. An event that means nothing in the
 * present state changes nothing.
 * @param {object} machine as `initialMachine` or this function returned it; it is not changed
 * @param {{type: string, lane?: "push"|"pull"}} event of the phase without a lane, else of the lane
 * @returns {{machine: object, effects: {does: "start"|"wait"|"cancel"|"refuse", lane: string,
 *   attempt?: number}[]}} start a try; wait, then say `due`; cancel that wait; refuse what waits for
 *   the next try
 */
export function step(machine, { type, lane }) {
  return lane ? laneStep(machine, type, lane) : phaseStep(machine, type);
}

function phaseStep(machine, type) {
  const phase = phases[machine.phase][type];
  if (!phase) return { machine, effects: [] };
  if (phase !== "closed") return { machine: { ...machine, phase }, effects: [] };
  const closed = { ...machine, phase };
  const effects = ["push", "pull"].filter((lane) => machine[lane].state === "waiting")
    .map((lane) => ({ does: "cancel", lane }));
  for (const { lane } of effects) closed[lane] = { ...machine[lane], state: "idle" };
  return { machine: closed, effects };
}

function laneStep(machine, type, lane) {
  const { state, attempt: before } = machine[lane];
  const attempt = { now: 0, ok: 0, failed: before + 1 }[type] ?? before;
  const next = lanes[state][type];
  if (!next) return { machine: { ...machine, [lane]: { state, attempt } }, effects: [] };
  const effects = next.cancels ? [{ does: "cancel", lane }] : [];
  const mayRun = machine.phase === "open" || machine.phase === "resetting";
  if (next.does === "start") effects.push({ does: mayRun ? "start" : "refuse", lane });
  if (next.does === "wait" && mayRun) effects.push({ does: "wait", lane, attempt: before });
  const after = next.does && !mayRun ? "idle" : next.state;
  return { machine: { ...machine, [lane]: { state: after, attempt } }, effects };
}
