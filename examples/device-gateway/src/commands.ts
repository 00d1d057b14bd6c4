// Commands that wait for their results, by channel and id.
import type { Channel, Timer } from '@headrace/core';

interface Waiting {
  readonly resolve: (body: unknown) => void;
  readonly reject: (error: Error) => void;
  readonly timer: Timer;
}

export class Commands {
  private readonly timeoutMs: number;
  private readonly waiting = new Map<Channel, Map<number, Waiting>>();
  private lastId = 0;

  constructor(timeoutMs: number) {
    this.timeoutMs = timeoutMs;
  }

  send(channel: Channel, body: unknown): Promise<unknown> {
    this.lastId = (this.lastId + 1) >>> 0;
    const id = this.lastId;
    return new Promise((resolve, reject) => {
      const timer = channel.clock.schedule(
        () => this.reject(channel, id, `no result within ${this.timeoutMs} ms`),
        this.timeoutMs,
      );
      this.of(channel).set(id, { resolve, reject, timer });
      channel.writeAndFlush({ type: 'command', id, body }).onSettled((error) => {
        if (error !== undefined) this.reject(channel, id, error.message);
      });
    });
  }

  /** A result for nobody, because it came too late, is dropped. */
  resolve(channel: object, id: number, body: unknown): void {
    this.take(channel as Channel, id)?.resolve(body);
  }

  private reject(channel: Channel, id: number, why: string): void {
    this.take(channel, id)?.reject(new Error(why));
  }

  private take(channel: Channel, id: number): Waiting | undefined {
    const commands = this.waiting.get(channel);
    const command = commands?.get(id);
    commands?.delete(id);
    command?.timer.cancel();
    return command;
  }

  /** The commands of one channel; they fail when it closes. */
  private of(channel: Channel): Map<number, Waiting> {
    const known = this.waiting.get(channel);
    if (known !== undefined) return known;
    const commands = new Map<number, Waiting>();
    this.waiting.set(channel, commands);
    channel.onClosed(() => {
      this.waiting.delete(channel);
      for (const { reject, timer } of commands.values()) {
        timer.cancel();
        reject(new Error('the device went offline'));
      }
    });
    return commands;
  }
}
