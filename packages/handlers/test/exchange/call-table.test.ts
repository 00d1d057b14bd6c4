import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CallTable, type TableCall } from '../../src/exchange/call-table.ts';

interface Named extends TableCall {
  readonly name: string;
  readonly isCall: boolean;
}

const entry = (name: string, isCall = true): Named => ({ name, isCall, id: 0, isQueued: false });
const isCall = (one: Named): boolean => one.isCall;
const tableOf = (maxInFlight: number, maxQueued: number, lastId?: number): CallTable<Named> =>
  new CallTable<Named>({ maxInFlight, maxQueued }, lastId);

describe('CallTable', () => {
  it('sends up to maxInFlight calls, queues up to maxQueued, refuses the rest', () => {
    const table = tableOf(2, 1);
    const admissions = ['a', 'b', 'c', 'd'].map((name) => {
      const call = entry(name);
      const admission = table.admit(call, true);
      if (admission === 'send') table.launch(call);
      return admission;
    });
    expect(admissions).toEqual(['send', 'send', 'wait', 'refuse']);
    expect([table.inFlight, table.queued]).toEqual([2, 1]);
  });

  it('queues while nothing can be sent, and sends in order later', () => {
    const table = tableOf(2, 10);
    for (const name of ['a', 'b', 'c']) expect(table.admit(entry(name), false)).toBe('wait');
    const sent: string[] = [];
    for (let next = table.next(isCall); next !== undefined; next = table.next(isCall)) {
      table.launch(next);
      sent.push(next.name);
    }
    expect([sent, table.queued]).toEqual([['a', 'b'], 1]);
  });

  it('lets nothing overtake what waits, and a notice pass though no call may', () => {
    const table = tableOf(1, 10);
    const first = entry('first');
    table.admit(first, true);
    table.launch(first);
    expect(table.admitNotice(entry('notice before', false), true)).toBe('send');
    expect(table.admit(entry('second'), true)).toBe('wait');
    expect(table.admitNotice(entry('notice after', false), true)).toBe('wait');
    expect(table.next(isCall)).toBeUndefined();
    expect(table.answered(first.id)).toBe(first);
    expect(table.next(isCall)?.name).toBe('second');
    expect(table.next(isCall)?.name).toBe('notice after');
  });

  it('counts late answers and unknown ones', () => {
    const table = tableOf(10, 10);
    const call = entry('a');
    table.launch(call);
    expect(table.giveUp(call)).toBe(true);
    expect(table.giveUp(call)).toBe(false);
    for (const id of [1, 1, 2, 0, -1, 1.5, '1', Number.NaN, null]) table.answered(id);
    expect([table.late, table.unknown]).toEqual([2, 7]);
  });

  it('begins ids anew after the last one, and leaves out those in flight', () => {
    const table = tableOf(10, 10, 0xffff_fffd);
    const ids = ['a', 'b'].map((name) => table.launch(entry(name)));
    const old = tableOf(10, 10, 0xffff_ffff);
    old.launch(entry('1'));
    expect([...ids, table.launch(entry('c'))]).toEqual([0xffff_fffe, 0xffff_ffff, 1]);
    const kept = tableOf(10, 10, 0xffff_fffe);
    for (const name of ['a', 'b', 'c']) kept.launch(entry(name));
    // As if four thousand million calls had come and gone since.
    Object.assign(kept, { lastId: 0xffff_fffe });
    expect(kept.launch(entry('d'))).toBe(3);
    kept.answered(0xffff_fff0);
    expect([kept.late, kept.unknown]).toEqual([1, 0]);
  });

  it('a call that waits is given up without the peer', () => {
    const table = tableOf(1, 10);
    const call = entry('a');
    table.admit(call, false);
    expect(table.giveUp(call)).toBe(false);
    expect([table.queued, table.isBusy, call.isQueued]).toEqual([0, false, false]);
  });

  it('agrees with a model: each call is settled once, in flight or queued or neither', () => {
    const step = fc.oneof(
      fc.constant({ do: 'call' } as const),
      fc.constant({ do: 'notice' } as const),
      fc.constant({ do: 'pump' } as const),
      fc.record({ do: fc.constant('answer' as const), which: fc.nat(20) }),
      fc.record({ do: fc.constant('giveUp' as const), which: fc.nat(20) }),
      fc.constant({ do: 'lose' } as const),
    );
    const steps = fc.array(step, { maxLength: 150 });
    fc.assert(
      fc.property(steps, fc.integer({ min: 1, max: 4 }), fc.nat(4), (all, inFlight, queued) => {
        const table = tableOf(inFlight, queued);
        const open: Named[] = [];
        const order: number[] = [];
        let serial = 0;
        const launch = (call: Named): void => {
          order.push(Number(call.name));
          if (call.isCall) table.launch(call);
        };
        for (const one of all) {
          if (one.do === 'call' || one.do === 'notice') {
            const call = entry(`${serial}`, one.do === 'call');
            serial += 1;
            const admission = call.isCall ? table.admit(call, true) : table.admitNotice(call, true);
            if (admission === 'send') launch(call);
            if (admission !== 'refuse' && call.isCall) open.push(call);
          } else if (one.do === 'answer') {
            const call = open[one.which];
            const isInFlight = call !== undefined && call.id !== 0;
            expect(table.answered(call?.id ?? 1e6)).toBe(isInFlight ? call : undefined);
            if (isInFlight) open.splice(one.which, 1);
          } else if (one.do === 'giveUp') {
            const [call] = open.splice(one.which, 1);
            if (call !== undefined) expect(table.giveUp(call)).toBe(call.id !== 0);
          } else if (one.do === 'lose') {
            const lost = [...table.takeSent(), ...table.takeQueued().filter(isCall)];
            expect(new Set(lost)).toEqual(new Set(open.splice(0)));
            expect(table.isBusy).toBe(false);
          }
          for (let next = table.next(isCall); next !== undefined; next = table.next(isCall)) {
            launch(next);
          }
          expect(table.inFlight).toBeLessThanOrEqual(inFlight);
          expect(table.queued).toBeLessThanOrEqual(queued);
          expect(table.inFlight).toBe(open.filter(({ id }) => id !== 0).length);
        }
        expect(order).toEqual([...order].sort((a, b) => a - b));
      }),
    );
  });
});
