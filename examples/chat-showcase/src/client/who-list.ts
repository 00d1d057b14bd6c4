import type { Phrase } from './phrases.ts';
import type { ServerMessage } from './server-message.ts';

/** Puts the names of a list together, which come one by one. */
export class WhoList {
  private left = 0;
  private names: string[] = [];

  /** The list, once it is complete. */
  add(message: ServerMessage): Phrase | undefined {
    if (message.kind === 'members') {
      this.left = message.count;
      this.names = [];
    }
    if (message.kind !== 'member' || this.left === 0) return undefined;
    this.names.push(message.id);
    this.left -= 1;
    if (this.left > 0) return undefined;
    return { tone: 'quiet', text: `here (${this.names.length}): ${this.names.join(', ')}` };
  }
}
