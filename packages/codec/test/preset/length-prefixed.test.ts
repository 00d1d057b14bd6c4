import { isHeadraceError } from '@headrace/core';
import { EmbeddedChannel } from '@headrace/core/testing';
import { expect, it } from 'vitest';
import { type LengthPrefixedOptions, lengthPrefixed } from '../../src/index.ts';

function errorOf(options: LengthPrefixedOptions, hex: string): Error {
  const caught: Error[] = [];
  const exceptionCaught = (_ctx: unknown, error: Error) => void caught.push(error);
  const channel = new EmbeddedChannel(...lengthPrefixed(options), { exceptionCaught });
  channel.writeInbound(Buffer.from(hex, 'hex'));
  expect(caught).toHaveLength(1);
  return caught[0]!;
}

it('names the limit that was given for a frame that is too long', () => {
  const error = errorOf({ maxFrameLength: 65_536 }, '00010001');
  expect(error.message).toContain(
    'a frame of 65537 bytes is longer than maxFrameLength allows, 65536, both without the header of 4 bytes (it ',
  );
  expect(isHeadraceError(error, 'FRAME_TOO_LONG') && error.details).toMatchObject({
    length: 65_541,
    maxFrameLength: 65_540,
  });
  expect(errorOf({ maxFrameLength: 10, bytes: 2 }, '000b').message).toContain(
    'a frame of 11 bytes is longer than maxFrameLength allows, 10, both without the header of 2 bytes (it ',
  );
});
