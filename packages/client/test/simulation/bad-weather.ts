import type { Simulation } from '@headrace/simulation';

/** Every kind of fault, many a minute and short, between the hosts `client` and `server`, until a time. */
export function badWeather(sim: Simulation, untilMs: number): void {
  const forMs = { minMs: 50, maxMs: 2000 };
  sim.chaos({ partition: 25, reset: 30, slow: 10, forMs, untilMs });
  sim.chaos({ crash: 15, stop: 15, freeze: 15, hosts: ['server'], forMs, untilMs });
  sim.chaos({ freeze: 10, hosts: ['client'], forMs, untilMs });
}
