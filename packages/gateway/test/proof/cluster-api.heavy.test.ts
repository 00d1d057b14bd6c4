// The promises of docs/guides/publishing-from-any-language.md, and of the calls of docs/guides/gateway-and-worker.md from any node,
// as a stranger sees them: real processes, a real bus, plain sockets and HTTP requests.
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import net from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { BusProxy } from '../../../cluster/test/proof/bus-proxy.ts';
import { missing, NATS_SERVER, type ServerProgram } from '../../../core/test/fixture/bus-server.ts';
import { type BoxClient, type BoxNode, GatewayBox, PATIENCE } from './gateway-box.ts';

const absent = missing(NATS_SERVER);
/** For what hangs only. */
const LONG = { timeout: 600_000 };
const KEY = 'open-sesame';
/** A server that takes messages of 8 KB. */
const NARROW_NATS: ServerProgram = {
  ...NATS_SERVER,
  args: (port, folder) => {
    const file = join(folder, 'nats.conf');
    writeFileSync(file, 'max_payload: 8192\n');
    return ['-a', '127.0.0.1', '-p', String(port), '-c', file];
  },
};

interface Answered {
  readonly status: number;
  readonly headers: Headers;
  readonly value: {
    readonly error?: { readonly code: string; readonly message: string };
    readonly delivered?: number;
    readonly done?: number;
    readonly results?: readonly {
      readonly delivered?: number;
      readonly error?: { code: string };
    }[];
  };
}

interface Asked {
  readonly key?: string | undefined;
  readonly repeatKey?: string;
  readonly headers?: Record<string, string>;
}

async function ask(
  api: BoxNode,
  path: string,
  body?: unknown,
  asked: Asked = {},
): Promise<Answered> {
  const { key = KEY, repeatKey, headers } = asked;
  const response = await fetch(`http://127.0.0.1:${api.port}${path}`, {
    method: body === undefined ? 'GET' : 'POST',
    headers: {
      authorization: `Bearer ${key}`,
      ...(repeatKey === undefined ? {} : { 'idempotency-key': repeatKey }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const { status } = response;
  return { status, headers: response.headers, value: (await response.json()) as Answered['value'] };
}

const codeOf = ({ status, value }: Answered) => [status, value.error?.code];
const heardTimes = ({ heard }: BoxClient, text: string) =>
  heard.filter((one) => one === text).length;
const hearersOf = (clients: readonly BoxClient[], text: string) =>
  clients.filter((client) => heardTimes(client, text) > 0).length;

/** A request by hand, and the whole answer to it. */
async function raw(api: BoxNode, request: string): Promise<string> {
  const socket = net.connect(api.port, '127.0.0.1').setEncoding('latin1');
  let answer = '';
  socket.on('data', (text: string) => {
    answer += text;
  });
  socket.end(request);
  await once(socket, 'close');
  return answer;
}

/** Two gateways with so many connections together, which know their ids, and a worker. */
async function served(count: number) {
  const own = await GatewayBox.start();
  onTestFinished(() => own.end());
  const gateways = [await own.gateway(), await own.gateway()] as const;
  const worker = await own.worker();
  const clients: BoxClient[] = [];
  for (const [i, gateway] of gateways.entries()) {
    clients.push(...(await own.connectAll(gateway, count / 2, `g${i}n`)));
  }
  const ids = await Promise.all(clients.map((client) => client.asks('id')));
  return { box: own, gateways, worker, clients, ids };
}

describe.runIf(absent === '')(`connections that any program reaches${absent}`, LONG, () => {
  it('reach a connection once with one idempotency key, though bus, gateway and worker fail meanwhile', async () => {
    const { box: all, gateways, worker, clients } = await served(40);
    const proxy = await BusProxy.start(all.server.port);
    onTestFinished(() => proxy.end());
    const api = await all.api(
      { keys: [KEY], requestsPerSecond: 1e6, requestBurst: 1e6 },
      proxy.port,
    );
    const to = { all: true };
    await expect
      .poll(async () => (await ask(api, '/publish', { to, message: 'first' })).value, PATIENCE)
      .toEqual({ delivered: 40 });
    const outcomes = new Map<string, Answered>();
    const publishOnce = (message: string) =>
      ask(api, '/publish', { to, message }, { repeatKey: message });
    /** Whether the answer says what became of the message. If not, nothing was done by this request. */
    const isKept = (answer: Answered): boolean => {
      if (answer.status === 200 || answer.value.done !== undefined) return true;
      const refused = expect.stringMatching(/^HR_ERR_BUS_DOWN$|^STILL_RUNNING$/);
      expect(codeOf(answer)).toEqual([503, refused]);
      return false;
    };
    /** As a client does: until an answer says what became of it. */
    const publish = async (message: string): Promise<void> => {
      let kept: Answered | undefined;
      while (kept === undefined) {
        kept = (await Promise.all([1, 2, 3].map(() => publishOnce(message)))).find(isKept);
        if (kept === undefined) await delay(100);
      }
      let repeated = await publishOnce(message);
      for (; !isKept(repeated); repeated = await publishOnce(message)) await delay(100);
      expect(repeated.value).toEqual(kept.value);
      expect(repeated.headers.get('idempotency-replayed')).toBe('true');
      outcomes.set(message, kept);
    };
    let number = 0;
    let isOver = false;
    const publishers = Array.from({ length: 8 }, async () => {
      while (!isOver) {
        number += 1;
        await publish(`m${number}`);
        await delay(50);
      }
    });
    const answers = async (): Promise<void> => {
      const before = outcomes.size;
      await expect.poll(() => outcomes.size, PATIENCE).toBeGreaterThan(before + 40);
    };
    for (let round = 0; round < 3; round += 1) {
      await answers();
      await proxy.cut();
      await delay(500);
      await proxy.listen();
      await expect.poll(async () => (await api.counters()).state, PATIENCE).toBe('up');
      await answers();
      proxy.fallSilent();
      await delay(4000);
      proxy.speak();
      await expect.poll(async () => (await api.counters()).state, PATIENCE).toBe('up');
      await answers();
      gateways[0].process.signal('SIGSTOP');
      await delay(3000);
      gateways[0].process.signal('SIGCONT');
      if (round === 0) await worker.process.kill();
    }
    isOver = true;
    await Promise.all(publishers);
    expect((await ask(api, '/publish', { to, message: 'last' })).value).toEqual({ delivered: 40 });
    await expect.poll(() => hearersOf(clients, 'last'), PATIENCE).toBe(40);
    const seen = { reached: 0, partly: 0 };
    for (const [message, { value }] of outcomes) {
      const times = clients.map((client) => heardTimes(client, message));
      expect([message, Math.max(...times)]).toEqual([message, Math.min(1, Math.max(...times))]);
      const reached = times.reduce((sum, one) => sum + one, 0);
      if (value.delivered !== undefined) {
        // A gateway that was silent until it counted as gone writes it later.
        expect(reached, message).toBeGreaterThanOrEqual(value.delivered);
        seen.reached += 1;
      } else {
        expect(reached, message).toBeGreaterThanOrEqual(value.done!);
        seen.partly += 1;
      }
    }
    expect(seen.reached).toBeGreaterThan(100);
    expect(seen.partly).toBeGreaterThan(0);
    expect(clients.filter(({ isClosed }) => isClosed)).toEqual([]);
  });

  it('answer a repeated request with the first answer, also one that is still under way or was cut', async () => {
    const { box: all, gateways, clients } = await served(10);
    const api = await all.api({ keys: [KEY, 'second'], maxIdempotencyKeys: 20 });
    const to = { all: true };
    await expect
      .poll(async () => (await ask(api, '/publish', { to, message: 'first' })).value, PATIENCE)
      .toEqual({ delivered: 10 });
    const publish = (message: string, asked: Asked) => ask(api, '/publish', { to, message }, asked);
    const at = { repeatKey: 'one' };
    const many = await Promise.all(Array.from({ length: 20 }, () => publish('at once', at)));
    expect(many.map(({ status, value }) => [status, value.delivered])).toEqual(
      many.map(() => [200, 10]),
    );
    expect(
      many.filter(({ headers }) => headers.get('idempotency-replayed') === 'true'),
    ).toHaveLength(19);
    expect(codeOf(await publish('another', at))).toEqual([422, 'IDEMPOTENCY_KEY_REUSED']);
    expect((await publish('of another key', { ...at, key: 'second' })).value.delivered).toBe(10);

    // One that leaves before it has the answer: the gateway that stands still keeps it waiting.
    gateways[0].process.signal('SIGSTOP');
    const body = JSON.stringify({ to, message: 'cut' });
    const head = `POST /publish HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${KEY}\r\nIdempotency-Key: cut\r\n`;
    const socket = net.connect(api.port, '127.0.0.1');
    socket.write(`${head}Content-Length: ${body.length}\r\n\r\n${body}`);
    await expect.poll(() => hearersOf(clients, 'cut'), PATIENCE).toBe(5);
    socket.resetAndDestroy();
    const late = publish('cut', { repeatKey: 'cut' });
    await delay(200);
    gateways[0].process.signal('SIGCONT');
    const { value, headers } = await late;
    expect(headers.get('idempotency-replayed')).toBe('true');
    expect(value.delivered ?? value.done).toBeGreaterThanOrEqual(5);

    // What was refused is not kept, and nothing was done.
    expect(
      codeOf(await ask(api, '/publish', { to: {}, message: 'x' }, { repeatKey: 'two' })),
    ).toEqual([400, 'WRONG_TARGET']);
    expect((await publish('corrected', { repeatKey: 'two' })).value).toEqual({ delivered: 10 });
    const messages = [1, 2, 3].map((n) => ({ to, message: `b${n}` }));
    const batches = [
      await ask(api, '/batch', { messages }, { repeatKey: 'b' }),
      await ask(api, '/batch', { messages }, { repeatKey: 'b' }),
    ];
    for (const batch of batches)
      expect(batch.value.results).toEqual([1, 2, 3].map(() => ({ delivered: 10, nodes: 2 })));

    // Above the limit, the oldest keys are forgotten.
    for (let n = 0; n < 20; n += 1)
      await publish(`fill ${n}`, { repeatKey: `fill ${n}`.replace(' ', '-') });
    expect((await publish('at once', at)).headers.get('idempotency-replayed')).toBe(null);
    await publish('the end', {});
    await expect.poll(() => hearersOf(clients, 'the end'), PATIENCE).toBe(10);
    for (const client of clients) {
      const texts = client.heard.filter((text) => !/^(id|fill|first)/.test(text));
      expect(texts).toEqual([
        'at once',
        'of another key',
        'cut',
        'corrected',
        'b1',
        'b2',
        'b3',
        'at once',
        'the end',
      ]);
    }
  });

  it('say how many connections were reached while gateways are silent, leave and die, and the bus is away', async () => {
    const { box: all, gateways, clients, ids } = await served(20);
    const api = await all.api({ keys: [KEY] });
    const to = { all: true };
    const publish = (message: string) => ask(api, '/publish', { to, message });
    await expect
      .poll(async () => (await publish('first')).value, PATIENCE)
      .toEqual({ delivered: 20 });
    const [first, second] = [clients.slice(0, 10), clients.slice(10)];
    expect((await publish('both')).headers.get('headrace-nodes')).toBe('2');
    gateways[0].process.signal('SIGSTOP');
    const partly = await publish('partly');
    expect([...codeOf(partly), partly.value.done]).toEqual([503, 'HR_ERR_TIMEOUT_REQUEST', 10]);
    expect(partly.value.error!.message).toContain(ids[0]!.split(':')[0]);
    expect(partly.headers.get('retry-after')).toBe('1');
    gateways[0].process.signal('SIGCONT');
    await expect
      .poll(async () => (await publish('again')).value, PATIENCE)
      .toEqual({ delivered: 20 });
    expect(second.map((client) => heardTimes(client, 'partly'))).toEqual(second.map(() => 1));
    for (const client of first) expect(heardTimes(client, 'partly')).toBeLessThanOrEqual(1);

    await all.server.kill();
    await expect.poll(async () => (await api.counters()).state, PATIENCE).toBe('down');
    for (const answer of [await publish('never'), await ask(api, '/users/ann')]) {
      expect([...codeOf(answer), answer.value.done]).toEqual([503, 'HR_ERR_BUS_DOWN', undefined]);
    }
    await all.server.start();
    await expect
      .poll(async () => (await publish('back')).value, PATIENCE)
      .toEqual({ delivered: 20 });

    const disconnected = { to: { connection: ids[9] }, message: 'bye' };
    expect((await ask(api, '/disconnect', disconnected)).value).toEqual({ closed: 1 });
    await expect.poll(() => first[9]!.hasEnded, PATIENCE).toBe(true);
    expect(first[9]!.heard.at(-1)).toBe('bye');
    expect((await ask(api, '/disconnect', disconnected)).value).toEqual({ closed: 0 });
    expect((await ask(api, `/connections/${ids[9]}`)).value).toEqual({ online: false });
    expect((await ask(api, `/connections/${ids[8]}`)).value).toEqual({ online: true });

    // What each answer says is what they heard, though a gateway leaves and the other one is killed.
    const said: [string, Answered][] = [];
    const sayWhile = async (end: Promise<unknown>, name: string): Promise<void> => {
      let isOver = false;
      const over = end.finally(() => {
        isOver = true;
      });
      for (let n = 0; !isOver; n += 1) said.push([`${name}${n}`, await publish(`${name}${n}`)]);
      await over;
    };
    await sayWhile(gateways[0].leaves(), 'leaves');
    const third = await all.gateway();
    const more = await all.connectAll(third, 10, 'h');
    await sayWhile(
      gateways[1].process.kill().then(() => delay(6000)),
      'dies',
    );
    await expect
      .poll(async () => (await publish('end')).value, PATIENCE)
      .toEqual({ delivered: 10 });
    await expect.poll(() => hearersOf(more, 'end'), PATIENCE).toBe(10);
    for (const [message, { status, value }] of said) {
      const reached = hearersOf([...clients, ...more], message);
      if (status === 200) expect([message, reached]).toEqual([message, value.delivered]);
      else expect(reached, message).toBeGreaterThanOrEqual(value.done ?? 0);
    }
    expect(hearersOf(clients, 'never')).toBe(0);
    expect((await ask(api, `/connections/${ids[15]}`)).value).toEqual({ online: false });
  });

  it('give each key its rights, its rate and its places, and refuse with the status and code of the page', async () => {
    const { box: all, worker, clients, ids } = await served(4);
    const keys = [
      KEY,
      'new-key',
      { key: 'shop', may: ['publish', 'presence'] as const, groups: 'shop.' },
    ];
    const api = await all.api({ keys, requestsPerSecond: 0.01, requestBurst: 300 });
    await expect
      .poll(async () => (await ask(api, '/groups/x')).value, PATIENCE)
      .toEqual({ count: 0 });
    await worker.call('join', { connection: ids[0] }, 'shop.a');
    await worker.call('bind', { connection: ids[1] }, 'ann');
    const message = 'm';
    const [group, everybody] = [{ group: 'shop.a' }, { all: true }];
    const long = 'x'.repeat(65_536);
    const shop = { key: 'shop' };
    const table: [path: string, body: unknown, asked: Asked, status: number, code?: string][] = [
      ['/publish', { to: group, message }, shop, 200],
      ['/publish', { to: { group: 'other' }, message }, shop, 403, 'NOT_ALLOWED'],
      ['/publish', { to: everybody, message }, shop, 403, 'NOT_ALLOWED'],
      ['/publish', { to: { user: 'ann' }, message }, shop, 403, 'NOT_ALLOWED'],
      ['/publish', { to: { connection: ids[0] }, message }, shop, 403, 'NOT_ALLOWED'],
      ['/disconnect', { to: group }, shop, 403, 'NOT_ALLOWED'],
      ['/groups/shop.a', undefined, shop, 200],
      ['/groups/other', undefined, shop, 403, 'NOT_ALLOWED'],
      ['/users/ann', undefined, shop, 403, 'NOT_ALLOWED'],
      ['/nothing', undefined, shop, 404, 'NOT_FOUND'],
      ['/disconnect', undefined, shop, 405, 'WRONG_METHOD'],
      ['/publish', { to: group, message }, { key: 'new-key' }, 200],
      ['/publish', { to: group, message }, { key: 'old-key' }, 401, 'WRONG_KEY'],
      ['/publish', { to: group, message }, { key: 'open-sesam' }, 401, 'WRONG_KEY'],
      ['/users/ann', undefined, {}, 200],
      ['/users/%61nn', undefined, {}, 200],
      ['/users/%', undefined, {}, 400, 'WRONG_NAME'],
      ['/users/', undefined, {}, 404, 'NOT_FOUND'],
      [`/users/${'a'.repeat(1024)}`, undefined, {}, 200],
      [`/users/${'a'.repeat(1025)}`, undefined, {}, 400, 'WRONG_NAME'],
      ['/connections/nobody', undefined, {}, 400, 'WRONG_NAME'],
      ['/publish', '{', {}, 400, 'NOT_JSON'],
      ['/publish', '7', {}, 400, 'NO_OBJECT'],
      ['/publish', { to: group, message, more: 1 }, {}, 400, 'UNKNOWN_MEMBER'],
      ['/publish', { to: group, message: null }, {}, 400, 'WRONG_MESSAGE'],
      ['/publish', { to: group }, {}, 400, 'WRONG_MESSAGE'],
      ['/publish', { to: { all: false }, message }, {}, 400, 'WRONG_TARGET'],
      ['/publish', { to: { group: 'a', user: 'b' }, message }, {}, 400, 'WRONG_TARGET'],
      ['/publish', { to: { group: '' }, message }, {}, 400, 'WRONG_NAME'],
      ['/batch', { messages: [] }, {}, 400, 'WRONG_BATCH'],
      ['/batch', { messages: Array(101).fill({ to: group, message }) }, {}, 400, 'WRONG_BATCH'],
      ['/publish', { to: group, message }, { repeatKey: 'a b' }, 400, 'WRONG_IDEMPOTENCY_KEY'],
      ['/publish', long, {}, 400, 'NOT_JSON'],
      ['/publish', `${long}x`, {}, 413, 'BODY_TOO_LONG'],
      ['/publish', 'x', { headers: { 'content-encoding': 'gzip' } }, 415, 'ENCODED_BODY'],
    ];
    for (const [path, body, asked, status, code] of table) {
      const answer = await ask(api, path, body, asked);
      expect([path, body, ...codeOf(answer)]).toEqual([path, body, status, code]);
      if (code !== undefined) expect(answer.value.error!.message).toMatch(/^[\S ]{5,}$/);
    }
    expect((await ask(api, '/openapi.json', undefined, { key: 'none' })).status).toBe(200);
    const mixed = [
      { to: group, message: 'b1' },
      { to: everybody, message: 'b2' },
      { to: group, message: 'b3' },
    ];
    const { value } = await ask(api, '/batch', { messages: mixed }, shop);
    expect(value.results).toMatchObject([
      { delivered: 1 },
      { error: { code: 'NOT_ALLOWED' } },
      { delivered: 1 },
    ]);
    const authorization = `Host: a\r\nConnection: close\r\nAuthorization: Bearer ${KEY}\r\n`;
    const cut = await raw(
      api,
      `POST /publish HTTP/1.1\r\n${authorization}Content-Length: 9\r\n\r\n{`,
    );
    expect(cut).toMatch(/^(HTTP\/1\.1 400 |$)/);
    const pieces = `${'1\r\nx\r\n'.repeat(65_537)}0\r\n\r\n`;
    const chunked = await raw(
      api,
      `POST /publish HTTP/1.1\r\n${authorization}Transfer-Encoding: chunked\r\n\r\n${pieces}`,
    );
    expect(chunked).toMatch(/^HTTP\/1\.1 413 .*"BODY_TOO_LONG"/s);

    // 64 requests of a key are under way: others of it wait at the client, and other keys are served.
    const half = Array.from({ length: 64 }, () => {
      const socket = net.connect(api.port, '127.0.0.1');
      socket.on('error', () => {});
      socket.write(`POST /publish HTTP/1.1\r\n${authorization}Content-Length: 9\r\n\r\n{`);
      return socket;
    });
    onTestFinished(() => {
      for (const socket of half) socket.destroy();
    });
    const busy = () => ask(api, '/users/ann');
    await expect
      .poll(async () => codeOf(await busy()), { timeout: 20_000, interval: 500 })
      .toEqual([503, 'BUSY']);
    expect((await busy()).headers.get('retry-after')).toBe('1');
    expect((await ask(api, '/users/ann', undefined, { key: 'new-key' })).value).toEqual({
      online: true,
    });
    for (const socket of half) socket.destroy();
    await expect
      .poll(async () => codeOf(await busy()), { timeout: 20_000, interval: 500 })
      .toEqual([200, undefined]);

    // A batch counts as its messages. What is too much is refused, and says when there is room again.
    const hundred = { messages: Array(100).fill({ to: { group: 'nobody' }, message }) };
    const answers = [];
    for (let n = 0; n < 4; n += 1)
      answers.push(await ask(api, '/batch', hundred, { key: 'new-key' }));
    expect(answers.map(codeOf)).toEqual([
      [200, undefined],
      [200, undefined],
      [429, 'TOO_MANY_REQUESTS'],
      [429, 'TOO_MANY_REQUESTS'],
    ]);
    expect(Number(answers[3]!.headers.get('retry-after'))).toBeGreaterThan(1);
    expect((await ask(api, '/users/ann', undefined, shop)).status).toBe(403);
    expect(clients.map((client) => client.heard.filter((text) => /^[mb]/.test(text)))).toEqual([
      ['m', 'm', 'b1', 'b3'],
      ...[[], [], []],
    ]);
  });

  it('refuse what does not fit on the bus, and go on with the others', async () => {
    const box = await GatewayBox.start(NARROW_NATS);
    onTestFinished(() => box.end());
    const gateway = await box.gateway({ delivery: 'acknowledged' });
    const worker = await box.worker();
    const api = await box.api({ keys: [KEY] });
    const [client, other] = (await box.connectAll(gateway, 2)) as [BoxClient, BoxClient];
    const connection = await client.asks('id');
    await other.asks('say');
    await client.asks('say', 'x'.repeat(7000));
    // What a worker sets and writes.
    expect(await client.asks('keep', 7000)).toBe('kept');
    expect(await client.asks('keep', 8150)).toBe('HR_ERR_MESSAGE_TOO_LONG');
    expect(await client.asks('kept')).toBe('7000');
    expect(await client.asks('write', 8000)).toBe('written');
    expect(await client.asks('write', 8150)).toBe('HR_ERR_MESSAGE_TOO_LONG');
    // What other nodes and programs send.
    const session = { text: 'x'.repeat(3000) };
    const longer = { text: 'x'.repeat(4500) };
    expect(await worker.call('setSession', { connection }, session)).toBe(1);
    expect(await worker.call('setSession', { connection }, longer)).toMatchObject({
      code: 'HR_ERR_MESSAGE_TOO_LONG',
    });
    expect(await worker.call('list', { connection })).toMatchObject([{ session }]);
    const to = { connection };
    const publish = (message: string) => ask(api, '/publish', { to, message });
    expect((await publish('y'.repeat(7000))).value).toEqual({ delivered: 1 });
    expect(codeOf(await publish('z'.repeat(8100)))).toEqual([413, 'MESSAGE_TOO_LONG']);
    // What the connection itself sends.
    other.say('say', 'x'.repeat(8150));
    await expect.poll(() => other.isClosed, PATIENCE).toBe(true);
    await client.asks('say');
    expect(client.heard.filter((text) => /^z/.test(text))).toEqual([]);
    expect(client.heard.filter((text) => /^y{7000}$/.test(text))).toHaveLength(1);
    const reasons = () => box.journal('closed').map(({ reason }) => reason);
    await expect.poll(reasons, PATIENCE).toEqual(['error']);
    expect(await gateway.counters()).toMatchObject({ connections: 1, lost: 0 });
    expect(await worker.counters()).toMatchObject({ connections: 1, missed: 0 });
  });

  it('keep groups, users and sessions when a worker is killed, and list each connection once', async () => {
    const box = await GatewayBox.start();
    onTestFinished(() => box.end());
    const gateways = [await box.gateway(), await box.gateway()];
    const workers = [await box.worker(), await box.worker()];
    const clients: BoxClient[] = [];
    for (const [i, gateway] of gateways.entries()) {
      clients.push(...(await box.connectAll(gateway, 150, `g${i}n`)));
    }
    const ids = await Promise.all(clients.map((client) => client.asks('id')));
    const expected = ids.map((id, i) => ({
      id,
      users: [`u${i % 50}`],
      groups: i % 3 === 0 ? ['third'] : [],
      session: { place: i, text: 'x'.repeat(3000) },
    }));
    const [worker, next] = workers as [(typeof workers)[0], (typeof workers)[0]];
    for (const { id: connection, users, groups, session } of expected) {
      expect(await worker.call('bind', { connection }, users[0])).toBe(1);
      expect(await worker.call('setSession', { connection }, session)).toBe(1);
      if (groups.length > 0) await worker.call('join', { connection }, 'third');
    }
    await worker.process.kill();
    const byId = (one: { id: string }, two: { id: string }) => (one.id < two.id ? -1 : 1);
    const listed = async (of: object) => (await next.call<typeof expected>('list', of)).sort(byId);
    expect(await listed({ all: true })).toEqual([...expected].sort(byId));
    const third = expected.filter(({ groups }) => groups.length > 0);
    expect(await listed({ group: 'third' })).toEqual([...third].sort(byId));
    expect(await next.call('count', { group: 'third' })).toBe(third.length);
    expect(await next.call('count', { user: 'u7' })).toBe(6);
    const except = third.slice(0, 10).map(({ id }) => id);
    expect(await next.call('send', { group: 'third' }, 'to them', except)).toBe(third.length - 10);
    const hearers = () => clients.filter(({ heard }) => heard.includes('to them')).length;
    await expect.poll(hearers, PATIENCE).toBe(third.length - 10);
    expect(await next.call('close', { group: 'third' }, 'bye')).toBe(third.length);
    await expect
      .poll(() => clients.filter(({ hasEnded }) => hasEnded).length, PATIENCE)
      .toBe(third.length);
    expect(clients.filter(({ heard }) => heard.includes('bye')).length).toBe(third.length);
    expect(await next.call('count', { group: 'third' })).toBe(0);
    expect(await next.call('count', { connection: third[0]!.id })).toBe(0);
    expect(await listed({ all: true })).toHaveLength(300 - third.length);
  });
});
