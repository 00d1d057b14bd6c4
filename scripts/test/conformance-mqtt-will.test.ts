import { describe, expect, it } from 'vitest';
import { mqtt } from '../conformance/families/mqtt.ts';

// CONNECT of MQTT 3.1.1, keep alive 9, client c, a will for the topic w with the bytes ff00, QoS 1, retained.
const hex = '101400044d515454042c000900016300017700' + '02ff00';
const connect = {
  type: 'CONNECT',
  dup: false,
  qos: 0,
  retain: false,
  protocolName: 'MQTT',
  protocolLevel: 4,
  cleanSession: false,
  keepAlive: 9,
  clientId: 'c',
};

/** Ways in which a file may write the same will. */
const WILLS: readonly Record<string, unknown>[] = [
  { willTopic: 'w', willMessageHex: 'ff00', willQos: 1, willRetain: true },
  { willFlag: true, willTopic: 'w', willPayloadHex: 'ff00', willQos: 1, isWillRetain: true },
  { will: { topic: 'w', messageHex: 'ff00', qos: 1, retain: true } },
  { will: { topic: 'w', hex: 'ff00', qos: 1, retain: true } },
];

function outcome(will: Record<string, unknown>): string {
  return mqtt({ messages: [{ ...connect, ...will }], hex }).outcome;
}

describe('a will in the vectors of MQTT', () => {
  it.each(WILLS.map((will) => [JSON.stringify(will), will] as const))(
    'is read: %s',
    (_text, will) => {
      expect(outcome(will)).toBe('passed');
      const lie = JSON.parse(JSON.stringify(will).replace('ff00', 'ff01'));
      expect(outcome(lie)).toBe('failed');
      expect(outcome(JSON.parse(JSON.stringify(will).replace('"w"', '"v"')))).toBe('failed');
      expect(outcome({})).toBe('failed');
    },
  );

  it('with a field that nobody knows is a failure', () => {
    expect(() => outcome({ ...WILLS[0], willDelay: 3 })).toThrow(/willDelay|Delay/);
  });

  it('may be written as none', () => {
    const plain = '100d00044d515454040000090001' + '63';
    for (const none of [{}, { willFlag: false, willQos: 0, willRetain: false }]) {
      const messages = [{ ...connect, ...none }];
      expect(mqtt({ messages, hex: plain }).outcome).toBe('passed');
    }
  });
});
