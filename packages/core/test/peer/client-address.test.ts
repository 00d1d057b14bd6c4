import { type Address, CLIENT_ADDRESS, clientAddress } from '@headrace/core';
import { EmbeddedChannel } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';

const CLIENT: Address = { host: '203.0.113.7', port: 1, family: 'IPv4' };

describe('clientAddress', () => {
  it('is the address of the connection, until a handler sets another one', () => {
    const channel = new EmbeddedChannel();
    expect(clientAddress(channel)).toBe(channel.remoteAddress);
    channel.attributes.set(CLIENT_ADDRESS, CLIENT);
    expect(clientAddress(channel)).toBe(CLIENT);
  });
});
