import { DelimiterFrameDecoder } from '@headrace/codec';
import { type DecoderCase, runDecoderCase } from '../decoder-run.ts';
import type { ConformanceFamily } from '../family.ts';
import { DelimiterModel, type FrameEvents, LineModel } from '../netty-frames.ts';

function delimitersOf(config: { readonly delimiters: readonly string[] }): Buffer[] {
  return config.delimiters.map((hex) => Buffer.from(hex, 'hex'));
}

/** For CRLF and LF Netty takes its decoder of lines. */
function modelled({ config, chunks = [] }: DecoderCase, waits: boolean): FrameEvents[] {
  const { maxFrameLength: maxLength, stripDelimiter, failFast } = config;
  const all = { maxLength, stripDelimiter, failFast, waitsForCutDelimiters: waits };
  const isLines = [...config.delimiters].sort().join() === '0a,0d0a';
  return (isLines ? new LineModel(all) : new DelimiterModel(all, delimitersOf(config))).run(chunks);
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
          frameErrorPolicy: 'emit',
        }),
      {
        reason:
          'a chunk ends within a delimiter at the limit of a frame: the cut does not matter to us',
        netty: (one) => modelled(one, false),
        ours: (one) => modelled(one, true),
      },
    ),
};
