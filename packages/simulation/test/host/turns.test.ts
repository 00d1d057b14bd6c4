import { Bootstrap, type Channel, type Clock, ServerBootstrap } from '@headrace/core';
import { Simulation } from '@headrace/simulation';
import { describe, expect, it } from 'vitest';

const BUDGET_MS = 2;

describe('turns of simulated processes', () => {
  it('are shared by the channels of one process, and not by those of another machine', async () => {
    const simulation = new Simulation({ seed: 1 });
    const clocks: Clock[] = [];
    for (const name of ['one', 'other'])
      simulation.host(name, (host) => void clocks.push(host.clock));
    await simulation.run({ untilMs: 1 });
    const [one, other] = clocks as [Clock, Clock];
    expect(one.turns.endOfShare(5, BUDGET_MS)).toBe(7);
    expect(one.turns.endOfShare(6.9, BUDGET_MS)).toBe(6.9 + BUDGET_MS / 4);
    expect(other.turns.endOfShare(6.9, BUDGET_MS)).toBe(6.9 + BUDGET_MS);
  });

  it('come after what happens at the same time, and not after the end of the process', async () => {
    const simulation = new Simulation({ seed: 1 });
    const log: string[] = [];
    simulation.host('host', ({ clock }) => {
      clock.nextTurn(() => log.push('turn'));
      clock.execute(() => log.push('task'));
      void Promise.resolve().then(() => log.push('promise'));
      clock.schedule(() => clock.nextTurn(() => log.push('too late')), 5);
    });
    simulation.at(5, () => simulation.stop('host'));
    await simulation.run({ untilMs: 10 });
    expect(log).toEqual(['task', 'promise', 'turn']);
  });

  it('let a process that stood still read before its late timers run, which are due first', async () => {
    const simulation = new Simulation({ seed: 1 });
    const log: string[] = [];
    simulation.host('server', async (host) => {
      const { clock } = host;
      const cancelled = clock.schedule(() => log.push('cancelled'), 100);
      clock.schedule(() => log.push('late'), 100);
      clock.deadlines.schedule(() => log.push('late deadline'), 100);
      await new ServerBootstrap()
        .childOptions(host.options)
        .childHandler(({ pipeline }) =>
          pipeline.addLast({
            channelRead: () => {
              log.push('input');
              cancelled.cancel();
            },
          }),
        )
        .bind({ network: host, port: 7 });
    });
    let channel: Channel | undefined;
    simulation.host('client', async (host) => {
      const to = { network: host, host: 'server', port: 7 };
      channel = await new Bootstrap()
        .options(host.options)
        .handler(() => {})
        .connect(to);
    });
    simulation.at(50, () => simulation.freeze('server'));
    simulation.at(60, () => void channel!.writeAndFlush(Buffer.from('in time')));
    simulation.at(500, () => simulation.thaw('server'));
    await simulation.run({ untilMs: 1000 });
    expect(log).toEqual(['input', 'late', 'late deadline']);
  });
});
