import { Buffer } from 'node:buffer';
import type { Address, ByteEnd, EndUser, Timer } from '@headrace/core';
import { systemError } from '@headrace/core/authoring';
import type { Delivery, NetworkPath } from '../network/network-path.ts';
import type { SimulatedTime } from '../simulated-time.ts';
import { type KeepAlive, KeepAliveProbes, type ProbedEnd } from './keep-alive-probes.ts';
import { SendBuffer } from './send-buffer.ts';
import type { ResolvedTcpSettings } from './tcp-settings.ts';
import { type WindowedEnd, WindowProbes } from './window-probes.ts';

/** The kernel of a host, as the ends of its connections see it. */
export interface TcpKernel {
  readonly name: string;
  readonly time: SimulatedTime;
  readonly settings: ResolvedTcpSettings;
  /** False after a crash, until the restart. */
  readonly isUp: boolean;
  pathTo(other: TcpKernel): NetworkPath;
  /** Where a segment of so many bytes is cut in two; the number itself if it is not. */
  cutAt(bytes: number): number;
  /** A connection comes in: its end here, or why there is none. `full`: the SYN gets no answer. */
  answer(port: number, caller: TcpEnd): TcpEnd | 'refused' | 'full';
  forget(end: TcpEnd): void;
  /** Notes what this host has sent. */
  sent(to: TcpKernel, what: string, payload?: Buffer, arrivesMs?: number): void;
  /** Notes that something did not arrive. */
  lost(to: TcpKernel, what: string): void;
}

const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 120_000;
const FIRST_SYN_PAUSE_MS = 1000;
/** `tcp_synack_retries`. */
const MOST_ANSWERS = 5;
/** The most that one read of libuv gives. */
const READ_BYTES = 65_536;

const CONNECTING = 0;
const OPEN = 1;
const GONE = 2;

/**
 * One end of a connection as a kernel has it: sequence numbers, acknowledgements, a window, retransmission with doubling
 * pauses, keepalive probes, FIN and RST. It outlives its program. Timers of retransmission are set only when a segment
 * is lost, which the simulation knows at once; so a quiet connection costs no events.
 *
 * @see RFC 9293; RFC 6298 (retransmission); RFC 1122 4.2.3.6 (keepalive)
 */
export class TcpEnd implements ByteEnd, WindowedEnd, ProbedEnd {
  readonly local: Address;
  readonly remote: Address;
  /** The other end: known once the SYN was answered. */
  peer: TcpEnd | undefined = undefined;
  /** Why it broke. */
  error: Error | undefined = undefined;
  /** The other end has sent all. */
  hasInputEnded = false;
  user: EndUser | undefined = undefined;
  readonly kernel: TcpKernel;
  private readonly peerKernel: TcpKernel;
  private readonly capacity: number;
  private phase = CONNECTING;
  // what goes out
  private readonly output = new SendBuffer();
  private next = 0;
  private windowEnd = 0;
  /** The place of the FIN. */
  private endsAt = Number.POSITIVE_INFINITY;
  /** The FIN and all before it have arrived. */
  private isEndAcknowledged = false;
  private lastArrival = 0;
  private pauseMs = FIRST_PAUSE_MS;
  private lostSince = -1;
  private repeat: Timer | undefined = undefined;
  private readonly window: WindowProbes;
  private wasAnswered = false;
  /** Times that a SYN of the other end was answered again. */
  private answers = 0;
  // what comes in
  private received: Buffer[] = [];
  private expected = 0;
  unreadBytes = 0;
  private offered = 0;
  // keepalive
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
    this.capacity = bufferBytes;
    this.offered = bufferBytes;
    this.window = new WindowProbes(this, kernel.time);
  }

  get isOpen(): boolean {
    return this.phase === OPEN;
  }

  get isGone(): boolean {
    return this.phase === GONE;
  }

  goesTo(other: TcpKernel): boolean {
    return this.peerKernel === other;
  }

  /** Bytes that `send` takes now. */
  get room(): number {
    return Math.max(0, this.capacity - this.output.bytes);
  }

  get unacknowledgedBytes(): number {
    return this.output.bytes;
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

  /** At the other host. */
  private called(port: number, again: () => void): void {
    if (this.phase !== CONNECTING) return;
    // A SYN that is repeated finds the end that the first one made, unless a crash has taken it.
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

  /** At the called end. */
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

  /** The third segment did not come: the answer is repeated, or the call given up after 63 s. */
  private answerLater(caller: TcpEnd): void {
    if (this.phase !== CONNECTING || this.repeat !== undefined) return;
    const { time } = this.kernel;
    this.repeat = time.plan(time.now + FIRST_SYN_PAUSE_MS * 2 ** this.answers, () => {
      this.repeat = undefined;
      this.answers += 1;
      if (this.answers > MOST_ANSWERS) this.breaks(this.connectError('ETIMEDOUT', 'no answer'));
      // A caller that repeats its SYN is answered when that comes.
      else if (caller.phase === CONNECTING) this.answerLater(caller);
      else this.answerCall(caller, nothing);
    });
  }

  private established(answer: TcpEnd): void {
    // Another answer has come before, and the called end knows it.
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

  /** The caller has given up before it was answered. */
  private callReset(): void {
    if (this.phase === CONNECTING) this.resetArrived();
  }

  /** Both know each other; the called end is given to its server with the third segment, or with data. */
  private opened(peer: TcpEnd): void {
    if (this.phase !== CONNECTING) return;
    this.peer = peer;
    this.phase = OPEN;
    this.repeat?.cancel();
    this.repeat = undefined;
    this.windowEnd = peer.capacity;
    this.probes?.start();
    this.user?.wake();
    this.push();
  }

  private connectError(code: string, why: string): Error {
    return systemError(code, `connect ${code} ${placeOf(this.remote)}: ${why}`);
  }

  // --- the program's calls ---

  /** Takes a chunk, which is not changed any more. */
  send(chunk: Buffer): void {
    // A program that was stopped may go on to write until its own handler is over.
    if (this.phase === GONE || this.wasClosed || chunk.length === 0) return;
    this.output.add(chunk);
    this.push();
  }

  /** Takes the bytes that have arrived, up to 64 KiB. */
  take(): Buffer | undefined {
    const { received } = this;
    if (received.length === 0) return undefined;
    let bytes = 0;
    let count = 0;
    while (
      count < received.length &&
      (count === 0 || bytes + received[count]!.length <= READ_BYTES)
    ) {
      bytes += received[count]!.length;
      count += 1;
    }
    const taken = received.splice(0, count);
    this.unreadBytes -= bytes;
    this.reopenWindow();
    return taken.length === 1 ? taken[0] : Buffer.concat(taken, bytes);
  }

  /** Sends a FIN after all that was given to `send`. */
  finish(): void {
    if (this.phase === GONE || this.endsAt !== Number.POSITIVE_INFINITY) return;
    this.endsAt = this.output.end;
    this.push();
  }

  /** The program lets go of it: a reset if it has not read all, else the kernel sends the rest and a FIN. */
  close(): void {
    this.user = undefined;
    if (this.phase === GONE) return;
    if (this.phase === CONNECTING) this.vanish();
    else if (this.unreadBytes > 0) this.reset();
    else {
      this.finish();
      this.leaveIfDone();
      if (this.phase === GONE) return;
      const { time, settings } = this.kernel;
      const giveUp = () => {
        if (this.isEndAcknowledged) this.vanish();
        else time.plan(time.now + settings.finTimeoutMs, giveUp);
      };
      time.plan(time.now + settings.finTimeoutMs, giveUp);
    }
  }

  /** Sends a reset; bytes without an acknowledgement may be lost. */
  reset(): void {
    this.user = undefined;
    if (this.phase === GONE) return;
    const { peer } = this;
    if (peer !== undefined) this.transmit('RST', 0, () => peer.resetArrived(), nothing);
    this.vanish();
  }

  /** A box on the way ends the connection for this end. */
  resetByOthers(): void {
    if (this.phase !== GONE) this.breaks(systemError('ECONNRESET', 'read ECONNRESET'));
  }

  setKeepAlive(keepAlive: KeepAlive): void {
    this.probes?.stop();
    this.probes = new KeepAliveProbes(this, this.kernel.time, keepAlive);
    if (this.phase === OPEN) this.probes.start();
  }

  /** The kernel has lost it: neither the program nor the peer is notified. */
  vanish(): void {
    if (this.phase === GONE) return;
    this.phase = GONE;
    this.repeat?.cancel();
    this.probes?.stop();
    this.window.stop();
    this.output.clear();
    this.received = [];
    this.kernel.forget(this);
  }

  // --- what goes out ---

  /** Sends what the window lets through. */
  private push(): void {
    if (this.phase !== OPEN) return;
    const limit = Math.min(this.output.end, this.windowEnd);
    while (this.next < limit) {
      const bytes = this.kernel.cutAt(limit - this.next);
      const piece = this.output.slice(this.next, this.next + bytes);
      this.next += bytes;
      const isLast = this.next === this.endsAt;
      this.sendData(this.next - bytes, piece, isLast);
      if (isLast) this.next += 1;
    }
    if (this.next === this.endsAt) {
      this.next += 1;
      this.sendData(this.endsAt, EMPTY, true);
    }
    this.window.look();
  }

  private sendData(place: number, bytes: Buffer, isLast: boolean): void {
    const peer = this.peer!;
    const what = bytes.length === 0 ? 'FIN' : `${bytes.length} B${isLast ? ' FIN' : ''}`;
    const arrived = () => {
      peer.opened(this);
      peer.dataArrived(this, place, bytes, isLast);
    };
    this.transmit(what, bytes.length, arrived, (isAnswered) => this.lost(isAnswered), bytes);
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
      // Also when the sender has crashed meanwhile: the other end may wait for this segment, and send again.
      lost: (isAnswered) => {
        if (what !== '') kernel.lost(peerKernel, what);
        lost(isAnswered);
      },
    };
    this.lastArrival = path.send(bytes, this.lastArrival, delivery);
    if (what !== '') kernel.sent(peerKernel, what, payload, this.lastArrival);
  }

  /** A segment of ours, or the acknowledgement of it, did not arrive. */
  private lost(isAnswered: boolean): void {
    if (this.phase !== OPEN) return;
    this.wasAnswered = isAnswered;
    if (this.repeat !== undefined) return;
    const { time } = this.kernel;
    if (this.lostSince < 0) this.lostSince = time.now;
    const wait = Math.min(this.pauseMs, this.giveUpAt - time.now);
    this.repeat = time.plan(time.now + wait, () => {
      this.repeat = undefined;
      this.sendAgain();
    });
  }

  private get giveUpAt(): number {
    return this.lostSince + this.kernel.settings.retransmissionTimeoutMs;
  }

  private sendAgain(): void {
    if (this.phase !== OPEN || this.lostSince < 0) return;
    if (this.kernel.time.now >= this.giveUpAt) {
      const code = this.wasAnswered ? 'EHOSTUNREACH' : 'ETIMEDOUT';
      this.breaks(systemError(code, `read ${code}: what was sent is not acknowledged`));
      return;
    }
    this.pauseMs = Math.min(this.pauseMs * 2, LONGEST_PAUSE_MS);
    this.next = this.output.start;
    if (this.windowEnd <= this.next && this.next < this.output.end) this.sendWindowProbe();
    else this.push();
  }

  private acknowledged(place: number, windowEnd: number): void {
    if (this.phase !== OPEN) return;
    this.lostSince = -1;
    this.pauseMs = FIRST_PAUSE_MS;
    this.windowEnd = Math.max(this.windowEnd, windowEnd);
    const data = Math.min(place, this.output.end);
    if (data > this.output.start) this.output.acknowledge(data);
    this.next = Math.max(this.next, place);
    if (place > this.endsAt) this.isEndAcknowledged = true;
    if (this.output.bytes === 0 && (this.isEndAcknowledged || this.next <= this.endsAt)) {
      this.repeat?.cancel();
      this.repeat = undefined;
    } else if (this.repeat !== undefined) this.lostSince = this.kernel.time.now;
    this.user?.wake();
    this.leaveIfDone();
    this.push();
  }

  // --- what comes in ---

  private dataArrived(from: TcpEnd, place: number, bytes: Buffer, isLast: boolean): void {
    if (this.phase === GONE || (this.user === undefined && this.wasClosed && bytes.length > 0)) {
      this.refuse(from);
      return;
    }
    this.probes?.heard();
    // Something before it was lost: the sender will repeat all from there.
    const fresh = place > this.expected ? EMPTY : bytes.subarray(this.expected - place);
    if (fresh.length > 0) {
      this.received.push(fresh);
      this.unreadBytes += fresh.length;
      this.expected += fresh.length;
    }
    if (isLast && !this.hasInputEnded && place + bytes.length === this.expected) {
      this.expected += 1;
      this.hasInputEnded = true;
    }
    this.acknowledge();
    this.user?.wake();
    this.leaveIfDone();
  }

  /** The program has closed it, and the kernel still has it. */
  private get wasClosed(): boolean {
    return this.endsAt !== Number.POSITIVE_INFINITY;
  }

  /** The program, or the whole end, is not there any more. */
  private refuse(sender: TcpEnd): void {
    // A reset that is lost leaves the sender without an acknowledgement.
    const lost = (isAnswered: boolean) => sender.acknowledgementLost(isAnswered);
    this.transmit('RST', 0, () => sender.resetArrived(), lost);
    this.vanish();
  }

  private acknowledge(): void {
    const peer = this.peer!;
    const place = this.expected;
    const data = this.hasInputEnded ? place - 1 : place;
    this.offered = Math.max(this.offered, data + this.capacity - this.unreadBytes);
    const { offered } = this;
    const arrived = () => {
      peer.probes?.heard();
      peer.acknowledged(place, offered);
    };
    this.transmit('', 0, arrived, (isAnswered) => peer.acknowledgementLost(isAnswered));
  }

  private acknowledgementLost(isAnswered: boolean): void {
    const waits = this.output.bytes > 0 || (this.next > this.endsAt && !this.isEndAcknowledged);
    if (waits) this.lost(isAnswered);
  }

  /** The program has read: the other end may send more. */
  private reopenWindow(): void {
    if (this.phase !== OPEN || this.hasInputEnded) return;
    const now = this.expected + this.capacity - this.unreadBytes;
    if (now - this.offered >= this.capacity / 2) this.acknowledge();
  }

  private resetArrived(): void {
    if (this.phase === GONE) return;
    this.breaks(systemError('ECONNRESET', 'read ECONNRESET: the other end dropped the connection'));
  }

  /** It is over, and its program finds out why. */
  breaks(error: Error): void {
    this.error = error;
    const { received, unreadBytes, user } = this;
    this.vanish();
    // Bytes that have arrived can still be read, as on Linux.
    this.received = received;
    this.unreadBytes = unreadBytes;
    user?.wake();
  }

  private leaveIfDone(): void {
    if (this.user === undefined && this.isEndAcknowledged && this.hasInputEnded) this.vanish();
  }

  // --- keepalive, and probes of a closed window ---

  get isWritePending(): boolean {
    return this.output.bytes > 0;
  }

  sendProbe(): void {
    this.probe('keepalive probe');
  }

  get isShutOut(): boolean {
    const { next, output, repeat } = this;
    return (
      this.phase === OPEN && next === output.start && next < output.end && repeat === undefined
    );
  }

  sendWindowProbe(): void {
    this.probe('window probe');
  }

  private probe(what: string): void {
    const peer = this.peer!;
    const arrived = () => {
      if (peer.phase === GONE) peer.refuse(this);
      else peer.acknowledge();
    };
    const lost = (isAnswered: boolean) => {
      if (this.output.bytes > 0) this.lost(isAnswered);
    };
    this.transmit(what, 0, arrived, lost);
  }
}

const EMPTY = Buffer.alloc(0);

function nothing(): void {}

function placeOf(address: Address): string {
  return 'path' in address ? address.path : `${address.host}:${address.port}`;
}
