import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'vitest';
import { makeAuthority } from '../../core/test/fixture/certificates.ts';
import { filesOf, makeProject, type Program, runSource } from './fixture/project.ts';

let place = '';
let programs: Program[] = [];
beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), 'create-headrace-'));
  programs = [];
});
afterEach(async () => {
  for (const program of programs) await program.end();
  rmSync(place, { recursive: true });
});

/** Writes a file into the place of this test; its path. */
function file(name: string, text: string): string {
  writeFileSync(join(place, name), text);
  return join(place, name);
}

describe('typed-service over TLS', () => {
  it('a client that trusts the authority gets its price; another does not', async () => {
    const { ca, sign } = await makeAuthority('ours');
    const { cert, key } = await sign('127.0.0.1');
    const folder = join(place, 'app');
    makeProject(folder, filesOf('typed-service'));
    const start = (args: readonly string[], env: NodeJS.ProcessEnv): Program => {
      const program = runSource(folder, args, { HEALTH_PORT: '0', ...env });
      programs.push(program);
      return program;
    };
    const server = start(['main.ts'], {
      PORT: '0',
      TLS_CERT: file('cert.pem', cert),
      TLS_KEY: file('key.pem', key),
    });
    const [, PORT] = await server.shown(/listening on 127\.0\.0\.1:(\d+)/);
    const client = start(['client-main.ts'], { PORT, TLS_CA: file('ca.pem', ca) });
    await client.shown(/^ACME 42$/m);
    // By the authorities that Node knows, ours is unknown.
    const stranger = start(['client-main.ts'], { PORT, TLS_CA: 'system' });
    const plain = start(['client-main.ts'], { PORT });
    await stranger.shown(/no connection: .* certificate is refused/);
    await plain.shown(/no connection: the connection was lost/);
  });
});
