import { Buffer } from 'node:buffer';
import type { Clock, LogLevel } from '@headrace/core';
import type { Bus, BusEvents, BusHost } from '../bus/bus.ts';

/** The bus that `describeBus` tests. */
export interface BusBench {
  /** The name of the bus in the titles of the tests. */
  readonly name: string;
  /** Makes another bus of the same server. The bus is not opened yet. */
  make(): Bus;
  readonly clock: Clock;
  /** Advances the clock, and runs the timers that are due. */
  pass(ms: number): Promise<void>;
  /** The server that the buses share. */
  readonly server: {
    /** Kills the server without notice. */
    kill(): unknown;
    /** Starts the server again after `kill`, with the data on its disk. */
    start(): unknown;
    /** Stops the server without closing its connections. */
    stop(): unknown;
    /** Continues the server after `stop`. */
    continue(): unknown;
    /** Copies what the server, which was killed, has stored. */
    save?(): unknown;
    /** Brings back the last copy while the server is killed, or nothing if it keeps nothing. @default no test loses what was stored */
    restore?(): unknown;
  };
}

let numbers = 0;

/** An open bus of a test, with its events, log lines and messages. */
export class BenchBus {
  readonly bus: Bus;
  readonly events: string[] = [];
  readonly lines: string[] = [];
  readonly heard: string[] = [];
  private readonly app: string;

  constructor(bus: Bus, { clock }: BusBench, app: string) {
    this.bus = bus;
    this.app = app;
    bus.on('up', () => this.events.push('up'));
    bus.on('down', () => this.events.push('down'));
    bus.on('dropped', ({ why }: BusEvents['dropped'][0]) => this.events.push(`dropped ${why}`));
    const logger = { log: (level: LogLevel, text: string) => this.lines.push(`${level} ${text}`) };
    numbers += 1;
    const host: BusHost = { clock, logger, random: Math.random, probe: `hr.${app}.b.n${numbers}` };
    bus.open(host);
  }

  subject(name: string): string {
    return `hr.${this.app}.g.${name}`;
  }

  stream(name: string): string {
    return `hr.${this.app}.d.${name}`;
  }

  state(name: string): string {
    return `hr.${this.app}.s.${name}`;
  }

  records(name: string): string {
    return `hr.${this.app}.k.${name}`;
  }

  listen(name: string, heard: string[] = this.heard): { close(): void } {
    return this.bus.subscribe(this.subject(name), (bytes) => heard.push(bytes.toString()));
  }

  publishText(name: string, text: string): string {
    return this.bus.publish(this.subject(name), Buffer.from(text));
  }
}

/** The buses of one test. */
export class BusTest {
  readonly bench: BusBench;
  private readonly app = `papp${process.pid}-${Math.random().toString(36).slice(2)}`;
  private readonly open: BenchBus[] = [];

  constructor(bench: BusBench) {
    this.bench = bench;
  }

  /** Makes a bus that connects. */
  begin(): BenchBus {
    const bus = new BenchBus(this.bench.make(), this.bench, this.app);
    this.open.push(bus);
    return bus;
  }

  /** Makes a bus, and waits until it is up. */
  async up(): Promise<BenchBus> {
    const bus = this.begin();
    await this.until(() => bus.bus.state === 'up');
    return bus;
  }

  pass(ms: number): Promise<void> {
    return this.bench.pass(ms);
  }

  async until(isSo: () => boolean, withinMs = 20_000): Promise<void> {
    const { clock } = this.bench;
    const end = clock.now() + withinMs;
    while (!isSo()) {
      if (clock.now() > end) throw new Error(`not so after ${withinMs} ms: ${isSo}`);
      await this.pass(5);
    }
  }

  /** Waits for a promise while time passes. */
  async of<T>(promise: Promise<T>): Promise<T> {
    let isOver = false;
    const over = () => {
      isOver = true;
    };
    promise.then(over, over);
    await this.until(() => isOver);
    return promise;
  }

  /** Kills the server and starts it again. @param meanwhile - called while the server is killed, and every bus is down */
  async restart(meanwhile: () => unknown = () => {}): Promise<void> {
    const { server } = this.bench;
    await server.kill();
    await this.until(() => this.open.every(({ bus }) => bus.state === 'down'));
    await meanwhile();
    await server.start();
    await this.until(() => this.open.every(({ bus }) => bus.state === 'up'));
  }

  async end(): Promise<void> {
    for (const { bus } of this.open) await this.of(bus.close());
  }
}

/** Runs a test, and closes its buses. */
export async function testing(
  bench: BusBench,
  body: (test: BusTest) => Promise<void>,
): Promise<void> {
  const test = new BusTest(bench);
  try {
    await body(test);
  } finally {
    await test.end();
  }
}
