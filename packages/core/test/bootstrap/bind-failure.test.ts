import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { OptionError } from '@headrace/core';
import { bindFailure } from '@headrace/core/authoring';
import { afterAll, describe, expect, test } from 'vitest';
import { transportError } from '../../src/channel/close-cause.ts';

const folder = mkdtempSync(join(tmpdir(), 'headrace-'));
const plain = join(folder, 'plain');
writeFileSync(plain, '');
afterAll(() => rmSync(folder, { recursive: true }));

const system = (code: string): Error =>
  Object.assign(new Error(`it failed with ${code}`), { code });

describe('a place where nobody can listen', () => {
  test.each<[code: string, path: string | undefined, words: string]>([
    ['EADDRINUSE', undefined, 'this program or another one uses it already'],
    ['EADDRINUSE', join(folder, 'gone'), 'this program or another one listens there, or one that'],
    ['EADDRINUSE', plain, 'a file or folder has this name'],
    ['EADDRINUSE', folder, 'a file or folder has this name'],
    ['EACCES', undefined, 'this user may not use it'],
    ['EACCES', plain, 'this user may not use it'],
    ['EACCES', join(folder, 'missing', 'socket'), 'its folder does not exist'],
    ['ENOENT', join(folder, 'missing', 'socket'), 'its folder does not exist'],
    ['EPERM', undefined, 'this user may not use it'],
    ['EROFS', join(folder, 'socket'), 'its file system can only be read'],
    ['ENOTDIR', join(plain, 'socket'), 'a folder of its path is a file'],
    ['EADDRNOTAVAIL', undefined, 'this machine has no such address'],
    ['EAFNOSUPPORT', undefined, 'this machine does not use this version of IP'],
    ['ENOTFOUND', undefined, 'the host name is unknown'],
    ['EAI_AGAIN', undefined, 'the host name could not be looked up now'],
    ['EOTHER', undefined, 'it failed with EOTHER'],
  ])('%s at %s', (code, path, words) => {
    const failure = bindFailure({ name: 'the place', path }, system(code));
    expect(failure).toMatchObject({
      code: 'HR_ERR_BIND_FAILED',
      details: { code },
      message: expect.stringContaining(`cannot listen on the place: ${words}`),
    });
    expect(failure.message).toContain(`(${code})`);
  });

  test('has words of its own for some codes, and passes wrong options on', () => {
    const place = { name: 'it', why: { EADDRINUSE: 'taken' } };
    expect(bindFailure(place, system('EADDRINUSE')).message).toContain(': taken (EADDRINUSE)');
    const option = new OptionError('OPTION_INVALID', 'no such port');
    expect(bindFailure(place, option)).toBe(option);
  });
});

test.each([
  ['ENOTFOUND', 'the host name is unknown'],
  ['EAI_AGAIN', 'the host name could not be looked up now'],
  ['ENOENT', 'there is no such socket file'],
  ['EACCES', 'this user may not use it'],
  ['EADDRNOTAVAIL', 'this machine has no such localAddress'],
  ['ENETUNREACH', 'there is no route to it'],
  ['EHOSTUNREACH', 'there is no route to it'],
  ['EOTHER', 'the transport failed'],
])('a connection that fails with %s: %s', (code, words) => {
  expect(transportError(system(code))).toMatchObject({
    code: 'HR_ERR_CHANNEL_FAILED',
    message: `${words} (it failed with ${code})`,
    details: { code },
  });
});
