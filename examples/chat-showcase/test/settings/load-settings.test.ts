import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadSettings, SettingsError } from '../../src/settings/load-settings.ts';

const folder = mkdtempSync(join(tmpdir(), 'chat-settings-'));

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
      workerThreads: 1,
      maxOutboundBytes: 1_048_576,
      allowedOrigins: [],
      trustedProxies: [],
    });
  });

  it('reads a file, by full names or nested', () => {
    expect(
      loadSettings({ file: file({ 'netty.tcp.port': 1, 'netty.tcp.host': '::1' }) }),
    ).toMatchObject({ port: 1, host: '::1' });
    const nested = file({ netty: { tcp: { port: 2, tokens: { ann: 'x', 'b.c': 'y' } } } });
    expect(loadSettings({ file: nested })).toMatchObject({
      port: 2,
      tokens: { ann: 'x', 'b.c': 'y' },
    });
    expect(loadSettings({ file: file({ netty: { 'tcp.port': 3 } }) })).toMatchObject({ port: 3 });
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
        NETTY_TCP_TRUSTED_PROXIES: '127.0.0.1, 10.0.0.0/8',
        NETTY_TCP_PROXY_PROTOCOL: 'unix',
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
      trustedProxies: ['127.0.0.1', '10.0.0.0/8'],
      proxyProtocol: ['unix'],
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
      'unknown setting NETTY_TCP_PROT; did you mean NETTY_TCP_PORT?',
    ],
    [
      'an origin with a path',
      { env: { NETTY_TCP_ALLOWEDORIGINS: 'https://a.example/x' } },
      'netty.tcp.allowedOrigins.0 is "https://a.example/x": must look like',
    ],
    [
      'a proxy by its name',
      { env: { NETTY_TCP_TRUSTED_PROXIES: 'proxy.example' } },
      'netty.tcp.trustedProxies.0 is "proxy.example": must be an IP address',
    ],
    [
      'tokens that are no JSON',
      { env: { NETTY_TCP_TOKENS: 'ann' } },
      'NETTY_TCP_TOKENS must be JSON',
    ],
    ['an empty token', { env: { NETTY_TCP_TOKENS: '{"ann":""}' } }, 'netty.tcp.tokens.ann is "": '],
    ['a strange key', { file: file({ 'netty.tcp.color': 1 }) }, 'color; there are enable, host, '],
    [
      'a misspelt key',
      { file: file({ 'netty.tcp.prot': 1 }) },
      'unknown setting netty.tcp.prot; did you mean netty.tcp.port?',
    ],
    [
      'a foreign key',
      { file: file({ port: 1 }) },
      'unknown setting port; did you mean netty.tcp.port?',
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
