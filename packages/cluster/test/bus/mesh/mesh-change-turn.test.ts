import { describe, expect, it } from 'vitest';
import { ChangeTurn } from '../../../src/bus/mesh/mesh-change-turn.ts';
import { notNow, type Outcome } from '../../../src/bus/mesh/mesh-requests.ts';
import type { StateAnswer } from '../../../src/log/state-log.ts';

const STORED: StateAnswer = { position: { epoch: 'e', offset: 1 } };

/** Changes of a turn, and what became of them. */
class Changes {
  readonly given: Outcome<StateAnswer>[] = [];
  readonly said: string[] = [];
  private readonly turn = new ChangeTurn(1);

  give(keeper: object): void {
    const number = this.said.push('waits') - 1;
    const became = (word: string) => () => void this.said.splice(number, 1, word);
    const outcome = { done: became('stored'), failed: became('refused') };
    this.turn.give(keeper, outcome, (ordered) => this.given.push(ordered));
  }
}

describe('the changes of a writer', () => {
  const [one, other] = [{}, {}];

  it('are all refused after one that was refused, but those before it can be stored', () => {
    const changes = new Changes();
    for (let i = 0; i < 3; i++) changes.give(one);
    changes.given[1]!.failed(notNow('full'));
    changes.give(one);
    changes.given[0]!.done(STORED);
    expect(changes.said).toEqual(['stored', 'refused', 'waits', 'refused']);
    expect(changes.given.length).toBe(3);
  });

  it('go to another keeper only when the first one has answered', () => {
    const changes = new Changes();
    changes.give(one);
    changes.given[0]!.done(STORED);
    changes.give(other);
    changes.give(one);
    expect(changes.said).toEqual(['stored', 'waits', 'refused']);
  });
});
