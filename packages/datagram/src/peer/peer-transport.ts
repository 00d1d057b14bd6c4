import type { Buffer } from 'node:buffer';
import {
  type Address,
  type CloseInfo,
  type ConnectionlessRules,
  type DeadlineEntry,
  type Logger,
  RejectedError,
  type Transport,
  type TransportSink,
} from '@headrace/core';
import { channelOf, type KnownOrStranger, sizeOfBytes, urlHost } from '@headrace/core/authoring';
import { principalOf } from '@headrace/handlers';
import type { SenderAddress } from '../datagram.ts';
import { DATAGRAM_ERRORS } from '../datagram-errors.ts';
import type { DatagramCounters } from '../transport/datagram-counters.ts';
import { DatagramIntake } from '../transport/datagram-intake.ts';
import { DatagramSender } from '../transport/datagram-sender.ts';
import type { PeerOwner } from './peer-owner.ts';

/** Headers of IPv4 and UDP, in bytes. Even an empty datagram uses this much of a network. */
const HEADER_BYTES = 28;

/** One peer of a datagram socket, as a transport of bytes. Each read and each write is one datagram. */
export class PeerTransport
  implements Transport, ConnectionlessRules, DeadlineEntry, KnownOrStranger
{
  readonly accepts = 'Buffers, each of which is a datagram';
  readonly unacknowledgedBytes = 0;
  readonly remoteAddress: SenderAddress;
  readonly placeId: string;
  /** Set by the table of its listener. */
  network = '';
  isStranger = false;
  isActive = true;
  /** Whether the peer has proved that it receives datagrams at its address. */
  hasProved = false;
  deadline = 0;
  heapIndex = -1;
  heapOrder = 0;
  private readonly owner: PeerOwner;
  private readonly intake: DatagramIntake;
  private readonly sender: DatagramSender;
  private sink: TransportSink | undefined = undefined;
  private heardAt: number;
  /** Number of bytes that can still be sent to an address that is not proved. */
  private allowance = 0;

  constructor(placeId: string, remoteAddress: SenderAddress, owner: PeerOwner) {
    this.placeId = placeId;
    this.remoteAddress = remoteAddress;
    this.owner = owner;
    const { counters, turn, socket, limits, outcomes } = owner;
    this.intake = new DatagramIntake(limits, counters, turn, sizeOfBytes);
    this.sender = new DatagramSender(socket, counters, turn.clock, outcomes, (failures) => {
      if (this.isActive) this.sink!.written(failures);
    });
    this.heardAt = turn.clock.now();
  }

  /** Counters of the socket, which all peers share. */
  get counters(): DatagramCounters {
    return this.owner.counters;
  }

  get connectionless(): ConnectionlessRules {
    return this;
  }

  get carrier(): 'udp' {
    return 'udp';
  }

  get localAddress(): Address | undefined {
    return this.owner.socket.localAddress;
  }

  get unsentBytes(): number {
    return this.owner.socket.unsentBytes;
  }

  /** Whether the channel has a principal, or the peer has proved its address. Strangers cannot take its place. */
  get isKnown(): boolean {
    return this.hasProved || this.isSignedIn;
  }

  private get isSignedIn(): boolean {
    const channel = this.sink && channelOf(this.sink)?.channel;
    return channel !== undefined && principalOf(channel) !== undefined;
  }

  open(sink: TransportSink): void {
    this.sink = sink;
    this.intake.sink = sink;
  }

  requestRead(): void {
    this.intake.requestRead();
  }

  pauseReading(): void {
    this.intake.pauseReading();
  }

  /**
   * Counts the error and continues, because anyone can have sent a bad datagram with this sender. A policy that ends the channel
   * must close the channel itself.
   */
  uncaught(): void {
    this.owner.counters.unhandled += 1;
  }

  loggerOf(logger: Logger): Logger {
    return this.owner.log.over(logger, this);
  }

  sizeOf(message: unknown): number {
    return sizeOfBytes(message);
  }

  write(messages: readonly unknown[]): boolean {
    const { sender, remoteAddress } = this;
    sender.begin(messages.length);
    for (let i = 0; i < messages.length; i++) {
      const bytes = messages[i] as Uint8Array;
      const refusal = this.refusalOf(sizeOfBytes(bytes));
      if (refusal === undefined) sender.send(i, bytes, remoteAddress.host, remoteAddress.port);
      else sender.refuse(i, refusal);
    }
    return false;
  }

  /**
   * Limits the answers to an address that can be forged. The owner of a forged address must not receive more bytes than the
   * forger has sent.
   */
  private refusalOf(bytes: number): Error | undefined {
    const { amplification, signInProves } = this.owner;
    if (amplification === Number.POSITIVE_INFINITY || this.hasProved) return undefined;
    if (signInProves && this.isSignedIn) return undefined;
    const cost = bytes + HEADER_BYTES;
    if (cost <= this.allowance) {
      this.allowance -= cost;
      return undefined;
    }
    const { host, port } = this.remoteAddress;
    const text = `a datagram of ${bytes} bytes to ${urlHost(host)}:${port}, with its headers, is more than the ${this.allowance} bytes that it may get before it has proved its address: see provePeer, and the options signInProves and amplification`;
    return new RejectedError(DATAGRAM_ERRORS.REJECTED_AMPLIFICATION, text, {
      bytes,
      allowance: this.allowance,
      amplification,
    });
  }

  shutdownOutput(): void {
    this.owner.turn.clock.execute(() => {
      this.sink?.outputEnded();
      this.sink?.inputEnded();
    });
  }

  close(): void {
    if (!this.isActive) return;
    this.isActive = false;
    this.intake.stop();
    this.owner.forget(this.placeId);
    this.owner.turn.clock.execute(() => this.sink?.disconnected());
  }

  abort(): void {
    this.close();
  }

  // --- what its listener reports ---

  arrived(bytes: Buffer): void {
    this.heardAt = this.owner.turn.clock.now();
    this.allowance += (bytes.length + HEADER_BYTES) * this.owner.amplification;
    this.intake.arrived(bytes);
  }

  /** Ends the channel of this peer. The channel then removes the peer. */
  end(info: CloseInfo): void {
    if (this.sink === undefined) this.close();
    else this.sink.disconnected(info);
  }

  /** Starts the idle timer. The timer also runs while reads are held, because datagrams arrive even if they are not read. */
  watchSilence(): void {
    const { turn, idleMs } = this.owner;
    if (idleMs !== Number.POSITIVE_INFINITY) turn.clock.deadlines.add(this, idleMs);
  }

  /** Ends the peer if no datagram has arrived within the idle time. */
  expire(): void {
    const { turn, idleMs } = this.owner;
    const left = this.heardAt + idleMs - turn.clock.now();
    if (left > 0) turn.clock.deadlines.add(this, left);
    else this.end({ reason: 'idle', by: 'local', error: undefined });
  }
}
