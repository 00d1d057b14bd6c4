// The promises of docs/guides/gateway-and-worker.md, as a stranger sees them: real processes, a real bus, plain sockets.
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  missing,
  NATS_SERVER,
  REDIS_SERVER,
  type ServerProgram,
} from '../../../core/test/fixture/bus-server.ts';
import {
  type BoxNode,
  expectAllAnswered,
  expectEachOnce,
  expectOrder,
  GatewayBox,
  PATIENCE,
  POISONED,
  talk,
  talkUntil,
} from './gateway-box.ts';
import { PlainWebSocket } from './plain-web-socket.ts';

const absent = missing(NATS_SERVER) + missing(REDIS_SERVER);
/** A busy machine may take long for what is under way. */
const PATIENT = { handoverMs: 60_000 };
/** For what hangs only. */
const LONG = { timeout: 600_000 };
const ACKNOWLEDGED = { delivery: 'acknowledged' } as const;

async function boxOn(program: ServerProgram): Promise<GatewayBox> {
  const box = await GatewayBox.start(program);
  onTestFinished(() => box.end());
  return box;
}

/** Each line that was accepted came to exactly one worker, as a new one, and was handled. */
function expectHandledOnce(box: GatewayBox): void {
  const wrong = [...box.lines()].filter(
    ([, { accepted, ended, begun }]) =>
      accepted !== 1 || ended !== 1 || begun.length !== 1 || begun[0]!.repeated,
  );
  expect(wrong).toEqual([]);
}

/** Each line was handled, and one worker at most got it without a mark: one that was silent may begin with it after the next one. */
function expectHandledOrMarked(box: GatewayBox): void {
  const wrong = [...box.lines()].filter(
    ([, { accepted, ended, begun }]) =>
      accepted !== 1 || ended === 0 || begun.filter(({ repeated }) => !repeated).length > 1,
  );
  expect(wrong).toEqual([]);
}

async function connectionsOf(workers: readonly BoxNode[]): Promise<number> {
  const all = await Promise.all(workers.map((worker) => worker.counters()));
  return all.reduce((sum, { connections }) => sum + connections, 0);
}

const closedFor = (box: GatewayBox, reason: string) =>
  box.journal('close').filter((one) => one.reason === reason);

describe.runIf(absent === '')(`a gateway and its workers, seen from outside${absent}`, LONG, () => {
  it('answer hundreds of lines at once from slow workers, with 64 under way, and read each end', async () => {
    const box = await boxOn(NATS_SERVER);
    const gateway = await box.gateway();
    const worker = await box.worker({ lineMs: 5 });
    const clients = await box.connectAll(gateway, 20);
    for (const client of clients) client.sayAtOnce(300);
    await expectAllAnswered(clients);
    expectEachOnce(clients);
    expectHandledOnce(box);
    const open = new Map<string, number>();
    for (const { what, line } of box.journal()) {
      if (what !== 'accepted' && what !== 'end') continue;
      const name = line!.split(' ')[1]!;
      const count = (open.get(name) ?? 0) + (what === 'accepted' ? 1 : -1);
      expect(count).toBeLessThanOrEqual(64);
      open.set(name, count);
    }
    for (const { socket } of clients) socket.end();
    await box.expectNoneLeft(gateway);
    await expect.poll(async () => (await worker.counters()).connections, PATIENCE).toBe(0);
    expect(closedFor(box, 'peer')).toHaveLength(20);
    expect(box.journal('close')).toHaveLength(20);
    expect(await gateway.counters()).toMatchObject({ lost: 0, moved: 0, ignored: 0 });
    expect(await worker.counters()).toMatchObject({ missed: 0, ignored: 0 });
  });

  it('answer bursts of WebSockets, and their closes', async () => {
    const box = await boxOn(NATS_SERVER);
    const gateway = await box.gateway({ isWebSocket: true });
    await box.worker({ lineMs: 5 });
    const names = Array.from({ length: 20 }, (_, i) => `w${i}`);
    const sockets = await Promise.all(names.map(() => PlainWebSocket.connect(gateway.port)));
    onTestFinished(() => {
      for (const socket of sockets) socket.destroy();
    });
    const lines = names.map((name) =>
      Array.from({ length: 200 }, (_, i) => `say ${name} ${i + 1}`),
    );
    for (const [i, socket] of sockets.entries()) socket.send(lines[i]!);
    const heard = () => sockets.map((socket) => socket.heard.length);
    await expect.poll(heard, PATIENCE).toEqual(lines.map(({ length }) => length));
    expect(sockets.map((socket) => socket.heard)).toEqual(lines);
    for (const socket of sockets) socket.close();
    await expect
      .poll(
        () => sockets.filter(({ wasClosed, hasEnded }) => wasClosed && hasEnded).length,
        PATIENCE,
      )
      .toBe(20);
    await box.expectNoneLeft(gateway);
    await expect.poll(() => box.journal('close').length, PATIENCE).toBe(20);
  });

  it('answer all lines of clients that end their half at once, and end the connections then', async () => {
    const box = await boxOn(NATS_SERVER);
    const gateway = await box.gateway({ allowHalfOpen: true });
    await box.worker({ lineMs: 5 });
    const clients = await box.connectAll(gateway, 150);
    for (const client of clients) {
      client.sayAtOnce(100);
      client.socket.end();
    }
    const others = await box.connectAll(gateway, 10, 'silent');
    for (const { socket } of others) socket.end();
    const waiting = () => [...clients, ...others].filter(({ hasEnded }) => !hasEnded).length;
    await expect.poll(waiting, PATIENCE).toBe(0);
    expectEachOnce(clients);
    await box.expectNoneLeft(gateway);
    await expect.poll(() => closedFor(box, 'peer').length, PATIENCE).toBe(160);
  });

  it('keep connections open without a worker and read nothing of them, until there is one', async () => {
    const box = await boxOn(NATS_SERVER);
    const gateway = await box.gateway();
    const clients = await box.connectAll(gateway, 20);
    for (const client of clients) client.sayAtOnce(100);
    await delay(3000);
    expect(box.journal('accepted')).toEqual([]);
    await box.worker();
    await expectAllAnswered(clients);
    expectEachOnce(clients);
    expectHandledOnce(box);
    expect(clients.filter(({ isClosed }) => isClosed)).toEqual([]);
  });

  it('handle with acknowledgement each line when workers are killed, and mark what may have been handled', async () => {
    const box = await boxOn(REDIS_SERVER);
    const gateways = [await box.gateway(ACKNOWLEDGED), await box.gateway(ACKNOWLEDGED)];
    const workers = [await box.worker({ lineMs: 5 }), await box.worker({ lineMs: 5 })];
    const clients = [
      ...(await box.connectAll(gateways[0]!, 15)),
      ...(await box.connectAll(gateways[1]!, 15, 'd')),
    ];
    for (const worker of workers) {
      await Promise.all([
        talk(clients, 100, 5),
        delay(400).then(() => Promise.all([worker.process.kill(), box.worker({ lineMs: 5 })])),
      ]);
    }
    await expectAllAnswered(clients);
    expectHandledOrMarked(box);
    expectOrder(box);
    expect([...box.lines().values()].some(({ begun }) => begun.length > 1)).toBe(true);
    expect(clients.filter(({ isClosed }) => isClosed)).toEqual([]);
    for (const gateway of gateways) expect(await gateway.counters()).toMatchObject({ lost: 0 });
  });

  it('count at most once each line that a killed worker has not answered, and repeat none', async () => {
    const box = await boxOn(NATS_SERVER);
    const gateway = await box.gateway();
    const workers = [await box.worker({ lineMs: 10 }), await box.worker({ lineMs: 10 })];
    const clients = await box.connectAll(gateway, 30);
    await Promise.all([
      talk(clients, 200, 5),
      delay(500).then(() => Promise.all([workers[0]!.process.kill(), box.worker()])),
    ]);
    await Promise.all(clients.map((client) => client.asks('last')));
    const stories = [...box.lines().values()];
    expect(stories).toHaveLength(30 * 201);
    expect(stories.filter(({ begun }) => begun.length > 1 || begun[0]?.repeated)).toEqual([]);
    const { lost } = await gateway.counters();
    const unanswered = stories.length - clients.flatMap(({ heard }) => heard).length;
    expect(lost).toBeGreaterThan(0);
    expect(lost).toBeGreaterThanOrEqual(unanswered);
    // The worker can be killed between an answer and its acknowledgement, once for each of its connections.
    expect(lost).toBeLessThanOrEqual(unanswered + 30);
    expect(clients.filter(({ isClosed }) => isClosed)).toEqual([]);
    expectOrder(box, 64);
  });

  it('store attributes with the answer to the line that set them: killed workers add nothing twice', async () => {
    const box = await boxOn(NATS_SERVER);
    const gateway = await box.gateway({ ...ACKNOWLEDGED, maxUnanswered: 4 });
    await box.keepWorkers(2, { lineMs: 2 });
    const clients = await box.connectAll(gateway, 10);
    for (const [i, client] of clients.entries()) {
      for (let n = 0; n < 20; n += 1)
        client.say('pay', i < 3 && n === 5 + 3 * i ? 'and-die' : undefined);
    }
    const totals = await Promise.all(clients.map((client) => client.asks('total')));
    expect(totals).toEqual(clients.map(() => '20'));
    expect(await gateway.counters()).toMatchObject({ lost: 0 });
  });

  const deploys = [
    { delivery: 'acknowledged', bus: NATS_SERVER },
    { delivery: 'at-most-once', bus: REDIS_SERVER },
  ] as const;
  const title = 'lose and repeat nothing while all workers are replaced, $delivery';

  it.each(deploys)(title, async ({ delivery, bus }) => {
    const box = await boxOn(bus);
    const gateways = [
      await box.gateway({ ...PATIENT, delivery }),
      await box.gateway({ ...PATIENT, delivery }),
    ];
    const old = [await box.worker({ lineMs: 15 }), await box.worker({ lineMs: 15 })];
    const clients = [
      ...(await box.connectAll(gateways[0]!, 15)),
      ...(await box.connectAll(gateways[1]!, 15, 'd')),
    ];
    const replaced = (async () => {
      for (const worker of old) {
        await delay(500);
        await box.worker({ lineMs: 15 });
        await worker.leaves();
      }
    })();
    await talkUntil(replaced, clients);
    await expectAllAnswered(clients);
    expectEachOnce(clients);
    expectHandledOnce(box);
    let moved = 0;
    for (const gateway of gateways) {
      const counters = await gateway.counters();
      expect(counters.lost).toBe(0);
      moved += counters.moved;
    }
    expect(moved).toBeGreaterThanOrEqual(30);
    expect(closedFor(box, 'gateway-gone')).toEqual([]);
  });

  it('answer all that a gateway has accepted before it leaves, though its clients never stop', async () => {
    const box = await boxOn(NATS_SERVER);
    const gateway = await box.gateway({ ...PATIENT, maxUnanswered: 16 });
    await box.worker({ lineMs: 100 });
    await box.worker({ lineMs: 100 });
    const clients = await box.connectAll(gateway, 30);
    await talk(clients, 60, 10);
    const left = gateway.leaves();
    await Promise.all([left, talk(clients, 100, 10)]);
    const answered = clients.flatMap(({ heard }) => heard).sort();
    const accepted = [...box.lines().keys()].sort();
    expect(accepted.length).toBeGreaterThan(30 * 16);
    expect(answered).toEqual(accepted);
    expectHandledOnce(box);
    for (const { heard, said } of clients) expect(heard).toEqual(said.slice(0, heard.length));
    await expect.poll(() => clients.filter(({ isClosed }) => !isClosed), PATIENCE).toEqual([]);
    expect(box.journal('left')).toMatchObject([{ counters: { lost: 0 } }]);

    // No answer comes, but the time of the drain passes.
    const hurried = await box.gateway({}, { drainTimeoutMs: 2000 });
    const waiting = await box.connectAll(hurried, 5, 'w');
    const begun = waiting.map((client) => client.say('wait'));
    await expect
      .poll(() => begun.every((line) => box.lines().get(line)?.begun.length === 1), PATIENCE)
      .toBe(true);
    await hurried.leaves();
    await expect.poll(() => waiting.filter(({ isClosed }) => !isClosed), PATIENCE).toEqual([]);
  });

  it('handle each line once while all gateways and workers are replaced, if clients repeat what has no answer', async () => {
    const box = await boxOn(NATS_SERVER);
    const options = { ...PATIENT, ...ACKNOWLEDGED };
    const gateways = [await box.gateway(options), await box.gateway(options)];
    const workers = [await box.worker({ lineMs: 5 }), await box.worker({ lineMs: 5 })];
    const names = Array.from({ length: 30 }, (_, i) => `r${i}`);
    const clients = await Promise.all(names.map((name, i) => box.connect(gateways[i % 2]!, name)));
    let isOver = false;
    const talks = clients.map(async (first) => {
      let client = first;
      const [said, heard]: [string[], string[]] = [[], []];
      for (;;) {
        if (client.isClosed) {
          heard.push(...client.heard);
          const known = new Set(heard);
          client = await box.connect(gateways.at(-1)!, first.name);
          // All that was accepted has an answer, so the rest was not.
          client.repeat(
            said,
            said.filter((line) => !known.has(line)),
          );
        }
        if (isOver && heard.length + client.heard.length >= said.length) break;
        if (!isOver) said.push(client.say());
        await delay(isOver ? 50 : 10);
      }
      return { said, heard: [...heard, ...client.heard] };
    });
    for (const [i, worker] of workers.entries()) {
      gateways.push(await box.gateway(options));
      await gateways[i]!.leaves();
      await box.worker({ lineMs: 5 });
      await worker.leaves();
    }
    isOver = true;
    for (const { said, heard } of await Promise.all(talks)) {
      expect(said.length).toBeGreaterThan(50);
      expect(heard).toEqual(said);
    }
    expectHandledOnce(box);
    expectOrder(box);
    const left = box.journal('left').filter(({ by }) => by.startsWith('gateway'));
    expect(left.map(({ counters }) => counters!.lost)).toEqual([0, 0]);
  });

  it('call onClose for each connection of a silent or killed gateway, and onConnect if it is back', async () => {
    const box = await boxOn(NATS_SERVER);
    const [one, other] = [await box.gateway(ACKNOWLEDGED), await box.gateway(ACKNOWLEDGED)];
    const workers = [await box.worker(), await box.worker()];
    const clients = await box.connectAll(one, 10);
    const others = await box.connectAll(other, 10, 'd');
    await Promise.all([...clients, ...others].map((client) => client.asks('say')));
    one.process.signal('SIGSTOP');
    for (const client of clients) client.sayAtOnce(10);
    await expect.poll(() => closedFor(box, 'gateway-gone').length, PATIENCE).toBe(10);
    expect(box.journal('connect')).toHaveLength(20);
    one.process.signal('SIGCONT');
    await Promise.all([...clients, ...others].map((client) => client.asks('say')));
    const gone = closedFor(box, 'gateway-gone').map(({ id }) => id);
    const again = box.journal('connect').slice(20);
    expect(again.map(({ id }) => id).sort()).toEqual(gone.sort());
    expect(again.filter(({ moved }) => moved !== true)).toEqual([]);
    expectEachOnce([...clients, ...others]);
    expect(box.journal('close')).toHaveLength(10);
    expect(await one.counters()).toMatchObject({ lost: 0, connections: 10 });

    await talk([...clients, ...others], 20, 10);
    await one.process.kill();
    await talk(others, 50, 10);
    await expectAllAnswered(others);
    expectEachOnce(others);
    await expect.poll(() => closedFor(box, 'gateway-gone').length, PATIENCE).toBe(20);
    expect(new Set(box.journal('close').map(({ id }) => id)).size).toBe(10);
    await expect.poll(() => connectionsOf(workers), PATIENCE).toBe(10);
    expect(await workers[0]!.call('count', { all: true })).toBe(10);
  });

  it('give up a line that ends three workers, and a connection whose start does, and nothing else', async () => {
    const box = await boxOn(NATS_SERVER);
    const gateway = await box.gateway({ ...ACKNOWLEDGED, maxUnanswered: 8 });
    await box.keepWorkers(2, { lineMs: 2 });
    const clients = await box.connectAll(gateway, 8);
    await Promise.all(clients.map((client) => client.asks('say')));
    const poison = clients[0]!.say('die');
    await Promise.all([talk(clients, 50, 20), clients[0]!.asks('after')]);
    await expectAllAnswered(clients.slice(1));
    expect(
      box
        .lines()
        .get(poison)!
        .begun.map(({ repeated }) => repeated),
    ).toEqual([false, true, true]);
    expect(await gateway.counters()).toMatchObject({ lost: 1, connections: 8 });
    const start = Buffer.from(poison).toString('hex');
    const given = () => box.journal('log').filter(({ by }) => by === gateway.name);
    expect(given()).toHaveLength(1);
    expect(given()[0]!.reason).toContain(`begins with ${start}`);
    expect(given()[0]!.reason).toContain(await clients[0]!.asks('id'));

    const poisoned = await box.connect(gateway, 'p', { localAddress: POISONED });
    await expect.poll(() => poisoned.isClosed, PATIENCE).toBe(true);
    await expect.poll(() => given().length, PATIENCE).toBe(2);
    const reasons = () => box.journal('closed').map(({ reason }) => reason);
    await expect.poll(reasons, PATIENCE).toEqual(['error']);
    await Promise.all(clients.map((client) => client.asks('say')));
    expect(await gateway.counters()).toMatchObject({ lost: 1, connections: 8 });
    const lines = [...box.lines()].filter(([line]) => line !== poison);
    expect(lines.filter(([, { ended }]) => ended === 0)).toEqual([]);
    expectOrder(box);
  });

  it('go on with the other worker while one is silent, and with both when it is back', async () => {
    const box = await boxOn(NATS_SERVER);
    const gateway = await box.gateway(ACKNOWLEDGED);
    const workers = [await box.worker({ lineMs: 5 }), await box.worker({ lineMs: 5 })];
    const clients = await box.connectAll(gateway, 20);
    for (const worker of workers) {
      await Promise.all([
        talk(clients, 50, 10),
        delay(200).then(() => worker.process.signal('SIGSTOP')),
      ]);
      await expectAllAnswered(clients);
      worker.process.signal('SIGCONT');
      await expect.poll(() => connectionsOf(workers), PATIENCE).toBe(20);
    }
    await talk(clients, 10, 10);
    await expectAllAnswered(clients);
    expectHandledOrMarked(box);
    expect(await gateway.counters()).toMatchObject({ lost: 0, connections: 20 });
    expect(box.journal('log')).toEqual([]);
    // Each session that began has ended, but for the last one of each connection.
    const [begun, ended] = [box.journal('connect').length, box.journal('close').length];
    expect(begun - ended).toBe(20);
    expect(closedFor(box, 'moved')).toHaveLength(ended);
  });

  it('read nothing while the bus is away, and lose and end nothing', async () => {
    const box = await boxOn(NATS_SERVER);
    const gateways = [await box.gateway(ACKNOWLEDGED), await box.gateway(ACKNOWLEDGED)];
    await box.worker({ lineMs: 5 });
    await box.worker({ lineMs: 5 });
    const clients = [
      ...(await box.connectAll(gateways[0]!, 10)),
      ...(await box.connectAll(gateways[1]!, 10, 'd')),
    ];
    const states = async () => {
      const all = await Promise.all(gateways.map((gateway) => gateway.counters()));
      return all.map(({ state }) => state);
    };
    for (let round = 0; round < 2; round += 1) {
      const talks = talk(clients, 200, 10);
      await delay(300);
      await box.server.kill();
      await expect.poll(states, PATIENCE).toEqual(['down', 'down']);
      const before = box.journal('accepted').length;
      await talks;
      await delay(500);
      expect(box.journal('accepted')).toHaveLength(before);
      await box.server.start();
      await expect
        .poll(() => [...box.lines().values()].filter(({ ended }) => ended > 0).length, PATIENCE)
        .toBe(20 * 200 * (round + 1));
    }
    expectHandledOrMarked(box);
    expectOrder(box);
    expect(clients.filter(({ isClosed }) => isClosed)).toEqual([]);
    for (const gateway of gateways) expect(await gateway.counters()).toMatchObject({ lost: 0 });
  });

  it('handle lines at the gateway while the bus is away, each either there or at a worker', async () => {
    const box = await boxOn(REDIS_SERVER);
    const gateway = await box.gateway({ ...ACKNOWLEDGED, handlesWhenDown: true });
    await box.worker({ lineMs: 5 });
    await box.worker({ lineMs: 5 });
    const clients = await box.connectAll(gateway, 20);
    await talk(clients, 50, 10);
    await box.server.kill();
    await expect.poll(async () => (await gateway.counters()).state, PATIENCE).toBe('down');
    await talk(clients, 50, 10);
    const local = () => box.journal('local').length;
    await expect.poll(local, PATIENCE).toBeGreaterThanOrEqual(20 * 50);
    await box.server.start();
    await expect.poll(async () => (await gateway.counters()).state, PATIENCE).toBe('up');
    await Promise.all(clients.map((client) => client.asks('say')));
    const wrong = [...box.lines().values()].filter(
      ({ local: here, ended, begun }) =>
        here + (ended > 0 ? 1 : 0) !== 1 || (here > 0 && begun.length > 0),
    );
    expect(wrong).toEqual([]);
    expect(clients.filter(({ isClosed }) => isClosed)).toEqual([]);
  });

  it('end a client that does not read as a slow consumer, and no other one', async () => {
    const box = await boxOn(NATS_SERVER);
    const gateway = await box.gateway();
    await box.worker();
    const slow = await box.connectAll(gateway, 2, 'slow');
    const paused = await box.connectAll(gateway, 2, 'paused');
    const others = await box.connectAll(gateway, 10);
    for (const { socket } of [...slow, ...paused]) socket.pause();
    const flooded = slow.map((client) => client.say('flood', 20_000_000));
    const patient = paused.map((client) => client.say('flood', 500_000));
    await talk(others, 100, 10);
    await expectAllAnswered(others);
    expectEachOnce(others);
    await expect.poll(() => closedFor(box, 'slow-consumer').length, PATIENCE).toBe(2);
    expect(box.journal('closed').map(({ reason }) => reason)).toEqual([
      'slow-consumer',
      'slow-consumer',
    ]);
    for (const { socket } of paused) socket.resume();
    await Promise.all(paused.map((client, i) => client.hears(patient[i]!)));
    for (const { heard } of paused) expect(heard.join('').length).toBeGreaterThanOrEqual(500_000);
    for (const [i, { socket, heard }] of slow.entries()) {
      socket.resume();
      expect(heard).not.toContain(flooded[i]);
    }
    await expect.poll(() => box.sockets(gateway), PATIENCE).toEqual({ open: 12, closeWait: 0 });
    expect(await gateway.counters()).toMatchObject({ connections: 12, lost: 0 });
  });
});
