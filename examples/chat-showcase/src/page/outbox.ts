// Own messages until the server has echoed them.
//
//   queued ─handed to the socket→ sent ─ECHO→ (gone: it is a message of the room now)
//                                  └─ link lost → unsure: it may or may not have arrived, the user decides
//
// Queued messages are sent by themselves after a reconnect; unsure ones never are, because the others might see them twice.

export interface Outgoing {
  readonly text: string;
  readonly state: 'queued' | 'sent' | 'unsure';
}

export class Outbox {
  private list: Outgoing[] = [];

  get messages(): readonly Outgoing[] {
    return this.list;
  }

  add(text: string): void {
    this.list.push({ text, state: 'queued' });
  }

  /** Hands queued messages over, in order, until one is not taken. */
  flush(send: (text: string) => boolean): void {
    let isOpen = true;
    this.list = this.list.map(({ text, state }) => {
      if (state !== 'queued') return { text, state };
      isOpen &&= send(text);
      return { text, state: isOpen ? 'sent' : 'queued' };
    });
  }

  /** The server echoed this text: the oldest such message is delivered. */
  echoed(text: string): void {
    this.remove((one) => one.state === 'sent' && one.text === text);
  }

  /** It turned out that this one had arrived before the link was lost. */
  found(text: string): void {
    this.remove((one) => one.state === 'unsure' && one.text === text);
  }

  /** The link is gone, and with it the chance to hear an echo. */
  linkLost(): void {
    this.list = this.list.map((one) => (one.state === 'sent' ? { ...one, state: 'unsure' } : one));
  }

  /** Sends an unsure message again, after all others. */
  again(message: Outgoing): void {
    this.discard(message);
    this.add(message.text);
  }

  discard(message: Outgoing): void {
    this.remove((one) => one === message);
  }

  private remove(isIt: (message: Outgoing) => boolean): void {
    const at = this.list.findIndex(isIt);
    if (at >= 0) this.list.splice(at, 1);
  }
}
