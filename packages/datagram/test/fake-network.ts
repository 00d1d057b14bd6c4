import { Buffer } from 'node:buffer';
import type {
  DatagramNetwork,
  DatagramPlace,
  DatagramSettings,
  DatagramSocket,
  DatagramSocketUser,
  MulticastGroup,
} from '@headrace/core';
import { type VirtualClock } from '@headrace/core/testing';

/** What a socket was given to send. */
export interface SentDatagram {
  readonly text: string;
  readonly to: string | undefined;
}

/** A socket whose other side is the test. */
export class FakeSocket implements DatagramSocket {
  readonly place: DatagramPlace;
  readonly settings: DatagramSettings;
  readonly sent: SentDatagram[] = [];
  /** Holds the outcomes of sends back until `take`. */
  isStuck = false;
  isClosed = false;
  /** The outcome of the next sends, by their texts. */
  readonly failures = new Map<string, Error>();
  private readonly waiting: (() => void)[] = [];
  private readonly clock: VirtualClock;
  user!: DatagramSocketUser;

  constructor(clock: VirtualClock, place: DatagramPlace, settings: DatagramSettings) {
    this.clock = clock;
    this.place = place;
    this.settings = settings;
  }

  get localAddress() {
    return { host: '10.0.0.1', port: this.place.port, family: 'IPv4' } as const;
  }

  get remoteAddress() {
    const { peer } = this.place;
    return peer && ({ ...peer, family: 'IPv4' } as const);
  }

  get unsentBytes(): number {
    return this.waiting.length;
  }

  open(user: DatagramSocketUser): void {
    this.user = user;
    this.clock.execute(() => user.bound());
  }

  send(
    bytes: Uint8Array,
    host: string | undefined,
    port: number,
    sent: (error: Error | null) => void,
  ): void {
    const text = Buffer.from(bytes).toString('latin1');
    const failure = this.failures.get(text) ?? null;
    if (failure === null) this.sent.push({ text, to: host && `${host}:${port}` });
    const report = () => sent(failure);
    if (this.isStuck) this.waiting.push(report);
    else this.clock.execute(report);
  }

  /** The kernel has taken what waited. */
  take(): void {
    this.isStuck = false;
    this.clock.run(() => {
      for (const report of this.waiting.splice(0)) report();
    });
  }

  /** The outcomes of what waited come in another order than it was sent in. */
  takeLastFirst(): void {
    this.waiting.reverse();
    this.take();
  }

  /** Datagrams from a peer, in one turn. */
  arrive(from: string, ...texts: readonly string[]): void {
    const [host = '', port = '1000'] = from.split(':');
    this.clock.run(() => {
      for (const text of texts) this.user.arrived(Buffer.from(text), host, Number(port), 'IPv4');
    });
  }

  join(_group: MulticastGroup): void {}

  leave(_group: MulticastGroup): void {}

  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.clock.execute(() => this.user.closed());
  }
}

/** Sockets without a system, in virtual time. */
export class FakeNetwork implements DatagramNetwork {
  readonly sockets: FakeSocket[] = [];
  private readonly clock: VirtualClock;

  constructor(clock: VirtualClock) {
    this.clock = clock;
  }

  /** The socket that was made last. */
  get socket(): FakeSocket {
    return this.sockets.at(-1)!;
  }

  datagramSocket(place: DatagramPlace, settings: DatagramSettings): DatagramSocket {
    const socket = new FakeSocket(this.clock, place, settings);
    this.sockets.push(socket);
    return socket;
  }
}
