import { MemoryTransport } from '@headrace/core';
import { type ListenPlace, listenInMemory, type MemoryListener } from '@headrace/core/authoring';
import type { TcpEnd } from '../tcp/tcp-end.ts';
import type { SimulatedProcess } from './simulated-process.ts';

const IDLE = { wake: () => {} };

/** A port that a process listens on: the kernel answers calls, and passes connections on to the listener. */
export class SimulatedPort {
  readonly listener: MemoryListener;
  private readonly process: SimulatedProcess;
  private readonly prepare: (end: TcpEnd) => void;
  /** Answered, and not passed on yet. */
  private readonly calls = new Set<TcpEnd>();

  /**
   * @param backlog - calls that are answered before the process accepts
   * @param prepare - sets the options of a connection
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

  /** False if a caller gets no answer. */
  get hasRoom(): boolean {
    return this.calls.size < this.listener.room;
  }

  /** A caller was answered; the connection is passed on once it is whole. */
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
    // Data may arrive before the process has it.
    end.user = IDLE;
    if (!this.process.isAlive) end.reset();
    this.process.nextTurn(() => {
      this.calls.delete(end);
      this.prepare(end);
      this.listener.accept(MemoryTransport.over(this.process, end));
    });
  }
}
