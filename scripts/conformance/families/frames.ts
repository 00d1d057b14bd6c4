// The families of frames: what comes out of a decoder chunk by chunk, and what an encoder makes of a payload.
import {
  DelimiterFrameDecoder,
  FixedLengthFrameDecoder,
  JsonObjectDecoder,
  LengthFieldFrameDecoder,
  LengthFieldPrepender,
  LineFrameDecoder,
  VarintFrameDecoder,
  VarintPrepender,
} from '@headrace/codec';
import type { Handler } from '@headrace/core';
import { type DecoderCase, runDecoderCase, runEncoderCase } from '../decoder-run.ts';
import type { Family } from '../family.ts';
import { type FrameEvents, modelOfDelimiters, modelOfLines } from '../netty-frames.ts';

// biome-ignore lint/suspicious/noExplicitAny: each family has its own configuration
type Config = any;

/** @param model - what Netty gives where its rule is another one on purpose, and with our rule in its place */
function decoder(
  make: (config: Config) => Handler,
  reason = '',
  model?: (testCase: DecoderCase, waitsForCutDelimiters: boolean) => FrameEvents[],
): Family {
  const changed = model && {
    reason,
    netty: (testCase: DecoderCase) => model(testCase, false),
    ours: (testCase: DecoderCase) => model(testCase, true),
  };
  return (testCase: DecoderCase) =>
    runDecoderCase(testCase, () => make({ ...testCase.config, frameErrorPolicy: 'emit' }), changed);
}

function delimitersOf(config: Config): Buffer[] {
  return config.delimiters.map((hex: string) => Buffer.from(hex, 'hex'));
}

export const frameFamilies: Readonly<Record<string, Family>> = {
  'delimiter-decoder': decoder(
    (config) => new DelimiterFrameDecoder({ ...config, delimiters: delimitersOf(config) }),
    'a chunk ends within a delimiter at the limit of a frame: the cut does not matter to us',
    ({ config, chunks = [] }, waitsForCutDelimiters) => {
      const all = { ...config, maxLength: config.maxFrameLength, waitsForCutDelimiters };
      // For CRLF and LF Netty takes its decoder of lines.
      const isLines = [...config.delimiters].sort().join() === '0a,0d0a';
      return (isLines ? modelOfLines(all) : modelOfDelimiters(all, delimitersOf(config)))(chunks);
    },
  ),
  'fixed-length-decoder': decoder((config) => new FixedLengthFrameDecoder(config)),
  'json-object-decoder': decoder((config) => new JsonObjectDecoder(config)),
  'length-field-decoder': decoder((config) => new LengthFieldFrameDecoder(config)),
  'line-decoder': decoder(
    (config) => new LineFrameDecoder(config),
    'a chunk ends between the CR and the LF of a line at its limit: the cut does not matter to us',
    ({ config, chunks = [] }, waitsForCutDelimiters) =>
      modelOfLines({ ...config, waitsForCutDelimiters })(chunks),
  ),
  'varint32-frame-decoder': decoder(
    () => new VarintFrameDecoder({ maxFrameLength: Infinity, frameErrorPolicy: 'emit' }),
  ),
  'length-field-prepender': (testCase) =>
    runEncoderCase(testCase, () => new LengthFieldPrepender(testCase.config)),
  'varint32-prepender': (testCase) => runEncoderCase(testCase, () => new VarintPrepender()),
};
