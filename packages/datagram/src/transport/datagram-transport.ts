import type { Buffer } from 'node:buffer';
import {
  type Address,
  type Clock,
  type ConnectionlessRules,
  type DatagramPlace,
  type DatagramSocket,
  type DatagramSocketUser,
  EncodeError,
  type MulticastGroup,
  type OutboundBytes,
  type Transport,
  type TransportSink,
} from '@headrace/core';
import { sizeOfBytes, socketHost, urlHost } from '@headrace/core/authoring';
import {
  Datagram,
  type OutboundDatagram,
  type Recipient,
  type SenderAddress,
} from '../datagram.ts';
import { DATAGRAM_ERRORS } from '../datagram-errors.ts';
import { DatagramCounters } from './datagram-counters.ts';
import { bindError, datagramError } from './datagram-failure.ts';
import { DatagramIntake, type IntakeLimits } from './datagram-intake.ts';
import { DatagramSender } from './datagram-sender.ts';
import { NextTurn } from './next-turn.ts';
import { SendOutcomes } from './send-outcomes.ts';

/**
 * A datagram socket as the transport of one channel. Its messages are {@link Datagram}s or, if `takesBytes` is true, the
 * bytes of each datagram.
 */
export class DatagramTransport implements Transport, ConnectionlessRules, DatagramSocketUser {
  readonly unacknowledgedBytes = 0;
  readonly counters = new DatagramCounters();
  isActive = false;
  private readonly socket: DatagramSocket;
  private readonly place: DatagramPlace;
  private readonly clock: Clock;
  private readonly takesBytes: boolean;
  private readonly intake: DatagramIntake;
  private readonly sender: DatagramSender;
  private sink!: TransportSink;
  private isClosed = false;
  /** The last sender, reused because consecutive datagrams often have the same sender. */
  private lastSender: SenderAddress | undefined = undefined;

  /** @param takesBytes - whether the messages are bytes, for a socket with one peer */
  constructor(
    socket: DatagramSocket,
    place: DatagramPlace,
    limits: IntakeLimits,
    clock: Clock,
    takesBytes = false,
  ) {
    this.socket = socket;
    this.place = place;
    this.clock = clock;
    this.takesBytes = takesBytes;
    const sizeOf = takesBytes ? sizeOfBytes : sizeOfReceived;
    this.intake = new DatagramIntake(limits, this.counters, new NextTurn(clock), sizeOf);
    this.sender = new DatagramSender(socket, this.counters, clock, new SendOutcomes(), (failures) =>
      this.sent(failures),
    );
  }

  get accepts(): string {
    if (this.takesBytes) return 'Buffers, each of which is a datagram';
    if (this.hasPeer) return 'datagrams: objects with bytes';
    return 'datagrams: objects with bytes and a recipient, or with a sender to answer';
  }

  private get hasPeer(): boolean {
    return this.place.peer !== undefined;
  }

  get connectionless(): ConnectionlessRules {
    return this;
  }

  get carrier(): 'udp' {
    return 'udp';
  }

  get localAddress(): Address | undefined {
    return this.socket.localAddress;
  }

  get remoteAddress(): Address | undefined {
    return this.socket.remoteAddress;
  }

  get unsentBytes(): number {
    return this.socket.unsentBytes;
  }

  open(sink: TransportSink): void {
    this.sink = sink;
    this.intake.sink = sink;
    this.socket.open(this);
  }

  requestRead(): void {
    this.intake.requestRead();
  }

  pauseReading(): void {
    this.intake.pauseReading();
  }

  uncaught(): void {
    this.counters.unhandled += 1;
  }

  sizeOf(message: unknown): number {
    if (this.takesBytes) return sizeOfBytes(message);
    if (typeof message !== 'object' || message === null) return -1;
    const { bytes } = message as Partial<OutboundDatagram>;
    if (!this.hasPeer && !isRecipient(recipientOf(message as OutboundDatagram))) return -1;
    return sizeOfBytes(bytes);
  }

  write(messages: readonly unknown[]): boolean {
    const { sender, takesBytes, hasPeer } = this;
    sender.begin(messages.length);
    for (let i = 0; i < messages.length; i++) {
      const message = messages[i];
      if (takesBytes) sender.send(i, message as OutboundBytes, undefined, 0);
      else if (hasPeer) this.sendToPeer(i, message as OutboundDatagram);
      else {
        const { host, port } = recipientOf(message as OutboundDatagram)!;
        sender.send(i, (message as OutboundDatagram).bytes, host, port);
      }
    }
    // Usually the kernel has accepted all of them, but it reports refusals later.
    return false;
  }

  /** Sends a datagram to the peer. Ignores the datagram's `sender`, so that a relay can pass on datagrams from others. */
  private sendToPeer(place: number, { bytes, recipient }: OutboundDatagram): void {
    if (recipient === undefined || recipient === null || this.isPeer(recipient)) {
      this.sender.send(place, bytes, undefined, 0);
      return;
    }
    const { host, port } = recipient;
    const peer = placeOf(this.place.peer!);
    const text = `a datagram to ${placeOf(recipient)} on a channel that sends to its peer alone, ${peer}: leave the recipient out, or bind a channel`;
    const error = new EncodeError(DATAGRAM_ERRORS.DATAGRAM_RECIPIENT, text, { host, port, peer });
    this.sender.refuse(place, error);
  }

  /** Returns true if the recipient is the peer, by the host given to `connect` or by the peer's address. */
  private isPeer({ host, port }: Recipient): boolean {
    const { peer } = this.place;
    if (port !== peer!.port) return false;
    const { remoteAddress } = this;
    const isHost = remoteAddress !== undefined && 'host' in remoteAddress;
    const known = socketHost(String(host));
    return known === socketHost(peer!.host) || (isHost && known === remoteAddress.host);
  }

  private sent(failures: ReadonlyMap<number, Error> | undefined): void {
    if (!this.isClosed) this.sink.written(failures);
  }

  /** Ends both halves, because a datagram socket cannot notify the peer of its end. */
  shutdownOutput(): void {
    this.clock.execute(() => {
      this.sink.outputEnded();
      this.sink.inputEnded();
    });
  }

  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.isActive = false;
    this.intake.stop();
    this.socket.close();
  }

  abort(): void {
    this.close();
  }

  join(group: MulticastGroup): void {
    this.socket.join(group);
  }

  leave(group: MulticastGroup): void {
    this.socket.leave(group);
  }

  // --- what the socket reports ---

  bound(): void {
    this.isActive = true;
    this.sink.connected();
  }

  arrived(bytes: Buffer, host: string, port: number, family: 'IPv4' | 'IPv6'): void {
    this.counters.received += 1;
    if (this.takesBytes) {
      this.intake.arrived(bytes);
      return;
    }
    let sender = this.lastSender;
    if (sender === undefined || sender.port !== port || sender.host !== host) {
      sender = { host, port, family };
      this.lastSender = sender;
    }
    this.intake.arrived(new Datagram(bytes, sender));
  }

  caught(error: Error): void {
    const { peer } = this.place;
    this.sink.caught(datagramError(error, peer?.host, peer?.port));
  }

  failed(error: Error): void {
    const { host, port, peer } = this.place;
    const isOfBind = (error as NodeJS.ErrnoException).syscall === 'bind';
    const ours =
      peer === undefined || isOfBind
        ? bindError(error, host, port)
        : datagramError(error, peer.host, peer.port);
    this.sink.failed(ours);
  }

  closed(): void {
    this.isActive = false;
    this.sink.disconnected();
  }
}

/** Returns the recipient of a datagram, or the sender of the datagram that it answers. */
function recipientOf({ recipient, sender }: OutboundDatagram): Recipient | undefined {
  return recipient ?? sender;
}

function isRecipient(recipient: Recipient | undefined): boolean {
  if (typeof recipient !== 'object' || recipient === null) return false;
  const { host, port } = recipient;
  const isPort = Number.isInteger(port) && port >= 1 && port <= 65_535;
  return isPort && typeof host === 'string' && host !== '';
}

function sizeOfReceived(message: unknown): number {
  return (message as Datagram).bytes.length;
}

function placeOf({ host, port }: Recipient): string {
  return `${urlHost(String(host))}:${port}`;
}
