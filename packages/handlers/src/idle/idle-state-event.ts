import { recognizeCopies } from '@headrace/core/authoring';

/** The idle direction: reading, writing, or both. */
export type IdleState = 'reader' | 'writer' | 'all';

/** An event of the IdleStateHandler that reports a period without reads, without writes, or without both. */
export class IdleStateEvent {
  static {
    recognizeCopies(IdleStateEvent, 'headrace.IdleStateEvent');
  }

  readonly state: IdleState;
  /** Whether this is the first event since the last activity. It is false for each further full period without activity. */
  readonly first: boolean;

  private constructor(state: IdleState, first: boolean) {
    this.state = state;
    this.first = first;
    Object.freeze(this);
  }

  private static readonly all = {
    reader: [new IdleStateEvent('reader', false), new IdleStateEvent('reader', true)],
    writer: [new IdleStateEvent('writer', false), new IdleStateEvent('writer', true)],
    all: [new IdleStateEvent('all', false), new IdleStateEvent('all', true)],
  } as const;

  /** Returns the event, one instance for each kind. */
  static of(state: IdleState, first: boolean): IdleStateEvent {
    return IdleStateEvent.all[state][first ? 1 : 0];
  }
}
