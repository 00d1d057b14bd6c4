import type { ChildProcess } from 'node:child_process';
import { acknowledgeFor, type ClusterMessage, type ClusterWatcher } from './cluster-channel.ts';

/**
 * Chooses the worker of a connection. Node assigns connections in turn. While replaced workers drain, a connection goes to the
 * ready worker with the fewest new connections since the last start. So clients come back evenly, and no client goes to a worker
 * that is about to end.
 */
export class WorkerHandoffs {
  private readonly workers = new Map<number, OneWorker>();

  watcher(id: number, child: ChildProcess): ClusterWatcher {
    const worker = new OneWorker(child, (key) => this.chosen(key));
    this.workers.set(id, worker);
    return worker;
  }

  started(id: number): void {
    for (const worker of this.workers.values()) worker.count = 0;
    this.set(id, 'ready');
  }

  retire(id: number): void {
    this.set(id, 'retired');
  }

  ended(id: number): void {
    this.workers.delete(id);
  }

  private set(id: number, state: OneWorker['state']): void {
    const worker = this.workers.get(id);
    if (worker !== undefined) worker.state = state;
  }

  /** Returns undefined if Node chooses. */
  private chosen(key: unknown): OneWorker | undefined {
    let found: OneWorker | undefined;
    let isAnyRetired = false;
    for (const worker of this.workers.values()) {
      isAnyRetired ||= worker.state === 'retired';
      if (worker.takes(key) && worker.count < (found?.count ?? Number.POSITIVE_INFINITY))
        found = worker;
    }
    return isAnyRetired ? found : undefined;
  }
}

/** One worker: its listening handles, and the number of connections that it received. */
class OneWorker implements ClusterWatcher {
  state: 'starting' | 'ready' | 'retired' = 'starting';
  count = 0;
  readonly child: ChildProcess;
  private readonly find: (key: unknown) => OneWorker | undefined;
  private readonly keys = new Set<unknown>();
  /**
   * The workers that wait for an answer of this worker, by the number of the connection. Node assigned the connection to the
   * other worker, and this worker received it. Until this worker answers, Node assigns no connection to the other worker.
   */
  private readonly inPlaceOf = new Map<unknown, ChildProcess>();

  constructor(child: ChildProcess, find: (key: unknown) => OneWorker | undefined) {
    this.child = child;
    this.find = find;
  }

  takes(key: unknown): boolean {
    return this.state === 'ready' && this.keys.has(key) && this.child.connected;
  }

  instead({ act, key, seq }: ClusterMessage): ChildProcess | undefined {
    const chosen = act === 'newconn' ? this.find(key) : undefined;
    if (chosen === undefined || chosen === this) return undefined;
    chosen.inPlaceOf.set(seq, this.child);
    return chosen.child;
  }

  received({ act, ack, key }: ClusterMessage): void {
    if (act === 'close') this.keys.delete(key);
    if (ack !== undefined) this.inPlaceOf.delete(ack);
  }

  sent({ act, ack, key }: ClusterMessage): void {
    if (act === 'newconn') this.count += 1;
    // This is the answer to a worker that asked to listen.
    else if (ack !== undefined && key !== undefined) this.keys.add(key);
  }

  gone(): void {
    this.keys.clear();
    for (const [ack, child] of this.inPlaceOf) {
      // Without an answer, Node would never assign another connection to that worker.
      acknowledgeFor(child, ack);
    }
    this.inPlaceOf.clear();
  }
}
