import { LineFrameDecoder, StringCodec } from '@headrace/codec';
import type { Context, Handler } from '@headrace/core';
import { EmbeddedChannel } from '@headrace/core/testing';
import { expect, it } from 'vitest';
import { AuthenticatedEvent } from '../../src/auth/auth-event.ts';
import { AuthHandler } from '../../src/auth/auth-handler.ts';
import type { AuthVerdict } from '../../src/auth/auth-options.ts';
import { switchProtocol } from '../../src/routing/switch-protocol.ts';

type Verdict = AuthVerdict<string, string>;

const HANDSHAKE = 'AUTH ann\r\n';
const RAW = 'hello\r\nworld\r\n\nrest';
const BYTES = Buffer.from(HANDSHAKE + RAW);

/** An answer that comes by the channel's clock: at once, or some milliseconds later. */
function after(ctx: { channel: EmbeddedChannel | undefined }, ms: number, verdict: Verdict) {
  if (ms < 0) return verdict;
  const later: PromiseLike<Verdict> = {
    // biome-ignore lint/suspicious/noThenProperty: a promise on virtual time
    then(onFulfilled) {
      ctx.channel!.clock.schedule(() => void onFulfilled?.(verdict), ms);
      return undefined as never;
    },
  };
  return later;
}

/** A line with credentials, then raw bytes; what arrives after the sign-in, and what was answered. */
function proxy(delayMs: number) {
  const own: { channel: EmbeddedChannel | undefined } = { channel: undefined };
  const raw: unknown[] = [];
  const relay: Handler = { channelRead: (_ctx, bytes) => void raw.push(bytes) };
  const begin: Handler = {
    userEventTriggered(ctx: Context, event: unknown) {
      if (!(event instanceof AuthenticatedEvent)) return;
      switchProtocol(ctx, {
        remove: [AuthHandler, begin, LineFrameDecoder, StringCodec],
        add: [relay],
      });
    },
  };
  const channel = new EmbeddedChannel(
    new LineFrameDecoder(),
    new StringCodec(),
    new AuthHandler({
      authenticate: (text) => after(own, delayMs, { principal: text.slice(5) }),
      replies: { accepted: (id) => `OK ${id}\n` },
    }),
    begin,
  );
  own.channel = channel;
  return { channel, raw };
}

function received(raw: readonly unknown[]): string {
  expect(raw.every((bytes) => bytes instanceof Uint8Array)).toBe(true);
  return Buffer.concat(raw as Buffer[]).toString();
}

it('loses and decodes nothing of what follows a handshake, with each cut and each delay', () => {
  for (let cut = 1; cut <= BYTES.length; cut++) {
    for (const delayMs of [-1, 0, 1, 2, 3, 10]) {
      const { channel, raw } = proxy(delayMs);
      channel.writeInbound(BYTES.subarray(0, cut));
      channel.advance(2);
      if (cut < BYTES.length) channel.writeInbound(BYTES.subarray(cut));
      channel.advance(20);
      expect([cut, delayMs, received(raw)]).toEqual([cut, delayMs, RAW]);
      expect(channel.isReadHeld).toBe(false);
      expect(String(channel.readOutbound())).toBe('OK ann\n');
      channel.finish();
    }
  }
});

it('does so byte by byte, with the answer at each moment', () => {
  for (let delayMs = -1; delayMs <= BYTES.length + 1; delayMs++) {
    const { channel, raw } = proxy(delayMs);
    for (const byte of BYTES) {
      channel.writeInbound(Buffer.of(byte));
      channel.advance(1);
    }
    channel.advance(100);
    expect([delayMs, received(raw)]).toEqual([delayMs, RAW]);
    channel.finish();
  }
});

it('holds reads while credentials are being checked, however much follows them', () => {
  const { channel, raw } = proxy(10);
  const many = Array.from({ length: 1000 }, (_, i) => `line ${i}\n`).join('');
  channel.writeInbound(Buffer.from(HANDSHAKE + many));
  expect(channel.readHolds).toEqual(['AuthHandler']);
  expect(channel.embedded.isReading).toBe(false);
  channel.advance(10);
  expect(received(raw)).toBe(many);
  expect(channel.embedded.isReading).toBe(true);
});
