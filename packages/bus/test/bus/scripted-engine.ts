import { Buffer } from 'node:buffer';
import type { LogLevel, OptionError } from '@headrace/core';
import { VirtualClock } from '@headrace/core/testing';
import type { BusHost } from '../../src/bus/bus.ts';
import type { BusEngine, BusLink, BusLinkSink } from '../../src/bus/bus-engine.ts';
import { EngineBus, type EngineBusOptions } from '../../src/bus/engine-bus.ts';

/** An engine that does what the test says. */
export class ScriptedEngine implements BusEngine {
  readonly name = 'scripted:';
  readonly links: ScriptedLink[] = [];
  tries = 0;
  /** What each connect has to report to, and its signal. */
  readonly attempts: { readonly sink: BusLinkSink; readonly signal: AbortSignal }[] = [];
  /** What the next connects do. */
  mode: 'connects' | 'refuses' | 'throws' | 'hangs' = 'connects';
  /** Links give back what is published on subjects that they are subscribed to. */
  echoes = true;
  settles = true;
  /** How many links listen, by subject. */
  readonly listening = new Map<string, number>();
  error = 'refused';
  /** What every connect fails with, if it can never succeed. */
  fault: OptionError | undefined = undefined;
  maxBytes: number | undefined = undefined;

  get link(): ScriptedLink {
    return this.links.at(-1)!;
  }

  connect(sink: BusLinkSink, _host: BusHost, signal: AbortSignal): Promise<BusLink> {
    this.tries += 1;
    this.attempts.push({ sink, signal });
    if (this.fault !== undefined) return Promise.reject(this.fault);
    if (this.mode === 'throws') throw new Error(this.error);
    if (this.mode === 'refuses') return Promise.reject(new Error(this.error));
    if (this.mode === 'hangs') return new Promise(() => {});
    this.links.push(new ScriptedLink(this, sink));
    return Promise.resolve(this.link);
  }
}

export class ScriptedLink implements BusLink {
  readonly sink: BusLinkSink;
  readonly published: string[] = [];
  readonly probes: Buffer[] = [];
  readonly subjects = new Set<string>();
  readonly closes: boolean[] = [];
  bytes = 0;
  /** How many questions the link was asked. */
  asked = 0;
  private readonly engine: ScriptedEngine;

  get maxBytes(): number | undefined {
    return this.engine.maxBytes;
  }

  constructor(engine: ScriptedEngine, sink: BusLinkSink) {
    this.engine = engine;
    this.sink = sink;
  }

  publish(subject: string, bytes: Uint8Array): void {
    const isProbe = subject === 'probe';
    this.published.push(isProbe ? 'probe' : `${subject} ${Buffer.from(bytes.subarray(0, 20))}`);
    this.bytes += bytes.byteLength;
    if (isProbe) this.probes.push(Buffer.from(bytes));
    if (this.engine.echoes && this.subjects.has(subject)) {
      queueMicrotask(() => this.sink.received(subject, Buffer.from(bytes)));
    }
  }

  subscribe(subject: string): void {
    this.subjects.add(subject);
  }

  unsubscribe(subject: string): void {
    this.subjects.delete(subject);
  }

  settled(): Promise<void> {
    this.asked += 1;
    return this.engine.settles ? Promise.resolve() : new Promise(() => {});
  }

  receivers(subject: string): Promise<number> {
    this.asked += 1;
    if (!this.engine.settles) return new Promise(() => {});
    return Promise.resolve(this.engine.listening.get(subject) ?? 0);
  }

  close(flush: boolean): Promise<void> {
    this.closes.push(flush);
    return this.engine.settles ? Promise.resolve() : new Promise(() => {});
  }
}

/** A bus over it, and what it says. */
export function scriptedBus(
  engine = new ScriptedEngine(),
  options: EngineBusOptions = {},
  random: () => number = () => 0.5,
) {
  const clock = new VirtualClock();
  const bus = new EngineBus(engine, options);
  const events: string[] = [];
  const lines: string[] = [];
  bus.on('up', () => events.push(`up ${clock.now()}`));
  bus.on('down', (cause) => events.push(`down ${clock.now()} ${cause?.message}`));
  bus.on('dropped', ({ why }) => events.push(`dropped ${why}`));
  const logger = { log: (level: LogLevel, text: string) => lines.push(`${level} ${text}`) };
  const open = async () => {
    bus.open({ clock, logger, random, probe: 'probe' });
    await turn();
  };
  const pass = async (ms: number, step = 100) => {
    for (let left = ms; left > 0; left -= step) {
      clock.advance(Math.min(step, left));
      await turn();
    }
  };
  return { engine, bus, clock, events, lines, open, pass };
}

/** All promises that can settle have settled. */
export async function turn(): Promise<void> {
  for (let i = 0; i < 20; i++) await Promise.resolve();
}
