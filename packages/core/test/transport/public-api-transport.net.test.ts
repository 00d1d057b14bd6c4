// The same promises by public API of Node alone.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ServerBootstrap } from '@headrace/core';
import { describeTransport } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';

describeTransport(
  { describe, it, expect },
  {
    name: 'tcp by public API',
    bind: () => ({ port: 0, host: '127.0.0.1', transport: 'socket' }),
    connect: (server) => ({ port: server.port, host: '127.0.0.1' }),
    nobody: () => ({ port: 1, host: '127.0.0.1' }),
    resets: true,
    transferBytes: 16 * 1024 * 1024,
  },
);

describe('HEADRACE_PUBLIC_API_ONLY', () => {
  it('takes sockets, asked for at each bind', async () => {
    const bind = () =>
      new ServerBootstrap().childHandler(() => {}).bind({ port: 0, host: '127.0.0.1' });
    process.env['HEADRACE_PUBLIC_API_ONLY'] = '1';
    const without = await bind();
    delete process.env['HEADRACE_PUBLIC_API_ONLY'];
    const withHandles = await bind();
    expect([without.transportKind, withHandles.transportKind]).toEqual(['socket', 'handle']);
    await Promise.all([without.close(), withHandles.close()]);
  });
});

/** What Node does not document, as it would stand in a source. */
const INTERNALS =
  /\b_handle\b|useUserBuffer|\bmanualStart\b|process\.binding|\bstream_wrap\b|\.(_server|onconnection|writeQueueSize)\b|\{[^}]*\bhandle\b[^}]*\bonread\b/;

describe('the sources', () => {
  it('use internals of Node in one folder only', () => {
    const src = fileURLToPath(new URL('../../src/', import.meta.url));
    const files = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter((file) =>
      file.endsWith('.ts'),
    );
    const using = files.filter((file) => INTERNALS.test(readFileSync(join(src, file), 'utf8')));
    expect(using.length).toBeGreaterThan(0);
    expect(
      using.filter((file) => !file.replaceAll('\\', '/').startsWith('transport/node-handle/')),
    ).toEqual([]);
  });
});
