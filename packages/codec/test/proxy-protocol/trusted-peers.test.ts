import { ProxyProtocolDecoder, ProxyProtocolEvent } from '@headrace/codec';
import { clientAddress } from '@headrace/core';
import { EmbeddedChannel } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';

describe('a peer that is not trusted', () => {
  it('is refused before a byte is read, and later handlers never see it active', () => {
    const seen: string[] = [];
    const channel = new EmbeddedChannel(new ProxyProtocolDecoder({ trusted: ['192.0.2.1'] }), {
      channelActive: () => void seen.push('active'),
      channelInactive: () => void seen.push('inactive'),
    });
    channel.finish();
    expect(seen).toEqual([]);
    expect(channel.closeInfo?.reason).toBe('refused');
  });

  it('is a client itself, if so wanted, and its header is data', () => {
    const decoder = new ProxyProtocolDecoder({ trusted: [], others: 'as-data' });
    const seen: unknown[] = [];
    const channel = new EmbeddedChannel(decoder, {
      channelActive: () => void seen.push('active'),
      userEventTriggered: (_ctx, event) => void seen.push(event),
    });
    expect(seen).toEqual([new ProxyProtocolEvent(undefined), 'active']);
    const line = 'PROXY TCP4 203.0.113.7 192.0.2.1 51000 443\r\n';
    channel.writeInbound(Buffer.from(line));
    expect(String(channel.readInbound())).toBe(line);
    expect(clientAddress(channel)).toEqual(channel.remoteAddress);
  });
});
