// Compiles: presets in templates and in addLast, and codecs for one direction alone.
import {
  JsonCodec,
  JsonDecoder,
  JsonEncoder,
  jsonLines,
  LineFrameDecoder,
  lengthPrefixed,
  StringDecoder,
  StringEncoder,
  textLines,
  varintPrefixed,
} from '@headrace/codec';
import {
  type Channel,
  type OutboundBytes,
  type Pipeline,
  type PipelineTemplate,
  pipeline,
} from '@headrace/core';
import * as z from 'zod';

/** Fails to compile unless both types are the same. */
type Same<A, B> =
  (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : never;

declare const channel: Channel<Buffer, OutboundBytes>;
const schema = z.object({ id: z.number() });

const framed = pipeline().add(...lengthPrefixed({ maxFrameLength: 1000 }));
export const checkFramed: Same<typeof framed, PipelineTemplate<Buffer, OutboundBytes>> = true;

const varint = pipeline().add(...varintPrefixed({ maxFrameLength: 1000 }));
export const checkVarint: Same<typeof varint, PipelineTemplate<Buffer, OutboundBytes>> = true;

const texts = pipeline().add(...textLines());
export const checkTexts: Same<typeof texts, PipelineTemplate<string, string>> = true;

const bothWays = pipeline().add(
  ...lengthPrefixed({ maxFrameLength: 1000 }),
  new JsonCodec<{ id: number }, { told: string }>({ schema }),
);
export const checkBothWays: Same<
  typeof bothWays,
  PipelineTemplate<{ id: number }, { told: string }>
> = true;

const values = pipeline().add(...jsonLines({ schema }));
export const checkValues: Same<
  typeof values,
  PipelineTemplate<{ id: number }, { id: number }>
> = true;

const lines = channel.pipeline.addLast(...textLines());
export const checkLines: Same<typeof lines, Pipeline<string, string>> = true;

// Commands as lines, answers as JSON.
const commands = pipeline().add(
  new LineFrameDecoder(),
  new JsonEncoder<{ found: boolean }>({ delimiter: '\n' }),
  new StringDecoder(),
);
export const checkCommands: Same<
  typeof commands,
  PipelineTemplate<string, { found: boolean }>
> = true;

// Requests as JSON, answers as lines.
const requests = pipeline().add(
  new LineFrameDecoder(),
  new StringEncoder({ delimiter: '\n' }),
  new JsonDecoder({ schema }),
);
export const checkRequests: Same<typeof requests, PipelineTemplate<{ id: number }, string>> = true;
