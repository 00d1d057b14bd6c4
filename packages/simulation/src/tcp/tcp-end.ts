import type { Buffer } from 'node:buffer';
import type { Address, ByteEnd, EndUser, Timer } from '@headrace/core';
import { systemError } from '@headrace/core/authoring';
import type { Delivery, NetworkPath } from '../network/network-path.ts';
import { type KeepAlive, KeepAliveProbes, type ProbedEnd } from './keep-alive-probes.ts';
import { type Acknowledgement, TcpReceiver } from './tcp-receiver.ts';
import { type SendingEnd, type SendingKernel, TcpSender } from './tcp-sender.ts';
import { FIN_TIMEOUT_MS } from './tcp-settings.ts';

/** The kernel of a host, as the ends of its connections see it. */
export interface TcpKernel extends SendingKernel {
  readonly name: string;
  /** Whether the machine is on. A crash switches it off until the restart. */
  readonly isUp: boolean;
  pathTo(other: TcpKernel): NetworkPath;
  /**
   * Answers a call with the local end of the new connection, or with the reason for a refusal. `full` means that the kernel
   * does not answer the SYN.
   */
  answer(port: number, caller: TcpEnd): TcpEnd | 'refused' | 'full';
  forget(end: TcpEnd): void;
  /** Records that this host has sent a segment. */
  sent(to: TcpKernel, what: string, payload?: Buffer, arrivesMs?: number): void;
  /** Records that a segment did not arrive. */
  lost(to: TcpKernel, what: string): void;
}

const FIRST_SYN_PAUSE_MS = 1000;
/** Maximum number of repeated answers: `tcp_synack_retries`. */
const MAX_ANSWERS = 5;

const CONNECTING = 0;
const OPEN = 1;
const GONE = 2;

/**
 * One end of a connection in a kernel. It handles the handshake, the calls of the program, FIN and RST, and keepalive.
 * {@link TcpSender} and {@link TcpReceiver} are its two halves. The end can outlive its program.
 *
 * @see RFC 9293; RFC 1122 4.2.3.6 (keepalive)
 */
export class TcpEnd implements ByteEnd, SendingEnd, ProbedEnd {
  readonly local: Address;
  readonly remote: Address;
  /** The other end, known after the SYN was answered. */
  peer: TcpEnd | undefined = undefined;
  error: Error | undefined = undefined;
  user: EndUser | undefined = undefined;
  readonly kernel: TcpKernel;
  private readonly peerKernel: TcpKernel;
  private readonly sender: TcpSender;
  private readonly receiver: TcpReceiver;
  private phase = CONNECTING;
  /** The timer of the next SYN, or of the next answer to a SYN. */
  private repeat: Timer | undefined = undefined;
  /** Number of repeated answers to a SYN of the other end. */
  private answers = 0;
  /** Time at which the last segment arrives. Later segments do not overtake it. */
  private lastArrival = 0;
  private probes: KeepAliveProbes | undefined = undefined;

  constructor(
    kernel: TcpKernel,
    peerKernel: TcpKernel,
    local: Address,
    remote: Address,
    bufferBytes: number,
  ) {
    this.kernel = kernel;
    this.peerKernel = peerKernel;
    this.local = local;
    this.remote = remote;
    this.sender = new TcpSender(this, kernel, bufferBytes);
    this.receiver = new TcpReceiver(bufferBytes);
  }

  get isOpen(): boolean {
    return this.phase === OPEN;
  }

  get isGone(): boolean {
    return this.phase === GONE;
  }

  isPairedWith(other: TcpKernel): boolean {
    return this.peerKernel === other;
  }

  get room(): number {
    return this.sender.room;
  }

  get unacknowledgedBytes(): number {
    return this.sender.unacknowledgedBytes;
  }

  get unreadBytes(): number {
    return this.receiver.unreadBytes;
  }

  get hasInputEnded(): boolean {
    return this.receiver.hasEnded;
  }

  // --- connecting ---

  connect(port: number): void {
    this.call(port, FIRST_SYN_PAUSE_MS, this.kernel.time.now);
  }

  private call(port: number, pauseMs: number, since: number): void {
    if (this.phase !== CONNECTING) return;
    const { time, settings } = this.kernel;
    if (time.now - since >= settings.connectTimeoutMs) {
      this.breaks(this.connectError('ETIMEDOUT', 'no answer'));
      return;
    }
    const again = () => {
      const at = Math.min(time.now + pauseMs, since + settings.connectTimeoutMs);
      this.repeat = time.plan(at, () => this.call(port, pauseMs * 2, since));
    };
    this.transmit(
      'SYN',
      0,
      () => this.called(port, again),
      (isAnswered) => {
        if (!isAnswered) again();
        else this.breaks(this.connectError('EHOSTUNREACH', 'no way to the host'));
      },
    );
  }

  /** Runs on the other host when the SYN arrives. */
  private called(port: number, again: () => void): void {
    if (this.phase !== CONNECTING) return;
    // A repeated SYN finds the end that the first SYN created, unless a crash has removed that end.
    const known = this.peer?.isGone === false ? this.peer : undefined;
    const answer = known ?? this.peerKernel.answer(port, this);
    if (answer === 'full') {
      again();
      return;
    }
    if (answer === 'refused') {
      const arrived = () => this.breaks(this.connectError('ECONNREFUSED', 'nobody listens there'));
      this.peerKernel.sent(this.kernel, 'RST');
      const deliver = () => (this.kernel.isUp ? arrived() : undefined);
      const path = this.peerKernel.pathTo(this.kernel);
      path.send(0, 0, { arrived: deliver, lost: again });
      return;
    }
    this.peer = answer;
    answer.peer = this;
    answer.answerCall(this, again);
  }

  /** Runs on the called end. */
  private answerCall(caller: TcpEnd, lost: () => void): void {
    this.transmit(
      'SYN ACK',
      0,
      () => caller.established(this),
      () => {
        lost();
        this.answerLater(caller);
      },
    );
  }

  /** Repeats the answer if the third segment did not arrive. After 63 s the called end gives up. */
  private answerLater(caller: TcpEnd): void {
    if (this.phase !== CONNECTING || this.repeat !== undefined) return;
    const { time } = this.kernel;
    this.repeat = time.plan(time.now + FIRST_SYN_PAUSE_MS * 2 ** this.answers, () => {
      this.repeat = undefined;
      this.answers += 1;
      if (this.answers > MAX_ANSWERS) this.breaks(this.connectError('ETIMEDOUT', 'no answer'));
      // If the caller repeats its SYN, the answer follows that SYN.
      else if (caller.phase === CONNECTING) this.answerLater(caller);
      else this.answerCall(caller, nothing);
    });
  }

  private established(answer: TcpEnd): void {
    // Another answer arrived before, and the called end has been notified.
    if (this.phase !== CONNECTING && answer.phase !== CONNECTING) return;
    if (this.phase === GONE) {
      this.transmit(
        'RST',
        0,
        () => answer.callReset(),
        () => answer.answerLater(this),
      );
      return;
    }
    this.opened(answer);
    this.transmit(
      'ACK',
      0,
      () => answer.opened(this),
      () => answer.answerLater(this),
    );
    this.user?.wake();
  }

  /** Runs when the caller gave up before it was answered. */
  private callReset(): void {
    if (this.phase === CONNECTING) this.resetArrived();
  }

  /** Opens this end. The third segment or the first data opens the called end, which then belongs to its server. */
  private opened(peer: TcpEnd): void {
    if (this.phase !== CONNECTING) return;
    this.peer = peer;
    this.phase = OPEN;
    this.repeat?.cancel();
    this.repeat = undefined;
    this.sender.open(peer.receiver.capacity);
    this.probes?.start();
    this.user?.wake();
    this.sender.push();
  }

  private connectError(code: string, why: string): Error {
    return systemError(code, `connect ${code} ${placeOf(this.remote)}: ${why}`);
  }

  // --- the program's calls ---

  send(chunk: Buffer): void {
    // A stopped program can continue to write until its current handler returns.
    if (this.phase === GONE || this.sender.isFinished || chunk.length === 0) return;
    this.sender.send(chunk);
  }

  take(): Buffer | undefined {
    const taken = this.receiver.take();
    if (this.phase === OPEN && this.receiver.hasReopened) this.acknowledge();
    return taken;
  }

  finish(): void {
    if (this.phase !== GONE) this.sender.finish();
  }

  /**
   * Closes the connection for the program. If the program has not read all bytes, sends a reset. Otherwise the kernel sends
   * the remaining bytes and a FIN.
   */
  close(): void {
    this.user = undefined;
    if (this.phase === GONE) return;
    if (this.phase === CONNECTING) this.vanish();
    else if (this.unreadBytes > 0) this.reset();
    else {
      this.finish();
      this.leaveIfDone();
      if (this.phase === GONE) return;
      const { time } = this.kernel;
      const giveUp = () => {
        if (this.sender.isFinAcknowledged) this.vanish();
        else time.plan(time.now + FIN_TIMEOUT_MS, giveUp);
      };
      time.plan(time.now + FIN_TIMEOUT_MS, giveUp);
    }
  }

  /** Sends a reset. Bytes that are not acknowledged can be lost. */
  reset(): void {
    this.user = undefined;
    if (this.phase === GONE) return;
    const { peer } = this;
    if (peer !== undefined) this.transmit('RST', 0, () => peer.resetArrived(), nothing);
    this.vanish();
  }

  /** Resets the connection of this end, as a device between the hosts would do. */
  resetByOthers(): void {
    if (this.phase !== GONE) this.breaks(systemError('ECONNRESET', 'read ECONNRESET'));
  }

  setKeepAlive(keepAlive: KeepAlive): void {
    const { probes } = this;
    this.probes = new KeepAliveProbes(this, this.kernel.time, keepAlive);
    probes?.stop();
    if (this.phase === OPEN) this.probes.start();
  }

  /** Removes the end from the kernel, without notifying the program or the peer. */
  vanish(): void {
    if (this.phase === GONE) return;
    this.leave();
    this.receiver.clear();
  }

  /** Ends the connection with an error, and notifies the program. Bytes that have arrived can still be read, as on Linux. */
  breaks(error: Error): void {
    this.error = error;
    this.leave();
    this.user?.wake();
  }

  private leave(): void {
    if (this.phase === GONE) return;
    this.phase = GONE;
    this.repeat?.cancel();
    this.probes?.stop();
    this.sender.stop();
    this.kernel.forget(this);
  }

  private leaveIfDone(): void {
    if (this.user === undefined && this.sender.isFinAcknowledged && this.hasInputEnded) {
      this.vanish();
    }
  }

  // --- segments ---

  sendData(place: number, bytes: Buffer, isLast: boolean): void {
    const peer = this.peer!;
    const what = bytes.length === 0 ? 'FIN' : `${bytes.length} B${isLast ? ' FIN' : ''}`;
    const arrived = () => {
      peer.opened(this);
      peer.dataArrived(this, place, bytes, isLast);
    };
    this.transmit(what, bytes.length, arrived, (isAnswered) => this.sender.lost(isAnswered), bytes);
  }

  private transmit(
    what: string,
    bytes: number,
    arrived: () => void,
    lost: (isAnswered: boolean) => void,
    payload?: Buffer,
  ): void {
    const { kernel, peerKernel } = this;
    const path = kernel.pathTo(peerKernel);
    const delivery: Delivery = {
      arrived: () => {
        if (peerKernel.isUp) arrived();
        else delivery.lost(false);
      },
      // Even if the sender has crashed, the other end can wait for this segment and send again.
      lost: (isAnswered) => {
        if (what !== '') kernel.lost(peerKernel, what);
        lost(isAnswered);
      },
    };
    this.lastArrival = path.send(bytes, this.lastArrival, delivery);
    if (what !== '') kernel.sent(peerKernel, what, payload, this.lastArrival);
  }

  private dataArrived(from: TcpEnd, place: number, bytes: Buffer, isLast: boolean): void {
    // After the close the program reads nothing.
    const isUnwanted = this.user === undefined && this.sender.isFinished && bytes.length > 0;
    if (this.phase === GONE || isUnwanted) {
      this.refuse(from);
      return;
    }
    this.probes?.heard();
    this.receiver.receive(place, bytes, isLast);
    this.acknowledge();
    this.user?.wake();
    this.leaveIfDone();
  }

  /** Answers with a reset, because the program or the whole end has gone. */
  private refuse(sender: TcpEnd): void {
    // If the reset is lost, the sender gets no acknowledgement.
    const lost = (isAnswered: boolean) => sender.acknowledgementLost(isAnswered);
    this.transmit('RST', 0, () => sender.resetArrived(), lost);
    this.vanish();
  }

  private acknowledge(): void {
    const peer = this.peer!;
    const acknowledgement = this.receiver.acknowledge();
    const arrived = () => {
      peer.probes?.heard();
      peer.acknowledged(acknowledgement);
    };
    this.transmit('', 0, arrived, (isAnswered) => peer.acknowledgementLost(isAnswered));
  }

  private acknowledged(acknowledgement: Acknowledgement): void {
    if (this.phase !== OPEN) return;
    this.sender.acknowledged(acknowledgement);
    this.user?.wake();
    this.leaveIfDone();
    this.sender.push();
  }

  private acknowledgementLost(isAnswered: boolean): void {
    if (this.sender.awaitsAcknowledgement) this.sender.lost(isAnswered);
  }

  private resetArrived(): void {
    if (this.phase === GONE) return;
    this.breaks(systemError('ECONNRESET', 'read ECONNRESET: the other end dropped the connection'));
  }

  // --- keepalive, and probes of a closed window ---

  get isWritePending(): boolean {
    return this.unacknowledgedBytes > 0;
  }

  sendProbe(what: string): void {
    const peer = this.peer!;
    const arrived = () => {
      if (peer.phase === GONE) peer.refuse(this);
      else peer.acknowledge();
    };
    const lost = (isAnswered: boolean) => {
      if (this.isWritePending) this.sender.lost(isAnswered);
    };
    this.transmit(what, 0, arrived, lost);
  }
}

function nothing(): void {}

function placeOf(address: Address): string {
  return 'path' in address ? address.path : `${address.host}:${address.port}`;
}
