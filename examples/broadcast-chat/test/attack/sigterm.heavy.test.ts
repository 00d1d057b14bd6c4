// What the chat has acknowledged arrives, also when it is asked to end in that moment.
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { expect, it } from 'vitest';
import { WatchedChat } from './watched-chat.ts';

const MEMBERS = 300;
const LINES = 200;

/** A member that keeps all it hears. */
class Listener {
  readonly socket: Socket;
  readonly ended: Promise<void>;
  heard = '';

  constructor(port: number, id: string) {
    this.socket = connect({ host: '127.0.0.1', port });
    this.socket.setEncoding('latin1').on('data', (text: string) => {
      this.heard += text;
    });
    this.socket.on('error', () => {});
    this.ended = once(this.socket, 'close').then(() => {});
    this.socket.write(`AUTH:${id}\n`);
  }

  async hears(text: string): Promise<void> {
    while (!this.heard.includes(text)) await once(this.socket, 'data');
  }

  linesWith(beginning: string): number {
    return this.heard.split('\n').filter((line) => line.startsWith(beginning)).length;
  }
}

it.each([0, 10, 30])(
  `a burst of ${LINES} lines among ${MEMBERS} members is delivered as far as it was echoed, with SIGTERM %i ms later`,
  async (delayMs) => {
    using chat = await WatchedChat.start();
    const members: Listener[] = [];
    for (let i = 0; i < MEMBERS; i++) {
      const member = new Listener(chat.port, `member-${i}`);
      await member.hears('AUTH_OK\n');
      members.push(member);
    }
    const sender = new Listener(chat.port, 'sender');
    await sender.hears('AUTH_OK\n');
    const exited = once(chat.process, 'exit');

    const text = Array.from({ length: LINES }, (_, i) => `line ${i}\n`).join('');
    await new Promise<void>((resolve) => sender.socket.write(text, () => resolve()));
    if (delayMs === 0) await sender.hears('ECHO:');
    else await new Promise((resolve) => setTimeout(resolve, delayMs));
    chat.process.kill('SIGTERM');
    await Promise.all([sender, ...members].map(({ ended }) => ended));

    const [code] = await exited;
    expect(code).toBe(0);
    const echoed = sender.linesWith('ECHO:line ');
    expect(sender.linesWith('BYE')).toBe(1);
    const lost = members.filter((member) => member.linesWith('MSG:sender:line ') < echoed);
    expect(lost.length).toBe(0);
    // Nothing follows the good-bye.
    expect(members.filter(({ heard }) => !heard.endsWith('BYE\n')).length).toBe(0);
  },
);
