import { isHeadraceError, OptionError } from '@headrace/core';
import { attempted, toError } from '@headrace/core/authoring';
import {
  checkRecordLimits,
  type KeyRecords,
  type RecordLimits,
  type RecordLink,
  type Records,
  type RecordWrite,
} from '../contract/records.ts';
import type { StoreAnswers } from '../contract/store-link.ts';

/** Time for an answer. Writers give up earlier and repeat; this limit frees what the call holds. */
const ANSWER_MS = 30_000;

/**
 * The records of a bus over an engine, opened again over each new link. Keys have no common order, so that no call waits for another
 * one: unlike an {@link EngineLog}, it keeps and repeats nothing.
 */
export class EngineRecords implements Records {
  private readonly answers: StoreAnswers;
  private readonly limits = new Map<string, RecordLimits>();
  /** The streams that were opened over the present link. */
  private readonly opened = new Map<string, Promise<void>>();
  private link: RecordLink | undefined = undefined;
  private isUp = false;

  constructor(answers: StoreAnswers) {
    this.answers = answers;
  }

  async open(stream: string, limits: RecordLimits): Promise<void> {
    const { keepMs } = checkRecordLimits(limits);
    const known = this.limits.get(stream)?.keepMs ?? 0;
    if (keepMs > known) {
      this.limits.set(stream, { keepMs });
      this.opened.delete(stream);
    }
    await this.ask(stream, async () => {});
  }

  append(stream: string, write: RecordWrite): Promise<string | undefined> {
    return this.ask(stream, (link) => link.append(stream, write));
  }

  read(stream: string, key: string): Promise<KeyRecords | undefined> {
    return this.ask(stream, (link) => link.read(stream, key));
  }

  remove(stream: string, key: string, after: string): Promise<void> {
    return this.ask(stream, (link) => link.remove(stream, key, after));
  }

  linked(link: RecordLink): void {
    this.link = link;
    this.opened.clear();
  }

  linkUp(): void {
    this.isUp = true;
  }

  unlinked(): void {
    this.link = undefined;
    this.isUp = false;
  }

  private async ask<T>(stream: string, question: (link: RecordLink) => Promise<T>): Promise<T> {
    const { answers, link } = this;
    const { clock } = answers.host;
    if (link === undefined || !this.isUp) throw answers.downError();
    const asking = async (): Promise<T> => {
      await this.opening(link, stream);
      return question(link);
    };
    const error = () => new Error(`the store has not answered within ${ANSWER_MS} ms`);
    const limit = { clock, timeoutMs: ANSWER_MS, error };
    try {
      return await attempted(() => answers.whileLinked(asking()), { limit });
    } catch (thrown) {
      const error = toError(thrown);
      if (isHeadraceError(error, 'MESSAGE_TOO_LONG') || error instanceof OptionError) throw error;
      if (this.link !== link) throw answers.downError(error);
      // The stream may be gone: the next call opens it again.
      this.opened.delete(stream);
      throw answers.busError(`stores nothing: ${error.message}`, error);
    }
  }

  private opening(link: RecordLink, stream: string): Promise<void> {
    const known = this.opened.get(stream);
    if (known !== undefined) return known;
    const limits = this.limits.get(stream);
    if (limits === undefined) {
      const text = `the stream ${stream} was not opened: call open first`;
      throw new OptionError('OPTION_INVALID', text, { option: 'stream' });
    }
    const opening = link.open(stream, limits);
    this.opened.set(stream, opening);
    return opening;
  }
}
