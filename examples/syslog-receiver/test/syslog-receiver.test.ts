import { DecodeError } from '@headrace/core';
import { EmbeddedChannel } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';
import { SyslogFrameDecoder } from '../src/syslog-frame-decoder.ts';
import { parseSyslog } from '../src/syslog-message.ts';

describe('parseSyslog', () => {
  it('reads the examples of RFC 5424', () => {
    const first =
      "<34>1 2003-10-11T22:14:15.003Z mymachine.example.com su - ID47 - \uFEFF'su root' failed";
    expect(parseSyslog(first)).toEqual({
      facility: 4,
      severity: 2,
      format: 'RFC 5424',
      time: '2003-10-11T22:14:15.003Z',
      host: 'mymachine.example.com',
      app: 'su',
      id: 'ID47',
      text: "'su root' failed",
    });
    const third =
      '<165>1 2003-10-11T22:14:15.003Z mymachine.example.com evntslog - ID47 ' +
      '[exampleSDID@32473 iut="3" eventSource="Appl\\"ic\\]a\\\\tion"][examplePriority@32473 class="high"]';
    expect(parseSyslog(third)).toMatchObject({
      data: {
        'exampleSDID@32473': { iut: '3', eventSource: 'Appl"ic]a\\tion' },
        'examplePriority@32473': { class: 'high' },
      },
      text: '',
    });
  });

  it('reads the examples of RFC 3164, and what has no priority as a notice of a user', () => {
    expect(parseSyslog('<34>Oct 11 22:14:15 mymachine su[12]: failed')).toEqual({
      facility: 4,
      severity: 2,
      format: 'RFC 3164',
      time: 'Oct 11 22:14:15',
      host: 'mymachine',
      app: 'su',
      process: '12',
      text: 'failed',
    });
    const plain = { facility: 1, severity: 5, format: 'RFC 3164' };
    expect(parseSyslog('Use the BFG!')).toEqual({ ...plain, text: 'Use the BFG!' });
    expect(parseSyslog('<192>x')).toEqual({ ...plain, text: '<192>x' });
    expect(parseSyslog('<0>x')).toMatchObject({ facility: 0, severity: 0, text: 'x' });
  });

  it.each([
    '<34>1 ',
    '<34>1 - - - - -',
    '<34>1 - - - - - x',
    '<34>1 - - - - - [a b="c" text',
    '<34>1 - - - - - -text',
    `<34>1 - - - - - [a${' b="c"'.repeat(9)}`,
  ])('refuses what claims to be RFC 5424 and is not: %s', (line) => {
    expect(() => parseSyslog(line)).toThrow();
  });

  it('keeps a parameter that has the name of a property of objects', () => {
    const { data } = parseSyslog('<1>1 - - - - - [__proto__ constructor="x"] text');
    expect(JSON.stringify(data)).toBe('{"__proto__":{"constructor":"x"}}');
  });
});

describe('SyslogFrameDecoder', () => {
  const read = (channel: EmbeddedChannel): string[] => {
    const found: string[] = [];
    for (let it = channel.readInbound(); it !== undefined; it = channel.readInbound())
      found.push(String(it));
    return found;
  };

  it('takes messages behind their length and as lines, in any cut', () => {
    const stream = Buffer.from('8 <13>a\nb \n<13>c\n6 <13>d\n<13>ü\n');
    const channel = new EmbeddedChannel(new SyslogFrameDecoder(100));
    for (const byte of stream) channel.writeInbound(Buffer.of(byte));
    const cut = read(channel);
    channel.writeInbound(stream);
    expect(cut).toEqual(['<13>a\nb ', '', '<13>c', '<13>d\n', '<13>ü']);
    expect(read(channel)).toEqual(cut);
  });

  it.each([
    ['101 ', 'HR_ERR_FRAME_TOO_LONG'],
    ['<13>'.padEnd(101, 'x'), 'HR_ERR_FRAME_TOO_LONG'],
    ['123456', 'HR_ERR_FRAME_CORRUPT'],
    ['12a', 'HR_ERR_FRAME_CORRUPT'],
  ])(
    'refuses a length or a line above the limit, and a value that is not a length: %s',
    (text, code) => {
      const channel = new EmbeddedChannel(new SyslogFrameDecoder(100));
      let caught: unknown;
      try {
        channel.writeInbound(Buffer.from(text));
      } catch (error) {
        caught = error;
      }
      expect(caught).toBeInstanceOf(DecodeError);
      expect(caught).toMatchObject({ code });
    },
  );
});
