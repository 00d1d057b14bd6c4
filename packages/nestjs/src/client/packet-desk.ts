import type { Clock } from '@headrace/core';
import type { WritePacket } from '@nestjs/microservices';
import type { OutgoingPacket } from './outgoing-packet.ts';
import type { PacketClientHandler } from './packet-client-handler.ts';
import { packetLost, packetTimedOut, queueFull } from './packet-error.ts';

/** Limits of a {@link PacketDesk}. */
export interface DeskLimits {
  /** Requests of one connection without their last answer; others wait. */
  readonly maxInFlight: number;
  /** Requests and events that wait. */
  readonly maxQueued: number;
}

/**
 * The packets of a client over all its connections: which goes where, which wait and for how long, and what becomes
 * of them when a connection is lost. What waits is sent in order.
 */
export class PacketDesk {
  private readonly clock: Clock;
  private readonly limits: DeskLimits;
  private readonly connections = new Set<PacketClientHandler>();
  private queue = new Set<OutgoingPacket>();
  private isSending = false;
  /** Why there is no connection. */
  private lastLoss: Error | undefined = undefined;

  constructor(clock: Clock, limits: DeskLimits) {
    this.clock = clock;
    this.limits = limits;
  }

  /** Packets that wait. */
  get queued(): number {
    return this.queue.size;
  }

  get isConnected(): boolean {
    return this.connections.size > 0;
  }

  /** Why the last try to connect failed, if there is no connection. */
  get whyOffline(): Error | undefined {
    return this.lastLoss;
  }

  // --- connections ---

  add(connection: PacketClientHandler): void {
    this.connections.add(connection);
    this.lastLoss = undefined;
    this.sendQueued();
  }

  remove(connection: PacketClientHandler): void {
    this.connections.delete(connection);
  }

  /** Packets of a lost connection: what certainly never left waits for the next one, ahead of all others. */
  lost(packets: readonly OutgoingPacket[], error: Error): void {
    const again: OutgoingPacket[] = [];
    for (const packet of packets) {
      packet.connection = undefined;
      if (packet.mayHaveLeft) packet.fail(packetLost('the connection was lost', true, error));
      else if (!packet.isOver) again.push(packet);
    }
    if (again.length === 0) return;
    for (const packet of again) packet.write = undefined;
    this.queue = new Set([...again, ...this.queue]);
    this.sendQueued();
  }

  /** A try to connect failed: what waits will know why, if its time is over before another succeeds. */
  failedToConnect(error: Error): void {
    this.lastLoss = error;
  }

  /** No connection is to be waited for. */
  failQueued(errorOf: () => Error): void {
    const waiting = [...this.queue];
    this.queue.clear();
    for (const packet of waiting) packet.fail(errorOf());
  }

  // --- packets ---

  submit(packet: OutgoingPacket): void {
    const connection = this.queue.size === 0 ? this.leastBusy(packet) : undefined;
    if (connection === undefined && this.queue.size >= this.limits.maxQueued) {
      packet.fail(queueFull(this.limits.maxQueued));
      return;
    }
    this.expireAfter(packet, packet.timeoutMs);
    if (connection === undefined) this.queue.add(packet);
    else connection.send(packet);
  }

  /** The caller has gone. */
  drop(packet: OutgoingPacket): void {
    if (!packet.end()) return;
    this.queue.delete(packet);
    packet.connection?.drop(packet);
  }

  answered(packet: OutgoingPacket, answer: WritePacket): void {
    if (answer.isDisposed === true) packet.end();
    else this.expireAfter(packet, packet.gapTimeoutMs);
    packet.outcome.answer(answer);
  }

  /** Sends what waits, as far as there is room. */
  sendQueued(): void {
    if (this.isSending) return;
    this.isSending = true;
    let sent: ReadonlySet<OutgoingPacket>;
    do {
      sent = this.queue;
      for (const packet of sent) {
        const connection = this.leastBusy(packet);
        if (connection === undefined) break;
        this.queue.delete(packet);
        connection.send(packet);
        // A connection that is lost within its write puts its packets ahead of these.
        if (this.queue !== sent) break;
      }
    } while (this.queue !== sent);
    this.isSending = false;
  }

  private leastBusy({ id }: OutgoingPacket): PacketClientHandler | undefined {
    let found: PacketClientHandler | undefined;
    for (const connection of this.connections) {
      if (!connection.takesMore) continue;
      if (id !== undefined && connection.inFlight >= this.limits.maxInFlight) continue;
      if (found === undefined || connection.inFlight < found.inFlight) found = connection;
    }
    return found;
  }

  private expireAfter(packet: OutgoingPacket, timeoutMs: number): void {
    packet.timer?.cancel();
    packet.timer = undefined;
    if (!Number.isFinite(timeoutMs)) return;
    packet.timer = this.clock.schedule(() => this.expired(packet, timeoutMs), timeoutMs, true);
  }

  private expired(packet: OutgoingPacket, timeoutMs: number): void {
    const sent = packet.mayHaveLeft;
    const error = packetTimedOut(timeoutMs, sent, sent ? undefined : this.lastLoss);
    if (!packet.end()) return;
    this.queue.delete(packet);
    packet.connection?.drop(packet);
    packet.outcome.failed(error);
  }
}
