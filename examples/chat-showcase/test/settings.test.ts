import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { loadSettings, SettingsError } from '../src/settings.ts';

const folder = mkdtempSync(join(tmpdir(), 'chat-settings-'));
afterAll(() => rmSync(folder, { recursive: true }));

function file(content: unknown): string {
  const path = join(folder, `${Math.random()}.json`);
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
}

describe('loadSettings', () => {
  it('has the defaults of the protocol', () => {
    expect(loadSettings()).toEqual({
      enable: true,
      host: '127.0.0.1',
      port: 18_888,
      backlog: 1024,
      readerIdleSeconds: 120,
      authSeconds: 10,
      maxConnections: 100_000,
      maxConnectionsPerAddress: 1000,
      maxOutboundBytes: 1_048_576,
      allowedOrigins: [],
      adminHost: '127.0.0.1',
    });
  });

  it('reads a file', () => {
    const sources = { file: file({ 'netty.tcp.port': 1, 'netty.tcp.host': '::1' }) };
    expect(loadSettings(sources)).toMatchObject({ port: 1, host: '::1' });
  });

  it('reads the environment, which wins over the file', () => {
    const settings = loadSettings({
      file: file({ 'netty.tcp.port': 1, 'netty.tcp.authSeconds': 5 }),
      env: {
        NETTY_TCP_PORT: '7',
        NETTY_TCP_ENABLE: 'false',
        NETTY_TCP_HOST: '0.0.0.0',
        NETTY_TCP_READERIDLESECONDS: '1.5',
        NETTY_TCP_MAX_CONNECTIONS_PER_ADDRESS: '9',
        NETTY_TCP_ALLOWEDORIGINS: 'https://a.example, http://b.example:8080',
        NETTY_TCP_TOKENS: '{"ann":"x"}',
        NETTY_TCP_BACKLOG: '',
        PATH: '/bin',
      },
    });
    expect(settings).toMatchObject({
      port: 7,
      enable: false,
      host: '0.0.0.0',
      authSeconds: 5,
      readerIdleSeconds: 1.5,
      maxConnectionsPerAddress: 9,
      allowedOrigins: ['https://a.example', 'http://b.example:8080'],
      tokens: { ann: 'x' },
      backlog: 1024,
    });
  });

  it.each([
    ['a port out of range', { env: { NETTY_TCP_PORT: '70000' } }, 'netty.tcp.port is 70000: '],
    ['a port that is none', { env: { NETTY_TCP_PORT: 'http' } }, 'netty.tcp.port is "http": '],
    ['a negative time', { env: { NETTY_TCP_AUTHSECONDS: '-1' } }, 'netty.tcp.authSeconds is -1: '],
    [
      'a misspelt variable',
      { env: { NETTY_TCP_PROT: '1' } },
      'unknown setting NETTY_TCP_PROT; after NETTY_TCP_ there is one of ENABLE, HOST, PORT, ',
    ],
    [
      'an origin with a path',
      { env: { NETTY_TCP_ALLOWEDORIGINS: 'https://a.example/x' } },
      'netty.tcp.allowedOrigins.0 is ["https://a.example/x"]: must look like',
    ],
    [
      'tokens that are no JSON',
      { env: { NETTY_TCP_TOKENS: 'ann' } },
      'netty.tcp.tokens: Invalid input: expected record',
    ],
    ['an empty token', { env: { NETTY_TCP_TOKENS: '{"ann":""}' } }, 'netty.tcp.tokens.ann: '],
    [
      'a strange key',
      { file: file({ 'netty.tcp.color': 1 }) },
      'color; after netty.tcp. there is one of enable, host, ',
    ],
    [
      'a misspelt key',
      { file: file({ 'netty.tcp.prot': 1 }) },
      'unknown setting netty.tcp.prot; after netty.tcp. there is one of enable, ',
    ],
    [
      'a foreign key',
      { file: file({ port: 1 }) },
      'unknown setting port; after netty.tcp. there is one of enable, ',
    ],
    [
      'a file that is not there',
      { file: join(folder, 'none.json') },
      'cannot read the settings in',
    ],
    ['a file that is no JSON', { file: file('{') }, 'cannot read the settings in'],
    ['a list', { file: file([]) }, 'must be an object'],
  ])('refuses %s, and says so in one line', (_what, sources, message) => {
    const load = () => loadSettings(sources);
    expect(load).toThrow(SettingsError);
    expect(load).toThrow(message);
    expect(load).not.toThrow('\n');
  });
});
