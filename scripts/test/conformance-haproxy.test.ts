import { describe, expect, it } from 'vitest';
import { haproxyDecoder } from '../conformance/families/haproxy-decoder.ts';

const SSL = { clientSSL: true, clientCertConn: false, clientCertSess: false, verify: 0 };
const tlv = (type: number, hex: string): string =>
  type.toString(16).padStart(2, '0') + (hex.length / 2).toString(16).padStart(4, '0') + hex;
const ssl = (...tlvs: string[]): string => `0100000000${tlvs.join('')}`;
const alpn = { type: 1, typeName: 'PP2_TYPE_ALPN', hex: '6832' };

/** A header from 1.2.3.4:5 to 6.7.8.9:10 with these TLVs, in one chunk. */
function outcome(tlvs: string, expected: readonly unknown[]) {
  const length = (12 + tlvs.length / 2).toString(16).padStart(4, '0');
  const block = `0d0a0d0a000d0a515549540a2111${length}01020304060708090005000a${tlvs}`;
  const proxy = {
    version: 'V2',
    command: 'PROXY',
    protocol: 'TCP4',
    source: '1.2.3.4',
    destination: '6.7.8.9',
    sourcePort: 5,
    destinationPort: 10,
    tlvs: expected,
  };
  const config = { maxTlvSize: null, failFast: true };
  return haproxyDecoder({ config, chunks: [block], events: [[{ proxy }], []] });
}

describe('an SSL TLV within an SSL TLV in the vectors of PROXY headers', () => {
  const inner = ssl(tlv(1, '6832'));
  const outer = ssl(tlv(32, inner));
  const plain = { type: 32, typeName: 'PP2_TYPE_SSL' };
  const nested = { ...plain, hex: inner, ssl: { ...SSL, encapsulated: [alpn] } };
  const netty = { ...plain, hex: outer, ssl: { ...SSL, encapsulated: [nested] } };

  it('is excused, for Netty reads it and we do not', () => {
    const { outcome: found, ...more } = outcome(tlv(32, outer), [netty, nested]);
    expect([found, more]).toEqual([
      'skipped',
      { reason: 'Netty reads an SSL TLV within an SSL TLV; for us it is bytes' },
    ]);
  });

  it('excuses nothing else', () => {
    const lie = { ...netty, ssl: { ...SSL, verify: 1, encapsulated: [nested] } };
    expect(outcome(tlv(32, outer), [lie, nested]).outcome).toBe('failed');
    expect(outcome(tlv(32, outer), [netty]).outcome).toBe('failed');
    expect(outcome(tlv(32, outer), [netty, nested, alpn]).outcome).toBe('failed');
    const single = { ...plain, hex: inner, ssl: { ...SSL, encapsulated: [alpn] } };
    expect(outcome(tlv(32, inner), [single, alpn]).outcome).toBe('passed');
  });
});
