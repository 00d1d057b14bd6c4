import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fixed, RequestClient } from '@headrace/client';
import { lengthPrefixed } from '@headrace/codec';
import { Bootstrap, silentLogger } from '@headrace/core';
import { type BinaryExchange, binaryExchange, ExchangeHandler } from '@headrace/rpc';
import { afterEach, expect, it } from 'vitest';
import { ChildProgram } from '../child-program.ts';

const CONNECTIONS = 4;
const UNDER_WAY = 10_000;
const MAX_IN_FLIGHT = 1500;
const LONGEST_MS = 300;
const KILLS = 3;
const BETWEEN_KILLS = 10_000;
/** What cannot be under way on the connections waits. */
const MAX_WITHOUT = UNDER_WAY - CONNECTIONS * MAX_IN_FLIGHT - 1;
const format = binaryExchange();

/** How one call ended. */
interface Ended {
  readonly code: string;
  readonly sent: boolean | undefined;
}

/** Calls that are replaced by others as they end, one in a hundred cancelled on its way. */
class Load {
  readonly ended = new Map<number, Ended>();
  readonly twice: number[] = [];
  asked = 0;
  answered = 0;
  isOver = false;
  private readonly client: RequestClient<BinaryExchange>;

  constructor(client: RequestClient<BinaryExchange>) {
    this.client = client;
  }

  ask(): void {
    const serial = this.asked;
    this.asked += 1;
    const body = Buffer.alloc(64);
    body.writeUInt32BE(serial);
    const abort = serial % 100 === 0 ? new AbortController() : undefined;
    this.client.request(body, abort === undefined ? {} : { signal: abort.signal }).then(
      (answer) => {
        this.answered += 1;
        this.end(serial, answer.equals(body) ? 'answered' : 'mixed up', true);
      },
      ({ code, details }: { code: string; details: { sent?: boolean } }) =>
        this.end(serial, code.replace('HR_ERR_', ''), details.sent),
    );
    if (abort !== undefined) setTimeout(() => abort.abort(), Math.random() * LONGEST_MS * 2);
  }

  private end(serial: number, code: string, sent: boolean | undefined): void {
    if (this.ended.has(serial)) this.twice.push(serial);
    this.ended.set(serial, { code, sent });
    if (!this.isOver) this.ask();
  }
}

const folder = mkdtempSync(join(tmpdir(), 'headrace-killed-calls-'));
let server: ChildProgram | undefined;
let client: RequestClient<BinaryExchange> | undefined;

afterEach(async () => {
  await client?.close();
  await server?.kill();
  rmSync(folder, { recursive: true });
});

it(`${UNDER_WAY} calls over ${CONNECTIONS} connections to a server that is killed ${KILLS} times: each settles once, none runs twice`, async () => {
  const path = join(folder, 'executed');
  const start = async (on: number): Promise<number> => {
    server = new ChildProgram('./proof/call-process.ts', path, on, LONGEST_MS);
    return server.told<number>();
  };
  const port = await start(0);
  const limits = { maxInFlight: MAX_IN_FLIGHT, maxQueued: UNDER_WAY };
  client = new RequestClient<BinaryExchange>({
    client: {
      bootstrap: new Bootstrap()
        .options({ logger: silentLogger })
        .handler(({ pipeline }) =>
          pipeline.addLast(
            ...lengthPrefixed({ maxFrameLength: 1000 }),
            new ExchangeHandler({ format, ...limits }),
          ),
        ),
      addresses: [{ host: '127.0.0.1', port }],
      retry: fixed(50),
      logger: silentLogger,
    },
    connections: CONNECTIONS,
    timeoutMs: 60_000,
    maxWaiting: UNDER_WAY,
  });
  await client.start();
  const load = new Load(client);
  for (let i = 0; i < UNDER_WAY; i++) load.ask();
  for (let kills = 0; kills < KILLS; kills++) {
    const goal = load.answered + BETWEEN_KILLS;
    await expect.poll(() => load.answered, { timeout: 60_000 }).toBeGreaterThan(goal);
    await server!.kill();
    // What was sent is lost, and all that follows waits for the server.
    await expect.poll(() => client!.waiting, { timeout: 60_000 }).toBeGreaterThan(MAX_WITHOUT);
    await start(port);
  }
  const goal = load.answered + BETWEEN_KILLS;
  await expect.poll(() => load.answered, { timeout: 60_000 }).toBeGreaterThan(goal);
  load.isOver = true;
  await expect.poll(() => load.ended.size, { timeout: 60_000 }).toBe(load.asked);

  expect(load.twice).toEqual([]);
  const executed = readFileSync(path, 'utf8').trim().split('\n').map(Number);
  const once = new Set(executed);
  expect(executed.length - once.size, 'executed twice').toBe(0);
  const counted = new Map<string, number>();
  const wrong: string[] = [];
  for (const [serial, { code, sent }] of load.ended) {
    const name = `${code} ${sent}`;
    counted.set(name, (counted.get(name) ?? 0) + 1);
    if (once.has(serial) ? sent !== true : code === 'answered') wrong.push(`${serial} ${name}`);
  }
  expect(wrong).toEqual([]);
  // What was not sent was asked again, so that only aborted calls fail as not sent.
  expect([...counted.keys()].toSorted()).toEqual([
    'OPERATION_ABORTED false',
    'OPERATION_ABORTED true',
    'REQUEST_LOST true',
    'answered true',
  ]);
  const mostLost = KILLS * CONNECTIONS * MAX_IN_FLIGHT;
  expect(counted.get('REQUEST_LOST true')).toBeLessThanOrEqual(mostLost);
  expect(client.waiting).toBe(0);
  for (const { channel } of client.clients) {
    const counts = channel?.pipeline.get(ExchangeHandler)?.counts;
    expect(counts).toMatchObject({ inFlight: 0, queued: 0, unknownAnswers: 0 });
  }
}, 180_000);
