import { Buffer } from 'node:buffer';
import {
  type Clock,
  type CloseInfo,
  DrainEvent,
  type DrainStartEvent,
  type Timer,
} from '@headrace/core';
import type { EngineSettings, EngineTransportName } from './engine-options.ts';
import {
  CLOSE,
  type EnginePacket,
  invalidPacket,
  MESSAGE,
  NOOP,
  OPEN,
  PING,
  PONG,
  packetLength,
  UPGRADE,
} from './engine-packet.ts';

/** Why a session ended, in the words of the reference. */
export type EngineEnd =
  | 'transport close'
  | 'transport error'
  | 'ping timeout'
  | 'parse error'
  | 'forced close';

/** How a session has ended. */
export interface SessionEnd {
  readonly name: EngineEnd;
  readonly info: CloseInfo;
}

/** What carries the packets of a session: the requests of a client, or a WebSocket. */
export interface Wire {
  readonly name: EngineTransportName;
  /** Whether packets can be sent now. */
  readonly isReady: boolean;
  /** Whether the connection has not taken everything that was sent. */
  readonly isSending: boolean;
  /** Number that falls while the connection takes what was sent. */
  readonly unsentBytes: number;
  /** Number of bytes that were sent and that the peer has not acknowledged, if it is known. */
  readonly unacknowledgedBytes: number | undefined;
  /** Whether packets have arrived that were not passed on yet, and that another wire must not overtake. */
  readonly hasInput: boolean;
  /** Asks the session to flush, at once or after the current event. */
  flushSoon(): void;
  /** Sends packets, while the wire is ready. */
  send(packets: EnginePacket[]): void;
  /** Lets the client send no more packets than are on their way. */
  hold(): void;
  release(): void;
  /** Ends the wire. A poll that waits is answered with `last`. */
  end(last: typeof CLOSE | typeof NOOP): void;
}

/** The user of a session's messages. */
export interface SessionUser {
  received(message: string | Buffer): void;
  /** Called when the messages that arrived together were received. */
  burstEnded(): void;
  /** Called when the output has room. */
  sent(): void;
  /** Called when a ping was sent, behind all messages so far. */
  pinged(): void;
  /** Called when the client has answered the last ping, so it has all messages before it. */
  ponged(): void;
  /** Called for a packet that is not allowed, before the session ends for this reason. */
  violated(error: Error, name: EngineEnd): void;
  /** Called when the server of the wire shuts down. */
  drained(event: DrainEvent | DrainStartEvent): void;
  ended(end: SessionEnd): void;
}

/** The parts of a session that its server gives. */
export interface SessionTerms {
  readonly id: string;
  readonly clock: Clock;
  readonly settings: EngineSettings;
  /** Called when the session uses another wire, or none. */
  readonly changed: (session: EngineSession) => void;
}

/** Time by which the timers of a process that is not busy are late, in milliseconds. */
const TIMER_MS = 5;
/** Maximum time until a client that polls has fetched the end of its session. */
const CLOSE_TIMEOUT_MS = 30_000;

/**
 * One client's session by the rules of Engine.IO 4, over either transport. The session uses neither sockets nor channels.
 *
 * ```text
 *            poll, POST ─▶ PollingWire ─┐
 *                                       ├─▶ session: heartbeat, output, upgrade, end ─▶ user: a channel
 *   WebSocket, 2probe, 5 ─▶ SocketWire ─┘
 * ```
 *
 * - Output waits for the wire. While an upgrade is under way, polls are answered at once, so that the client can stop polling.
 * - The client's packets have one order: an upgrade comes after all requests, because a client waits for their answers.
 * - A session over one wire never goes back to the other.
 */
export class EngineSession {
  readonly id: string;
  readonly clock: Clock;
  readonly settings: EngineSettings;
  user!: SessionUser;
  /** Set when the session has ended. */
  end: SessionEnd | undefined = undefined;
  private readonly changed: (session: EngineSession) => void;
  private wire: Wire;
  /** The WebSocket of an upgrade that is under way. */
  private candidate: Wire | undefined = undefined;
  /** Whether the client has tried the WebSocket. It then ends its last poll, and waits for nothing else. */
  private isProbed = false;
  private upgradeTimer: Timer | undefined = undefined;
  private output: EnginePacket[] = [];
  private outputBytes = 0;
  /** Whether the user has closed the session, whose output is still sent. */
  private isClosing = false;
  /** Whether the poll that waits is the last one, because its server shuts down. It is answered once, with all output. */
  private isLastPoll = false;
  private isHeld = false;
  private closeTimer: Timer | undefined = undefined;
  // The heartbeat, as a deadline of the clock.
  deadline = 0;
  heapIndex = -1;
  heapOrder = 0;
  private awaitsPong = false;
  /** Whether another packet has moved the deadline of the pong. */
  private wasMoved = false;

  constructor({ id, clock, settings, changed }: SessionTerms, wire: Wire) {
    this.id = id;
    this.clock = clock;
    this.settings = settings;
    this.changed = changed;
    this.wire = wire;
  }

  get transport(): EngineTransportName {
    return this.wire.name;
  }

  get isOpen(): boolean {
    return this.end === undefined && !this.isClosing;
  }

  /** Whether a WebSocket may take the session over. */
  get canUpgrade(): boolean {
    return this.end === undefined && this.wire.name === 'polling' && this.candidate === undefined;
  }

  /** Whether the connection has taken all messages. */
  get isDrained(): boolean {
    return this.output.length === 0 && !this.wire.isSending;
  }

  /** Number of bytes that wait for the connection. */
  get waitingBytes(): number {
    return this.outputBytes;
  }

  /** Number that falls while the connection takes the output. */
  get unsentBytes(): number {
    return this.outputBytes + this.wire.unsentBytes;
  }

  get unacknowledgedBytes(): number | undefined {
    return this.wire.unacknowledgedBytes;
  }

  /** Whether a packet that is sent now leaves at once. */
  get isFree(): boolean {
    return this.isOpen && this.wire.isReady && this.output.length === 0;
  }

  /** Whether the client waits on a transport that keeps bytes for it. */
  get keepsOutput(): boolean {
    return this.wire.name === 'polling';
  }

  /** Sends the handshake and starts the heartbeat. */
  open(): void {
    const { id, settings } = this;
    const { pingIntervalMs, pingTimeoutMs, maxPayloadBytes, transports } = settings;
    const isPolling = this.wire.name === 'polling';
    const handshake = {
      sid: id,
      upgrades: isPolling && transports.includes('websocket') ? ['websocket'] : [],
      pingInterval: pingIntervalMs,
      pingTimeout: pingTimeoutMs,
      maxPayload: maxPayloadBytes,
    };
    this.push(OPEN + JSON.stringify(handshake));
    this.clock.deadlines.add(this, pingIntervalMs);
  }

  // --- output ---

  /** Sends messages, in this order. */
  send(packets: readonly EnginePacket[]): void {
    for (let i = 0; i < packets.length; i++) {
      const packet = packets[i]!;
      // The bytes wait for a poll, and their owner may use them again.
      const isKept = this.keepsOutput && packet instanceof Uint8Array;
      this.output.push(isKept ? Buffer.from(packet) : packet);
      this.outputBytes += packetLength(packet);
    }
    if (this.wire.isReady) this.wire.flushSoon();
  }

  private push(packet: string): void {
    this.output.push(packet);
    this.outputBytes += packet.length;
    if (this.wire.isReady) this.wire.flushSoon();
  }

  /** Called when the wire has become ready, or asked for it. */
  flush(): void {
    const { wire, isClosing, end } = this;
    if (end !== undefined || !wire.isReady) return;
    // A ping cannot wait for the end of a long drain.
    if (this.isLastPoll && !isClosing && !this.awaitsPong) return;
    if (this.output.length === 0) {
      if (isClosing) this.finish('forced close', CLOSED_HERE);
      // The client ends its last poll, and then upgrades.
      else if (this.isProbed && wire.name === 'polling') wire.send([NOOP]);
      return;
    }
    const packets = this.output;
    this.output = [];
    this.outputBytes = 0;
    wire.send(packets);
    if (wire.isSending) return;
    this.user.sent();
    // Clients forget messages that come together with the end. They find it with their next poll, which reaches no session.
    if (this.isLastPoll && isClosing) this.finish('forced close', CLOSED_HERE);
    else if (this.isClosing) this.flush();
  }

  /** Called when the wire has sent what it took. */
  wireSent(wire: Wire): void {
    if (wire !== this.wire || this.end !== undefined) return;
    this.flush();
    if (this.end === undefined && this.isDrained) this.user.sent();
  }

  // --- input ---

  /** Lets the client send no more, because the user keeps messages that it cannot pass on. */
  hold(): void {
    if (this.isHeld) return;
    this.isHeld = true;
    this.wire.hold();
  }

  release(): void {
    if (!this.isHeld) return;
    this.isHeld = false;
    // A pong could not arrive meanwhile.
    if (this.awaitsPong) this.clock.deadlines.add(this, this.settings.pingTimeoutMs);
    this.wire.release();
  }

  /** Receives a packet from a wire. Returns false if no other packet is accepted from it. */
  receive(wire: Wire, packet: string | Buffer): boolean {
    if (this.end !== undefined) return false;
    if (wire === this.candidate) return this.receiveProbe(wire, packet);
    if (wire !== this.wire) return false;
    if (typeof packet !== 'string') {
      this.moveDeadline();
      if (!this.isClosing) this.user.received(packet);
      return true;
    }
    const type = packet.charAt(0);
    if (type === PONG) {
      if (this.awaitsPong) this.user.ponged();
      this.awaitsPong = false;
      this.clock.deadlines.add(this, this.settings.pingIntervalMs);
      return true;
    }
    this.moveDeadline();
    if (type === MESSAGE) {
      if (!this.isClosing) this.user.received(packet.slice(1));
      return this.end === undefined;
    }
    if (type === CLOSE) {
      this.finish('transport close', PEER_ENDED, NOOP);
      return false;
    }
    if (type === UPGRADE || type === NOOP || type === OPEN) return true;
    this.violated(invalidPacket(packet), type === PING ? 'transport error' : 'parse error');
    return false;
  }

  endBurst(): void {
    if (this.end === undefined) this.user.burstEnded();
  }

  /** Ends the session because of a packet that the protocol does not allow. */
  violated(error: Error, name: EngineEnd = 'parse error'): void {
    if (this.end !== undefined) return;
    if (!this.isClosing) this.user.violated(error, name);
    this.finish(name, { reason: 'bad-input', by: 'peer', error });
  }

  /** A client that sends something else than its pong lives, but only one packet counts for each ping. */
  private moveDeadline(): void {
    if (!this.awaitsPong || this.wasMoved) return;
    this.wasMoved = true;
    this.clock.deadlines.add(this, this.settings.pingTimeoutMs);
  }

  /** Sends a ping, or ends the session whose pong is missing. Called by the clock. */
  expire(): void {
    const { pingTimeoutMs } = this.settings;
    if (!this.awaitsPong) {
      this.awaitsPong = true;
      this.wasMoved = false;
      // The time that a client was told is counted from the time at which the ping was due, unless this process stood still.
      const lateMs = this.clock.now() - this.deadline;
      this.clock.deadlines.add(this, pingTimeoutMs - (lateMs <= TIMER_MS ? lateMs : 0));
      this.push(PING);
      this.user.pinged();
    } else if (this.isHeld) this.clock.deadlines.add(this, pingTimeoutMs);
    else this.finish('ping timeout', { reason: 'heartbeat', by: 'network', error: undefined });
  }

  // --- the upgrade ---

  /** Begins an upgrade, see {@link canUpgrade}. @param timedOut - called if the client does not finish it in time */
  probe(wire: Wire, timedOut: () => void = () => {}): void {
    const { upgradeTimeoutMs } = this.settings;
    this.candidate = wire;
    this.upgradeTimer = this.clock.deadlines.schedule(() => {
      this.giveUp(wire);
      timedOut();
    }, upgradeTimeoutMs);
  }

  private receiveProbe(wire: Wire, packet: string | Buffer): boolean {
    if (packet === `${PING}probe`) {
      this.isProbed = true;
      // A client that reads no answer could ask without end.
      if (wire.isReady) wire.send([`${PONG}probe`]);
      if (this.wire.isReady) this.flush();
      return true;
    }
    // A client waits for the answer to its POST before it upgrades.
    if (packet !== UPGRADE || this.wire.hasInput) {
      this.giveUp(wire);
      return false;
    }
    const before = this.wire;
    this.candidate = undefined;
    this.isProbed = false;
    this.upgradeTimer?.cancel();
    this.wire = wire;
    this.isLastPoll = false;
    if (this.isHeld) {
      before.release();
      wire.hold();
    }
    before.end(NOOP);
    this.changed(this);
    this.flush();
    return this.end === undefined;
  }

  private giveUp(wire: Wire): void {
    if (this.candidate !== wire) return;
    this.candidate = undefined;
    this.isProbed = false;
    this.upgradeTimer?.cancel();
    wire.end(NOOP);
  }

  // --- the end ---

  /** Called when the server of a wire shuts down. */
  drained(wire: Wire, event: DrainEvent | DrainStartEvent): void {
    if (wire !== this.wire || this.end !== undefined) return;
    if (wire.name === 'polling' && event instanceof DrainEvent) this.isLastPoll = event.endsChannel;
    this.user.drained(event);
  }

  /** Called when a wire has ended by itself. */
  wireLost(wire: Wire, name: EngineEnd, info: CloseInfo = PEER_ENDED): void {
    if (wire === this.candidate) this.giveUp(wire);
    else if (wire === this.wire) this.finish(name, info);
  }

  /** Ends the session after its output. A client that polls gets the end with the next poll, as it gets one packet after the other. */
  close(): void {
    if (!this.isOpen) return;
    this.isClosing = true;
    this.closeTimer = this.clock.deadlines.schedule(() => this.abort(), CLOSE_TIMEOUT_MS);
    if (this.wire.isReady) this.wire.flushSoon();
  }

  /** Ends the session now. */
  abort(info: CloseInfo = CLOSED_HERE): void {
    this.output = [];
    this.outputBytes = 0;
    this.finish('forced close', info);
  }

  private finish(name: EngineEnd, info: CloseInfo, last: typeof CLOSE | typeof NOOP = CLOSE): void {
    if (this.end !== undefined) return;
    const { wire, candidate } = this;
    this.end = { name, info };
    this.clock.deadlines.remove(this);
    this.closeTimer?.cancel();
    this.upgradeTimer?.cancel();
    this.candidate = undefined;
    this.output = [];
    this.outputBytes = 0;
    candidate?.end(NOOP);
    wire.end(last);
    this.changed(this);
    this.user.ended(this.end);
  }
}

const CLOSED_HERE: CloseInfo = { reason: 'local', by: 'local', error: undefined };
const PEER_ENDED: CloseInfo = { reason: 'peer', by: 'peer', error: undefined };
