// Which of the room's last messages are news to this page.
//
// The server numbers what is said. It tells the last messages and the number of the last one, once after each sign-in;
// every message and echo after that is the next number. So a page that comes back knows which ones it has missed.
import type { Recent, Said } from '../history.ts';

export class CatchUp {
  /** Numbers count within one life of the server. */
  private epoch = '';
  /** The number of the last message that this page has. */
  private last = 0;
  /** Heard since the connection began, before the history was told. */
  private early = 0;

  connected(): void {
    this.early = 0;
  }

  /** A message or an echo came. */
  heard(): void {
    this.early += 1;
    this.last += 1;
  }

  /** What was said and this page has not heard; `isComplete` says whether that is all of it. */
  missed({ epoch, total, messages }: Recent): { messages: readonly Said[]; isComplete: boolean } {
    const before = messages.slice(0, Math.max(0, messages.length - this.early));
    const isSameLife = epoch === this.epoch;
    const known = isSameLife ? this.last - this.early : total - this.early - before.length;
    const count = Math.max(0, total - this.early - known);
    this.epoch = epoch;
    this.last = total;
    const news = before.slice(Math.max(0, before.length - count));
    return { messages: news, isComplete: news.length === count };
  }
}
