import { Simulation } from '@headrace/simulation';
import { expect, it } from 'vitest';
import { connectionServer, exchangeDatagrams, packetServer } from '../src/many-processes-udp.ts';

it.each(['packets', 'connections'] as const)(
  'answers each datagram, by %s, and is asked again where one is lost',
  async (kind) => {
    for (let seed = 1; seed <= 10; seed++) {
      const sim = new Simulation({ seed });
      const lines: string[] = [];
      const answered: boolean[] = [];
      sim.host('server', async (host) => {
        const place = { port: 9502, network: host };
        if (kind === 'packets') await packetServer().options(host.options).bind(place);
        else await connectionServer({ ...place, clock: host.clock }, host.options);
      });
      sim.host('client', async (host) => {
        const place = { host: 'server', port: 9502, network: host };
        answered.push(
          await exchangeDatagrams(place, (line) => void lines.push(line), host.options),
        );
      });
      sim.link('client', 'server').datagrams({ loss: 0.2 });
      await sim.run({ untilMs: 10_000 });
      if (answered[0]) expect(new Set(lines)).toEqual(new Set(['Server: hello world']));
      expect([seed, answered]).toEqual([seed, [lines.length > 0]]);
    }
  },
);
