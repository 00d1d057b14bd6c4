import type { ItemWindow } from '../items/item-writer.ts';
import type { AnswerGather, ExchangeId } from './exchange-format.ts';

/**
 * What one end of an exchange answers. The methods of streams return false for a message that the call does not allow. Messages of
 * ended calls are dropped.
 */
export interface ExchangeAnswers {
  readonly unanswered: number;
  readonly running: number;
  /** Begins a request. Returns false if the id is in use. */
  request(id: ExchangeId, body: unknown, timeLeftMs: number, gather?: AnswerGather): boolean;
  notification(body: unknown): void;
  /** Logs a message that is not a request, which the format has answered. */
  refused(why: string): void;
  /** Cancels a request. The request is still answered, because its protocol may need an answer to each request. */
  cancel(id: ExchangeId): void;
  /** Begins a call with items. Returns false if the id is in use. */
  open(
    id: ExchangeId,
    body: unknown,
    timeLeftMs: number,
    window: ItemWindow | undefined,
    sendsItems: boolean,
  ): boolean;
  item(id: ExchangeId, item: unknown): boolean;
  inputEnd(id: ExchangeId): boolean;
  credited(id: ExchangeId, taken: number): boolean;
  /** Notifies calls with items that the peer has ended its half, so no items and no credit can arrive. */
  loseInput(): void;
  /** Resumes writing items, when the channel has room again. */
  resume(): void;
  /** Ends the streams that their callers continue elsewhere, so that a drain does not wait for them. */
  loseResumable(): void;
  /** Takes no more requests, and tells the peer which request was the last. */
  leave(): void;
  /** Ends all requests, because no answer can be sent anymore. */
  abandon(): void;
  release(): void;
}
