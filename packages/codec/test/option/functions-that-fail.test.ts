import { CborCodec } from '@headrace/codec/cbor';
import { MsgpackCodec } from '@headrace/codec/msgpack';
import type { Handler } from '@headrace/core';
import { EmbeddedChannel } from '@headrace/core/testing';
import { expect } from 'vitest';
import {
  type Attempt,
  describeFunctions,
  type Failing,
} from '../../../core/test/fixture/function-options.ts';
import {
  JsonCodec,
  JsonDecoder,
  ProxyProtocolDecoder,
  type StandardSchema,
} from '../../src/index.ts';

/** What stands for a message is neither passed on nor trusted. */
function reading(make: (fails: Failing) => Handler, bytes: Buffer): Attempt {
  return (fails, errors) => {
    const channel = new EmbeddedChannel(make(fails));
    try {
      channel.checkException();
    } catch (error) {
      errors.push((error as Error).message);
    }
    try {
      if (channel.isOpen) channel.writeInbound(bytes);
    } catch (error) {
      errors.push(`${(error as Error).message} ${String((error as Error).cause)}`);
    }
    expect(errors).not.toEqual([]);
    expect(channel.readInbound()).toBeUndefined();
  };
}

const schemaOf = (validate: Failing): StandardSchema => ({
  '~standard': { version: 1, vendor: 'test', validate },
});

describeFunctions(new URL('../../src/', import.meta.url), {
  'JsonCodec schema': reading(
    (fails) => new JsonCodec({ schema: schemaOf(fails) }),
    Buffer.from('1'),
  ),
  'JsonDecoder schema': reading(
    (fails) => new JsonDecoder({ schema: schemaOf(fails) }),
    Buffer.from('1'),
  ),
  'MsgpackCodec schema': reading(
    (fails) => new MsgpackCodec({ schema: schemaOf(fails) }),
    Buffer.of(1),
  ),
  'CborCodec schema': reading((fails) => new CborCodec({ schema: schemaOf(fails) }), Buffer.of(1)),
  'ProxyProtocolDecoder trusted': reading(
    (trusted) => new ProxyProtocolDecoder({ trusted }),
    Buffer.from('PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\nmore'),
  ),
});
