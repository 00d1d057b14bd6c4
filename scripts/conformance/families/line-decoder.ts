import { LineFrameDecoder } from '@headrace/codec';
import { type DecoderCase, runDecoderCase } from '../decoder-run.ts';
import type { ConformanceFamily } from '../family.ts';

const CR = 0x0d;
const LF = 0x0a;

/**
 * A line of the longest length whose CRLF is cut in the middle is too long for Netty, but not for us: the
 * cut must not matter (docs/decisions/0010-codec-frames-do-not-depend-on-the-cut.md).
 */
function excuse({ config, chunks = [] }: DecoderCase): string | undefined {
  let line = 0;
  for (const chunk of chunks) {
    const bytes = Buffer.from(chunk, 'hex');
    const lastEnd = bytes.lastIndexOf(LF);
    line = lastEnd === -1 ? line + bytes.length : bytes.length - 1 - lastEnd;
    if (line === config.maxLength + 1 && bytes.at(-1) === CR) {
      return 'a chunk ends between the CR and the LF of a line at its limit: the cut does not matter to us';
    }
  }
  return undefined;
}

export const family: ConformanceFamily = {
  name: 'line-decoder',
  run: (testCase) =>
    runDecoderCase(
      testCase,
      () => new LineFrameDecoder({ ...testCase.config, onFrameError: 'emit' }),
      excuse,
    ),
};
