import { describe, expect, it } from 'vitest';
import { DirectoryMachine } from '../../src/node/directory-machine.ts';

const TIMES = { suspectMs: 3000, goneMs: 5000, forgetMs: 60_000 };

describe('DirectoryMachine', () => {
  it('lists a node from its first heartbeat on, not from the first message that came before it', () => {
    const machine = new DirectoryMachine(TIMES);
    const status = { state: 'ready', address: undefined, connections: 0, load: 0 } as const;
    expect(machine.noteActivity('early', 0)).toBe(true);
    expect(machine.list()).toEqual([]);
    expect(machine.get('early')).toBeUndefined();
    machine.heard('early', { ...status, roles: [], nonce: 'n' }, 10);
    expect(machine.list()).toEqual([{ id: 'early', life: 'alive', ...status, roles: [] }]);
  });

  it('forgets invented nodes first: a real one is seen at its first heartbeat, and stays', () => {
    const machine = new DirectoryMachine(TIMES);
    const status = { state: 'ready', address: undefined, connections: 0, load: 0 } as const;
    const beat = { ...status, roles: [], nonce: 'n' };
    for (const now of [0, 1000]) machine.heard('real', beat, now);
    for (let i = 0; i < 12_000; i++) machine.heard(`invented-${i}`, beat, 1000);
    const actions = machine.heard('late', beat, 1500);
    expect(actions.map((action) => action.do)).toEqual(['left', 'forgotten', 'joined']);
    machine.heard('late', beat, 2500);
    for (let i = 0; i < 12_000; i++) machine.heard(`more-${i}`, beat, 2600);
    expect([machine.isAlive('real'), machine.isAlive('late')]).toEqual([true, true]);
    expect(machine.list().length).toBe(10_000);
  });

  it('drops a node at once whose end was published for it, as one that is gone', () => {
    const machine = new DirectoryMachine(TIMES);
    const status = { state: 'ready', address: undefined, connections: 3, load: 0 } as const;
    const beat = { ...status, roles: [], nonce: 'n' };
    machine.heard('killed', beat, 0);
    const end = { ...beat, state: 'left', connections: 0, isGone: true } as const;
    expect(machine.heard('killed', end, 10)).toEqual([
      {
        do: 'left',
        reason: 'node-gone',
        node: { id: 'killed', life: 'gone', ...status, roles: [] },
      },
      { do: 'forgotten', id: 'killed' },
    ]);
    expect(machine.heard('killed', end, 20)).toEqual([]);
    expect(machine.list()).toEqual([]);
  });

  it('remembers at most 10,000 nodes that sent no heartbeat, until they are silent for a minute', () => {
    const machine = new DirectoryMachine(TIMES);
    for (let i = 0; i < 10_000; i++) expect(machine.noteActivity(`invented-${i}`, 0)).toBe(true);
    expect([machine.noteActivity('one more', 0), machine.isAlive('one more')]).toEqual([
      false,
      false,
    ]);
    expect(machine.noteActivity('invented-0', 0)).toBe(true);
    machine.look(TIMES.goneMs);
    machine.look(TIMES.forgetMs);
    expect([machine.isAlive('invented-0'), machine.noteActivity('one more', 60_000)]).toEqual([
      false,
      true,
    ]);
  });

  it('that stood still does not count that time as silence of other nodes', () => {
    const machine = new DirectoryMachine(TIMES);
    const status = { state: 'ready', address: undefined, connections: 0, load: 0 } as const;
    machine.heard('gone', { ...status, roles: [], nonce: 'n' }, 0);
    // The same two seconds, counted twice.
    machine.suspended(2000, 2000);
    machine.suspended(2000, 2000);
    machine.look(2000 + TIMES.goneMs - 1);
    expect(machine.isAlive('gone')).toBe(true);
    machine.look(2000 + TIMES.goneMs);
    expect(machine.isAlive('gone')).toBe(false);
  });
});
