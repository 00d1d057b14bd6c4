// What is said to the program of each template, and what it must answer.
import assert from 'node:assert/strict';
import { on, once } from 'node:events';
import { existsSync } from 'node:fs';
import { connect } from 'node:net';
import { chromium, type Page } from 'playwright-core';
import { WebSocket } from 'ws';
import { Program } from '../program.ts';
import { CHROMIUM } from '../site/card.ts';

/**
 * Talks to the program on this port, or offers something there; rejects if it does not answer as its README promises.
 */
export type Conversation = (port: number, folder: string, program: Program) => Promise<void>;

export const CONVERSATIONS: Readonly<Record<string, Conversation>> = {
  'line-server': async (port) => {
    assert.equal(await say(port, 'hello\n'), 'HELLO\n');
  },
  'json-auth-heartbeat': async (port, folder) => {
    const login = '{"type":"login","user":"ann","token":"secret"}';
    const answer = await say(port, `\0\0\0${String.fromCharCode(login.length)}${login}`);
    assert.match(answer, /\{"type":"welcome","user":"ann"\}/);
    await runTo(/signed in as bob/, ['run', 'client', '--', 'bob'], folder, port);
  },
  'typed-service': async (port, folder, program) => {
    const client = new Program('npm', ['run', 'client', '--', 'ACME'], folder, {
      PORT: String(port),
    });
    try {
      await client.waitFor(/^ACME 42$/m);
      client.type('43\n');
      await client.waitFor(/^ACME 43$/m);
      const [, health] = await program.waitFor(/[\s\S]*health and metrics: (http:\S+)\/readyz/);
      assert.equal((await fetch(`${health}/readyz`)).status, 200);
      const metrics = await (await fetch(`${health}/metrics`)).text();
      assert.match(
        metrics,
        /headrace_calls_total\{service="prices",method="change",outcome="ok"\} 1/,
      );
      client.type('42\n'); // as it was
      await client.waitFor(/^ACME 42\n[\s\S]*^ACME 42$/m);
    } finally {
      await client.terminate();
    }
  },
  'device-gateway': async (port, folder, program) => {
    const login = '{"jsonrpc":"2.0","method":"login","params":{"device":"d","token":"secret"}}';
    assert.match(await say(port, `${login}\n`), /"method":"welcome","params":\{"device":"d"\}/);
    // A CONNECT of MQTT 3.1.1 for the device "m" with its token, and the CONNACK.
    const packet = '\x10\x18\x00\x04MQTT\x04\xc2\x00\x3c\x00\x01m\x00\x01m\x00\x06secret';
    assert.equal(await say(port, packet, 'latin1'), '\x20\x02\x00\x00');
    await runTo(/welcome \{ device: 'pump-7' \}/, ['run', 'device', '--', 'pump-7'], folder, port);
    await program.waitFor(/pump-7 is online/);
  },
  'reconnecting-client': async (port, folder, program) => {
    await program.waitFor(/no connection \(refused\)/);
    const server = new Program('npm', ['run', 'server'], folder, { PORT: String(port) });
    try {
      await program.waitFor(/^online$/m);
    } finally {
      await server.terminate();
    }
  },
  'websocket-and-tcp': async (port) => {
    assert.match(await say(port, 'hello\n'), /^welcome by tcp\n/);
    assert.match(await (await fetch(`http://127.0.0.1:${port}/`)).text(), /<h1>/);
    const socket = new WebSocket(`ws://127.0.0.1:${port}/ws`);
    const [message] = await once(socket, 'message');
    assert.equal(String(message), 'welcome by websocket');
    socket.close();
    await talkByPage(`http://127.0.0.1:${port}/`);
  },
  'page-and-server': async (port) => {
    const page = await (await fetch(`http://127.0.0.1:${port}/`)).text();
    const [, script] = /src="([^"]+\.js)"/.exec(page) ?? [];
    assert.ok(script !== undefined, `the page has its program: ${page}`);
    assert.equal((await fetch(new URL(script, `http://127.0.0.1:${port}/`))).status, 200);
    const socket = new WebSocket(`ws://127.0.0.1:${port}/ws`);
    await once(socket, 'open');
    socket.send('{"type":"join","name":"ann"}');
    const [message] = await once(socket, 'message');
    assert.equal(String(message), '{"type":"here","names":["ann"]}');
    socket.close();
    await inChromium(`http://127.0.0.1:${port}/`, async (page) => {
      await page.locator('#join input').fill('ann');
      await page.keyboard.press('Enter');
      await page.locator('#state').getByText('●').waitFor();
      await page.locator('#here').getByText('ann').waitFor();
      await page.locator('#say input').fill('hello');
      await page.keyboard.press('Enter');
      await page.locator('[role=log]').getByText('ann: hello').waitFor();
    });
  },
  'socket-io': async (port) => {
    const page = await (await fetch(`http://127.0.0.1:${port}/`)).text();
    const [, script] = /src="([^"]+\.js)"/.exec(page) ?? [];
    assert.ok(script !== undefined, `the page has its program: ${page}`);
    assert.equal((await fetch(new URL(script, `http://127.0.0.1:${port}/`))).status, 200);
    const ann = new WebSocket(`ws://127.0.0.1:${port}/socket.io/?EIO=4&transport=websocket`);
    const packets = on(ann, 'message');
    const next = async () => String((await packets.next()).value[0]);
    assert.match(await next(), /^0\{/);
    ann.send('40{"name":"ann"}');
    assert.match(await next(), /^40\{"sid":/);
    ann.send('420["join","lobby"]');
    assert.equal(await next(), '430[[]]');
    await inChromium(`http://127.0.0.1:${port}/`, async (page) => {
      await page.locator('#join input').fill('page');
      await page.keyboard.press('Enter');
      await page.locator('#state').getByText('● lobby, with ann').waitFor();
      assert.match(await next(), /^42\["came","page",/);
      ann.send('42["say","hello"]');
      await page.locator('[role=log]').getByText('ann: hello').waitFor();
    });
    ann.close();
  },
};

/** Runs a script of the project beside the program, until its output matches. */
async function runTo(output: RegExp, args: readonly string[], folder: string, port: number) {
  const other = new Program('npm', args, folder, { PORT: String(port) });
  try {
    await other.waitFor(output);
  } finally {
    await other.terminate();
  }
}

/** Sends a text over TCP; the first that comes back. */
export async function say(
  port: number,
  text: string,
  encoding: BufferEncoding = 'utf8',
): Promise<string> {
  const socket = connect(port, '127.0.0.1').setEncoding(encoding);
  socket.setTimeout(5000, () => socket.destroy(new Error(`no answer to ${text.trim()}`)));
  socket.write(text, encoding);
  const [answer] = await once(socket, 'data');
  socket.destroy();
  return answer;
}

/** The page's modules are loaded by its import map, and what is entered is heard. */
const talkByPage = (address: string): Promise<void> =>
  inChromium(address, async (page) => {
    const log = page.locator('[role=log]');
    await log.getByText('welcome by websocket').waitFor();
    await page.locator('input').fill('hello');
    await page.keyboard.press('Enter');
    await log.getByText('websocket: hello').waitFor();
  });

/** Where there is a Chromium. */
async function inChromium(address: string, talk: (page: Page) => Promise<void>): Promise<void> {
  if (!existsSync(CHROMIUM)) return;
  const args = ['--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu'];
  const browser = await chromium.launch({ executablePath: CHROMIUM, args });
  try {
    const page = await browser.newPage();
    await page.goto(address);
    await talk(page);
  } finally {
    await browser.close();
  }
}
