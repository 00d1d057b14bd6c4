import { Buffer } from 'node:buffer';
import { describe, expect, it } from 'vitest';
import {
  FRAME,
  messageFrame,
  readMessage,
  readSubjects,
  subjectFrames,
} from '../../src/mesh/mesh-frame.ts';

function subjectsOf(frames: Iterable<Buffer>): string[] {
  const subjects: string[] = [];
  for (const frame of frames) readSubjects(frame, (subject) => subjects.push(subject));
  return subjects;
}

describe('the frames of a mesh', () => {
  it('carry any subjects, in frames that stay short', () => {
    const subjects = ['', 'é', ...Array.from({ length: 5000 }, (_, at) => `subject ${at}`)];
    const frames = [...subjectFrames(FRAME.subscribe, subjects)];
    expect(subjectsOf(frames)).toEqual(subjects);
    expect(frames.length).toBe(3);
    for (const frame of frames) expect(frame.byteLength).toBeLessThan(33 * 1024);
    expect([...subjectFrames(FRAME.subscribe, [])]).toEqual([]);
  });

  it('carry a message with its subject', () => {
    const { subject, bytes } = readMessage(messageFrame('hr.é', Buffer.from([0, 255])));
    expect([subject, ...bytes]).toEqual(['hr.é', 0, 255]);
  });

  it('are refused when they were cut', () => {
    const message = messageFrame('room', Buffer.alloc(0));
    const [subjects] = subjectFrames(FRAME.subscribe, ['room']);
    for (let length = 1; length < message.byteLength; length += 1) {
      expect(() => readMessage(message.subarray(0, length))).toThrow(RangeError);
    }
    for (let length = 2; length < subjects!.byteLength; length += 1) {
      expect(() => subjectsOf([subjects!.subarray(0, length)])).toThrow(RangeError);
    }
  });
});
