import type { ClientState, ReconnectingClient } from '@headrace/client';
import { type Channel, type ConnectPlace, TimedOutError } from '@headrace/core';
import { attempted, callSafely, isPromiseLike, toError } from '@headrace/core/authoring';
import { Call, CallTable, requestLost } from '@headrace/handlers/call';
import { Logger } from '@nestjs/common';
import { ClientProxy, type ReadPacket, type WritePacket } from '@nestjs/microservices';
import { connectable, defer, Observable, Subject } from 'rxjs';
import type { HeadraceStatus } from '../headrace-status.ts';
import { connectingClients, packetsOf } from './client-links.ts';
import {
  type ClientSettings,
  clientSettings,
  type HeadraceClientOptions,
} from './client-options.ts';
import { HeadraceRecord } from './headrace-record.ts';
import type { ConnectionOwner } from './packet-client-handler.ts';
import { clientClosed } from './packet-error.ts';

/** The events of `on()` of a {@link HeadraceClient}, and their listeners. */
export type HeadraceClientEvents = {
  /** Called when the state of a connection changed. */
  state: (state: ClientState<ConnectPlace, Channel>) => void;
};

type StateListener = HeadraceClientEvents['state'];

/** A pending call of `connect()`. */
interface Waiter {
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

const NO_CONNECTION = 'there is no connection';
const NOTHING = (): void => {};

/**
 * The client's end: a `ClientProxy` over connections that reconnect.
 *
 * The client connects with the first packet, or by `connect()`. `send` and `emit` end with an error that the server returns,
 * or with one of these errors:
 *
 * - `REQUEST_LOST`: there was no connection, or it was lost. `details.sent` is false only if the server cannot have seen the
 *   packet.
 * - `TIMEOUT_REQUEST`, `REJECTED_QUEUE`, `REJECTED_AUTH`.
 * - An error of the codec, for data that it cannot encode.
 *
 * @example
 * ```ts check
 * import { HeadraceClient } from '@headrace/nestjs';
 * import { ClientsModule } from '@nestjs/microservices';
 *
 * ClientsModule.register([
 *   {
 *     name: 'ORDERS',
 *     customClass: HeadraceClient,
 *     options: { servers: [{ host: '127.0.0.1', port: 3000 }] },
 *   },
 * ]);
 * ```
 */
export class HeadraceClient extends ClientProxy<HeadraceClientEvents> {
  private readonly settings: ClientSettings;
  private readonly logger = new Logger(HeadraceClient.name);
  private readonly table: CallTable;
  private readonly owner: ConnectionOwner;
  private readonly listeners: StateListener[] = [];
  private readonly waiters = new Set<Waiter>();
  private clients: readonly ReconnectingClient[] = [];
  private lastId = 0;
  /** Error of the last refused sign-in, if no connection has succeeded since. */
  private refusal: Error | undefined = undefined;
  /** Whether a failed event was logged since the last connection was made. */
  private hasLoggedEvent = false;

  /** @throws OptionError if an option is not valid */
  constructor(options: HeadraceClientOptions) {
    super();
    const settings = clientSettings(options);
    this.settings = settings;
    this.initializeSerializer(options as never);
    this.initializeDeserializer(options as never);
    const { clock, maxInFlight, maxQueued } = settings;
    this.table = new CallTable(clock, { maxQueued, resends: true, keepsProcess: true });
    this.owner = {
      table: this.table,
      maxInFlight,
      deserialize: (message) => this.deserializer.deserialize(message),
      refused: (error) => this.refused(error),
      leaving: (channel) => this.clients.find((client) => client.channel === channel)?.moveOn(),
      lost: (error) => {
        // After close(), no packet may wait for a connection.
        if (this.clients.length === 0) this.table.failQueued(() => clientClosed(error));
      },
    };
    // Reports a mistake in an option now.
    this.makeClients();
  }

  /** Emits the current status and each change. The same value is not repeated. */
  override get status(): Observable<HeadraceStatus> {
    return super.status as Observable<HeadraceStatus>;
  }

  /**
   * Connects if necessary, and resolves with the first connection. Rejects if no connection exists within `timeoutMs`, if the
   * server refuses the credentials, or, with `whenOffline: 'fail'`, if an attempt failed. The client continues to try.
   */
  connect(): Promise<void> {
    this.start();
    if (this.table.isConnected) return Promise.resolve();
    return this.failsAtOnce ? Promise.reject(this.table.lastLoss) : this.connected();
  }

  /**
   * Closes the connections. Requests and events that wait, or that have no answer yet, fail. A later `connect()`, `send()` or
   * `emit()` connects again.
   */
  async close(): Promise<void> {
    const { clients } = this;
    this.clients = [];
    if (clients.length === 0) return;
    this.giveUp(clientClosed());
    await Promise.all(clients.map((client) => client.close()));
  }

  /** Sends a request for each subscription. Unsubscribing cancels the request, at the server too. */
  override send<R = unknown, I = unknown>(pattern: unknown, data: I): Observable<R> {
    if (isNil(pattern) || isNil(data)) return super.send(pattern, data);
    return new Observable<R>((observer) => {
      const packet = this.packetOf(pattern, data);
      return this.publish(packet, this.createObserver(observer));
    });
  }

  /** Sends an event at once. The Observable completes when the kernel has accepted the event. */
  override emit<R = unknown, I = unknown>(pattern: unknown, data: I): Observable<R> {
    if (isNil(pattern) || isNil(data)) return super.emit(pattern, data);
    const sending = connectable(
      defer(() => this.dispatchEvent<R>(this.packetOf(pattern, data))),
      { connector: () => new Subject<R>(), resetOnDisconnect: false },
    );
    sending.connect();
    return sending;
  }

  override on<K extends keyof HeadraceClientEvents, C extends HeadraceClientEvents[K]>(
    event: K,
    callback: C,
  ): void {
    if (event === 'state') this.listeners.push(callback);
  }

  /** Returns the `ReconnectingClient`s, one for each connection. */
  unwrap<T = readonly ReconnectingClient[]>(): T {
    if (this.clients.length > 0) return this.clients as T;
    throw new Error('HeadraceClient has not been connected: call connect() first');
  }

  /** Number of requests and events that wait to be sent. */
  get queued(): number {
    return this.table.queued;
  }

  // --- packets ---

  /** Nest's method: sends a request. Returns a function that cancels it. */
  protected publish(packet: ReadPacket, callback: (answer: WritePacket) => void): () => void {
    this.lastId += 1;
    const failed = (err: Error): void => callback({ err, isDisposed: true });
    return this.dispatch(packet, String(this.lastId), callback as never, failed);
  }

  /** Nest's method: sends an event. Resolves when the kernel has accepted the event. */
  protected dispatchEvent<T>(packet: ReadPacket): Promise<T> {
    const pattern = this.normalizePattern(packet.pattern);
    return new Promise<void>((resolve, reject) => {
      this.dispatch({ ...packet, pattern }, undefined, resolve as never, reject);
    }).catch((error: unknown) => {
      this.logEvent(pattern, toError(error));
      throw error;
    }) as Promise<T>;
  }

  /** Serializes and sends a packet. A packet without an id is an event. Returns a function that cancels the packet. */
  private dispatch(
    packet: ReadPacket,
    id: string | undefined,
    resolve: (answer: unknown) => void,
    reject: (error: Error) => void,
  ): () => void {
    let call: Call | undefined;
    let isDropped = false;
    const submit = (message: unknown, { timeoutMs, gapTimeoutMs }: PacketTimes): void => {
      if (isDropped) return;
      this.start();
      if (this.failsAtOnce) {
        reject(requestLost(NO_CONNECTION, false, this.table.lastLoss));
        return;
      }
      call = new Call(message, timeoutMs, resolve, reject, id !== undefined);
      call.id = id;
      call.gapMs = gapTimeoutMs;
      this.table.submit(call);
    };
    try {
      const { data, times } = this.unwrapRecord(packet.data);
      const plain = { ...packet, data, ...(id !== undefined && { id }) };
      const message: unknown = this.serializer.serialize(plain);
      if (isPromiseLike(message)) {
        const { clock } = this.settings;
        const { timeoutMs } = times;
        const text = `the serializer returned no message within ${timeoutMs} ms`;
        const error = () => new TimedOutError('TIMEOUT_REQUEST', text, { timeoutMs });
        attempted(() => message, { limit: { clock, timeoutMs, error } })
          .then((value) => submit(value, times))
          .catch(reject);
      } else submit(message, times);
    } catch (thrown) {
      reject(toError(thrown));
    }
    return () => {
      isDropped = true;
      if (call !== undefined) this.table.drop(call);
    };
  }

  private unwrapRecord(data: unknown): { readonly data: unknown; readonly times: PacketTimes } {
    if (!(data instanceof HeadraceRecord)) return { data, times: this.settings };
    const { timeoutMs = this.settings.timeoutMs, gapTimeoutMs = this.settings.gapTimeoutMs } =
      data.options;
    const times = { timeoutMs: timeOf(timeoutMs), gapTimeoutMs: timeOf(gapTimeoutMs) };
    return { data: data.data, times };
  }

  /** Creates a packet. In Nest 12 a hook sees each packet. */
  private packetOf(pattern: unknown, data: unknown): ReadPacket {
    const { createPacket } = this as unknown as {
      createPacket?: (pattern: unknown, data: unknown) => ReadPacket;
    };
    return createPacket === undefined ? { pattern, data } : createPacket.call(this, pattern, data);
  }

  /** Logs the first lost event, because the Observable of `emit` can have no subscriber. */
  private logEvent(pattern: string, error: Error): void {
    if (this.hasLoggedEvent) return;
    this.hasLoggedEvent = true;
    this.logger.warn(`an event for "${pattern}" was not sent: ${error.message}`);
  }

  // --- connections ---

  private makeClients(): readonly ReconnectingClient[] {
    return connectingClients(this.settings, this.owner, (state) => this.changed(state));
  }

  private start(): void {
    if (this.clients.length > 0) return;
    this.clients = this.makeClients();
    // The state listeners receive the same errors.
    for (const client of this.clients) client.start().catch(NOTHING);
  }

  /** Whether packets fail at once: `whenOffline` is `fail`, and every connection waits for its next attempt. */
  private get failsAtOnce(): boolean {
    if (this.settings.whenOffline === 'wait' || this.table.isConnected) return false;
    return this.clients.every(({ state }) => state.name === 'waiting');
  }

  private changed(state: ClientState<ConnectPlace, Channel>): void {
    if (state.name === 'online') this.online(state.channel);
    else if (state.name === 'waiting') this.lost(state.loss.error);
    else if (state.name === 'closed') this.closed(state.error);
    for (const listener of this.listeners) this.tell(listener, state);
  }

  private online(channel: Channel): void {
    const { line } = packetsOf(channel);
    channel.onClosed(() => this.table.remove(line));
    this.hasLoggedEvent = false;
    this.refusal = undefined;
    this.table.add(line);
    for (const { resolve } of this.waiters) resolve();
    this.waiters.clear();
    this.setStatus('connected');
  }

  private lost(error: Error): void {
    if (this.table.isConnected) return;
    this.setStatus('reconnecting');
    this.table.failedToConnect(this.refusal ?? error);
    if (this.settings.whenOffline === 'fail') {
      this.failWaiting(() => requestLost(NO_CONNECTION, false, error), error);
    }
  }

  /** Fails the waiting packets and calls of `connect()`. The client can still try again. */
  private refused(error: Error): void {
    this.refusal = error;
    this.failWaiting(() => requestLost(NO_CONNECTION, false, error), error);
  }

  /** Ends the client after `close()`, or if `shouldRetry` and the policy allow no further attempt. */
  private closed(error: Error | undefined): void {
    if (this.clients.some(({ state }) => state.name !== 'closed')) return;
    this.clients = [];
    this.giveUp(error ?? clientClosed());
  }

  private giveUp(error: Error): void {
    this.failWaiting(() => clientClosed(error), error);
    this.setStatus('disconnected');
  }

  private setStatus(status: HeadraceStatus): void {
    this._status$.next(status);
  }

  private failWaiting(errorOf: () => Error, forWaiters: Error): void {
    this.table.failQueued(errorOf);
    for (const { reject } of this.waiters) reject(forWaiters);
    this.waiters.clear();
  }

  private async connected(): Promise<void> {
    const { timeoutMs, clock } = this.settings;
    const error = (): Error => {
      const cause = this.table.lastLoss;
      const why = cause === undefined ? '' : `: ${cause.message}`;
      const text = `no connection within ${timeoutMs} ms${why}`;
      return new TimedOutError('TIMEOUT_CONNECT', text, { timeoutMs }, cause);
    };
    let waiter!: Waiter;
    const wait = () =>
      new Promise<void>((resolve, reject) => {
        waiter = { resolve, reject };
        this.waiters.add(waiter);
      });
    await attempted(wait, { limit: { clock, timeoutMs, error } }).finally(() =>
      this.waiters.delete(waiter),
    );
  }

  private tell(listener: StateListener, state: ClientState<ConnectPlace, Channel>): void {
    callSafely(listener, state, (error) => this.logger.error(error));
  }
}

interface PacketTimes {
  readonly timeoutMs: number;
  readonly gapTimeoutMs: number;
}

function timeOf(timeMs: number | false): number {
  return timeMs === false ? Number.POSITIVE_INFINITY : timeMs;
}

function isNil(value: unknown): boolean {
  return value === undefined || value === null;
}
