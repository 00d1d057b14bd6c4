import { describeHeldReads } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';
import { NestTcpFrameDecoder } from '../../src/wire/nest-tcp-frame-decoder.ts';

const TEXTS = ['"a"', '"b"', '"c"', '"d"', '"e"'];

describeHeldReads(
  { describe, it, expect },
  {
    name: 'NestTcpFrameDecoder',
    handlers: () => [new NestTcpFrameDecoder({ maxFrameLength: 100 })],
    input: [Buffer.from(TEXTS.map((text) => `${text.length}#${text}`).join(''))],
    output: TEXTS,
  },
);
