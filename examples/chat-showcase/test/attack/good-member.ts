import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { ProcessTime } from './process-time.ts';
import type { WatchedChat } from './watched-chat.ts';

const PAUSE_MS = 5;
/** Longer than an answer; what comes in between is not looked at. */
const TAIL_BYTES = 32;

/** A member that says something, waits until it has the answer, and notes how long that took. */
export class GoodMember implements Disposable {
  private readonly socket: Socket;
  private tail = '';
  private wanted = '';
  private answered: () => void = () => {};
  private said = 0;
  private readonly serverTime: ProcessTime;

  private constructor(port: number, pid: number) {
    this.serverTime = new ProcessTime(pid);
    this.socket = connect({ host: '127.0.0.1', port, noDelay: true });
    this.socket.setEncoding('latin1');
    this.socket.on('data', (text: string) => {
      const all = this.tail + text;
      if (this.wanted !== '' && all.includes(this.wanted)) this.answered();
      this.tail = all.slice(-TAIL_BYTES);
    });
  }

  static async join({ port, process }: WatchedChat, credentials = 'good'): Promise<GoodMember> {
    const member = new GoodMember(port, process.pid!);
    await once(member.socket, 'connect');
    await member.ask(`AUTH:${credentials}\n`, 'AUTH_OK\n');
    return member;
  }

  /**
   * Goes on for so long; how many milliseconds the answers took, the shortest first. Of a longer time only what
   * the server was busy counts: the rest belongs to other programs.
   */
  async talk(forMs: number): Promise<number[]> {
    const tookMs: number[] = [];
    const endsAt = performance.now() + forMs;
    while (performance.now() < endsAt) {
      const before = performance.now();
      const serverBefore = this.serverTime.nowMs();
      this.said += 1;
      await this.ask(`good ${this.said}\n`, `ECHO:good ${this.said}\n`);
      const serverMs = this.serverTime.nowMs() - serverBefore;
      tookMs.push(Math.min(performance.now() - before, serverMs));
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
    return tookMs.sort((a, b) => a - b);
  }

  private async ask(text: string, answer: string): Promise<void> {
    this.wanted = answer;
    const answered = new Promise<void>((resolve) => {
      this.answered = resolve;
    });
    this.socket.write(text);
    await answered;
    this.wanted = '';
  }

  [Symbol.dispose](): void {
    this.socket.destroy();
    this.serverTime[Symbol.dispose]();
  }
}

/** The value below which this share of sorted values lies. */
export function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}
