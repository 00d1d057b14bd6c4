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

async function burstAndSignal(when: (sender: Listener) => Promise<void>) {
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

  sender.socket.write(Array.from({ length: LINES }, (_, i) => `line ${i}\n`).join(''));
  await when(sender);
  chat.process.kill('SIGTERM');
  await Promise.all([sender, ...members].map(({ ended }) => ended));
  const [code] = (await exited) as [number];
  return { members, sender, code };
}

it(`a burst of ${LINES} lines that was echoed reaches all ${MEMBERS} members, with SIGTERM at the last echo`, async () => {
  const { members, sender, code } = await burstAndSignal((one) =>
    one.hears(`ECHO:line ${LINES - 1}\n`),
  );
  expect(code).toBe(0);
  expect(sender.heard.endsWith('BYE\n')).toBe(true);
  const lost = members.filter((member) => member.linesWith('MSG:sender:line ') < LINES);
  expect(lost.length).toBe(0);
  // Nothing follows the good-bye.
  expect(members.filter(({ heard }) => !heard.endsWith('BYE\n')).length).toBe(0);
});

it.each([10, 30])('SIGTERM %i ms after a burst ends every connection in order', async (delayMs) => {
  const { members, sender, code } = await burstAndSignal(
    () => new Promise((resolve) => setTimeout(resolve, delayMs)),
  );
  expect(code).toBe(0);
  expect(members.filter(({ heard }) => !heard.endsWith('BYE\n')).length).toBe(0);
  // However far the burst came: there is no hole in what a member heard of it.
  const all = Array.from({ length: LINES }, (_, i) => `MSG:sender:line ${i}\n`).join('');
  const holed = members.filter(({ heard }) => {
    const start = heard.indexOf('MSG:sender:');
    return start >= 0 && !all.startsWith(heard.slice(start, heard.lastIndexOf('\nBYE\n') + 1));
  });
  expect(holed.length).toBe(0);
  // And what was echoed, everybody got.
  const echoed = sender.linesWith('ECHO:');
  expect(members.filter((member) => member.linesWith('MSG:sender:') < echoed).length).toBe(0);
});
