import { DelimiterFrameDecoder } from '@headrace/codec';
import { type DecoderCase, runDecoderCase } from '../decoder-run.ts';
import type { ConformanceFamily } from '../family.ts';

function delimitersOf(config: { readonly delimiters: readonly string[] }): Buffer[] {
  return config.delimiters.map((hex) => Buffer.from(hex, 'hex'));
}

/**
 * Netty counts the begin of a cut delimiter as part of the frame, so that a frame at its limit is too long,
 * and drops it with a frame that is too long, so that the end of that frame is missed. The cut must not
 * matter to us (docs/decisions/0010-codec-frames-do-not-depend-on-the-cut.md).
 */
function excuse({ config, chunks = [] }: DecoderCase): string | undefined {
  const delimiters = delimitersOf(config);
  const isCut = chunks.some((chunk) => {
    const bytes = Buffer.from(chunk, 'hex');
    return delimiters.some((delimiter) =>
      delimiter.some((_, size) => size > 0 && endsWith(bytes, delimiter.subarray(0, size))),
    );
  });
  return isCut
    ? 'a chunk ends within a delimiter at the limit of a frame: the cut does not matter to us'
    : undefined;
}

function endsWith(bytes: Buffer, end: Buffer): boolean {
  return bytes.length >= end.length && bytes.subarray(bytes.length - end.length).equals(end);
}

export const family: ConformanceFamily = {
  name: 'delimiter-decoder',
  run: (testCase) =>
    runDecoderCase(
      testCase,
      () =>
        new DelimiterFrameDecoder({
          ...testCase.config,
          delimiters: delimitersOf(testCase.config),
          onFrameError: 'emit',
        }),
      excuse,
    ),
};
