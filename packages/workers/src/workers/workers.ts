import cluster, { type Worker } from 'node:cluster';
import { processRelay } from '@headrace/bus/authoring';
import { systemClock, type Timer } from '@headrace/core';
import { describeOptions, number, toError } from '@headrace/core/authoring';
import type { StatusReport } from '@headrace/handlers/health';
import { keepStores } from '@headrace/store/authoring';
import { watchClusterChannel } from './cluster-channel.ts';
import { KeptPorts } from './kept-ports.ts';
import { UnansweredHandoffs } from './unanswered-handoffs.ts';
import type { AboutWorker, WorkerEvent } from './worker-event.ts';
import { WorkerHandoffs } from './worker-handoffs.ts';
import { asWorkerMessage, errorFrom, type WorkerMessage } from './worker-message.ts';
import type { WorkersPlan } from './worker-options.ts';
import { PLACE_VARIABLE } from './worker-process.ts';
import { WorkerReports } from './worker-reports.ts';
import {
  endText,
  type MachineEvent,
  type TimerKey,
  type WorkerIdentity,
  type WorkersAction,
  WorkersMachine,
} from './workers-machine.ts';

/** A worker that is ready. */
export interface RunningWorker extends AboutWorker {
  /** The value `info` that `start` of the worker returned. */
  readonly info: unknown;
  /** Number of messages of the process bus that the worker lost because it did not read them in time. */
  readonly droppedMessages: number;
}

/** Options of `Workers.status()`. */
export interface WorkersStatusOptions {
  /** Maximum time for the answer of a worker, in milliseconds. @default 1000 */
  readonly timeoutMs?: number;
}

const STATUS_OPTIONS = describeOptions('Workers.status', {
  timeoutMs: number({ min: 1, max: 2 ** 30, default: 1000 }),
});

const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;

/** The workers of this process; see `runWorkers`. */
export class Workers {
  private readonly plan: WorkersPlan;
  private readonly machine: WorkersMachine;
  private readonly processes = new Map<number, Worker>();
  private readonly timers = new Map<TimerKey, Timer>();
  private readonly running = new Map<number, AboutWorker & { readonly info: unknown }>();
  private readonly ports = new KeptPorts();
  private readonly handoffs = new WorkerHandoffs();
  private readonly reports = new WorkerReports((id, message) => this.tell(id, message));
  /** Numbers of the slots, by worker. */
  private readonly slots = new Map<number, number>();
  private becameReady!: () => void;
  private readonly onSignal = (signal: NodeJS.Signals): void => {
    if (signal === 'SIGHUP') this.restart();
    else this.stop();
  };

  /** @internal */
  constructor(plan: WorkersPlan) {
    this.plan = plan;
    this.machine = new WorkersMachine({ ...plan, random: Math.random });
  }

  /** @internal Resolves when each worker has been ready. */
  begin(): Promise<Workers> {
    const ready = new Promise<void>((resolve) => {
      this.becameReady = resolve;
    });
    // Workers can use the process bus and its stores even if this process does not.
    const relay = processRelay();
    keepStores(relay.relay);
    relay.onFull = (workerId) => this.warnOfFull(workerId);
    for (const signal of SIGNALS) process.on(signal, this.onSignal);
    this.execute(this.machine.start());
    return ready.then(() => this);
  }

  /** Returns the ready workers, ordered by number, without workers that were replaced or drain. */
  list(): readonly RunningWorker[] {
    return [...this.running.entries()]
      .map(([id, about]) => {
        const worker = this.processes.get(id);
        const droppedMessages = worker === undefined ? 0 : processRelay().droppedFor(worker.id);
        return { ...about, droppedMessages };
      })
      .sort((one, other) => one.number - other.number);
  }

  /**
   * Returns the reports of all workers, starting and draining workers included, for the option `status` of `serveHealth` in the
   * primary. A worker that does not report in time is listed in `missing`.
   *
   * @throws OptionError (OPTION_INVALID) for a wrong option
   */
  async status(options: WorkersStatusOptions = {}): Promise<StatusReport> {
    const { timeoutMs } = STATUS_OPTIONS.resolve(options);
    const workers = [...this.processes].map(([id, { process }]) => ({
      id,
      name: `worker ${this.slots.get(id)} (process ${process.pid})`,
    }));
    return this.reports.collect(workers, timeoutMs);
  }

  /** Replaces all workers, like SIGHUP. */
  restart(): void {
    this.execute(this.machine.restart());
  }

  /** Drains all workers and ends this process, like SIGTERM. */
  stop(): void {
    this.execute(this.machine.stop());
  }

  private execute(actions: readonly WorkersAction[]): void {
    for (const action of actions) this.act(action);
  }

  private act(action: WorkersAction): void {
    switch (action.do) {
      case 'fork':
        this.fork(action.worker);
        break;
      case 'retire':
        this.running.delete(action.id);
        this.handoffs.retire(action.id);
        break;
      case 'drain':
        this.running.delete(action.id);
        this.tell(action.id, { headrace: 'drain', why: action.why });
        break;
      case 'kill':
        this.kill(action.id, action.why);
        break;
      case 'wait':
        this.wait(action.key, action.delayMs);
        break;
      case 'cancel':
        this.cancel(action.key);
        break;
      case 'announce':
        this.announce(action.event);
        break;
      case 'ready':
        this.becameReady();
        break;
      case 'finish':
        void this.finish(action.error);
        break;
    }
  }

  private fork({ id, number, generation }: WorkerIdentity): void {
    const worker = cluster.fork({ [PLACE_VARIABLE]: `${number}.${generation}` });
    watchClusterChannel(worker.process, [
      // First: when the channel ends, this watcher resets connections that the next watcher treats as answered, and that Node
      // closes.
      new UnansweredHandoffs(),
      this.handoffs.watcher(id, worker.process),
      this.ports.watcher(),
    ]);
    this.processes.set(id, worker);
    this.slots.set(id, number);
    worker.on('message', (message: unknown) => {
      const own = asWorkerMessage(message);
      if (own?.headrace === 'ready') this.execute(this.machine.ready(id, own.info, now()));
      else if (own?.headrace === 'failed') {
        this.execute(this.machine.failed(id, errorFrom(own.error)));
      } else if (own?.headrace === 'leaving') this.tell(id, { headrace: 'leave' });
      else if (own?.headrace === 'reported') this.reports.answered(id, own);
    });
    let isGone = false;
    const ended = (code: number | null, signal: string | null): void => {
      if (isGone) return;
      isGone = true;
      const actions = this.machine.ended(id, { code, signal: signal || null }, now());
      this.execute(actions);
      this.processes.delete(id);
      this.slots.delete(id);
      this.handoffs.ended(id);
      this.reports.ended(id);
    };
    worker.once('exit', ended);
    // A process that could not be started emits no `exit`.
    worker.on('error', (error) => {
      if (worker.process.pid !== undefined) return;
      this.execute(this.machine.failed(id, toError(error)));
      ended(null, null);
    });
  }

  private tell(id: number, message: WorkerMessage): void {
    const worker = this.processes.get(id);
    // A process without a connection is about to end.
    if (worker?.isConnected()) worker.send(message, undefined, undefined, () => {});
  }

  private kill(id: number, why: string): void {
    const worker = this.processes.get(id);
    if (worker === undefined) return;
    this.plan.logger.log('warn', `the worker of process ${worker.process.pid} is killed: ${why}`);
    worker.process.kill('SIGKILL');
  }

  private warnOfFull(workerId: number): void {
    const pid = cluster.workers?.[workerId]?.process.pid;
    const text = `the worker of process ${pid} does not read the messages of the bus, and loses them`;
    this.plan.logger.log('warn', text);
  }

  private wait(key: TimerKey, delayMs: number): void {
    this.timers.get(key)?.cancel();
    const task = (): void => {
      this.timers.delete(key);
      this.execute(this.machine.due(key));
    };
    this.timers.set(key, systemClock.schedule(task, delayMs, true));
  }

  private cancel(key: TimerKey): void {
    this.timers.get(key)?.cancel();
    this.timers.delete(key);
  }

  private announce(event: MachineEvent): void {
    let whole: WorkerEvent;
    if ('id' in event) {
      const { id, ...rest } = event;
      const pid = this.processes.get(id)?.process.pid ?? 0;
      whole = { ...rest, pid } as WorkerEvent;
      const { number, generation } = event;
      if (event.type === 'started') {
        this.running.set(id, { number, generation, pid, info: event.info });
        this.handoffs.started(id);
      } else this.running.delete(id);
    } else whole = event;
    const [level, line] = lineOf(whole);
    this.plan.logger.log(level, line);
    this.plan.onWorker?.(whole);
  }

  private async finish(error: Error | undefined): Promise<void> {
    const { logger, onEnd, drainTimeoutMs } = this.plan;
    const exit = (): void => process.exit(error === undefined ? 0 : 1);
    const late = (): void => {
      logger.log('error', `onEnd took longer than ${drainTimeoutMs} ms`);
      exit();
    };
    if (error !== undefined) logger.log('error', 'the workers are given up', error);
    const timer = systemClock.schedule(late, drainTimeoutMs, true);
    try {
      await onEnd?.();
    } catch (thrown) {
      logger.log('error', 'onEnd failed', toError(thrown));
    }
    timer.cancel();
    exit();
  }
}

function now(): number {
  return systemClock.now();
}

function lineOf(event: WorkerEvent): ['info' | 'warn', string] {
  switch (event.type) {
    case 'started': {
      const what = event.generation === 1 ? 'started' : 'started again';
      return ['info', `worker ${event.number} ${what}: process ${event.pid}`];
    }
    case 'ended': {
      const line = `worker ${event.number} (process ${event.pid}) ended with ${endText(event)}`;
      return [event.isExpected ? 'info' : 'warn', line];
    }
    case 'failed':
      return [
        'warn',
        `worker ${event.number} failed to start (${event.failures} in a row): ${event.error.message}`,
      ];
    case 'restarting':
      return ['info', `worker ${event.number} starts again in ${Math.round(event.delayMs)} ms`];
    case 'restarted':
      return ['info', 'all workers were restarted'];
    case 'restart-abandoned':
      return ['warn', `the restart is abandoned, the old workers stay: ${event.error.message}`];
  }
}
