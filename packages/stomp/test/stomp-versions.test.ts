import { ChannelGroup } from '@headrace/core';
import { EmbeddedChannel } from '@headrace/core/testing';
import { StompDecoder, StompEncoder, StompFrame } from '@headrace/stomp';
import { describe, expect, it } from 'vitest';

const codec = () => new EmbeddedChannel(new StompDecoder(), new StompEncoder());
const MESSAGE = new StompFrame('MESSAGE', { path: 'C:\\new', id: 'a:b' }, 'x');
const PLAIN = 'MESSAGE\npath:C:\\new\nid:a:b\n\nx\0';
const ESCAPED = 'MESSAGE\npath:C\\c\\\\new\nid:a\\cb\n\nx\0';

/** A server to which a client has connected with these headers, and that has answered with these. */
function server(connect: string, connected?: Record<string, string>, command = 'CONNECT') {
  const channel = codec();
  channel.writeInbound(Buffer.from(`${command}\n${connect}\n\0`));
  channel.readInbound();
  if (connected !== undefined) {
    channel.writeOutbound(new StompFrame('CONNECTED', connected));
    channel.readOutbound();
  }
  return channel;
}

/** A client that has connected with these headers, and was answered with these. */
function client(connect: Record<string, string>, connected?: string) {
  const channel = codec();
  channel.writeOutbound(new StompFrame('CONNECT', connect));
  channel.readOutbound();
  if (connected !== undefined) {
    channel.writeInbound(Buffer.from(`CONNECTED\n${connected}\n\0`));
    channel.readInbound();
  }
  return channel;
}

const ALL = 'accept-version:1.0,1.1, 1.2\n';
const ends: [string, EmbeddedChannel, boolean][] = [
  ['a server before CONNECT', codec(), true],
  ['a server of a client without versions', server(''), false],
  ['a server of a client without versions, connected', server('', { session: '1' }), false],
  ['a server of a client of 1.0', server('accept-version:1.0\n'), false],
  ['a server of a client of all versions', server(ALL), true],
  ['a server that agrees on 1.0', server(ALL, { version: '1.0' }), false],
  ['a server that names no version', server(ALL, {}), false],
  ['a server that agrees on 1.1', server(ALL, { version: '1.1' }), true],
  ['a server that agrees on 1.2', server(ALL, { version: '1.2' }, 'STOMP'), true],
  ['a server of a client of a newer version', server('accept-version:2.0\n'), true],
  ['a client without versions', client({}), false],
  ['a client that is connected with 1.0', client({ 'accept-version': '1.0,1.2' }, ''), false],
  ['a client of 1.1', client({ 'accept-version': '1.0,1.1' }, 'version:1.1\n'), true],
  ['a client of 1.2', client({ 'accept-version': '1.2' }, 'version:1.2\n'), true],
];

describe('the version of STOMP', () => {
  it.each(ends)('of %s decides whether headers are escaped', (_name, channel, isEscaped) => {
    channel.writeOutbound(MESSAGE);
    expect(String(channel.readOutbound())).toBe(isEscaped ? ESCAPED : PLAIN);
    channel.writeInbound(Buffer.from(isEscaped ? ESCAPED : PLAIN));
    expect(channel.readInbound<StompFrame>()?.headers).toEqual(MESSAGE.headers);
  });

  it('reads in 1.0 a backslash that begins no escape sequence', () => {
    const frame = 'SEND\nfile:C:\\temp\\\nend:\\\n\n\0';
    const channel = server('');
    channel.writeInbound(Buffer.from(frame));
    expect(channel.readInbound<StompFrame>()?.header('file')).toBe('C:\\temp\\');
    expect(() => server(ALL).writeInbound(Buffer.from(frame))).toThrow('not an escape sequence');
  });

  it('decides what a header cannot carry', () => {
    const written = (version: string, headers: Record<string, string>) => {
      const channel = server(ALL, { version });
      channel.writeOutbound(new StompFrame('MESSAGE', headers));
      return String(channel.readOutbound());
    };
    for (const headers of [{ a: 'b\nc' }, { a: 'b\rc' }, { 'a:b': 'c' }] as Record<
      string,
      string
    >[])
      expect(() => written('1.0', headers)).toThrow('STOMP 1.0 cannot carry the header');
    expect(() => written('1.1', { a: 'b\rc' })).toThrow('STOMP 1.1 cannot carry the header');
    expect(written('1.1', { 'a:\n': '\n' })).toBe('MESSAGE\na\\c\\n:\\n\n\n\0');
    expect(written('1.2', { a: 'b\rc' })).toBe('MESSAGE\na:b\\rc\n\n\0');
  });

  it('of each member of a group decides about its copy of a broadcast', () => {
    const group = new ChannelGroup();
    const members = [server(''), server(ALL), server('accept-version:1.1\n')];
    for (const member of members) group.add(member);
    void group.writeAndFlush(MESSAGE);
    const texts = members.map((member) => String(member.readOutbound()));
    expect(texts).toEqual([PLAIN, ESCAPED, ESCAPED]);
  });
});
