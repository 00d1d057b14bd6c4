import type { ChildProcess } from 'node:child_process';
import { EngineBus, openBus } from '@headrace/bus';
import { Relay } from '@headrace/bus/authoring';
import { silentLogger, systemClock } from '@headrace/core';
import { type SessionLog } from '@headrace/lasting';
import { sessionLogOf } from '@headrace/lasting/log';
import { keepStores } from '@headrace/store/authoring';
import {
  asRelayFrame,
  connectToPrimary,
  processWire,
  RelayPort,
} from '../../../bus/test/fixture/relay.ts';
import { WINDOW_MS } from './numbered-exchange.ts';

const app = 'test';

/** A log in the memory of this process, for its children, as the primary of `node:cluster` has it for workers. */
export class PrimaryLog {
  private readonly relay = new Relay();

  constructor() {
    keepStores(this.relay);
  }

  /** Answers a child that uses {@link primaryLog}. */
  readonly serve = (child: ChildProcess): void => {
    const port = new RelayPort(this.relay, {
      send: (frame, left) => {
        if (child.connected) child.send(frame, undefined, undefined, left);
      },
      now: () => systemClock.now(),
      full: () => {},
    });
    child.on('message', (message) => {
      const frame = asRelayFrame(message);
      if (frame !== undefined) port.received(frame);
    });
    child.once('exit', () => port.close());
  };
}

/** The log of the process that has started this one. */
export function primaryLog(): SessionLog {
  const bus = new EngineBus({
    name: 'process:',
    kind: 'worker',
    connect: (sink, host, signal) => connectToPrimary(processWire, sink, host, signal),
  });
  openBus(bus, { app, logger: silentLogger });
  return sessionLogOf(bus, { app, keepMs: 2 * WINDOW_MS });
}
