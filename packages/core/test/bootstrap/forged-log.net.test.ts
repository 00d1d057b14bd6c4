// A peer that has not proved anything yet chooses the server name that it asks for.
import { connect } from 'node:tls';
import { afterEach, expect, it, vi } from 'vitest';
import { ServerBootstrap, stderrLogger } from '../../src/index.ts';
import { makeAuthority } from '../fixture/certificates.ts';

afterEach(() => {
  vi.restoreAllMocks();
});

it('a server name in a TLS hello forges no line of the log', async () => {
  const written: string[] = [];
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    written.push(String(text));
    return true;
  });
  const authority = await makeAuthority('ours');
  const named = await authority.sign('chat.example');
  const server = await new ServerBootstrap()
    .options({ logger: stderrLogger() })
    .childOptions({ logger: stderrLogger() })
    .childHandler(() => {})
    .bind({ host: '127.0.0.1', port: 0, tls: { names: { 'chat.example': named } } });
  const forged = [
    'x\n2026-01-01T00:00:00.000Z error FAKE LINE',
    'x\r\x1b[2J\x85 error FAKE LINE',
    'x\u2028\u2029\u202e error FAKE LINE',
  ];
  for (const servername of forged) {
    const socket = connect({ host: '127.0.0.1', port: server.port, servername, ca: authority.ca });
    socket.on('error', () => {});
    await new Promise((resolve) => socket.on('close', resolve));
  }
  await expect.poll(() => written.length).toBe(forged.length);
  await server.close();
  for (const line of written) {
    expect(line).toMatch(/^\S+ warn [^\n]*FAKE LINE[^\n]*\n$/);
    expect(line.slice(0, -1)).not.toMatch(/[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/u);
  }
});
