import { recognizeCopies } from '@headrace/core/authoring';
import { describe, expect, it } from 'vitest';

/** Each call is a copy of the module that has the class. */
function loadCopy(name: string) {
  class MovedEvent {
    static {
      recognizeCopies(MovedEvent, name);
    }

    readonly to = 'here';
  }
  return MovedEvent;
}

describe('recognizeCopies', () => {
  const One = loadCopy('test.MovedEvent');
  const Other = loadCopy('test.MovedEvent');
  class Subclass extends One {}

  it('makes an instance of one copy an instance of the other', () => {
    expect([new One() instanceof Other, new Other() instanceof One]).toEqual([true, true]);
    expect(new Subclass() instanceof Other).toBe(true);
  });

  it('leaves subclasses what they are', () => {
    expect([new One() instanceof Subclass, new Other() instanceof Subclass]).toEqual([
      false,
      false,
    ]);
    expect(new Subclass() instanceof Subclass).toBe(true);
  });

  it('keeps classes of other names apart', () => {
    expect(new (loadCopy('test.OtherEvent'))() instanceof One).toBe(false);
  });

  it.each([undefined, null, 'text', {}])('does not take %s for one', (value) => {
    expect((value as unknown) instanceof One).toBe(false);
  });

  it('does not show in the event', () => {
    expect(new One()).toEqual({ to: 'here' });
    expect(Reflect.ownKeys(new One())).toEqual(['to']);
  });
});
