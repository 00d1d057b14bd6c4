import {
  type Channel,
  ChannelError,
  type ConnectPlace,
  TimedOutError,
  type Timer,
  type WriteFuture,
} from '@headrace/core';
import {
  Attempt,
  type AttemptLimit,
  onAbort,
  onceInputDelivered,
  releaseSource,
  SettableFuture,
  toError,
  UnobservedFailures,
  WatchedEmitter,
} from '@headrace/core/authoring';
import { HeartbeatProbeEvent } from '@headrace/handlers';
import { AddressSource } from '../address/address-source.ts';
import { movedPlace } from '../address/moved-place.ts';
import { CLIENT_ERRORS } from '../client-errors.ts';
import { closeLate, connectTimedOut } from '../retry/late-connection.ts';
import type { ClientState } from './client-state.ts';
import {
  closedChannel,
  failedConnect,
  failedReady,
  keptPage,
  type Loss,
  leavingServer,
  repairable,
} from './loss.ts';
import { OfflineQueue } from './offline-queue.ts';
import { followPage } from './page-life.ts';
import { plannedDelay } from './planned-end.ts';
import { type ReconnectAction, ReconnectMachine } from './reconnect-machine.ts';
import {
  type ReconnectingClientOptions,
  type ReconnectSettings,
  reconnectSettings,
  textOfPlace,
} from './reconnect-options.ts';

/** Time in which a step under way must go on after the page is shown, because it can have stalled while no code ran. */
const WAKE_MS = 1000;
/** Maximum number of connections that are left to servers. The client ends the oldest of more, which its server does not end. */
const MAX_LEFT = 8;

/** Events of a `ReconnectingClient`, with the arguments of their listeners. */
export interface ReconnectingClientEvents<P = unknown, C = unknown> {
  /** The state changed, see {@link ClientState}. Every change is reported, in order. */
  state: [state: ClientState<P, C>];
  /** A try failed, or the connection was lost. Also fired if another place is tried without a wait. */
  loss: [loss: Loss<P>];
  /**
   * The user leaves the page. The client closes its connection after this event, so a listener can send last messages. `isKept`
   * is true if the browser can show the page again unchanged; the client then connects again. Never fired on Node.
   */
  leave: [isKept: boolean];
}

/**
 * A client that connects to a server, detects a loss, waits, and reconnects, until it is closed. Each connection is a new channel
 * with new handlers.
 *
 * - **Online** writes are passed to the channel. If the connection is lost before the kernel has accepted a write, the write
 *   fails. The client does not repeat the write, because the write may have arrived. Only a protocol can acknowledge a message.
 * - **Offline** writes wait in order, limited in number, bytes and time. The client sends waiting writes after `ready` and before
 *   later writes. Writes that exceed a limit fail with `REJECTED_QUEUE`. Queued writes need no flush.
 * - **A loss** is detected by handlers in the pipeline. Add `HeartbeatHandler(HEARTBEAT_PRESETS.relaxed)`, because TCP alone
 *   detects a dead peer after many minutes or never. Every end of the channel is a loss, including `channel.close()`.
 * - **In a page** a wait ends at once when the browser is online again, or the page is visible or awake again. A try that is then
 *   under way is made again if it does not go on within a second. A heartbeat is sent at once on an open connection. When the user leaves the page, the client closes its connection. A page that returns
 *   from the back/forward cache connects again.
 * - **The end** is `close()`, the signal, `shouldRetry` that returns false, a retry policy that returns `undefined`, or an
 *   `OptionError`. If the client gives up while `start()` waits, `start()` rejects with `RECONNECT_GIVEN_UP`.
 *
 * @typeParam P - place type of the bootstrap
 * @typeParam C - channel type of the bootstrap
 *
 * @example
 * ```ts run
 * import { Bootstrap, MemoryNetwork, ServerBootstrap } from '@headrace/core';
 * import { StringCodec } from '@headrace/codec';
 * import { EchoHandler } from '@headrace/handlers';
 * import { fixed, ReconnectingClient } from '@headrace/client';
 *
 * const network = new MemoryNetwork();
 * const server = await new ServerBootstrap()
 *   .childHandler((channel) => channel.pipeline.addLast(new EchoHandler()))
 *   .bind({ network, name: 'echo' });
 *
 * const client = new ReconnectingClient({
 *   bootstrap: new Bootstrap().handler((channel) => channel.pipeline.addLast(new StringCodec())),
 *   addresses: [{ network, name: 'echo' }],
 *   retry: fixed(1000),
 * });
 * client.on('state', ({ name }) => console.log(name));
 * await client.start();
 * // prints connecting
 * // prints online
 * for (const accepted of server.connections) accepted.close();
 * await client.channel?.closed;
 * // prints waiting
 * await client.writeAndFlush('hello'); // waits for the next connection
 * // prints connecting
 * // prints online
 * await client.close();
 * // prints closed
 * await server.shutdown();
 * ```
 */
export class ReconnectingClient<P = ConnectPlace, C extends Channel = Channel>
  extends WatchedEmitter<ReconnectingClientEvents<P, C>>
  implements AsyncDisposable
{
  private readonly settings: ReconnectSettings<P, C>;
  private readonly machine: ReconnectMachine<P, C>;
  private readonly source: AddressSource<P>;
  private readonly queue: OfflineQueue;
  private unseen: UnobservedFailures;
  /** Resolves at the first `online`. */
  private readonly started = new SettableFuture();
  /** The step under way: the search for a place, or `ready`. */
  private attempt: { drop(): void } | undefined = undefined;
  private readonly tries = new Map<Attempt<C>, P>();
  private timer: Timer | undefined = undefined;
  /** Drops the step that was under way when the page was shown. */
  private wakeTimer: Timer | undefined = undefined;
  private current: C | undefined = undefined;
  /** Channels that the client has left, and that their servers have not ended yet. */
  private readonly left = new Set<C>();
  /** The channel of the lost connection, whose handlers may still have input. */
  private last: C | undefined = undefined;
  /** Whether a place is searched when {@link last} has delivered its input. */
  private isFindDue = false;
  /** Place of the latest try, or of the connection. */
  private place: P | undefined = undefined;
  /** Place of the last connection. */
  private inUse: P | undefined = undefined;
  private unfollow: (() => void) | undefined = undefined;
  private stopListening: (() => void) | undefined = undefined;
  /** The end of the last channel, after the client was closed. */
  private ending: Promise<unknown> | undefined = undefined;
  /** Actions that arrive while other actions are executed, and wait here to keep the order. */
  private readonly actions: ReconnectAction<P, C>[] = [];
  private isActing = false;

  /** @throws OptionError if an option is not valid */
  constructor(options: ReconnectingClientOptions<P, C>) {
    super();
    const settings = reconnectSettings(options);
    this.settings = settings;
    const { addresses, order, random, balance, offline, clock, signal } = settings;
    this.machine = new ReconnectMachine<P, C>(settings);
    this.source = new AddressSource(addresses, order, random, clock, balance);
    this.queue = new OfflineQueue(offline, clock, (future) =>
      this.unseen.add(future as SettableFuture),
    );
    this.unseen = this.watchFailures();
    if (signal?.aborted === true) this.aborted();
    else this.stopListening = signal && onAbort(signal, () => this.aborted());
  }

  get state(): ClientState<P, C> {
    return this.machine.state;
  }

  /**
   * Channel of the connection, if the client is online and the channel has not begun to end. Do not store the channel, because
   * each connection has a new channel.
   */
  get channel(): C | undefined {
    const { state } = this.machine;
    return state.name === 'online' && isUsable(state.channel) ? state.channel : undefined;
  }

  /** Number of writes that wait for a connection. */
  get waitingMessages(): number {
    return this.queue.size;
  }

  /** Bytes of the waiting writes, including 64 for each message. */
  get waitingBytes(): number {
    return this.queue.bytes;
  }

  /**
   * Connects, and reconnects after each loss. Resolves when the client is online for the first time. Rejects with
   * `RECONNECT_GIVEN_UP`, or when the client is closed before. The promise can be ignored, because the state reports the same.
   */
  start(): Promise<void> {
    if (this.state.name === 'idle') {
      this.unfollow = followPage({
        networkChanged: () => this.probeNow('networkChanged'),
        woke: () => this.probeNow('woke'),
        left: (isKept) => this.leave(isKept),
      });
      this.act(this.machine.start(this.settings.clock.now()));
    }
    const started = Promise.resolve(this.started);
    // An application that listens to states can ignore the promise.
    started.catch(() => {});
    return started;
  }

  /** Writes to the connection, or keeps the message until the client is online. Queued messages need no flush. */
  write(message: Parameters<C['write']>[0]): WriteFuture {
    const { state } = this;
    if (state.name === 'closed') return this.refuse(message, state.error);
    const channel = this.queue.size === 0 ? this.channel : undefined;
    return channel === undefined ? this.queue.add(message) : channel.write(message);
  }

  /** Flushes the writes of the connection, if the client is online. */
  flush(): void {
    this.channel?.flush();
  }

  /** Writes and flushes, see {@link write} and {@link flush}. */
  writeAndFlush(message: Parameters<C['write']>[0]): WriteFuture {
    const future = this.write(message);
    this.flush();
    return future;
  }

  /**
   * Notifies the client of a change of the machine's network. A waiting client tries as soon as the `budget` allows it, a
   * connecting client starts again, and the `adaptive` interval is reset. If the client is online, the heartbeat handler tests the connection at once
   * (`HeartbeatProbeEvent`).
   */
  networkChanged(): void {
    this.settings.adaptive?.reset();
    this.probeNow('networkChanged');
  }

  private probeNow(because: 'networkChanged' | 'woke'): void {
    const { name } = this.state;
    if (name === 'readying' || (name === 'connecting' && because === 'woke')) {
      this.wakeTimer ??= this.settings.clock.schedule(
        () => this.act(this.machine.stalled()),
        WAKE_MS,
      );
    }
    this.source.beginRound();
    this.act(this.machine[because](this.settings.clock.now()));
    this.channel?.pipeline.fireUserEventTriggered(new HeartbeatProbeEvent('network'));
  }

  private leave(isKept: boolean): void {
    this.emit('leave', isKept);
    if (!isKept) this.finish('local', undefined);
    else if (this.state.name === 'connecting')
      this.lost(failedConnect(keptPage(), this.place), true);
    else this.current?.close();
  }

  /** Closes the client permanently. Waiting writes fail; the channel sends its writes and ends. */
  async close(): Promise<void> {
    this.finish('local', undefined);
    // If a listener calls `close`, the actions follow after the listener has returned.
    await Promise.resolve();
    await this.ending;
  }

  /**
   * Tries these places, for example places that a server named, once each before those of `addresses`. A place without its own
   * `tls` is used with the TLS, the certificate name and the network of the last place. Repeated places count once, and places
   * after the 32nd are ignored.
   *
   * @throws ChannelError `PLACE_REFUSED` for a path after a host, for a `ws:` URL after a `wss:` URL, and for `{ host, port }`
   * with another host after a `wss:` URL
   */
  preferOnce(places: readonly P[]): void {
    this.source.preferOnce(places.map((place) => movedPlace(this.inUse, place)));
  }

  /**
   * Connects again at once, because the server has announced that it takes no more work. The present connection is left
   * to its handlers and to the server, which end it when the work on it is done.
   */
  moveOn(): void {
    const { current } = this;
    if (current === undefined || this.state.name !== 'online') return;
    this.current = undefined;
    this.left.add(current);
    const [oldest] = this.left;
    if (this.left.size <= MAX_LEFT) this.machine.leaves();
    else if (this.left.delete(oldest!)) oldest!.end();
    current.onClosed(() => {
      if (this.left.delete(current))
        this.act(this.machine.leftEnded(this.settings.clock.now(), this.source.restMs));
    });
    this.lostConnection(leavingServer(this.place!));
  }

  /** Calls {@link close}. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  protected override listenerFailed(event: string, _args: readonly unknown[], error: Error): void {
    const { logger } = this.settings;
    logger.log('error', `a listener of "${event}" of a ReconnectingClient failed`, error);
  }

  private aborted(): void {
    this.finish('aborted', toError(this.settings.signal?.reason));
  }

  private finish(reason: 'local' | 'aborted', error: Error | undefined): void {
    this.act(this.machine.close(reason, error));
  }

  private act(actions: readonly ReconnectAction<P, C>[]): void {
    this.actions.push(...actions);
    if (this.isActing) return;
    this.isActing = true;
    for (let next = this.actions.shift(); next !== undefined; next = this.actions.shift()) {
      this.execute(next);
    }
    this.isActing = false;
  }

  private execute(action: ReconnectAction<P, C>): void {
    if (action.do === 'find') this.find();
    else if (action.do === 'connect') this.connect();
    else if (action.do === 'ready') this.makeReady(action.channel);
    else if (action.do === 'online') this.online(action.channel);
    else if (action.do === 'wait') this.wait(action.delayMs);
    else if (action.do === 'drop') this.drop();
    else this.announce(action.state);
  }

  /** Finds the next place, after the last input of the connection that was lost. */
  private find(): void {
    this.timer = undefined;
    const { last } = this;
    if (last === undefined) {
      this.findNow();
      return;
    }
    this.isFindDue = true;
    onceInputDelivered(last, () => {
      this.last = undefined;
      if (this.isFindDue) this.findNow();
    });
    if (this.isFindDue) this.act(this.machine.searching());
  }

  private findNow(): void {
    this.isFindDue = false;
    if (this.source.isKnown) {
      this.found(this.source.take());
      return;
    }
    this.act(this.machine.searching());
    this.attempt = new Attempt<P>(
      (signal) => this.source.find(signal, this.inUse),
      {
        done: (place) => this.found(place),
        failed: (error) => this.lost(failedConnect<P>(error, undefined), true),
        late: (place) => this.source.giveBack(place),
      },
      this.connectLimit('anything: the function addresses returned no answer'),
    );
  }

  private found(place: P): void {
    this.place = place;
    this.act(this.machine.found(place));
  }

  private connect(): void {
    const place = this.place!;
    const { bootstrap } = this.settings;
    const isListed = this.source.isListed(place);
    const attempt: Attempt<C> = new Attempt<C>(
      async (signal) => {
        const channel: C | undefined = await bootstrap.connect(place, { signal });
        if (channel === undefined) throw new TypeError('bootstrap.connect returned no channel');
        return channel;
      },
      {
        done: (channel) => this.connected(attempt, place, channel),
        failed: (error) =>
          this.connectFailed(attempt, failedConnect(isListed ? error : repairable(error), place)),
        late: closeLate,
      },
      this.connectLimit(textOfPlace(place)),
    );
    this.tries.set(attempt, place);
    this.planJoin();
  }

  private connectLimit(where: string): AttemptLimit {
    const { clock, connectTimeoutMs: timeoutMs } = this.settings;
    return { clock, timeoutMs, error: () => connectTimedOut(where, timeoutMs) };
  }

  private planJoin(): void {
    const { placeRaceMs, clock } = this.settings;
    this.timer?.cancel();
    const isRace = this.source.hasNext && Number.isFinite(placeRaceMs);
    this.timer = isRace ? clock.schedule(() => this.join(), placeRaceMs, true) : undefined;
  }

  /** Adds the next place to the race. */
  private join(): void {
    this.timer = undefined;
    if (!this.source.hasNext) return;
    if (!this.machine.mayJoin(this.settings.clock.now())) {
      this.planJoin();
      return;
    }
    this.place = this.source.take();
    this.act(this.machine.joined(this.place));
  }

  private connectFailed(attempt: Attempt<C>, loss: Loss<P>): void {
    this.source.failed(this.tries.get(attempt)!, loss.error);
    this.tries.delete(attempt);
    if (this.tries.size === 0) {
      this.lost(loss, !this.source.hasNext);
      return;
    }
    this.announceLoss(loss);
    this.act(this.machine.failedBeside(loss, this.settings.clock.now()));
    // A listener may have closed the client.
    if (this.tries.size > 0) this.join();
  }

  private connected(attempt: Attempt<C>, place: P, channel: C): void {
    this.hasGoneOn();
    this.timer?.cancel();
    this.tries.delete(attempt);
    this.dropTries();
    this.place = place;
    this.inUse = place;
    this.current = channel;
    this.act(this.machine.connected(place, channel, this.settings.clock.now()));
    channel.onClosed(() => this.closed(channel));
  }

  private makeReady(channel: C): void {
    const { ready, clock, readyTimeoutMs: timeoutMs } = this.settings;
    const text = `ready took longer than readyTimeoutMs (${timeoutMs})`;
    this.attempt = new Attempt<unknown>(
      () => Promise.resolve(ready!(channel)),
      {
        done: () => this.act(this.machine.readied(channel, clock.now())),
        failed: (error) => this.notReady(failedReady(error, this.place!)),
      },
      {
        clock,
        timeoutMs,
        error: () => new TimedOutError(CLIENT_ERRORS.TIMEOUT_READY, text, { timeoutMs }),
      },
    );
  }

  private online(channel: C): void {
    this.hasGoneOn();
    this.unseen = this.watchFailures();
    this.queue.lost(undefined);
    this.queue.sendTo(channel);
  }

  /** Handles a closed channel. A dropped channel is not a loss. */
  private closed(channel: C): void {
    if (this.current !== channel) return;
    this.current = undefined;
    this.last = channel;
    if (this.state.name === 'readying') {
      this.notReady(closedChannel(channel, this.place!, 'readying'));
      return;
    }
    this.lostConnection(closedChannel(channel, this.place!, 'online'));
  }

  private lostConnection(loss: Loss<P>): void {
    const place = this.place!;
    const plannedMs = plannedDelay(loss, this.source.hasBeside(place), this.settings.random);
    const wasStable = this.machine.isStable(this.settings.clock.now());
    this.source.lost(place, loss.error, wasStable, plannedMs !== undefined);
    this.lost(loss, true, plannedMs);
  }

  private notReady(loss: Loss<P>): void {
    this.source.failed(this.place!, loss.error);
    this.lost(loss, !this.source.hasNext);
  }

  private lost(loss: Loss<P>, isRoundOver: boolean, plannedMs?: number): void {
    this.announceLoss(loss);
    const { restMs } = this.source;
    this.act(this.machine.lost(loss, this.settings.clock.now(), isRoundOver, restMs, plannedMs));
  }

  private announceLoss(loss: Loss<P>): void {
    this.queue.lost(loss.error);
    this.emit('loss', loss);
  }

  private wait(delayMs: number): void {
    const { clock } = this.settings;
    this.timer?.cancel();
    this.timer = clock.schedule(() => this.act(this.machine.due(clock.now())), delayMs, true);
  }

  private hasGoneOn(): void {
    this.wakeTimer?.cancel();
    this.wakeTimer = undefined;
  }

  private drop(): void {
    this.hasGoneOn();
    this.isFindDue = false;
    this.timer?.cancel();
    this.timer = undefined;
    const { attempt } = this;
    this.attempt = undefined;
    attempt?.drop();
    this.dropTries();
    const channel = this.current;
    if (channel !== undefined) this.source.release(this.place!);
    this.current = undefined;
    // A ready channel ends in order, because the application may have written last messages. Other
    // channels close.
    const { state } = this;
    if (state.name !== 'closed') {
      channel?.close();
      return;
    }
    // A client that has given up has answers to come over a connection that it has left.
    const all = state.reason === 'given-up' ? [channel] : [channel, ...this.left];
    this.ending ??= Promise.all(all.map(async (one) => one?.end() && one.closed));
  }

  private dropTries(): void {
    for (const [attempt, place] of this.tries) {
      attempt.drop();
      this.source.giveBack(place);
    }
    this.tries.clear();
  }

  private announce(state: ClientState<P, C>): void {
    if (state.name === 'closed') this.ended(state.error);
    this.emit('state', state);
    if (state.name === 'online') this.started.succeed();
  }

  private ended(error: Error | undefined): void {
    this.unfollow?.();
    this.stopListening?.();
    this.queue.end(closedError(error));
    // Without a listener, this is not an unhandled rejection.
    this.started.fail(error ?? closedError(undefined));
  }

  private refuse(message: unknown, cause: Error | undefined): WriteFuture {
    void releaseSource(message);
    const error = closedError(cause);
    const future = SettableFuture.failed(error);
    this.unseen.add(future);
    return future;
  }

  /** Limits the log to one line for each absence. */
  private watchFailures(): UnobservedFailures {
    const { clock, logger } = this.settings;
    const text = 'a write without a connection failed, and nothing handled its error';
    return new UnobservedFailures(clock, (error) => logger.log('warn', text, error));
  }
}

function isUsable(channel: Channel): boolean {
  return channel.isActive && !channel.isEnding;
}

function closedError(cause: Error | undefined): ChannelError {
  return new ChannelError('CHANNEL_CLOSED', 'the client is closed', {}, cause);
}
