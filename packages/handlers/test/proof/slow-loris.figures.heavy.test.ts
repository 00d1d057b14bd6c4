import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';
import { textLines } from '@headrace/codec';
import { type Channel, type Handler, ServerBootstrap, silentLogger } from '@headrace/core';
import { expect, it } from 'vitest';
import { figures } from '../../../core/test/fixture/figure.ts';
import { AuthHandler } from '../../src/auth/auth-handler.ts';
import { EchoHandler } from '../../src/echo/echo-handler.ts';
import { HeartbeatHandler } from '../../src/heartbeat/heartbeat-handler.ts';
import { RaisedPriority } from './raised-priority.ts';

const CLIENTS = 5000;
const DEADLINE_MS = 3000;

interface Ended {
  readonly reason: string;
  readonly ageMs: number;
}

/** A server on a free port that notes how its slow clients end. */
async function start(handlers: () => Handler[]) {
  const ended: Ended[] = [];
  const server = await new ServerBootstrap()
    .childOptions({ logger: silentLogger })
    .childHandler((channel: Channel) => {
      const since = performance.now();
      channel.onClosed(({ closeInfo, remoteAddress }) => {
        if (remoteAddress === undefined || 'path' in remoteAddress) return;
        if (remoteAddress.host === '127.0.0.1') return;
        ended.push({ reason: closeInfo!.reason, ageMs: performance.now() - since });
      });
      for (const handler of handlers()) channel.pipeline.addLast(handler);
    })
    .bind({ host: '127.0.0.1', port: 0, backlog: 4096 });
  return { server, ended };
}

/** Asks again and again, and notes how long each answer took. */
class GoodClient {
  readonly tookMs: number[] = [];
  private readonly socket: net.Socket;
  private isOver = false;

  constructor(port: number) {
    this.socket = net.connect({ host: '127.0.0.1', port });
    this.socket.setEncoding('utf8');
  }

  async run(): Promise<void> {
    await once(this.socket, 'connect');
    this.socket.write('AUTH:good\n');
    await once(this.socket, 'data');
    while (!this.isOver) {
      const before = performance.now();
      this.socket.write('hello\n');
      const [answer] = await once(this.socket, 'data');
      expect(answer).toBe('hello\n');
      this.tookMs.push(performance.now() - before);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    this.socket.destroy();
  }

  stop(): void {
    this.isOver = true;
  }

  /** The time within which this share of the answers came. */
  share(part: number): number {
    const sorted = this.tookMs.toSorted((a, b) => a - b);
    return sorted[Math.floor(sorted.length * part)]!;
  }
}

async function attack(port: number, text: string): Promise<ChildProcess> {
  const script = new URL('./slow-clients.mjs', import.meta.url);
  const attacker = fork(script, [String(port), String(CLIENTS), text], { execArgv: [] });
  await new Promise<void>((resolve) => {
    attacker.on('message', (message) => message === 'all closed' && resolve());
  });
  attacker.kill();
  return attacker;
}

const auth = (): Handler =>
  new AuthHandler({
    authenticate: (text: string) => ({ principal: text.slice(5) }),
    isCredentials: (text) => text.startsWith('AUTH:'),
    timeoutMs: DEADLINE_MS,
    replies: { accepted: () => 'AUTH_OK', timedOut: () => 'ERR:AUTH_TIMEOUT' },
  });

it.each([
  // Heartbeats come whole, one in five seconds, and do not move the deadline.
  ['auth', 'PING\n', () => [...textLines(), new HeartbeatHandler(), auth(), new EchoHandler()]],
  // A line that never ends; everybody is let in.
  [
    'frame',
    'x',
    () => {
      const authenticate = (text: string) => ({ principal: text, reply: 'AUTH_OK' });
      return [
        ...textLines({ maxLength: 8192, frameTimeoutMs: DEADLINE_MS }),
        new AuthHandler({ authenticate, timeoutMs: 60_000 }),
        new EchoHandler(),
      ];
    },
  ],
] as const)(
  '5,000 connections that send one byte a second are closed by the %s deadline, and a good client is served',
  async (deadline, text, handlers) => {
    using _priority = new RaisedPriority();
    const bounds = {
      // A second until the byte that begins the frame, two of linger; the rest is for busy machines.
      'oldest ms': { below: DEADLINE_MS + 8000 },
      // What a person would notice; the last percents belong to other programs on this machine.
      'p50 ms': { below: 20 },
      'p90 ms': { below: 100 },
    };
    await figures(`5,000 slow connections, ${deadline} deadline`, bounds, async () => {
      const { server, ended } = await start(handlers);
      const good = new GoodClient(server.port);
      const served = good.run();
      await attack(server.port, text);
      good.stop();
      await served;
      await server.close();

      expect(ended).toHaveLength(CLIENTS);
      expect(new Set(ended.map(({ reason }) => reason))).toEqual(new Set(['timeout']));
      const ages = ended.map(({ ageMs }) => ageMs);
      expect(Math.min(...ages)).toBeGreaterThan(DEADLINE_MS - 50);
      expect(good.tookMs.length).toBeGreaterThan(20);
      return {
        'oldest ms': Math.max(...ages),
        'p50 ms': good.share(0.5),
        'p90 ms': good.share(0.9),
      };
    });
  },
);
