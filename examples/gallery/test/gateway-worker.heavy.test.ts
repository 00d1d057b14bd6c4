import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { chromium } from 'playwright-core';
import { expect, it } from 'vitest';
import { attack, isListening, memoryMiBOf, Program, system, until } from './program.ts';

const GATEWAYS = ['gateway 1', 'gateway 2', 'gateway 3', 'gateway 4'];
const ROLES = [...GATEWAYS, 'worker 1', 'worker 2', 'register'];
const AWAY_MS = 10_000;

/** Who takes part in the chat, by whatever program. */
interface Client {
  readonly lines: readonly string[];
  say(line: string): void;
}

const telnet = (port: number): Program => new Program('telnet', ['127.0.0.1', String(port)]);
const typing = (program: Program): Client => ({
  lines: program.lines,
  say: (line) => program.type(`${line}\n`),
});

/** A plain socket, which shows the line ends too. */
function plain(port: number): Client & { text: string; close(): void } {
  const socket = connect(port, '127.0.0.1').setEncoding('utf8');
  const client = {
    text: '',
    get lines() {
      return client.text.split('\r\n');
    },
    say: (line: string) => void socket.write(line),
    close: () => void socket.destroy(),
  };
  socket
    .on('error', () => {})
    .on('data', (text: string) => {
      client.text += text;
    });
  return client;
}

const hears = (client: Client, line: string): Promise<unknown> =>
  until(() => client.lines.includes(line), `${line} in ${client.lines.join(' | ')}`);

/** The id that the newcomer is greeted with; everybody hears of it, the newcomer too. */
async function entered(client: Client, others: readonly Client[]): Promise<string> {
  const greeting = () => client.lines.find((line) => /^Hello [0-9a-f]{20}$/.test(line));
  const id = (await until(greeting, 'greeting')).slice('Hello '.length);
  for (const one of [client, ...others]) await hears(one, `${id} login`);
  return id;
}

/** The process of a role: the one that was started last. */
function pidOf(program: Program, role: string): number {
  const line = program.lines.findLast((text) => text.startsWith(`${role}: process `));
  return Number(line!.split(' ').at(-1));
}

const gatewayOf = (id: string): string => id.slice(0, 12);

/** A page of another origin. */
async function openPage(port: number) {
  const html = `<script>
    const lines = [];
    const socket = new WebSocket('ws://127.0.0.1:${port}');
    socket.onmessage = ({ data }) => lines.push(data);
    socket.onclose = () => lines.push('closed');
  </script>`;
  const site = createServer((_, response) =>
    response.writeHead(200, { 'content-type': 'text/html' }).end(html),
  ).listen(0, '127.0.0.1');
  await once(site, 'listening');
  const executablePath = process.env['CHROMIUM_PATH'] ?? '/usr/bin/chromium';
  const browser = await chromium.launch({
    executablePath,
    args: ['--no-sandbox', '--disable-gpu'],
  });
  const page = await browser.newPage();
  await page.goto(`http://127.0.0.1:${(site.address() as AddressInfo).port}/`);
  const lines: string[] = [];
  const timer = setInterval(async () => {
    const all = await page.evaluate<string[]>('lines').catch(() => lines);
    lines.push(...all.slice(lines.length));
  }, 50);
  const client: Client = {
    lines,
    say: (line) => void page.evaluate(`socket.send(${JSON.stringify(line)})`),
  };
  const close = async (): Promise<void> => {
    clearInterval(timer);
    await browser.close();
    site.close();
  };
  return { client, close };
}

/** The register names four gateways, which share the outer port. */
async function namesGateways(register: number, port: number): Promise<void> {
  let named: unknown[] = [];
  for (const deadline = Date.now() + 60_000; named.length < 4 && Date.now() < deadline; ) {
    const response = await fetch(`http://127.0.0.1:${register}/route?count=64`);
    const { nodes = [] } = (await response.json()) as { nodes?: { host: string; port: number }[] };
    named = nodes.map((node) => `${node.host}:${node.port}`);
    await delay(100);
  }
  expect(named).toEqual(Array(4).fill(`127.0.0.1:${port}`));
}

/** Roles on a bus that others can join: a third worker gets newcomers, and gives them back when it leaves. */
async function joinsAndLeaves(): Promise<void> {
  const nats = new Program('nats-server', ['-a', '127.0.0.1', '-p', '-1']);
  const [, natsPort] = await until(
    () => /Listening for client connections on 127\.0\.0\.1:(\d+)/.exec(nats.errors) ?? undefined,
    'place of the bus',
  );
  const env = { BUS: `nats://127.0.0.1:${natsPort}` };
  const program = system('gateway-worker', undefined, env);
  const third = system('gateway-worker', 'worker', env);
  const register = system('gateway-worker', 'register', env);
  const port = await program.port();
  await third.says(/^process \d+$/);
  const clients: ReturnType<typeof plain>[] = [];
  const ids: string[] = [];
  const served = (id: string) => third.lines.includes(`worker ${third.child.pid} has ${id}`);
  while (!ids.some(served) || ids.length < 6) {
    expect(ids.length).toBeLessThan(60);
    const client = plain(port);
    ids.push(await entered(client, clients));
    clients.push(client);
  }
  const sayAll = async (text: string): Promise<void> => {
    for (const client of clients) client.say(`${text}\n`);
    for (const client of clients) for (const id of ids) await hears(client, `${id} said ${text}`);
  };
  await sayAll('three');
  await namesGateways(await register.port(), port);
  register.kill();
  await register.exit;
  await sayAll('without the register');
  const next = system('gateway-worker', 'register', env);
  await namesGateways(await next.port(), port);
  await next.stop();
  await third.stop();
  await sayAll('two');
  expect(clients.flatMap(({ lines }) => lines).filter((line) => line.endsWith('logout'))).toEqual(
    [],
  );
  for (const client of clients) client.close();
  await program.stop();
}

const hasTelnet = spawnSync('telnet', ['--version']).error === undefined;
const absent = hasTelnet
  ? ''
  : ' (skipped: there is no telnet here: apt-get install inetutils-telnet)';

it.runIf(hasTelnet)(
  `serves telnets and a page; neither a killed worker or register nor an absent bus ends a connection${absent}`,
  async () => {
    const program = system('gateway-worker', undefined);
    const port = await program.port();
    await program.says(/^worker 2: process/);
    expect(program.lines.map((line) => line.replace(/ \d+$/, ''))).toEqual([
      `127.0.0.1:${port}`,
      ...['primary', ...ROLES].map((role) => `${role}: process`),
    ]);
    const clients: Client[] = [];
    const ids: string[] = [];
    const enter = async (client: Client): Promise<void> => {
      ids.push(await entered(client, clients));
      clients.push(client);
    };
    const telnets = [telnet(port)];
    await enter(typing(telnets[0]!));
    const gateways = GATEWAYS.map((role) => pidOf(program, role));
    const memoryMiB = async (): Promise<number> => {
      const each = await Promise.all(gateways.map(memoryMiBOf));
      return each.reduce((sum, one) => sum + one, 0);
    };
    const serves = async (): Promise<void> => {
      const client = plain(port);
      await entered(client, []);
      client.close();
      served += 1;
    };
    let served = 0;
    const attacked = attack({ memoryMiB, hasEnded: false }, port, { half: 'half a l' }, serves);
    for (let i = 1; i < 3; i++) {
      telnets.push(telnet(port));
      await enter(typing(telnets[i]!));
    }
    const page = await openPage(port);
    await enter(page.client);
    // Gateways take newcomers in turn: one of four shares its gateway with the first.
    let last = plain(port);
    while (gatewayOf(await entered(last, clients)) !== gatewayOf(ids[0]!)) {
      last.close();
      last = plain(port);
    }
    await enter(last);
    for (const id of ids) expect(id).toMatch(/^7f0000010b5[4-7]0000[0-9a-f]{4}$/);
    expect(new Set(ids.map(gatewayOf)).size).toBeGreaterThan(1);
    expect(last.text.startsWith(`Hello ${ids[4]}\r\n`)).toBe(true);

    // A line ends in LF or CRLF, and everybody gets it, the sender too.
    last.say('one\ntwo\r\n');
    for (const [i, client] of clients.entries()) if (i < 4) client.say(`line of ${i}`);
    for (const client of clients) {
      for (const [i, id] of ids.entries()) {
        const texts = i === 4 ? ['one', 'two'] : [`line of ${i}`];
        for (const text of texts) await hears(client, `${id} said ${text}`);
      }
    }

    // From here on the stranger with half a line is silent. A worker is killed while they type.
    await until(() => served === 4, 'the fourth that is served');
    const victim = pidOf(program, 'worker 1');
    const register = pidOf(program, 'register');
    process.kill(register, 'SIGKILL');
    const typed: string[] = [];
    for (let n = 1; n <= 20; n++) {
      for (const [i, client] of clients.entries())
        client.say(i === 4 ? `typed ${n}\n` : `typed ${n}`);
      typed.push(`typed ${n}`);
      if (n === 10) process.kill(victim, 'SIGKILL');
      await delay(50);
    }
    const expected = ids.map((id) => typed.map((text) => `${id} said ${text}`));
    for (const client of clients) {
      for (const [i, id] of ids.entries()) {
        await hears(client, expected[i]!.at(-1)!);
        // What was sent on, and not acknowledged by the worker that was killed, may come twice.
        const heard = client.lines.filter((line) => line.startsWith(`${id} said typed`));
        expect([...new Set(heard)]).toEqual(expected[i]);
      }
    }
    await until(() => pidOf(program, 'worker 1') !== victim, 'worker in its place');
    await until(() => pidOf(program, 'register') !== register, 'register in its place');

    // The primary process has the bus, and hands out the connections: it stands still for 10 s.
    const first = clients[0]!;
    const elsewhere = clients.filter((_, i) => gatewayOf(ids[i]!) !== gatewayOf(ids[0]!));
    program.kill('SIGSTOP');
    const thirdWorker = joinsAndLeaves();
    await delay(3500);
    first.say('in between');
    await until(() => last.lines.includes(`${ids[0]} said in between`), 'line of the gateway');
    last.say('you too\n');
    await until(() => first.lines.includes(`${ids[4]} said you too`), 'its answer');
    await delay(AWAY_MS - 3500);
    for (const { lines } of elsewhere) expect(lines).not.toContain(`${ids[0]} said in between`);
    program.kill('SIGCONT');
    // Each gateway goes on alone until it hears itself again: all have to be back.
    for (let n = 1; ; n++) {
      for (const client of clients) client.say(client === last ? `here ${n}\n` : `here ${n}`);
      await delay(250);
      if (clients.every(({ lines }) => ids.every((id) => lines.includes(`${id} said here ${n}`))))
        break;
    }
    for (const client of clients) client.say(client === last ? 'back\n' : 'back');
    for (const client of clients) for (const id of ids) await hears(client, `${id} said back`);
    await thirdWorker;
    await attacked;

    const all = clients.flatMap(({ lines }) => lines);
    expect(all).not.toContain('closed');
    expect(all.filter((line) => ids.some((id) => line === `${id} logout`))).toEqual([]);
    telnets[2]!.kill();
    for (const client of clients) {
      if (client !== clients[2]) await hears(client, `${ids[2]} logout`);
    }
    const pids = ROLES.map((role) => pidOf(program, role));
    program.kill('SIGTERM');
    expect(await program.exit).toBe(0);
    expect(program.errors).toContain(`(process ${victim}) ended with SIGKILL`);
    expect(page.client.lines.length).toBeGreaterThan(0);
    await page.close();
    last.close();
    for (const pid of pids) expect(() => process.kill(pid, 0)).toThrow('ESRCH');
    expect(await isListening(port)).toBe(false);
  },
);
