import cluster, { type Worker } from 'node:cluster';
import { systemClock } from '@headrace/core';
import { Relay } from '../relay/relay.ts';
import { asRelayFrame } from './relay-frame.ts';
import { RelayPort } from './relay-port.ts';

/** The relay of this process for its workers. */
export class ProcessRelay {
  readonly relay = new Relay();
  /** Called with the worker's id when messages begin to be lost because it does not take them. */
  onFull: (workerId: number) => void = () => {};
  /** By the worker's id. */
  private readonly ports = new Map<number, RelayPort>();

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

  /** Messages that a worker lost because it did not take them. */
  droppedFor(workerId: number): number {
    return this.ports.get(workerId)?.dropped ?? 0;
  }

  /** Bytes that wait for a worker. */
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
 * The one relay of this process, made when it is first asked for. It hangs at the module `node:cluster`, of which there
 * is one for each process, so that two copies of this package in one program have the same.
 */
export function processRelay(): ProcessRelay {
  const place = cluster as unknown as Record<symbol, ProcessRelay | undefined>;
  place[KEY] ??= new ProcessRelay();
  return place[KEY];
}
