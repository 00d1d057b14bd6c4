import { LineFrameDecoder } from '@headrace/codec';
import { type Context, type Handler, TlsUpgradeEvent } from '@headrace/core';
import { EmbeddedChannel } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';

/** Asks what is held, as an upgrade to TLS does, when the line comes that begins it. */
class Asking implements Handler {
  held: number | undefined = undefined;

  channelRead(ctx: Context, line: Buffer): void {
    if (line.toString() !== 'STARTTLS') return;
    const event = new TlsUpgradeEvent();
    ctx.pipeline.fireUserEventTriggered(event);
    this.held = event.heldBytes;
  }
}

function heldAfter(...reads: readonly string[]): number | undefined {
  const asking = new Asking();
  const channel = new EmbeddedChannel(new LineFrameDecoder({ maxLength: 80 }), asking);
  for (const read of reads) channel.writeInbound(Buffer.from(read));
  channel.finish();
  return asking.held;
}

describe('a decoder before an upgrade to TLS', () => {
  it('tells of whole frames and of parts behind the one that asks for it', () => {
    expect(heldAfter('STARTTLS\nEVIL\nHAL')).toBe(8);
    expect(heldAfter('STARTTLS\nHAL')).toBe(3);
    expect(heldAfter('x\nSTART', 'TLS\nE')).toBe(1);
  });

  it('holds nothing when nothing came behind it', () => {
    expect(heldAfter('STARTTLS\n')).toBe(0);
    expect(heldAfter('STAR', 'TTLS\n')).toBe(0);
  });
});
