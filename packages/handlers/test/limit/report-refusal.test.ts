import type { LogLevel } from '@headrace/core';
import { EmbeddedChannel } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';
import { AuthHandler, GuessLimiter } from '../../src/index.ts';
import type { AdmissionOptions } from '../../src/limit/admission-handler.ts';
import { ConnectionLimitHandler } from '../../src/limit/connection-limit-handler.ts';
import { ConnectionRateHandler } from '../../src/limit/connection-rate-handler.ts';
import { IpFilterHandler } from '../../src/limit/ip-filter-handler.ts';
import { MessageRateHandler } from '../../src/limit/message-rate-handler.ts';

function logged() {
  const lines: string[] = [];
  const logger = { log: (level: LogLevel, text: string) => void lines.push(`${level} ${text}`) };
  return { lines, logger };
}

/** Returns the lines without the id of the channel. */
const texts = (lines: readonly string[]): string[] =>
  lines.map((line) => line.replaceAll(/\[id: [^\]]*\] /g, ''));

const remoteAddress = { host: '10.0.0.1', port: 1, family: 'IPv4' } as const;

/** Every handler that refuses connections, each so that it refuses all after the first. */
const admission: Readonly<Record<string, [(options: AdmissionOptions) => object, string]>> = {
  'ConnectionLimitHandler with total': [
    (options) => new ConnectionLimitHandler({ total: 1, ...options }),
    'ConnectionLimitHandler refused a connection: 1 connections are open, the limit is 1 (total)',
  ],
  'ConnectionLimitHandler with perAddress': [
    (options) => new ConnectionLimitHandler({ perAddress: 1, ...options }),
    'ConnectionLimitHandler refused a connection: 10.0.0.1 has 1 connections open, the limit is 1 (perAddress)',
  ],
  ConnectionRateHandler: [
    (options) =>
      new ConnectionRateHandler({ perAddressPerSecond: 1, perAddressBurst: 1, ...options }),
    'ConnectionRateHandler refused a connection: connections from 10.0.0.1 come faster than 1 a second (perAddressPerSecond)',
  ],
  IpFilterHandler: [
    (options) => new IpFilterHandler({ rules: [{ deny: '10.0.0.1' }], ...options }),
    'IpFilterHandler refused a connection: ',
  ],
};

describe.each(Object.entries(admission))('%s', (_name, [make, text]) => {
  const connectThrice = (options: AdmissionOptions): string[] => {
    const { lines, logger } = logged();
    const listener = EmbeddedChannel.with({ logger });
    const handler = make(options);
    for (let i = 0; i < 4; i++) {
      EmbeddedChannel.with({ remoteAddress, logger, parent: listener } as never, handler as never);
    }
    return texts(lines);
  };

  it('warns of its first refusal at a listener, and logs further ones at level debug', () => {
    const lines = connectThrice({});
    expect(lines[0]).toContain(`warn ${text}`);
    expect(lines[0]).toContain('; further ones are logged at level debug');
    expect(lines.length).toBeGreaterThan(2);
    expect(lines.slice(1).every((line) => line.startsWith(`debug ${text}`))).toBe(true);
  });

  it('logs nothing if the program receives its refusals', () => {
    expect(connectThrice({ onRefused: () => {}, lastWordMs: false })).toEqual([]);
  });
});

describe('MessageRateHandler', () => {
  const exceed = (excessPolicy: 'slow-down' | 'drop' | 'close'): string[] => {
    const { lines, logger } = logged();
    const rate = new MessageRateHandler({ perSecond: 1, excessPolicy });
    EmbeddedChannel.with({ logger }, rate, { channelRead: () => {} }).writeInbound('a', 'b', 'c');
    return texts(lines);
  };

  it('warns when it begins to drop messages, and when it ends a connection', () => {
    const more = '; further ones are logged at level debug';
    expect(exceed('drop')).toEqual([
      `warn MessageRateHandler drops messages: messages come faster than 1 a second (perSecond)${more}`,
    ]);
    expect(exceed('close')).toEqual([
      `warn MessageRateHandler ends a connection: messages come faster than 1 a second (perSecond)${more}`,
    ]);
  });

  it('logs nothing of messages that only wait', () => {
    expect(exceed('slow-down')).toEqual([]);
  });
});

it('GuessLimiter warns of the first sign-in that it refuses unchecked', async () => {
  const { lines, logger } = logged();
  const guesses = new GuessLimiter({ freeTries: 1, sharedFactor: 1, maxDelayMs: 10 });
  const authenticate = guesses.protect(
    () => ({ refused: 'wrong' }),
    (name: string) => name,
  );
  for (let i = 0; i < 2; i++) {
    const channel = EmbeddedChannel.with(
      { remoteAddress, logger },
      new AuthHandler({ authenticate }),
    );
    channel.writeInbound('ali');
    for (let ms = 0; ms < 10; ms++) {
      channel.advance(1);
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
  expect(texts(lines).filter((line) => line.startsWith('warn'))).toEqual([
    'warn GuessLimiter refused a sign-in of 10.0.0.1: not checked: too many wrong tries from this address or for this name; further ones are logged at level debug',
  ]);
});
