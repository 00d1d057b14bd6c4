import type { BusEngine, BusHost, BusLink, BusLinkSink } from '@headrace/bus';
import { EngineBus } from '@headrace/bus';
import { Relay } from '@headrace/bus/authoring';
import { type BusBench, describeBus } from '@headrace/bus/testing';
import { VirtualClock } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';
import { connectToPrimary, RelayPort } from '../../../bus/test/fixture/relay.ts';
import { keepStores } from '../../src/relay/kept-streams.ts';
import { describeStores } from '../../src/testing/index.ts';
import { forgetAll } from '../fixture/engines.ts';

const clock = new VirtualClock();

/** A primary whose workers are in this process; everything crosses as JSON. */
class FakePrimary {
  private readonly relay = new Relay();
  private readonly gone = new Set<() => void>();
  private held: (() => void)[] | undefined;
  private isDead = false;

  readonly engine: BusEngine = {
    name: 'process:',
    kind: 'worker',
    connect: (sink, host, signal) => this.connect(sink, host, signal),
  };

  constructor() {
    keepStores(this.relay);
  }

  /** Its links are cut. A real one takes its workers and its log with it; what the contract asks for is a disk. */
  kill(): void {
    this.isDead = true;
    for (const tell of [...this.gone]) tell();
    this.gone.clear();
  }

  start(): void {
    this.isDead = false;
  }

  restore(): void {
    forgetAll(this.relay);
  }

  stop(): void {
    this.held = [];
  }

  continue(): void {
    const held = this.held ?? [];
    this.held = undefined;
    for (const cross of held) cross();
  }

  private async connect(sink: BusLinkSink, host: BusHost, signal: AbortSignal): Promise<BusLink> {
    if (this.isDead) throw new Error('the primary process is gone');
    let receive: (message: unknown) => void = () => {};
    let isOpen = true;
    const cross = (frame: object, take: (message: unknown) => void, left: () => void): void => {
      const text = JSON.stringify(frame);
      const arrive = (): void => {
        left();
        if (isOpen) take(JSON.parse(text));
      };
      setImmediate(() => (this.held === undefined ? arrive() : this.held.push(arrive)));
    };
    const port = new RelayPort(this.relay, {
      send: (frame, left) => cross(frame, (message) => receive(message), left),
      now: () => clock.now(),
      full: () => {},
    });
    const wire = {
      isOpen: true,
      send: (frame: object, left: () => void) =>
        cross(frame, (message) => port.received(message as never), left),
      listen: (received: (message: unknown) => void, gone: () => void) => {
        receive = received;
        const die = (): void => {
          isOpen = false;
          port.close();
          gone();
        };
        this.gone.add(die);
        return () => {
          receive = () => {};
          this.gone.delete(die);
        };
      },
    };
    return connectToPrimary(wire, sink, host, signal);
  }
}

const primary = new FakePrimary();

const bench: BusBench = {
  name: 'process, in a worker',
  make: () => new EngineBus(primary.engine),
  clock,
  pass: async (ms) => {
    for (let left = ms; left > 0; left -= 50) {
      clock.advance(Math.min(50, left));
      for (let turn = 0; turn < 4; turn++) {
        await new Promise(setImmediate);
        clock.runTasks();
      }
    }
  },
  server: primary,
};
describeBus({ describe, it, expect }, bench);
describeStores({ describe, it, expect }, bench);
