import { isHeadraceError } from '@headrace/core';
import { toError, WatchedEmitter } from '@headrace/core/authoring';
import type {
  Bus,
  BusEvents,
  BusHost,
  BusListener,
  BusSubscription,
  DropCause,
  PublishOutcome,
} from './bus.ts';
import type { BusEngine, BusLink, LinkWatcher } from './bus-engine.ts';
import { BUS_ERRORS } from './bus-errors.ts';
import { BusLinkKeeper } from './bus-link-keeper.ts';
import { type BusPlan, busPlan, type EngineBusOptions } from './bus-options.ts';
import { EngineAnswers } from './engine-answers.ts';
import { KeptMessages } from './kept-messages.ts';
import { SharedAnswers } from './shared-answers.ts';
import { Subscriptions } from './subscriptions.ts';

export type { EngineBusOptions } from './bus-options.ts';

/** A bus over an engine. The bus is up while it receives its own heartbeats; see {@link Bus}. */
export class EngineBus extends WatchedEmitter<BusEvents> implements Bus {
  readonly name: string;
  private readonly engine: BusEngine;
  private readonly plan: BusPlan;
  private readonly kept: KeptMessages;
  private readonly subscriptions: Subscriptions;
  private readonly answers: EngineAnswers<BusHost>;
  private readonly watchers: LinkWatcher[] = [];
  private readonly settling = new SharedAnswers(() => this.whileUp((link) => link.settled()));
  private readonly counting = new SharedAnswers((subject) =>
    this.whileUp((link) => link.receivers(subject)),
  );
  private keeper: BusLinkKeeper | undefined = undefined;
  private will: { readonly subject: string; readonly bytes: Uint8Array } | undefined = undefined;
  private isClosed = false;
  private closing: Promise<void> | undefined = undefined;
  private lost = 0;
  private mostBytes = Number.POSITIVE_INFINITY;

  constructor(engine: BusEngine, options: EngineBusOptions = {}) {
    super();
    this.engine = engine;
    this.name = engine.name;
    this.plan = busPlan(options);
    this.answers = new EngineAnswers(engine.name);
    this.kept = new KeptMessages(this.plan.whenDown, ({ subject, bytes }, why) =>
      this.drop(subject, bytes, why),
    );
    this.subscriptions = new Subscriptions({
      subscribed: (subject) => this.keeper?.link?.subscribe(subject),
      unsubscribed: (subject) => this.keeper?.link?.unsubscribe(subject),
      listenerThrew: (subject, error) =>
        this.answers.host.logger.log('error', `a listener of ${subject} threw`, error),
    });
  }

  /** The kind of the engine, or an empty text. */
  get kind(): string {
    return this.engine.kind ?? '';
  }

  /** `up` while the bus receives its own heartbeats, and every subscription is in force. */
  get state(): 'up' | 'down' {
    return this.upLink === undefined ? 'down' : 'up';
  }

  /** The number of messages that were lost in this process so far. */
  get droppedCount(): number {
    return this.lost;
  }

  get subscriptionCount(): number {
    return this.subscriptions.size;
  }

  /** Maximum size of one message, in bytes, as the engine said when the last link was made. */
  get maxBytes(): number {
    return this.mostBytes;
  }

  /**
   * Begins to connect. `Cluster.join` calls this method.
   *
   * @throws ChannelError `BUS_DOWN` if a cluster has opened the bus already, or the bus was closed
   */
  open(host: BusHost): void {
    const { answers } = this;
    if (this.isClosed) throw answers.busError('was closed: each cluster needs a new one');
    if (answers.isOpened) throw answers.busError('is in use by a cluster already');
    answers.opened(host);
    this.tell((watcher) => watcher.opened(host));
    const keeper = new BusLinkKeeper(this.engine, this.plan, host, {
      linked: (link) => this.linked(link),
      givesKept: () => this.deliverKept(),
      linkUp: () => {
        this.tell((watcher) => watcher.linkUp());
        this.emit('up');
      },
      unlinked: () => this.unlinked(),
      failed: (cause, wasUp) => {
        if (wasUp) this.emit('down', cause);
      },
      broken: (cause) => {
        answers.broken(cause);
        this.tell((watcher) => watcher.broken?.(cause));
        this.emit('down', cause);
      },
      received: (subject, bytes) => this.subscriptions.deliver(subject, bytes),
    });
    this.keeper = keeper;
    this.subscribe(host.probe, (bytes) => keeper.heard(bytes));
    keeper.connect();
  }

  /**
   * Sends a message. While the bus is down, the message is kept within `whenDown`. While the bus is up, at most 16 MiB can be
   * under way to the engine; further messages are dropped.
   */
  publish(subject: string, bytes: Uint8Array): PublishOutcome {
    if (this.isClosed) return this.drop(subject, bytes, 'closed');
    if (bytes.byteLength > this.mostBytes) return this.drop(subject, bytes, 'tooLong');
    const { keeper } = this;
    if (keeper?.upLink === undefined) {
      const { clock } = this.answers.host;
      return this.kept.add(subject, bytes, clock.now())
        ? 'kept'
        : this.drop(subject, bytes, 'full');
    }
    if (keeper.upLink.isForbidden?.(subject) === true)
      return this.drop(subject, bytes, 'forbidden');
    return keeper.publish(subject, bytes) ? 'sent' : this.drop(subject, bytes, 'stuck');
  }

  /** Keeps a message that the engine publishes if this process ends without closing the bus; see {@link Bus.setWill}. */
  setWill(subject: string, bytes: Uint8Array): void {
    this.will = { subject, bytes };
    this.keeper?.link?.setWill?.(subject, bytes);
    this.engine.witness?.setWill(subject, bytes, (its, will) => this.publish(its, will));
  }

  /** Listens to a subject. On each new link, the subscription is in force before `up`. Errors of a listener are logged. */
  subscribe(subject: string, listener: BusListener): BusSubscription {
    if (this.isClosed) return { close: () => {} };
    return this.subscriptions.add(subject, listener);
  }

  settled(): Promise<void> {
    return this.settling.of('');
  }

  /** Resolves with the number of links that listen, or 1 for any if the engine does not count. Rejects with `BUS_DOWN`. */
  receivers(subject: string): Promise<number> {
    return this.counting.of(subject);
  }

  /** Reports the links of the bus to a watcher from now on, beginning with the present one. */
  watchLinks(watcher: LinkWatcher): void {
    const { answers, keeper } = this;
    if (answers.isOpened) watcher.opened(answers.host);
    if (this.isClosed) {
      watcher.closed();
      return;
    }
    this.watchers.push(watcher);
    if (keeper?.link !== undefined) watcher.linked(keeper.link);
    if (keeper?.upLink !== undefined) watcher.linkUp();
    if (answers.neverUp !== undefined) watcher.broken?.(answers.neverUp);
  }

  /**
   * Sends the messages that were passed to the engine, for at most 2 s, and closes the bus. Kept messages are dropped as
   * `closed`. A second call returns the same promise.
   */
  close(): Promise<void> {
    this.closing ??= this.end();
    return this.closing;
  }

  protected override listenerFailed(event: string, _args: readonly unknown[], error: Error): void {
    // A bus that is closed without having been opened also reports its dropped messages, but has no logger.
    if (!this.answers.isOpened) return;
    this.answers.host.logger.log('error', `a listener of the bus’s ${event} threw`, error);
  }

  private get upLink(): BusLink | undefined {
    return this.keeper?.upLink;
  }

  private async end(): Promise<void> {
    const { keeper } = this;
    const wasUp = this.upLink !== undefined;
    this.isClosed = true;
    const ending = keeper?.end(this.answers.busError('was closed'));
    this.tell((watcher) => watcher.closed());
    for (let left = this.kept.shift(); left !== undefined; left = this.kept.shift()) {
      this.drop(left.subject, left.bytes, 'closed');
    }
    this.subscriptions.clear();
    this.engine.witness?.close();
    await ending;
    if (wasUp) this.emit('down', undefined);
  }

  private linked(link: BusLink): void {
    this.mostBytes = link.maxBytes ?? Number.POSITIVE_INFINITY;
    for (const subject of this.subscriptions.subjects()) link.subscribe(subject);
    if (this.will !== undefined) link.setWill?.(this.will.subject, this.will.bytes);
    this.tell((watcher) => watcher.linked(link));
  }

  private unlinked(): void {
    this.tell((watcher) => watcher.unlinked());
    this.answers.unlinked();
  }

  private deliverKept(): void {
    const { link } = this.keeper!;
    this.kept.expire(this.answers.host.clock.now());
    // A listener of `dropped` may close the bus.
    while (this.keeper!.link === link) {
      const next = this.kept.shift();
      if (next === undefined) return;
      if (next.bytes.byteLength > this.mostBytes) this.drop(next.subject, next.bytes, 'tooLong');
      else this.keeper!.give(next.subject, next.bytes);
    }
  }

  /** Tells each watcher. A watcher that is added meanwhile learns of it from {@link watchLinks}. */
  private tell(report: (watcher: LinkWatcher) => void): void {
    for (const watcher of [...this.watchers]) {
      try {
        report(watcher);
      } catch (thrown) {
        this.listenerFailed('links', [], toError(thrown));
      }
    }
  }

  private async whileUp<T>(ask: (link: BusLink) => Promise<T>): Promise<T> {
    const { upLink } = this;
    if (upLink === undefined) throw this.answers.downError();
    try {
      return await this.answers.whileLinked(ask(upLink));
    } catch (thrown) {
      throw isHeadraceError(thrown, BUS_ERRORS.BUS_DOWN)
        ? thrown
        : this.answers.downError(toError(thrown));
    }
  }

  private drop(subject: string, bytes: Uint8Array, why: DropCause): 'dropped' {
    this.lost += 1;
    this.emit('dropped', { subject, why, bytes: bytes.byteLength });
    return 'dropped';
  }
}
