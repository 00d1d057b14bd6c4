import type { TransportSink } from '@headrace/core';
import { VirtualClock } from '@headrace/core/testing';
import { type CreditEnds, describeCreditWindow } from '../../../core/test/fixture/credit-window.ts';
import type { End } from '../../../core/test/fixture/numbered-delivery.ts';
import { batchOf, type PortEvent, type PortLike } from '../../src/port/port-message.ts';
import { PortTransport } from '../../src/port/port-transport.ts';

const WINDOW = 4096;
const clock = new VirtualClock();

class FakePort implements PortLike {
  readonly posted: unknown[] = [];
  private hears: (event: PortEvent) => void = () => {};

  postMessage(message: unknown): void {
    this.posted.push(message);
  }

  addEventListener(name: string, listener: (event: PortEvent) => void): void {
    if (name === 'message') this.hears = listener;
  }

  removeEventListener(): void {}
  start(): void {}
  close(): void {}

  hear(data: unknown): void {
    this.hears({ type: 'message', data });
    clock.runTasks();
  }
}

/** One direction between two ports. */
class PortEnds implements CreditEnds {
  taken = 0;
  waiting = 0;
  private readonly ports = { sender: new FakePort(), receiver: new FakePort() };
  private readonly sender: PortTransport;
  private readonly receiver: PortTransport;
  private readonly unsent: number[] = [];
  private mustWait = false;
  private hasFailed = false;

  constructor() {
    this.sender = this.opened('sender', { written: () => (this.mustWait = false) });
    this.receiver = this.opened('receiver', {
      received: (message) => {
        const { length } = message as Buffer;
        this.taken += length;
        this.waiting -= length;
        this.receiver.pauseReading();
      },
      failed: () => (this.hasFailed = true),
    });
    for (const [at, from] of [
      ['sender', 'receiver'],
      ['receiver', 'sender'],
    ] as const) {
      this.ports[at].hear(this.ports[from].posted.shift());
    }
  }

  private opened(at: End, steps: Partial<Record<keyof TransportSink, (message: unknown) => void>>) {
    const transport = new PortTransport(this.ports[at], {
      clock,
      windowBytes: WINDOW,
      locks: false,
    });
    const ignore = () => {};
    const sink = new Proxy(steps, { get: (all, name) => all[name as never] ?? ignore });
    transport.open(sink as unknown as TransportSink);
    clock.runTasks();
    return transport;
  }

  send(bytes: number): void {
    this.unsent.push(bytes);
  }

  take(): void {
    this.receiver.requestRead();
    clock.runTasks();
  }

  frames(from: End): unknown[] {
    while (from === 'sender' && this.unsent.length > 0 && !this.mustWait) {
      this.mustWait = !this.sender.write([Buffer.alloc(this.unsent.shift()!)]);
    }
    return this.ports[from].posted.splice(0);
  }

  arrived(at: End, frame: unknown): boolean {
    if (at === 'receiver') {
      for (const length of (frame as { list: number[] }).list) this.waiting += length;
    }
    this.ports[at].hear(frame);
    return !this.hasFailed;
  }

  force(bytes: number): boolean {
    return this.arrived('receiver', batchOf([Buffer.alloc(bytes)]));
  }
}

describeCreditWindow('a port', () => new PortEnds(), { window: WINDOW, overhead: 64 });
