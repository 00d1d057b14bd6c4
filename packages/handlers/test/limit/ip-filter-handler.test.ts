import { BlockList } from 'node:net';
import type { Channel, RejectedError } from '@headrace/core';
import { EmbeddedChannel } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';
import { IpFilterHandler } from '../../src/limit/ip-filter-handler.ts';
import { listeningWith } from './listening.ts';

describe('IpFilterHandler', () => {
  it('the first rule that matches decides, and by default all are let in', () => {
    const filter = new IpFilterHandler({
      rules: [{ allow: '192.0.2.7' }, { deny: '192.0.2.0/24' }, { allow: '192.0.2.8' }],
    });
    const hosts = ['192.0.2.7', '192.0.2.8', '192.0.3.1', '2001:db8::1'];
    expect(hosts.map((host) => filter.allows(host))).toEqual([true, false, true, true]);
  });

  it('a rule for one family never matches the other', () => {
    const four = new IpFilterHandler({ rules: [{ deny: '0.0.0.0/0' }] });
    expect([four.allows('192.0.2.7'), four.allows('::1')]).toEqual([false, true]);
    const six = new IpFilterHandler({ rules: [{ deny: '::/0' }] });
    expect([six.allows('192.0.2.7'), six.allows('::1'), six.allows('2001:db8::1')]).toEqual([
      true,
      false,
      false,
    ]);
  });

  it('treats an IPv4 address in IPv6 form as IPv4, and ignores zones', () => {
    const four = new IpFilterHandler({ rules: [{ deny: '192.0.2.0/24' }] });
    expect(four.allows('::ffff:192.0.2.7')).toBe(false);
    expect(four.allows('::ffff:c000:207')).toBe(false);
    for (const range of ['::ffff:192.0.2.7', '::ffff:c000:0207', '::ffff:192.0.2.0/120']) {
      const mapped = new IpFilterHandler({ rules: [{ deny: range }] });
      expect([mapped.allows('192.0.2.7'), mapped.allows('::ffff:192.0.2.7')]).toEqual([
        false,
        false,
      ]);
      expect([mapped.allows('192.0.3.7'), mapped.allows('::1')]).toEqual([true, true]);
    }
    const wide = new IpFilterHandler({ rules: [{ deny: '::ffff:0:0/80' }] });
    expect(['::1', '1::', '192.0.2.7'].map((host) => wide.allows(host))).toEqual([
      false,
      true,
      true,
    ]);
    const all = new IpFilterHandler({ rules: [{ deny: '::/0' }] });
    expect(all.allows('::ffff:192.0.2.7')).toBe(true);
    const local = new IpFilterHandler({ rules: [{ deny: 'fe80::/10' }] });
    expect(local.allows('fe80::1%eth0')).toBe(false);
  });

  it("takes Node's own lists", () => {
    const list = new BlockList();
    list.addRange('10.0.0.5', '10.0.0.9');
    const filter = new IpFilterHandler({ rules: [{ allow: list }], otherwise: 'deny' });
    expect([filter.allows('10.0.0.7'), filter.allows('10.0.0.10')]).toEqual([true, false]);
  });

  it('refuses before the pipeline of a connection is built', () => {
    const seen: RejectedError[] = [];
    const onRefused = (child: Channel, error: RejectedError) => {
      seen.push(error);
      child.pipeline.addLast({ channelActive: (ctx) => void ctx.writeAndFlush('go away') });
    };
    const filter = new IpFilterHandler({ rules: [{ deny: '10.0.0.0/8' }], onRefused });
    const { accept } = listeningWith(filter);
    const { wasAccepted, sent } = accept('10.1.2.3');
    expect(wasAccepted).toBe(false);
    expect(sent).toEqual(['go away']);
    expect(seen[0]).toMatchObject({
      code: 'HR_ERR_REJECTED_FILTER',
      details: { host: '10.1.2.3' },
    });
    expect(accept('11.0.0.1').wasAccepted).toBe(true);
    expect(filter.refused).toBe(1);
  });

  it('accepts another connection in place of a refused one, if accepts are asked for by hand', () => {
    const { server, accept } = listeningWith(
      new IpFilterHandler({ rules: [{ deny: '10.0.0.0/8' }] }),
    );
    server.autoRead = false;
    server.read();
    const { reads } = server.embedded;
    accept('11.0.0.1');
    expect(server.embedded.reads).toBe(reads);
    accept('10.0.0.1');
    expect(server.embedded.reads).toBe(reads + 1);
  });

  it('refuses a connection without an IP address, since it cannot decide', () => {
    const { server, accept } = listeningWith(new IpFilterHandler({ rules: [] }));
    expect(() => accept('/tmp/socket')).toThrow(/has no IP address/);
    expect(server.isOpen).toBe(true);
    const channel = EmbeddedChannel.with({ register: false }, new IpFilterHandler({ rules: [] }));
    channel.register();
    expect(channel.isOpen).toBe(false);
    expect(() => channel.checkException()).toThrow(/has no IP address/);
  });

  it.each([
    '',
    'localhost',
    '192.0.2.0/33',
    '::/129',
    '192.0.2.0/x',
    '1.2.3',
    '192.0.2.0/',
    '10.0.0.0/8/9',
    'fe80::1%eth0',
  ])('refuses the rule "%s"', (range) => {
    expect(() => new IpFilterHandler({ rules: [{ deny: range }] })).toThrow(/is neither an IP/);
  });
});
