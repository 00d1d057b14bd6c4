import { describe, expect, it } from 'vitest';
import { TextMessage } from '../../src/index.ts';

describe('TextMessage', () => {
  it('is its text, given as text or as bytes', () => {
    expect(String(new TextMessage('grüß'))).toBe('grüß');
    expect(String(new TextMessage(Buffer.from('grüß')))).toBe('grüß');
    expect(String(TextMessage.of('a'.repeat(10_000)))).toBe('a'.repeat(10_000));
  });

  it('has the length of its UTF-8, given as text or as bytes', () => {
    expect(new TextMessage('grüß').byteLength).toBe(6);
    expect(new TextMessage(Buffer.from('grüß')).byteLength).toBe(6);
    expect(TextMessage.of('ü'.repeat(10_000)).byteLength).toBe(20_000);
  });
});
