import { isIP } from 'node:net';
import { type Clock, type DatagramSocket, EncodeError, type OutboundBytes } from '@headrace/core';
import { socketHost, toBuffer, toError, urlHost } from '@headrace/core/authoring';
import { DATAGRAM_ERRORS } from '../datagram-errors.ts';
import type { DatagramCounters } from './datagram-counters.ts';
import { datagramError } from './datagram-failure.ts';
import type { OutcomeReceiver, SendOutcomes } from './send-outcomes.ts';

/**
 * Sends the messages of one write, and reports which of them the kernel refused. The kernel can report outcomes in any order.
 */
export class DatagramSender implements OutcomeReceiver {
  private readonly socket: DatagramSocket;
  private readonly counters: DatagramCounters;
  private readonly clock: Clock;
  private readonly outcomes: SendOutcomes;
  private readonly done: (failures: ReadonlyMap<number, Error> | undefined) => void;
  /** Number of messages in the current write. */
  private awaited = 0;
  private settled = 0;
  private failures: Map<number, Error> | undefined = undefined;
  /** The last address that belongs to the socket's family. */
  private lastAddress = '';

  constructor(
    socket: DatagramSocket,
    counters: DatagramCounters,
    clock: Clock,
    outcomes: SendOutcomes,
    done: (failures: ReadonlyMap<number, Error> | undefined) => void,
  ) {
    this.socket = socket;
    this.counters = counters;
    this.clock = clock;
    this.outcomes = outcomes;
    this.done = done;
  }

  /** @param count - number of calls of `send` or `refuse` that follow */
  begin(count: number): void {
    this.awaited = count;
    this.settled = 0;
    this.failures = undefined;
  }

  send(place: number, bytes: OutboundBytes, given: string | undefined, port: number): void {
    let buffer: Uint8Array;
    try {
      buffer = toBuffer(bytes);
    } catch (thrown) {
      // The other messages of this write still count.
      this.refuse(place, toError(thrown));
      return;
    }
    const isKnown = given === undefined || given === this.lastAddress;
    const host = isKnown ? given : socketHost(given);
    const error = isKnown ? undefined : this.look(host!, port);
    if (error === undefined)
      this.socket.send(buffer, host, port, this.outcomes.of(this, place, host, port));
    else this.refuse(place, error);
  }

  /** Called in place of `send` for a datagram that is not sent. */
  refuse(place: number, error: Error): void {
    this.fail(place, error);
    this.clock.execute(() => this.settle(error));
  }

  /** Checks the family of an address, because the system's error for another family names no cause. */
  private look(host: string, port: number): Error | undefined {
    const kind = isIP(host);
    if (kind === 0) return undefined;
    const local = this.socket.localAddress;
    const family = local !== undefined && 'host' in local ? local.family : undefined;
    const theirs = kind === 6 ? 'IPv6' : 'IPv4';
    if (family === undefined || family === theirs) {
      this.lastAddress = host;
      return undefined;
    }
    const cure =
      kind === 4 ? `write it as ::ffff:${host}, with ipv6Only: false` : 'bind one with family: 6';
    const text = `${urlHost(host)}:${port} is an ${theirs} address, and the socket is one of ${family}: ${cure}`;
    return new EncodeError(DATAGRAM_ERRORS.DATAGRAM_RECIPIENT, text, { host, port, family });
  }

  /** Handles the socket's report about one datagram. */
  came(place: number, host: string | undefined, port: number, error: Error | null): void {
    if (error !== null) this.fail(place, datagramError(error, host, port));
    this.settle(error);
  }

  private fail(place: number, error: Error): void {
    this.failures ??= new Map();
    this.failures.set(place, error);
  }

  private settle(error: Error | null): void {
    if (error === null) this.counters.sent += 1;
    else this.counters.failed += 1;
    this.settled += 1;
    if (this.settled < this.awaited) return;
    const { failures } = this;
    this.failures = undefined;
    this.done(failures);
  }
}
