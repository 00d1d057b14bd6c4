import { MemoryTransport } from '@headrace/core';
import { type ListenPlace, listenInMemory, type MemoryListener } from '@headrace/core/authoring';
import type { TcpEnd } from '../tcp/tcp-end.ts';
import type { SimulatedProcess } from './simulated-process.ts';

const IDLE = { wake: () => {} };

/** A port that a process listens on. The kernel answers calls, and passes connections to the listener. */
export class SimulatedPort {
  readonly listener: MemoryListener;
  private readonly process: SimulatedProcess;
  private readonly prepare: (end: TcpEnd) => void;
  /** Connections that were answered, but not passed on yet. */
  private readonly calls = new Set<TcpEnd>();

  /**
   * @param backlog - maximum number of calls that are answered before the process accepts them
   * @param prepare - function that sets the options of a connection
   */
  constructor(
    place: ListenPlace,
    process: SimulatedProcess,
    backlog: number,
    prepare: (end: TcpEnd) => void,
  ) {
    this.listener = listenInMemory(place, process, backlog);
    this.process = process;
    this.prepare = prepare;
  }

  /** Whether a further caller gets an answer. */
  get hasRoom(): boolean {
    return this.calls.size < this.listener.room;
  }

  /** Adds a connection whose caller was answered, and passes it on after the handshake. */
  calledBy(end: TcpEnd): void {
    this.calls.add(end);
    end.user = {
      wake: () => {
        if (end.isGone) this.calls.delete(end);
        else if (end.isOpen) this.passOn(end);
      },
    };
  }

  private passOn(end: TcpEnd): void {
    // Data can arrive before the process has the connection.
    end.user = IDLE;
    if (!this.process.isAlive) end.reset();
    this.process.nextTurn(() => {
      this.calls.delete(end);
      this.prepare(end);
      this.listener.accept(MemoryTransport.over(this.process, end));
    });
  }
}
