// What is said to the program of each template, and what it must answer.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { Program } from './program.ts';

/** Talks to the program on this port; rejects if it does not answer as its README promises. */
export type Conversation = (port: number, folder: string, program: Program) => Promise<void>;

export const CONVERSATIONS: Readonly<Record<string, Conversation>> = {
  'line-server': async (port) => {
    assert.equal(await say(port, 'hello\n'), 'HELLO\n');
  },
};

/** Sends a text over TCP; the first that comes back. */
async function say(port: number, text: string): Promise<string> {
  const socket = connect(port, '127.0.0.1').setEncoding('utf8');
  socket.setTimeout(5000, () => socket.destroy(new Error(`no answer to ${text.trim()}`)));
  socket.write(text);
  const [answer] = await once(socket, 'data');
  socket.destroy();
  return answer;
}
