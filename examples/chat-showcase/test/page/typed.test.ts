import { clientIdFault } from 'headrace-example-broadcast-chat/client-id';
import { describe, expect, it } from 'vitest';
import {
  byteLength,
  checkText,
  MAX_MESSAGE_BYTES,
  tidyId,
  tidyText,
} from '../../src/page/typed.js';

describe('tidyText', () => {
  it.each([
    ['  hello  ', 'hello'],
    ['one\ntwo', 'one\ntwo'],
    ['one \r\n\r\n\r\n   two\u2028three\rfour', 'one\n\n   two\nthree\nfour'],
    ['\n\n', ''],
    ['a\tb', 'a  b'],
    ['bell\u0007 escape\u001b[31m \u009bred', 'bell escape[31m red'],
    ['half \ud83d pair, whole \ud83d\ude00', 'half \ufffd pair, whole \ud83d\ude00'],
    ['inner   spaces stay', 'inner   spaces stay'],
  ])('makes of %j what is sent: %j', (typed, tidy) => {
    expect(tidyText(typed)).toBe(tidy);
  });

  it('leaves a tidy text as it is', () => {
    for (const text of ['hello', 'héllo: wörld', '👩‍👩‍👧 family', 'שלום']) {
      expect(tidyText(tidyText(text))).toBe(text);
    }
  });
});

describe('checkText', () => {
  it('refuses texts that the server would refuse', () => {
    expect(checkText('')).toBe('empty');
    expect(checkText('PING')).toBe('heartbeat');
    expect(checkText('Ping')).toBe('heartbeat');
    expect(checkText('Who')).toBe('who');
    expect(checkText('AUTH:bob')).toBe('sign-in');
  });

  it('accepts a text that only resembles a command', () => {
    for (const text of ['PING!', 'ping pong', 'AUTH', 'Auth: how?', 'BYE', 'ERR:KICKED']) {
      expect(checkText(text)).toBeNull();
    }
  });

  it('counts bytes, not characters, up to the limit and not beyond', () => {
    expect(checkText('x'.repeat(MAX_MESSAGE_BYTES))).toBeNull();
    expect(checkText('x'.repeat(MAX_MESSAGE_BYTES + 1))).toBe('too-long');
    expect(checkText('é'.repeat(32_767))).toBeNull();
    expect(checkText('é'.repeat(32_768))).toBe('too-long');
    expect(byteLength('😀')).toBe(4);
  });
});

describe('a name', () => {
  it.each([
    ['', 'empty'],
    ['x'.repeat(65), 'too-long'],
    ['a:b', 'colon'],
    ['a\nb', 'characters'],
    ['a\u007fb', 'characters'],
    ['a\u0085b', 'characters'],
    ['a\u200bb', 'characters'],
    ['\u202eab', 'characters'],
    ['a\u00a0b', 'characters'],
    ['\u3164', 'characters'],
  ])('refuses %j: %s', (id, fault) => {
    expect(clientIdFault(id)).toBe(fault);
  });

  it('takes any other name of 1 to 64 characters', () => {
    for (const id of ['a', 'x'.repeat(64), 'Ada Lovelace', '小林 さくら', '<b>']) {
      expect(clientIdFault(id)).toBeUndefined();
    }
  });
});

describe('tidyId', () => {
  it('gives all spellings of a name the same id', () => {
    expect(tidyId('  Zoe\u0308 ')).toBe('Zo\u00eb');
    expect(tidyId('a   b')).toBe('a b');
    expect(tidyId('Ann ❤\ufe0f')).toBe('Ann ❤');
    expect(clientIdFault(tidyId('Ann ❤\ufe0f'))).toBeUndefined();
  });
});
