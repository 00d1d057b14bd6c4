import { StompDecoder, StompEncoder, StompFrame } from '@headrace/codec';
import { EmbeddedChannel } from '@headrace/core/testing';
import {
  type CaseResult,
  type ConformanceFamily,
  PASSED,
  sameAsExpected,
  sameAsRead,
} from '../family.ts';

interface StompEntry {
  readonly command: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly bodyHex: string;
}

interface StompCase {
  readonly messages: readonly StompEntry[];
  readonly hex: string;
  readonly decoded?: readonly StompEntry[];
}

function frameOf({ command, headers, bodyHex }: StompEntry): StompFrame {
  return new StompFrame(command as StompFrame['command'], headers, Buffer.from(bodyHex, 'hex'));
}

function entryOf({ command, headers, body }: StompFrame): StompEntry {
  return { command, headers, bodyHex: body.toString('hex') };
}

function encode(messages: readonly StompEntry[]): string {
  const channel = new EmbeddedChannel(new StompEncoder());
  channel.writeOutbound(...messages.map(frameOf));
  return messages.map(() => channel.readOutbound<Buffer>()?.toString('hex')).join('');
}

function decode(hex: string): StompEntry[] {
  const channel = new EmbeddedChannel(new StompDecoder({ maxBodyBytes: 2 ** 24 }));
  channel.writeInbound(Buffer.from(hex, 'hex'));
  const entries: StompEntry[] = [];
  for (let frame = channel.readInbound<StompFrame>(); frame !== undefined; ) {
    entries.push(entryOf(frame));
    frame = channel.readInbound<StompFrame>();
  }
  channel.finish();
  return entries;
}

function run({ messages, hex, decoded }: StompCase): CaseResult {
  const encoded = sameAsExpected(encode(messages), hex);
  return encoded === PASSED ? sameAsRead(decode(hex), messages, decoded) : encoded;
}

export const family: ConformanceFamily = { name: 'stomp', run };
