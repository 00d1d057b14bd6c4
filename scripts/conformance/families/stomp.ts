import { StompDecoder, StompEncoder, StompFrame } from '@headrace/codec';
import { decodedBy, encodedBy } from '../decoder-run.ts';
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

function run({ messages, hex, decoded }: StompCase): CaseResult {
  const encoded = sameAsExpected(encodedBy(new StompEncoder(), messages.map(frameOf)), hex);
  if (encoded !== PASSED) return encoded;
  const decoder = new StompDecoder({ maxBodyBytes: 2 ** 24 });
  const frames = decodedBy<StompFrame>(decoder, Buffer.from(hex, 'hex'));
  return sameAsRead(frames.map(entryOf), messages, decoded);
}

export const family: ConformanceFamily = { name: 'stomp', run };
