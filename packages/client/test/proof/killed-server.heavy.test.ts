import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { type ClientState, ReconnectingClient, spread } from '@headrace/client';
import { textLines } from '@headrace/codec';
import { Bootstrap, type PortPlace, silentLogger } from '@headrace/core';
import { HEARTBEAT_PRESETS, HeartbeatHandler } from '@headrace/handlers';
import { afterEach, describe, expect, it } from 'vitest';
import { chance, shareOfWindow, simulateReturn } from '../retry/outage.ts';
import { ServerProcess } from './server-process.ts';

const CLIENTS = 10_000;
/** One process cannot lose and try so many within 2 s on a busy machine. */
const PROCESSES = 2;

const delay = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const pathOf = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url));
const crowds: ChildProcess[] = [];
let client: ReconnectingClient<PortPlace> | undefined;
let server: ServerProcess | undefined;

afterEach(async () => {
  for (const crowd of crowds.splice(0)) crowd.kill('SIGKILL');
  await client?.close();
  server?.signal('SIGCONT');
  await server?.kill();
}, 60_000);

/** What a crowd tells when all of it is back. */
interface Back {
  /** The share of each window at which each client tries. */
  readonly phases: readonly number[];
  readonly stories: readonly string[];
}

/** All of them are online; the promises within resolve when they have been lost and are back. */
async function crowdsOnline(port: number): Promise<{ back: Promise<Back>[] }> {
  for (const crowd of crowds.splice(0)) crowd.kill('SIGKILL');
  const execArgv = ['--conditions=@headrace/source', '--import'];
  execArgv.push(pathOf('../../../../scripts/register.mjs'));
  for (let i = 0; i < PROCESSES; i++) {
    const args = [String(port), String(CLIENTS / PROCESSES)];
    crowds.push(fork(pathOf('./crowd-process.ts'), args, { execArgv }));
  }
  await Promise.all(crowds.map((crowd) => once(crowd, 'message')));
  return { back: crowds.map((crowd) => once(crowd, 'message').then(([told]) => told as Back)) };
}

describe('a server that is killed', () => {
  for (const outageMs of [2000, 10_000]) {
    it(`has its 10,000 clients back after ${outageMs / 1000} s, at moments whose busiest second has at most 1 + p times the mean`, async () => {
      server = await ServerProcess.start();
      const { port } = server;
      const { back } = await crowdsOnline(port);

      await server.kill();
      await delay(outageMs);
      server = await ServerProcess.start(port);
      const told = await Promise.all(back);

      // The herd that these clients are after an outage of just this length, all lost at once, however busy this machine is.
      const phases = told.flatMap((one) => one.phases);
      expect(phases).toHaveLength(CLIENTS);
      const { busiest } = simulateReturn(spread(), CLIENTS, outageMs, () => phases.pop()!);
      expect(busiest).toBeLessThan(1 + shareOfWindow(outageMs) + chance(CLIENTS));
      // A kernel needs some ms to end 10,000 connections, and ends the port last: who tries in between is lost once more.
      for (const story of told.flatMap(({ stories }) => stories)) {
        expect(story).toMatch(/^(waiting connecting online )?(waiting connecting )+online$/);
      }
    });
  }
});

describe('a server that is stopped', () => {
  it('is left with the strict heartbeat, and found again', async () => {
    server = await ServerProcess.start();
    client = new ReconnectingClient<PortPlace>({
      bootstrap: new Bootstrap()
        .options({ logger: silentLogger })
        .handler((channel) =>
          channel.pipeline.addLast(
            ...textLines({ maxLength: 128 }),
            new HeartbeatHandler(HEARTBEAT_PRESETS.strict),
          ),
        ),
      addresses: [{ host: '127.0.0.1', port: server.port }],
      logger: silentLogger,
    });
    const states: ClientState<PortPlace>[] = [];
    client.on('state', (state) => states.push(state));
    await client.start();
    await delay(4000);
    expect(client.state.name).toBe('online');

    server.signal('SIGSTOP');
    const loss = () => states.find((state) => state.name === 'waiting');
    await expect.poll(() => loss(), { timeout: 60_000, interval: 20 }).toBeDefined();
    expect(loss()).toMatchObject({ loss: { kind: 'heartbeat', during: 'online' } });
    server.signal('SIGCONT');
    await expect.poll(() => client?.state.name, { timeout: 60_000 }).toBe('online');
  });
});
