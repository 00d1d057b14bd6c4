import type { BusSubscription } from '@headrace/bus';
import { OptionError } from '@headrace/core';
import { toError } from '@headrace/core/authoring';
import type { LogKind, StoreAnswers, StoreKind, StoreLink } from '../contract/store-link.ts';
import { type LogShare, LogStream } from './log-stream.ts';

/** Number of stored messages after which an answer waits for the event loop. */
const ANSWERS_OF_TURN = 256;

/** The log of a bus over an engine, of either kind. It opens, follows and appends again over each new link. */
export class EngineLog<K extends StoreKind = LogKind> {
  private readonly answers: StoreAnswers;
  private readonly groups: string;
  private readonly checked: (limits: K['limits']) => K['limits'];
  private readonly streams = new Map<string, LogStream<K>>();
  private link: StoreLink<K> | undefined = undefined;
  private isUp = false;
  private isClosed = false;
  private readonly share: LogShare;
  private answered = 0;
  /** The turn of the event loop that answers wait for. */
  private turn: Promise<void> | undefined = undefined;
  /** Whether this link's line was logged. Each link logs one line. */
  private hasComplained = false;

  /**
   * @param groups - the kind of groups that the log is for, for log lines
   * @param checked - a function that returns the limits of a stream, checked
   */
  constructor(
    answers: StoreAnswers,
    groups: string,
    checked: (limits: K['limits']) => K['limits'],
  ) {
    this.answers = answers;
    this.groups = groups;
    this.checked = checked;
    this.share = {
      waitingCount: 0,
      waitingBytes: 0,
      complain: (cause) => this.complain(cause),
    };
  }

  async open(stream: string, limits: K['limits']): Promise<void> {
    const checked = this.checked(limits);
    let known = this.streams.get(stream);
    if (known === undefined) {
      known = new LogStream<K>(this.answers, stream, this.share);
      this.streams.set(stream, known);
      if (this.link !== undefined) known.linked(this.link);
      if (this.isUp) known.linkUp();
    }
    await known.open(checked);
  }

  async append(stream: string, id: string, write: K['write']): Promise<K['answer']> {
    const answer = await this.opened(stream).append(id, write);
    this.answered += 1;
    if (this.answered % ANSWERS_OF_TURN === 0) this.turn ??= this.nextTurn();
    // Answers keep their order: those that come meanwhile wait, too.
    if (this.turn !== undefined) await this.turn;
    return answer;
  }

  /**
   * An engine in this process answers before the next turn of the event loop. Sockets and timers must have their turn, too, while a
   * program awaits one change after the other.
   */
  private nextTurn(): Promise<void> {
    return new Promise((resolve) => {
      this.answers.host.clock.nextTurn(() => {
        this.turn = undefined;
        resolve();
      });
    });
  }

  async read(stream: string, after: number, limit: number): Promise<K['page']> {
    const known = this.opened(stream);
    const { link } = this;
    if (link === undefined || !this.isUp) throw this.answers.downError();
    try {
      await known.opening(link);
      // A link that has ended need not answer.
      if (this.link !== link) throw new Error('the link was lost');
      return await this.answers.whileLinked(link.read(stream, after, limit));
    } catch (thrown) {
      throw this.answers.downError(toError(thrown));
    }
  }

  follow(stream: string, listener: (entry: K['entry']) => void): BusSubscription {
    return this.opened(stream).follow(listener);
  }

  /** Forgets a stream that nobody follows and nothing is appended to. */
  release(stream: string): void {
    const known = this.streams.get(stream);
    if (known?.isIdle !== true) return;
    this.streams.delete(stream);
    known.close();
    this.link?.release?.(stream);
  }

  /**
   * Called with a new link that is not up yet. Subscribes to the followed streams, so that the subscriptions are in force when
   * the bus is up.
   */
  linked(link: StoreLink<K>): void {
    this.link = link;
    this.hasComplained = false;
    for (const stream of this.streams.values()) stream.linked(link);
  }

  linkUp(): void {
    this.isUp = true;
    for (const stream of this.streams.values()) stream.linkUp();
  }

  unlinked(): void {
    this.link = undefined;
    this.isUp = false;
    for (const stream of this.streams.values()) stream.unlinked();
  }

  close(): void {
    this.isClosed = true;
    this.unlinked();
    for (const stream of this.streams.values()) stream.close();
    this.streams.clear();
  }

  private complain(cause: Error): void {
    if (this.hasComplained) return;
    this.hasComplained = true;
    const text = `${this.groups}: nothing is stored at present (${cause.message}); trying again`;
    this.answers.host.logger.log('warn', text, cause);
  }

  private opened(stream: string): LogStream<K> {
    const known = this.streams.get(stream);
    if (known !== undefined) return known;
    if (this.isClosed) throw this.answers.busError('was closed');
    throw new OptionError(
      'OPTION_INVALID',
      `the stream ${stream} was not opened: call open first`,
      {
        option: 'stream',
      },
    );
  }
}
