import { isIP } from 'node:net';
import type { Clock, DatagramSocket, OutboundBytes } from '@headrace/core';
import { toBuffer, toError } from '@headrace/core/authoring';
import type { DatagramCounters } from './datagram-counters.ts';
import { datagramError } from './datagram-failure.ts';

/**
 * Sends the messages of one write, and reports which of them the kernel refused. The socket reports outcomes of addresses
 * in their order, so that those need no function for each datagram.
 */
export class DatagramSender {
  private readonly socket: DatagramSocket;
  private readonly counters: DatagramCounters;
  private readonly clock: Clock;
  private readonly done: (failures: ReadonlyMap<number, Error> | undefined) => void;
  /** Of the write under way. */
  private awaited = 0;
  private settled = 0;
  private failures: Map<number, Error> | undefined = undefined;
  /** How many outcomes of addresses have come. */
  private nextPlace = 0;
  /** The places of addresses, if the write has names, too. */
  private places: number[] | undefined = undefined;
  private lastAddress = '';

  constructor(
    socket: DatagramSocket,
    counters: DatagramCounters,
    clock: Clock,
    done: (failures: ReadonlyMap<number, Error> | undefined) => void,
  ) {
    this.socket = socket;
    this.counters = counters;
    this.clock = clock;
    this.done = done;
  }

  /** @param count - how many calls of `send` follow */
  begin(count: number): void {
    this.awaited = count;
    this.settled = 0;
    this.nextPlace = 0;
    this.failures = undefined;
    this.places = undefined;
  }

  send(place: number, bytes: OutboundBytes, host: string | undefined, port: number): void {
    let buffer: Uint8Array;
    try {
      buffer = toBuffer(bytes);
    } catch (thrown) {
      // The others of its write are counted on.
      this.refuse(place, toError(thrown));
      return;
    }
    if (host === undefined || host === this.lastAddress || isIP(host) !== 0) {
      if (host !== undefined) this.lastAddress = host;
      this.places?.push(place);
      this.socket.send(buffer, host, port, this.sentNext);
      return;
    }
    this.leavePlace(place);
    this.socket.send(buffer, host, port, (error) => {
      if (error !== null) this.fail(place, datagramError(error, host, port));
      this.settle(error);
    });
  }

  /** In place of `send`: it is not sent. */
  refuse(place: number, error: Error): void {
    this.leavePlace(place);
    this.fail(place, error);
    this.clock.execute(() => this.settle(error));
  }

  /** Its outcome does not come in the order of the others. */
  private leavePlace(place: number): void {
    this.places ??= Array.from({ length: place }, (_, before) => before);
  }

  private readonly sentNext = (error: Error | null): void => {
    const at = this.nextPlace;
    this.nextPlace += 1;
    if (error !== null) this.fail(this.places?.[at] ?? at, datagramError(error));
    this.settle(error);
  };

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
