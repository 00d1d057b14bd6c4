import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { TEMPLATES } from '../src/templates.ts';
import { filesOf, makeProject, Program, runSource } from './fixture/project.ts';

let folder = '';
let program: Program;
beforeEach(() => {
  folder = mkdtempSync(`${tmpdir()}/create-headrace-`);
});
afterEach(async () => {
  await program.end();
  rmSync(folder, { recursive: true });
});

const programs = TEMPLATES.filter(({ firstScript }) => firstScript === 'start');

/** In place of what is built: the page of page-and-server, and the modules for the page of websocket-and-tcp. */
const BUILT = [
  ['src/page/index.html', '<h1>page</h1>'],
  ['src/modules.ts', "export const readModules = () => ({ files: new Map(), importMap: '{}' });"],
] as const;

describe('health and metrics', () => {
  it.each(programs)('of $name are served, and end with it', async ({ name }) => {
    makeProject(folder, new Map([...filesOf(name), ...BUILT]));
    const env = { HEALTH_PORT: '0', PORT: '0', ADDRESS: '127.0.0.1:1' };
    program = runSource(folder, ['main.ts'], env);
    const isClient = name === 'reconnecting-client';
    const port = isClient ? 0 : Number((await program.shown(/listening on \S+:(\d+)/))[1]);
    const [, health] = await program.shown(/health and metrics: (\S+)\/readyz/);
    expect((await fetch(`${health}/healthz`)).status).toBe(200);
    // A client without a server is alive, and not ready.
    expect((await fetch(`${health}/readyz`)).status).toBe(isClient ? 503 : 200);
    if (!isClient) {
      const socket = connect(port, '127.0.0.1');
      // The first scrape is kept for a quarter of a second: it comes after the connection.
      await new Promise((resolve) => socket.once('connect', resolve));
      await expect
        .poll(async () => (await fetch(`${health}/metrics`)).text())
        .toMatch(/^headrace_connections_opened_total 1$/m);
      socket.destroy();
    }
    // The image looks there, too.
    const [, check] = /^HEALTHCHECK CMD (.*)$/m.exec(filesOf(name).get('Dockerfile')!)!;
    const [command, ...args] = JSON.parse(check!);
    const looked = new Program(command, args, folder, { HEALTH_PORT: new URL(health!).port });
    expect(await looked.ended).toBe(0);
    expect(await program.end('SIGTERM')).toBe(0);
    const late = new Program(command, args, folder, { HEALTH_PORT: new URL(health!).port });
    expect(await late.ended).toBe(1);
  });
});
