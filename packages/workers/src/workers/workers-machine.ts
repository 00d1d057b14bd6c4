import { checkedDelay, type RetryPolicy } from '@headrace/client';
import { toError } from '@headrace/core/authoring';
import type { AboutWorker, WorkerEvent } from './worker-event.ts';

/** The rules of one group of workers. */
export interface WorkersRules {
  readonly count: number;
  readonly drainTimeoutMs: number;
  readonly startTimeoutMs: number;
  /** In a restart, the number of new workers that must be ready before the old workers in their slots drain. */
  readonly maxSurge: number;
  /** If a worker that was ready for this time ends, the back-off begins again. */
  readonly stableMs: number;
  readonly retry: RetryPolicy;
  readonly random: () => number;
}

/** One process: its slot, and its number in this slot. */
export interface WorkerIdentity {
  readonly id: number;
  readonly number: number;
  readonly generation: number;
}

/** Why a worker must end. */
export type DrainReason = 'stop' | 'restart';

type WithoutPid<E> = E extends AboutWorker ? Omit<E, 'pid'> & { readonly id: number } : E;

/** A {@link WorkerEvent} without the process id. */
export type MachineEvent = WithoutPid<WorkerEvent>;

/** The actions to carry out now, in this order. */
export type WorkersAction =
  | { readonly do: 'fork'; readonly worker: WorkerIdentity }
  /** A new worker is ready in the slot. The old worker receives no more connections, and drains in its turn. */
  | { readonly do: 'retire'; readonly id: number }
  | { readonly do: 'drain'; readonly id: number; readonly why: DrainReason }
  | { readonly do: 'kill'; readonly id: number; readonly why: string }
  /** Call `due` with this key after this time. Each key has one timer. */
  | { readonly do: 'wait'; readonly key: TimerKey; readonly delayMs: number }
  | { readonly do: 'cancel'; readonly key: TimerKey }
  | { readonly do: 'announce'; readonly event: MachineEvent }
  /** Each slot has had a ready worker. Occurs once. */
  | { readonly do: 'ready' }
  /** No worker is left, and none will start. `error` is set if starts failed too often, or `retry` gave up. */
  | { readonly do: 'finish'; readonly error: Error | undefined };

export type TimerKey = `${'retry' | 'start' | 'drain'}:${number}`;

/** The exit code or signal of a process. */
export interface ProcessEnd {
  readonly code: number | null;
  readonly signal: string | null;
}

/** Number of failed starts in a row after which the primary ends. */
export const MAX_FAILURES = 5;
/** Time after `drainTimeoutMs` until a worker that still runs is killed. */
export const KILL_GRACE_MS = 2000;
/** The longest delay of a timer. */
const MAX_MS = 2 ** 31 - 1;

interface Process extends WorkerIdentity {
  state: 'starting' | 'ready' | 'retired' | 'draining';
  readyAt: number;
  /** Why the start failed, if the worker reported it. */
  error: Error | undefined;
  /** Why the process must end, once it must. */
  drains: DrainReason | undefined;
}

interface Slot {
  readonly number: number;
  generation: number;
  current: Process | undefined;
  /** A process that is starting to replace the current process. */
  next: Process | undefined;
  wasReady: boolean;
  failures: number;
  firstError: Error | undefined;
  /** Time for the next start. It doubles after a start that took longer: on a busy machine, another start makes others late. */
  startTimeoutMs: number;
  isWaiting: boolean;
  roundAt: number;
  phase: number;
  attempt: number;
}

/**
 * The workers of one primary, without processes and clock. The machine receives events with their times, and returns actions.
 *
 * ```text
 *            fork      ready            restart(): a second one beside it is ready   its turn
 *  a slot ────────▶ starting ─▶ ready ──────────────────────────────────▶ retired ─▶ draining ─▶ ended
 *      ▲                │         │
 *      └── back-off ◀───┴── ended ┘        five starts in a row that fail: stop, and finish with the first error;
 *                                          the back-off gives up: likewise, with why the worker ended
 * ```
 */
export class WorkersMachine {
  private readonly rules: WorkersRules;
  private readonly slots: readonly Slot[];
  private readonly processes = new Map<number, Process>();
  private actions: WorkersAction[] = [];
  private lastId = 0;
  private isStopping = false;
  private isFinished = false;
  private hasBeenReady = false;
  private error: Error | undefined = undefined;
  private restarting: 'no' | 'yes' | 'abandoned' = 'no';
  /** Slots whose workers are still to be replaced. `rolling` is the slot whose new worker is awaited. */
  private queue: number[] = [];
  private rolling: number | undefined = undefined;
  /** Replaced workers, in the order in which they drain. */
  private retired: Process[] = [];
  /** Whether all replaced workers must end before the next workers are replaced. */
  private isEmptying = false;

  constructor(rules: WorkersRules) {
    this.rules = rules;
    this.slots = Array.from({ length: rules.count }, (_, i) => ({
      number: i + 1,
      generation: 0,
      current: undefined,
      next: undefined,
      wasReady: false,
      failures: 0,
      firstError: undefined,
      startTimeoutMs: rules.startTimeoutMs,
      isWaiting: false,
      roundAt: 0,
      phase: 0,
      attempt: 0,
    }));
  }

  start(): readonly WorkersAction[] {
    for (const slot of this.slots) this.fork(slot);
    return this.taken();
  }

  /** Called when the `start` of a worker has resolved. */
  ready(id: number, info: unknown, now: number): readonly WorkersAction[] {
    const process = this.processes.get(id);
    // The worker had to end before it could be notified. Its time begins now.
    if (process?.drains !== undefined) this.requestDrain(id, process.drains);
    if (process?.state !== 'starting') return this.taken();
    const slot = this.slotOf(process);
    this.do({ do: 'cancel', key: `start:${id}` });
    process.state = 'ready';
    process.readyAt = now;
    slot.wasReady = true;
    slot.failures = 0;
    slot.firstError = undefined;
    slot.startTimeoutMs = this.rules.startTimeoutMs;
    this.announce({ type: 'started', ...identityOf(process), info });
    const old = slot.next === process ? slot.current : undefined;
    slot.current = process;
    slot.next = undefined;
    if (old !== undefined) this.retire(old);
    if (this.rolling === slot.number) this.rolling = undefined;
    this.rollOn();
    if (!this.hasBeenReady && this.slots.every(({ wasReady }) => wasReady)) {
      this.hasBeenReady = true;
      this.do({ do: 'ready' });
    }
    return this.taken();
  }

  /** Called when the `start` of a worker has failed. The process ends by itself. */
  failed(id: number, error: Error): readonly WorkersAction[] {
    const process = this.processes.get(id);
    if (process !== undefined) process.error = error;
    return this.taken();
  }

  /** Called when the process of a worker has ended. */
  ended(id: number, end: ProcessEnd, now: number): readonly WorkersAction[] {
    const process = this.processes.get(id);
    if (process === undefined) return this.taken();
    this.processes.delete(id);
    this.do({ do: 'cancel', key: `start:${id}` }, { do: 'cancel', key: `drain:${id}` });
    const isExpected = process.state === 'draining';
    this.announce({ type: 'ended', ...identityOf(process), ...end, isExpected });
    const slot = this.slotOf(process);
    const isReplacement = slot.next === process;
    if (isReplacement) slot.next = undefined;
    else if (slot.current === process) slot.current = undefined;
    if (this.isStopping) this.finishIfEmpty();
    else if (process.state === 'starting') this.startFailed(slot, process, end, now);
    else if (process.state === 'draining' || process.state === 'retired')
      this.retiredEnded(process);
    else if (slot.next === undefined && !slot.isWaiting) this.crashed(slot, process, end, now);
    return this.taken();
  }

  /** Replaces all workers. During a restart, it begins again, because workers that are starting may be out of date. */
  restart(): readonly WorkersAction[] {
    if (this.isStopping) return this.taken();
    this.queue = this.slots.map(({ number }) => number);
    this.restarting = 'yes';
    this.rollOn();
    return this.taken();
  }

  /** Drains all workers, for good. A second call kills the remaining workers. */
  stop(): readonly WorkersAction[] {
    if (this.isStopping) {
      for (const { id } of this.processes.values()) {
        this.do({ do: 'kill', id, why: 'it was told to stop a second time' });
      }
    } else this.stopAll();
    return this.taken();
  }

  /** Called when the time of a timer has passed. */
  due(key: TimerKey): readonly WorkersAction[] {
    const [what, number] = key.split(':') as [string, string];
    const id = Number(number);
    const process = this.processes.get(id);
    if (what === 'retry') {
      const slot = this.slots[id - 1]!;
      if (slot.isWaiting && !this.isStopping) this.fork(slot);
    } else if (process !== undefined && what === 'start') {
      const slot = this.slotOf(process);
      process.error = new Error(`it was not ready within ${slot.startTimeoutMs} ms`);
      slot.startTimeoutMs = Math.min(2 * slot.startTimeoutMs, MAX_MS);
      this.do({ do: 'kill', id, why: process.error.message });
    } else if (process !== undefined) {
      this.do({ do: 'kill', id, why: 'its time to drain is over' });
    }
    return this.taken();
  }

  // --- one slot ---

  private fork(slot: Slot): void {
    slot.isWaiting = false;
    slot.generation += 1;
    this.lastId += 1;
    const worker = { id: this.lastId, number: slot.number, generation: slot.generation };
    const process: Process = {
      ...worker,
      state: 'starting',
      readyAt: 0,
      error: undefined,
      drains: undefined,
    };
    this.processes.set(process.id, process);
    if (slot.current === undefined) slot.current = process;
    else slot.next = process;
    this.do(
      { do: 'fork', worker },
      { do: 'wait', key: `start:${process.id}`, delayMs: slot.startTimeoutMs },
    );
  }

  private drain(process: Process, why: DrainReason): void {
    const { id } = process;
    if (process.state === 'draining') return;
    process.state = 'draining';
    process.drains = why;
    this.do({ do: 'cancel', key: `start:${id}` });
    this.requestDrain(id, why);
  }

  private requestDrain(id: number, why: DrainReason): void {
    const delayMs = this.rules.drainTimeoutMs + KILL_GRACE_MS;
    this.do({ do: 'drain', id, why }, { do: 'wait', key: `drain:${id}`, delayMs });
  }

  private startFailed(slot: Slot, process: Process, end: ProcessEnd, now: number): void {
    const error = process.error ?? new Error(`it ended with ${endText(end)} before it was ready`);
    slot.failures += 1;
    slot.firstError ??= error;
    const { failures, firstError } = slot;
    this.announce({ type: 'failed', ...identityOf(process), error, failures });
    if (failures < MAX_FAILURES) {
      if (failures === 1 && slot.attempt === 0) this.beginRound(slot, now);
      this.forkLater(slot, now, firstError);
    } else {
      const text = `worker ${slot.number} failed to start ${failures} times in a row; the first time: ${firstError.message}`;
      this.giveUp(slot, text, firstError);
    }
  }

  private giveUp(slot: Slot, text: string, cause: Error): void {
    if (slot.current !== undefined) {
      this.abandonRestart(slot, cause);
      return;
    }
    this.error = withStackOf(new Error(text, { cause }), cause);
    this.stopAll();
  }

  /** Keeps the old workers, so that code that does not start does not stop the server. */
  private abandonRestart(slot: Slot, error: Error): void {
    slot.failures = 0;
    slot.firstError = undefined;
    slot.startTimeoutMs = this.rules.startTimeoutMs;
    slot.attempt = 0;
    this.queue = [];
    this.rolling = undefined;
    this.restarting = 'abandoned';
    this.announce({ type: 'restart-abandoned', error });
    this.rollOn();
  }

  private crashed(slot: Slot, process: Process, end: ProcessEnd, now: number): void {
    if (now - process.readyAt >= this.rules.stableMs) this.beginRound(slot, now);
    this.forkLater(slot, now, new Error(`it ended with ${endText(end)}`));
  }

  private beginRound(slot: Slot, now: number): void {
    slot.roundAt = now;
    slot.phase = this.rules.random();
    slot.attempt = 0;
  }

  private forkLater(slot: Slot, now: number, why: Error): void {
    slot.attempt += 1;
    const delayMs = this.delayOf(slot, now);
    if (typeof delayMs === 'number') {
      slot.isWaiting = true;
      this.announce({ type: 'restarting', number: slot.number, delayMs });
      this.do({ do: 'wait', key: `retry:${slot.number}`, delayMs });
      return;
    }
    const tries = slot.attempt - 1;
    const cause = delayMs ?? why;
    const text = `worker ${slot.number} is given up after ${tries} ${tries === 1 ? 'restart' : 'restarts'}: ${cause.message}`;
    this.giveUp(slot, text, cause);
  }

  /** Returns the delay, or the reason not to start the worker again. */
  private delayOf({ attempt, roundAt, phase }: Slot, now: number): number | Error | undefined {
    const { retry, random } = this.rules;
    try {
      const delayMs = retry(attempt, { elapsedMs: now - roundAt, phase, random });
      return delayMs === undefined ? undefined : checkedDelay(delayMs);
    } catch (thrown) {
      return toError(thrown);
    }
  }

  // --- all of them ---

  /** Takes the next step of a restart, if no step is under way. */
  private rollOn(): void {
    if (this.restarting === 'no' || this.rolling !== undefined) return;
    const { retired, queue } = this;
    this.isEmptying ||= retired.length >= this.rules.maxSurge || queue.length === 0;
    if (this.isEmptying && retired.length > 0) {
      this.drain(retired[0]!, 'restart');
      return;
    }
    this.isEmptying = false;
    this.rolling = queue.shift();
    if (this.rolling === undefined) {
      if (this.restarting === 'yes') this.announce({ type: 'restarted' });
      this.restarting = 'no';
      return;
    }
    const slot = this.slots[this.rolling - 1]!;
    // A worker that is starting continues. When it is ready, the next slot follows.
    if (slot.current?.state === 'starting') return;
    if (slot.isWaiting) this.do({ do: 'cancel', key: `retry:${slot.number}` });
    this.fork(slot);
  }

  private retire(process: Process): void {
    process.state = 'retired';
    this.retired.push(process);
    this.do({ do: 'retire', id: process.id });
  }

  private retiredEnded(process: Process): void {
    this.retired = this.retired.filter((one) => one !== process);
    this.rollOn();
  }

  private stopAll(): void {
    this.isStopping = true;
    this.queue = [];
    this.rolling = undefined;
    this.restarting = 'no';
    for (const { number, isWaiting } of this.slots) {
      if (isWaiting) this.do({ do: 'cancel', key: `retry:${number}` });
    }
    for (const process of this.processes.values()) this.drain(process, 'stop');
    this.finishIfEmpty();
  }

  private finishIfEmpty(): void {
    if (this.processes.size > 0 || this.isFinished) return;
    this.isFinished = true;
    this.do({ do: 'finish', error: this.error });
  }

  private slotOf({ number }: Process): Slot {
    return this.slots[number - 1]!;
  }

  private announce(event: MachineEvent): void {
    this.do({ do: 'announce', event });
  }

  private do(...actions: WorkersAction[]): void {
    this.actions.push(...actions);
  }

  private taken(): readonly WorkersAction[] {
    const { actions } = this;
    this.actions = [];
    return actions;
  }
}

/** Describes how a process ended. */
export function endText({ code, signal }: ProcessEnd): string {
  return signal === null ? `code ${code}` : signal;
}

function identityOf({ id, number, generation }: Process): WorkerIdentity {
  return { id, number, generation };
}

/** Gives an error the stack of the first error, not the stack of this call. */
function withStackOf(error: Error, from: Error): Error {
  const frames = String(from.stack)
    .split('\n')
    .filter((line) => /^\s+at /.test(line));
  error.stack = [`Error: ${error.message}`, ...frames].join('\n');
  return error;
}
