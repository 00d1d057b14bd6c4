import { type GroupPosition, LastPosition } from '@headrace/client';
import { describe, expect, it } from 'vitest';

const at = (offset: number, epoch = 'one'): GroupPosition => ({ epoch, offset });
const whole = (offset: number) => ({ recovered: true, position: at(offset) });
const again = (offset: number, epoch = 'one') => ({
  recovered: false,
  position: at(offset, epoch),
});

describe('LastPosition', () => {
  it('begins without a position, and misses nothing by that', () => {
    const last = new LastPosition();
    expect(last.begin()).toBeUndefined();
    expect(last.joined(again(7))).toBe('next');
    expect(last.begin()).toEqual(at(7));
  });

  it('says the position of the last message on the next connection', () => {
    const last = new LastPosition();
    last.begin();
    last.joined(again(7));
    expect([last.take(at(8)), last.take(at(12))]).toEqual(['next', 'next']);
    expect(last.position).toEqual(at(12));
    expect(last.begin()).toEqual(at(12));
    expect(last.joined(whole(12))).toBe('next');
  });

  it('knows what came before', () => {
    const last = new LastPosition(at(5));
    last.begin();
    expect([4, 5, 6, 6].map((offset) => last.take(at(offset)))).toEqual([
      'known',
      'known',
      'next',
      'known',
    ]);
    expect(last.position).toEqual(at(6));
  });

  it('goes on where a part of what was missed came before the connection was lost', () => {
    const last = new LastPosition(at(5));
    last.begin();
    last.take(at(6));
    expect(last.begin()).toEqual(at(6));
    expect([last.take(at(7)), last.joined(whole(9)), last.take(at(10))]).toEqual([
      'next',
      'next',
      'next',
    ]);
  });

  it('has everything up to where it joined, also what was not for it', () => {
    const last = new LastPosition(at(5));
    last.begin();
    last.joined(whole(9));
    expect(last.position).toEqual(at(9));
  });

  it('reports a gap once where the log does not reach back', () => {
    const last = new LastPosition(at(5));
    last.begin();
    expect([last.joined(again(100)), last.joined(again(100))]).toEqual(['gap', 'next']);
    expect(last.begin()).toEqual(at(100));
    expect(last.joined(whole(100))).toBe('next');
  });

  it('begins again in another log, also one that is behind', () => {
    const last = new LastPosition(at(5));
    last.begin();
    expect(last.joined(again(2, 'two'))).toBe('gap');
    expect([last.take(at(3, 'two')), last.take(at(3, 'two'))]).toEqual(['next', 'known']);
  });

  it('begins again in a log that has lost its end', () => {
    const last = new LastPosition(at(5));
    last.begin();
    expect(last.joined(again(2))).toBe('gap');
    expect(last.take(at(3))).toBe('next');
  });

  it('reports a gap when the log is lost while it is connected, once', () => {
    const last = new LastPosition(at(5));
    last.begin();
    last.joined(whole(5));
    expect(['one', 'two', 'two'].map((epoch, i) => last.take(at(6 + i, epoch)))).toEqual([
      'next',
      'gap',
      'next',
    ]);
    expect(last.position).toEqual(at(8, 'two'));
  });

  it('keeps what came just before the answer', () => {
    const first = new LastPosition();
    first.begin();
    expect([first.take(at(8)), first.joined(again(7)), first.take(at(8))]).toEqual([
      'next',
      'next',
      'known',
    ]);
    const back = new LastPosition(at(5));
    back.begin();
    expect([back.take(at(101)), back.joined(again(100)), back.take(at(101))]).toEqual([
      'next',
      'gap',
      'known',
    ]);
    const moved = new LastPosition(at(5));
    moved.begin();
    expect([moved.take(at(2, 'two')), moved.joined(again(1, 'two'))]).toEqual(['gap', 'next']);
    expect(moved.position).toEqual(at(2, 'two'));
  });

  it.each([undefined, null, 'x', {}, { epoch: 1, offset: 1 }, at(-1), at(0.5), at(Number.NaN)])(
    'refuses %j of a server, and begins without it',
    (wrong) => {
      const last = new LastPosition(wrong as GroupPosition);
      expect(last.begin()).toBeUndefined();
      last.take(at(1));
      const error = expect.objectContaining({ code: 'HR_ERR_MESSAGE_INVALID' });
      expect(() => last.take(wrong as GroupPosition)).toThrow(error);
      expect(() => last.joined({ recovered: true, position: wrong as GroupPosition })).toThrow(
        error,
      );
      expect(last.position).toEqual(at(1));
    },
  );
});
