import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { EmbeddedChannel } from '@headrace/core/testing';
import { afterEach, describe, expect, it } from 'vitest';
import {
  DIAGNOSTICS_CHANNELS,
  DiagnosticsHandler,
  type DiagnosticsMessage,
} from '../../src/metrics/diagnostics-handler.ts';

const seen: [string, DiagnosticsMessage][] = [];
const note = (data: unknown, name: string | symbol): void => {
  seen.push([String(name).replace('headrace.channel.', ''), data as DiagnosticsMessage]);
};

function listen(): void {
  for (const name of Object.values(DIAGNOSTICS_CHANNELS)) subscribe(name, note);
}

afterEach(() => {
  for (const name of Object.values(DIAGNOSTICS_CHANNELS)) unsubscribe(name, note);
  seen.length = 0;
});

function run(): EmbeddedChannel {
  const channel = new EmbeddedChannel(new DiagnosticsHandler());
  channel.writeInbound('in');
  channel.writeOutbound('out');
  channel.run(() => channel.pipeline.fireUserEventTriggered('event'));
  channel.run(() => channel.pipeline.fireExceptionCaught(new Error('x')));
  expect(() => channel.checkException()).toThrow('x');
  expect(channel.finish()).toMatchObject({ inbound: ['in'], outbound: ['out'] });
  return channel;
}

describe('DiagnosticsHandler', () => {
  it('publishes what passes it, and passes it on', () => {
    listen();
    const channel = run();
    expect(seen).toEqual([
      ['active', { channel }],
      ['read', { channel, message: 'in' }],
      ['write', { channel, message: 'out' }],
      ['event', { channel, event: 'event' }],
      ['error', { channel, error: new Error('x') }],
      ['inactive', { channel }],
    ]);
  });

  it('publishes nothing without a listener', () => {
    run();
    expect(seen).toEqual([]);
  });
});
