import cluster, { type Worker } from 'node:cluster';
import { systemClock } from '@headrace/core';
import { Relay } from '../relay/relay.ts';
import { asRelayFrame } from './relay-frame.ts';
import { RelayPort } from './relay-port.ts';

/** The relay of this process for its workers. */
export class ProcessRelay {
  /** The subscriptions, and the services for the workers. */
  readonly relay = new Relay();
  /** Called with the worker's id when messages begin to be lost because the worker does not read them. */
  onFull: (workerId: number) => void = () => {};
  /** The ports by the worker's id. */
  private readonly ports = new Map<number, RelayPort>();

  /** @internal */
  constructor() {
    cluster.on('message', (worker, message: unknown) => {
      const frame = asRelayFrame(message);
      if (frame !== undefined) this.portOf(worker)?.received(frame);
    });
    const gone = (worker: Worker): void => {
      this.ports.get(worker.id)?.close();
      this.ports.delete(worker.id);
    };
    cluster.on('disconnect', gone);
    cluster.on('exit', gone);
  }

  /** Returns the number of messages that a worker lost because it did not read them. */
  droppedFor(workerId: number): number {
    return this.ports.get(workerId)?.dropped ?? 0;
  }

  /** Returns the number of bytes that wait for a worker. */
  waitingFor(workerId: number): number {
    return this.ports.get(workerId)?.waiting ?? 0;
  }

  private portOf(worker: Worker): RelayPort | undefined {
    let port = this.ports.get(worker.id);
    if (port === undefined && worker.isConnected()) {
      port = new RelayPort(this.relay, {
        send: (frame, left) => {
          if (worker.isConnected()) worker.send(frame, undefined, undefined, left);
        },
        now: () => systemClock.now(),
        full: () => this.onFull(worker.id),
      });
      this.ports.set(worker.id, port);
    }
    return port;
  }
}

const KEY = Symbol.for('headrace.process-relay');

/**
 * Returns the relay of this process, and makes it at the first call. The relay is stored at the module `node:cluster`, which
 * exists once for each process. So two copies of this package in one program share the relay.
 */
export function processRelay(): ProcessRelay {
  const place = cluster as unknown as Record<symbol, ProcessRelay | undefined>;
  place[KEY] ??= new ProcessRelay();
  return place[KEY];
}
