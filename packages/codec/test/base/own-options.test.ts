import {
  BYTE_DECODER_OPTIONS,
  type ByteInput,
  ByteToMessageDecoder,
  type ByteToMessageDecoderOptions,
  MESSAGE_DECODER_OPTIONS,
  MESSAGE_ENCODER_OPTIONS,
  MessageToMessageCodec,
  MessageToMessageDecoder,
  MessageToMessageEncoder,
} from '@headrace/codec';
import type { Context } from '@headrace/core';
import { describeOptions, whole } from '@headrace/core/authoring';
import { describe, expect, it } from 'vitest';

interface ReadingOptions extends ByteToMessageDecoderOptions {
  readonly maxBodyLength?: number;
}

const KINDS = { maxBodyLength: whole({ default: 100 }) };
const READING_OPTIONS = describeOptions('ReadingDecoder', KINDS, BYTE_DECODER_OPTIONS);

class ReadingDecoder extends ByteToMessageDecoder<string> {
  readonly maxBodyLength: number;

  constructor(options: ReadingOptions = {}) {
    super(options, undefined, READING_OPTIONS);
    this.maxBodyLength = READING_OPTIONS.resolve(options).maxBodyLength;
  }

  protected override decode(_ctx: Context, input: ByteInput): string {
    return String(input.take(input.length));
  }
}

/** Has no options of its own, and describes none. */
class PlainDecoder extends ByteToMessageDecoder<string> {
  protected override decode(_ctx: Context, input: ByteInput): string {
    return String(input.take(input.length));
  }
}

class PlainMessageDecoder extends MessageToMessageDecoder<string, string> {
  override decode(_ctx: Context, message: string): string {
    return message;
  }
}

class PlainEncoder extends MessageToMessageEncoder<string, string> {
  override encode(message: string): string {
    return message;
  }
}

class PlainCodec extends MessageToMessageCodec<string, string> {
  override decode(_ctx: Context, message: string): string {
    return message;
  }

  override encode(message: string): string {
    return message;
  }
}

const misspelt = { maxBodyLenght: 10 } as object;

describe('options of classes that extend the bases', () => {
  it('takes the names that the subclass describes, and those of the base', () => {
    const decoder = new ReadingDecoder({ maxBodyLength: 10, frameTimeoutMs: false });
    expect(decoder.maxBodyLength).toBe(10);
  });

  it('refuses a misspelled one with the nearest', () => {
    expect(() => new ReadingDecoder(misspelt)).toThrow(
      'ReadingDecoder has no option maxBodyLenght (10); did you mean maxBodyLength?',
    );
  });

  it.each([PlainDecoder, PlainMessageDecoder, PlainEncoder, PlainCodec])(
    'refuses one that %o does not describe',
    (Plain) => {
      expect(() => new Plain(misspelt)).toThrow(`${Plain.name} has no option maxBodyLenght (10)`);
    },
  );

  it('has a description of each base for those of subclasses', () => {
    expect(Object.keys(MESSAGE_DECODER_OPTIONS.known)).toEqual([
      'frameErrorPolicy',
      'otherMessages',
    ]);
    expect(Object.keys(MESSAGE_ENCODER_OPTIONS.known)).toEqual(['otherMessages']);
  });
});
