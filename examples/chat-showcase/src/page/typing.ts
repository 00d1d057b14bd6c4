// Who is typing: the state group of the server, as this page has it.
import { LiveState, type LiveStateMessage } from '@headrace/client';
import { byId } from './element.ts';
import { typingSentence } from './words.ts';

/** Shorter than the time after which the server takes a member for one that has stopped. */
const SIGN_MS = 2000;
const PREFIX = 'typing ';

export class Typing {
  private readonly own: string;
  private readonly sign: () => void;
  private readonly live = new LiveState<true>('room');
  private nextSign = 0;

  /** @param own - the id of this page's user, who is not shown */
  constructor(own: string, sign: () => void) {
    this.own = own;
    this.sign = sign;
    this.live.on('change', () => this.draw());
    this.live.on('status', () => this.draw());
  }

  /** The user has typed something. */
  types(): void {
    if (Date.now() < this.nextSign) return;
    this.nextSign = Date.now() + SIGN_MS;
    this.sign();
  }

  /** The user has sent the text: the server knows that, too. */
  said(): void {
    this.nextSign = 0;
  }

  heard(json: string): void {
    this.live.take(JSON.parse(json) as LiveStateMessage<true>);
  }

  disconnected(): void {
    this.live.disconnected();
  }

  private draw(): void {
    const ids = Array.from(this.live.entries(), ([key]) => key.slice(PREFIX.length));
    const others = ids.filter((id) => id !== this.own);
    byId('typing').textContent = this.live.status === 'ready' ? typingSentence(others) : '';
  }
}
