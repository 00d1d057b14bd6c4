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
import {
  type ChangedRule,
  type DecoderCase,
  runDecoderCase,
  runEncoderCase,
} from '../decoder-run.ts';
import type { Family } from '../family.ts';
import { modelOfDelimiters, modelOfLines } from '../netty-frames.ts';

// biome-ignore lint/suspicious/noExplicitAny: each family has its own configuration
type Config = any;

function decoder(make: (config: Config) => Handler, rule?: ChangedRule): Family {
  return (testCase: DecoderCase) =>
    runDecoderCase(testCase, () => make({ ...testCase.config, frameErrorPolicy: 'emit' }), rule);
}

function delimitersOf(config: Config): Buffer[] {
  return config.delimiters.map((hex: string) => Buffer.from(hex, 'hex'));
}

export const frameFamilies: Readonly<Record<string, Family>> = {
  'delimiter-decoder': decoder(
    (config) => new DelimiterFrameDecoder({ ...config, delimiters: delimitersOf(config) }),
    {
      reason:
        'a chunk ends within a delimiter at the limit of a frame: the cut does not matter to us',
      model({ config, chunks = [] }, waitsForCutDelimiters) {
        const all = { ...config, maxLength: config.maxFrameLength, waitsForCutDelimiters };
        // For CRLF and LF Netty takes its decoder of lines.
        const isLines = [...config.delimiters].sort().join() === '0a,0d0a';
        return (isLines ? modelOfLines(all) : modelOfDelimiters(all, delimitersOf(config)))(chunks);
      },
    },
  ),
  'fixed-length-decoder': decoder((config) => new FixedLengthFrameDecoder(config)),
  'json-object-decoder': decoder((config) => new JsonObjectDecoder(config)),
  'length-field-decoder': decoder((config) => new LengthFieldFrameDecoder(config)),
  'line-decoder': decoder((config) => new LineFrameDecoder(config), {
    reason:
      'a chunk ends between the CR and the LF of a line at its limit: the cut does not matter to us',
    model: ({ config, chunks = [] }, waitsForCutDelimiters) =>
      modelOfLines({ ...config, waitsForCutDelimiters })(chunks),
  }),
  'varint32-frame-decoder': decoder(
    () => new VarintFrameDecoder({ maxFrameLength: Infinity, frameErrorPolicy: 'emit' }),
  ),
  'length-field-prepender': (testCase) =>
    runEncoderCase(testCase, () => new LengthFieldPrepender(testCase.config)),
  'varint32-prepender': (testCase) => runEncoderCase(testCase, () => new VarintPrepender()),
};
