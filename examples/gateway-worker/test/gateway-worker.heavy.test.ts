// The three roles as processes: who is killed, and who notices.
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { connect, type Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { apiFrom, portsFrom } from '../src/ports.ts';
import { isThere } from './program.ts';

/** For what hangs only: on a busy machine a process takes many seconds to start. */
const LIMIT_MS = 60_000;
const KEY = 'open-sesame';

let program: ChildProcess;
let output = '';
let errors = '';

beforeAll(async () => {
  const loader = ['--conditions=@headrace/source', '--import', '@oxc-node/core/register'];
  program = spawn(process.execPath, [...loader, 'src/main.ts'], {
    cwd: fileURLToPath(new URL('..', import.meta.url)),
    env: {
      ...process.env,
      GATEWAY_PORT: '0',
      REGISTER_PORT: '0',
      MESH_PORT: '0',
      API_PORT: '0',
      API_KEY: KEY,
    },
  });
  program.stdout!.on('data', (text) => {
    output += text;
  });
  program.stderr!.on('data', (text) => {
    errors += text;
  });
  await says(/^api http/m, 60_000);
}, 120_000);

/** What a test has connected ends with it. */
const sockets = new Set<Socket>();
afterEach(() => {
  for (const socket of sockets) socket.destroy();
  sockets.clear();
});
afterAll(() => program.kill('SIGKILL'));

async function holds<T>(look: () => T | undefined, what: string, limitMs = LIMIT_MS): Promise<T> {
  for (const deadline = Date.now() + limitMs; Date.now() < deadline; ) {
    const found = look();
    if (found !== undefined) return found;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error(`no ${what} within ${limitMs} ms: ${output}${errors}`);
}

const says = (pattern: RegExp, limitMs?: number) =>
  holds(() => pattern.exec(output) ?? undefined, String(pattern), limitMs);

/** The process of one of them: the one that was started last. */
function pidOf(name: string): number {
  return Number([...output.matchAll(new RegExp(`^${name}: process (\\d+)$`, 'gm'))].at(-1)![1]);
}

class Client {
  readonly lines: string[] = [];
  isEnded = false;
  readonly socket: Socket;
  id = '';
  worker = 0;

  private constructor(socket: Socket) {
    this.socket = socket;
    sockets.add(socket);
    let rest = '';
    socket.setEncoding('utf8').on('data', (text: string) => {
      const parts = (rest + text).split('\n');
      rest = parts.pop()!;
      this.lines.push(...parts);
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      this.isEnded = true;
    });
  }

  static async connect(): Promise<Client> {
    const [, port] = await says(/^listening tcp:\/\/127\.0\.0\.1:(\d+)$/m);
    const client = new Client(connect(Number(port), '127.0.0.1'));
    const [, id, worker] = await client.hears(/^Hello (\w{8}), your worker is process (\d+)$/);
    client.id = id!;
    client.worker = Number(worker);
    await client.hears(new RegExp(`^${id} login$`));
    return client;
  }

  /** Says it, and waits for the first new line that matches. */
  async gets(text: string, pattern: RegExp): Promise<RegExpExecArray> {
    const from = this.lines.length;
    this.say(text);
    return await this.hears(pattern, from);
  }

  say(text: string): void {
    this.socket.write(`${text}\n`);
  }

  hears(pattern: RegExp, from = 0): Promise<RegExpExecArray> {
    const look = () =>
      this.lines
        .slice(from)
        .map((line) => pattern.exec(line))
        .find((match) => match !== null);
    return holds(look, `${pattern} for ${this.id}, only ${this.lines.join(' | ')}`);
  }
}

async function api(path: string, body?: object): Promise<[status: number, value: unknown]> {
  const [, base] = await says(/^api (http:\S+)\/$/m);
  const headers = { authorization: `Bearer ${KEY}` };
  const asked = body && { method: 'POST', body: JSON.stringify(body) };
  const response = await fetch(`${base}${path}`, { headers, ...asked });
  return [response.status, await response.json()];
}

/** Gateways take newcomers in turn, so of three in a row two are at different ones; it does not matter which. */
async function threeAtTwoGateways() {
  const [ann, bob, eve] = [await Client.connect(), await Client.connect(), await Client.connect()];
  return { ann, bob, eve };
}

async function whoIsIn(room: string, asks: Client): Promise<string[]> {
  const [, count, ids] = await asks.gets(`/who ${room}`, new RegExp(`^${room} (\\d+):(.*)$`));
  const all = ids!.trim().split(' ').sort();
  expect(all).toHaveLength(Number(count));
  return all;
}

describe('gateways and workers', () => {
  it('print where they listen and each process', () => {
    expect(output).toMatch(
      /^listening tcp:\/\/127\.0\.0\.1:\d+\nregister 1: process \d+\ngateway 1: process \d+\ngateway 2: process \d+\nworker 1: process \d+\nworker 2: process \d+\napi 1: process \d+\nregister http:\/\/127\.0\.0\.1:\d+\/route\napi http:\/\/127\.0\.0\.1:\d+\/\n$/,
    );
    expect(errors).toBe('');
  });

  it('serve clients of all gateways as one; killed workers and registers end no connection', async () => {
    const clients: Client[] = [];
    for (let i = 0; i < 6; i++) clients.push(await Client.connect());
    const [first] = clients;
    first!.say('hello');
    for (const client of clients) await client.hears(new RegExp(`^${first!.id} said 1: hello$`));
    const name = first!.worker === pidOf('worker 1') ? 'worker 1' : 'worker 2';
    process.kill(first!.worker, 'SIGKILL');
    process.kill(pidOf('register 1'), 'SIGKILL');
    first!.say('and again');
    for (const client of clients) await client.hears(new RegExp(`^${first!.id} said 2: and again`));
    await says(
      new RegExp(`^${name}: process \\d+\\n[^]*^${name}: process (?!${first!.worker}$)\\d+$`, 'm'),
    );
    await holds(() => pidOf('register 1') || undefined, 'register');
    expect(clients.some(({ isEnded }) => isEnded)).toBe(false);
    clients[1]!.socket.destroy();
    await first!.hears(new RegExp(`^${clients[1]!.id} logout$`));
    const gateway = pidOf('gateway 1');
    process.kill(gateway, 'SIGKILL');
    await holds(() => clients.filter(({ isEnded }) => isEnded).length >= 3 || undefined, 'end');
    // Its connections end one by one: all have when there is another one in its place.
    await holds(() => pidOf('gateway 1') !== gateway || undefined, 'gateway in its place');
    const left = clients.filter(({ isEnded }) => !isEnded);
    expect(left.length).toBeGreaterThanOrEqual(2);
    left[0]!.say('still here');
    for (const client of left) await client.hears(/ said \d+: still here$/);
    for (const { id, isEnded } of clients.slice(2)) {
      if (isEnded) await left[0]!.hears(new RegExp(`^${id} logout$`));
    }
  });

  it('carry out commands over all gateways, and keep what was said when a worker or a gateway is killed', async () => {
    const { ann, bob, eve } = await threeAtTwoGateways();
    await ann.gets('/join lobby', /^joined lobby 1$/);
    await bob.gets('/join lobby', /^joined lobby 2$/);
    await eve.gets('/join lobby', /^joined lobby 3$/);
    await ann.gets('/say lobby hi all', new RegExp(`^lobby ${ann.id}: hi all$`));
    for (const one of [bob, eve]) await one.hears(new RegExp(`^lobby ${ann.id}: hi all$`));
    await eve.gets('/leave lobby', /^left lobby$/);
    expect(await whoIsIn('lobby', eve)).toEqual([ann.id, bob.id].sort());
    await bob.gets('/bind u1', /^bound u1$/);
    await ann.gets('/to u1 psst', /^sent 1$/);
    await bob.hears(new RegExp(`^${ann.id} to u1: psst$`));
    await bob.gets('/set color dark red', /^set color$/);
    await ann.gets(`/get ${bob.id} color`, new RegExp(`^${bob.id} color: dark red$`));
    await ann.gets(`/get ${bob.id} size`, /^error: .* has not set size$/);
    await ann.gets('/nonsense', /^error: there is no command \/nonsense/);
    await ann.gets(`/kick ${eve.id} good night`, new RegExp(`^kicked ${eve.id}$`));
    await eve.hears(/^good night$/);
    await holds(() => eve.isEnded || undefined, 'end of the one that was kicked');

    for (const name of ['worker 1', 'worker 2']) {
      const worker = pidOf(name);
      process.kill(worker, 'SIGKILL');
      await holds(() => pidOf(name) !== worker || undefined, `${name} in its place`);
      expect(await whoIsIn('lobby', ann)).toEqual([ann.id, bob.id].sort());
      await ann.gets('/to u1 still', /^sent 1$/);
      await ann.gets(`/get ${bob.id} color`, new RegExp(`^${bob.id} color: dark red$`));
    }

    const gateway = pidOf('gateway 1');
    process.kill(gateway, 'SIGKILL');
    const [gone, left] = await holds(() => {
      if (ann.isEnded) return [ann, bob] as const;
      return bob.isEnded ? ([bob, ann] as const) : undefined;
    }, 'end of those at the gateway');
    await left.hears(new RegExp(`^${gone.id} logout$`));
    expect(await whoIsIn('lobby', left)).toEqual([left.id]);
    await left.gets(`/kick ${gone.id} you too`, /^error: no connection has the id/);
    await holds(() => pidOf('gateway 1') !== gateway || undefined, 'gateway in its place');
  });

  it('publish what other programs say by HTTP, even while a worker is replaced', async () => {
    const { ann, bob, eve } = await threeAtTwoGateways();
    await ann.gets('/join news', /^joined news 1$/);
    await bob.gets('/join news', /^joined news 2$/);
    await eve.gets('/bind u9', /^bound u9$/);
    const publish = (to: object) => api('/publish', { to, message: 'so it is' });
    const answered = async (to: object, delivered: number, ...hear: Client[]) => {
      const from = hear.map(({ lines }) => lines.length);
      expect(await publish(to)).toEqual([200, { delivered }]);
      for (const [i, one] of hear.entries()) await one.hears(/^so it is$/, from[i]);
    };
    await answered({ group: 'news' }, 2, ann, bob);
    await answered({ user: 'u9' }, 1, eve);
    await answered({ connection: ann.id }, 1, ann);
    await answered({ group: 'none' }, 0);
    const worker = pidOf('worker 1');
    process.kill(worker, 'SIGKILL');
    await holds(() => pidOf('worker 1') !== worker || undefined, 'worker in its place');
    await answered({ all: true }, 3, ann, bob, eve);
    expect(await api('/groups/news')).toEqual([200, { count: 2 }]);
    expect(await api('/users/u9')).toEqual([200, { online: true }]);
    expect(await api('/users/u10')).toEqual([200, { online: false }]);
  });

  it.skipIf(!isThere('php'))('do what the functions of GatewayWorker in PHP say', async () => {
    const { ann, bob, eve } = await threeAtTwoGateways();
    await ann.gets('/join php', /^joined php 1$/);
    await bob.gets('/join php', /^joined php 2$/);
    await eve.gets('/bind u5', /^bound u5$/);
    const [, base] = await says(/^api (http:\S+)\/$/m);
    const env = { ...process.env, API: base, API_KEY: KEY };
    const calls = [
      ['sendToAll', ['to all']],
      ['sendToGroup', ['php', 'to the room']],
      ['sendToUid', [['u5', 'nobody'], 'to the user']],
      ['sendToClient', [ann.id, 'to the client']],
      ['sendToClient', ['00000000', 'to nobody']],
      ['getClientIdCountByGroup', ['php']],
      ['isUidOnline', ['u5']],
      ['isUidOnline', ['u6']],
      ['isOnline', [bob.id]],
      ['closeClient', [bob.id, 'good night']],
      ['closeClient', ['00000000']],
    ];
    const program = fileURLToPath(new URL('gateway-calls.php', import.meta.url));
    const { stdout } = await promisify(execFile)('php', [program, JSON.stringify(calls)], { env });
    const nothing = null;
    expect(JSON.parse(stdout)).toEqual([
      ...[nothing, nothing, nothing, true, false, 2, 1, 0, 1, true, false],
    ]);
    for (const one of [ann, bob, eve]) await one.hears(/^to all$/);
    for (const one of [ann, bob]) await one.hears(/^to the room$/);
    await eve.hears(/^to the user$/);
    await ann.hears(/^to the client$/);
    await bob.hears(/^good night$/);
    await holds(() => bob.isEnded || undefined, 'end of the one that was closed');
  });

  it('end on SIGTERM with 0', async () => {
    const client = await Client.connect();
    program.kill('SIGTERM');
    await holds(() => client.isEnded || undefined, 'end');
    await holds(() => program.exitCode ?? undefined, 'exit');
    expect(program.exitCode).toBe(0);
  });
});

describe('portsFrom', () => {
  it('takes ports, and names the one that is none', () => {
    expect(portsFrom({})).toEqual({ gateway: 8282, register: 1236, mesh: 1237 });
    expect(portsFrom({ GATEWAY_PORT: '0', REGISTER_PORT: '1' })).toEqual({
      gateway: 0,
      register: 1,
      mesh: 1237,
    });
    expect(() => portsFrom({ GATEWAY_PORT: 'x' })).toThrow('GATEWAY_PORT is "x": ');
    expect(() => portsFrom({ REGISTER_PORT: '65536' })).toThrow('REGISTER_PORT is "65536": ');
  });
});

describe('apiFrom', () => {
  it('takes a port and a key, and makes a key where there is none', () => {
    expect(apiFrom({ API_PORT: '0', API_KEY: 'k' })).toEqual({ port: 0, key: 'k' });
    const { port, key } = apiFrom({ API_KEY: '' });
    expect(port).toBe(8283);
    expect(key).toMatch(/^[\w-]{24}$/);
  });
});
