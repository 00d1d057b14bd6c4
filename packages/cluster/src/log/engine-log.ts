import { OptionError } from '@headrace/core';
import { checkNumber, toError } from '@headrace/core/authoring';
import type { BusSubscription } from './bus-subscription.ts';
import type { LogAnswers } from './engine-answers.ts';
import type { Log, LogEntry, LogLimits, LogLink, LogPage, LogPosition } from './log.ts';
import { type LogShare, LogStream } from './log-stream.ts';

/** The log of a bus over an engine, which opens, follows and appends again over each new link. */
export class EngineLog implements Log {
  private readonly answers: LogAnswers;
  private readonly streams = new Map<string, LogStream>();
  private link: LogLink | undefined = undefined;
  private isUp = false;
  private readonly share: LogShare;
  /** Whether this link's line was logged. Each link logs one line. */
  private hasComplained = false;

  constructor(answers: LogAnswers) {
    this.answers = answers;
    this.share = {
      waitingCount: 0,
      waitingBytes: 0,
      complain: (cause) => this.complain(cause),
    };
  }

  async open(stream: string, limits: LogLimits): Promise<void> {
    const messages = checkNumber('messages', limits.messages, { min: 1, integer: true });
    const ageMs = checkNumber('ageMs', limits.ageMs, { min: 1 });
    let known = this.streams.get(stream);
    if (known === undefined) {
      known = new LogStream(this.answers, stream, this.share);
      this.streams.set(stream, known);
      if (this.link !== undefined) known.linked(this.link);
      if (this.isUp) known.linkUp();
    }
    await known.open({ messages, ageMs });
  }

  async append(stream: string, id: string, bytes: Uint8Array): Promise<LogPosition> {
    return this.opened(stream).append(id, bytes);
  }

  async read(stream: string, after: number, limit: number): Promise<LogPage> {
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

  follow(stream: string, listener: (entry: LogEntry) => void): BusSubscription {
    return this.opened(stream).follow(listener);
  }

  /**
   * Called with a new link that is not up yet. Subscribes to the followed streams, so that the subscriptions are in force when
   * the bus is up.
   */
  linked(link: LogLink): void {
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
    this.unlinked();
    for (const stream of this.streams.values()) stream.close();
    this.streams.clear();
  }

  private complain(cause: Error): void {
    if (this.hasComplained) return;
    this.hasComplained = true;
    const text = `durable groups: nothing is stored at present (${cause.message}); trying again`;
    this.answers.host.logger.log('warn', text, cause);
  }

  private opened(stream: string): LogStream {
    const known = this.streams.get(stream);
    if (known !== undefined) return known;
    throw new OptionError(
      'OPTION_INVALID',
      `the stream ${stream} was not opened: call open first`,
      {
        option: 'stream',
      },
    );
  }
}
