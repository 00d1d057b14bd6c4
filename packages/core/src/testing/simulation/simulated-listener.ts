import type { Address } from '../../contract.ts';
import type { Listener, ListenerSink, TransportWay } from '../../transport/listener.ts';
import { systemError } from '../../transport/memory-transport.ts';
import { SimulatedTransport, type TransportOwner } from './simulated-transport.ts';
import type { TcpEnd } from './tcp-end.ts';

/** The ports of a host. */
export interface PortTable {
  /** Takes a port; 0 takes a free one. `undefined` if somebody has it. */
  claim(port: number, listener: SimulatedListener): number | undefined;
  /** Gives a port back, if this listener still has it. */
  release(port: number, listener: SimulatedListener): void;
  readonly address: string;
}

const SIMULATED: TransportWay = { kind: 'memory', why: 'a simulated network' };

/** A listening port of a simulated process. */
export class SimulatedListener implements Listener {
  readonly way: TransportWay = SIMULATED;
  localAddress: Address | undefined = undefined;
  private readonly ports: PortTable;
  private readonly owner: TransportOwner;
  private readonly prepare: (end: TcpEnd) => void;
  private readonly backlog: number;
  private readonly wanted: number;
  private readonly waiting: TcpEnd[] = [];
  private answering = 0;
  private sink: ListenerSink | undefined = undefined;
  private mayAccept = false;
  private isClosed = false;
  private isScheduled = false;

  /** @param prepare - sets the options of an accepted connection */
  constructor(
    ports: PortTable,
    owner: TransportOwner,
    port: number,
    backlog: number,
    prepare: (end: TcpEnd) => void,
  ) {
    this.ports = ports;
    this.owner = owner;
    this.wanted = port;
    this.backlog = backlog;
    this.prepare = prepare;
  }

  get isActive(): boolean {
    return this.localAddress !== undefined && !this.isClosed;
  }

  /** False if a caller gets no answer. */
  get hasRoom(): boolean {
    return this.waiting.length + this.answering < this.backlog;
  }

  open(sink: ListenerSink): void {
    this.sink = sink;
    this.owner.soon(() => {
      if (this.isClosed) return;
      const port = this.ports.claim(this.wanted, this);
      if (port === undefined) {
        const place = `${this.ports.address}:${this.wanted}`;
        sink.failed(systemError('EADDRINUSE', `listen EADDRINUSE: address in use ${place}`));
        return;
      }
      this.localAddress = { host: this.ports.address, port, family: 'IPv4' };
      sink.listening();
    });
  }

  /** A caller was answered; its connection waits here once it is whole. */
  calledBy(end: TcpEnd): void {
    this.answering += 1;
    end.user = {
      wake: () => {
        if (!end.isOpen && !end.isGone) return;
        end.user = undefined;
        this.answering -= 1;
        if (end.isGone) return;
        if (this.isClosed) end.reset();
        else this.arrived(end);
      },
    };
  }

  requestAccept(): void {
    this.mayAccept = true;
    this.deliver();
  }

  pauseAccepting(): void {
    this.mayAccept = false;
  }

  close(): void {
    if (this.isClosed) return;
    this.leave();
    this.owner.soon(() => this.sink?.closed());
  }

  /** The port is free, and who waits is reset. */
  leave(): void {
    this.isClosed = true;
    if (this.localAddress !== undefined && 'port' in this.localAddress) {
      this.ports.release(this.localAddress.port, this);
    }
    for (const end of this.waiting.splice(0)) end.reset();
  }

  private arrived(end: TcpEnd): void {
    // Data may arrive while it waits.
    end.user = IDLE;
    this.waiting.push(end);
    this.deliver();
  }

  private deliver(): void {
    if (this.isScheduled || !this.mayAccept || this.waiting.length === 0) return;
    this.isScheduled = true;
    this.owner.soon(() => {
      this.isScheduled = false;
      if (!this.mayAccept || this.isClosed) return;
      const end = this.waiting.shift();
      if (end === undefined) return;
      this.mayAccept = false;
      this.prepare(end);
      this.sink?.accepted(new SimulatedTransport(this.owner, end));
      this.deliver();
    });
  }
}

const IDLE = { wake: () => {} };
